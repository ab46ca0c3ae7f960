// A small channel model for the tests of scoring.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "platewatch/probability/channel_model.hpp"
#include "platewatch/probability/evidence.hpp"

namespace platewatch {

// Of a symbol or a mark.
inline void add(const Evidence& evidence, ReadEvidence& read) {
    is_kept(evidence.c) ? static_cast<void>(read.push_back(evidence)) : read.push_mark(evidence);
}

inline ReadEvidence plain(std::u32string_view text) {
    ReadEvidence read;
    for (const char32_t c : text) add({.c = c}, read);
    return read;
}

// Rates that differ by class and level, so that a mistaken index shows.
inline ChannelRates plain_rates(std::size_t columns) {
    ChannelRates rates(columns, ChannelTable::bins(1));
    rates.level = {0.4, 0.3, 0.2, 0.1};
    for (std::size_t l = 0; l < ChannelRates::kLevels; ++l) {
        const double noise = std::array{0.01, 0.03, 0.06, 0.1}[l];
        for (std::size_t c = 0; c < kSymbolClasses; ++c) {
            for (std::size_t edge = 0; edge < 2; ++edge) {
                rates.deletion[l][c][edge] = noise * (1 + 0.1 * static_cast<double>(c + edge));
                rates.split[l][c][edge] = noise / 2;
                rates.one[l][c][edge] = 1 - rates.deletion[l][c][edge] - rates.split[l][c][edge];
            }
            for (std::size_t next = 0; next < kSymbolClasses; ++next) {
                rates.merge[l][c][next] = noise / (4 + static_cast<double>(c + 2 * next));
                rates.merged_as[c][next] = {0.3 + 0.1 * static_cast<double>(c), 0.4,
                                            0.3 - 0.1 * static_cast<double>(c)};
            }
        }
        rates.insertion[l] = {noise / 3, noise};
        rates.region_loss[l] = noise;
        for (std::size_t i = 0; i < columns; ++i) {
            rates.wrong[l * columns + i] = noise;
            rates.right[l * columns + i] = 1 - noise;
        }
    }
    const double each = 1.0 / static_cast<double>(columns);
    std::ranges::fill(rates.confusion, 1.0 / static_cast<double>(columns - 1));
    for (std::size_t i = 0; i < columns; ++i) rates.confusion[i * columns + i] = 0;
    for (auto* values : {&rates.inserted, &rates.split_first, &rates.split_second})
        std::ranges::fill(*values, each);
    // [level][below the edge, above]
    const auto fill = [](std::vector<double>& ratios,
                         const std::array<std::array<double, 2>, ChannelRates::kLevels>& values) {
        const std::size_t bins = ratios.size() / ChannelRates::kLevels;
        for (std::size_t l = 0; l < ChannelRates::kLevels; ++l) {
            for (std::size_t bin = 0; bin + 1 < bins; ++bin)
                ratios[l * bins + bin] =
                    values[std::min<std::size_t>(l, 1)][bin % 2] * (1 + 0.05 * static_cast<double>(bin / 2));
            ratios[l * bins + bins - 1] = 1;
        }
    };
    fill(rates.ratio_right, {{{0.5, 1.5}, {0.6, 1.3}, {0.7, 1.2}, {0.8, 1.1}}});
    fill(rates.ratio_wrong, {{{4, 0.25}, {3.5, 0.4}, {3, 0.5}, {2, 0.6}}});
    fill(rates.ratio_inserted, {{{2, 0.5}, {2.2, 0.4}, {2.5, 0.25}, {2.1, 0.3}}});
    fill(rates.ratio_merged, {{{3, 0.5}, {2.5, 0.6}, {2, 0.75}, {1.8, 0.8}}});
    for (std::size_t c = 0; c < kSymbolClasses; ++c) {
        const double less = 0.01 * static_cast<double>(c);
        rates.ratio_rank[c] = {0.3 - less, 0.2, 0.1, 0.05, 0.02, 0.06, 0.04, 0.1, 0.13};
        rates.ratio_lost[c] = {0.2 - less, 0.1, 0.15, 0.05, 0.02, 0.05, 0.03, 0.12, 0.28};
    }
    for (std::size_t i = 0; i < rates.alternative.size(); ++i)
        rates.alternative[i] = 0.05 + 0.01 * static_cast<double>(i % 7);
    for (std::size_t i = 0; i < columns; ++i)
        rates.syllable_listed[i] = 0.1 + 0.02 * static_cast<double>(i % 3);
    rates.likeness = {1, 3, 4, 7, 0.5, 6, 9, 1};
    for (std::size_t i = 0; i < rates.ratio_read.size(); ++i)
        rates.ratio_read[i] = 0.5 + 0.2 * static_cast<double>(i % 5);
    for (std::size_t size = 0; size < kMaxCharacters; ++size)
        rates.clutter_size[size] = (1 + static_cast<double>(size)) / 136;
    for (std::size_t before = 0; before <= kSymbolClasses; ++before) {
        for (std::size_t last = 0; last <= kSymbolClasses; ++last) {
            for (std::size_t c = 0; c < kSymbolClasses; ++c)
                rates.clutter_next[before][last][c] =
                    (2 + static_cast<double>((before + 2 * last + c) % 4)) / 14;
        }
    }
    for (std::size_t i = 0; i < columns; ++i)
        rates.clutter[i] = 2 * (1 + static_cast<double>(i)) / static_cast<double>(columns * (columns + 1));
    return rates;
}

// Knows 0, 1, 2, 가 and 거.
inline ChannelTable small_table() {
    const std::vector<char32_t> symbols = {U'0', U'1', U'2', U'가', U'거'};
    return ChannelTable(symbols, {0.5}, plain_rates(symbols.size() + kSymbolClasses));
}

}  // namespace platewatch
