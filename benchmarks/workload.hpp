// Lists, reads and tables that the core's benchmarks share.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "platewatch/probability/score.hpp"
#include "platewatch/text/region.hpp"

namespace workload {

using namespace platewatch;

inline constexpr std::u32string_view kSyllables =
    U"가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주";

// Random Korean plates, 70 % of 8 symbols and 30 % of 7.
class Plates {
  public:
    explicit Plates(std::uint64_t seed) : random_(seed) {}

    std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }

    std::u32string plate() {
        const std::size_t code = below(10) < 7 ? 100 + below(600) : 1 + below(69);
        std::u32string text = digits(code, code < 100 ? 2 : 3);
        text += kSyllables[below(kSyllables.size())];
        return text + digits(below(10000), 4);
    }

    std::u32string misread(std::u32string text) {
        text[below(text.size())] = U'0' + static_cast<char32_t>(below(10));
        return text;
    }

  private:
    static std::u32string digits(std::size_t value, std::size_t count) {
        std::u32string text(count, U'0');
        for (std::size_t i = count; i-- > 0; value /= 10) text[i] = U'0' + static_cast<char32_t>(value % 10);
        return text;
    }

    std::mt19937_64 random_;
};

// The vehicles of Korea, roughly.
inline Population korea() {
    const auto uniform = [](std::u32string_view symbols) {
        VehicleClass::Position position;
        for (const char32_t c : symbols) position.emplace_back(c, 1 / static_cast<double>(symbols.size()));
        return position;
    };
    const auto d = uniform(U"0123456789"), s = uniform(kSyllables), c = uniform(U"바사아자배");
    Population population;
    population.clutter = 0.01;
    population.generic = {0.002, U"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", 5, 8};
    std::vector<std::u32string> regions(kRegionMarks.begin(), kRegionMarks.end());
    population.classes = {
        {"8", 21.8e6, {}, false, {uniform(U"123456"), d, d, s, d, d, d, d}},
        {"7", 2.6e6, {}, false, {d, d, uniform(U"가나다라마거너국합육"), d, d, d, d}},
        {"commercial", 1.5e6, regions, true, {d, d, c, d, d, d, d}},
        {"diplomatic",
         5e3,
         {U"외교", U"영사", U"준외", U"준영", U"국기", U"협정", U"대표"},
         false,
         {d, d, d, d, d, d}},
        {"temporary", 2e4, {}, false, {uniform(U"임"), d, d, d, d, d}},
        {"days", 1e4, {}, false, {d, d, d, d, d, d}},
        {"motorcycles", 5e4, {}, false, {uniform(U"123456789"), s, d, d, d, d, d}},
    };
    return population;
}

// Made up: what a score costs does not depend on its numbers.
inline ChannelTable table() {
    std::u32string symbols = U"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    std::u32string syllables(kSyllables);
    syllables += U"바사아자배국합육해공임허하호울산구인천광주대전세종경기강원충북남제외교영준협정표";
    std::ranges::sort(syllables);
    for (const char32_t c : syllables) {
        if (symbols.back() != c) symbols += c;
    }
    const std::size_t columns = symbols.size() + kSymbolClasses;
    ChannelRates rates(columns, ChannelTable::bins(0));
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
    std::ranges::fill(rates.syllable_listed, 0.1);
    std::ranges::fill(rates.ratio_read, 1.0);
    rates.clutter_size.fill(1.0 / kMaxCharacters);
    for (auto& behind : rates.clutter_next) {
        for (auto& follows : behind) follows.fill(1.0 / kSymbolClasses);
    }
    std::ranges::fill(rates.clutter, each);
    rates.likeness.fill(1);
    return ChannelTable({symbols.begin(), symbols.end()}, {}, rates);
}

}  // namespace workload
