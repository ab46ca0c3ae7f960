// A plate packed as symbol codes, one byte each, first symbol in the most significant byte, zero-padded.
//
// So the order of keys is the order of plates, a common prefix is the leading zeros of an exclusive or, and
// the padding needs no length beside it: code 0 is no symbol.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "platewatch/search/wide_key.hpp"

namespace platewatch {

using Code = std::uint8_t;

inline constexpr Code kPadding = 0;
inline constexpr Code kMaxCode = 254;
inline constexpr Code kUnknownCode = 255;  // in reads only: no key holds it, so it equals nothing

using Key8 = std::uint64_t;
#if defined(__SIZEOF_INT128__)
__extension__ using Key16 = unsigned __int128;
#else
using Key16 = WideKey;
#endif

template <class Key>
inline constexpr std::size_t kKeySymbols = sizeof(Key);

[[nodiscard]] constexpr std::size_t leading_zero_bits(Key8 x) noexcept {
    return static_cast<std::size_t>(std::countl_zero(x));
}
[[nodiscard]] constexpr std::size_t leading_zero_bits(Key16 x) noexcept {
    const auto high = static_cast<std::uint64_t>(x >> 64);
    return high != 0 ? leading_zero_bits(high) : 64 + leading_zero_bits(static_cast<std::uint64_t>(x));
}

// How many symbols two keys share from the start; the keys' width if they are equal.
template <class Key>
[[nodiscard]] constexpr std::size_t common_prefix(Key a, Key b) noexcept {
    return leading_zero_bits(static_cast<Key>(a ^ b)) / 8;
}

// The key without its first `symbols` symbols.
template <class Key>
[[nodiscard]] constexpr Key drop(Key key, std::size_t symbols) noexcept {
    return symbols >= kKeySymbols<Key> ? Key{0} : static_cast<Key>(key << (8 * symbols));
}

template <class Key>
[[nodiscard]] constexpr Code code_at(Key key, std::size_t i) noexcept {
    return static_cast<Code>(key >> (8 * (kKeySymbols<Key> - 1 - i)));
}

// Precondition: codes.size() <= kKeySymbols<Key>.
template <class Key>
[[nodiscard]] constexpr Key pack(std::span<const Code> codes) noexcept {
    Key key = 0;
    for (std::size_t i = 0; i < codes.size(); ++i) {
        key |= static_cast<Key>(static_cast<Key>(codes[i]) << (8 * (kKeySymbols<Key> - 1 - i)));
    }
    return key;
}

template <class Key>
[[nodiscard]] constexpr std::size_t length(Key key) noexcept {
    std::size_t n = 0;
    while (n < kKeySymbols<Key> && code_at(key, n) != kPadding) ++n;
    return n;
}

// The bytes of a key in reverse order: its symbols reversed, behind what was its padding.
[[nodiscard]] constexpr Key8 swap_bytes(Key8 x) noexcept { return __builtin_bswap64(x); }
[[nodiscard]] constexpr Key16 swap_bytes(Key16 x) noexcept {
    const auto high = static_cast<std::uint64_t>(x >> 64), low = static_cast<std::uint64_t>(x);
    return static_cast<Key16>(__builtin_bswap64(low)) << 64 | __builtin_bswap64(high);
}

// The same symbols in reverse order, again without padding in front.
template <class Key>
[[nodiscard]] constexpr Key reversed(Key key) noexcept {
    const Key swapped = swap_bytes(key);
    return drop(swapped, leading_zero_bits(swapped) / 8);
}

}  // namespace platewatch
