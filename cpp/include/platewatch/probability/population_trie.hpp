// A population's plates as a trie over the sets of symbols that its classes admit.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "platewatch/probability/channel_table.hpp"
#include "platewatch/probability/population.hpp"

namespace platewatch {

// The classes of a population by their ends, and the sets of symbols that stand at their positions.
class PopulationTrie {
  public:
    explicit PopulationTrie(const Population& population);

    static constexpr std::uint32_t kEnd = ~0U, kAnywhere = ~0U;

    struct Node {
        std::uint32_t parent = kEnd;  // the position behind this one
        std::uint32_t set = 0;
        std::uint32_t depth = 1;               // symbols from here to the plate's end
        std::uint32_t from_start = kAnywhere;  // symbols in front, where every plate has as many
        bool first = false;                    // plates begin here, and then no other position is in front
        bool may_be_lost = false;              // together with the next symbol, as a word
        bool generic = false;                  // of no class
        bool may_have_letter = false;          // generic, and it or a position behind it may
        bool kept_word = false;                // of a word that cannot be lost
        double starts = 0;                     // vehicles whose plates begin here
        double starts_behind_word = 0;         // vehicles with a word in front of this that may be lost
        double front = 0;  // how many vehicles have each of the plates with such an end, at least
    };
    struct Set {
        VehicleClass::Position symbols;
        SymbolClass symbol_class;
        double weight;  // the sum of the shares
    };

    // Parents first; then, behind those of the classes, the generic ones: those without letters come first.
    [[nodiscard]] std::span<const Node> nodes() const noexcept { return nodes_; }
    [[nodiscard]] std::size_t generic_begin() const noexcept { return generic_begin_; }
    [[nodiscard]] std::size_t letters_begin() const noexcept { return letters_begin_; }
    [[nodiscard]] std::span<const Set> sets() const noexcept { return sets_; }
    // The nodes in front of one, or of the plates' ends.
    [[nodiscard]] std::span<const std::uint32_t> children(std::uint32_t node) const noexcept {
        return node == kEnd ? roots_ : children_[node];
    }
    // Of the position behind; nothing if that is the plates' end.
    [[nodiscard]] std::optional<SymbolClass> class_behind(const Node& node) const noexcept {
        if (node.parent == kEnd) return {};
        return sets_[nodes_[node.parent].set].symbol_class;
    }
    // Of all sets: they ascend.
    [[nodiscard]] std::span<const char32_t> symbols() const noexcept { return symbols_; }
    [[nodiscard]] const Population& population() const noexcept { return population_; }
    // No other one ever had it, as it may have had the address.
    [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
    [[nodiscard]] static std::uint64_t next_id() noexcept;

  private:
    std::uint32_t add(Node node, const VehicleClass::Position& position);
    void add_words(std::uint32_t rest, const VehicleClass& vehicles);
    void add_forms(bool with_letters);
    void add_generic();
    void weigh_fronts();

    std::uint64_t id_ = next_id();
    Population population_;
    std::vector<Node> nodes_;
    std::size_t generic_begin_ = 0, letters_begin_ = 0;
    std::vector<Set> sets_;
    std::vector<std::vector<std::uint32_t>> children_;
    std::vector<std::uint32_t> roots_;
    std::vector<char32_t> symbols_;
};

}  // namespace platewatch
