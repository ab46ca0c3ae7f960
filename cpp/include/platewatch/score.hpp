// How probable it is that a read vehicle is a wanted one.
//
// For a read r and the distinct listed plates that it matches,
//   P(e | r) = w_e P(r | e) / (sum over e' of w_e' P(r | e') + B(r)),
//   B(r) = sum over the population's plates t of registered(t) P(r | t)
//          - sum over the listed t of registered(t) P(r | t) + clutter(r).
// P(r | t) is the channel model's (channel_model.hpp), here for both noise levels side by side.
//
// B(r) sums over millions of plates, but each position of a class of vehicles admits its symbols whatever
// stands beside them: so the recursion runs over sets of symbols instead of symbols. It runs from the plates'
// ends, as classes end alike: they form a trie of sets, and each of its nodes is worked out once.
//
// Doubles in a fixed order, without contraction: the same result on every machine.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platewatch/alphabet.hpp"
#include "platewatch/channel_model.hpp"
#include "platewatch/evidence.hpp"
#include "platewatch/key_pattern.hpp"
#include "platewatch/pattern.hpp"
#include "platewatch/population.hpp"

namespace platewatch {

// One number for each noise level.
using Levels = double __attribute__((vector_size(2 * sizeof(double))));
static_assert(ChannelRates::kLevels == 2);

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
        bool kept_word = false;                // of a word that cannot be lost
        double starts = 0;                     // vehicles whose plates begin here
        double starts_behind_word = 0;         // vehicles with a word in front of this that may be lost
        double front = 0;                      // how many vehicles have one of the plates with such an end
    };
    struct Set {
        VehicleClass::Position symbols;
        SymbolClass symbol_class;
        double weight;  // the sum of the shares
    };

    [[nodiscard]] std::span<const Node> nodes() const noexcept { return nodes_; }  // parents first
    [[nodiscard]] std::span<const Set> sets() const noexcept { return sets_; }
    // The nodes in front of one, or of the plates' ends.
    [[nodiscard]] std::span<const std::uint32_t> children(std::uint32_t node) const noexcept {
        return node == kEnd ? roots_ : children_[node];
    }
    [[nodiscard]] const Alphabet& alphabet() const noexcept { return alphabet_; }
    [[nodiscard]] const Population& population() const noexcept { return population_; }

  private:
    std::uint32_t add(Node node, const VehicleClass::Position& position);
    void add_words(std::uint32_t rest, const VehicleClass& vehicles);
    void add_generic();
    void weigh_fronts();

    Population population_;
    std::vector<Node> nodes_;
    std::vector<Set> sets_;
    std::vector<std::vector<std::uint32_t>> children_;
    std::vector<std::uint32_t> roots_;
    Alphabet alphabet_;
};

// A table with all that can be known before a read is.
class ScoringTable {
  public:
    ScoringTable(const ChannelTable& table, std::shared_ptr<const PopulationTrie> population);

    [[nodiscard]] const ChannelTable& table() const noexcept { return table_; }
    [[nodiscard]] const PopulationTrie& population() const noexcept { return *population_; }

    // Reads of no plate, as vehicles.
    [[nodiscard]] double clutter() const noexcept { return clutter_; }
    // How many vehicles have this plate, in expectation.
    [[nodiscard]] double registered(std::u32string_view plate) const noexcept;

  private:
    friend class ReadScorer;

    // What becomes of a symbol, by class: [edge].
    struct Outcomes {
        Levels one, deletion, split;
    };
    // Sums over a set of symbols for one character. `confused` and `wrong` hold for symbols that are none of
    // the character's alternatives: [0] where none are listed, [1] where some are.
    struct SetSums {
        Levels right;                    // share of the character's own symbol, times P(right)
        std::array<Levels, 2> wrong;     // share times P(wrong) times P(character | symbol, wrong)
        std::array<double, 2> confused;  // share times P(character | symbol, wrong)
        std::array<double, 2> lost;  // share times the ratio for a symbol merged with that of the character
        double own;                  // share of the character's own symbol
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
    // P(character | symbol, wrong) for one code point of the character's column, [character][symbol]: for a
    // symbol that is none of the alternatives, as above; for one that is, it takes the factor of its rank.
    std::array<std::vector<double>, 2> confused_;
    std::vector<double> as_alternative_;
    // The same for a symbol that was merged with the one that the character is.
    std::vector<double> lost_, lost_as_alternative_;
    std::vector<Levels> ratio_right_, ratio_wrong_, ratio_inserted_, ratio_merged_;  // [bin]
    std::vector<SetSums> sums_;                                                      // [character][set]
    std::vector<double> shares_;                                                     // [symbol][set]
    std::vector<double> split_first_, split_second_;  // [class][character]: of one code point
    std::vector<bool> behind_word_;  // [symbol]: no digit, and may stand behind a word that may be lost
    std::vector<Step> node_steps_;   // by the population's nodes
    double clutter_ = 0;
};

// Scores one read after another; one for each thread.
class ReadScorer {
    using Step = ScoringTable::Step;

  public:
    // What follows is about this read. The table must outlive it.
    void set_read(const ScoringTable& table, const ReadEvidence& read) noexcept;

    // P(read | plate). Precondition: at most kMaxSymbols symbols.
    [[nodiscard]] double likelihood(std::u32string_view plate) noexcept;

    // The sum over all vehicles of the population, and clutter.
    [[nodiscard]] double background() noexcept;
    // The same over the plates that a pattern admits, clutter apart, and how many vehicles have one.
    struct Fitting {
        double background = 0, vehicles = 0;
    };
    [[nodiscard]] Fitting fitting(const Pattern& pattern);

    // A part of the background that takes no time: at least so much is there.
    [[nodiscard]] double clutter() const noexcept;

    // The probability of these characters one by one, on a sign that is no plate.
    [[nodiscard]] double any_text() const noexcept;

    // Whether a position may be in what is read: not those of plates that need a letter, if the read has
    // none.
    [[nodiscard]] bool may_have(const PopulationTrie::Node& node) const noexcept;

    // Following single plates of the population from their ends (pass.hpp). The row of a position: what its
    // symbol and those behind make of the read, [place in the read]: of what is left from there on.
    using Row = std::array<Levels, kMaxCharacters + 3>;
    struct Behind {
        const Row& row;
        const Row* next;  // the row behind that one; null: none is
        char32_t symbol;  // of `row`; 0: it is that of the plate's end
    };
    void end_row(Row& out) const noexcept;
    // The row of a symbol at a node, and the probability of the whole read if plates begin there.
    double follow(std::uint32_t node, char32_t symbol, const Behind& behind, Row& out) noexcept;
    // Before the first `in_front` of a read.
    void make_fronts();
    // The sum over all vehicles whose plates have that in front of a node, were each symbol from there on
    // sure: of the whole read's probability. Exact but for merges with the node's symbol, which are its
    // set's.
    [[nodiscard]] double in_front(std::uint32_t node, const Row& row, const Row& behind) const noexcept;

  private:
    struct Character {
        std::uint32_t column;
        std::uint8_t listed;  // 1: the recogniser lists alternatives
        std::uint8_t alternatives;
        std::array<std::uint8_t, Evidence::kMostAlternatives> alternative;  // its column
        std::array<double, Evidence::kMostAlternatives> alternative_confused, alternative_lost;
        Levels right, wrong, merged;
    };
    // What one symbol, or the symbols of a set, make of each character: read as one; merged with a neighbour
    // and yet itself; merged with a neighbour, which the character is; confused with it.
    struct Emission {
        std::array<Levels, kMaxCharacters> one, own, confused;
        std::array<double, kMaxCharacters> lost;
        double weight;  // of the symbols together
    };

    struct Walk;
    void walk(const Walk& from, Fitting& sums);
    [[nodiscard]] Levels start_behind(const Step& step, const Row& row, const Row& behind) const noexcept;

    // Of a symbol that the character is not.
    struct AsOther {
        double confused, lost;
    };
    [[nodiscard]] AsOther as_other(const Character& character, std::size_t symbol) const noexcept;
    void emit(std::size_t column, char32_t symbol, std::size_t begin, std::size_t end,
              Emission& out) const noexcept;
    void emit(std::size_t set, std::size_t end, Emission& out) const noexcept;
    const Emission& emission_of(char32_t symbol) noexcept;
    const Emission& set_emission(std::size_t set, std::size_t end) noexcept;
    const Row& splits(SymbolClass c) noexcept;
    // The row of a position from those behind it; `next` is null for the last one.
    [[gnu::always_inline]] void go_on(const Step& step, const Emission& emission, SymbolClass c,
                                      const Emission* next, const Row& behind, const Row* behind_next,
                                      std::size_t begin, std::size_t end, Row& out) noexcept;
    [[nodiscard]] double sum(Levels levels) const noexcept;

    const ScoringTable* table_ = nullptr;
    const ReadEvidence* read_ = nullptr;
    std::size_t size_ = 0;
    std::array<Character, kMaxCharacters> characters_;
    std::array<Row, kSymbolClasses> splits_;  // [class of the symbol][place of the first character]
    std::uint32_t splits_made_ = 0;           // a bit a class
    std::array<Row, 2> inserted_;             // [edge]: a character more, in such a gap
    std::array<Row, kMaxSymbols + 1> rows_;
    std::vector<std::uint16_t> emission_places_;  // [column]: 1 + the place of its emission, once it is made
    std::vector<std::uint16_t> made_;             // the columns that have one
    std::vector<Emission> emissions_;
    std::size_t spare_ = 0;  // emissions that are not kept take turns in the first places
    Levels any_text_ = {1, 1};
    bool has_letter_ = false, begins_with_word_ = false, word_is_lost_ = false;
    std::vector<Row> node_rows_;
    std::vector<Emission> set_emissions_;
    std::vector<std::size_t> set_ends_;  // so many characters of the set's emission are made
    // By node, what a row of it, and one of the node behind it, count for in all that may be in front.
    std::vector<Row> fronts_, merged_fronts_;
};

// The tables of a channel model: a general one, and one for each engine and each camera that it knows.
class ScoringModel {
  public:
    using Tables = std::map<std::string, ScoringTable, std::less<>>;

    // `frame_weight`: how much one of several frames of a pass counts; see posterior.hpp.
    ScoringModel(ScoringTable general, Tables engines, Tables cameras, double frame_weight);

    [[nodiscard]] double frame_weight() const noexcept { return frame_weight_; }
    [[nodiscard]] bool has_cameras() const noexcept { return !cameras_.empty(); }
    // The camera's, or else the engine's, or else the general one.
    [[nodiscard]] const ScoringTable& table(std::string_view engine,
                                            std::string_view camera = {}) const noexcept;

  private:
    ScoringTable general_;
    Tables engines_, cameras_;
    double frame_weight_;
};

}  // namespace platewatch
