// A read as the channel model sees it: what stood in its raw text, and what the recogniser said of it.
//
// Those are its canonical symbols and, beside them, the marks that normalisation drops: a syllable read as
// `%` says where it was lost. Which marks say nothing: marks.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platewatch/text/symbols.hpp"

namespace platewatch {

inline constexpr std::size_t kMaxCharacters = kMaxSymbols;

struct Evidence {
    static constexpr std::size_t kMostAlternatives = 6;

    struct Alternative {
        char32_t symbol = 0;
        float p = 0;
    };

    char32_t c = 0;                 // a canonical symbol; of a mark, itself
    float p = -1;                   // confidence, 0 to 1; negative: none given
    bool has_alternatives = false;  // the recogniser lists them, though there may be none
    std::uint8_t alternative_count = 0;
    std::array<Alternative, kMostAlternatives> alternatives = {};  // of other symbols, likeliest first
};

// The characters of a read that normalisation keeps, and the gaps between them: gap i is in front of
// character i, the last one behind all.
class ReadEvidence {
  public:
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] const Evidence& operator[](std::size_t i) const noexcept { return characters_[i]; }
    [[nodiscard]] std::span<const Evidence> view() const noexcept { return {characters_.data(), size_}; }
    [[nodiscard]] Evidence& back() noexcept { return characters_[size_ - 1]; }

    // Whether a gap has a mark that may stand for a symbol, and which: of several the first that is no
    // separator, or else the first. A mark that is repeated in front of all or behind all is a pad, and none.
    [[nodiscard]] bool has_marks() const noexcept { return gaps_marked_ != 0; }
    [[nodiscard]] bool has_mark(std::size_t gap) const noexcept {
        const std::uint32_t said = gap == 0 || gap == size_ ? gaps_marked_ & ~gaps_padded_ : gaps_marked_;
        return (said >> gap & 1) != 0;
    }
    [[nodiscard]] const Evidence& mark(std::size_t gap) const noexcept { return marks_[gap]; }
    [[nodiscard]] double mark_price(std::size_t gap) const noexcept;

    // The place of the only letter among the characters; size() if there is none, or more than one.
    [[nodiscard]] std::size_t lone_letter() const noexcept;

    // Of the whole plate, 0 to 1; negative: none given. It counts where no character has one.
    [[nodiscard]] float confidence() const noexcept { return confidence_; }
    void set_confidence(float p) noexcept { confidence_ = p; }

    void clear() noexcept {
        size_ = gaps_marked_ = gaps_padded_ = 0;
        confidence_ = -1;
    }
    // One more character without confidence; false if there is no room.
    bool push_back(char32_t c) noexcept;
    bool push_back(const Evidence& evidence) noexcept;
    // A mark behind the last character.
    void push_mark(const Evidence& mark) noexcept;

    // The symbols of a canonical text. Precondition: text.size() <= kMaxCharacters.
    void assign(std::u32string_view canonical) noexcept;

  private:
    std::array<Evidence, kMaxCharacters> characters_;
    std::array<Evidence, kMaxCharacters + 1> marks_;  // [gap]
    char32_t last_mark_ = 0;
    float confidence_ = -1;
    std::uint32_t size_ = 0, gaps_marked_ = 0, gaps_padded_ = 0;  // of gaps: a bit each
};

// All that a recogniser says a plate reads: its own text, and other readings of the whole plate. Each has its
// share of what is believed, and the shares sum to 1.
struct ReadTexts {
    struct Other {
        ReadEvidence evidence;
        double share;
    };
    // Further ones are the least likely, and a read costs as much again for each.
    static constexpr std::size_t kMostOthers = 8;

    ReadEvidence own;
    double share = 1;  // of the own text
    std::vector<Other> others = {};

    ReadTexts() = default;
    ReadTexts(const ReadEvidence& only) : own(only) {}  // what most reads are
};

// The one symbol that a code point stands for by itself, or the mark that it is; 0 for white space, for what
// nobody sees, and for what cannot stand alone.
[[nodiscard]] char32_t character_of(std::span<const char32_t> text) noexcept;

// Whether normalisation keeps such a character.
[[nodiscard]] bool is_kept(char32_t c) noexcept;

// The symbols of a read.
[[nodiscard]] std::u32string canonical_text(const ReadEvidence& read);

// What stood in a raw text, of which `canonical` is the canonical form; that form alone where the two do not
// line up.
void evidence_of(std::span<const char32_t> raw, std::u32string_view canonical, ReadEvidence& out) noexcept;

}  // namespace platewatch
