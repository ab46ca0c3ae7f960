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

#include "within.hpp"

}  // namespace
}  // namespace serial

const Kernel kSerialKernel{"serial", []() noexcept { return true; }, &serial::scan};

}  // namespace platewatch
