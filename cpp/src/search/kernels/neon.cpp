// Two keys at a time: NEON, which every AArch64 machine has.
#if defined(__aarch64__)

#include <arm_neon.h>

#include "kernels.hpp"

namespace platewatch {
namespace neon {
namespace {

struct Vector {
    static constexpr std::size_t kLanes = 2;

    uint64x2_t lanes;

    static Vector load(const Key8* keys) noexcept { return {vld1q_u64(keys)}; }
    static Vector broadcast(Key8 value) noexcept { return {vdupq_n_u64(value)}; }
    static Vector count(std::uint64_t n) noexcept { return broadcast(n); }
    // USHL takes a lane's low byte as a signed count: 64 to 127 give 0, and so do 128 to 191, which are
    // negative and shift right by 64 at least. That is as much as within.hpp asks for.
    [[nodiscard]] Vector shifted(Vector bits) const noexcept {
        return {vshlq_u64(lanes, vreinterpretq_s64_u64(bits.lanes))};
    }
    [[nodiscard]] Vector shifted(std::uint32_t bits) const noexcept {
        return shifted(broadcast(static_cast<Key8>(bits)));
    }
    [[nodiscard]] Vector common_bits() const noexcept {
        // Leading zeros are counted in halves at most. If the upper half differs, the lower one is made to
        // differ at once, so that the sum is right.
        const uint32x4_t halves = vreinterpretq_u32_u64(lanes);
        const uint64x2_t differs = vreinterpretq_u64_u32(vtstq_u32(halves, halves));
        const uint64x2_t marked = vorrq_u64(lanes, vshrq_n_u64(differs, 32));
        const uint64x2_t bits = vpaddlq_u32(vclzq_u32(vreinterpretq_u32_u64(marked)));
        return {vbicq_u64(bits, vdupq_n_u64(7))};
    }
    [[nodiscard]] std::uint64_t at_most(unsigned symbols) const noexcept {
        const uint8x16_t one_each = vminq_u8(vreinterpretq_u8_u64(lanes), vdupq_n_u8(1));
        const uint64x2_t other = vpaddlq_u32(vpaddlq_u16(vpaddlq_u8(one_each)));
        const uint64x2_t few = vcleq_u64(other, vdupq_n_u64(symbols));
        return vaddvq_u64(vandq_u64(few, vcombine_u64(vcreate_u64(1), vcreate_u64(2))));
    }
};

inline Vector operator^(Vector a, Vector b) noexcept { return {veorq_u64(a.lanes, b.lanes)}; }
inline Vector operator+(Vector a, Vector b) noexcept { return {vaddq_u64(a.lanes, b.lanes)}; }
// Lanes are counts of bits, below 2^31: as 32-bit numbers they have a maximum of their own.
inline Vector max(Vector a, Vector b) noexcept {
    return {vreinterpretq_u64_u32(vmaxq_u32(vreinterpretq_u32_u64(a.lanes), vreinterpretq_u32_u64(b.lanes)))};
}

struct Zeros {
    uint64x2_t found;

    static Zeros none() noexcept { return {vdupq_n_u64(0)}; }
    void add(Vector a) noexcept { found = vorrq_u64(found, vceqzq_u64(a.lanes)); }
    [[nodiscard]] std::uint64_t mask() const noexcept {
        const uint64x2_t bits = vcombine_u64(vcreate_u64(1), vcreate_u64(2));
        return vaddvq_u64(vandq_u64(found, bits));
    }
};

struct Different {
    uint8x16_t bytes;  // 0: not of them

    [[nodiscard]] std::uint64_t at_most(unsigned n) const noexcept {
        return vaddvq_u8(vminq_u8(bytes, vdupq_n_u8(1))) <= n ? 1 : 0;
    }
};

inline Different operator&(Different a, Different b) noexcept { return {vminq_u8(a.bytes, b.bytes)}; }

struct Wide {
    static constexpr std::size_t kKeys = 1;

    uint8x16_t bytes;

    static Wide load(const Key16* keys) noexcept {
        return {vld1q_u8(reinterpret_cast<const std::uint8_t*>(keys))};
    }
    static Wide broadcast(Key16 value) noexcept { return load(&value); }
    [[nodiscard]] Different different(Wide other) const noexcept { return {veorq_u8(bytes, other.bytes)}; }
};

#include "wide.hpp"
#include "within.hpp"

}  // namespace
}  // namespace neon

const Kernel kNeonKernel{"neon", []() noexcept { return true; }, &neon::scan, &neon::scan_replaced,
                         &neon::scan_wide};

}  // namespace platewatch

#endif
