// The code points that an index's entries use, each coded in one byte.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "platewatch/key.hpp"
#include "platewatch/symbols.hpp"

namespace platewatch {

class Alphabet {
  public:
    Alphabet() = default;

    // Codes follow the order of the code points. Throws std::length_error if there are more than 254.
    explicit Alphabet(std::vector<char32_t> symbols);

    [[nodiscard]] std::size_t size() const noexcept { return symbols_.size(); }

    // kUnknownCode for a code point that no entry uses.
    [[nodiscard]] Code code(char32_t symbol) const noexcept;

    // Writes one code a symbol. Precondition: codes.size() >= text.size().
    void encode(std::u32string_view text, std::span<Code> codes) const noexcept;

  private:
    std::vector<char32_t> symbols_;  // ascending; the code is the place + 1
};

}  // namespace platewatch
