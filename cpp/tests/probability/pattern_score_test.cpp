#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "platewatch/probability/score.hpp"
#include "platewatch/text/normalize.hpp"
#include "platewatch/text/pattern.hpp"
#include "platewatch/text/pattern_automaton.hpp"
#include "tests/population.hpp"
#include "tests/support.hpp"

namespace platewatch {
namespace {

Pattern parsed(std::string_view text) {
    Pattern pattern;
    EXPECT_EQ(parse_pattern(text, pattern), PatternError::none) << text;
    return pattern;
}

// Of any form: `symbols` are those that it names.
Pattern random_pattern(Random& random, std::u32string_view symbols) {
    std::u32string text;
    for (std::size_t i = 0, n = 1 + below(random, 8); i < n; ++i) {
        switch (below(random, 5)) {
            case 0:
                text += U'*';
                break;
            case 1:
                text += U'?';
                break;
            case 2:
                text += U'[';
                for (std::size_t k = 0, members = 1 + below(random, 4); k < members; ++k)
                    text += symbols[below(random, symbols.size())];
                text += U']';
                break;
            default:
                text += symbols[below(random, symbols.size())];
        }
    }
    if (text.size() > 2 && below(random, 4) == 0) text = U"서울" + text;
    return parsed(to_utf8(text));
}

// A plate of the population, how many vehicles have it, and P(read | plate), symbol by symbol.
template <class Visit>
void for_each_followed(ReadScorer& scorer, const PopulationTrie& population, const Visit& visit) {
    struct Behind {
        std::u32string plate;
        double vehicles;
        const ReadScorer::Row *row, *next;
    };
    const auto walk = [&](const auto& self, std::uint32_t from, const Behind& behind) -> void {
        for (const std::uint32_t number : population.children(from)) {
            const auto& node = population.nodes()[number];
            for (const auto& [symbol, share] : population.sets()[node.set].symbols) {
                ReadScorer::Row row;
                const double p = scorer.follow(
                    number, symbol,
                    {*behind.row, behind.next, behind.plate.empty() ? U'\0' : behind.plate.front()}, row);
                const std::u32string plate = symbol + behind.plate;
                const double vehicles = behind.vehicles * share;
                if (node.first) visit(plate, vehicles * node.starts, p);
                self(self, number, {plate, vehicles, &row, behind.row});
            }
        }
    };
    ReadScorer::Row end;
    scorer.end_row(end);
    walk(walk, PopulationTrie::kEnd, {U"", 1.0, &end, nullptr});
}

TEST(PatternAutomaton, AdmitsAsThePatternDoes) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    constexpr std::u32string_view kSymbols = U"012가거서울";
    for (int round = 0; round < 3000; ++round) {
        const Pattern pattern = random_pattern(random, kSymbols);
        const PatternAutomaton automaton(pattern);
        for (int i = 0; i < 20; ++i) {
            std::u32string plate;
            for (std::size_t n = below(random, 10); n > 0; --n)
                plate += kSymbols[below(random, kSymbols.size())];
            if (below(random, 3) == 0) plate = U"서울" + plate;
            EXPECT_EQ(automaton.admits(plate), admits(pattern, plate)) << to_utf8(pattern) << to_utf8(plate);
            EXPECT_EQ(automaton.admits_or_lacks_mark(plate), admits_or_lacks_mark(pattern, plate))
                << to_utf8(pattern) << to_utf8(plate);
            // Nothing is given up that is still admitted.
            auto states = automaton.start();
            for (std::size_t k = plate.size(); k-- > 0;) {
                PatternAutomaton::States in_front = 0;
                for (const char32_t symbol : plate.substr(0, k)) in_front |= automaton.tokens_of(symbol);
                states = automaton.step(states, automaton.tokens_of(plate[k]));
                EXPECT_TRUE(!automaton.accepts_all(states) || admits(pattern, plate.substr(k)));
                states &= automaton.may_accept(k, in_front);
                if (admits(pattern, plate)) {
                    ASSERT_NE(states, 0u);
                    EXPECT_GE(automaton.most(states), k);
                }
            }
            EXPECT_EQ(automaton.accepts(states), admits(pattern, plate))
                << to_utf8(pattern) << to_utf8(plate);
        }
        EXPECT_TRUE(automaton.accepts(automaton.may_accept(0, 0)));
        EXPECT_EQ(automaton.may_accept(pattern.least_symbols(), ~0u) & 1, 1u);
        if (pattern.least_symbols() > 0) {
            EXPECT_EQ(automaton.may_accept(pattern.least_symbols() - 1, ~0u) & 1, 0u);
        }
    }
}

// The definition: every plate of the population, one by one.
TEST(PatternScore, IsTheSumOverThePlatesThatAreAdmitted) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    Population population = small_population();
    population.generic = {};
    population.classes.pop_back();  // the background leaves its word out
    const ScoringTable table = scoring(population);
    const auto plates = all_plates(population);
    ReadScorer scorer;
    std::size_t some = 0;
    for (int round = 0; round < 60; ++round) {
        const ReadEvidence read = read_near(random, plates[below(random, plates.size())]);
        if (read.size() == 0) continue;
        scorer.set_read(table, read);
        std::vector<std::tuple<std::u32string, double, double>> each;
        double all = 0;
        for_each_followed(scorer, table.population(),
                          [&](const std::u32string& plate, double vehicles, double p) {
                              each.emplace_back(plate, vehicles, p);
                              all += vehicles * p;
                          });
        double all_vehicles = 0;
        for (const auto& [plate, has, p] : each) all_vehicles += has;
        for (int i = 0; i < 40; ++i) {
            const Pattern pattern = random_pattern(random, U"012가거서울경");
            double sum = 0, vehicles = 0;
            for (const auto& [plate, has, p] : each) {
                if (!admits_or_lacks_mark(pattern, plate)) continue;
                vehicles += has;
                sum += has * p;
            }
            const PatternAutomaton automaton(pattern);
            EXPECT_NEAR(scorer.vehicles(automaton), vehicles, 1e-9 * (1 + vehicles)) << to_utf8(pattern);
            EXPECT_NEAR(scorer.share_of_classes(automaton), vehicles / all_vehicles, 1e-9)
                << to_utf8(pattern);
            EXPECT_NEAR(scorer.fitting(automaton), sum, 1e-9 * all) << to_utf8(pattern);
            some += sum > 1e-3 * all ? 1 : 0;
        }
    }
    EXPECT_GT(some, 100u);
}

// With words in front, with plates of no class, and whatever the read.
TEST(PatternScore, IsTheBackgroundWhereAllIsAdmitted) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    Population population = small_population();
    const ScoringTable with_generic = scoring(population);
    population.generic = {};
    const ScoringTable table = scoring(population);
    const auto plates = all_plates(small_population());
    ReadScorer scorer;
    for (int round = 0; round < 300; ++round) {
        const ReadEvidence read = round % 2 == 0 ? random_read(random, 1 + below(random, 12))
                                                 : read_near(random, plates[below(random, plates.size())]);
        if (read.size() == 0) continue;  // marks alone
        const Pattern any = parsed("*");
        scorer.set_read(with_generic, read);
        EXPECT_GE(scorer.fitting(PatternAutomaton(any)),
                  (scorer.background() - scorer.clutter()) - 1e-9 * scorer.background());
        scorer.set_read(table, read);
        const auto fitting = [&](std::string_view pattern) {
            return scorer.fitting(PatternAutomaton(parsed(pattern)));
        };
        const double all = fitting("*"), near = 1e-9 * all;
        // The background leaves out words of which the read shows little.
        const double background = scorer.background() - scorer.clutter();
        EXPECT_GE(all, background - 1e-9 * scorer.background());
        // In parts, by the automaton's different ways: what ends, contains and has such lengths.
        EXPECT_NEAR(fitting("*2"), all, near);
        EXPECT_NEAR(fitting("*[01]2"), all, near);
        double by_length = 0;
        for (std::string text = "????"; text.size() <= 9; text += '?') by_length += fitting(text);
        EXPECT_GE(by_length, all - near);  // a pattern lacks marks as lists do: some count twice
        EXPECT_LE(by_length, 2 * all + near);
        const double syllables = fitting("*가*") + fitting("*거*") + fitting("*힣*");
        EXPECT_LE(syllables, all + near);
        EXPECT_GE(syllables + fitting("외교*"), all - near);
    }
}

TEST(PatternScore, TakesWordsApart) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    Population population = small_population();
    population.generic = {};
    population.classes.erase(population.classes.begin(), population.classes.begin() + 2);
    population.classes.pop_back();  // what is left has a region mark
    const ScoringTable table = scoring(population);
    const auto plates = all_plates(population);
    ReadScorer scorer;
    for (int round = 0; round < 200; ++round) {
        const ReadEvidence read = read_near(random, plates[below(random, plates.size())]);
        scorer.set_read(table, read);
        const auto fitting = [&](std::string_view pattern) {
            return scorer.fitting(PatternAutomaton(parsed(pattern)));
        };
        const double all = fitting("*"), near = 1e-9 * all;
        EXPECT_NEAR(fitting("서울*") + fitting("경기*") + fitting("경북*"), all, near);
        EXPECT_NEAR(fitting("[서울경]*"), all, near);
        EXPECT_NEAR(fitting("경*"), fitting("경기*") + fitting("경북*"), near);
        // Patterns lack marks, as lists do.
        EXPECT_NEAR(fitting("0*") + fitting("1*") + fitting("2*"), all, near);
        EXPECT_NEAR(fitting("???????"), all, near);
        EXPECT_NEAR(fitting("?????????"), all, near);
        EXPECT_NEAR(fitting("[12]??????"), fitting("?[기북울][12]??????"), near);
    }
}

}  // namespace
}  // namespace platewatch
