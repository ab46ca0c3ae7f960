// An unsigned number of 128 bits, as far as keys need one, for machines whose compiler has none.
//
// In memory it is what `unsigned __int128` is on a little-endian machine: snapshots are the same.
#pragma once

#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>

namespace platewatch {

struct alignas(16) WideKey {
    std::uint64_t low = 0, high = 0;

    constexpr WideKey() noexcept = default;
    template <std::unsigned_integral T>
    constexpr explicit(false) WideKey(T value) noexcept : low(value) {}
    constexpr explicit(false) WideKey(int value) noexcept
        : low(static_cast<std::uint64_t>(std::int64_t{value})), high(value < 0 ? ~std::uint64_t{0} : 0) {}
    constexpr WideKey(std::uint64_t upper, std::uint64_t lower) noexcept : low(lower), high(upper) {}

    template <std::unsigned_integral T>
    constexpr explicit operator T() const noexcept {
        return static_cast<T>(low);
    }

    friend constexpr bool operator==(const WideKey&, const WideKey&) noexcept = default;
    friend constexpr std::strong_ordering operator<=>(const WideKey& a, const WideKey& b) noexcept {
        return a.high != b.high ? a.high <=> b.high : a.low <=> b.low;
    }
    friend constexpr WideKey operator^(WideKey a, WideKey b) noexcept {
        return {a.high ^ b.high, a.low ^ b.low};
    }
    friend constexpr WideKey operator|(WideKey a, WideKey b) noexcept {
        return {a.high | b.high, a.low | b.low};
    }
    friend constexpr WideKey operator&(WideKey a, WideKey b) noexcept {
        return {a.high & b.high, a.low & b.low};
    }
    constexpr WideKey operator~() const noexcept { return {~high, ~low}; }
    // Precondition, as of any number: by < 128.
    friend constexpr WideKey operator<<(WideKey a, std::size_t by) noexcept {
        if (by == 0) return a;
        if (by >= 64) return {a.low << (by - 64), 0};
        return {a.high << by | a.low >> (64 - by), a.low << by};
    }
    friend constexpr WideKey operator>>(WideKey a, std::size_t by) noexcept {
        if (by == 0) return a;
        if (by >= 64) return {0, a.high >> (by - 64)};
        return {a.high >> by, a.high << (64 - by) | a.low >> by};
    }
    constexpr WideKey& operator|=(WideKey b) noexcept { return *this = *this | b; }
};

}  // namespace platewatch
