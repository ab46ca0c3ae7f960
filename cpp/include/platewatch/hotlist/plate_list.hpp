// Plates that are their own ids, as keys and nothing else: the shortest way from a column of text to an
// index.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "platewatch/search/alphabet.hpp"
#include "platewatch/search/key.hpp"
#include "platewatch/store/array.hpp"
#include "platewatch/text/symbols.hpp"

namespace platewatch {

class PlateList {
  public:
    // Gathers plates in any order. A code is given to each symbol as it comes, and exchanged in the end.
    class Builder {
      public:
        Builder() : codes_(kPlane) {}
        void reserve(std::size_t plates) { short_.reserve(plates); }
        // False if there would be more than 254 distinct symbols. Precondition: !plate.empty().
        [[nodiscard]] bool push_back(const Symbols& plate);
        [[nodiscard]] PlateList build() &&;

      private:
        [[nodiscard]] Code code(char32_t symbol);
        [[nodiscard]] Code new_code(char32_t symbol);

        static constexpr char32_t kPlane = 0x10000;

        std::vector<char32_t> symbols_;  // the code of symbols_[i] is i + 1
        std::vector<Code> codes_;        // of the first plane
        Column<Key8> short_;
        Column<Key16> long_;
    };

    PlateList() = default;

    [[nodiscard]] std::size_t size() const noexcept { return short_.size() + long_.size(); }
    [[nodiscard]] const Alphabet& alphabet() const noexcept { return alphabet_; }
    [[nodiscard]] bool holds(const Symbols& plate) const noexcept;

    // Ascending, without repeats: of up to 8 symbols, and of 9 to 16.
    [[nodiscard]] std::span<const Key8> short_keys() const noexcept { return short_; }
    [[nodiscard]] std::span<const Key16> long_keys() const noexcept { return long_; }

  private:
    Alphabet alphabet_;
    Column<Key8> short_;
    Column<Key16> long_;
};

}  // namespace platewatch
