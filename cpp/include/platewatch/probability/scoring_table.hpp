// A channel model's table and a population, worked out as far as can be before a read is there.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "platewatch/probability/channel_model.hpp"
#include "platewatch/probability/levels.hpp"
#include "platewatch/probability/population_trie.hpp"

namespace platewatch {

class ScoringTable {
  public:
    ScoringTable(const ChannelTable& table, std::shared_ptr<const PopulationTrie> population);

    [[nodiscard]] const ChannelTable& table() const noexcept { return table_; }
    [[nodiscard]] const PopulationTrie& population() const noexcept { return *population_; }
    [[nodiscard]] const std::shared_ptr<const PopulationTrie>& shared_population() const noexcept {
        return population_;
    }

    // How often frames are of a level, if nothing is known of the camera.
    [[nodiscard]] const Levels& level() const noexcept { return level_; }
    // Reads of no plate, as vehicles.
    [[nodiscard]] double clutter() const noexcept { return clutter_; }
    // How many vehicles have this plate, in expectation, if it lies in a block that is in use.
    [[nodiscard]] double registered(std::u32string_view plate) const noexcept;

  private:
    friend class ReadScorer;

    std::uint64_t id_ = PopulationTrie::next_id();  // as that of the population

    // What becomes of a symbol, by class: [edge].
    struct Outcomes {
        Levels one, deletion, split;
    };
    // What the recogniser lists for a character: nothing, some alternatives, a likely syllable among them.
    enum Listing : std::uint8_t { unlisted, listed, suggesting_syllable };
    static constexpr std::size_t kListings = 3;
    // Sums over a set of symbols for one character; by its listing, for symbols that are no alternatives.
    struct SetSums {
        Levels right;                            // share of the character's own symbol, times P(right)
        std::array<Levels, kListings> wrong;     // share times P(wrong) times P(character | symbol, wrong)
        std::array<double, kListings> confused;  // share times P(character | symbol, wrong)
        std::array<double, kListings> lost;  // share times the ratio for a symbol merged with the character
        double own;                          // share of the character's own symbol
    };

    // What can become of a symbol and what is in front of it, each times the probability that it comes to it.
    struct Step {
        Levels on, one, deletion, split, merged_as_first, merged_as_second, merged_otherwise;
        std::size_t gap;  // 1: an edge
    };
    // Of symbols that weigh so much together.
    [[nodiscard]] Step step(SymbolClass c, bool first, bool last, SymbolClass next,
                            double weight) const noexcept;

    [[nodiscard]] std::size_t at(std::size_t character, std::size_t symbol) const noexcept {
        return character * columns_ + symbol;
    }

    ChannelTable table_;
    std::shared_ptr<const PopulationTrie> population_;
    std::size_t columns_, sets_;
    Levels level_, region_loss_;
    std::array<Levels, 2> insertion_;  // [edge]
    std::array<std::array<Outcomes, 2>, kSymbolClasses> outcomes_;
    std::array<std::array<Levels, kSymbolClasses>, kSymbolClasses> merge_;
    std::vector<double> inserted_;       // [character]: of one code point
    std::vector<Levels> right_, wrong_;  // [symbol]
    // P(character | symbol, wrong) for one code point of the character's column, [character][symbol], for a
    // symbol that is no alternative; and the ratio for one that was merged with the character's.
    std::array<std::vector<double>, kListings> confused_, lost_;
    std::vector<double> seldom_;  // [character][symbol]: 1 / how often it is an alternative
    std::vector<Levels> ratio_right_, ratio_wrong_, ratio_inserted_, ratio_merged_;  // [bin]
    std::vector<SetSums> sums_;                                                      // [character][set]
    std::vector<double> shares_;                                                     // [symbol][set]
    std::vector<double> split_first_, split_second_;  // [class][character]: of one code point
    std::vector<bool> in_word_;                       // [symbol]
    std::vector<bool> behind_word_;  // [symbol]: no digit, and may stand behind a word that may be lost
    std::vector<Step> node_steps_;   // by the population's nodes
    double clutter_ = 0;
};

// How a read is scored: by a table, and how often frames are of a level, as the table or its camera has it.
struct Recogniser {
    const ScoringTable* table;
    const Levels* level;

    Recogniser(const ScoringTable& of) noexcept : table(&of), level(&of.level()) {}
    Recogniser(const ScoringTable& of, const Levels& of_camera) noexcept : table(&of), level(&of_camera) {}
};

// Here, as a likelihood asks for it at every symbol.
inline auto ScoringTable::step(SymbolClass c, bool first, bool last, SymbolClass next,
                               double weight) const noexcept -> Step {
    const auto number = static_cast<std::size_t>(c);
    const auto& outcomes = outcomes_[number][first || last ? 1 : 0];
    Step step;
    step.gap = first ? 1 : 0;
    step.on = 1 - insertion_[step.gap];
    const Levels merge = last ? Levels{} : step.on * merge_[number][static_cast<std::size_t>(next)];
    const Levels alone = step.on - merge;
    step.one = alone * outcomes.one;
    step.deletion = alone * outcomes.deletion * weight;
    step.split = alone * outcomes.split * weight;
    const auto& as = table_.rates().merged_as[number][static_cast<std::size_t>(next)];
    step.merged_as_first = merge * as[0];
    step.merged_as_second = merge * as[1];
    step.merged_otherwise = merge * (as[2] * 0.5);
    return step;
}

}  // namespace platewatch
