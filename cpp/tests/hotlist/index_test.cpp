#include "platewatch/hotlist/index.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "reference/reference.hpp"
#include "tests/support.hpp"

namespace platewatch {

void PrintTo(const Match& match, std::ostream* out) {
    *out << "{read " << match.read << ", entry " << match.entry << ", " << match.edits << " edits}";
}

namespace {

std::vector<Match> search(const Index& index, std::u32string_view read, unsigned k, Time at = 0) {
    Index::Workspace workspace;
    std::vector<Match> matches;
    const Query query{0, at, Symbols(read)};
    index.search({&query, 1}, k, workspace, matches);
    order_matches(matches, 0, workspace.words);
    return matches;
}

// The contract by hand, for the index and for the reference it is compared with below.

struct Pair {
    std::u32string_view read, entry;
    unsigned edits;
};

constexpr Pair kPairs[] = {
    {U"12가3456", U"12가3456", 0},
    {U"12거3456", U"12가3456", 1},
    {U"2가3456", U"12가3456", 1},
    {U"112가3456", U"12가3456", 1},
    {U"21가3456", U"12가3456", 2},  // a swap
    {U"12?3456", U"12가3456", 1},
    {U"12Z3456", U"12가3456", 1},  // Z: no entry uses it
    {U"???3456", U"12가3456", 3},
    {U"52바3108", U"서울52바3108", 0},
    {U"서울52바3108", U"52바3108", 0},
    {U"서울52바3108", U"서울52바3108", 0},
    {U"울52바3108", U"서울52바3108", 1},
    {U"울52바3108", U"52바3108", 1},
    {U"부산52바3108", U"서울52바3108", 2},  // both have a mark: it counts
    {U"부산52바310", U"52바3108", 1},
    {U"52바3180", U"서울52바3108", 2},
    {U"서울12345", U"12345", 0},
    {U"12345", U"서울12345", 0},
    {U"서울1234", U"1234", 2},  // 4 symbols follow: no mark
    {U"1234", U"서울1234", 2},
    {U"서울부산52바3108", U"부산52바3108", 2},  // the entry has a mark, so the read keeps its own
    {U"서울2바310?", U"52바3108", 2},
    {U"ABCDEFGHIJKLMNOP", U"ABCDEFGHIJKLMNOP", 0},
    {U"ABCDEFGHIJKLM", U"ABCDEFGHIJKLMNOP", 3},
    {U"ABCDEFGHJK", U"ABCDEFGH", 2},  // across the border of the two widths of keys
    {U"ABCDEFGH", U"ABCDEFGHIJ", 2},
    {U"ABC", U"A", 2},
    {U"1", U"A", 1},
};

TEST(Index, ContractByHand) {
    for (const auto& [read, entry, edits] : kPairs) {
        SCOPED_TRACE(to_utf8(read) + " and " + to_utf8(entry));
        EXPECT_EQ(reference::edits(read, entry), edits);
        const Index index({{"id", Symbols(entry), {}}});
        for (unsigned k = 0; k <= kMaxEdits; ++k) {
            const std::vector<Match> expected(edits <= k ? 1 : 0, Match{0, 0, edits});
            EXPECT_EQ(search(index, read, k), expected) << "k = " << k;
        }
    }
}

TEST(Index, OrderIsEditsThenIdByCodePoint) {
    const Index index({{"\U0001F695", Symbols(U"12가3456"), {}},
                       {"b", Symbols(U"12거3456"), {}},
                       {"\uFF5E", Symbols(U"12가3456"), {}},  // after U+1F695 in UTF-16
                       {"c", Symbols(U"12가3456"), {}},
                       {"C", Symbols(U"서울12가3456"), {}}});
    EXPECT_EQ(search(index, U"12가3456", 1),
              (std::vector<Match>{{0, 0, 0}, {0, 2, 0}, {0, 3, 0}, {0, 4, 0}, {0, 1, 1}}));
    EXPECT_EQ(index.size(), 5u);
    EXPECT_EQ(index.id(0), "C");
    EXPECT_EQ(index.plate(0), "서울12가3456");
    EXPECT_EQ(index.id(4), "\U0001F695");
}

TEST(Index, EntriesMatchWithinTheirWindow) {
    const Index index({{"a", Symbols(U"1234"), {.from = 10, .until = 20}}, {"b", Symbols(U"1234"), {}}});
    const std::vector<Match> only_b = {{0, 1, 0}}, both = {{0, 0, 0}, {0, 1, 0}};
    EXPECT_EQ(search(index, U"1234", 0, 9), only_b);
    EXPECT_EQ(search(index, U"1234", 0, 10), both);
    EXPECT_EQ(search(index, U"1234", 0, 19), both);
    EXPECT_EQ(search(index, U"1234", 0, 20), only_b);
}

TEST(Index, RefusesARepeatedId) {
    const IndexEntry entry{"same", Symbols(U"12가3456"), {}};
    EXPECT_THROW(Index({entry, {"other", Symbols(U"1"), {}}, entry}), std::invalid_argument);
}

TEST(Index, HoldsAtMost254DistinctSymbols) {
    std::vector<IndexEntry> entries;
    for (char32_t c = 0; c < 254; ++c) {
        entries.push_back({std::to_string(c), Symbols(std::u32string{U'0', U'가' + c}), {}});
    }
    EXPECT_THROW(Index{entries}, std::length_error);
    entries.pop_back();
    EXPECT_EQ(search(Index(entries), std::u32string{U'0', U'가' + 252}, 0).size(), 1u);
}

// Random and hostile lists against the reference.

class Random {
  public:
    explicit Random(std::uint64_t from) : engine_(from) {}

    std::size_t below(std::size_t n) { return static_cast<std::size_t>(engine_() % n); }
    bool one_in(std::size_t n) { return below(n) == 0; }
    char32_t of(std::u32string_view symbols) { return symbols[below(symbols.size())]; }
    std::u32string text(std::size_t length, std::u32string_view symbols) {
        std::u32string out(length, U'0');
        for (char32_t& c : out) c = of(symbols);
        return out;
    }

  private:
    std::mt19937_64 engine_;
};

constexpr std::u32string_view kDigits = U"0123456789";
constexpr std::u32string_view kSyllables =
    U"가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주허하호";

std::u32string korean(Random& random) {
    return random.text(2 + random.below(2), kDigits) + random.of(kSyllables) + random.text(4, kDigits);
}
std::u32string latin(Random& random) {
    return random.text(5 + random.below(4), U"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
}
std::u32string tiny(Random& random) { return random.text(3 + random.below(8), U"0123"); }
std::u32string fleet(Random& random) {
    return U"70" + random.text(1, U"바사") + U"1" + random.text(3, kDigits);
}
std::u32string region(Random& random) {
    std::u32string plate;
    while (plate.size() <= 4 && !random.one_in(2)) plate += kRegionMarks[random.below(3)];
    return plate + U"5" + random.text(1, U"12") + random.of(U"바사") +
           random.text(2 + random.below(2), U"12");
}
std::u32string mixed(Random& random) { return random.text(1 + random.below(kMaxSymbols), U"01AB가나서울"); }
std::u32string wide(Random& random) {  // nearly as many symbols as an index can code
    std::u32string plate(2 + random.below(3), U'가');
    for (char32_t& c : plate) c += static_cast<char32_t>(random.below(random.one_in(2) ? 254 : 4));
    return plate;
}
std::u32string shared(Random& random) { return U"1234가" + random.text(2, U"01"); }

struct Kind {
    const char* name;
    std::u32string (*plate)(Random&);
    bool expiring = false;
};

constexpr Kind kKinds[] = {{"korean", korean}, {"latin", latin},   {"tiny", tiny},
                           {"fleet", fleet},   {"region", region}, {"mixed", mixed},
                           {"wide", wide},     {"shared", shared}, {"expiring", fleet, true}};

constexpr Time kTimes = 10;  // windows and reads lie in 0 .. 9

std::vector<IndexEntry> random_list(Random& random, const Kind& kind, std::size_t size) {
    constexpr std::string_view kPrefixes[] = {"", "Z", "가", "\uFF5E", "\U0001F695"};
    std::vector<IndexEntry> entries;
    for (std::size_t i = 0; i < size; ++i) {
        const std::string id = std::string(kPrefixes[random.below(5)]) + std::to_string(i);
        Validity validity;
        if (kind.expiring && !random.one_in(3)) validity.from = static_cast<Time>(random.below(kTimes));
        if (kind.expiring && !random.one_in(3)) validity.until = static_cast<Time>(random.below(kTimes));
        entries.push_back({id, Symbols(kind.plate(random)), validity});
        entries.back().exact = kind.expiring && random.one_in(3);
    }
    return entries;
}

// A plate of the list, or of its kind, after a few misreadings.
std::u32string random_read(Random& random, const Kind& kind, const std::vector<IndexEntry>& entries) {
    std::u32string read = entries.empty() || random.one_in(4)
                              ? kind.plate(random)
                              : std::u32string(entries[random.below(entries.size())].plate.view());
    if (random.one_in(4)) read.insert(0, kRegionMarks[random.below(4)]);
    for (std::size_t edits = random.below(5); edits > 0; --edits) {
        const std::size_t at = random.below(read.size());
        if (read.size() > 1 && !random.one_in(3)) read.erase(at, 1);
        if (!random.one_in(3)) read.insert(at, 1, random.one_in(3) ? random.of(U"?힣") : random.of(read));
    }
    return read.substr(0, kMaxSymbols);
}

class IndexAgainstReference : public testing::TestWithParam<std::tuple<Kind, std::size_t>> {};

TEST_P(IndexAgainstReference, Agrees) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    const auto& [kind, size] = GetParam();
    Random random(seed());
    const int lists = size < 10 ? 50 : 1;
    for (int list = 0; list < lists; ++list) {
        const std::vector<IndexEntry> entries = random_list(random, kind, size);
        const Index index(entries);
        Index::Workspace workspace;
        // Blocks of every size, as the engine works on several reads at once.
        for (std::uint32_t done = 0; done < 100;) {
            std::vector<Query> block(1 + random.below(2 * Index::kBlock));
            for (Query& query : block) {
                const auto at = static_cast<Time>(random.below(kTimes));
                query = {done++, at, Symbols(random_read(random, kind, entries))};
            }
            for (unsigned k = 0; k <= kMaxEdits; ++k) {
                std::vector<Match> expected, found;
                for (const Query& query : block) {
                    for (Match match : reference::search(query.text.view(), entries, k, query.at)) {
                        match.read = query.read;
                        expected.push_back(match);
                    }
                }
                index.search(block, k, workspace, found);
                order_matches(found, 0, workspace.words);
                ASSERT_EQ(found, expected)
                    << "k = " << k << ", reads " << block.front().read << " to " << done;
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Lists, IndexAgainstReference,
                         testing::Combine(testing::ValuesIn(kKinds), testing::Values(0, 1, 2, 3000)),
                         [](const auto& test) {
                             return std::string(std::get<0>(test.param).name) + "_" +
                                    std::to_string(std::get<1>(test.param));
                         });

}  // namespace
}  // namespace platewatch
