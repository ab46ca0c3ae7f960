// Levenshtein distance between two keys, bounded by a small k.
//
// Furthest-reaching diagonals (Ukkonen; Landau and Vishkin): with e edits spent, remember for each diagonal
// how far both keys are consumed, and slide along equal symbols, which is one count of leading zeros.
// O(k^2) word operations whatever the length. The padding needs no special case: once a key is used up only
// zeros are left of it, so replacing "a zero" by a symbol costs what inserting that symbol costs.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "platewatch/search/key.hpp"

namespace platewatch {

inline constexpr unsigned kMaxEdits = 3;

// The distance if it is at most k, else k + 1. Precondition: k <= kMaxEdits.
template <class Key>
[[nodiscard]] constexpr unsigned bounded_distance(Key a, Key b, unsigned k) noexcept {
    if (a == b) return 0;
    // used[kCentre + d]: symbols that both have used up on diagonal d, on which b is d symbols ahead of a, or
    // a is -d ahead of b; the symbols that one is ahead come on top.
    constexpr int kCentre = static_cast<int>(kMaxEdits);
    std::array<std::size_t, 2 * kCentre + 1> used{};
    used[kCentre] = common_prefix(a, b);
#pragma GCC unroll 3
    for (int edits = 1; edits <= static_cast<int>(kMaxEdits); ++edits) {
        if (edits > static_cast<int>(k)) break;
        std::array<std::size_t, 2 * kCentre + 1> next{};
#pragma GCC unroll 7
        for (int d = -edits; d <= edits; ++d) {
            // The furthest of up to three ways here: another symbol, and one more on the one or other side.
            const int ahead = d < 0 ? -d : d;
            const auto at = static_cast<std::size_t>(kCentre + d), inner = d < 0 ? at + 1 : at - 1,
                       outer = d < 0 ? at - 1 : at + 1;
            std::size_t reached = 0;
            if (ahead < edits) reached = used[at] + 1;
            if (ahead + 1 < edits) reached = std::max(reached, used[outer] + 1);
            if (d == 0 && edits > 1) reached = std::max(reached, used[inner] + 1);
            if (d != 0) reached = std::max(reached, used[inner]);
            const auto skipped = static_cast<std::size_t>(ahead);
            const Key rest_a = drop(a, d < 0 ? reached + skipped : reached);
            const Key rest_b = drop(b, d > 0 ? reached + skipped : reached);
            if (rest_a == rest_b) return static_cast<unsigned>(edits);
            next[at] = reached + common_prefix(rest_a, rest_b);
        }
        used = next;
    }
    return k + 1;
}

}  // namespace platewatch
