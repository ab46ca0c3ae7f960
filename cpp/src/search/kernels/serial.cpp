// One key at a time, on any machine.
#include "kernels.hpp"

namespace platewatch {
namespace serial {
namespace {

// The highest bit of each byte that is not 0.
inline std::uint64_t bytes_set(std::uint64_t word) noexcept {
    constexpr std::uint64_t kLow = 0x7F7F7F7F7F7F7F7F;
    return (((word & kLow) + kLow) | word) & ~kLow;
}

struct Vector {
    static constexpr std::size_t kLanes = 1;

    Key8 lane;

    static Vector load(const Key8* keys) noexcept { return {*keys}; }
    static Vector broadcast(Key8 value) noexcept { return {value}; }
    static Vector count(std::uint64_t n) noexcept { return {n}; }
    [[nodiscard]] Vector shifted(Vector bits) const noexcept {
        return {bits.lane < 64 ? lane << bits.lane : 0};
    }
    [[nodiscard]] Vector shifted(std::uint32_t bits) const noexcept { return {drop(lane, bits / 8)}; }
    [[nodiscard]] Vector common_bits() const noexcept { return {leading_zero_bits(lane) & ~Key8{7}}; }
    [[nodiscard]] std::uint64_t at_most(unsigned symbols) const noexcept {
        return static_cast<unsigned>(std::popcount(bytes_set(lane))) <= symbols ? 1 : 0;
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

struct Different {
    std::uint64_t upper, lower;  // the highest bit of each byte

    [[nodiscard]] std::uint64_t at_most(unsigned n) const noexcept {
        // In one count, as not every machine has an instruction for it.
        return static_cast<unsigned>(std::popcount(upper | lower >> 1)) <= n ? 1 : 0;
    }
};

inline Different operator&(Different a, Different b) noexcept {
    return {a.upper & b.upper, a.lower & b.lower};
}

struct Wide {
    static constexpr std::size_t kKeys = 1;

    Key16 key;

    static Wide load(const Key16* keys) noexcept { return {*keys}; }
    static Wide broadcast(Key16 value) noexcept { return {value}; }
    [[nodiscard]] Different different(Wide other) const noexcept {
        const Key16 bits = key ^ other.key;
        return {bytes_set(static_cast<std::uint64_t>(bits >> 64)),
                bytes_set(static_cast<std::uint64_t>(bits))};
    }
};

#include "wide.hpp"
#include "within.hpp"

}  // namespace
}  // namespace serial

const Kernel kSerialKernel{"serial", []() noexcept { return true; }, &serial::scan, &serial::scan_replaced,
                           &serial::scan_wide};

}  // namespace platewatch
