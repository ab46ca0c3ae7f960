#include "platewatch/alphabet.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace platewatch {

Alphabet::Alphabet(std::vector<char32_t> symbols) : symbols_(std::move(symbols)) {
    std::ranges::sort(symbols_);
    const auto repeats = std::ranges::unique(symbols_);
    symbols_.erase(repeats.begin(), repeats.end());
    if (symbols_.size() > kMaxCode) throw std::length_error("the entries use more than 254 distinct symbols");
}

Code Alphabet::code(char32_t symbol) const noexcept {
    const auto it = std::ranges::lower_bound(symbols_, symbol);
    if (it == symbols_.end() || *it != symbol) return kUnknownCode;
    return static_cast<Code>(it - symbols_.begin() + 1);
}

void Alphabet::encode(std::u32string_view text, std::span<Code> codes) const noexcept {
    for (std::size_t i = 0; i < text.size(); ++i) codes[i] = code(text[i]);
}

}  // namespace platewatch
