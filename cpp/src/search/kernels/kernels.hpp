// What each kernel file defines, and the regions that let a compiler use an instruction set in part of a
// file.
//
// Regions, never -m flags for a whole file: an inline function of such a file could replace the baseline's
// copy when linked, and be an illegal instruction on an older machine.
#pragma once

#include <algorithm>
#include <bit>

#include "platewatch/search/distance.hpp"
#include "platewatch/search/kernel.hpp"

#define PLATEWATCH_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define PLATEWATCH_TARGET_BEGIN(features) \
    PLATEWATCH_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define PLATEWATCH_TARGET_END PLATEWATCH_PRAGMA(clang attribute pop)
#else
#define PLATEWATCH_TARGET_BEGIN(features) \
    PLATEWATCH_PRAGMA(GCC push_options) PLATEWATCH_PRAGMA(GCC target(features))
#define PLATEWATCH_TARGET_END PLATEWATCH_PRAGMA(GCC pop_options)
#endif

namespace platewatch {

extern const Kernel kSerialKernel;
#if defined(__x86_64__)
extern const Kernel kHaswellKernel;
extern const Kernel kIcelakeKernel;
#elif defined(__aarch64__)
extern const Kernel kNeonKernel;
#endif

}  // namespace platewatch
