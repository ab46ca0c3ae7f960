#include "platewatch/search/alphabet.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "platewatch/base/raise.hpp"

namespace platewatch {

Alphabet::Alphabet(std::vector<char32_t> symbols) {
    std::ranges::sort(symbols);
    const auto repeats = std::ranges::unique(symbols);
    symbols.erase(repeats.begin(), repeats.end());
    if (symbols.size() > kMaxCode) raise<std::length_error>("the entries use more than 254 distinct symbols");

    symbols_ = std::move(symbols);
    plane_.assign(kPlane, kUnknownCode);
    for (std::size_t i = 0; i < symbols_.size() && symbols_[i] < kPlane; ++i) {
        plane_[symbols_[i]] = static_cast<Code>(i + 1);
    }
}

Code Alphabet::code_beyond(char32_t symbol) const noexcept {
    const auto place = std::ranges::lower_bound(symbols_, symbol);
    if (place == symbols_.end() || *place != symbol) return kUnknownCode;
    return static_cast<Code>(place - symbols_.begin() + 1);
}

}  // namespace platewatch
