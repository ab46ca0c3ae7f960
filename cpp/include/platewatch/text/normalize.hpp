// Text to canonical plate: the one place where it happens, for entries and reads alike.
//
// Full-width forms and jamo are folded and composed (NFC), letters upper-cased where that is one code point
// to one, Cyrillic and Greek capitals that look like Latin ones folded to those, decimal digits of any script
// become ASCII, and only letters and decimal digits stay. Idempotent. The Unicode facts come from
// unicode_tables.inc; cost: one pass, no allocation, O(code points).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "platewatch/text/symbols.hpp"

namespace platewatch {

enum class TextKind : std::uint8_t {
    plate,  // `?` and U+FFFD are dropped like any other mark
    read,   // `?` and U+FFFD stay, as kUnknownSymbol
};

enum class TextError : std::uint8_t { none, not_utf8, empty, too_long };

// Why a text was refused, as a sentence part; "" for none.
[[nodiscard]] std::string_view reason(TextError error) noexcept;

// Copies what nearly every text is by itself, canonical; false if it is not, or if that takes longer to tell.
[[nodiscard]] bool copy_canonical(std::string_view utf8, Symbols& out) noexcept;

// Writes the canonical form to `out`; on an error `out` holds nothing of use.
[[nodiscard]] TextError normalize(std::string_view utf8, TextKind kind, Symbols& out) noexcept;

// The same for text of one code point a unit (Latin-1, UCS-2, UTF-32: the layouts of a Python str).
// A surrogate is refused as not_utf8.
[[nodiscard]] TextError normalize(std::span<const std::uint8_t> latin1, TextKind kind, Symbols& out) noexcept;
[[nodiscard]] TextError normalize(std::span<const char16_t> ucs2, TextKind kind, Symbols& out) noexcept;
[[nodiscard]] TextError normalize(std::span<const char32_t> utf32, TextKind kind, Symbols& out) noexcept;

// The same as TextKind::plate, for text of any length: what a pattern is pieced together from.
[[nodiscard]] TextError normalize(std::span<const char32_t> utf32, std::u32string& out);

// The version of Unicode that the tables were made from.
[[nodiscard]] std::string_view unicode_version() noexcept;

}  // namespace platewatch
