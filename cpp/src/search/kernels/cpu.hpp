// What x86 can do, asked of the processor itself: Clang as zig brings it answers no to all
// __builtin_cpu_supports.
#pragma once
#if defined(__x86_64__)

#include <cpuid.h>

#include <cstdint>

namespace platewatch::cpu {

// Bits of EBX of leaf 7.
inline constexpr std::uint32_t kAvx2 = 1U << 5, kBmi2 = 1U << 8, kAvx512f = 1U << 16, kAvx512cd = 1U << 28,
                               kAvx512bw = 1U << 30;
// Bits of XCR0: what the system keeps of a thread's registers.
inline constexpr std::uint32_t kKeepsAvx = 0x6, kKeepsAvx512 = 0xE6;

// Whether the processor has all those features, and the system keeps such registers.
[[nodiscard]] inline bool has(std::uint32_t features, std::uint32_t kept) noexcept {
    constexpr std::uint32_t kTellsWhatIsKept = 1U << 27;
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0 || (ecx & kTellsWhatIsKept) == 0) return false;
    std::uint32_t low = 0, high = 0;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & kept) != kept) return false;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (ebx & features) == features;
}

}  // namespace platewatch::cpu

#endif
