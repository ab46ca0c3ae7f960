// A channel model's table and a population, worked out as far as can be before a read is there.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "platewatch/probability/channel_table.hpp"
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
    // What no alternatives say, or some among which a symbol is not, of a symbol of a class that the
    // character is not: a factor of P(character | symbol, wrong), and of its being the symbol merged with it.
    struct Unlisted {
        double confused = 1, lost = 1;
    };
    // Sums over a set's symbols but the character's own, for one code point of the character's column; [1]:
    // for a character that lists alternatives, of symbols that are not among them, where no syllable is.
    struct SetSums {
        std::array<Levels, 2> wrong;     // share times P(wrong) times P(character | symbol, wrong)
        std::array<double, 2> confused;  // share times P(character | symbol, wrong)
        double lost;  // [1] of share times the ratio for a symbol merged with the character
    };

    // What can become of a symbol and what is in front of it, each times the probability that it comes to it.
    struct Step {
        Levels on, one, deletion, split, merged_as_first, merged_as_second, merged_otherwise;
        std::size_t gap;  // 1: an edge
    };
    // `next`: nothing for the last symbol.
    [[nodiscard]] Step make_step(SymbolClass c, bool first, std::optional<SymbolClass> next) const noexcept;
    [[nodiscard]] const Step& step(SymbolClass c, bool first,
                                   std::optional<SymbolClass> next) const noexcept {
        return steps_[static_cast<std::size_t>(c)][next ? static_cast<std::size_t>(*next) : kSymbolClasses]
                     [first ? 1 : 0];
    }

    // What the alternatives of a character say of a symbol of a class that is not among them, but for
    // `absent`.
    [[nodiscard]] Unlisted unlisted(std::size_t character, SymbolClass of,
                                    bool suggests_syllable) const noexcept;
    [[nodiscard]] double confusion(std::size_t character, std::size_t symbol) const noexcept {
        return table_.rates().confusion[symbol * columns_ + character];
    }
    [[nodiscard]] double absent(std::size_t character, std::size_t symbol) const noexcept {
        return absent_[symbol * columns_ + character];
    }
    // How often a symbol is an alternative of a character.
    [[nodiscard]] double alternative(std::size_t character, std::size_t symbol) const noexcept {
        return table_.rates().alternative[character * columns_ + symbol];
    }

    // Where a set is one symbol, that is what it makes of a read, and there are no sums.
    [[nodiscard]] static const char32_t* only_symbol(const PopulationTrie::Set& set) noexcept {
        return set.symbols.size() == 1 && set.weight == 1 ? &set.symbols.front().first : nullptr;
    }
    [[nodiscard]] const SetSums& sums(std::size_t character, std::size_t set) const noexcept {
        return sums_[character * summed_sets_ + summed_[set]];
    }

    ChannelTable table_;
    std::shared_ptr<const PopulationTrie> population_;
    std::size_t columns_, sets_;
    Levels level_, region_loss_;
    std::array<Levels, 2> insertion_;  // [edge]
    std::array<std::array<Outcomes, 2>, kSymbolClasses> outcomes_;
    std::array<std::array<Levels, kSymbolClasses>, kSymbolClasses> merge_;
    std::vector<double> share_;          // [character]: one code point's of its column
    std::vector<double> inserted_;       // [character]: of one code point
    std::vector<Levels> right_, wrong_;  // [symbol]
    std::vector<double> absent_;         // [symbol][character]: 1 / how often it is no alternative
    std::vector<Levels> ratio_right_, ratio_wrong_, ratio_inserted_, ratio_merged_;  // [bin]
    std::vector<std::size_t> summed_;  // [set]: its place among those that have sums
    std::size_t summed_sets_ = 0;
    std::vector<SetSums> sums_;                       // [character][place]
    std::vector<double> shares_;                      // [symbol][set]
    std::vector<double> split_first_, split_second_;  // [class][character]: of one code point
    std::vector<bool> in_word_;                       // [symbol]
    std::vector<bool> behind_word_;  // [symbol]: no digit, and may stand behind a word that may be lost
    // [class][class of the next symbol, or kSymbolClasses: it is the last][1: it is the first]
    std::array<std::array<std::array<Step, 2>, kSymbolClasses + 1>, kSymbolClasses> steps_;
    std::vector<Step> node_steps_;  // by the population's nodes, of the symbols of its set together
    double clutter_ = 0;
};

// How a read is scored: by a table, and how often frames are of a level, as the table or its camera has it.
struct Recogniser {
    const ScoringTable* table;
    const Levels* level;

    Recogniser(const ScoringTable& of) noexcept : table(&of), level(&of.level()) {}
    Recogniser(const ScoringTable& of, const Levels& of_camera) noexcept : table(&of), level(&of_camera) {}
};

}  // namespace platewatch
