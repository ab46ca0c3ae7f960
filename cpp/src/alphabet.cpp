#include "platewatch/alphabet.hpp"

#include <algorithm>
#include <stdexcept>

namespace platewatch {

Alphabet::Alphabet(std::vector<char32_t> symbols) {
    std::ranges::sort(symbols);
    const auto repeats = std::ranges::unique(symbols);
    symbols.erase(repeats.begin(), repeats.end());
    if (symbols.size() > kMaxCode) throw std::length_error("the entries use more than 254 distinct symbols");

    Page unknown;
    unknown.fill(kUnknownCode);
    pages_.push_back(unknown);
    size_ = symbols.size();
    Code next = 1;
    for (const char32_t symbol : symbols) {
        std::uint8_t& page = page_of_[symbol >> 8];
        if (page == 0) {
            page = static_cast<std::uint8_t>(pages_.size());
            pages_.push_back(unknown);
        }
        pages_[page][symbol & 0xFF] = next++;
    }
}

}  // namespace platewatch
