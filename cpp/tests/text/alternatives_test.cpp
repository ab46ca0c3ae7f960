#include "platewatch/text/alternatives.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "platewatch/text/normalize.hpp"
#include "tests/support.hpp"

namespace platewatch {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Character {
    std::u32string c;
    std::optional<double> p;
    std::vector<std::pair<std::u32string, double>> alternatives;
};

struct Outcome {
    bool lined_up = false;
    std::vector<std::pair<std::string, double>> texts;

    friend bool operator==(const Outcome&, const Outcome&) = default;
};

void PrintTo(const Outcome& outcome, std::ostream* out) {
    *out << (outcome.lined_up ? "lined up" : "not lined up");
    for (const auto& [text, p] : outcome.texts) *out << ", " << text << " " << p;
}

// One object for all tests, as a thread has one for all reads.
Outcome expand(const std::u32string& raw, const std::vector<Character>& characters) {
    static Alternatives alternatives;
    static std::vector<ReadText> texts;
    alternatives.clear();
    for (const Character& character : characters) {
        alternatives.add(character.c, character.p);
        for (const auto& [text, p] : character.alternatives) alternatives.add_alternative(text, p);
    }
    Outcome outcome{alternatives.expand(raw, texts), {}};
    for (const auto& [text, p] : texts) outcome.texts.emplace_back(to_utf8(text.view()), p);
    return outcome;
}

Outcome lined_up(std::vector<std::pair<std::string, double>> texts) { return {true, std::move(texts)}; }
Outcome not_lined_up(std::string text) { return {false, {{std::move(text), 1.0}}}; }

TEST(Alternatives, AreTheReadsOwnTextThenTheLikeliestPaths) {
    EXPECT_EQ(expand(U"7가", {{U"7", 0.25, {{U"7", 0.25}, {U"1", 0.5}}}, {U"가", 0.5, {{U"거", 0.125}}}}),
              lined_up({{"7가", 0.125}, {"1가", 0.25}, {"1거", 0.0625}, {"7거", 0.03125}}));
    EXPECT_EQ(expand(U"12", {{U"1", 0.5, {}}, {U"2", 0.25, {}}}), lined_up({{"12", 0.125}}));
}

TEST(Alternatives, LeaveOutWhatIsUnlikely) {
    EXPECT_EQ(expand(U"1", {{U"1", 0.5, {{U"2", 0.001}, {U"3", 0.00099}, {U"4", 0.0}}}}),
              lined_up({{"1", 0.5}, {"2", 0.001}}));
    // Each likely enough, but not both.
    EXPECT_EQ(expand(U"11", {{U"1", 0.5, {{U"2", 0.015625}}}, {U"1", 0.5, {{U"2", 0.015625}}}}),
              lined_up({{"11", 0.25}, {"12", 0.0078125}, {"21", 0.0078125}}));
    // The read's own text stays.
    EXPECT_EQ(expand(U"1", {{U"1", 0.0, {{U"2", 0.5}}}}), lined_up({{"1", 0.0}, {"2", 0.5}}));
    EXPECT_EQ(expand(U"1", {{U"1", 0.0, {}}}), lined_up({{"1", 0.0}}));
    EXPECT_EQ(expand(U"12", {{U"1", 0.0, {}}, {U"2", 0.5, {{U"3", 0.5}}}}), lined_up({{"12", 0.0}}));
}

TEST(Alternatives, OfEqualPathsComeInTheOrderOfTheirChoices) {
    const Character one{U"1", 0.5, {{U"2", 0.5}, {U"3", 0.5}}};
    EXPECT_EQ(expand(U"11", {one, one}), lined_up({{"11", 0.25},
                                                   {"12", 0.25},
                                                   {"13", 0.25},
                                                   {"21", 0.25},
                                                   {"22", 0.25},
                                                   {"23", 0.25},
                                                   {"31", 0.25},
                                                   {"32", 0.25},
                                                   {"33", 0.25}}));
}

TEST(Alternatives, OfOneSymbolCountOnce) {
    EXPECT_EQ(expand(U"A", {{U"A", 0.25, {{U"a", 0.5}, {U"B", 0.125}, {U"ｂ", 0.25}, {U"b", 0.0625}}}}),
              lined_up({{"A", 0.5}, {"B", 0.25}}));
    EXPECT_EQ(expand(U"1A", {{U"1", 1.0, {}}, {U"A", 0.5, {{U"-", 0.125}, {U"", 0.25}, {U"[]", 0.125}}}}),
              lined_up({{"1A", 0.5}, {"1", 0.25}}));
}

TEST(Alternatives, GiveAMissingProbability) {
    const double nothing_left = kMinPathProbability;
    EXPECT_EQ(expand(U"1", {{U"1", {}, {}}}), lined_up({{"1", 1.0}}));
    EXPECT_EQ(expand(U"1", {{U"1", {}, {{U"2", 0.25}}}}), lined_up({{"1", 0.75}, {"2", 0.25}}));
    EXPECT_EQ(expand(U"1", {{U"1", {}, {{U"2", 0.25}, {U"1", 0.5}}}}), lined_up({{"1", 0.5}, {"2", 0.25}}));
    EXPECT_EQ(expand(U"1", {{U"1", {}, {{U"2", 1.0}}}}), lined_up({{"1", nothing_left}, {"2", 1.0}}));
    EXPECT_EQ(expand(U"1", {{U"1", kNan, {{U"2", 0.25}}}}), lined_up({{"1", 0.75}, {"2", 0.25}}));
    EXPECT_EQ(expand(U"1", {{U"1", -1.0, {{U"2", 0.25}}}}), lined_up({{"1", 0.75}, {"2", 0.25}}));
}

TEST(Alternatives, LineUpWithWhatIsNotWhiteSpace) {
    const Character one{U"1", 0.5, {{U"7", 0.25}}}, hyphen{U"-", 1.0, {}}, ga{U"가", 1.0, {}};
    EXPECT_EQ(expand(U" 1\n-\t가\u3000", {one, hyphen, ga}), lined_up({{"1가", 0.5}, {"7가", 0.25}}));
    EXPECT_EQ(expand(U"\u00A01\u001C\u0085-\u2028가", {one, hyphen, ga}),
              lined_up({{"1가", 0.5}, {"7가", 0.25}}));
    EXPECT_EQ(expand(U"1-가", {one, ga}), not_lined_up("1가"));
    EXPECT_EQ(expand(U"1가", {one, ga, ga}), not_lined_up("1가"));
    EXPECT_EQ(expand(U"1가", {ga, one}), not_lined_up("1가"));
    EXPECT_EQ(expand(U"1가", {}), not_lined_up("1가"));
    EXPECT_EQ(expand(U"1\u200B가", {one, ga}), not_lined_up("1가"));  // invisible, but not white space
    EXPECT_EQ(expand(U"1가", {one, {U"가가", 1.0, {}}}), not_lined_up("1가"));
    EXPECT_EQ(expand(U"1가", {one, {U"", 1.0, {}}}), not_lined_up("1가"));
    EXPECT_EQ(expand(U"1가", {one, {U"\xD800", 1.0, {}}}), not_lined_up("1가"));
}

TEST(Alternatives, LineUpHoweverTheyAreWritten) {
    EXPECT_EQ(expand(U"１", {{U"1", 0.5, {}}}), lined_up({{"1", 0.5}}));
    EXPECT_EQ(expand(U"a", {{U"A", 0.5, {{U"a", 0.75}}}}), lined_up({{"A", 0.75}}));
    EXPECT_EQ(expand(U"가", {{U"\u1100\u1161", 0.5, {}}}), lined_up({{"가", 0.5}}));
    EXPECT_EQ(expand(U"1·", {{U"1", 0.5, {}}, {U"-", 0.5, {{U"2", 0.5}}}}),
              lined_up({{"1", 0.25}, {"12", 0.25}}));
    EXPECT_EQ(expand(U"1\uFFFD", {{U"1", 1.0, {}}, {U"?", 0.25, {{U"2", 0.5}}}}),
              lined_up({{"1?", 0.25}, {"12", 0.5}}));
}

TEST(Alternatives, MayBeAnUnknownSymbol) {
    EXPECT_EQ(expand(U"1", {{U"1", 0.5, {{U"?", 0.25}, {U"\uFFFD", 0.125}}}}),
              lined_up({{"1", 0.5}, {"?", 0.25}}));
}

TEST(Alternatives, MayBeMoreOrLessThanASymbol) {
    // A text that is reached twice keeps the larger probability, the read's own too.
    EXPECT_EQ(expand(U"11", {{U"1", 0.5, {{U"", 0.5}}}, {U"1", 0.5, {{U"-", 0.25}, {U"11", 0.125}}}}),
              lined_up({{"11", 0.25}, {"1", 0.25}, {"111", 0.0625}}));
    EXPECT_EQ(expand(U"1-", {{U"1", 0.5, {}}, {U"-", 0.25, {{U"·", 0.5}}}}), lined_up({{"1", 0.25}}));
    // Paths that hold nothing, or too much, are no text.
    EXPECT_EQ(expand(U"1", {{U"1", 0.5, {{U"", 0.5}}}}), lined_up({{"1", 0.5}}));
    const Character one{U"1", 1.0, {}};
    std::vector<Character> sixteen(16, one);
    sixteen[3].alternatives = {{U"22", 0.5}, {U"", 0.25}};
    EXPECT_EQ(expand(std::u32string(16, U'1'), sixteen),
              lined_up({{"1111111111111111", 1.0}, {"111111111111111", 0.25}}));
}

TEST(Alternatives, ComposeWithWhatStandsBeside) {
    EXPECT_EQ(expand(U"ㄱ ㅏ", {{U"ㄱ", 0.5, {{U"ㄴ", 0.25}, {U"1", 0.125}}}, {U"ㅏ", 1.0, {}}}),
              lined_up({{"가", 0.5}, {"나", 0.25}, {"1\u1161", 0.125}}));
    EXPECT_EQ(expand(U"가1", {{U"가", 1.0, {}}, {U"1", 0.5, {{U"\u11A8", 0.25}}}}),
              lined_up({{"가1", 0.5}, {"각", 0.25}}));
    EXPECT_EQ(expand(U"e\u0301", {{U"e", 1.0, {{U"a", 0.5}}}, {U"\u0301", 0.5, {{U"\u0300", 0.25}}}}),
              lined_up({{"É", 0.5}, {"È", 0.25}, {"Á", 0.25}, {"À", 0.125}}));
    // White space parts a letter from a mark.
    EXPECT_EQ(expand(U"e \u0301", {{U"e", 1.0, {{U"a", 0.5}}}, {U"\u0301", 0.5, {}}}),
              lined_up({{"E", 0.5}, {"A", 0.25}}));
}

TEST(Alternatives, OfARefusedTextAreNone) {
    for (const std::u32string raw : {U"", U" ", U"-", U"\xD800", U"11111111111111111"}) {
        std::vector<Character> characters;
        for (const char32_t c : raw) characters.push_back({{c}, 0.5, {{U"1", 0.25}}});
        EXPECT_EQ(expand(raw, characters), Outcome{}) << to_utf8(raw);
    }
}

TEST(Alternatives, SurviveWhatIsNoProbability) {
    const Outcome off_scale = not_lined_up("1");
    EXPECT_EQ(expand(U"1", {{U"1", 97.0, {{U"7", 2.0}}}}), off_scale);
    EXPECT_EQ(expand(U"1", {{U"1", 0.5, {{U"7", 1.5}}}}), off_scale);
    EXPECT_EQ(expand(U"1", {{U"1", kInfinity, {}}}), off_scale);
    EXPECT_EQ(expand(U"1", {{U"1", 0.5, {{U"7", kInfinity}}}}), off_scale);
    EXPECT_EQ(expand(U"1", {{U"1", 1.0000001, {{U"7", 1.0000001}}}}), lined_up({{"1", 1.0}, {"7", 1.0}}));
    EXPECT_EQ(expand(U"1", {{U"1", 0.5, {{U"7", kNan}, {U"8", -0.5}, {U"9", -kInfinity}}}}),
              lined_up({{"1", 0.5}}));
    EXPECT_EQ(expand(U"1", {{U"1", -kInfinity, {}}}), lined_up({{"1", 1.0}}));
}

TEST(Alternatives, SurviveWhatIsNoAlternative) {
    EXPECT_EQ(expand(U"1", {{U"1", 0.5, {{U"\xD800", 0.5}, {{0x110000}, 0.5}, {U"2\xDFFF", 0.5}}}}),
              lined_up({{"1", 0.5}}));
    EXPECT_EQ(expand(U"1", {{U"1", 0.5, {{std::u32string(100, U'2'), 0.5}}}}), lined_up({{"1", 0.5}}));
    EXPECT_EQ(expand(U"1", {{U"1", 0.5, {{std::u32string(16, U'-') + U"2", 0.5}}}}), lined_up({{"1", 0.5}}));
}

TEST(Alternatives, AreAtMost64Paths) {
    // 2^16 paths of one probability.
    const std::vector<Character> coins(16, Character{U"0", 0.9, {{U"1", 0.9}}});
    const Outcome outcome = expand(std::u32string(16, U'0'), coins);
    ASSERT_EQ(outcome.texts.size(), kMaxPaths);
    for (unsigned i = 0; i < kMaxPaths; ++i) {
        std::string expected(16, '0');
        for (unsigned bit = 0; bit < 16; ++bit) expected[15 - bit] = (i >> bit & 1) != 0 ? '1' : '0';
        EXPECT_EQ(outcome.texts[i].first, expected);
    }

    // Likelier ones come late and at one place, and the read's own text is none of the 64.
    Character wide{U"0", 0.001, {}};
    for (char32_t c = U'가'; c < U'가' + 100; ++c) {
        wide.alternatives.push_back({{c}, 0.1 + 0.001 * static_cast<double>(c - U'가')});
    }
    const Outcome likeliest = expand(U"0", {wide});
    ASSERT_EQ(likeliest.texts.size(), 1 + kMaxPaths);
    EXPECT_EQ(likeliest.texts.front(), std::pair(std::string("0"), 0.001));
    for (std::size_t i = 0; i < kMaxPaths; ++i) {
        EXPECT_EQ(likeliest.texts[1 + i].first,
                  to_utf8(std::u32string{U'가' + 99 - static_cast<char32_t>(i)}));
    }
}

TEST(Alternatives, OfALongTextTakeBoundedWork) {
    for (const std::size_t length : {kMaxRawLength, kMaxRawLength + 1, std::size_t{100'000}}) {
        Character junk{U"-", 1.0, {}};
        for (char32_t c = U'가'; c < U'가' + 5; ++c) junk.alternatives.push_back({{c}, 1.0});
        std::vector<Character> characters(length, junk);
        characters.front().c = U"1";
        std::u32string raw(length, U'-');
        raw.front() = U'1';
        const Outcome outcome = expand(raw, characters);
        EXPECT_EQ(outcome.lined_up, length <= kMaxRawLength);
        EXPECT_EQ(outcome.texts.size() > 1, outcome.lined_up);
    }
    Character one{U"1", 0.5, {}};
    for (std::size_t i = 0; i < 100'000; ++i) {
        one.alternatives.push_back({{static_cast<char32_t>(U'가' + i % 10'000)}, 0.25});
    }
    EXPECT_EQ(expand(U"1", {one}).texts.size(), kMaxPaths);
}

TEST(Alternatives, TakeInWholePlates) {
    std::vector<ReadText> texts;
    add_text(texts, Symbols(U"1"), 0.5);
    add_text(texts, Symbols(U"2"), 0.25);
    add_text(texts, Symbols(U"1"), 0.125);
    add_text(texts, Symbols(U"2"), 0.75);
    EXPECT_EQ(texts, (std::vector<ReadText>{{Symbols(U"1"), 0.5}, {Symbols(U"2"), 0.75}}));
}

// The oracle: every path there is.
std::string canonical(const std::u32string& text) {
    Symbols out;
    const TextError error = normalize(std::span<const char32_t>(text), TextKind::read, out);
    return error == TextError::none ? to_utf8(out.view()) : "";
}

Outcome expand_slowly(const std::u32string& raw, const std::vector<Character>& characters) {
    using Text = std::pair<std::u32string, double>;
    const auto likelier = [](const Text& a, const Text& b) { return a.second > b.second; };
    std::vector<Text> paths = {{U"", 1.0}};
    double own = 1;
    auto character = characters.begin();
    for (const char32_t c : raw) {
        std::vector<Text> choices = {{{c}, 1.0}};
        if (c != U' ') {
            choices.front().second = *character->p;
            for (const Text& alternative : (character++)->alternatives) {
                const auto same = std::ranges::find_if(choices, [&](const Text& choice) {
                    return canonical(choice.first) == canonical(alternative.first);
                });
                if (same == choices.begin()) {
                    same->second = std::max(same->second, alternative.second);
                } else if (same == choices.end() || same->second < alternative.second) {
                    if (same != choices.end()) choices.erase(same);
                    choices.push_back(alternative);
                }
            }
            own *= choices.front().second;
            std::ranges::stable_sort(choices, likelier);
        }
        std::vector<Text> longer;
        for (const auto& [text, p] : paths) {
            for (const auto& [choice, choice_p] : choices) longer.emplace_back(text + choice, p * choice_p);
        }
        paths = std::move(longer);
    }
    std::erase_if(paths, [](const Text& path) { return path.second < 0.001; });
    std::ranges::stable_sort(paths, likelier);
    if (paths.size() > 64) paths.resize(64);

    Outcome outcome = lined_up({{canonical(raw), own}});
    for (const auto& [text, p] : paths) {
        const std::string plate = canonical(text);
        const auto same = std::ranges::find(outcome.texts, plate, &std::pair<std::string, double>::first);
        if (same != outcome.texts.end()) {
            same->second = std::max(same->second, p);
        } else if (!plate.empty()) {
            outcome.texts.emplace_back(plate, p);
        }
    }
    return outcome;
}

TEST(Alternatives, EqualAllPathsThatThereAre) {
    const std::vector<std::u32string> symbols = {U"1",  U"7", U"a", U"A", U"ａ", U"가", U"나",     U"ㄱ",
                                                 U"ㅏ", U"-", U"[", U"?", U"",   U"12", U"\u1100", U"\u11A8"};
    std::mt19937_64 random(seed());
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    std::size_t compared = 0, capped = 0;
    for (int round = 0; round < 20'000; ++round) {
        // Of few distinct probabilities, whose products are exact, many paths are equal.
        const bool ties = below(2) == 0;
        const auto probability = [&] {
            const std::size_t sixteenths = below(17);
            return ties ? static_cast<double>(sixteenths) / 16
                        : std::generate_canonical<double, 53>(random) * (below(3) == 0 ? 0.1 : 1);
        };
        std::u32string raw;
        std::vector<Character> characters;
        for (std::size_t places = 1 + below(6); places > 0; --places) {
            const std::size_t symbol = below(12);  // of one code point
            if (below(4) == 0) raw += U' ';
            raw += symbols[symbol];
            Character& character = characters.emplace_back(symbols[symbol], probability());
            for (std::size_t more = below(5); more > 0; --more) {
                // The oracle takes no alternative that is likely on no path.
                const double p = probability();
                if (p >= 0.001) character.alternatives.emplace_back(symbols[below(symbols.size())], p);
            }
        }
        if (canonical(raw).empty()) continue;
        const Outcome expected = expand_slowly(raw, characters);
        ASSERT_EQ(expand(raw, characters), expected) << "round " << round << ", seed " << seed();
        ++compared;
        capped += expected.texts.size() > 40 ? 1 : 0;
    }
    EXPECT_GT(compared, 15'000u);
    EXPECT_GT(capped, 100u);
}

}  // namespace
}  // namespace platewatch
