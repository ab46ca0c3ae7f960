// One key at a time, on any machine.
#include "kernels.hpp"

namespace platewatch {
namespace serial {
namespace {

struct Vector {
    static constexpr std::size_t kLanes = 1;

    Key8 lane;

    static Vector load(const Key8* keys) noexcept { return {*keys}; }
    static Vector broadcast(Key8 value) noexcept { return {value}; }
    [[nodiscard]] Vector shifted(Vector bits) const noexcept {
        return {bits.lane < 64 ? lane << bits.lane : 0};
    }
    [[nodiscard]] Vector shifted(std::uint32_t bits) const noexcept { return {drop(lane, bits / 8)}; }
    [[nodiscard]] Vector common_bits() const noexcept { return {leading_zero_bits(lane) & ~Key8{7}}; }
    [[nodiscard]] std::uint64_t at_most(unsigned symbols) const noexcept {
        constexpr Key8 kLow = 0x7F7F7F7F7F7F7F7F;
        const Key8 other = (((lane & kLow) + kLow) | lane) & ~kLow;  // the highest bit of each byte
        return static_cast<unsigned>(std::popcount(other)) <= symbols ? 1 : 0;
    }
};

inline Vector operator^(Vector a, Vector b) noexcept { return {a.lane ^ b.lane}; }
inline Vector operator+(Vector a, Vector b) noexcept { return {a.lane + b.lane}; }
inline Vector max(Vector a, Vector b) noexcept { return a.lane < b.lane ? b : a; }

struct Zeros {
    std::uint64_t found;

    static Zeros none() noexcept { return {0}; }
    void add(Vector a) noexcept { found |= a.lane == 0 ? 1 : 0; }
    [[nodiscard]] std::uint64_t mask() const noexcept { return found; }
};

struct Wide {
    static constexpr std::size_t kKeys = 1, kBits = 1;

    Key16 key;

    static Wide load(const Key16* keys) noexcept { return {*keys}; }
    static Wide broadcast(Key16 value) noexcept { return {value}; }
    [[nodiscard]] std::uint64_t equal(Wide other) const noexcept {
        const Key16 different = key ^ other.key;
        return equal_bytes(static_cast<std::uint64_t>(different >> 64)) << 8 |
               equal_bytes(static_cast<std::uint64_t>(different));
    }

  private:
    // A bit for each byte that is 0.
    static std::uint64_t equal_bytes(std::uint64_t different) noexcept {
        constexpr std::uint64_t kLow = 0x7F7F7F7F7F7F7F7F;
        const std::uint64_t zeros = ~(((different & kLow) + kLow) | different | kLow);
        return (zeros >> 7) * 0x0102040810204080 >> 56;  // the bytes' bits, side by side
    }
};

#include "wide.hpp"
#include "within.hpp"

}  // namespace
}  // namespace serial

const Kernel kSerialKernel{"serial", []() noexcept { return true; }, &serial::scan, &serial::scan_replaced,
                           &serial::scan_wide};

}  // namespace platewatch
