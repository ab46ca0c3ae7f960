// A read as the channel model sees it: what stood in its raw text, and what the recogniser said of it.
//
// Other than the canonical text, it keeps the marks that normalisation drops: `7` read as `/` or a syllable
// read as `%` are edits of their own kind, and say where a symbol was lost.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "platewatch/text/symbols.hpp"

namespace platewatch {

inline constexpr std::size_t kMaxCharacters = 24;

struct Evidence {
    static constexpr std::size_t kMostAlternatives = 6;

    struct Alternative {
        char32_t symbol = 0;
        float p = 0;
    };

    char32_t c = 0;                 // a canonical symbol, or a mark that normalisation drops
    float p = -1;                   // confidence, 0 to 1; negative: none given
    bool has_alternatives = false;  // the recogniser lists them, though there may be none
    std::uint8_t alternative_count = 0;
    std::array<Alternative, kMostAlternatives> alternatives = {};  // of other symbols, likeliest first
};

class ReadEvidence {
  public:
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] const Evidence& operator[](std::size_t i) const noexcept { return characters_[i]; }
    [[nodiscard]] std::span<const Evidence> view() const noexcept { return {characters_.data(), size_}; }
    [[nodiscard]] Evidence& back() noexcept { return characters_[size_ - 1]; }

    void clear() noexcept { size_ = 0; }
    // One more character without confidence; false if there is no room.
    bool push_back(char32_t c) noexcept;

    // The symbols of a canonical text. Precondition: text.size() <= kMaxCharacters.
    void assign(std::u32string_view canonical) noexcept;

  private:
    std::array<Evidence, kMaxCharacters> characters_;
    std::size_t size_ = 0;
};

// The one symbol that a code point stands for by itself, or itself if normalisation drops it; 0 for white
// space and for what cannot stand alone.
[[nodiscard]] char32_t character_of(std::span<const char32_t> text) noexcept;

// Whether normalisation keeps such a character.
[[nodiscard]] bool is_kept(char32_t c) noexcept;

// The characters that normalisation keeps.
[[nodiscard]] std::u32string canonical_text(const ReadEvidence& read);

// What stood in a raw text, of which `canonical` is the canonical form; that form alone where the two do not
// line up or the text is too long.
void evidence_of(std::span<const char32_t> raw, std::u32string_view canonical, ReadEvidence& out) noexcept;

}  // namespace platewatch
