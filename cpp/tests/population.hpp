// A small population for the tests of scoring, and reads of its plates.
#pragma once

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "platewatch/probability/population.hpp"
#include "platewatch/probability/score.hpp"
#include "tests/channel.hpp"

namespace platewatch {

using Random = std::mt19937_64;

inline std::size_t below(Random& random, std::size_t n) { return static_cast<std::size_t>(random() % n); }

inline VehicleClass::Position alike(std::u32string_view symbols) {
    VehicleClass::Position position;
    for (const char32_t c : symbols) position.emplace_back(c, 1 / static_cast<double>(symbols.size()));
    return position;
}

// Few enough plates to sum over all of them, as long as plates are.
inline Population small_population() {
    Population population;
    population.clutter = 0.02;
    const auto _ = [](char32_t symbol) { return VehicleClass::Position{{symbol, 1.0}}; };
    const auto digit = alike(U"012");
    population.classes = {
        {"seven", 500, {}, false, {alike(U"12"), digit, alike(U"가거"), digit, _(U'0'), _(U'1'), _(U'2')}},
        {"six", 90, {}, false, {digit, {{U'가', 0.9}, {U'힣', 0.1}}, digit, _(U'0'), _(U'1'), _(U'2')}},
        {"with a mark",
         40,
         {U"서울", U"경기", U"경북"},
         true,
         {digit, digit, _(U'거'), alike(U"01"), _(U'0'), _(U'1'), _(U'2')},
         0.25},
        // Differs from the one before at one place.
        {"with a mark, of another code",
         12,
         {U"서울", U"경기", U"경북"},
         true,
         {alike(U"21"), digit, _(U'거'), alike(U"01"), _(U'0'), _(U'1'), _(U'2')},
         0.5},
        {"with a word", 5, {U"외교"}, false, {digit, _(U'1'), _(U'0'), _(U'1'), _(U'2')}},
    };
    population.generic = {0.001, U"ABC", 4, 5};
    return population;
}

inline void add_plates(const VehicleClass& vehicles, std::size_t at, std::u32string plate,
                       std::vector<std::u32string>& out) {
    if (at == vehicles.positions.size()) return out.push_back(plate);
    for (const auto& [symbol, share] : vehicles.positions[at])
        add_plates(vehicles, at + 1, plate + symbol, out);
}

inline std::vector<std::u32string> all_plates(const Population& population) {
    std::vector<std::u32string> plates;
    for (const VehicleClass& vehicles : population.classes) {
        if (vehicles.words.empty()) add_plates(vehicles, 0, U"", plates);
        for (const std::u32string& word : vehicles.words) add_plates(vehicles, 0, word, plates);
    }
    for (const VehicleClass& form : population.forms) add_plates(form, 0, U"", plates);
    VehicleClass generic;
    for (std::size_t n = 1; n <= population.generic.most; ++n) {
        generic.positions.push_back(alike(population.generic.symbols));
        if (n >= population.generic.least) add_plates(generic, 0, U"", plates);
    }
    std::ranges::sort(plates);
    const auto repeats = std::ranges::unique(plates);
    plates.erase(repeats.begin(), repeats.end());
    return plates;
}

inline ScoringTable scoring(const Population& population = small_population()) {
    return {small_table(), std::make_shared<const PopulationTrie>(population)};
}

// A symbol, mark or stranger, with or without a confidence and alternatives.
inline Evidence random_evidence(Random& random) {
    constexpr std::u32string_view kCharacters = U"0120120가거가거서울A/%-힣갸";
    Evidence evidence{.c = kCharacters[below(random, kCharacters.size())]};
    if (below(random, 3) == 0) return evidence;
    evidence.p = static_cast<float>(below(random, 101)) / 100;
    evidence.has_alternatives = below(random, 2) == 0;
    for (const char32_t symbol : {U'1', U'거', U'Q', U'가', U'걔'}) {
        if (!evidence.has_alternatives || symbol == evidence.c || below(random, 2) == 0) continue;
        evidence.alternatives[evidence.alternative_count++] = {symbol,
                                                               static_cast<float>(below(random, 60)) / 100};
    }
    return evidence;
}

inline ReadEvidence random_read(Random& random, std::size_t size) {
    ReadEvidence read;
    for (std::size_t j = 0; j < size; ++j) add(random_evidence(random), read);
    return read;
}

// The same with some of the characters of a plate left as they are.
inline ReadEvidence read_near(Random& random, const std::u32string& plate) {
    ReadEvidence read;
    for (const char32_t symbol : plate) {
        const std::size_t what = below(random, 12);
        if (what == 0) continue;
        Evidence evidence = random_evidence(random);
        if (what > 2) {
            evidence = {.c = symbol};
        } else if (what == 2) {
            evidence.c = symbol;
        }
        add(evidence, read);
        if (what == 2) add({.c = random_evidence(random).c}, read);
    }
    if (below(random, 2) == 0) read.set_confidence(static_cast<float>(below(random, 101)) / 100);
    return read;
}

}  // namespace platewatch
