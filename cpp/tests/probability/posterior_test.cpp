// From matches to probabilities, by hand and against scores without a minimum.
#include "platewatch/probability/posterior.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "platewatch/text/pattern.hpp"
#include "tests/channel.hpp"
#include "tests/population.hpp"
#include "tests/scored.hpp"
#include "tests/support.hpp"

namespace platewatch {
namespace {

class Posterior : public testing::Test {
  protected:
    static IndexEntry entry(std::string id, std::u32string_view plate, float weight = 1) {
        IndexEntry out{std::move(id), Symbols(plate)};
        out.weight = weight;
        return out;
    }

    Scores score(const Entries& entries, const std::u32string& read, Floor floor = {}, unsigned k = 2) {
        return scores_of(entries, {read}, k, [&](const State& state, auto& matches, auto& scores) {
            scorer_.score(state, table_, plain(read), floor, matches, scores);
        });
    }

    double likelihood_of(std::u32string_view read, std::u32string_view plate) const {
        const ReadEvidence evidence = plain(read);
        return likelihood(ReadView(table_.table(), evidence), plate);
    }
    double background_of(std::u32string_view read) const {
        const ReadEvidence evidence = plain(read);
        ReadScorer scorer;
        scorer.set_read(table_, evidence);
        return scorer.background();
    }

    ScoringTable table_ = scoring();
    MatchScorer scorer_;
};

TEST_F(Posterior, ByHand) {
    const auto found = score({entry("a", U"10가1012", 2), entry("b", U"12가1012")}, U"10가1012");
    ASSERT_EQ(found.size(), 2u);
    const double a = likelihood_of(U"10가1012", U"10가1012"), b = likelihood_of(U"10가1012", U"12가1012");
    const double each = 500.0 / 36;
    const double all = 2 * a + b + background_of(U"10가1012") - each * (a + b);
    EXPECT_EQ(found[0].first, "a");
    EXPECT_NEAR(found[0].second.probability, 2 * a / all, 1e-12);
    EXPECT_NEAR(found[1].second.probability, b / all, 1e-12);
    EXPECT_NEAR(found[1].second.log_likelihood, std::log(b), 1e-12);
}

TEST_F(Posterior, TwoAgenciesThatListOneVehicleShareItsProbability) {
    const auto alone = score({entry("a", U"10가1012")}, U"10가2012");
    const auto both = score({entry("a", U"10가1012"), entry("b", U"10가1012")}, U"10가2012");
    ASSERT_EQ(both.size(), 2u);
    EXPECT_EQ(both[0].second.probability, alone[0].second.probability);
    EXPECT_EQ(both[1].second.probability, alone[0].second.probability);
    EXPECT_EQ(both[0].first, "a");
}

TEST_F(Posterior, WhatCannotReachTheMinimumIsLeftOut) {
    const Entries entries = {entry("a", U"10가1012"), entry("b", U"12가1012"), entry("c", U"12거2012"),
                             entry("d", U"0012012")};
    for (const char32_t* read : {U"10가1012", U"10가2012", U"1001012", U"00가2012", U"12거012", U"0012012"}) {
        const auto all = score(entries, read);
        for (const double least : {1e-6, 1e-3, 0.01, 0.1, 0.5}) {
            const auto kept = score(entries, read, {least});
            std::size_t expected = 0;
            for (const auto& [id, s] : all) expected += s.probability >= least ? 1 : 0;
            ASSERT_EQ(kept.size(), expected);
            for (std::size_t i = 0; i < kept.size(); ++i)
                EXPECT_EQ(kept[i].second.probability, all[i].second.probability);
        }
    }
}

TEST_F(Posterior, WhatCannotReachTheMinimumIsLeftOutOfAnyRead) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    const auto plates = all_plates(small_population());
    int kept = 0, left_out = 0;
    for (int round = 0; round < 300; ++round) {
        Entries entries;
        for (int i = 0; i < 3; ++i) {
            const float weight = std::array{0.5F, 1.0F, 50.0F}[below(random, 3)];
            entries.push_back(entry(std::to_string(i), plates[below(random, plates.size())], weight));
        }
        ReadTexts read;
        read.own = read_near(random, std::u32string(entries[0].plate.view()));
        const std::u32string text = canonical_text(read.own);
        if (text.empty()) continue;
        if (below(random, 3) == 0) {
            read.share = 0.6;
            read.others.push_back({read_near(random, std::u32string(entries[1].plate.view())), 0.4});
        }
        const auto scored = [&](Floor floor) {
            return scores_of(entries, {text}, 3, [&](const State& state, auto& matches, auto& scores) {
                scorer_.score(state, table_, read, floor, matches, scores);
            });
        };
        const double least = std::pow(10, -static_cast<double>(below(random, 500)) / 100);
        const Scores found = scored({least});
        auto next = found.begin();
        for (const auto& [id, s] : scored({})) {
            if (s.probability < least) {
                ++left_out;
                continue;
            }
            ++kept;
            ASSERT_NE(next, found.end()) << id << " of " << to_utf8(text);
            EXPECT_EQ(next->first, id);
            EXPECT_EQ((next++)->second.probability, s.probability);
        }
        EXPECT_EQ(next, found.end());
    }
    EXPECT_GT(kept, 50);
    EXPECT_GT(left_out, 50);
}

TEST_F(Posterior, APatternIsAsProbableAsThePlatesThatItAdmits) {
    const auto found = score({wanted("1?가1012"), entry("a", U"10가1012")}, U"10가1012");
    ASSERT_EQ(found.size(), 2u);
    const double each = 500.0 / 36;
    double fits = 0;
    for (const char32_t* plate : {U"11가1012", U"12가1012"}) fits += each * likelihood_of(U"10가1012", plate);
    const double a = likelihood_of(U"10가1012", U"10가1012");
    const double all = a + background_of(U"10가1012") - each * a;
    EXPECT_EQ(found[0].first, "1?가1012");
    EXPECT_NEAR(found[0].second.probability, (fits + a) / all, 1e-6);
    EXPECT_NEAR(found[1].second.probability, a / all, 1e-12);
}

// The list has a plate without the mark that was read, and some other vehicle may have the plate without one.
TEST_F(Posterior, AMarkThatTheListLacksWasOmittedOrIsNotThere) {
    Population population = small_population();
    population.classes.push_back({"bare", 30, {}, false, population.classes[2].positions});
    table_ = scoring(population);
    const std::u32string read = U"서울10거0012", bare = read.substr(2);
    const double as_listed = likelihood_of(read, bare), with_mark = likelihood_of(read, read);
    const double listed = 0.5 * as_listed + 0.5 * with_mark;
    const double own =
        0.5 * registered(population, bare) * as_listed + 0.5 * registered(population, read) * with_mark;
    const double all = listed + background_of(read) - own;
    ASSERT_GT(registered(population, bare), 0.1);

    const auto found = score({entry("bare", bare)}, read);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_NEAR(found[0].second.probability, listed / all, 1e-12);
    EXPECT_NEAR(found[0].second.log_likelihood, std::log(listed), 1e-12);
    for (const double least : {0.01, listed / all - 1e-6})
        EXPECT_EQ(score({entry("bare", bare)}, read, {least}).size(), 1u);
    EXPECT_TRUE(score({entry("bare", bare)}, read, {listed / all + 1e-6}).empty());

    const MatchScorer::Weighed weighed = scorer_.weigh(table_, plain(read), to_utf8(bare));
    EXPECT_EQ(weighed.probability, found[0].second.probability);
    EXPECT_NEAR(weighed.likelihood, listed, 1e-12);
    EXPECT_NEAR(weighed.others, all - listed, 1e-12);
    EXPECT_EQ(weighed.omitted, 0.5);
    EXPECT_EQ(scorer_.weigh(table_, plain(bare), to_utf8(read)).omitted, 0);

    // Listed with and without: the vehicle that has the mark is nobody else's, whoever lists it.
    const auto both = score({entry("bare", bare), entry("whole", read)}, read);
    ASSERT_EQ(both.size(), 2u);
    const double others = background_of(read) - 0.5 * registered(population, bare) * as_listed -
                          registered(population, read) * with_mark;
    EXPECT_NEAR(both[0].second.probability, with_mark / (with_mark + listed + others), 1e-12);
}

TEST_F(Posterior, APatternAdmitsWhatAListedPlateStandsForWithItsOmittedMark) {
    Population population = small_population();
    population.classes.push_back({"bare", 30, {}, false, population.classes[2].positions});
    table_ = scoring(population);
    const std::u32string read = U"서울10거0012", bare = read.substr(2);
    const double as_listed = 0.5 * likelihood_of(read, bare), with_mark = 0.5 * likelihood_of(read, read);
    const double own_as_listed = registered(population, bare) * as_listed;
    const double own_with_mark = registered(population, read) * with_mark;
    const double all = as_listed + with_mark + background_of(read) - own_as_listed - own_with_mark;
    // Of the plates that a pattern admits, the population has but one; and of those of other regions.
    double elsewhere = 0;
    for (const std::u32string& plate : {U"경기" + bare, U"경북" + bare})
        elsewhere += registered(population, plate) * likelihood_of(read, plate);
    const auto probability = [&](std::string_view pattern) {
        return probability_of(pattern, score({wanted(pattern), entry("bare", bare)}, read));
    };
    EXPECT_NEAR(probability("서울10거001?"), (with_mark + 2 * own_with_mark - own_with_mark) / all, 1e-6);
    EXPECT_NEAR(probability("10거001?"),
                (as_listed + with_mark + own_as_listed + own_with_mark + elsewhere) / all, 1e-6);
}

TEST_F(Posterior, OfManyMatchesTheOrderIsByProbabilityThenEditsThenId) {
    Entries entries;
    for (const char32_t* plate :
         {U"10가1012", U"11가1012", U"12가1012", U"20가1012", U"10거1012", U"10가0012"}) {
        const std::string id = to_utf8(plate);
        entries.push_back(entry("z" + id, plate));
        entries.push_back(entry("a" + id, plate));
    }
    const auto found = score(entries, U"10가1012");
    ASSERT_EQ(found.size(), 12u);
    for (std::size_t i = 1; i < found.size(); ++i)
        EXPECT_GE(found[i - 1].second.probability, found[i].second.probability);
    for (std::size_t i = 0; i < found.size(); i += 2) EXPECT_EQ(found[i].first[0], 'a') << i;
}

}  // namespace
}  // namespace platewatch
