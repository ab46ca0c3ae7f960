// Scores of passes against sums over every plate.
#include "platewatch/pass.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "population.hpp"
#include "support.hpp"

namespace platewatch {
namespace {

double joint(const std::vector<PassRead>& pass, std::u32string_view plate, double frame_weight) {
    double product = 1;
    for (const PassRead& read : pass)
        product *= std::pow(likelihood(ReadView(read.table->table(), read.evidence), plate), frame_weight);
    return product;
}

TEST(PassScorer, PosteriorIsThatOfTheSumOverEveryPlate) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    Population population = small_population();
    population.generic = {};
    population.clutter = 1e-9;
    const ScoringTable table = scoring(population);
    const auto plates = all_plates(population);
    PassScorer scorer;
    for (int round = 0; round < 150; ++round) {
        const std::u32string& plate = plates[below(random, plates.size())];
        std::vector<PassRead> pass;
        for (std::size_t n = 1 + below(random, 3); n > 0; --n)
            pass.push_back({&table, read_near(random, plate)});
        const double frame_weight = pass.size() == 1 ? 1 : 0.5 + 0.1 * static_cast<double>(below(random, 6));
        double all = 0;
        for (const std::u32string& other : plates)
            all += registered(population, other) * joint(pass, other, frame_weight);
        const double own = registered(population, plate) * joint(pass, plate, frame_weight);
        // What is left out of the search, and what its bound makes of it.
        EXPECT_NEAR(scorer.posterior(pass, frame_weight, plate), own / all, 0.02 + 0.02 * own / all) << round;
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

}  // namespace
}  // namespace platewatch
