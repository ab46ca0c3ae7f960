// Time of scoring, by the core alone: of P(read | plate) for each match, and of the background of a read.
//
// Run: make bench-core && build/bench/score_benchmark
//
// The tables are made up: what a score costs does not depend on their numbers.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "platewatch/probability/score.hpp"
#include "workload.hpp"

namespace {

using namespace platewatch;
using Clock = std::chrono::steady_clock;

template <class Work>
double nanoseconds(const Work& work) {
    constexpr int kRounds = 200, kTimes = 500;
    double best = 1e18;
    for (int round = 0; round < kRounds; ++round) {
        const auto start = Clock::now();
        for (int i = 0; i < kTimes; ++i) work(i);
        best =
            std::min(best, std::chrono::duration<double, std::nano>(Clock::now() - start).count() / kTimes);
    }
    return best;
}

}  // namespace

int main() {
    const ScoringTable scoring(workload::table(), std::make_shared<const PopulationTrie>(workload::korea()));
    std::vector<ReadEvidence> reads;
    std::vector<std::u32string> plates;
    for (int i = 0; i < 64; ++i) {
        std::u32string plate = U"123가4567";
        plate[static_cast<std::size_t>(i % 3)] = U'1' + static_cast<char32_t>(i % 7);
        plate[3] = workload::kSyllables[static_cast<std::size_t>(i) % workload::kSyllables.size()];
        plate[7] = U'0' + static_cast<char32_t>(i % 10);  // what ends like the one before costs less
        plates.push_back(plate);
        plate[static_cast<std::size_t>(4 + i % 4)] = U'0' + static_cast<char32_t>(i * 3 % 10);
        reads.emplace_back().assign(plate);
    }
    ReadScorer scorer;
    double sum = 0;
    const double prepare =
        nanoseconds([&](int i) { scorer.set_read(scoring, reads[static_cast<std::size_t>(i) % 64]); });
    const double likelihood =
        nanoseconds([&](int i) { sum += scorer.likelihood(plates[static_cast<std::size_t>(i) % 64]); });
    const double background = nanoseconds([&](int i) {
        scorer.set_read(scoring, reads[static_cast<std::size_t>(i) % 64]);
        sum += scorer.background();
    });
    std::printf(
        "a read made ready %7.1f ns\nP(read | plate)   %7.1f ns\nbackground        %7.1f ns, %zu nodes "
        "(%g)\n",
        prepare, likelihood, background - prepare, scoring.population().nodes().size(), sum > 0 ? 1.0 : 0.0);
}
