#include "platewatch/hotlist/plate_list.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "platewatch/hotlist/index.hpp"
#include "platewatch/text/region.hpp"
#include "tests/support.hpp"

namespace platewatch {
namespace {

PlateList list_of(const std::vector<std::u32string>& plates) {
    PlateList::Builder builder;
    for (const std::u32string& plate : plates) EXPECT_TRUE(builder.push_back(Symbols(plate)));
    return std::move(builder).build();
}

// Of 1 to 16 symbols, with repeats, region marks and symbols beyond the first plane.
std::vector<std::u32string> hostile(std::size_t count) {
    std::mt19937_64 rng(seed());
    const std::u32string_view symbols = U"01A가서울\U00020000\U00020001";
    std::vector<std::u32string> plates;
    for (std::size_t i = 0; i < count; ++i) {
        std::u32string plate = i % 3 == 0 ? U"서울" : U"";
        const std::size_t size = 1 + rng() % (i % 5 == 0 ? 14 : 6);
        while (plate.size() < size + (i % 3 == 0 ? 2 : 0)) plate += symbols[rng() % symbols.size()];
        plates.push_back(plate);
    }
    return plates;
}

std::vector<Match> matches(const Index& index, const std::vector<std::u32string>& reads, unsigned k) {
    Index::Workspace workspace;
    std::vector<Match> found;
    for (std::uint32_t i = 0; i < reads.size(); ++i) {
        const Query query{i, 0, Symbols(reads[i])};
        index.search({&query, 1}, k, workspace, found);
    }
    order_matches(found, 0, workspace.words);
    return found;
}

// A list of nothing but short plates tells them by its keys, any other one by their texts.
TEST(PlateList, PlatesAsSymbolsAreThoseOfTheirTexts) {
    std::vector<std::u32string> shorts;
    for (std::u32string& plate : hostile(3000)) {
        if (plate.size() <= kKeySymbols<Key8> && !has_region_mark(plate)) shorts.push_back(std::move(plate));
    }
    for (const std::vector<std::u32string>& plates : {shorts, hostile(3000)}) {
        const Index index(list_of(plates));
        ASSERT_GT(index.size(), 300u);
        for (std::uint32_t number = 0; number < index.size(); ++number) {
            Symbols symbols;
            index.plate(number, symbols);
            ASSERT_EQ(to_utf8(symbols.view()), index.plate(number)) << number;
        }
    }
}

TEST(PlateList, IsIndexedAsEntriesAre) {
    const std::vector<std::u32string> plates = hostile(3000);
    const std::set<std::u32string> distinct(plates.begin(), plates.end());
    std::vector<IndexEntry> entries;
    for (const std::u32string& plate : distinct) entries.push_back({to_utf8(plate), Symbols(plate)});
    const PlateList list = list_of(plates);
    ASSERT_EQ(list.size(), distinct.size());

    const Index expected(std::move(entries)), index(list);
    ASSERT_EQ(index.size(), expected.size());
    for (std::uint32_t number = 0; number < index.size(); ++number) {
        EXPECT_EQ(index.id(number), expected.id(number));
        EXPECT_EQ(index.plate(number), expected.plate(number));
    }
    EXPECT_TRUE(std::ranges::equal(index.symbols(), expected.symbols()));
    EXPECT_EQ(index.nbytes(), expected.nbytes());
    const std::vector<std::u32string> reads(plates.begin(), plates.begin() + 300);
    for (unsigned k = 0; k <= kMaxEdits; ++k)
        EXPECT_EQ(matches(index, reads, k), matches(expected, reads, k)) << "k = " << k;
}

TEST(PlateList, HoldsWhatWasPutIn) {
    const PlateList list = list_of({U"12가3456", U"서울12가3456", U"A"});
    EXPECT_TRUE(list.holds(Symbols(U"12가3456")));
    EXPECT_TRUE(list.holds(Symbols(U"서울12가3456")));
    EXPECT_TRUE(list.holds(Symbols(U"A")));
    EXPECT_FALSE(list.holds(Symbols(U"12가345")));
    EXPECT_FALSE(list.holds(Symbols(U"12거3456")));  // 거: no plate uses it
    EXPECT_FALSE(list.holds(Symbols(U"\U00020000")));
    EXPECT_EQ(list_of({}).size(), 0U);
    EXPECT_EQ(Index(list_of({})).size(), 0U);
}

TEST(PlateList, RefusesTheSymbolThatIsOneTooMany) {
    PlateList::Builder builder;
    for (char32_t c = 0; c < 254; ++c)
        ASSERT_TRUE(builder.push_back(Symbols(std::u32string(1, (c % 2 == 0 ? U'가' : U'\U00020000') + c))));
    EXPECT_FALSE(builder.push_back(Symbols(U"1")));
    EXPECT_FALSE(builder.push_back(Symbols(U"\U00030000")));
    EXPECT_EQ(std::move(builder).build().size(), 254U);
}

}  // namespace
}  // namespace platewatch
