// The comparison of reads with runs of keys, once for each instruction set; all kernels give equal results.
//
// The fastest one that the machine has is chosen on first use; PLATEWATCH_KERNEL=serial|haswell|icelake|neon
// forces one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "platewatch/search/key.hpp"

namespace platewatch {

// Kernels read whole vectors, and two at least: an array of keys that they scan goes on for so many more
// readable keys.
inline constexpr std::size_t kKernelPadding = 15;
inline constexpr std::size_t kKernelBlock = 64;

// What is left of a read to compare with what is left of `count` keys, once `skip` symbols of each key are
// known to be dealt with.
template <class Key>
struct Scan {
    const Key* keys;
    Key read;
    std::uint32_t count;
    std::uint32_t skip;  // <= kKeySymbols<Key>
    std::uint32_t tag;   // the caller's
};

// Called for each block of up to kKernelBlock keys that holds some within the allowed edits: bit i stands for
// scan.keys[first + i].
template <class Key>
using Found = void (*)(void* context, const Scan<Key>& scan, std::uint32_t first, std::uint64_t mask);

// Precondition: k <= kMaxEdits; kKernelPadding keys are readable behind each scan's last.
template <class Key>
using ScanFunction = void (*)(const Scan<Key>* scans, std::size_t size, unsigned k, Found<Key> found,
                              void* context);

struct Kernel {
    const char* name;
    bool (*supported)() noexcept;
    ScanFunction<Key8> scan;           // Levenshtein's edits
    ScanFunction<Key8> scan_replaced;  // symbol by symbol: those that differ, the padding too
    ScanFunction<Key16> scan_wide;

    template <class Key>
    [[nodiscard]] ScanFunction<Key> scan_of() const noexcept {
        if constexpr (std::is_same_v<Key, Key8>) {
            return scan;
        } else {
            return scan_wide;
        }
    }
};

// The kernels of this build, slowest first; `supported` says which of them this machine can run.
[[nodiscard]] std::span<const Kernel* const> kernels() noexcept;

// The kernel in use. Throws std::invalid_argument if PLATEWATCH_KERNEL names none that this machine can run.
[[nodiscard]] const Kernel& active_kernel();

}  // namespace platewatch
