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

#include "platewatch/key.hpp"

namespace platewatch {

inline constexpr unsigned kMaxEdits = 3;

// The distance if it is at most k, else k + 1. Precondition: k <= kMaxEdits.
template <class Key>
[[nodiscard]] constexpr unsigned bounded_distance(Key a, Key b, unsigned k) noexcept {
    if (a == b) return 0;
    // reach[kMaxEdits + 1 + d]: symbols of a consumed on diagonal d = (consumed of b) - (consumed of a).
    constexpr int kCentre = kMaxEdits + 1;
    constexpr int kNever = -2;  // no path is on this diagonal yet
    std::array<int, 2 * kCentre + 1> reach{};
    reach.fill(kNever);
    reach[kCentre] = static_cast<int>(common_prefix(a, b));

    for (unsigned edits = 1; edits <= k; ++edits) {
        const int widest = static_cast<int>(edits);
        std::array<int, 2 * kCentre + 1> next = reach;
        for (int d = -widest; d <= widest; ++d) {
            const auto at = static_cast<std::size_t>(kCentre + d);
            const int substituted = reach[at] + 1;
            const int inserted = reach[at - 1];
            const int deleted = reach[at + 1] + 1;
            const int i = std::max({substituted, inserted, deleted});
            const Key rest_a = drop(a, static_cast<std::size_t>(i));
            const Key rest_b = drop(b, static_cast<std::size_t>(i + d));
            if (rest_a == rest_b) return edits;
            next[at] = i + static_cast<int>(common_prefix(rest_a, rest_b));
        }
        reach = next;
    }
    return k + 1;
}

}  // namespace platewatch
