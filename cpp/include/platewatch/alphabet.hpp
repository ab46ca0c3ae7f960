// The code points that an index's entries use, each coded in one byte.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "platewatch/key.hpp"
#include "platewatch/symbols.hpp"

namespace platewatch {

class Alphabet {
  public:
    Alphabet() : Alphabet(std::vector<char32_t>{}) {}

    // Codes follow the order of the code points. Throws std::length_error if there are more than 254.
    explicit Alphabet(std::vector<char32_t> symbols);

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    // kUnknownCode for a code point that no entry uses.
    [[nodiscard]] Code code(char32_t symbol) const noexcept {
        return pages_[page_of_[symbol >> 8]][symbol & 0xFF];
    }

    // Writes one code a symbol. Precondition: codes.size() >= text.size().
    void encode(std::u32string_view text, std::span<Code> codes) const noexcept {
        for (std::size_t i = 0; i < text.size(); ++i) codes[i] = code(text[i]);
    }

  private:
    using Page = std::array<Code, 256>;  // codes of 256 neighbouring code points

    std::size_t size_;
    std::array<std::uint8_t, 0x1100> page_of_{};  // by the code point's upper bits; page 0 knows no symbol
    std::vector<Page> pages_;
};

}  // namespace platewatch
