// Scores of passes against sums over every plate.
#include "platewatch/probability/pass.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/population.hpp"
#include "tests/scored.hpp"
#include "tests/support.hpp"

namespace platewatch {
namespace {

double likelihood_of(const PassRead& read, std::u32string_view plate) {
    const auto of = [&](const ReadEvidence& text) {
        const ChannelTable& table = read.table->table();
        if (read.level == nullptr) return likelihood(ReadView(table, text), plate);
        std::array<double, ChannelRates::kLevels> level;
        for (std::size_t l = 0; l < level.size(); ++l) level[l] = (*read.level)[l];
        return likelihood(ReadView(table.with_level(level), text), plate);
    };
    double sum = read.texts.share * of(read.texts.own);
    for (const auto& [text, share] : read.texts.others) sum += share * of(text);
    return sum;
}

// A frame that is weighed, and its exponent.
using Weighed = std::vector<std::pair<PassRead, double>>;

// By the definition: (1 + (m - 1) frame_weight) for m frames that read the same, and texts that differ as
// much as one together; of more than five frames one stands for a text, the surest, and five texts, those
// that most frames read.
Weighed weighed(const std::vector<PassRead>& pass, double frame_weight) {
    std::map<std::u32string, std::vector<PassRead>> by_text;
    for (const PassRead& read : pass) by_text[canonical_text(read.texts.own)].push_back(read);
    std::vector<std::vector<PassRead>> texts;
    for (auto& [text, reads] : by_text) texts.push_back(reads);
    std::ranges::stable_sort(texts, std::greater(), [](const auto& reads) { return reads.size(); });
    if (texts.size() > 5) texts.resize(5);
    Weighed out;
    for (const auto& reads : texts) {
        const auto m = static_cast<double>(reads.size());
        const double weight = (1 + (m - 1) * frame_weight) / static_cast<double>(texts.size());
        const auto confidence = [](const PassRead& read) {
            double sum = 0;
            for (const Evidence& e : read.texts.own.view()) sum += std::max(0.0, static_cast<double>(e.p));
            return sum;
        };
        if (pass.size() > 5) {
            out.emplace_back(*std::ranges::max_element(reads, {}, confidence), weight);
        } else {
            for (const PassRead& read : reads) out.emplace_back(read, weight / m);
        }
    }
    double sum = 0;
    for (const auto& [read, weight] : out) sum += weight;
    for (auto& [read, weight] : out) weight *= std::min(1.0, 5 / sum);
    return out;
}

double joint(const Weighed& pass, std::u32string_view plate) {
    double product = 1;
    for (const auto& [read, weight] : pass) product *= std::pow(likelihood_of(read, plate), weight);
    return product;
}

// Of everybody: the sum over every plate, and that no vehicle is there.
double joint_of_all(const Population& population, const Weighed& pass) {
    double sum = pass.front().first.table->clutter();
    for (const auto& [read, weight] : pass) {
        ReadScorer scorer;
        const auto of = [&, recogniser = read.recogniser()](const ReadEvidence& text) {
            scorer.set_read(recogniser, text);
            return scorer.any_text();
        };
        double any = read.texts.share * of(read.texts.own);
        for (const auto& [text, share] : read.texts.others) any += share * of(text);
        sum *= std::pow(any, weight);
    }
    for (const std::u32string& plate : all_plates(population))
        sum += registered(population, plate) * joint(pass, plate);
    return sum;
}

// One small enough to sum over all of its plates.
Population enumerable() {
    Population population = small_population();
    population.generic = {};
    return population;
}

class PassPosterior : public testing::Test {
  protected:
    PassPosterior() : random_(seed()), population_(enumerable()), plates_(all_plates(population_)) {}

    const std::u32string& any_plate() { return plates_[below(random_, plates_.size())]; }

    // Against the sum over every plate.
    void expect_that_of_the_sum(const std::u32string& plate, std::size_t reads, double frame_weight,
                                std::size_t candidates = 0, const Levels* level = nullptr) {
        SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
        std::vector<PassRead> pass;
        while (pass.size() < reads) {
            ReadTexts& texts = pass.emplace_back(PassRead{&table_, read_near(random_, plate), level}).texts;
            texts.share = 1 / static_cast<double>(1 + candidates);
            while (texts.others.size() < candidates)
                texts.others.push_back({read_near(random_, any_plate()), texts.share});
        }
        const Weighed frames = weighed(pass, frame_weight);
        const double all = joint_of_all(population_, frames);
        const double own = registered(population_, plate) * joint(frames, plate);
        // What is left out of the search, and what its bound makes of it.
        EXPECT_NEAR(scorer_.posterior(pass, frame_weight, plate), own / all, 0.02 + 0.02 * own / all)
            << reads << " reads of " << to_utf8(plate) << ", one more " << frame_weight;
    }

    Random random_;
    Population population_;
    std::vector<std::u32string> plates_;
    ScoringTable table_ = scoring(population_);
    PassScorer scorer_;
};

TEST_F(PassPosterior, IsThatOfTheSumOverEveryPlate) {
    for (int round = 0; round < 150; ++round) {
        const std::size_t reads = 1 + below(random_, 3);
        const double weight = 0.1 * static_cast<double>(below(random_, 11));
        expect_that_of_the_sum(any_plate(), reads, weight);
    }
}

TEST_F(PassPosterior, ByACamerasLevelsIsThatOfTheSumToo) {
    constexpr std::array<double, ChannelRates::kLevels> kDirty = {0.05, 0.75, 0.1, 0.1};
    const Levels dirty = Levels::of([&](std::size_t l) { return kDirty[l]; });
    for (int round = 0; round < 60; ++round)
        expect_that_of_the_sum(any_plate(), 1 + below(random_, 3), 0.8, 0, &dirty);
}

TEST_F(PassPosterior, OfReadsWithSeveralTextsIsThatOfTheSumToo) {
    for (int round = 0; round < 60; ++round) {
        const std::size_t reads = 1 + below(random_, 3);
        const double weight = 0.1 * static_cast<double>(below(random_, 11));
        expect_that_of_the_sum(any_plate(), reads, weight, 1 + below(random_, 3));
    }
}

// The bound on what is left goes by them.
TEST_F(PassPosterior, OfTheRarestPlatesIsThatOfTheSumToo) {
    for (int round = 0; round < 30; ++round) {
        for (const std::u32string& plate : plates_) {
            if (plate.find(U'힣') != plate.npos) expect_that_of_the_sum(plate, 2 + below(random_, 2), 0.9);
        }
    }
}

// More plates than are followed: what is left is estimated.
TEST(PassScorer, OfManyPlatesIsNearTheSum) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    Population population;
    population.clutter = 1e-9;
    population.classes = {{"eight", 5000, {}, false, std::vector(8, alike(U"012"))}};
    const ScoringTable table = scoring(population);
    const auto plates = all_plates(population);
    for (int round = 0; round < 8; ++round) {
        const std::u32string& plate = plates[below(random, plates.size())];
        std::u32string front = plate, back = plate;
        front.erase(5);
        back.erase(0, 4);
        const std::vector<PassRead> pass = {{&table, plain(front)}, {&table, plain(back)}};
        const Weighed frames = weighed(pass, 0.6);
        const double own = registered(population, plate) * joint(frames, plate);
        const double all = joint_of_all(population, frames);
        EXPECT_NEAR(PassScorer().posterior(pass, 0.6, plate), own / all, 0.5 * own / all) << to_utf8(plate);
    }
}

// Of many, only some are weighed.
TEST_F(PassPosterior, OfManyReadsIsStillThatOfTheSumOverEveryPlate) {
    for (const std::size_t reads : {6, 20, 100, 400}) expect_that_of_the_sum(any_plate(), reads, 0.6);
}

TEST_F(PassPosterior, IsTheSameBesideAClassThatNobodyHas) {
    Population population = population_;
    population.classes.push_back(population.classes[0]);
    population.classes.back().vehicles = 0;
    population.classes.back().positions[2] = alike(U"나");
    population.classes.back().positions[3] = alike(U"1");
    const ScoringTable beside = scoring(population);
    for (int round = 0; round < 20; ++round) {
        const std::u32string& plate = any_plate();
        std::vector<PassRead> pass = {{&table_, read_near(random_, plate)},
                                      {&table_, read_near(random_, plate)}};
        const double expected = scorer_.posterior(pass, 0.6, plate);
        for (PassRead& read : pass) read.table = &beside;
        EXPECT_NEAR(scorer_.posterior(pass, 0.6, plate), expected, 1e-6 + 1e-3 * expected);
    }
}

TEST(PassScorer, TheOrderOfTheReadsDoesNotMatter) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    const ScoringTable table = scoring();
    const auto plates = all_plates(small_population());
    for (int round = 0; round < 50; ++round) {
        const std::u32string& plate = plates[below(random, plates.size())];
        std::vector<PassRead> pass;
        for (int n = 0; n < 3; ++n) pass.push_back({&table, read_near(random, plate)});
        const double once = PassScorer().posterior(pass, 0.5, plate);
        std::ranges::reverse(pass);
        EXPECT_NEAR(PassScorer().posterior(pass, 0.5, plate), once, 1e-3);
    }
}

// As in scoring one read: see Posterior.AMarkThatTheListLacksWasOmittedOrIsNotThere.
TEST(PassScorer, AMarkThatTheListLacksWasOmittedOrIsNotThere) {
    Population population = enumerable();
    population.classes.push_back({"bare", 30, {}, false, population.classes[2].positions});
    const ScoringTable table = scoring(population);
    const std::u32string read = U"서울10거0012", bare = read.substr(2);
    const std::vector<PassRead> pass = {{&table, plain(read)}, {&table, plain(bare)}, {&table, plain(read)}};
    const Weighed frames = weighed(pass, 0.6);
    const double as_listed = joint(frames, bare), with_mark = joint(frames, read);
    const double listed = 0.5 * as_listed + 0.5 * with_mark;
    const double others = joint_of_all(population, frames) - 0.5 * registered(population, bare) * as_listed -
                          0.5 * registered(population, read) * with_mark;

    // Of the plates that a pattern admits, the population has but one; and of those of other regions.
    const double half_others = 0.5 * registered(population, read) * with_mark;
    double without_mark = listed + half_others + 0.5 * registered(population, bare) * as_listed;
    for (const std::u32string& plate : {U"경기" + bare, U"경북" + bare})
        without_mark += registered(population, plate) * joint(frames, plate);

    const Scores scores = scores_of({wanted(to_utf8(bare)), wanted("서울10거001?"), wanted("10거001?")},
                                    {read}, 1, [&](const State& state, auto& matches, auto& found) {
                                        PassScorer().score(state, pass, 0.6, {}, matches, found);
                                    });
    ASSERT_EQ(scores.size(), 3u);
    EXPECT_NEAR(probability_of(to_utf8(bare), scores), listed / (listed + others), 0.02);
    EXPECT_NEAR(probability_of("서울10거001?", scores), (0.5 * with_mark + half_others) / (listed + others),
                0.02);
    EXPECT_NEAR(probability_of("10거001?", scores), without_mark / (listed + others), 0.02);
    for (const auto& [id, score] : scores) {
        if (id == to_utf8(bare)) {
            EXPECT_NEAR(score.log_likelihood, std::log(listed), 1e-9);
        }
    }
}

}  // namespace
}  // namespace platewatch
