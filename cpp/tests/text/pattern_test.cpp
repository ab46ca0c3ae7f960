#include "platewatch/text/pattern.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <ostream>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "platewatch/search/pattern_index.hpp"
#include "platewatch/text/normalize.hpp"
#include "reference/pattern_reference.hpp"
#include "reference/reference.hpp"
#include "tests/support.hpp"

namespace platewatch {

void PrintTo(const Pattern& pattern, std::ostream* out) { *out << to_utf8(pattern); }

void PrintTo(const PatternMatch& match, std::ostream* out) {
    *out << "{pattern " << match.pattern << ", " << match.edits << " edits}";
}

namespace {

// The canonical text, or why there is none.
std::string canonical(std::string_view utf8) {
    Pattern pattern;
    const PatternError error = parse_pattern(utf8, pattern);
    return error == PatternError::none ? to_utf8(pattern) : std::string(reason(error));
}

Pattern pattern_of(std::string_view utf8) {
    Pattern pattern;
    EXPECT_EQ(parse_pattern(utf8, pattern), PatternError::none) << utf8;
    return pattern;
}

TEST(Pattern, NormalisesBetweenThePatternCharacters) {
    EXPECT_EQ(canonical("12?가34*"), "12?가34*");
    EXPECT_EQ(canonical(" １2-？ 가.3４＊ "), "12?가34*");
    EXPECT_EQ(canonical("ab?c*"), "AB?C*");
    EXPECT_EQ(canonical("12\u1100\u1161*"), "12가*");
    EXPECT_EQ(canonical("ㄱ?ㅏ"), "\u1100?\u1161");  // not one syllable
    EXPECT_EQ(canonical("e?\u0301"), "E?");          // nor one letter
    EXPECT_EQ(canonical("e\u0301?"), "É?");
    EXPECT_EQ(canonical("12가3456"), "12가3456");
}

TEST(Pattern, RunsAreCanonical) {
    EXPECT_EQ(canonical("***"), "*");
    EXPECT_EQ(canonical("1**- *2"), "1*2");
    EXPECT_EQ(canonical("1*?2"), "1?*2");
    EXPECT_EQ(canonical("?*?*?"), "???*");
    EXPECT_EQ(canonical("*1*?1?*?"), "*1?*1??*");
    EXPECT_EQ(canonical("*[12]?*"), "*[12]?*");
}

TEST(Pattern, SetsAreCanonical) {
    EXPECT_EQ(canonical("12[거가]3456"), "12[가거]3456");
    EXPECT_EQ(canonical("［거, 가 거］"), "[가거]");
    EXPECT_EQ(canonical("[ab1A]"), "[1AB]");
    EXPECT_EQ(canonical("1[가]2"), "1가2");
    EXPECT_EQ(canonical("1[가.가]2"), "1가2");
    EXPECT_EQ(canonical("[\u1100\u1161\u1100\u1165]"), "[가거]");  // decomposed
    EXPECT_EQ(canonical("[가]\u11A8"), "각");                      // as without the brackets
    EXPECT_EQ(canonical("\u1100[\u1161]"), "가");
    EXPECT_EQ(canonical("[E]\u0301"), "E");
    EXPECT_EQ(canonical("[가나]\u11A8"), "[가나]\u11A8");
    EXPECT_EQ(canonical("[\u1161\u1100]"), "[\u1161\u1100]");  // sorted, they would be one syllable
    std::string syllables;
    for (char32_t c = 0; c < 64; ++c) syllables += to_utf8(std::u32string{U'가' + c});
    EXPECT_EQ(canonical("[" + syllables + "]"), "[" + syllables + "]");
}

TEST(Pattern, RefusesWithAReason) {
    EXPECT_EQ(canonical(""), "no letter, digit or pattern character");
    EXPECT_EQ(canonical(" -"), "no letter, digit or pattern character");
    EXPECT_EQ(canonical("12\xFF?"), "not valid UTF-8");
    EXPECT_EQ(canonical("]\xFF"), "not valid UTF-8");
    EXPECT_EQ(canonical("12\uFFFD*"), "holds U+FFFD, the replacement character");
    EXPECT_EQ(canonical("12[가\uFFFD]"), "holds U+FFFD, the replacement character");
    EXPECT_EQ(canonical("12[가거"), "[ without ]");
    EXPECT_EQ(canonical("12가거]"), "] without [");
    EXPECT_EQ(canonical("[가]]"), "] without [");
    EXPECT_EQ(canonical("12[가[거]]"), "[ inside a set");
    EXPECT_EQ(canonical("12[가?]"), "? or * inside a set");
    EXPECT_EQ(canonical("12[＊]"), "? or * inside a set");
    for (const std::string_view sign : {"-", "－", "–", "—", "−", "~", "～", "〜"}) {
        EXPECT_EQ(canonical("[1" + std::string(sign) + "5]"),
                  "ranges are not supported: list the symbols of the set");
    }
    EXPECT_EQ(canonical("12[]3"), "empty set");
    EXPECT_EQ(canonical("12[ .,]3"), "empty set");
    EXPECT_EQ(canonical("1234567890123456*"), "1234567890123456*");
    EXPECT_EQ(canonical("123456789012345?6"), "more than 16 symbols");
    EXPECT_EQ(canonical("1234567890123456*[12]"), "more than 16 symbols");
    EXPECT_EQ(canonical(std::string(1000000, '?')), "more than 16 symbols");
    EXPECT_EQ(canonical("*1*2*3*4*5*6*7*8"), "*1*2*3*4*5*6*7*8");
    EXPECT_EQ(canonical("*1*2*3*4*5*6*7*8*"), "more than 8 *");
    std::string syllables;
    for (char32_t c = 0; c < 65; ++c) syllables += to_utf8(std::u32string{U'가' + c});
    EXPECT_EQ(canonical("[" + syllables + "]"), "more than 64 symbols in a set");
}

template <class Unit>
void expect_same(std::u32string_view text) {
    const std::basic_string<Unit> units(text.begin(), text.end());
    Pattern pattern;
    EXPECT_EQ(parse_pattern(std::span<const Unit>(units), pattern), PatternError::none);
    EXPECT_EQ(pattern, pattern_of(to_utf8(text)));
    EXPECT_EQ(is_pattern(std::span<const Unit>(units)), is_pattern(to_utf8(text)));
}

TEST(Pattern, IsTheSameInEveryEncoding) {
    for (const std::u32string_view text : {U"12?34*", U"a[12]", U"1234", U"\u00C9*"}) {
        expect_same<char16_t>(text), expect_same<char32_t>(text);
        const std::vector<std::uint8_t> latin1(text.begin(), text.end());
        Pattern pattern;
        EXPECT_EQ(parse_pattern(std::span<const std::uint8_t>(latin1), pattern), PatternError::none);
        EXPECT_EQ(pattern, pattern_of(to_utf8(text)));
        EXPECT_EQ(is_pattern(std::span<const std::uint8_t>(latin1)), is_pattern(to_utf8(text)));
    }
    expect_same<char16_t>(U"12［가거］？＊");
    expect_same<char32_t>(U"12［가거］？＊\U0001D7D9");
    Pattern pattern;
    for (const char32_t bad : {0xD800u, 0xDFFFu, 0x110000u, 0xFFFFFFFFu}) {
        const char32_t text[] = {U'1', bad};
        EXPECT_EQ(parse_pattern(std::span(text), pattern), PatternError::not_utf8);
    }
}

TEST(Pattern, IsKnownByItsCharacters) {
    for (const std::string_view text : {"?", "1*", "[1", "]", "？", "가＊", "［", "］"})
        EXPECT_TRUE(is_pattern(text)) << text;
    for (const std::string_view text : {"", "12가3456", "(1)", "\uFFFD", "１", "＋"})
        EXPECT_FALSE(is_pattern(text)) << text;
}

TEST(Pattern, AdmitsByHand) {
    EXPECT_TRUE(admits(pattern_of("12?가34*"), U"123가34"));
    EXPECT_TRUE(admits(pattern_of("12?가34*"), U"123가3456"));
    EXPECT_FALSE(admits(pattern_of("12?가34*"), U"12가3456"));
    EXPECT_TRUE(admits(pattern_of("12[가거]3456"), U"12거3456"));
    EXPECT_FALSE(admits(pattern_of("12[가거]3456"), U"12고3456"));
    EXPECT_FALSE(admits(pattern_of("*3456"), U"34567"));
    EXPECT_FALSE(admits(pattern_of("서울12바3456"), U"12바3456"));
    EXPECT_FALSE(admits(pattern_of("12바345?"), U"서울12바3456"));
    EXPECT_TRUE(pattern_of("**").admits_everything());
    EXPECT_FALSE(pattern_of("?*").admits_everything());
}

TEST(Pattern, LacksAMarkByHand) {
    EXPECT_TRUE(admits_or_lacks_mark(pattern_of("12바345?"), U"서울12바3456"));
    EXPECT_TRUE(admits_or_lacks_mark(pattern_of("12바345?"), U"12바3456"));
    EXPECT_TRUE(admits_or_lacks_mark(pattern_of("서울12바345?"), U"서울12바3456"));
    EXPECT_FALSE(admits_or_lacks_mark(pattern_of("서울12바345?"), U"12바3456"));
    EXPECT_FALSE(admits_or_lacks_mark(pattern_of("12바345?"), U"서울12바3466"));
    EXPECT_FALSE(admits_or_lacks_mark(pattern_of("12바345?"), U"외교12바3456"));
    EXPECT_FALSE(admits_or_lacks_mark(pattern_of("345?"), U"서울3456"));  // too short for a mark
}

TEST(Pattern, OverlapByHand) {
    EXPECT_TRUE(overlap(pattern_of("12*"), pattern_of("*34")));
    EXPECT_TRUE(overlap(pattern_of("12*"), pattern_of("*12")));
    EXPECT_FALSE(overlap(pattern_of("12*"), pattern_of("13*")));
    EXPECT_FALSE(overlap(pattern_of("12?"), pattern_of("12")));
    EXPECT_TRUE(overlap(pattern_of("1[23]"), pattern_of("1[34]")));
    EXPECT_FALSE(overlap(pattern_of("1[23]"), pattern_of("1[45]")));
    // The shortest text that fits both would have 17 symbols.
    EXPECT_FALSE(overlap(pattern_of("123456789*"), pattern_of("*ABCDEFGH")));
    EXPECT_TRUE(overlap(pattern_of("12345678*"), pattern_of("*ABCDEFGH")));
}

TEST(Pattern, BareFormsByHand) {
    const auto forms = [](std::string_view text) {
        std::string out;
        for (const Pattern& form : bare_forms(pattern_of(text))) out += to_utf8(form) + " ";
        return out;
    };
    EXPECT_EQ(forms("서울12바34??"), "12바34?? ");
    EXPECT_EQ(forms("??12바3456"), "12바3456 ");
    EXPECT_EQ(forms("[서부][울산]12바3456"), "12바3456 ");
    EXPECT_EQ(forms("서울1234"), "");
    EXPECT_EQ(forms("12바3456"), "");
    EXPECT_EQ(forms("*3456"), "");
    EXPECT_EQ(forms("서울*"), "?????* ");
    EXPECT_EQ(forms("서울12*34"), "12?*34 ");
    EXPECT_EQ(forms("서울1*2*34"), "1?*2*34 1*2?*34 ");
    EXPECT_EQ(forms("*울12345*"), "12345* ");
}

// Random patterns and reads.

class Random {
  public:
    explicit Random(std::uint64_t from) : engine_(from) {}

    std::size_t below(std::size_t n) { return static_cast<std::size_t>(engine_() % n); }
    bool one_in(std::size_t n) { return below(n) == 0; }
    char32_t of(std::u32string_view symbols) { return symbols[below(symbols.size())]; }
    std::u32string text(std::size_t length, std::u32string_view symbols) {
        std::u32string out(length, U'0');
        for (char32_t& c : out) c = of(symbols);
        return out;
    }

  private:
    std::mt19937_64 engine_;
};

TEST(Pattern, CanonicalTextYieldsTheSamePattern) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    std::size_t parsed = 0;
    for (int round = 0; round < 100000; ++round) {
        // Jamo and marks to compose across whatever border there is.
        constexpr std::u32string_view kHostile =
            U"??**[[]]１a\u0301\u0323\u1100\u1161\u11A8가-나ㄱㅏ \uFFFDゥ\u3099\uFF76\uFF9E";
        const std::u32string text = random.text(1 + random.below(12), kHostile);
        Pattern pattern;
        if (parse_pattern(std::span<const char32_t>(text), pattern) != PatternError::none) continue;
        ++parsed;
        ASSERT_EQ(pattern_of(to_utf8(pattern)), pattern) << to_utf8(text);
        ASSERT_LE(pattern.least_symbols(), kMaxSymbols);
    }
    EXPECT_GT(parsed, 1000u);
}

// All texts of 1 to `longest` symbols.
std::vector<std::u32string> all_texts(std::u32string_view symbols, std::size_t longest) {
    std::vector<std::u32string> texts = {U""};
    for (std::size_t i = 0; i < texts.size(); ++i) {
        if (texts[i].size() == longest) break;
        for (const char32_t c : symbols) texts.push_back(texts[i] + c);
    }
    texts.erase(texts.begin());
    return texts;
}

// A pattern from a text: some of its symbols unknown.
Pattern blurred(Random& random, std::u32string_view text, std::u32string_view symbols,
                std::size_t one_in = 4) {
    std::u32string out;
    std::size_t runs = 0;
    for (const char32_t c : text) {
        if (!random.one_in(one_in)) {
            out += c;
            continue;
        }
        const std::size_t how = random.below(5);
        runs += how < 2;
        switch (runs > kMaxRuns ? 4 : how) {
            case 0:
                out += U'*';
                break;
            case 1:
                out += {c, U'*'};
                break;
            case 2:
                out += {U'[', c, random.of(symbols), random.of(symbols), U']'};
                break;
            default:
                out += U'?';
        }
    }
    Pattern pattern;
    EXPECT_EQ(parse_pattern(std::span<const char32_t>(out), pattern), PatternError::none) << to_utf8(out);
    return pattern;
}

TEST(Pattern, AdmitsAndOverlapsAsTheReference) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    constexpr std::u32string_view kAlphabet = U"12";
    const std::vector<std::u32string> texts = all_texts(kAlphabet, 7);
    for (int round = 0; round < 300; ++round) {
        // Of at most 3 symbols each, so that a text that fits both need not be longer than 6.
        const Pattern a = blurred(random, random.text(1 + random.below(3), kAlphabet), kAlphabet, 2);
        const Pattern b = blurred(random, random.text(1 + random.below(3), kAlphabet), kAlphabet, 2);
        bool shared = false;
        for (const std::u32string& text : texts) {
            ASSERT_EQ(admits(a, text), reference::admits(a.tokens(), text))
                << to_utf8(a) << " " << to_utf8(text);
            shared |= admits(a, text) && admits(b, text);
        }
        ASSERT_EQ(overlap(a, b), shared) << to_utf8(a) << " " << to_utf8(b);
    }
}

TEST(PatternReference, IsTheLeastOverAllPlates) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    // No other mark begins with a symbol of this one, so all plates that count are among the texts.
    constexpr std::u32string_view kAlphabet = U"제주1";
    constexpr std::size_t kLongest = 8;
    const std::vector<std::u32string> plates = all_texts(kAlphabet, kLongest);
    constexpr std::u32string_view kStarts[] = {U"", U"", U"제주", U"제주", U"제"};
    int compared = 0;
    for (int round = 0; round < 80; ++round) {
        // With `1` as the unknown symbol: a plate may have it, but no pattern knows it.
        const bool unknown = random.one_in(3);
        const std::u32string_view known = unknown ? kAlphabet.substr(0, 2) : kAlphabet;
        const std::u32string text =
            (std::u32string(kStarts[random.below(5)]) + random.text(1 + random.below(6), known));
        const Pattern pattern = blurred(random, text.substr(0, kLongest), known, 2 + random.below(3));
        std::vector<std::u32string_view> admitted;
        for (const std::u32string& plate : plates) {
            if (admits(pattern, plate)) admitted.push_back(plate);
        }
        for (int i = 0; i < 4; ++i) {
            const std::u32string read =
                (std::u32string(kStarts[random.below(5)]) + random.text(1 + random.below(6), kAlphabet))
                    .substr(0, kLongest);
            std::u32string seen = read;
            if (unknown) std::ranges::replace(seen, U'1', kUnknownSymbol);
            const unsigned edits = reference::edits(seen, pattern);

            // By the contract of plates, and as it is for patterns, where the read without its mark is
            // compared with plates that have one too.
            unsigned least_of_plates = 99, least = 99;
            for (const std::u32string_view plate : admitted) {
                least_of_plates = std::min(least_of_plates, reference::edits(read, plate));
                if (has_region_mark(read) && !has_region_mark(pattern))
                    least = std::min(least, reference::levenshtein(without_region_mark(read), plate));
            }
            least = std::min(least, least_of_plates);
            const std::string both = to_utf8(seen) + " and " + to_utf8(pattern);
            ASSERT_LE(edits, least_of_plates) << both;
            // The plate with the fewest edits has no more symbols than the pattern and the read together, and
            // a mark: those are all among the plates.
            const bool fixed = pattern.least_symbols() == pattern.tokens().size();
            if (!fixed && kRegionMarkSize + pattern.least_symbols() + read.size() > kLongest) continue;
            ASSERT_EQ(edits, least) << both;
            ++compared;
        }
    }
    EXPECT_GT(compared, 50);
}

// The index.

std::vector<PatternMatch> search(const PatternIndex& index, std::u32string_view read, unsigned k) {
    PatternIndex::Workspace workspace;
    std::vector<PatternMatch> matches;
    index.search(read, k, workspace, matches);
    return matches;
}

struct Pair {
    std::u32string_view read;
    std::string_view pattern;
    unsigned edits;
};

constexpr Pair kPairs[] = {
    {U"123가3456", "12?가34*", 0},
    {U"12가3456", "12?가34*", 1},
    {U"12?가34?6", "12?가34*", 0},  // unknown symbols, admitted by `?` and `*`
    {U"1??가3456", "12?가34*", 1},
    {U"?2가3456", "[12]2가3456", 1},
    {U"12거3456", "12[가거]3456", 0},
    {U"12고3456", "12[가거]3456", 1},
    {U"1", "*", 0},
    {U"3456", "*3456", 0},
    {U"12가345", "*3456", 1},
    {U"12가3546", "*3456", 2},
    {U"34", "*3?456", 3},
    {U"12바3456", "서울12바34??", 0},
    {U"서울12바3456", "12바34??", 0},
    {U"부산12바3456", "서울12바34??", 2},  // both have a mark: it counts
    {U"부산12바3456", "[서부]울12바34??", 1},
    {U"12바3456", "??12바3456", 0},
    {U"12바3456", "*울12바3456", 0},
    {U"3456", "서울*3456", 1},  // as of 서울?3456: a mark is one only if 5 symbols follow
    {U"123", "서울12*", 2},
    {U"12", "서울12*", 2},
    {U"서울12", "서울12*", 0},
    {U"부산서울123", "서울*", 0},  // 서울123 has no mark
    {U"ABCDEFGHIJKLMNOP", "????????????????", 0},
    {U"XABCDEFGHIJKLMNO", "*ABCDEFGHIJKLMNOP", 1},  // as of a plate of 17 symbols
};

TEST(PatternIndex, ContractByHand) {
    for (const auto& [read, text, edits] : kPairs) {
        SCOPED_TRACE(to_utf8(read) + " and " + std::string(text));
        const std::vector<Pattern> patterns = {pattern_of(text)};
        EXPECT_EQ(reference::edits(read, patterns[0]), edits);
        const PatternIndex index(patterns);
        for (unsigned k = 0; k <= kMaxEdits; ++k) {
            const std::vector<PatternMatch> expected(edits <= k ? 1 : 0, PatternMatch{0, edits});
            EXPECT_EQ(search(index, read, k), expected) << "k = " << k;
        }
    }
}

TEST(PatternIndex, EmptyOnesFindNothing) {
    EXPECT_TRUE(search(PatternIndex(), U"1", 3).empty());
    EXPECT_TRUE(search(PatternIndex(std::span<const Pattern>()), U"1", 3).empty());
    EXPECT_EQ(PatternIndex().nbytes(), 0u);
}

TEST(PatternIndex, StaysRightWhenMovedAndWhenViewed) {
    const std::vector<Pattern> patterns = {pattern_of("12?"), pattern_of("[13]*"), pattern_of("12?")};
    PatternIndex first(patterns);
    PatternIndex second(std::move(first));
    PatternIndex third;
    third = std::move(second);
    const PatternIndex view(third.arrays(), third.size());
    const std::vector<PatternMatch> expected = {{0, 0}, {1, 0}, {2, 0}};
    EXPECT_EQ(search(third, U"123", 1), expected);
    EXPECT_EQ(search(view, U"123", 1), expected);
    EXPECT_EQ(view.nbytes(), third.nbytes());
}

TEST(PatternIndex, HoldsSoManyPatterns) {
    EXPECT_THROW(PatternIndex(std::vector<Pattern>(kMaxPatterns + 1)), std::length_error);
}

constexpr std::u32string_view kDigits = U"0123456789";

std::u32string korean(Random& random) {
    return random.text(2 + random.below(2), kDigits) + random.of(U"가나다라마거너더러머") +
           random.text(4, kDigits);
}
std::u32string tiny(Random& random) { return random.text(1 + random.below(8), U"01"); }
std::u32string region(Random& random) {
    std::u32string plate;
    while (plate.size() <= 4 && !random.one_in(3)) plate += kRegionMarks[random.below(3)];
    return plate + U"5" + random.text(random.below(6), U"12바");
}
std::u32string hangul(Random& random) { return random.text(1 + random.below(10), U"서울부산1"); }
std::u32string mixed(Random& random) { return random.text(1 + random.below(kMaxSymbols), U"01AB가나서울"); }
std::u32string wide(Random& random) {
    std::u32string plate(2 + random.below(3), U'가');
    for (char32_t& c : plate) c += static_cast<char32_t>(random.below(random.one_in(2) ? 2000 : 4));
    return plate;
}

struct Kind {
    const char* name;
    std::u32string (*plate)(Random&);
};

constexpr Kind kKinds[] = {{"korean", korean}, {"tiny", tiny},   {"region", region},
                           {"hangul", hangul}, {"mixed", mixed}, {"wide", wide}};

std::vector<Pattern> random_patterns(Random& random, const Kind& kind, std::size_t size) {
    std::vector<Pattern> patterns;
    while (patterns.size() < size) {
        const std::u32string plate = kind.plate(random);
        patterns.push_back(blurred(random, plate, plate, 1 + random.below(5)));
    }
    return patterns;
}

std::u32string random_read(Random& random, const Kind& kind) {
    std::u32string read = kind.plate(random);
    if (random.one_in(4)) read.insert(0, kRegionMarks[random.below(4)]);
    for (std::size_t edits = random.below(3); edits > 0; --edits) {
        const std::size_t at = random.below(read.size());
        if (read.size() > 1 && !random.one_in(3)) read.erase(at, 1);
        if (!random.one_in(3)) read.insert(at, 1, random.one_in(3) ? random.of(U"?힣") : random.of(read));
    }
    return read.substr(0, kMaxSymbols);
}

class PatternsAgainstReference : public testing::TestWithParam<Kind> {};

TEST_P(PatternsAgainstReference, Agree) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    const Kind& kind = GetParam();
    Random random(seed());
    PatternIndex::Workspace workspace;
    std::vector<PatternMatch> found;
    for (int list = 0; list < 30; ++list) {
        const std::vector<Pattern> patterns = random_patterns(random, kind, list % 5 == 0 ? 100 : list % 5);
        const PatternIndex index(patterns);
        for (int round = 0; round < 8; ++round) {
            const std::u32string read = random_read(random, kind);
            std::vector<PatternMatch> expected = reference::search(read, patterns, kMaxEdits);
            for (unsigned k = kMaxEdits + 1; k-- > 0;) {
                std::erase_if(expected, [&](const PatternMatch& match) { return match.edits > k; });
                index.search(read, k, workspace, found);
                ASSERT_EQ(found, expected) << "read " << to_utf8(read) << ", k = " << k;
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Lists, PatternsAgainstReference, testing::ValuesIn(kKinds),
                         [](const auto& test) { return std::string(test.param.name); });

// Copies an array to where the sanitizer watches both its ends, some of it overwritten or cut off.
template <class T>
std::vector<T> corrupted(Random& random, std::span<const T> array) {
    std::size_t size = array.size();
    if (random.one_in(6)) size = random.below(size + 1);
    std::vector<T> out(array.begin(), array.begin() + static_cast<std::ptrdiff_t>(size));
    out.shrink_to_fit();
    const std::size_t words = size * sizeof(T) / sizeof(std::uint32_t);
    for (std::size_t wrong = random.below(4); wrong > 0 && words > 0; --wrong) {
        const auto value = static_cast<std::uint32_t>(random.one_in(3) ? random.below(~std::uint32_t{0})
                                                                       : random.below(2 * array.size()));
        std::memcpy(reinterpret_cast<char*>(out.data()) + sizeof value * random.below(words), &value,
                    sizeof value);
    }
    return out;
}

TEST(PatternIndex, SearchesCorruptArraysInBounds) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    PatternIndex::Workspace workspace;
    std::vector<PatternMatch> found;
    for (int list = 0; list < 20; ++list) {
        const Kind& kind = kKinds[random.below(std::size(kKinds))];
        const PatternIndex index(random_patterns(random, kind, random.below(100)));
        for (int round = 0; round < 100; ++round) {
            const auto symbols = corrupted(random, index.arrays().symbols);
            const auto nodes = corrupted(random, index.arrays().nodes);
            const auto forms = corrupted(random, index.arrays().forms);
            const auto members = corrupted(random, index.arrays().members);
            const auto set_ends = corrupted(random, index.arrays().set_ends);
            const PatternIndex view({symbols, nodes, forms, members, set_ends}, index.size());
            for (unsigned k = 0; k <= kMaxEdits; ++k) {
                view.search(random_read(random, kind), k, workspace, found);
                ASSERT_TRUE(std::ranges::all_of(
                    found, [&](const PatternMatch& match) { return match.pattern < index.size(); }));
            }
        }
    }
}

// Each node a parent of all nodes: a walk that trusted them would never end.
TEST(PatternIndex, EndsOnATangle) {
    const std::vector<char32_t> symbols = {U'1'};
    std::vector<PatternIndex::Node> nodes(1000, {PatternIndex::kRunLabel, 0, 0});
    for (std::size_t i = 1; i < nodes.size(); i += 2) nodes[i].children = nodes[i].forms = 1000;
    const std::vector<PatternIndex::Form> forms(1000, {0, 1});
    const PatternIndex view({symbols, nodes, forms, {}, {}}, 1);
    EXPECT_EQ(search(view, U"1", 3), (std::vector<PatternMatch>{{0, 1}}));
}

}  // namespace
}  // namespace platewatch
