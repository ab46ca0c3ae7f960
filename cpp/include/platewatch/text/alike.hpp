// Whether two canonical texts may be of one plate: two reads of one vehicle rarely differ more, and two
// vehicles in a row rarely have so much in common.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include "platewatch/text/symbols.hpp"

namespace platewatch {

inline constexpr std::size_t kMostEditsAlike = 3, kLeastInCommon = 5;

// The Levenshtein distance if it is at most `most`, else more. Precondition: at most kMaxSymbols each.
[[nodiscard]] inline std::size_t edits_between(std::u32string_view a, std::u32string_view b,
                                               std::size_t most) noexcept {
    std::array<std::size_t, kMaxSymbols + 1> row;
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0], least = row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t here =
                std::min({diagonal + (a[i - 1] != b[j - 1]), row[j] + 1, row[j - 1] + 1});
            diagonal = row[j];
            least = std::min(least, row[j] = here);
        }
        if (least > most) return least;
    }
    return row[b.size()];
}

[[nodiscard]] inline bool are_alike(std::u32string_view a, std::u32string_view b) noexcept {
    if (a == b) return true;
    const std::size_t longest = std::max(a.size(), b.size());
    if (longest <= kLeastInCommon) return false;
    const std::size_t most = std::min(kMostEditsAlike, longest - kLeastInCommon);
    // Cheap, and rules out most texts of two plates.
    const auto in_common = std::ranges::count_if(a, [&](char32_t c) { return b.find(c) != b.npos; });
    return static_cast<std::size_t>(in_common) >= kLeastInCommon && edits_between(a, b, most) <= most;
}

// Whether so little of a plate was read that it may be of any.
[[nodiscard]] inline bool is_fragment(std::u32string_view text) noexcept {
    const auto known = std::ranges::count_if(text, [](char32_t c) { return c != kUnknownSymbol; });
    return static_cast<std::size_t>(known) < kLeastInCommon;
}

}  // namespace platewatch
