#include "platewatch/search/distance.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "platewatch/search/alphabet.hpp"
#include "reference/reference.hpp"
#include "tests/support.hpp"

namespace platewatch {
namespace {

TEST(Reference, Levenshtein) {
    using reference::levenshtein;
    EXPECT_EQ(levenshtein(U"", U""), 0u);
    EXPECT_EQ(levenshtein(U"", U"abc"), 3u);
    EXPECT_EQ(levenshtein(U"kitten", U"sitting"), 3u);
    EXPECT_EQ(levenshtein(U"12가3456", U"12거3456"), 1u);
    EXPECT_EQ(levenshtein(U"12가3456", U"123가3456"), 1u);
    EXPECT_EQ(levenshtein(U"12가3456", U"12가4356"), 2u);  // a swap
    EXPECT_EQ(levenshtein(U"12가345?", U"12가3456"), 1u);
    EXPECT_EQ(levenshtein(U"??", U"??"), 2u);
}

template <class Key>
Key encode(std::u32string_view text) {
    static const Alphabet alphabet({U'0', U'1', U'2', U'3'});
    return alphabet.encode<Key>(Symbols(text));
}

template <class Key>
void expect_as_reference(std::u32string_view read, std::u32string_view entry) {
    const unsigned distance = reference::levenshtein(read, entry);
    for (unsigned k = 0; k <= kMaxEdits; ++k) {
        EXPECT_EQ(bounded_distance(encode<Key>(read), encode<Key>(entry), k), std::min(distance, k + 1))
            << to_utf8(read) << " and " << to_utf8(entry) << ", k = " << k;
    }
}

template <class Key>
class BoundedDistance : public testing::Test {};
using KeyTypes = testing::Types<Key8, Key16>;
TYPED_TEST_SUITE(BoundedDistance, KeyTypes);

TYPED_TEST(BoundedDistance, ByHand) {
    const auto distance = [](std::u32string_view a, std::u32string_view b, unsigned k) {
        return bounded_distance(encode<TypeParam>(a), encode<TypeParam>(b), k);
    };
    EXPECT_EQ(distance(U"0123", U"0123", 0), 0u);
    EXPECT_EQ(distance(U"0123", U"0122", 0), 1u);
    EXPECT_EQ(distance(U"0123", U"0122", 1), 1u);
    EXPECT_EQ(distance(U"0123", U"123", 3), 1u);
    EXPECT_EQ(distance(U"0123", U"1230", 3), 2u);
    EXPECT_EQ(distance(U"0123", U"3210", 3), 4u);
    EXPECT_EQ(distance(U"", U"012", 3), 3u);
    EXPECT_EQ(distance(U"", U"0123", 3), 4u);
    EXPECT_EQ(distance(U"0?23", U"0123", 3), 1u);
    EXPECT_EQ(distance(U"00000000", U"0000000", 1), 1u);
    EXPECT_EQ(distance(U"01230123", U"12301230", 3), 2u);
}

TYPED_TEST(BoundedDistance, EveryPairOfShortTexts) {
    std::vector<std::u32string> texts = {U""};
    for (std::size_t i = 0; texts.size() < 121; ++i) {  // up to 4 symbols of 3
        for (const char32_t c : std::u32string_view(U"01?")) texts.push_back(texts[i] + c);
    }
    for (const std::u32string& read : texts) {
        for (const std::u32string& entry : texts) {
            if (entry.find(kUnknownSymbol) == entry.npos) expect_as_reference<TypeParam>(read, entry);
        }
    }
}

TYPED_TEST(BoundedDistance, RandomNeighbours) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    std::mt19937_64 random(seed());
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    for (int round = 0; round < 20000; ++round) {
        std::u32string entry(below(sizeof(TypeParam) + 1), U'0');
        for (char32_t& c : entry) c = U"0123"[below(4)];
        std::u32string read = entry;
        for (std::size_t edits = below(6); edits > 0; --edits) {
            const std::size_t at = below(read.size() + 1);
            if (at < read.size() && below(2) == 0) read.erase(at, 1);
            if (read.size() < sizeof(TypeParam))
                read.insert(std::min(at, read.size()), 1, U"0123?"[below(5)]);
        }
        expect_as_reference<TypeParam>(read, entry);
    }
}

}  // namespace
}  // namespace platewatch
