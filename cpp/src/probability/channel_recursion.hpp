// The recursion over ways from a plate to a read, once for every kind of plate: a listed one, or all of a
// class.
//
// A `Plate` has
//   std::size_t size() const;
//   SymbolClass symbol_class(std::size_t i) const;
//   double one(i, j), split(i, j) const;       P(characters j.. | symbol i is read so), with evidence
//   double mark(i, j) const;                   the same of the mark in gap j
//   std::array<double, 3> merge(i, j) const;  the same for symbols i and i + 1: the first, the second,
//   another bool may_lose_region() const;
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "platewatch/probability/channel_model.hpp"

namespace platewatch {

using Cells =
    std::array<std::array<double, kMaxCharacters + 1>, kMaxSymbols + 1>;  // [of the plate][of the read]

struct Arc {
    ChannelEvent::Kind kind;
    std::size_t i, j;  // where it starts
    std::size_t plate_size, read_size;
    double probability;
};

[[nodiscard]] inline std::size_t is_edge(std::size_t i, std::size_t size) noexcept {
    return i == 0 || i + 1 >= size ? 1 : 0;
}
[[nodiscard]] inline std::size_t is_edge_gap(std::size_t i, std::size_t size) noexcept {
    return i == 0 || i == size ? 1 : 0;
}

// Calls visit(arc) for each arc that leaves (i, j), in a fixed order. Kind right stands for right or wrong.
template <class Plate, class Visit>
[[gnu::always_inline]] inline void for_each_arc(const Plate& plate, const ReadView& read, std::size_t level,
                                                std::size_t i, std::size_t j, const Visit& visit) {
    using Kind = ChannelEvent::Kind;
    const ChannelRates& rates = read.table().rates();
    const std::size_t n = plate.size(), m = read.size();
    const double insertion = read.table().insertion(level, is_edge_gap(i, n));
    if (j < m) visit(Arc{Kind::insertion, i, j, 0, 1, insertion * read[j].inserted[level]});
    if (i == n) return;
    double on = 1 - insertion;
    if (i == 0 && j == 0 && plate.may_lose_region()) {
        visit(Arc{Kind::region_loss, i, j, 2, 0, on * rates.region_loss[level]});
        on *= 1 - rates.region_loss[level];
    }
    const auto c = static_cast<std::size_t>(plate.symbol_class(i));
    const std::size_t edge = is_edge(i, n);
    if (i + 2 <= n) {
        const double merge = rates.merge[level][c][static_cast<std::size_t>(plate.symbol_class(i + 1))];
        if (j < m) {
            const std::array<double, 3> shares = plate.merge(i, j);
            visit(Arc{Kind::merge, i, j, 2, 1, on * merge * (shares[0] + shares[1] + shares[2])});
        }
        on *= 1 - merge;
    }
    if (j < m) visit(Arc{Kind::right, i, j, 1, 1, on * rates.one[level][c][edge] * plate.one(i, j)});
    visit(Arc{Kind::deletion, i, j, 1, 0, on * rates.deletion[level][c][edge]});
    if (read.mark(j) != nullptr)
        visit(Arc{Kind::mark, i, j, 1, 0, on * rates.one[level][c][edge] * plate.mark(i, j)});
    if (j + 2 <= m) visit(Arc{Kind::split, i, j, 1, 2, on * rates.split[level][c][edge] * plate.split(i, j)});
}

// What the lengths of plate and read make necessary, and this much more, may be lost or inserted: alignments
// that stray further carry nothing that counts.
inline constexpr std::size_t kDetour = 2;

[[nodiscard]] inline bool in_band(std::size_t i, std::size_t j, std::size_t n, std::size_t m) noexcept {
    return i <= j + kDetour + (n > m ? n - m : 0) && j <= i + kDetour + (m > n ? m - n : 0);
}

// The probability of leaving the last gap.
[[nodiscard]] inline double ending(const ReadView& read, std::size_t level) noexcept {
    return 1 - read.table().insertion(level, 1);
}

// Goes on from the cells of row `first`, which are filled, and those before it do not count.
template <class Plate>
double forward(const Plate& plate, const ReadView& read, std::size_t level, std::size_t first, Cells& cells) {
    const std::size_t n = plate.size(), m = read.size();
    for (std::size_t i = first + 1; i <= n; ++i) std::fill_n(cells[i].begin(), m + 1, 0.0);
    for (std::size_t i = first; i <= n; ++i) {
        for (std::size_t j = 0; j <= m; ++j) {
            const double here = cells[i][j];
            if (here == 0 || !in_band(i, j, n, m)) continue;
            for_each_arc(plate, read, level, i, j, [&](const Arc& arc) {
                cells[i + arc.plate_size][j + arc.read_size] += here * arc.probability;
            });
        }
    }
    return cells[n][m] * ending(read, level);
}

}  // namespace platewatch
