#include "platewatch/search/middle_order.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "tests/support.hpp"

namespace platewatch {
namespace {

// Ascending, of `least` to 8 symbols.
std::vector<Key8> random_keys(std::mt19937_64& random, std::size_t count, std::size_t alphabet,
                              std::size_t least) {
    std::vector<Key8> keys;
    while (keys.size() < count) {
        std::vector<Code> codes(least + random() % (9 - least));
        for (Code& code : codes) code = static_cast<Code>(1 + random() % alphabet);
        keys.push_back(pack<Key8>(codes));
    }
    std::ranges::sort(keys);
    const auto repeats = std::ranges::unique(keys);
    keys.erase(repeats.begin(), repeats.end());
    return keys;
}

TEST(MiddleOrder, HasEachKeyInItsCell) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    std::mt19937_64 random(seed());
    for (const std::size_t count : {1'500u, 5'000u, 150'000u}) {  // the last one in three segments
        const auto keys = random_keys(random, count, 5, 6);
        for (const std::size_t size : {7u, 8u}) {
            const MiddleOrder middle(keys, size, size == 8);
            ASSERT_TRUE(middle.has_all());
            std::size_t total = 0;
            for (Code first = 0; first <= 7; ++first) {
                for (Code second = 0; second <= 7; ++second) {
                    std::vector<Key8> want;
                    for (const Key8 key : keys) {
                        if (length(key) == size && code_at(key, size - 5) == first &&
                            code_at(key, size - 4) == second)
                            want.push_back(key);
                    }
                    const MiddleOrder::Cell cell = middle.cell(first, second);
                    ASSERT_EQ(cell.count, want.size());
                    if (cell.count == 0) continue;
                    std::vector<Key8> copied(cell.count), by_place;
                    std::vector<std::uint32_t> nths(cell.count);
                    EXPECT_EQ(middle.copy(cell, {}, keys.data(), copied.data(), nths.data()), cell.count);
                    for (const std::uint32_t nth : nths) by_place.push_back(keys[middle.place(cell, nth)]);
                    EXPECT_EQ(copied, want);
                    EXPECT_EQ(by_place, want);
                    total += cell.count;
                }
            }
            EXPECT_EQ(total, std::ranges::count_if(keys, [&](Key8 key) { return length(key) == size; }));
        }
    }
}

TEST(MiddleOrder, IsNotMadeWhereItDoesNotPay) {
    std::mt19937_64 random(seed());
    EXPECT_FALSE(MiddleOrder(random_keys(random, 100, 30, 8), 8, true).has_all());  // more pairs than keys
    const auto most = random_keys(random, MiddleOrder::kMostKeys + 10'000, 10, 8);
    ASSERT_GT(most.size(), MiddleOrder::kMostKeys);
    EXPECT_FALSE(MiddleOrder(most, 8, true).has_all());
    EXPECT_TRUE(MiddleOrder(std::span(most).first(MiddleOrder::kMostKeys), 8, true).has_all());
}

TEST(MiddleOrder, HasAllOfNoKeys) {
    std::mt19937_64 random(seed());
    const auto keys = random_keys(random, 5'000, 10, 8);
    for (const MiddleOrder& none :
         {MiddleOrder(std::span<const Key8>(), 7, true), MiddleOrder(keys, 7, true)}) {
        EXPECT_TRUE(none.has_all());
        EXPECT_EQ(none.nbytes(), 0);
        EXPECT_EQ(none.cell(1, 2).count, 0);
    }
}

TEST(MiddleOrder, LeavesOutOnlyWhatHasFewOfTheLastThreeSymbols) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    std::mt19937_64 random(seed());
    for (const std::size_t alphabet : {5u, 12u}) {  // of twelve, some look alike in two bits and in three
        const auto keys = random_keys(random, 100'000, alphabet, 7);  // in two segments
        const MiddleOrder middle(keys, 8, true);
        ASSERT_TRUE(middle.has_all() && middle.has_tails());
        std::size_t in_cells = 0, copied = 0;
        for (int round = 0; round < 200; ++round) {
            const Key8 key = keys[static_cast<std::size_t>(random() % keys.size())];
            const std::size_t size = length(key);
            const auto cell = middle.cell(code_at(key, size - 5), code_at(key, size - 4));
            if (cell.count == 0) continue;
            std::vector<Key8> alike(cell.count);
            std::vector<std::uint32_t> nths(cell.count);
            alike.resize(
                middle.copy(cell, MiddleOrder::tail_of(key, size), keys.data(), alike.data(), nths.data()));
            nths.resize(alike.size());
            EXPECT_TRUE(std::ranges::is_sorted(nths));
            for (std::size_t i = 0; i < alike.size(); ++i)
                EXPECT_EQ(keys[middle.place(cell, nths[i])], alike[i]);
            for (std::uint32_t nth = 0; nth < cell.count; ++nth) {
                const Key8 other = keys[middle.place(cell, nth)];
                std::size_t same = 0;
                for (std::size_t i = 1; i <= 3; ++i) same += code_at(key, size - i) == code_at(other, 8 - i);
                if (same < 2) continue;
                EXPECT_TRUE(std::ranges::binary_search(nths, nth));
            }
            in_cells += cell.count;
            copied += alike.size();
        }
        if (alphabet == 12) {
            EXPECT_LT(10 * copied, in_cells);
        }
    }
}

TEST(MiddleOrder, TakesTwoBytesAKeyOrThreeAndLittleMore) {
    std::mt19937_64 random(seed());
    for (const std::size_t count : {1'000u, 30'000u, 200'000u}) {
        const auto keys = random_keys(random, count, 7, 8);
        EXPECT_LE(MiddleOrder(keys, 8, false).nbytes(), keys.size() * 9 / 4 + 4);
        const MiddleOrder with_tails(keys, 8, true);
        EXPECT_EQ(with_tails.has_tails(), keys.size() >= MiddleOrder::kKeysWorthTails);
        EXPECT_LE(with_tails.nbytes(), keys.size() * (with_tails.has_tails() ? 13 : 9) / 4 + 128);
    }
}

}  // namespace
}  // namespace platewatch
