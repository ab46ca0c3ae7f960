// Four keys at a time: AVX2.
#if defined(__x86_64__)

#include <immintrin.h>

#include "cpu.hpp"
#include "kernels.hpp"

PLATEWATCH_TARGET_BEGIN("avx2,bmi2")
namespace platewatch::haswell {
namespace {

// AVX2 counts no zeros, but those behind the lowest bit are soon made ones: so the first symbol of a key is
// in the lowest byte here, and what the others shift to the left is shifted to the right.
struct Vector {
    static constexpr std::size_t kLanes = 4;

    __m256i lanes;

    static Vector load(const Key8* keys) noexcept {
        const __m256i loaded = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(keys));
        const __m256i turned =
            _mm256_set_epi64x(0x08090A0B0C0D0E0F, 0x0001020304050607, 0x08090A0B0C0D0E0F, 0x0001020304050607);
        return {_mm256_shuffle_epi8(loaded, turned)};
    }
    static Vector broadcast(Key8 key) noexcept { return count(__builtin_bswap64(key)); }
    static Vector count(std::uint64_t n) noexcept { return {_mm256_set1_epi64x(static_cast<long long>(n))}; }
    [[nodiscard]] Vector shifted(Vector bits) const noexcept {
        return {_mm256_srlv_epi64(lanes, bits.lanes)};
    }
    [[nodiscard]] Vector shifted(std::uint32_t bits) const noexcept {
        return {_mm256_srl_epi64(lanes, _mm_cvtsi32_si128(static_cast<int>(bits)))};
    }
    [[nodiscard]] Vector common_bits() const noexcept {
        const __m256i below = _mm256_andnot_si256(lanes, _mm256_add_epi64(lanes, _mm256_set1_epi64x(-1)));
        const __m256i whole = _mm256_and_si256(below, _mm256_set1_epi8(static_cast<char>(0x80)));
        return {_mm256_srli_epi64(_mm256_sad_epu8(whole, _mm256_setzero_si256()), 4)};
    }
    [[nodiscard]] std::uint64_t at_most(unsigned symbols) const noexcept {
        const __m256i other =
            _mm256_sad_epu8(_mm256_min_epu8(lanes, _mm256_set1_epi8(1)), _mm256_setzero_si256());
        const __m256i few = _mm256_cmpgt_epi64(_mm256_set1_epi64x(symbols + 1LL), other);
        return static_cast<std::uint64_t>(_mm256_movemask_pd(_mm256_castsi256_pd(few)));
    }
};

inline Vector operator^(Vector a, Vector b) noexcept { return {_mm256_xor_si256(a.lanes, b.lanes)}; }
inline Vector operator+(Vector a, Vector b) noexcept { return {_mm256_add_epi64(a.lanes, b.lanes)}; }
// Lanes are counts of bits, below 2^31: as 32-bit numbers they have a maximum of their own.
inline Vector max(Vector a, Vector b) noexcept { return {_mm256_max_epu32(a.lanes, b.lanes)}; }

struct Zeros {
    __m256i found;

    static Zeros none() noexcept { return {_mm256_setzero_si256()}; }
    void add(Vector a) noexcept {
        found = _mm256_or_si256(found, _mm256_cmpeq_epi64(a.lanes, _mm256_setzero_si256()));
    }
    [[nodiscard]] std::uint64_t mask() const noexcept {
        return static_cast<std::uint64_t>(_mm256_movemask_pd(_mm256_castsi256_pd(found)));
    }
};

struct Different {
    __m256i bytes;  // 0: not of them

    [[nodiscard]] std::uint64_t at_most(unsigned n) const noexcept {
        const __m256i halves =
            _mm256_sad_epu8(_mm256_min_epu8(bytes, _mm256_set1_epi8(1)), _mm256_setzero_si256());
        const __m256i both = _mm256_add_epi64(halves, _mm256_unpackhi_epi64(halves, halves));
        const __m256i few = _mm256_cmpgt_epi64(_mm256_set1_epi64x(n + 1LL), both);
        return _pext_u32(static_cast<std::uint32_t>(_mm256_movemask_pd(_mm256_castsi256_pd(few))), 0b0101);
    }
};

inline Different operator&(Different a, Different b) noexcept { return {_mm256_min_epu8(a.bytes, b.bytes)}; }

struct Wide {
    static constexpr std::size_t kKeys = 2;

    __m256i bytes;

    static Wide load(const Key16* keys) noexcept {
        return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(keys))};
    }
    static Wide broadcast(Key16 value) noexcept {
        return {_mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(&value)))};
    }
    [[nodiscard]] Different different(Wide other) const noexcept {
        return {_mm256_xor_si256(bytes, other.bytes)};
    }
};

#include "wide.hpp"
#include "within.hpp"

}  // namespace
}  // namespace platewatch::haswell
PLATEWATCH_TARGET_END

namespace platewatch {

const Kernel kHaswellKernel{"haswell",
                            []() noexcept { return cpu::has(cpu::kAvx2 | cpu::kBmi2, cpu::kKeepsAvx); },
                            &haswell::scan, &haswell::scan_replaced, &haswell::scan_wide};

}  // namespace platewatch

#endif
