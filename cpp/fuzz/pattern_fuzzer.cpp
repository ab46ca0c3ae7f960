// Patterns: parsing and what it yields, and the index of patterns against the reference.
#include <algorithm>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz.hpp"
#include "platewatch/search/pattern_index.hpp"
#include "platewatch/text/pattern.hpp"
#include "platewatch/text/region.hpp"
#include "reference/pattern_reference.hpp"

namespace platewatch::fuzz {
namespace {

constexpr std::size_t kMostPatterns = 40;
constexpr std::size_t kMostPairs = 60;       // of a read and a pattern: what the reference has time for
constexpr std::size_t kMostPathRuns = 4;     // of a pattern that the reference takes each way through
constexpr std::size_t kMostTextSize = 1000;  // of a text that is no list

constexpr std::u32string_view kAlphabets[] = {
    U"01",           U"0123456789가나다라마",           U"서울부산1",
    U"01AB가나서울", U"\u1100\u1161\u11A8가각1e\u0301", U"é가\U00020000\U0010FFFF1",
};

// What it is as text of one code point a unit, if it fits.
template <class Unit>
void check_units(std::u32string_view text, char32_t largest, PatternError error, const Pattern& expected,
                 bool has_pattern_characters) {
    if (std::ranges::any_of(text, [&](char32_t c) { return c > largest; })) return;
    const std::vector<Unit> units(text.begin(), text.end());
    Pattern pattern;
    if (parse_pattern(std::span<const Unit>(units), pattern) != error) {
        fail("another error in units of " + std::to_string(sizeof(Unit)) + " bytes: " + escaped(text));
    }
    if (error == PatternError::none && pattern != expected) {
        fail("another pattern in units of " + std::to_string(sizeof(Unit)) + " bytes: " + escaped(text));
    }
    if (is_pattern(std::span<const Unit>(units)) != has_pattern_characters) {
        fail("pattern characters in units of " + std::to_string(sizeof(Unit)) + " bytes: " + escaped(text));
    }
}

void check_pattern(const Pattern& pattern, std::u32string_view text) {
    const std::string canonical = to_utf8(pattern);
    Pattern again;
    if (parse_pattern(canonical, again) != PatternError::none || again != pattern) {
        fail(escaped(text) + " becomes " + canonical + ", which is another pattern");
    }
    const auto tokens = pattern.tokens();
    const auto runs = static_cast<std::size_t>(
        std::ranges::count_if(tokens, [](const Token& token) { return token.kind == Token::Kind::run; }));
    if (tokens.empty() || runs > kMaxRuns || pattern.least_symbols() != tokens.size() - runs ||
        pattern.least_symbols() > kMaxSymbols) {
        fail("the bounds of " + canonical);
    }
    if (!overlap(pattern, pattern)) fail("it overlaps not with itself: " + canonical);
}

// True if the text is one of a pattern.
bool check_text(std::u32string_view text, Pattern& pattern) {
    const PatternError error = parse_pattern(std::span<const char32_t>(text), pattern);
    const bool has_pattern_characters = text.find_first_of(U"?*[]？＊［］") != text.npos;
    check_units<std::uint8_t>(text, 0xFF, error, pattern, has_pattern_characters);
    check_units<char16_t>(text, 0xFFFF, error, pattern, has_pattern_characters);
    check_units<char32_t>(text, ~char32_t{0}, error, pattern, has_pattern_characters);
    if (error != PatternError::not_utf8) {
        const std::string utf8 = to_utf8(text);
        Pattern of_utf8;
        if (parse_pattern(utf8, of_utf8) != error) fail("another error as UTF-8: " + escaped(text));
        if (error == PatternError::none && of_utf8 != pattern)
            fail("another pattern as UTF-8: " + escaped(text));
        if (is_pattern(utf8) != has_pattern_characters) fail("pattern characters as UTF-8: " + escaped(text));
    }
    if (error == PatternError::none) check_pattern(pattern, text);
    return error == PatternError::none;
}

// Any code points, mostly those at which something happens.
std::u32string any_text(Bytes bytes) {
    constexpr std::u32string_view kHostile =
        U"?*[]？＊［］-~1aé가각\u1100\u1161\u11A8\u0301\u0323ㄱㅏ\u3099ｶﾞ１\uFFFD ";
    std::u32string out;
    while (!bytes.empty() && out.size() < kMostTextSize) {
        const std::size_t choice = bytes.below(kHostile.size() + 3);
        if (choice < kHostile.size()) {
            out += kHostile[choice];
        } else {
            char32_t c = 0;
            for (std::size_t n = choice - kHostile.size() + 1; n > 0; --n) c = c << 8 | bytes.next();
            out += c;
        }
    }
    return out;
}

class Scenario {
  public:
    explicit Scenario(Bytes bytes) : bytes_(bytes), alphabet_(bytes_.of(kAlphabets)) {}

    void run() {
        const std::size_t most = 1 + bytes_.below(kMostPatterns);
        while (!bytes_.empty() && patterns_.size() < most && !bytes_.one_in(16)) add_pattern();
        const PatternIndex index(patterns_);
        if (index.size() != patterns_.size()) fail("an index has another size than its list");
        PatternIndex::Workspace workspace;
        std::size_t reads = kMostPairs / (patterns_.size() + 1) + 1;
        do {
            check_read(index, next_read(), workspace);
        } while (--reads > 0 && !bytes_.empty());
        for (std::size_t i = 1; i < patterns_.size(); ++i) {
            if (overlap(patterns_[i - 1], patterns_[i]) != overlap(patterns_[i], patterns_[i - 1]))
                fail("they overlap one way: " + to_utf8(patterns_[i - 1]) + " " + to_utf8(patterns_[i]));
        }
    }

  private:
    char32_t symbol() { return bytes_.of(alphabet_); }

    void add_pattern() {
        std::u32string text;
        if (!texts_.empty() && bytes_.one_in(3)) {
            text = bytes_.of(texts_);  // a neighbour or the same again
            if (!text.empty() && bytes_.one_in(2)) text.erase(bytes_.below(text.size()), 1);
        }
        for (std::size_t size = bytes_.below(kMaxSymbols + 2); size > 0; --size) text += next_token();
        Pattern pattern;
        if (!check_text(text, pattern)) return;
        patterns_.push_back(std::move(pattern));
        texts_.push_back(std::move(text));
    }

    std::u32string next_token() {
        switch (bytes_.below(10)) {
            case 0:
            case 1:
                return U"?";
            case 2:
                return U"*";
            case 3: {
                std::u32string set = U"[";
                for (std::size_t size = 1 + bytes_.below(4); size > 0; --size) set += symbol();
                return set + U"]";
            }
            case 4:
                return std::u32string(bytes_.of(kRegionMarks));
            default:
                return std::u32string(1, symbol());
        }
    }

    // A plate that some pattern admits, or any, after a few misreadings.
    std::u32string next_read() {
        std::u32string read;
        if (!patterns_.empty() && !bytes_.one_in(6)) {
            for (const Token& token : bytes_.of(patterns_).tokens()) {
                const std::size_t most = token.kind == Token::Kind::run ? bytes_.below(4) : 1;
                for (std::size_t n = 0; n < most; ++n)
                    read += token.members.empty() ? symbol() : bytes_.of(token.members);
            }
        } else {
            for (std::size_t size = bytes_.below(kMaxSymbols + 1); size > 0; --size) read += symbol();
        }
        for (std::size_t edits = bytes_.below(5); edits > 0; --edits) {
            const std::size_t at = read.empty() ? 0 : bytes_.below(read.size());
            const std::size_t how = bytes_.below(6);
            if (how == 0) {
                read.insert(at, 1, symbol());
            } else if (how == 1) {
                read.insert(0, bytes_.of(kRegionMarks));
            } else if (read.empty()) {
                continue;
            } else if (how == 2) {
                read.erase(at, 1);
            } else if (how == 3) {
                read[at] = symbol();
            } else if (how == 4) {
                read[at] = bytes_.of(U"?힣\U0001F695");
            } else {
                read.erase(0, kRegionMarkSize);
            }
        }
        return read.substr(0, kMaxSymbols);
    }

    void check_read(const PatternIndex& index, const std::u32string& read,
                    PatternIndex::Workspace& workspace) const {
        std::vector<PatternMatch> expected = reference::search(read, patterns_, kMaxEdits), found;
        for (unsigned k = kMaxEdits + 1; k-- > 0;) {
            std::erase_if(expected, [&](const PatternMatch& match) { return match.edits > k; });
            index.search(read, k, workspace, found);
            if (found == expected) continue;
            fail(std::to_string(patterns_.size()) + " patterns, read " + escaped(read) +
                 ", k = " + std::to_string(k) + "\n  the index finds" + list_of(found) + "\n  the reference" +
                 list_of(expected));
        }
        for (const Pattern& pattern : patterns_) {
            const auto tokens = pattern.tokens();
            if (tokens.size() - pattern.least_symbols() > kMostPathRuns) continue;
            const bool admitted = admits(pattern, read);
            if (admitted != reference::admits(tokens, read))
                fail(to_utf8(pattern) + " admits or not " + escaped(read));
            // A text without pattern characters is a pattern too, of symbols.
            Pattern plate;
            if (read.find(kUnknownSymbol) == read.npos &&
                parse_pattern(std::span<const char32_t>(read), plate) == PatternError::none) {
                std::u32string symbols;
                for (const Token& token : plate.tokens()) symbols += token.members;
                if (symbols == read && overlap(pattern, plate) != admitted)
                    fail(to_utf8(pattern) + " overlaps or not with the plate " + escaped(read));
            }
        }
    }

    [[nodiscard]] std::string list_of(std::span<const PatternMatch> matches) const {
        std::string out;
        for (const PatternMatch& match : matches) {
            out += " " + std::to_string(match.pattern) + ":" + std::to_string(match.edits) + "=" +
                   to_utf8(patterns_[match.pattern]);
        }
        return out.empty() ? " nothing" : out;
    }

    Bytes bytes_;
    std::u32string_view alphabet_;
    std::vector<Pattern> patterns_;
    std::vector<std::u32string> texts_;
};

}  // namespace
}  // namespace platewatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace platewatch::fuzz;
    Bytes bytes(data, size);
    if (bytes.one_in(4)) {
        platewatch::Pattern pattern;
        check_text(any_text(bytes), pattern);
    } else {
        Scenario(bytes).run();
    }
    return 0;
}
