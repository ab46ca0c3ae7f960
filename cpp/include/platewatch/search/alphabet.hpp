// The code points that an index's entries use, each coded in one byte.
#pragma once

#include <string_view>
#include <vector>

#include "platewatch/search/key.hpp"
#include "platewatch/text/symbols.hpp"

namespace platewatch {

class Alphabet {
  public:
    Alphabet() : Alphabet(std::vector<char32_t>{}) {}

    // Codes follow the order of the code points. Throws std::length_error if there are more than 254.
    explicit Alphabet(std::vector<char32_t> symbols);

    [[nodiscard]] std::size_t size() const noexcept { return symbols_.size(); }
    [[nodiscard]] const std::vector<char32_t>& symbols() const noexcept { return symbols_; }

    // kUnknownCode for a code point that no entry uses.
    [[nodiscard]] Code code(char32_t symbol) const noexcept {
        return symbol < kPlane ? plane_[symbol] : code_beyond(symbol);
    }

    // The key of a text. Precondition: text.size() <= kKeySymbols<Key>.
    template <class Key>
    [[nodiscard]] Key encode(const Symbols& text) const noexcept {
        // As many symbols as a key has room for, then the rest cut off: a loop of fixed length has no branch
        // to miss.
        const char32_t* symbols = text.data();
        char32_t bits = 0;
        for (std::size_t i = 0; i < kKeySymbols<Key>; ++i) bits |= symbols[i];
        Key key = 0;
        if (bits < kPlane) {
            const Code* plane = plane_.data();
            for (std::size_t i = 0; i < kKeySymbols<Key>; ++i)
                key = static_cast<Key>(key << 8) | plane[symbols[i]];
        } else {
            for (std::size_t i = 0; i < kKeySymbols<Key>; ++i)
                key = static_cast<Key>(key << 8) | code(symbols[i]);
        }
        const std::size_t spare = kKeySymbols<Key> - text.size();
        return spare == kKeySymbols<Key> ? 0
                                         : static_cast<Key>(key & static_cast<Key>(~Key{0} << (8 * spare)));
    }

  private:
    [[nodiscard]] Code code_beyond(char32_t symbol) const noexcept;

    static constexpr char32_t kPlane = 0x10000;  // the first plane has nearly all symbols of any plate

    std::vector<char32_t> symbols_;  // ascending; the code of symbols_[i] is i + 1
    std::vector<Code> plane_;        // the codes of the first kPlane code points
};

}  // namespace platewatch
