#include "platewatch/search/key_index.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "tests/support.hpp"

namespace platewatch {
namespace {

// Lists long enough for the middle order, where reads of seven and eight symbols are looked up in it; the
// distance is held against the reference in distance_test.cpp.
template <class Key>
void expect_all_within(std::size_t count, const std::vector<std::size_t>& alphabet, int reads) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    SCOPED_TRACE(std::to_string(count) + " keys");
    std::mt19937_64 random(seed());
    constexpr std::size_t kMost = kKeySymbols<Key>;
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    // `alphabet`: how many symbols may stand at each place from the end.
    const auto plate = [&](std::size_t size) {
        std::vector<Code> codes(size);
        for (std::size_t i = 0; i < size; ++i)
            codes[size - 1 - i] = static_cast<Code>(1 + below(alphabet[i % alphabet.size()]));
        return codes;
    };
    // Half of them fill a key, most others lack a symbol.
    const auto lacking = [&] { return below(2) == 0 ? 0 : below(4) == 0 ? below(4) : 1; };
    Column<Key> keys;
    for (std::size_t i = 0; i < count; ++i) keys.push_back(pack<Key>(plate(kMost - lacking())));
    std::ranges::sort(keys);
    const auto repeats = std::ranges::unique(keys);
    keys.erase(repeats.begin(), repeats.end());
    const KeyIndex<Key> compact(keys);
    KeyIndex<Key> fast(keys);
    fast.make_fast(0);  // whatever may be left to the ends order is

    KeyWorkspace<Key> workspace;
    std::vector<KeyMatch> found;
    for (int round = 0; round < reads; ++round) {
        // Near a key, most of them: without edits, or with up to three, anywhere.
        std::vector<Code> codes = plate(kMost - below(3));
        if (below(4) != 0) {
            const Key near = keys[below(keys.size())];
            codes.resize(length(near));
            for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = code_at(near, i);
            for (std::size_t edits = below(4); edits > 0; --edits) {
                const std::size_t at = below(codes.size()), kind = below(3);
                const auto symbol = below(10) == 0 ? kUnknownCode : static_cast<Code>(1 + below(alphabet[0]));
                const auto place = codes.begin() + static_cast<std::ptrdiff_t>(at);
                if (kind == 0) codes[at] = symbol;
                if (kind == 1 && codes.size() > 1) codes.erase(place);
                if (kind == 2 && codes.size() < kMaxSymbols) codes.insert(place, symbol);
            }
        }
        // Or near one to which two symbols come right in its middle, as both of its ends then are the read's.
        Key near = keys[below(keys.size())];
        while (round % 4 == 0 && length(near) == kMost) near = keys[below(keys.size())];
        if (round % 4 == 0 && length(near) + 2 <= kMost) {
            codes.resize(length(near));
            for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = code_at(near, i);
            const auto more = plate(2);
            codes.insert(codes.begin() + static_cast<std::ptrdiff_t>(codes.size() / 2), more.begin(),
                         more.end());
        }
        const Key16 read = pack<Key16>(codes);
        const Probe probe{read, static_cast<std::uint32_t>(codes.size()), 0};
        const auto all_found = [&](const KeyIndex<Key>& searched, unsigned k) {
            found.clear();
            searched.search(std::span(&probe, 1), k, workspace, found);
            std::map<std::uint32_t, unsigned> have;
            for (const KeyMatch& match : found) {
                const auto [known, is_new] = have.emplace(match.place, match.edits);
                EXPECT_EQ(known->second, match.edits);
            }
            return have;
        };
        for (unsigned k = 0; k <= kMaxEdits; ++k) {
            std::map<std::uint32_t, unsigned> want;
            for (std::uint32_t place = 0; place < keys.size(); ++place) {
                const unsigned edits = bounded_distance(read, Probe::widened(keys[place]), k);
                if (edits <= k) want.emplace(place, edits);
            }
            ASSERT_EQ(all_found(compact, k), want) << "k = " << k << ", read of " << codes.size();
            ASSERT_EQ(all_found(fast, k), want) << "fast, read of " << codes.size();
        }
    }
}

TEST(KeyIndex, FindsAllOfAFewSymbols) { expect_all_within<Key8>(2'000, {3}, 400); }
TEST(KeyIndex, FindsAllOfDigits) { expect_all_within<Key8>(8'000, {10}, 200); }
TEST(KeyIndex, FindsAllOfPlates) { expect_all_within<Key8>(20'000, {10, 10, 10, 10, 40, 10, 10, 10}, 150); }
TEST(KeyIndex, FindsAllOfTwoSymbols) { expect_all_within<Key8>(400, {2}, 600); }
TEST(KeyIndex, FindsAllInSeveralSegments) { expect_all_within<Key8>(150'000, {10, 10, 10, 6}, 25); }
TEST(KeyIndex, FindsAllWithoutAMiddleOrder) { expect_all_within<Key8>(1'500, {30}, 200); }
TEST(KeyIndex, FindsAllOfShortKeys) { expect_all_within<Key8>(2'000, {2, 3, 9}, 300); }
TEST(KeyIndex, FindsAllOfWideKeys) { expect_all_within<Key16>(2'000, {4}, 200); }

}  // namespace
}  // namespace platewatch
