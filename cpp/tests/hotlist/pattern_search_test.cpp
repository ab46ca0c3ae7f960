// Index::search of a pattern, by brute force.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "platewatch/hotlist/index.hpp"
#include "tests/lists.hpp"
#include "tests/support.hpp"

namespace platewatch {
namespace {

using namespace lists;

Pattern pattern_of(std::string_view utf8) {
    Pattern pattern;
    EXPECT_EQ(parse_pattern(utf8, pattern), PatternError::none) << utf8;
    return pattern;
}

struct Case {
    std::string_view query;
    std::u32string_view plate;
    bool fits;
};

constexpr Case kCases[] = {
    {"12가3456", U"12가3456", true},
    {"1*6", U"12가3456", true},
    {"*56", U"12가3456", true},
    {"12*", U"12가3456", true},
    {"*가*", U"12가3456", true},
    {"*", U"1", true},
    {"?*", U"1", true},
    {"??*", U"1", false},
    {"[12]2[가거]*", U"12가3456", true},
    {"[23]2*", U"12가3456", false},
    {"12바3108", U"서울52바3108", false},
    {"52바*", U"서울52바3108", true},
    {"서울*", U"52바3108", true},
    {"부산*", U"서울52바3108", false},  // both have a mark: it counts
    {"서울*", U"1234", false},          // no mark, as 4 symbols follow
    {"서울*08", U"52바3108", true},
    {"?울52바3108", U"52바3108", true},
    {"*울5*", U"52바3108", true},
    {"ABCDEFGHIJKLMNOP", U"ABCDEFGHIJKLMNOP", true},
    {"*MNOP", U"ABCDEFGHIJKLMNOP", true},
    {"A*I*P", U"ABCDEFGHIJKLMNOP", true},
    {"????????????????*", U"ABCDEFGHIJKLMNOP", true},
    {"서울*P", U"ABCDEFGHIJKLMNOP", true},
    {"*Z*", U"ABCDEFGHIJKLMNOP", false},  // Z: no entry uses it
    {"[YZ]*", U"ABCDEFGHIJKLMNOP", false},
};

TEST(PatternSearch, ByHand) {
    for (const auto& [query, plate, expected] : kCases) {
        SCOPED_TRACE(std::string(query) + " and " + to_utf8(plate));
        EXPECT_EQ(fits(pattern_of(query), plate), expected);
        const Index index({{"id", Symbols(plate)}});
        EXPECT_EQ(index.search(pattern_of(query), 0).size(), expected ? 1u : 0u);
    }
}

TEST(PatternSearch, FindsWhatIsValid) {
    const Index index({{"a", Symbols(U"1234"), {.from = 2, .until = 4}},
                       {"b", Symbols(U"서울12345")},
                       {"c", {}, {.from = 2, .until = 4}, {}, {}, pattern_of("12*")}});
    EXPECT_EQ(index.search(pattern_of("12*"), 1), (std::vector<std::uint32_t>{1}));
    EXPECT_EQ(index.search(pattern_of("12*"), 3), (std::vector<std::uint32_t>{0, 1, 2}));
    EXPECT_EQ(index.search(pattern_of("12*"), 4), (std::vector<std::uint32_t>{1}));
    EXPECT_TRUE(Index().search(pattern_of("*"), 0).empty());
}

class PatternSearchAgainstReference : public testing::TestWithParam<std::size_t> {};

TEST_P(PatternSearchAgainstReference, Agrees) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    const std::size_t size = GetParam();
    std::size_t found = 0;
    for (int list = 0; list < (size < 100 ? 20 : 3); ++list) {
        std::vector<IndexEntry> entries = random_list(random, size);
        std::erase_if(entries, [](const IndexEntry& entry) { return entry.pattern.has_value(); });
        const Index index(entries);
        for (int round = 0; round < 60; ++round) {
            const Pattern query = random_pattern(random, random_read(random, entries));
            const Time at = static_cast<Time>(random.below(kTimes));
            std::vector<std::uint32_t> expected;
            for (const IndexEntry& entry : entries) {
                if (entry.validity.holds(at) && fits(query, entry.plate.view()))
                    expected.push_back(index.find(entry.id).value());
            }
            std::ranges::sort(expected);
            ASSERT_EQ(index.search(query, at), expected) << to_utf8(query);
            found += expected.size();
        }
    }
    EXPECT_GT(found, size);
}

INSTANTIATE_TEST_SUITE_P(Lists, PatternSearchAgainstReference, testing::Values(1, 30, 2000));

// Entries that are patterns, over all plates of a few symbols, with and without a mark.
TEST(PatternSearch, OfPatternsIsOverAllPlates) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    constexpr std::u32string_view kAlphabet = U"서울1";
    constexpr std::size_t kLongest = 7;
    std::vector<std::u32string> plates = {U""};
    for (std::size_t i = 0; i < plates.size() && plates[i].size() < kLongest; ++i) {
        for (const char32_t c : kAlphabet) plates.push_back(plates[i] + c);
    }
    // Of the marks that begin with one of these symbols or end with it, there are two.
    for (std::size_t i = 0, bare = plates.size(); i < bare; ++i) {
        plates.push_back(U"서울" + plates[i]);
        plates.push_back(U"울산" + plates[i]);
    }
    // Short enough for a plate that fits both to be among these, or without runs.
    const auto short_pattern = [&] {
        std::u32string out(random.one_in(2) ? U"서울" : U"");
        const bool runs = random.one_in(2);
        for (std::size_t n = runs ? 1 + random.below(2) : 4 + random.below(2); n > 0; --n) {
            if (runs && random.one_in(3)) out += U'*';
            out += random.one_in(4) ? U'?' : random.of(kAlphabet);
        }
        if (runs) out += U'*';
        return pattern_of(to_utf8(out));
    };
    std::size_t fitting = 0, marked = 0;
    for (int round = 0; round < 150; ++round) {
        const Pattern query = short_pattern(), listed = short_pattern();
        const auto admits_bare = [&](const Pattern& pattern, const std::u32string& plate) {
            return has_region_mark(plate) && admits(pattern, without_region_mark(plate));
        };
        bool expected = false, plain = false;
        for (const std::u32string& plate : plates) {
            plain |= admits(query, plate) && admits(listed, plate);
            expected |= admits(listed, plate) && admits_bare(query, plate);
            expected |= !has_region_mark(listed) && admits(query, plate) && admits_bare(listed, plate);
        }
        marked += expected && !plain;
        fitting += expected || plain;
        const Index index({{"id", {}, {}, {}, {}, listed}});
        ASSERT_EQ(index.search(query, 0).size(), expected || plain ? 1u : 0u)
            << to_utf8(query) << " and " << to_utf8(listed);
    }
    EXPECT_GT(marked, 5u);
    EXPECT_LT(fitting, 150u);
}

}  // namespace
}  // namespace platewatch
