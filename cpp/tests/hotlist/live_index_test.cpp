#include "platewatch/hotlist/live_index.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/lists.hpp"
#include "tests/support.hpp"

namespace platewatch {
namespace {

using namespace lists;

std::vector<std::string> ids_of(const State& state, std::span<const std::uint32_t> numbers) {
    std::vector<std::string> ids;
    for (const std::uint32_t number : numbers) ids.emplace_back(state.id(number));
    return ids;
}

std::vector<Hit> search(const LiveIndex& index, std::u32string_view read, unsigned k) {
    Index::Workspace workspace;
    const Query query{0, 0, Symbols(read)};
    return hits_of(*index.state(), {&query, 1}, k, workspace);
}

IndexEntry plain(std::string id, std::u32string_view plate) { return {std::move(id), Symbols(plate)}; }

TEST(LiveIndex, AddsReplacesAndTakesOut) {
    LiveIndex index(Index({plain("a", U"1234"), plain("b", U"1235")}));
    const auto old = index.state();
    const std::vector<std::string> removals = {"b", "b", "nobody"};
    EXPECT_EQ(index.apply({plain("a", U"9999"), plain("c", U"1236")}, removals), 1u);
    EXPECT_EQ(search(index, U"1236", 1), (std::vector<Hit>{{0, "c", 0}}));
    EXPECT_EQ(search(index, U"9999", 0), (std::vector<Hit>{{0, "a", 0}}));
    EXPECT_EQ(index.state()->size(), 2u);
    EXPECT_EQ(index.apply({}, removals), 0u);  // gone already
    // An id in both was there, and is.
    const std::vector<std::string> both = {"c"};
    EXPECT_EQ(index.apply({plain("c", U"5555")}, both), 1u);
    EXPECT_EQ(search(index, U"5555", 0), (std::vector<Hit>{{0, "c", 0}}));
    EXPECT_TRUE(search(index, U"1236", 0).empty());
    // Who took a state keeps it.
    EXPECT_EQ(old->size(), 2u);
    Index::Workspace workspace;
    const Query query{0, 0, Symbols(U"1234")};
    EXPECT_EQ(hits_of(*old, {&query, 1}, 1, workspace), (std::vector<Hit>{{0, "a", 0}, {0, "b", 1}}));
}

TEST(LiveIndex, RefusesARepeatedIdAndChangesNothing) {
    LiveIndex index(Index({plain("a", U"1234")}));
    const auto before = index.state();
    const std::vector<std::string> removals = {"a"};
    EXPECT_THROW(index.apply({plain("b", U"1"), plain("b", U"2")}, removals), std::invalid_argument);
    std::vector<IndexEntry> many(LiveIndex::kSmallEntries + 2, plain("b", U"1"));
    EXPECT_THROW(index.apply(many, removals), std::invalid_argument);
    EXPECT_EQ(index.state(), before);
}

// Entries of one symbol each.
std::vector<IndexEntry> symbols_from(char32_t first, std::size_t count) {
    std::vector<IndexEntry> entries;
    for (std::size_t i = 0; i < count; ++i) {
        const char32_t symbol = first + static_cast<char32_t>(i);
        entries.push_back(plain("id " + std::to_string(symbol), {&symbol, 1}));
    }
    return entries;
}

std::vector<std::string> ids_of(std::span<const IndexEntry> entries) {
    std::vector<std::string> ids;
    for (const IndexEntry& entry : entries) ids.push_back(entry.id);
    return ids;
}

TEST(LiveIndex, HoldsAtMost254DistinctSymbolsInAll) {
    for (const std::size_t added : {std::size_t{100}, std::size_t{200}}) {  // few and many
        LiveIndex index(Index(symbols_from(U'가', 254 - added)));
        index.apply(symbols_from(U'다', added), {});
        index.settle();
        const auto before = index.state();
        EXPECT_THROW(index.apply(symbols_from(U'마', 1), {}), std::length_error);
        EXPECT_THROW(index.apply(symbols_from(U'마', 150), {}), std::length_error);
        EXPECT_EQ(index.state(), before);
        EXPECT_EQ(before->size(), 254u);
    }
}

TEST(LiveIndex, SymbolsOfEntriesThatAreGoneDoNotCount) {
    const std::vector<IndexEntry> first = symbols_from(U'가', 254);
    LiveIndex index{Index(first)};
    index.apply({}, std::vector<std::string>{first[0].id, first[1].id});
    index.apply(symbols_from(U'마', 2), {});
    EXPECT_THROW(index.apply(symbols_from(U'사', 1), {}), std::length_error);
    // Gone with the same change, taken out or replaced.
    index.apply(symbols_from(U'사', 1), std::vector<std::string>{first[2].id});
    index.apply({plain(first[3].id, U"아")}, {});
    EXPECT_THROW(index.apply(symbols_from(U'자', 200), {}), std::length_error);
    index.apply(symbols_from(U'자', 200), ids_of(std::span(first).subspan(4, 200)));
    index.settle();
    EXPECT_EQ(index.state()->size(), 254u);
    EXPECT_EQ(search(index, U"아", 0).size(), 1u);
    EXPECT_EQ(search(index, std::u32string{U'자' + 199}, 0).size(), 1u);
}

TEST(LiveIndex, FoldsSmallChangesTogether) {
    std::vector<IndexEntry> entries;
    LiveIndex index{Index(entries)};
    for (std::size_t i = 0; i < 3000; ++i) {
        entries.push_back(plain(std::to_string(i), U"1" + std::u32string(1 + i % 7, U'2')));
        index.apply({entries.back()}, {});
        ASSERT_EQ(index.state()->size(), entries.size());
    }
    index.settle();
    const auto state = index.state();
    EXPECT_LE(state->segments().size(), LiveIndex::kManySegments);
    EXPECT_GT(state->segments().front().index->size(), 2000u);  // no longer the empty one
    EXPECT_EQ(search(index, U"1222", 1).size(), 3 * (3000u / 7 + 1));
    // Taking out most of a segment folds it too.
    std::vector<std::string> removals;
    for (std::size_t i = 0; i < 2900; ++i) removals.push_back(std::to_string(i));
    EXPECT_EQ(index.apply({}, removals), 2900u);
    index.settle();
    EXPECT_EQ(index.state()->size(), 100u);
    EXPECT_LT(index.state()->numbers(), 100 + 2 * LiveIndex::kSmallEntries);
}

TEST(LiveIndex, CanBeDestroyedWhileItFolds) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    for (int round = 0; round < 20; ++round) {
        LiveIndex index(Index(random_list(random, 50)));
        std::vector<IndexEntry> many = random_list(random, 600);
        index.apply(std::move(many), {});  // wants folding
        if (round % 2 == 0) index.apply({plain("another", U"1234")}, {});
        if (round % 3 == 0) index.replace(Index());
    }
}

TEST(LiveIndex, AnEmptyOneFindsNothing) {
    LiveIndex index{Index()};
    EXPECT_EQ(index.state()->size(), 0u);
    EXPECT_TRUE(search(index, U"1234", 3).empty());
    Pattern everything;
    ASSERT_EQ(parse_pattern("*", everything), PatternError::none);
    EXPECT_TRUE(index.state()->search(everything, 0).empty());
    EXPECT_EQ(index.apply({}, std::vector<std::string>{"a"}), 0u);
    index.settle();
    const State none;
    EXPECT_EQ(none.size() + none.numbers(), 0u);
}

// Compares all that a state says of its entries with the list.
void expect_state(const State& state, const std::map<std::string, IndexEntry>& list, Random& random) {
    ASSERT_EQ(state.size(), list.size());
    std::map<std::string, IndexEntry> entries;
    for (IndexEntry& entry : state.entries()) {
        std::string id = entry.id;
        ASSERT_TRUE(entries.emplace(std::move(id), std::move(entry)).second);
    }
    for (const auto& [id, entry] : list) {
        SCOPED_TRACE(id);
        ASSERT_TRUE(entries.contains(id));
        const IndexEntry& found = entries.at(id);
        ASSERT_EQ(found.plate, entry.plate);
        ASSERT_EQ(found.pattern, entry.pattern);
        ASSERT_EQ(found.validity, entry.validity);
        ASSERT_EQ(found.category, entry.category);
        ASSERT_EQ(found.priority, entry.priority);
        ASSERT_EQ(found.exact, entry.exact);
    }

    std::vector<IndexEntry> values;
    for (const auto& [id, entry] : list) values.push_back(entry);
    std::vector<Query> block(1 + random.below(12));
    std::uint32_t read = 0;
    for (Query& query : block) {
        read += random.one_in(4) ? 0 : 1;  // some reads have several texts
        query = {read, static_cast<Time>(random.below(kTimes)), Symbols(random_read(random, values))};
    }
    Index::Workspace workspace;
    for (unsigned k = 0; k <= kMaxEdits; ++k) {
        const std::vector<Hit> expected = reference_hits(block, values, k);
        ASSERT_EQ(hits_of(state, block, k, workspace), expected) << "k = " << k;
        std::vector<Match> matches;
        state.search(block, k, workspace, matches);
        for (const Match& match : matches) {
            ASSERT_LT(match.entry, state.numbers());
            const IndexEntry& entry = list.at(std::string(state.id(match.entry)));
            ASSERT_EQ(state.plate(match.entry),
                      entry.pattern ? to_utf8(*entry.pattern) : to_utf8(entry.plate.view()));
            ASSERT_EQ(state.category(match.entry), entry.category);
            ASSERT_EQ(state.priority(match.entry), entry.priority);
        }
    }
    const Pattern pattern = random_pattern(random, random_read(random, values));
    std::vector<std::string> expected;
    for (const auto& [id, entry] : list) {
        // pattern_search_test.cpp compares entries that are patterns
        if (!entry.pattern && entry.validity.holds(5) && fits(pattern, entry.plate.view()))
            expected.push_back(id);
    }
    std::vector<std::string> ids = ids_of(state, state.search(pattern, 5));
    ASSERT_TRUE(std::ranges::is_sorted(ids));
    std::erase_if(ids, [&](const std::string& id) { return list.at(id).pattern.has_value(); });
    ASSERT_EQ(ids, expected) << to_utf8(pattern);
}

TEST(LiveIndex, FollowsRandomChanges) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    for (int round = 0; round < 4; ++round) {
        constexpr std::size_t kIds = 300;
        std::map<std::string, IndexEntry> list;
        const auto put = [&](const std::vector<IndexEntry>& entries) {
            for (const IndexEntry& entry : entries) list.insert_or_assign(entry.id, entry);
        };
        std::vector<IndexEntry> first = random_list(random, random.below(200));
        put(first);
        LiveIndex index{Index(std::move(first))};
        for (int step = 0; step < 40; ++step) {
            SCOPED_TRACE("round " + std::to_string(round) + ", step " + std::to_string(step));
            const std::size_t what = random.below(20);
            if (what == 0) {
                std::vector<IndexEntry> entries = random_list(random, random.below(200));
                list.clear();
                put(entries);
                index.replace(Index(std::move(entries)));
            } else if (what == 1) {
                index.settle();
                ASSERT_LE(index.state()->segments().size(), LiveIndex::kManySegments);
            } else {
                const bool bulk = what < 5;
                std::map<std::string, IndexEntry> upserts;
                for (std::size_t i = bulk ? 150 + random.below(100) : random.below(5); i > 0; --i) {
                    const std::string id = id_of(random.below(kIds));
                    upserts.insert_or_assign(id, random_entry(random, id));
                }
                std::vector<std::string> removals;
                for (std::size_t i = bulk ? random.below(200) : random.below(4); i > 0; --i)
                    removals.push_back(id_of(random.below(kIds)));
                std::size_t removed = 0;
                for (const std::string& id : removals) removed += list.erase(id);
                std::vector<IndexEntry> entries;
                for (const auto& [id, entry] : upserts) entries.push_back(entry);
                std::ranges::reverse(entries);
                put(entries);
                ASSERT_EQ(index.apply(std::move(entries), removals), removed);
            }
            ASSERT_NO_FATAL_FAILURE(expect_state(*index.state(), list, random));
        }
        index.settle();
        ASSERT_NO_FATAL_FAILURE(expect_state(*index.state(), list, random));
    }
}

// Several threads. A change is logged with the moments at which it began and ended; an answer is right if it
// is the reference's for a list that may have been current while it was sought. Each writer has ids of its
// own, so the answers about these must fit one of its own versions, and those of all writers together.

constexpr std::size_t kIds = 320, kPlates = 60, kReads = 24;

struct Version {
    std::uint64_t begin;
    std::array<std::int16_t, kIds> plates;  // of each id of the writer; -1: it is not listed
};

struct Answer {
    std::uint64_t begin, end;
    std::size_t read;
    unsigned k;
    std::vector<Hit> hits;
};

void run_threads(std::size_t writers, std::size_t readers, int changes) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    std::vector<IndexEntry> plates;
    for (std::size_t i = 0; i < kPlates; ++i) {
        plates.push_back(random_entry(random, ""));
        plates.back().validity = {};
        plates.back().exact = false;
    }
    std::vector<Query> reads;
    for (std::size_t i = 0; i < kReads; ++i) reads.push_back({0, 0, Symbols(random_read(random, plates))});
    std::array<std::array<unsigned, kPlates>, kReads> edits;
    for (std::size_t r = 0; r < kReads; ++r) {
        for (std::size_t p = 0; p < kPlates; ++p)
            edits[r][p] = reference_edits(reads[r].text.view(), plates[p]);
    }
    const auto id = [](std::size_t writer, std::size_t i) {
        return std::to_string(i) + "-" + std::to_string(writer);
    };
    const auto entry = [&](std::size_t writer, std::size_t i, std::size_t plate) {
        IndexEntry e = plates[plate];
        e.id = id(writer, i);
        return e;
    };

    LiveIndex index{Index()};
    std::atomic<std::uint64_t> clock = 1;
    std::vector<std::vector<Version>> versions(writers);
    std::vector<std::vector<std::uint64_t>> ends(writers);  // when a version had certainly taken over
    std::vector<std::vector<Answer>> answers(readers);
    std::atomic<std::size_t> writing = writers;
    {
        std::vector<std::jthread> threads;
        for (std::size_t w = 0; w < writers; ++w) {
            threads.emplace_back([&, w] {
                Random mine(seed() + 1 + w);
                Version now{0, {}};
                now.plates.fill(-1);
                versions[w].push_back(now);
                ends[w].push_back(0);
                for (int change = 0; change < changes; ++change) {
                    const bool bulk = mine.one_in(12);
                    std::vector<IndexEntry> upserts;
                    std::vector<std::string> removals;
                    std::vector<bool> touched(kIds);
                    for (std::size_t n = bulk ? 200 : 1 + mine.below(6); n > 0; --n) {
                        const std::size_t i = mine.below(kIds);
                        if (touched[i]) continue;
                        touched[i] = true;
                        if (mine.one_in(3)) {
                            removals.push_back(id(w, i));
                            now.plates[i] = -1;
                        } else {
                            const std::size_t plate = mine.below(kPlates);
                            upserts.push_back(entry(w, i, plate));
                            now.plates[i] = static_cast<std::int16_t>(plate);
                        }
                    }
                    if (writers == 1 && mine.one_in(40)) {
                        std::vector<IndexEntry> all;
                        for (std::size_t i = 0; i < kIds; ++i) {
                            if (now.plates[i] >= 0)
                                all.push_back(entry(w, i, static_cast<std::size_t>(now.plates[i])));
                        }
                        now.begin = clock++;
                        index.replace(Index(std::move(all)));
                    } else {
                        now.begin = clock++;
                        index.apply(std::move(upserts), removals);
                    }
                    versions[w].push_back(now);
                    ends[w].push_back(clock++);
                    if (mine.one_in(30)) index.settle();
                }
                --writing;
            });
        }
        for (std::size_t r = 0; r < readers; ++r) {
            threads.emplace_back([&, r] {
                Random mine(seed() + 100 + r);
                Index::Workspace workspace;
                std::size_t last = 3;  // after the last change too
                while (writing > 0 || last-- > 0) {
                    Answer answer{clock++, 0, mine.below(kReads), static_cast<unsigned>(mine.below(4)), {}};
                    const auto state = index.state();
                    answer.end = clock++;  // all that comes now, the state cannot know
                    answer.hits = hits_of(*state, {&reads[answer.read], 1}, answer.k, workspace);
                    answers[r].push_back(std::move(answer));
                    if (answers[r].size() % 64 == 0) std::this_thread::yield();
                }
            });
        }
    }

    const auto expected = [&](std::size_t writer, const Version& version, const Answer& answer) {
        std::vector<Hit> hits;
        for (std::size_t i = 0; i < kIds; ++i) {
            if (version.plates[i] < 0) continue;
            const unsigned e = edits[answer.read][static_cast<std::size_t>(version.plates[i])];
            if (e <= answer.k) hits.push_back({0, id(writer, i), e});
        }
        std::ranges::sort(hits, {}, [](const Hit& h) { return std::tie(h.edits, h.id); });
        return hits;
    };
    std::size_t checked = 0, found = 0;
    for (const std::vector<Answer>& of_reader : answers) {
        for (const Answer& answer : of_reader) {
            ASSERT_TRUE(std::ranges::is_sorted(answer.hits, {},
                                               [](const Hit& h) { return std::tie(h.edits, h.id); }));
            for (std::size_t w = 0; w < writers; ++w) {
                std::vector<Hit> hits = answer.hits;
                std::erase_if(hits,
                              [&](const Hit& hit) { return !hit.id.ends_with("-" + std::to_string(w)); });
                // The last version that had taken over before, and those that began before the end.
                auto v = static_cast<std::size_t>(std::ranges::upper_bound(ends[w], answer.begin) -
                                                  ends[w].begin()) -
                         1;
                bool right = false;
                for (; !right && v < versions[w].size() && versions[w][v].begin <= answer.end; ++v)
                    right = expected(w, versions[w][v], answer) == hits;
                ASSERT_TRUE(right) << "read " << to_utf8(reads[answer.read].text.view())
                                   << ", k = " << answer.k << ", moments " << answer.begin << " to "
                                   << answer.end << ": " << testing::PrintToString(hits);
                ++checked;
                found += hits.size();
            }
        }
    }
    EXPECT_GE(checked, 3 * readers * writers);
    EXPECT_GT(found, 0u);
    index.settle();
    EXPECT_LE(index.state()->segments().size(), LiveIndex::kManySegments);
}

TEST(LiveIndexThreads, OneWriterManyReaders) { run_threads(1, 3, 500); }
TEST(LiveIndexThreads, TwoWritersManyReaders) { run_threads(2, 3, 300); }

// A change can leave nothing to fold while the folding thread is on its way: who waits for it must wake up.
TEST(LiveIndexThreads, SettlingEndsWhateverChanges) {
    std::vector<IndexEntry> first;
    for (int i = 0; i < 200; ++i) first.push_back(plain("f" + std::to_string(i), U"1234"));
    std::vector<IndexEntry> small;
    for (std::size_t i = 0; i < LiveIndex::kSmallEntries; ++i)
        small.push_back(plain("s" + std::to_string(i), U"1234"));
    std::vector<std::string> all_but_one;
    for (std::size_t i = 1; i < small.size(); ++i) all_but_one.push_back(small[i].id);
    all_but_one.push_back("f0");  // one too many not to be folded
    for (int round = 0; round < 100; ++round) {
        LiveIndex index{Index(first)};
        std::atomic<bool> done = false;
        std::jthread settler([&] {
            while (!done) index.settle();
        });
        index.apply(small, {});
        index.apply({}, all_but_one);
        index.apply({plain("s1", U"1234")}, {});  // rebuilds the small segment
        done = true;
    }
}

}  // namespace
}  // namespace platewatch
