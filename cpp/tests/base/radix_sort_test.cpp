#include "platewatch/base/radix_sort.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include "platewatch/search/key.hpp"
#include "tests/support.hpp"

namespace platewatch {
namespace {

template <class Key>
std::vector<std::pair<Key, int>> random_items(std::size_t size, Key mask) {
    std::mt19937_64 rng(seed());
    std::vector<std::pair<Key, int>> items;
    for (std::size_t i = 0; i < size; ++i) {
        Key key = rng();
        if constexpr (sizeof(Key) > 8) key = key << 64 | rng();
        items.emplace_back(static_cast<Key>(key & mask), static_cast<int>(i));
    }
    return items;
}

template <class Key>
void expect_sorted_as_by_the_library(Key mask) {
    for (const std::size_t size : {0, 1, 2, 100, 257, 5000}) {
        auto items = random_items<Key>(size, mask), expected = items;
        radix_sort<sizeof(Key)>(items, [](const auto& item) { return item.first; });
        std::ranges::stable_sort(expected, {}, [](const auto& item) { return item.first; });
        EXPECT_TRUE(items == expected) << size << " items";  // equal keys in their order, too
        auto again = items;
        radix_sort<sizeof(Key)>(again, [](const auto& item) { return item.first; });
        EXPECT_TRUE(again == items);
    }
}

TEST(RadixSort, AsTheLibrarySorts) {
    expect_sorted_as_by_the_library<Key8>(~Key8{0});
    expect_sorted_as_by_the_library<Key8>(0xFF00'0000'0003'0000);  // most bytes equal, most keys repeated
    expect_sorted_as_by_the_library<Key8>(0);
    expect_sorted_as_by_the_library<Key16>(~Key16{0});
    expect_sorted_as_by_the_library<Key16>(Key16{0x7} << 77 | 0xF0);
}

TEST(RadixSort, CanBeBrokenOff) {
    std::vector<std::pair<Key8, int>> items = random_items<Key8>(200'000, ~Key8{0});
    struct BrokenOff : std::exception {};
    const Interruptible always([] { throw BrokenOff(); });
    EXPECT_THROW(
        {
            for (int i = 0; i < 1000; ++i) {  // it looks at the clock now and then only
                auto copy = items;
                radix_sort<8>(copy, [](const auto& item) { return item.first; });
            }
        },
        BrokenOff);
}

}  // namespace
}  // namespace platewatch
