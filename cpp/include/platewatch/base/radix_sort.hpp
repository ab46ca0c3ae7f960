// Sorting by unsigned integers: byte by byte, from the last to the first, in time linear in their number.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "platewatch/base/interrupt.hpp"

namespace platewatch {

// Sorts by key_of(item), an unsigned integer of `Bytes` bytes; what is equal keeps its order. A byte in which
// all are equal costs nothing. Polls; broken off, the items are lost.
template <std::size_t Bytes, class Items, class KeyOf>
void radix_sort(Items& items, const KeyOf& key_of) {
    constexpr std::size_t kFew = 256;
    const auto less = [&](const auto& a, const auto& b) { return key_of(a) < key_of(b); };
    if (items.size() <= kFew) return std::stable_sort(items.begin(), items.end(), less);
    if (std::is_sorted(items.begin(), items.end(), less)) return;

    const auto byte_of = [](auto key, std::size_t nth) {
        return static_cast<std::size_t>(static_cast<std::uint8_t>(key >> (8 * nth)));
    };
    std::vector<std::array<std::size_t, 256>> counts(Bytes);
    Poller pass_by;
    for (const auto& item : items) {
        pass_by();
        const auto key = key_of(item);
        for (std::size_t nth = 0; nth < Bytes; ++nth) ++counts[nth][byte_of(key, nth)];
    }
    Items sorted(items.size());
    for (std::size_t nth = 0; nth < Bytes; ++nth) {
        if (counts[nth][byte_of(key_of(items[0]), nth)] == items.size()) continue;
        std::array<std::size_t, 256> place;
        for (std::size_t byte = 0, begin = 0; byte < place.size(); ++byte) {
            place[byte] = begin;
            begin += counts[nth][byte];
        }
        for (const auto& item : items) {
            pass_by();
            sorted[place[byte_of(key_of(item), nth)]++] = item;
        }
        std::swap(items, sorted);
    }
}

}  // namespace platewatch
