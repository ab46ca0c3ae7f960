#include "platewatch/search/ends_order.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "platewatch/search/distance.hpp"
#include "tests/support.hpp"

namespace platewatch {
namespace {

Key8 random_key(std::mt19937_64& random, std::size_t least, std::size_t alphabet) {
    std::vector<Code> codes(least + random() % (9 - least));
    for (Code& code : codes) code = static_cast<Code>(1 + random() % alphabet);
    return pack<Key8>(codes);
}

std::vector<Key8> random_keys(std::mt19937_64& random, std::size_t count, std::size_t least,
                              std::size_t alphabet) {
    std::set<Key8> keys;
    for (std::size_t i = 0; i < count; ++i) keys.insert(random_key(random, least, alphabet));
    return {keys.begin(), keys.end()};
}

// A key of which a symbol between the ends is replaced, one is put in, or left out: as long as it is one.
Key8 edited_between(std::mt19937_64& random, Key8 key, std::size_t alphabet) {
    std::vector<Code> codes(length(key));
    for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = code_at(key, i);
    const auto place = codes.begin() + 3;
    const auto symbol = random() % 4 == 0 ? kUnknownCode : static_cast<Code>(1 + random() % alphabet);
    const std::size_t kind = random() % 3;
    if (kind == 0 && codes.size() < 8) codes.insert(place, symbol);
    if (kind == 1 && codes.size() > 6) *place = symbol;
    if (kind == 2 && codes.size() > 6) codes.erase(place);
    return pack<Key8>(codes);
}

bool same_ends(Key8 a, Key8 b) {
    const auto ends = [](Key8 key) { return std::pair(key >> 40, reversed(key) >> 40); };
    return length(a) >= 6 && length(b) >= 6 && ends(a) == ends(b);
}

TEST(EndsOrder, HasAllWithTheEndsOfAReadAndOneEditBetweenThem) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    std::mt19937_64 random(seed());
    for (const std::size_t alphabet : {2u, 3u, 5u}) {
        const auto keys = random_keys(random, 3'000, 4, alphabet);
        const EndsOrder order(keys);
        ASSERT_FALSE(order.empty());
        std::size_t wanted = 0, by_chance = 0;
        for (int round = 0; round < 300; ++round) {
            const Key8 near = keys[random() % keys.size()];
            const bool derived = length(near) >= 6 && random() % 2 == 0;
            const Key8 read =
                derived ? edited_between(random, near, alphabet) : random_key(random, 6, alphabet);
            const auto size = static_cast<std::uint32_t>(length(read));
            ASSERT_TRUE(order.knows(size));
            std::multiset<std::uint32_t> have;
            order.visit(order.find(read, reversed(read)), read, size,
                        [&](std::uint32_t place) { have.insert(place); });
            for (std::uint32_t place = 0; place < keys.size(); ++place) {
                if (same_ends(read, keys[place]) && bounded_distance(read, keys[place], 1) <= 1) {
                    ++wanted;
                    ASSERT_EQ(have.count(place), 1)
                        << "read of " << size << ", key of " << length(keys[place]);
                } else {
                    by_chance += have.count(place);
                }
            }
        }
        EXPECT_GT(wanted, 50);
        EXPECT_LE(by_chance, wanted / 10);
    }
}

TEST(EndsOrder, KnowsReadsOfSixToEightSymbols) {
    std::mt19937_64 random(seed());
    const EndsOrder order(random_keys(random, 100, 6, 5));
    for (std::uint32_t size = 0; size <= 16; ++size) EXPECT_EQ(order.knows(size), size >= 6 && size <= 8);
    EXPECT_TRUE(EndsOrder(std::span<const Key8>()).empty());
    const std::vector<Key8> five = {pack<Key8>(std::vector<Code>{1, 2, 3, 4, 5})};
    EXPECT_TRUE(EndsOrder(five).empty());
    EXPECT_FALSE(EndsOrder(five).knows(7));
}

TEST(EndsOrder, TakesNineBytesAKey) {
    std::mt19937_64 random(seed());
    const auto keys = random_keys(random, 100'000, 8, 30);
    EXPECT_LE(EndsOrder(keys).nbytes(), keys.size() * 9 + 16);
}

}  // namespace
}  // namespace platewatch
