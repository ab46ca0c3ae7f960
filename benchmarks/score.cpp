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

#include "platewatch/region.hpp"
#include "platewatch/score.hpp"

namespace {

using namespace platewatch;
using Clock = std::chrono::steady_clock;

constexpr std::u32string_view kPrivate = U"가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주";

Population korea() {
    const auto uniform = [](std::u32string_view symbols) {
        VehicleClass::Position position;
        for (const char32_t c : symbols) position.emplace_back(c, 1 / static_cast<double>(symbols.size()));
        return position;
    };
    const auto d = uniform(U"0123456789"), s = uniform(kPrivate), c = uniform(U"바사아자배");
    Population population;
    population.clutter = 0.01;
    population.generic = {0.002, U"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", 5, 8};
    std::vector<std::u32string> regions(kRegionMarks.begin(), kRegionMarks.end());
    population.classes = {
        {"8", 21.8e6, {}, false, {uniform(U"123456"), d, d, s, d, d, d, d}},
        {"7", 2.6e6, {}, false, {d, d, uniform(U"가나다라마거너국합육"), d, d, d, d}},
        {"commercial", 1.5e6, regions, true, {d, d, c, d, d, d, d}},
        {"diplomatic", 5e3, {U"외교", U"영사", U"준외", U"준영", U"국기", U"협정", U"대표"}, false, {d, d, d, d, d, d}},
        {"temporary", 2e4, {}, false, {uniform(U"임"), d, d, d, d, d}},
        {"days", 1e4, {}, false, {d, d, d, d, d, d}},
        {"motorcycles", 5e4, {}, false, {uniform(U"123456789"), s, d, d, d, d, d}},
    };
    return population;
}

ChannelTable table() {
    std::u32string symbols = U"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    std::u32string syllables(kPrivate);
    syllables += U"바사아자배국합육해공임허하호울산구인천광주대전세종경기강원충북남제외교영준협정표";
    std::ranges::sort(syllables);
    for (const char32_t c : syllables) {
        if (symbols.back() != c) symbols += c;
    }
    const std::size_t columns = symbols.size() + kSymbolClasses;
    ChannelRates rates(columns, 2);
    const double each = 1 / static_cast<double>(columns);
    rates.level = {0.8, 0.2};
    for (std::size_t level = 0; level < ChannelRates::kLevels; ++level) {
        for (std::size_t c = 0; c < kSymbolClasses; ++c) {
            for (std::size_t edge = 0; edge < 2; ++edge) {
                rates.one[level][c][edge] = 0.97;
                rates.deletion[level][c][edge] = 0.02;
                rates.split[level][c][edge] = 0.01;
            }
            rates.merge[level][c].fill(0.01);
            rates.ratio_rank[c].fill(0.2);
            rates.ratio_lost[c].fill(0.2);
            for (auto& as : rates.merged_as[c]) as.fill(1.0 / 3);
        }
        rates.insertion[level] = {0.01, 0.02};
        rates.region_loss[level] = 0.2;
    }
    std::ranges::fill(rates.right, 0.95);
    std::ranges::fill(rates.wrong, 0.05);
    for (auto* values : {&rates.confusion, &rates.inserted, &rates.split_first, &rates.split_second})
        std::ranges::fill(*values, each);
    for (auto* values : {&rates.ratio_right, &rates.ratio_wrong, &rates.ratio_inserted, &rates.ratio_merged})
        std::ranges::fill(*values, 1.0);
    std::ranges::fill(rates.alternative, 0.1);
    return ChannelTable({symbols.begin(), symbols.end()}, {}, rates);
}

template <class Work>
double nanoseconds(const Work& work) {
    constexpr int kRounds = 200, kTimes = 500;
    double best = 1e18;
    for (int round = 0; round < kRounds; ++round) {
        const auto start = Clock::now();
        for (int i = 0; i < kTimes; ++i) work(i);
        best = std::min(best, std::chrono::duration<double, std::nano>(Clock::now() - start).count() / kTimes);
    }
    return best;
}

}  // namespace

int main() {
    const ScoringTable scoring(table(), std::make_shared<const PopulationTrie>(korea()));
    std::vector<ReadEvidence> reads;
    std::vector<std::u32string> plates;
    for (int i = 0; i < 64; ++i) {
        std::u32string plate = U"123가4567";
        plate[static_cast<std::size_t>(i % 3)] = U'1' + static_cast<char32_t>(i % 7);
        plate[3] = kPrivate[static_cast<std::size_t>(i) % kPrivate.size()];
        plates.push_back(plate);
        plate[static_cast<std::size_t>(4 + i % 4)] = U'0' + static_cast<char32_t>(i % 10);
        reads.emplace_back().assign(plate);
    }
    ReadScorer scorer;
    double sum = 0;
    const double prepare = nanoseconds([&](int i) { scorer.set_read(scoring, reads[static_cast<std::size_t>(i) % 64]); });
    const double likelihood =
        nanoseconds([&](int i) { sum += scorer.likelihood(plates[static_cast<std::size_t>(i) % 64]); });
    const double background = nanoseconds([&](int i) {
        scorer.set_read(scoring, reads[static_cast<std::size_t>(i) % 64]);
        sum += scorer.background();
    });
    std::printf("a read made ready %7.1f ns\nP(read | plate)   %7.1f ns\nbackground        %7.1f ns, %zu nodes (%g)\n",
                prepare, likelihood, background - prepare, scoring.population().nodes().size(), sum > 0 ? 1.0 : 0.0);
}
