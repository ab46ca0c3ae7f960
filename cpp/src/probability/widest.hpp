// Runs what adds and multiplies whole Levels with the widest vectors that the machine has: one operation
// where the baseline of x86 takes two. The same operations in the same order, without contraction: the
// results are equal to the last bit.
#pragma once

#include "platewatch/search/kernel.hpp"

// For all that such work calls, as code takes the instructions of what it is inlined into.
#ifdef PLATEWATCH_SMALL
#define PLATEWATCH_INLINE inline
#define PLATEWATCH_INLINED
#else
#define PLATEWATCH_INLINE [[gnu::always_inline]] inline
#define PLATEWATCH_INLINED __attribute__((always_inline))
#endif

namespace platewatch {

#if defined(__x86_64__) && !defined(PLATEWATCH_SMALL)
// All kernels but the slowest use them.
[[nodiscard]] inline bool has_wide_vectors() { return &active_kernel() != kernels().front(); }

template <class Work>
[[gnu::target("avx2"), gnu::noinline]] double with_wide_vectors(const Work& work) {
    return work();
}
#endif

// `work()` is a double; it must be a lambda that is always inlined.
template <class Work>
double with_widest(const Work& work) {
#if defined(__x86_64__) && !defined(PLATEWATCH_SMALL)
    if (has_wide_vectors()) return with_wide_vectors(work);
#endif
    return work();
}

}  // namespace platewatch
