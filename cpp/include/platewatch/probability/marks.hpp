// Marks: the code points of a raw text that normalisation drops, and how much each says.
//
// Most say nothing. What nobody sees, nobody read. A separator stands between the groups of a plate, where
// the country or a vendor writes it so, and a pad behind all of it. But a recogniser that cannot tell a
// symbol may write a mark in its place: `402=8089` has lost the symbol between 2 and 8.
#pragma once

#include <cstdint>

namespace platewatch {

enum class MarkKind : std::uint8_t {
    separator,  // dashes, dots, bullets, colons: they part groups, and not only where digits and letters meet
    punctuation,  // bars, slashes, brackets, quotes: frames, and what parts digits from letters
    stray,        // = % & # @ and all others: no plate is written with them
};

[[nodiscard]] MarkKind mark_kind(char32_t mark) noexcept;

// How easily such a mark stands in a gap that has lost nothing, beside how easily one is read in place of a
// symbol: what divides the probability of the latter. Stated, not fitted: whether marks are written between
// the groups of a plate is the vendor's choice, and says nothing of the vehicle. `groups_meet`: in front of
// all, behind all, or between characters of two classes.
[[nodiscard]] constexpr double mark_price(MarkKind kind, bool groups_meet) noexcept {
    if (kind == MarkKind::stray) return 0.01;
    if (groups_meet) return 1;
    return kind == MarkKind::separator ? 0.1 : 0.05;
}

// What nobody sees: control and format characters, all that Unicode says to ignore by default, and the
// accents that compose with nothing.
[[nodiscard]] bool is_invisible(char32_t c) noexcept;

// The mark that a full-width form or another dash stands for.
[[nodiscard]] constexpr char32_t folded_mark(char32_t mark) noexcept {
    if (mark - U'\uFF01' <= U'\uFF5E' - U'\uFF01') return mark - U'\uFF01' + U'!';
    const bool is_dash = (0x2010 <= mark && mark <= 0x2015) || mark == 0x2212 || mark == 0x2E3A ||
                         mark == 0x2E3B || mark == 0xFE58 || mark == 0xFE63;
    return is_dash ? U'-' : mark;
}

}  // namespace platewatch
