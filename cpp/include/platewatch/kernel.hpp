// The comparison of one read with many keys, once for each instruction set; all kernels give equal results.
//
// The fastest one that the machine has is chosen on first use; PLATEWATCH_KERNEL=serial|haswell|icelake
// forces one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "platewatch/key.hpp"

namespace platewatch {

// Kernels read whole vectors: an array of keys that they scan goes on for so many more readable keys.
inline constexpr std::size_t kKernelPadding = 7;
inline constexpr std::size_t kKernelBlock = 64;

struct Kernel {
    const char* name;
    bool (*supported)() noexcept;

    // Bit i is set if keys[i] is within k edits of the read, for i < count; the bits above are 0.
    // Precondition: count <= kKernelBlock, k <= kMaxEdits, kKernelPadding keys are readable behind the last.
    std::uint64_t (*within)(const Key8* keys, std::size_t count, Key8 read, unsigned k) noexcept;
};

// The kernels of this build, slowest first; `supported` says which of them this machine can run.
[[nodiscard]] std::span<const Kernel> kernels() noexcept;

// The kernel in use. Throws std::invalid_argument if PLATEWATCH_KERNEL names none that this machine can run.
[[nodiscard]] const Kernel& active_kernel();

}  // namespace platewatch
