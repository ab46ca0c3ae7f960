// Patterns: plates with unknown characters, as entries and queries.
//
// `?` is one symbol, `*` any run of symbols, the empty one too, `[가거]` one of a set. Their full-width and
// small forms count as the same. The text between them is normalised as a plate is. There is one canonical
// pattern for each way to write it: several `*` in a row are one, in a mixed run the `?`s stand before the
// `*`, a set is sorted and without repeats, and a set of one member is that symbol.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platewatch/text/symbols.hpp"

namespace platewatch {

inline constexpr std::size_t kMaxRuns = 8;         // `*`s of a pattern
inline constexpr std::size_t kMaxSetMembers = 64;  // of one set

struct Token {
    enum class Kind : std::uint8_t { symbol, any, run, set };

    Kind kind;
    std::u32string members;  // the symbol; or a set's, two or more, ascending; else none

    // As the one symbol of the token, or as one of the run.
    [[nodiscard]] bool admits(char32_t symbol) const noexcept {
        return kind == Kind::any || kind == Kind::run || members.find(symbol) != std::u32string::npos;
    }

    friend bool operator==(const Token&, const Token&) noexcept = default;
    friend std::strong_ordering operator<=>(const Token&, const Token&) noexcept = default;
};

// A list of tokens: at most kMaxSymbols that admit one symbol each, and at most kMaxRuns runs.
class Pattern {
  public:
    Pattern() = default;  // admits the empty text only

    // Precondition: canonical, as `parse_pattern` makes them.
    explicit Pattern(std::vector<Token> tokens) noexcept : tokens_(std::move(tokens)) {}

    [[nodiscard]] std::span<const Token> tokens() const noexcept { return tokens_; }

    // Of the shortest plate that it admits.
    [[nodiscard]] std::size_t least_symbols() const noexcept;

    // True for `*`.
    [[nodiscard]] bool admits_everything() const noexcept {
        return tokens_.size() == 1 && tokens_[0].kind == Token::Kind::run;
    }

    friend bool operator==(const Pattern&, const Pattern&) noexcept = default;
    friend std::strong_ordering operator<=>(const Pattern&, const Pattern&) noexcept = default;

  private:
    std::vector<Token> tokens_;
};

enum class PatternError : std::uint8_t {
    none,
    not_utf8,
    empty,
    too_long,
    replacement_character,
    unclosed_set,
    unopened_set,
    nested_set,
    wildcard_in_set,
    range_in_set,
    empty_set,
    set_too_long,
    too_many_runs,
};

// Why a text was refused, as a sentence part; "" for none.
[[nodiscard]] std::string_view reason(PatternError error) noexcept;

// On an error `out` holds nothing of use. A text without pattern characters is a pattern too, of symbols.
[[nodiscard]] PatternError parse_pattern(std::string_view utf8, Pattern& out);

// The same for text of one code point a unit; see normalize.hpp.
[[nodiscard]] PatternError parse_pattern(std::span<const std::uint8_t> latin1, Pattern& out);
[[nodiscard]] PatternError parse_pattern(std::span<const char16_t> ucs2, Pattern& out);
[[nodiscard]] PatternError parse_pattern(std::span<const char32_t> utf32, Pattern& out);

// True if the text holds a pattern character, well placed or not.
[[nodiscard]] bool is_pattern(std::string_view utf8) noexcept;
[[nodiscard]] bool is_pattern(std::span<const std::uint8_t> latin1) noexcept;
[[nodiscard]] bool is_pattern(std::span<const char16_t> ucs2) noexcept;
[[nodiscard]] bool is_pattern(std::span<const char32_t> utf32) noexcept;

// The canonical text: parsing it yields an equal pattern.
[[nodiscard]] std::string to_utf8(const Pattern& pattern);

// True if the canonical plate fits as it stands, region mark and all.
[[nodiscard]] bool admits(const Pattern& pattern, std::u32string_view plate) noexcept;

// True if it admits the plate, or what is left of it without its region mark: patterns lack marks as lists
// do.
[[nodiscard]] bool admits_or_lacks_mark(const Pattern& pattern, std::u32string_view plate) noexcept;

// True if some plate fits both.
[[nodiscard]] bool overlap(const Pattern& a, const Pattern& b);

// True if the pattern begins with the two symbols of a region mark and at least 5 symbols follow: then each
// plate that it admits has a mark.
[[nodiscard]] bool has_region_mark(const Pattern& pattern) noexcept;

// Patterns that together admit what is left of the admitted plates that have a region mark once the mark has
// been dropped. What the pattern itself admits anyway may be left out.
[[nodiscard]] std::vector<Pattern> bare_forms(const Pattern& pattern);

}  // namespace platewatch
