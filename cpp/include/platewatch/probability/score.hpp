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

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platewatch/probability/channel_model.hpp"
#include "platewatch/probability/evidence.hpp"
#include "platewatch/probability/population_trie.hpp"
#include "platewatch/probability/scoring_table.hpp"
#include "platewatch/text/pattern_automaton.hpp"
#include "platewatch/text/symbols.hpp"

namespace platewatch {

// Scores one read after another; one for each thread. Asks for memory for the first ones only; where there is
// none, it throws std::bad_alloc, and is as good as before.
class ReadScorer {
    using Step = ScoringTable::Step;

  public:
    // What follows is about this read. It and the table must outlive it.
    void set_read(const Recogniser& recogniser, const ReadEvidence& read);

    [[nodiscard]] std::size_t size() const noexcept { return size_; }  // characters of the read

    // P(read | plate). Precondition: at most kMaxSymbols symbols.
    [[nodiscard]] double likelihood(std::u32string_view plate);

    // Of the plate that is what the read says, P(each symbol is read right): `likelihood` is no less, and
    // takes much longer. Precondition: at most kMaxSymbols characters.
    [[nodiscard]] double read_right() const noexcept;

    // The sum over all vehicles of the population, and clutter.
    [[nodiscard]] double background();
    // The same over the plates that a pattern admits or lacks the mark of, clutter apart.
    [[nodiscard]] double fitting(const PatternAutomaton& pattern);
    // How many vehicles have one of these plates, whatever the read.
    [[nodiscard]] double vehicles(const PatternAutomaton& pattern);
    // Of the vehicles of the population's classes the share that has one, from 0 to 1.
    [[nodiscard]] double share_of_classes(const PatternAutomaton& pattern);

    // A part of the background that takes no time: at least so much is there.
    [[nodiscard]] double clutter() const noexcept;

    // The probability of the read where no plate is.
    [[nodiscard]] double any_text() const noexcept { return any_text_; }

    // Whether a position may be in what is read: not those of plates of no class that may have a letter, if
    // the read has none.
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
    double follow(std::uint32_t node, char32_t symbol, const Behind& behind, Row& out);
    // Before the first `in_front` of a read; `longest` is the size of the longest one of the vehicle.
    void make_fronts(std::size_t longest);
    // The sum over all vehicles whose plates have that in front of a node, were each symbol from there on
    // sure: of the whole read's probability. Exact but for merges with the node's symbol, which are its
    // set's.
    [[nodiscard]] double in_front(std::uint32_t node, const Row& row, const Row& behind) const noexcept;

  private:
    // How many more characters than symbols, or fewer, the sum over the population follows: what the lengths
    // of plates make necessary, and some more; further ones carry nothing that counts.
    [[nodiscard]] static constexpr std::size_t most_inserted(std::size_t read) noexcept {
        constexpr std::size_t kShortPlate = 6;
        return std::max<std::size_t>(3, read > kShortPlate ? read - kShortPlate : 0);
    }
    [[nodiscard]] static constexpr std::size_t most_lost(std::size_t read) noexcept {
        constexpr std::size_t kLongPlate = 9;
        return std::max<std::size_t>(4, read < kLongPlate ? kLongPlate - read : 0);
    }
    static constexpr std::size_t kMostInFront = 3;  // of a word
    static constexpr std::size_t kMostAlternatives =
        Evidence::kMostAlternatives * (1 + ChannelRates::kEchoes);
    struct Character {  // or a mark
        char32_t c;
        SymbolClass symbol_class;
        std::uint32_t column;
        double share;  // one code point's of its column
        bool lists_alternatives, suggests_syllable, is_rare_syllable;
        bool has_sums;  // those of sets tell of it: not of a rare syllable, nor where they are 0
        // Its own, and what is echoed by the next characters.
        std::uint8_t alternatives;
        std::array<std::uint8_t, kMostAlternatives> alternative;  // its column
        std::array<double, kMostAlternatives> alternative_confused, alternative_lost;
        Levels right;  // P(the symbol that it is, read right), with evidence
        Levels merged;
        std::array<Levels, kSymbolClasses> wrong;  // [class of the symbol]
        // The same, if it lists alternatives: of those that are not among them; and if it suggests a
        // syllable, what that says of a set of syllables beside its sums.
        std::array<ScoringTable::Unlisted, kSymbolClasses> unlisted;
        ScoringTable::Unlisted suggested;
    };
    // What one symbol, or the symbols of a set, make of each character: read as one; merged with a neighbour
    // and yet itself; merged with a neighbour, which the character is; confused with it.
    struct Emission {
        std::array<Levels, kMaxCharacters> one, own, confused;
        std::array<double, kMaxCharacters> lost;
        std::array<Levels, kMaxCharacters + 1> mark;  // [gap]: read as its mark; only if the read has any
        double weight;                                // of the symbols together
    };

    // For patterns: pattern_score.cpp.
    using States = PatternAutomaton::States;
    struct PatternRoom;
    enum class Sum : std::uint8_t { vehicles, vehicles_of_classes, background, all_nodes };
    [[nodiscard]] double sum_admitted(const PatternAutomaton& pattern, Sum what);
    void prepare_pattern(const PatternAutomaton& pattern);
    void make_alike(const PatternAutomaton& pattern);
    void make_ways(const PatternAutomaton& pattern, std::uint32_t number, States states, char32_t mark,
                   bool may_be_behind_mark);
    void make_pattern_fronts();
    [[nodiscard]] bool has_rows(const PopulationTrie::Node& node) const noexcept {
        return of_all_nodes_ || may_have(node);
    }
    template <bool has_marks>
    void add_in_front(const Step& step, const Emission& emission, double scale, const Row& split,
                      bool is_first, const Levels* from, Levels* to) const noexcept;

    [[nodiscard]] [[gnu::always_inline]] Levels start_behind(const Step& step, const Row& row,
                                                             const Row& behind) const noexcept;

    // Of a symbol that the character is not; as_unlisted: and that it does not list.
    using AsOther = ScoringTable::Unlisted;
    [[nodiscard]] AsOther as_other(const Character& character, std::size_t symbol,
                                   SymbolClass c) const noexcept;
    [[nodiscard]] AsOther as_unlisted(const Character& character, std::size_t symbol,
                                      SymbolClass c) const noexcept;
    struct Others {
        Levels wrong;
        double confused, lost;  // the latter with the character's own symbol
    };
    [[nodiscard]] Others others(const Character& character, char32_t read, std::size_t set) const noexcept;
    [[nodiscard]] Others others_one_by_one(const Character& character, char32_t read,
                                           std::size_t set) const noexcept;
    [[nodiscard]] Others others_by_alternatives(const Character& character, const ScoringTable::SetSums& sums,
                                                std::size_t set) const noexcept;
    void make_room_for_emissions();
    void make_character(const Evidence& evidence, std::size_t column, std::size_t next,
                        Character& out) const noexcept;
    void add_alternatives(Character& character, const Evidence& there, std::size_t column,
                          std::size_t echo) const noexcept;
    void make_marks() noexcept;
    // Of a character that is a rare syllable, by how like the symbol is.
    [[nodiscard]] double likeness(char32_t c, char32_t symbol) const noexcept;
    void emit(std::size_t column, char32_t symbol, SymbolClass of, std::size_t end,
              Emission& out) const noexcept;
    void emit(std::size_t set, std::size_t end, Emission& out) const noexcept;
    const Emission& emission_of(char32_t symbol);
    // What a set makes of the first `end` characters at least.
    const Emission& set_emission(std::size_t set, std::size_t end) noexcept {
        if (set_ends_[set] < end) make_set_emission(set, end);
        return set_emissions_[set];
    }
    void make_set_emission(std::size_t set, std::size_t end) noexcept;
    const Row& splits(SymbolClass c) noexcept;
    // What becomes of a symbol that no character is.
    template <bool has_marks>
    [[nodiscard]] static Levels lost(const Step& step, const Emission& emission, std::size_t gap) noexcept;
    // The row of a position from those behind it; `next` is null for the last one.
    void go_on(const Step& step, const Emission& emission, SymbolClass c, const Emission* next,
               const Row& behind, const Row* behind_next, std::size_t begin, std::size_t end,
               Row& out) noexcept;
    template <bool has_marks>
    void go_on_by(const Step& step, const Emission& emission, SymbolClass c, const Emission* next,
                  const Row& behind, const Row* behind_next, std::size_t begin, std::size_t end,
                  Row& out) noexcept;
    [[gnu::always_inline]] [[nodiscard]] double sum(const Levels& levels) const noexcept {
        return (level_ * levels).sum();
    }
    // What is done with the widest vectors (widest.hpp).
    [[nodiscard]] double likelihood_here(std::u32string_view plate);
    [[nodiscard]] double background_here() noexcept;
    double follow_here(std::uint32_t node, char32_t symbol, const Behind& behind, Row& out);
    void end_row_here(Row& out) const noexcept;

    const ScoringTable* table_ = nullptr;
    const ReadEvidence* read_ = nullptr;
    Levels level_;
    std::size_t size_ = 0;
    std::array<Character, kMaxCharacters> characters_;
    std::array<Character, kMaxCharacters + 1> marks_;  // [gap]
    bool has_marks_ = false;
    std::array<Row, kSymbolClasses> splits_;  // [class of the symbol][place of the first character]
    std::uint32_t splits_made_ = 0;           // a bit a class
    std::array<Row, 2> inserted_;             // [edge]: a character more, in such a gap
    // Of the plate whose likelihood was asked for last: those of what the next one ends with alike are the
    // same.
    std::array<Row, kMaxSymbols + 1> rows_;
    Symbols last_plate_;                          // empty: none of this read
    std::vector<std::uint16_t> emission_places_;  // [column]: 1 + the place of its emission, once it is made
    std::vector<std::uint16_t> made_;             // the columns that have one
    std::vector<Emission> emissions_;
    std::size_t spare_ = 0;  // emissions that are not kept take turns in the first places
    double any_text_ = 1;
    bool has_letter_ = false, only_digits_ = false, begins_with_word_ = false, word_is_lost_ = false;
    std::vector<Row> node_rows_;
    std::vector<Emission> set_emissions_;
    std::vector<std::size_t> set_ends_;  // so many characters of the set's emission are made
    // By node, what a row of it, and one of the node behind it, count for in all that may be in front.
    std::vector<Row> fronts_, merged_fronts_;
    std::vector<Levels> lost_fronts_;  // and the start of the latter, as a word in front of it is lost
    std::shared_ptr<PatternRoom> pattern_room_;
    std::uint64_t read_number_ = 0;  // counts the reads
    bool of_all_nodes_ = false;
};

// The same of all texts of a read: the mixture of what each of them makes, by their shares.
class TextsScorer {
  public:
    // What follows is about this read. It and the table must outlive it.
    void set_read(const Recogniser& recogniser, const ReadTexts& read);

    [[nodiscard]] double likelihood(std::u32string_view plate) {
        return mixed([&](ReadScorer& scorer) { return scorer.likelihood(plate); });
    }
    // Of the plate that is what the own text says.
    [[nodiscard]] double read_right() const noexcept { return share_ * own_.read_right(); }
    [[nodiscard]] double background() {
        return mixed([](ReadScorer& scorer) { return scorer.background(); });
    }
    [[nodiscard]] double clutter() noexcept {
        return mixed([](const ReadScorer& scorer) { return scorer.clutter(); });
    }
    [[nodiscard]] double fitting(const PatternAutomaton& pattern) {
        return mixed([&](ReadScorer& scorer) { return scorer.fitting(pattern); });
    }
    [[nodiscard]] double vehicles(const PatternAutomaton& pattern) { return own_.vehicles(pattern); }

  private:
    template <class Value>
    [[nodiscard]] double mixed(const Value& value) {
        double sum = share_ * value(own_);
        for (std::size_t i = 0; i < shares_.size(); ++i) sum += shares_[i] * value(*others_[i]);
        return sum;
    }

    ReadScorer own_;
    double share_ = 1;
    std::vector<std::unique_ptr<ReadScorer>> others_;
    std::vector<double> shares_;  // of the others
};

// The tables of a channel model: a general one, and one for each engine and each camera that it knows. Of
// other cameras it may know how often their frames are of which level, with a table that is not theirs alone.
class ScoringModel {
  public:
    using Tables = std::map<std::string, std::shared_ptr<const ScoringTable>, std::less<>>;
    // By engine, "" for the general table; an engine without a table has that one, and its cameras too.
    using CameraLevels = std::map<std::string, std::map<std::string, Levels, std::less<>>, std::less<>>;

    // `frame_weight`: how much one of several frames of a pass counts; see posterior.hpp.
    ScoringModel(std::shared_ptr<const ScoringTable> general, Tables engines, Tables cameras,
                 CameraLevels levels, double frame_weight);

    [[nodiscard]] double frame_weight() const noexcept { return frame_weight_; }
    [[nodiscard]] const Tables& engines() const noexcept { return engines_; }
    [[nodiscard]] const Tables& cameras() const noexcept { return cameras_; }
    [[nodiscard]] const CameraLevels& levels() const noexcept { return levels_; }
    [[nodiscard]] bool has_cameras() const noexcept { return !cameras_.empty() || !levels_.empty(); }
    [[nodiscard]] const ScoringTable& general() const noexcept { return *general_; }
    // The camera's table, or else the engine's, or else the general one; with the camera's levels, if it has
    // any.
    [[nodiscard]] Recogniser recogniser(std::string_view engine, std::string_view camera = {}) const noexcept;

    // The same with these tables in place of what it has for the engines, "" for the general one, and these
    // levels. All others are shared. The tables must be of the same population.
    [[nodiscard]] ScoringModel refined(const Tables& engines, CameraLevels levels) const;

  private:
    std::shared_ptr<const ScoringTable> general_;
    Tables engines_, cameras_;
    CameraLevels levels_;
    double frame_weight_;
};

}  // namespace platewatch
