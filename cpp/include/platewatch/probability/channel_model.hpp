// What a recogniser does to plates: P(read | true plate), summed over all ways in which the one can have
// become the other.
//
// A plate's symbols are taken from left to right. In front of each and behind the last, characters may be
// inserted; each symbol is read as one character (its own or another), as none, as two (split), or together
// with the next as one (merged: one of the two, or another); a leading region mark may be lost as a whole.
// A gap of the read may have a mark (evidence.hpp), and a symbol lost there may have been read as that mark.
// Else a mark says nothing: whatever the plate, and if there is none, it stands there as easily.
// Errors of one read come together, so a read has one of a few noise levels with rates of its own. What the
// recogniser says of a character counts as a likelihood ratio: its confidence, against what it says of
// characters of its class in general; and whether the true symbol is among the alternatives, here or a little
// later, against how often that symbol is among those of this character.
//
// The rates are fitted in Python (platewatch.probability.channel_model); one table holds what is known of one
// engine. Here is the model as it is defined, for fitting and for explaining; score.hpp computes the same
// fast.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "platewatch/probability/channel_table.hpp"
#include "platewatch/probability/evidence.hpp"

namespace platewatch {

// How often the only letter of a read is a digit or a syllable read wrong, or is no symbol at all, beside
// what the rates say, by which each character errs on its own: who takes symbols for letters takes several of
// a frame so. Stated: of the reads fitted on, 17 are so, and the rates say 210.
inline constexpr double kLoneLetter = 0.1;

// How like two syllables are.
[[nodiscard]] std::size_t likeness_of(char32_t a, char32_t b) noexcept;

// Whether a syllable is among a character's likely alternatives.
[[nodiscard]] bool suggests_syllable(const Evidence& evidence) noexcept;

// The rank of one of a character's alternatives.
[[nodiscard]] std::size_t rank_of(const Evidence& evidence, std::size_t alternative) noexcept;

// A read as one table sees it.
class ReadView {
  public:
    ReadView(const ChannelTable& table, const ReadEvidence& read);

    struct Character {
        const Evidence* evidence;
        std::size_t next;  // of the read's characters, the one behind it
        char32_t c;
        std::uint32_t column, bin;
        std::array<double, ChannelRates::kLevels> right, wrong, inserted,
            merged;    // ratios; of inserted: times the probability of the character
        double share;  // one code point's of its column
        double alone;  // kLoneLetter of the only letter, else 1: unless it is a letter that was read wrong
        bool suggests_syllable;
    };

    [[nodiscard]] std::size_t size() const noexcept { return characters_.size(); }
    // How often frames are of a level, times what the confidence in the whole says.
    [[nodiscard]] double level(std::size_t level) const noexcept {
        return table_->rates().level[level] * table_->ratio_read(*read_, level);
    }
    [[nodiscard]] const ReadEvidence& evidence() const noexcept { return *read_; }
    [[nodiscard]] const ChannelTable& table() const noexcept { return *table_; }
    [[nodiscard]] const Character& operator[](std::size_t j) const noexcept { return characters_[j]; }
    // The mark of gap j; null if there is none.
    [[nodiscard]] const Character* mark(std::size_t j) const noexcept {
        return read_->has_mark(j) ? &marks_[j] : nullptr;
    }
    [[nodiscard]] std::size_t rank(std::size_t j, char32_t symbol) const noexcept {
        return rank(characters_[j], symbol);
    }
    [[nodiscard]] std::size_t rank(const Character& character, char32_t symbol) const noexcept;

    // P(character j | symbol, which is read as one character), times the ratios of the evidence.
    [[nodiscard]] double as_right(std::size_t j, std::size_t level, std::size_t column) const noexcept;
    [[nodiscard]] double as_wrong(std::size_t j, std::size_t level, char32_t symbol,
                                  std::size_t column) const noexcept;
    // The same of the mark of gap j, against that it stands there anyway; 0 if there is none.
    [[nodiscard]] double as_mark(std::size_t j, std::size_t level, char32_t symbol,
                                 std::size_t column) const noexcept;
    // The same for a symbol known to be read wrong.
    [[nodiscard]] double confused(std::size_t j, std::size_t level, char32_t symbol,
                                  std::size_t column) const noexcept {
        return confused(characters_[j], level, symbol, column);
    }
    [[nodiscard]] double split(std::size_t j, std::size_t level, SymbolClass c) const noexcept;
    // What the alternatives say for a symbol that was merged with the one that character j is.
    [[nodiscard]] double lost(std::size_t j, char32_t symbol, std::size_t column) const noexcept;

  private:
    [[nodiscard]] Character character(const Evidence& evidence, std::size_t next, double alone) const;
    [[nodiscard]] double confused(const Character& character, std::size_t level, char32_t symbol,
                                  std::size_t column) const noexcept;
    [[nodiscard]] double ratio(const Character& character, char32_t symbol, std::size_t column,
                               const std::array<double, ChannelRates::kRanks>& ranks) const noexcept;

    const ChannelTable* table_;
    const ReadEvidence* read_;
    std::vector<Character> characters_, marks_;  // [gap]: what it is if the gap has none does not matter
};

// P(read | plate), each character times its evidence's ratios.
[[nodiscard]] double likelihood(const ReadView& read, std::u32string_view plate);

// Adds what has happened to the plate, in expectation, `times` over, and returns the likelihood. `counts` has
// the shape of the table's rates.
double count_events(const ReadView& read, std::u32string_view plate, ChannelRates& counts, double times = 1);

// One step from plate to read. The last one's probability includes that nothing more is read.
struct ChannelEvent {
    enum class Kind : std::uint8_t { right, wrong, deletion, split, merge, insertion, region_loss, mark };
    Kind kind;                           // mark: a symbol was read as the mark of gap of_read
    std::uint32_t of_plate, plate_size;  // the symbols concerned
    std::uint32_t of_read, read_size;    // the characters
    double log_probability;
};
// The likeliest way, at the noise level at which it is likeliest. The probability of it all is that of the
// level times those of the events; none, if no way leads to the read.
struct LikeliestWay {
    std::size_t level = 0;
    std::vector<ChannelEvent> events;
};
[[nodiscard]] LikeliestWay likeliest_way(const ReadView& read, std::u32string_view plate);

}  // namespace platewatch
