#include "platewatch/text/pattern.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "platewatch/text/normalize.hpp"
#include "platewatch/text/region.hpp"
#include "text/utf8.hpp"

namespace platewatch {
namespace {

constexpr std::size_t kMaxTokens = kMaxSymbols + kMaxRuns;

// The full-width and small forms of the pattern characters as the ASCII ones, everything else as it is.
constexpr char32_t to_narrow(char32_t c) noexcept {
    switch (c) {
        case U'？':
        case U'﹖':
            return U'?';
        case U'＊':
        case U'﹡':
            return U'*';
        case U'［':
            return U'[';
        case U'］':
            return U']';
        default:
            return c;
    }
}

constexpr bool is_pattern_character(char32_t c) noexcept {
    return std::u32string_view(U"?*[]").find(to_narrow(c)) != std::u32string_view::npos;
}

// What people put between the ends of a range: hyphens and dashes, and tildes, as is usual in Korean.
constexpr bool is_range_sign(char32_t c) noexcept {
    constexpr std::u32string_view kSigns =
        U"-~\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u223C\u301C\uFE58\uFE63\uFF0D\uFF5E";
    return kSigns.find(c) != std::u32string_view::npos;
}

class Parser {
  public:
    [[nodiscard]] PatternError parse(std::u32string_view text, Pattern& out) {
        for (const char32_t c : text) {
            const PatternError error = in_set_ ? push_in_set(to_narrow(c)) : push(to_narrow(c));
            if (error != PatternError::none) return error;
        }
        if (in_set_) return PatternError::unclosed_set;
        if (const PatternError error = end_piece(); error != PatternError::none) return error;
        if (tokens_.empty()) return PatternError::empty;
        out = Pattern(std::move(tokens_));
        return PatternError::none;
    }

  private:
    [[nodiscard]] PatternError push(char32_t c) {
        switch (c) {
            case U'[':
                in_set_ = true;
                return PatternError::none;
            case U']':
                return PatternError::unopened_set;
            case U'?':
            case U'*':
                if (const PatternError error = end_piece(); error != PatternError::none) return error;
                return c == U'?' ? push_any() : push_run();
            case 0xFFFD:
                return PatternError::replacement_character;
            default:
                piece_ += c;
                return PatternError::none;
        }
    }

    [[nodiscard]] PatternError push_in_set(char32_t c) {
        switch (c) {
            case U'[':
                return PatternError::nested_set;
            case U']':
                in_set_ = false;
                return end_set();
            case U'?':
            case U'*':
                return PatternError::wildcard_in_set;
            case 0xFFFD:
                return PatternError::replacement_character;
            default:
                if (is_range_sign(c)) return PatternError::range_in_set;
                set_ += c;
                return PatternError::none;
        }
    }

    [[nodiscard]] PatternError push_any() {
        if (const PatternError error = push_symbol({Token::Kind::any, {}}); error != PatternError::none)
            return error;
        const std::size_t size = tokens_.size();
        if (size >= 2 && tokens_[size - 2].kind == Token::Kind::run)
            std::swap(tokens_[size - 2], tokens_[size - 1]);
        return PatternError::none;
    }

    [[nodiscard]] PatternError push_run() {
        if (!tokens_.empty() && tokens_.back().kind == Token::Kind::run) return PatternError::none;
        if (runs_++ == kMaxRuns) return PatternError::too_many_runs;
        tokens_.push_back({Token::Kind::run, {}});
        return PatternError::none;
    }

    [[nodiscard]] PatternError push_symbol(Token token) {
        if (symbols_++ == kMaxSymbols) return PatternError::too_long;
        tokens_.push_back(std::move(token));
        return PatternError::none;
    }

    [[nodiscard]] PatternError end_piece() {
        std::u32string symbols;
        (void)normalize(piece_, symbols);  // a piece may be empty
        piece_.clear();
        for (const char32_t c : symbols) {
            if (const PatternError error = push_symbol({Token::Kind::symbol, {c}});
                error != PatternError::none)
                return error;
        }
        return PatternError::none;
    }

    [[nodiscard]] PatternError end_set() {
        std::u32string members;
        (void)normalize(set_, members);
        set_.clear();
        std::ranges::sort(members);
        const auto repeats = std::ranges::unique(members);
        members.erase(repeats.begin(), repeats.end());
        if (members.empty()) return PatternError::empty_set;
        if (members.size() > kMaxSetMembers) return PatternError::set_too_long;
        if (members.size() == 1) {
            // As text, because jamo on its left or right compose with it; the hyphens keep combining marks
            // away.
            piece_ += {U'-', members[0], U'-'};
            return PatternError::none;
        }
        if (const PatternError error = end_piece(); error != PatternError::none) return error;
        return push_symbol({Token::Kind::set, std::move(members)});
    }

    std::vector<Token> tokens_;
    std::u32string piece_, set_;  // raw text since the last token, since the last `[`
    std::size_t symbols_ = 0, runs_ = 0;
    bool in_set_ = false;
};

template <class Unit>
PatternError parse_units(std::span<const Unit> text, Pattern& out) {
    if (std::ranges::any_of(text, [](Unit c) { return is_surrogate(c) || c > char32_t{0x10FFFF}; }))
        return PatternError::not_utf8;
    return Parser().parse(std::u32string(text.begin(), text.end()), out);
}

// The places between the tokens that can be reached by a plate's first symbols, as bits.
using Places = std::uint32_t;
static_assert(kMaxTokens < std::numeric_limits<Places>::digits);

// Adds the places that are reached by an empty run.
Places with_empty_runs(std::span<const Token> tokens, Places places) noexcept {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (tokens[i].kind == Token::Kind::run) places |= (places >> i & 1) << (i + 1);
    }
    return places;
}

// After one more symbol.
Places advance(std::span<const Token> tokens, Places places, char32_t symbol) noexcept {
    places = with_empty_runs(tokens, places);
    Places next = 0;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if ((places >> i & 1) == 0 || !tokens[i].admits(symbol)) continue;
        next |= Places{1} << (tokens[i].kind == Token::Kind::run ? i : i + 1);
    }
    return next;
}

bool share_a_symbol(const Token& a, const Token& b) noexcept {
    if (a.kind == Token::Kind::any) return true;
    return std::ranges::any_of(a.members, [&](char32_t c) { return b.admits(c); }) ||
           b.kind == Token::Kind::any;
}

// Each pattern with a `?` before one of its `*`s: what a pattern admits of a symbol more than its least.
std::vector<Pattern> lengthened(const std::vector<Pattern>& patterns) {
    std::vector<Pattern> out;
    for (const Pattern& pattern : patterns) {
        for (std::size_t i = 0; i < pattern.tokens().size(); ++i) {
            if (pattern.tokens()[i].kind != Token::Kind::run) continue;
            std::vector<Token> tokens(pattern.tokens().begin(), pattern.tokens().end());
            tokens.insert(tokens.begin() + static_cast<std::ptrdiff_t>(i), {Token::Kind::any, {}});
            out.emplace_back(std::move(tokens));
        }
    }
    std::ranges::sort(out);
    const auto repeats = std::ranges::unique(out);
    out.erase(repeats.begin(), repeats.end());
    return out;
}

}  // namespace

std::string_view reason(PatternError error) noexcept {
    switch (error) {
        case PatternError::not_utf8:
            return "not valid UTF-8";
        case PatternError::empty:
            return "no letter, digit or pattern character";
        case PatternError::too_long:
            return "more than 16 symbols";
        case PatternError::replacement_character:
            return "holds U+FFFD, the replacement character";
        case PatternError::unclosed_set:
            return "[ without ]";
        case PatternError::unopened_set:
            return "] without [";
        case PatternError::nested_set:
            return "[ inside a set";
        case PatternError::wildcard_in_set:
            return "? or * inside a set";
        case PatternError::range_in_set:
            return "ranges are not supported: list the symbols of the set";
        case PatternError::empty_set:
            return "empty set";
        case PatternError::set_too_long:
            return "more than 64 symbols in a set";
        case PatternError::too_many_runs:
            return "more than 8 *";
        case PatternError::none:
            break;
    }
    return "";
}

std::size_t Pattern::least_symbols() const noexcept {
    return static_cast<std::size_t>(
        std::ranges::count_if(tokens_, [](const Token& token) { return token.kind != Token::Kind::run; }));
}

PatternError parse_pattern(std::string_view utf8, Pattern& out) {
    std::u32string text;
    if (!decode_utf8(utf8, [&](char32_t c) { text += c; })) return PatternError::not_utf8;
    return Parser().parse(text, out);
}
PatternError parse_pattern(std::span<const std::uint8_t> latin1, Pattern& out) {
    return parse_units(latin1, out);
}
PatternError parse_pattern(std::span<const char16_t> ucs2, Pattern& out) { return parse_units(ucs2, out); }
PatternError parse_pattern(std::span<const char32_t> utf32, Pattern& out) { return parse_units(utf32, out); }

bool is_pattern(std::string_view utf8) noexcept {
    // No sequence of UTF-8 stands inside another one.
    return utf8.find_first_of("?*[]") != std::string_view::npos ||
           std::ranges::any_of(std::array<std::string_view, 6>{"？", "＊", "［", "］", "﹖", "﹡"},
                               [&](std::string_view c) { return utf8.find(c) != std::string_view::npos; });
}
bool is_pattern(std::span<const std::uint8_t> latin1) noexcept {
    return std::ranges::any_of(latin1, is_pattern_character);
}
bool is_pattern(std::span<const char16_t> ucs2) noexcept {
    return std::ranges::any_of(ucs2, is_pattern_character);
}
bool is_pattern(std::span<const char32_t> utf32) noexcept {
    return std::ranges::any_of(utf32, is_pattern_character);
}

std::string to_utf8(const Pattern& pattern) {
    std::string out;
    for (const Token& token : pattern.tokens()) {
        switch (token.kind) {
            case Token::Kind::any:
                out += '?';
                break;
            case Token::Kind::run:
                out += '*';
                break;
            case Token::Kind::symbol:
                out += to_utf8(std::u32string_view(token.members));
                break;
            case Token::Kind::set: {
                // Jamo that compose with what stands before them come first, where nothing does.
                std::u32string members = token.members;
                std::ranges::stable_partition(members, [](char32_t c) { return c >= 0x1160 && c < 0x1200; });
                out += '[' + to_utf8(std::u32string_view(members)) + ']';
                break;
            }
        }
    }
    return out;
}

bool admits(const Pattern& pattern, std::u32string_view plate) noexcept {
    const auto tokens = pattern.tokens();
    Places places = 1;
    for (const char32_t c : plate) places = advance(tokens, places, c);
    return (with_empty_runs(tokens, places) >> tokens.size() & 1) != 0;
}

bool admits_or_lacks_mark(const Pattern& pattern, std::u32string_view plate) noexcept {
    return admits(pattern, plate) || (has_region_mark(plate) && admits(pattern, without_region_mark(plate)));
}

bool overlap(const Pattern& a, const Pattern& b) {
    constexpr unsigned kNever = kMaxSymbols + 1;
    // least[i][j]: symbols of the shortest text that fits the first i tokens of a and the first j of b.
    std::array<std::array<unsigned, kMaxTokens + 1>, kMaxTokens + 1> least{};
    for (auto& row : least) row.fill(kNever);
    least[0][0] = 0;
    const auto is_run = [](const Token& token) { return token.kind == Token::Kind::run; };
    for (std::size_t i = 0; i <= a.tokens().size(); ++i) {
        for (std::size_t j = 0; j <= b.tokens().size(); ++j) {
            const Token* const of_a = i < a.tokens().size() ? &a.tokens()[i] : nullptr;
            const Token* const of_b = j < b.tokens().size() ? &b.tokens()[j] : nullptr;
            const unsigned here = least[i][j];
            const auto reach = [&](std::size_t to_i, std::size_t to_j, unsigned symbols) {
                least[to_i][to_j] = std::min(least[to_i][to_j], symbols);
            };
            const bool run_of_a = of_a != nullptr && is_run(*of_a);
            const bool run_of_b = of_b != nullptr && is_run(*of_b);
            if (run_of_a) reach(i + 1, j, here);
            if (run_of_b) reach(i, j + 1, here);
            if (run_of_a && of_b != nullptr && !run_of_b) reach(i, j + 1, here + 1);
            if (run_of_b && of_a != nullptr && !run_of_a) reach(i + 1, j, here + 1);
            if (of_a != nullptr && of_b != nullptr && !run_of_a && !run_of_b && share_a_symbol(*of_a, *of_b))
                reach(i + 1, j + 1, here + 1);
        }
    }
    return least[a.tokens().size()][b.tokens().size()] <= kMaxSymbols;
}

bool has_region_mark(const Pattern& pattern) noexcept {
    const auto tokens = pattern.tokens();
    if (pattern.least_symbols() < kRegionMarkSize + kLeastBehindMark) return false;
    return std::ranges::any_of(kRegionMarks, [&](std::u32string_view mark) {
        return std::ranges::equal(tokens.first(kRegionMarkSize), mark, [](const Token& token, char32_t c) {
            return token.kind == Token::Kind::symbol && token.members[0] == c;
        });
    });
}

std::vector<Pattern> bare_forms(const Pattern& pattern) {
    // What is left once a mark has been dropped is what the last tokens admit, from some place on.
    const auto tokens = pattern.tokens();
    Places places = 0;
    for (const std::u32string_view mark : kRegionMarks) {
        Places after = 1;
        for (const char32_t c : mark) after = advance(tokens, after, c);
        places |= after;
    }
    std::vector<Pattern> out;
    // A pattern that begins with a run admits all that is left of its plates if the run takes the mark.
    for (places &= ~Places{1}; places != 0; places &= places - 1) {
        const auto rest = tokens.subspan(static_cast<std::size_t>(std::countr_zero(places)));
        std::vector<Pattern> forms = {Pattern({rest.begin(), rest.end()})};
        for (std::size_t symbols = forms[0].least_symbols(); symbols < kLeastBehindMark; ++symbols)
            forms = lengthened(forms);
        out.insert(out.end(), forms.begin(), forms.end());
    }
    std::ranges::sort(out);
    const auto repeats = std::ranges::unique(out);
    out.erase(repeats.begin(), repeats.end());
    std::erase(out, pattern);
    return out;
}

}  // namespace platewatch
