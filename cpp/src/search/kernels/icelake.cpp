// Eight keys at a time: AVX-512 with the counting of leading zeros (CD) and bytes (BW).
#if defined(__x86_64__)

// GCC 12's header sets some registers from themselves on purpose and warns of it.
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include "cpu.hpp"
#include "kernels.hpp"

PLATEWATCH_TARGET_BEGIN("avx512f,avx512bw,avx512cd,bmi2")
namespace platewatch::icelake {
namespace {

struct Vector {
    static constexpr std::size_t kLanes = 8;

    __m512i lanes;

    static Vector load(const Key8* keys) noexcept { return {_mm512_loadu_si512(keys)}; }
    static Vector broadcast(Key8 value) noexcept {
        return {_mm512_set1_epi64(static_cast<long long>(value))};
    }
    static Vector count(std::uint64_t n) noexcept { return broadcast(n); }
    [[nodiscard]] Vector shifted(Vector bits) const noexcept {
        return {_mm512_sllv_epi64(lanes, bits.lanes)};
    }
    [[nodiscard]] Vector shifted(std::uint32_t bits) const noexcept {
        return {_mm512_sll_epi64(lanes, _mm_cvtsi32_si128(static_cast<int>(bits)))};
    }
    [[nodiscard]] Vector common_bits() const noexcept {
        return {_mm512_andnot_si512(_mm512_set1_epi64(7), _mm512_lzcnt_epi64(lanes))};
    }
    [[nodiscard]] std::uint64_t at_most(unsigned symbols) const noexcept {
        const __m512i other =
            _mm512_sad_epu8(_mm512_min_epu8(lanes, _mm512_set1_epi8(1)), _mm512_setzero_si512());
        return _mm512_cmple_epu64_mask(other, _mm512_set1_epi64(symbols));
    }
};

inline Vector operator^(Vector a, Vector b) noexcept { return {_mm512_xor_si512(a.lanes, b.lanes)}; }
inline Vector operator+(Vector a, Vector b) noexcept { return {_mm512_add_epi64(a.lanes, b.lanes)}; }
inline Vector max(Vector a, Vector b) noexcept { return {_mm512_max_epu64(a.lanes, b.lanes)}; }

struct Zeros {
    __m512i least;  // a minimum costs less than to bring a mask out of its register

    static Zeros none() noexcept { return {_mm512_set1_epi64(-1)}; }
    void add(Vector a) noexcept { least = _mm512_min_epu64(least, a.lanes); }
    [[nodiscard]] std::uint64_t mask() const noexcept { return _mm512_testn_epi64_mask(least, least); }
};

struct Different {
    __m512i bytes;  // 0: not of them

    [[nodiscard]] std::uint64_t at_most(unsigned n) const noexcept {
        const __m512i halves =
            _mm512_sad_epu8(_mm512_min_epu8(bytes, _mm512_set1_epi8(1)), _mm512_setzero_si512());
        const __m512i upper = _mm512_unpackhi_epi64(halves, halves);
        const std::uint32_t few =
            _mm512_cmple_epu64_mask(_mm512_add_epi64(halves, upper), _mm512_set1_epi64(n));
        return _pext_u32(few, 0b01010101);
    }
};

inline Different operator&(Different a, Different b) noexcept { return {_mm512_min_epu8(a.bytes, b.bytes)}; }

struct Wide {
    static constexpr std::size_t kKeys = 4;

    __m512i bytes;

    static Wide load(const Key16* keys) noexcept { return {_mm512_loadu_si512(keys)}; }
    static Wide broadcast(Key16 value) noexcept {
        return {_mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(&value)))};
    }
    [[nodiscard]] Different different(Wide other) const noexcept {
        return {_mm512_xor_si512(bytes, other.bytes)};
    }
};

#include "wide.hpp"
#include "within.hpp"

}  // namespace
}  // namespace platewatch::icelake
PLATEWATCH_TARGET_END

namespace platewatch {

const Kernel kIcelakeKernel{"icelake",
                            []() noexcept {
                                return cpu::has(cpu::kAvx512f | cpu::kAvx512bw | cpu::kAvx512cd | cpu::kBmi2,
                                                cpu::kKeepsAvx512);
                            },
                            &icelake::scan, &icelake::scan_replaced, &icelake::scan_wide};

}  // namespace platewatch

#endif
