#include "platewatch/probability/scoring_table.hpp"

#include <array>
#include <utility>

namespace platewatch {

ScoringTable::ScoringTable(const ChannelTable& table, std::shared_ptr<const PopulationTrie> population)
    : table_(table.with_symbols(population->symbols())),
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
    for (std::size_t c = 0; c < columns_; ++c) {
        share_.push_back(1 / table_.column_size(c));
        inserted_.push_back(table_.inserted(c) * share_[c]);
    }
    absent_.resize(columns_ * columns_);
    for (std::size_t c = 0; c < columns_; ++c) {
        for (std::size_t s = 0; s < columns_; ++s) absent_[s * columns_ + c] = 1 / (1 - alternative(c, s));
    }
    const auto sets = population_->sets();
    for (const PopulationTrie::Set& set : sets)
        summed_.push_back(only_symbol(set) == nullptr ? summed_sets_++ : 0);
    sums_.assign(columns_ * summed_sets_, SetSums{});
    shares_.assign(columns_ * sets_, 0.0);
    for (std::size_t set = 0; set < sets_; ++set) {
        for (const auto& [symbol, share] : sets[set].symbols) {
            const std::size_t s = table_.column(symbol);
            const SymbolClass of = class_of(symbol);
            shares_[s * sets_ + set] += share;
            if (only_symbol(sets[set]) != nullptr) continue;
            for (std::size_t c = 0; c < columns_; ++c) {
                if (c == s) continue;
                SetSums& sums = sums_[c * summed_sets_ + summed_[set]];
                const Unlisted says = unlisted(c, of, false);
                const std::array confused = {share * share_[c] * confusion(c, s),
                                             share * confusion(c, s) * absent(c, s) * says.confused};
                for (std::size_t lists = 0; lists < 2; ++lists) {
                    sums.confused[lists] += confused[lists];
                    sums.wrong[lists] += confused[lists] * wrong_[s];
                }
                sums.lost += share * absent(c, s) * says.lost;
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
    for (std::size_t c = 0; c < kSymbolClasses; ++c) {
        for (std::size_t first = 0; first < 2; ++first) {
            const auto make = [&](std::optional<SymbolClass> next) {
                return make_step(static_cast<SymbolClass>(c), first != 0, next);
            };
            for (std::size_t next = 0; next < kSymbolClasses; ++next)
                steps_[c][next][first] = make(static_cast<SymbolClass>(next));
            steps_[c][kSymbolClasses][first] = make({});
        }
    }
    for (const PopulationTrie::Node& node : population_->nodes()) {
        const auto& set = sets[node.set];
        Step of = step(set.symbol_class, node.first, population_->class_behind(node));
        of.deletion *= set.weight;
        of.split *= set.weight;
        node_steps_.push_back(of);
    }
    const Population& all = population_->population();
    clutter_ = all.vehicles() * all.clutter / (1 - all.clutter);
}

auto ScoringTable::make_step(SymbolClass c, bool first, std::optional<SymbolClass> next) const noexcept
    -> Step {
    const auto number = static_cast<std::size_t>(c);
    const auto& outcomes = outcomes_[number][first || !next ? 1 : 0];
    Step step;
    step.gap = first ? 1 : 0;
    step.on = 1 - insertion_[step.gap];
    Levels alone = step.on;
    if (next) {
        const auto of_next = static_cast<std::size_t>(*next);
        const Levels merge = step.on * merge_[number][of_next];
        const auto& as = table_.rates().merged_as[number][of_next];
        step.merged_as_first = merge * as[0];
        step.merged_as_second = merge * as[1];
        step.merged_otherwise = merge * (as[2] * 0.5);
        alone -= merge;
    }
    step.one = alone * outcomes.one;
    step.deletion = alone * outcomes.deletion;
    step.split = alone * outcomes.split;
    return step;
}

auto ScoringTable::unlisted(std::size_t character, SymbolClass of, bool suggests_syllable) const noexcept
    -> Unlisted {
    const ChannelRates& rates = table_.rates();
    const auto c = static_cast<std::size_t>(of);
    const bool suggested = suggests_syllable && of == SymbolClass::syllable;
    const std::size_t rank = suggested ? ChannelRates::kOtherSyllable : ChannelRates::kAbsent;
    const double other = rates.syllable_listed[character];
    const double expected = of != SymbolClass::syllable ? 1 : suggested ? other : 1 - other;
    return {share_[character] * rates.ratio_rank[c][rank] / expected, rates.ratio_lost[c][rank] / expected};
}

double ScoringTable::registered(std::u32string_view plate) const noexcept {
    const std::size_t known = table_.symbols().size();
    std::array<std::size_t, kMaxSymbols> columns;
    for (std::size_t i = 0; i < plate.size(); ++i) {
        columns[i] = table_.column(plate[i]);
        if (columns[i] >= known) return platewatch::registered(population_->population(), plate);
    }
    double sum = 0;
    // Of no class are plates with a letter only, of forms that may have one; and children ascend.
    const std::size_t nodes_end =
        has_letter(plate) ? population_->nodes().size() : population_->letters_begin();
    const auto walk = [&](const auto& self, std::uint32_t from, double vehicles, std::size_t left) -> void {
        for (const std::uint32_t number : population_->children(from)) {
            if (number >= nodes_end) break;
            const auto& node = population_->nodes()[number];
            if (node.first != (left == 1)) continue;
            const double share = vehicles * shares_[columns[left - 1] * sets_ + node.set];
            if (share == 0) continue;
            if (node.first) {
                sum += share * node.starts;
            } else {
                self(self, number, share, left - 1);
            }
        }
    };
    if (!plate.empty()) walk(walk, PopulationTrie::kEnd, 1.0, plate.size());
    return sum;
}

}  // namespace platewatch
