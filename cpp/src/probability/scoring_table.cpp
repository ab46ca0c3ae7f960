#include "platewatch/probability/scoring_table.hpp"

#include <array>
#include <utility>

namespace platewatch {

ScoringTable::ScoringTable(const ChannelTable& table, std::shared_ptr<const PopulationTrie> population)
    : table_(table.with_symbols(population->alphabet().symbols())),
      population_(std::move(population)),
      columns_(table_.columns()),
      sets_(population_->sets().size()) {
    const ChannelRates& rates = table_.rates();
    level_ = Levels::of([&](std::size_t l) { return rates.level[l]; });
    region_loss_ = Levels::of([&](std::size_t l) { return rates.region_loss[l]; });
    for (std::size_t edge = 0; edge < 2; ++edge) {
        insertion_[edge] = Levels::of([&](std::size_t l) { return table_.insertion(l, edge); });
        for (std::size_t c = 0; c < kSymbolClasses; ++c) {
            outcomes_[c][edge] = {Levels::of([&](std::size_t l) { return rates.one[l][c][edge]; }),
                                  Levels::of([&](std::size_t l) { return rates.deletion[l][c][edge]; }),
                                  Levels::of([&](std::size_t l) { return rates.split[l][c][edge]; })};
        }
    }
    for (std::size_t a = 0; a < kSymbolClasses; ++a) {
        for (std::size_t b = 0; b < kSymbolClasses; ++b)
            merge_[a][b] = Levels::of([&](std::size_t l) { return rates.merge[l][a][b]; });
    }
    const auto by_row = [&](const std::vector<double>& values, std::vector<Levels>& out) {
        out.clear();
        const std::size_t size = values.size() / ChannelRates::kLevels;
        for (std::size_t i = 0; i < size; ++i)
            out.push_back(Levels::of([&](std::size_t l) { return values[l * size + i]; }));
    };
    by_row(rates.right, right_);
    by_row(rates.wrong, wrong_);
    by_row(rates.ratio_right, ratio_right_);
    by_row(rates.ratio_wrong, ratio_wrong_);
    by_row(rates.ratio_inserted, ratio_inserted_);
    by_row(rates.ratio_merged, ratio_merged_);
    for (std::size_t c = 0; c < columns_; ++c)
        inserted_.push_back(table_.inserted(c) / table_.column_size(c));
    for (auto& values : confused_) values.resize(columns_ * columns_);
    for (auto& values : lost_) values.resize(columns_ * columns_);
    seldom_.resize(columns_ * columns_);
    const auto class_of_column = [&](std::size_t s) {
        return s < table_.symbols().size() ? class_of(table_.symbols()[s])
                                           : static_cast<SymbolClass>(s - table_.symbols().size());
    };
    for (std::size_t c = 0; c < columns_; ++c) {
        const double share = 1 / table_.column_size(c);
        for (std::size_t s = 0; s < columns_; ++s) {
            const double usual = rates.confusion[s * columns_ + c] * share;
            const double often = rates.alternative[at(c, s)];
            const SymbolClass of = class_of_column(s);
            const auto& confused = rates.ratio_rank[static_cast<std::size_t>(of)];
            const auto& lost = rates.ratio_lost[static_cast<std::size_t>(of)];
            const auto set = [&](Listing listing, std::size_t rank, double expected) {
                confused_[listing][at(c, s)] = usual * confused[rank] / expected;
                lost_[listing][at(c, s)] = lost[rank] / expected;
            };
            confused_[unlisted][at(c, s)] = usual;
            lost_[unlisted][at(c, s)] = 1;
            seldom_[at(c, s)] = 1 / often;
            if (of == SymbolClass::syllable) {
                const double other = rates.syllable_listed[c];
                set(listed, ChannelRates::kAbsent, (1 - often) * (1 - other));
                set(suggesting_syllable, ChannelRates::kOtherSyllable, (1 - often) * other);
            } else {
                set(listed, ChannelRates::kAbsent, 1 - often);
                set(suggesting_syllable, ChannelRates::kAbsent, 1 - often);
            }
        }
    }
    const auto sets = population_->sets();
    sums_.assign(columns_ * sets_, SetSums{});
    shares_.assign(columns_ * sets_, 0.0);
    for (std::size_t set = 0; set < sets_; ++set) {
        for (const auto& [symbol, share] : sets[set].symbols) {
            const std::size_t s = table_.column(symbol);
            shares_[s * sets_ + set] += share;
            for (std::size_t c = 0; c < columns_; ++c) {
                SetSums& sums = sums_[c * sets_ + set];
                const bool own = c == s && c < table_.symbols().size();
                for (std::size_t listing = 0; listing < kListings; ++listing)
                    sums.lost[listing] += share * (own ? 1 : lost_[listing][at(c, s)]);
                if (own) {
                    sums.own += share;
                    sums.right += share * right_[s];
                    continue;
                }
                for (std::size_t listing = 0; listing < kListings; ++listing) {
                    const double confused = share * confused_[listing][at(c, s)];
                    sums.confused[listing] += confused;
                    sums.wrong[listing] += confused * wrong_[s];
                }
            }
        }
    }
    behind_word_.resize(columns_);
    in_word_.resize(columns_);
    for (const VehicleClass& vehicles : population_->population().classes) {
        for (const std::u32string& word : vehicles.words) {
            for (const char32_t symbol : word) in_word_[table_.column(symbol)] = true;
        }
        if (!vehicles.words_may_be_lost) continue;
        for (const VehicleClass::Position& position : vehicles.positions) {
            for (const auto& [symbol, share] : position)
                behind_word_[table_.column(symbol)] = class_of(symbol) != SymbolClass::digit;
        }
    }
    for (std::size_t c = 0; c < kSymbolClasses; ++c) {
        for (std::size_t character = 0; character < columns_; ++character) {
            const double share = 1 / table_.column_size(character);
            split_first_.push_back(rates.split_first[c * columns_ + character] * share);
            split_second_.push_back(rates.split_second[c * columns_ + character] * share);
        }
    }
    for (const PopulationTrie::Node& node : population_->nodes()) {
        const bool last = node.parent == PopulationTrie::kEnd;
        const auto& set = sets[node.set];
        const auto* next = last ? nullptr : &sets[population_->nodes()[node.parent].set];
        node_steps_.push_back(step(set.symbol_class, node.first, last,
                                   last ? SymbolClass::other : next->symbol_class, set.weight));
    }
    const Population& all = population_->population();
    clutter_ = all.vehicles() * all.clutter / (1 - all.clutter);
}

double ScoringTable::registered(std::u32string_view plate) const noexcept {
    const std::size_t known = table_.symbols().size();
    std::array<std::size_t, kMaxSymbols> columns;
    for (std::size_t i = 0; i < plate.size(); ++i) {
        columns[i] = table_.column(plate[i]);
        if (columns[i] >= known) return platewatch::registered(population_->population(), plate);
    }
    double sum = 0;
    const bool letter = has_letter(plate);
    const auto walk = [&](const auto& self, std::uint32_t from, double vehicles, std::size_t left) -> void {
        for (const std::uint32_t number : population_->children(from)) {
            const auto& node = population_->nodes()[number];
            if (node.first != (left == 1)) continue;
            const double share = vehicles * shares_[columns[left - 1] * sets_ + node.set];
            if (share == 0) continue;
            if (node.first) {
                if (letter || !node.may_have_letter) sum += share * node.starts;
            } else {
                self(self, number, share, left - 1);
            }
        }
    };
    if (!plate.empty()) walk(walk, PopulationTrie::kEnd, 1.0, plate.size());
    return sum;
}

}  // namespace platewatch
