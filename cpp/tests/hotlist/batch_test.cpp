#include "platewatch/hotlist/batch.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/lists.hpp"
#include "tests/support.hpp"

namespace platewatch {
namespace {

using namespace lists;

// A state of several segments, with entries taken out.
std::shared_ptr<const State> state_of(std::vector<IndexEntry>& entries) {
    const auto third = entries.begin() + static_cast<std::ptrdiff_t>(entries.size() / 3);
    LiveIndex index(Index({entries.begin(), third}));
    index.apply({third, entries.end()}, {});
    std::vector<std::string> removals = {entries.front().id, entries.back().id};
    index.apply({}, removals);
    entries.erase(entries.begin());
    entries.pop_back();
    return index.state();
}

std::vector<Hit> hits_of(const State& state, const Batch& batch) {
    EXPECT_EQ(batch.read.size(), batch.entry.size());
    EXPECT_EQ(batch.read.size(), batch.edits.size());
    std::vector<Hit> hits;
    for (std::size_t i = 0; i < batch.read.size(); ++i)
        hits.push_back({batch.read[i], std::string(state.id(batch.entry[i])), batch.edits[i]});
    return hits;
}

// Texts in their units, and the views of them.
class Texts {
  public:
    void add(std::u32string_view text, TextView::Unit unit) {
        using Unit = TextView::Unit;
        switch (unit) {
            case Unit::utf8:
                add_raw(to_utf8(text), unit);
                break;
            case Unit::latin1:
                add_raw(std::string(text.begin(), text.end()), unit);
                break;
            case Unit::ucs2:
                keep(std::make_shared<std::u16string>(text.begin(), text.end()), unit);
                break;
            case Unit::utf32:
                keep(std::make_shared<std::u32string>(text), unit);
                break;
            case Unit::none:
                views_.emplace_back();
        }
    }
    void add_raw(std::string bytes, TextView::Unit unit) {
        keep(std::make_shared<std::string>(std::move(bytes)), unit);
    }
    [[nodiscard]] std::size_t size() const { return views_.size(); }
    [[nodiscard]] TextSource source() const {
        return {[](const void* context, std::size_t first, std::span<TextView> texts) {
                    const auto& views = static_cast<const Texts*>(context)->views_;
                    ASSERT_LE(first + texts.size(), views.size());
                    std::copy_n(views.begin() + static_cast<std::ptrdiff_t>(first), texts.size(),
                                texts.begin());
                },
                this, views_.size()};
    }

  private:
    template <class String>
    void keep(std::shared_ptr<String> text, TextView::Unit unit) {
        views_.push_back({text->data(), static_cast<std::uint32_t>(text->size()), unit});
        kept_.push_back(std::move(text));
    }

    std::vector<TextView> views_;
    std::vector<std::shared_ptr<void>> kept_;
};

TEST(Batch, RowsOfEveryUnitAndSort) {
    using Unit = TextView::Unit;
    LiveIndex index(Index({{"a", Symbols(U"12가3456")}, {"b", Symbols(U"AB12")}}));
    Texts texts;
    texts.add(U"12가3456", Unit::utf8);
    texts.add(U"ab-12", Unit::latin1);
    texts.add(U"12가 3456", Unit::ucs2);
    texts.add(U"12가345", Unit::utf32);
    texts.add(U"", Unit::none);
    texts.add(U"", Unit::utf8);
    texts.add_raw("12\xFF", Unit::utf8);
    texts.add(U"12345678901234567", Unit::latin1);
    texts.add(U"", Unit::none);
    texts.add(U"!?", Unit::latin1);  // a symbol, though unknown
    texts.add(std::u32string{U'1', 0xD800}, Unit::ucs2);
    texts.add(U"AB12", Unit::utf8);
    const auto state = index.state();
    for (const unsigned threads : {0u, 1u, 2u, 8u}) {
        const Batch batch = match_batch(*state, texts.source(), {}, 0, 1, threads);
        EXPECT_EQ(hits_of(*state, batch),
                  (std::vector<Hit>{{0, "a", 0}, {1, "b", 0}, {2, "a", 0}, {3, "a", 1}, {11, "b", 0}}));
        EXPECT_EQ(batch.others, (std::vector<std::uint32_t>{4, 8}));
        ASSERT_EQ(batch.bad.size(), 4u);
        const std::pair<std::uint32_t, TextError> bad[] = {{5, TextError::empty},
                                                           {6, TextError::not_utf8},
                                                           {7, TextError::too_long},
                                                           {10, TextError::not_utf8}};
        for (std::size_t i = 0; i < 4; ++i) {
            EXPECT_EQ(batch.bad[i].row, bad[i].first);
            EXPECT_EQ(batch.bad[i].error, bad[i].second);
        }
    }
    const Batch none = match_batch(*state, Texts().source(), {}, 0, 1, 4);
    EXPECT_TRUE(none.read.empty() && none.bad.empty() && none.others.empty());
}

TEST(Batch, IsTheSameOnAnyNumberOfThreads) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    std::vector<IndexEntry> entries = random_list(random, 60);
    const auto state = state_of(entries);
    constexpr std::size_t kRows = 3 * 8192 + 77;  // several chunks, the last of them cut short
    std::vector<std::u32string> reads;
    for (int i = 0; i < 200; ++i) reads.push_back(random_read(random, entries));
    Texts texts;
    std::vector<Time> times;
    std::vector<Query> queries;
    std::vector<std::uint32_t> bad, others;
    for (std::uint32_t row = 0; row < kRows; ++row) {
        const std::size_t sort = random.below(20);
        const Time time = static_cast<Time>(random.below(kTimes));
        times.push_back(time);
        if (sort == 0) {
            texts.add(U"", TextView::Unit::none);
            others.push_back(row);
        } else if (sort == 1) {
            texts.add_raw("\xC0", TextView::Unit::utf8);
            bad.push_back(row);
        } else {
            constexpr TextView::Unit kUnits[] = {TextView::Unit::utf8, TextView::Unit::ucs2,
                                                 TextView::Unit::utf32};
            const std::u32string& read = reads[random.below(reads.size())];
            texts.add(read, kUnits[random.below(3)]);
            queries.push_back({row, time, Symbols(read)});
        }
    }
    const Batch single = match_batch(*state, texts.source(), times, 0, 1, 1);
    EXPECT_EQ(single.others, others);
    ASSERT_TRUE(std::ranges::equal(single.bad, bad, {}, &BadText::row));
    const std::span<const Query> sample = std::span(queries).first(150);
    std::vector<Hit> first = hits_of(*state, single);
    std::erase_if(first, [&](const Hit& hit) { return hit.read > sample.back().read; });
    EXPECT_EQ(first, reference_hits(sample, entries, 1));
    EXPECT_FALSE(first.empty());

    const Batch one_by_one = match_queries(*state, queries, 1);
    EXPECT_EQ(one_by_one.read, single.read);
    EXPECT_EQ(one_by_one.entry, single.entry);
    EXPECT_EQ(one_by_one.edits, single.edits);
    for (unsigned threads = 2; threads <= 8; ++threads) {
        const Batch batch = match_batch(*state, texts.source(), times, 0, 1, threads);
        ASSERT_EQ(batch.read, single.read);
        ASSERT_EQ(batch.entry, single.entry);
        ASSERT_EQ(batch.edits, single.edits);
        ASSERT_EQ(batch.others, single.others);
        ASSERT_TRUE(std::ranges::equal(batch.bad, single.bad, {}, &BadText::row, &BadText::row));
    }
}

TEST(Batch, OneTimeForAllRowsOrOneEach) {
    LiveIndex index(Index({{"a", Symbols(U"1234"), {.from = 3, .until = 5}}}));
    Texts texts;
    for (int i = 0; i < 7; ++i) texts.add(U"1234", TextView::Unit::latin1);
    const auto state = index.state();
    const Time times[] = {0, 1, 2, 3, 4, 5, 6};
    EXPECT_EQ(match_batch(*state, texts.source(), times, 3, 0, 1).read, (std::vector<std::uint32_t>{3, 4}));
    EXPECT_EQ(match_batch(*state, texts.source(), {}, 4, 0, 1).read.size(), 7u);
    EXPECT_TRUE(match_batch(*state, texts.source(), {}, 5, 0, 1).read.empty());
}

// Texts of which more and more are ready; whoever asks for another is told so.
struct Arriving {
    std::atomic<std::size_t> ready = 0;
    std::atomic<std::size_t> asked_too_early = 0;

    [[nodiscard]] TextSource source(std::size_t rows) const {
        return {[](const void* context, std::size_t first, std::span<TextView> texts) {
                    auto& self = *static_cast<Arriving*>(const_cast<void*>(context));
                    if (first + texts.size() > self.ready) ++self.asked_too_early;
                    for (std::size_t i = 0; i < texts.size(); ++i)
                        texts[i] = {(first + i) % 3 == 0 ? "1234" : "9876", 4, TextView::Unit::latin1};
                },
                this, rows};
    }
};

TEST(Batch, BeginsWhileRowsArrive) {
    LiveIndex index(Index({{"a", Symbols(U"1234")}}));
    constexpr std::size_t kRows = 5 * BatchMatch::kChunk + 11;
    for (const unsigned threads : {1u, 2u, 3u, 9u}) {
        Arriving texts;
        const auto state = index.state();
        BatchMatch matching(*state, texts.source(kRows), {}, 0, 1, threads, {});
        for (std::size_t ready = 0; ready < kRows;) {
            ready = std::min(ready + 1'000, kRows);
            texts.ready = ready;
            matching.make_ready(ready);
            std::this_thread::yield();
        }
        const Batch batch = matching.finish();
        EXPECT_EQ(texts.asked_too_early, 0u);
        ASSERT_EQ(batch.read.size(), (kRows + 2) / 3);
        for (std::size_t i = 0; i < batch.read.size(); ++i) ASSERT_EQ(batch.read[i], 3 * i);
    }
}

TEST(Batch, IsBrokenOffWhereRowsDoNotArrive) {
    LiveIndex index(Index({{"a", Symbols(U"1234")}}));
    const auto state = index.state();
    for (const std::size_t ready : {std::size_t{0}, BatchMatch::kChunk, 2 * BatchMatch::kChunk + 1}) {
        Arriving texts;
        texts.ready = ready;
        {
            BatchMatch matching(*state, texts.source(100'000), {}, 0, 1, 4, {});
            matching.make_ready(ready);
        }
        EXPECT_EQ(texts.asked_too_early, 0u);
    }
}

TEST(Batch, WhatAThreadThrowsIsThrown) {
    LiveIndex index(Index({{"a", Symbols(U"1234")}}));
    const TextSource source{[](const void*, std::size_t first, std::span<TextView> texts) {
                                std::ranges::fill(texts, TextView{});
                                if (first > 20000) throw std::out_of_range("the source");
                            },
                            nullptr, 40000};
    for (const unsigned threads : {1u, 4u})
        EXPECT_THROW((void)match_batch(*index.state(), source, {}, 0, 1, threads), std::out_of_range);
}

// The texts of a read may stand on both sides of what would be the border of a block.
TEST(Batch, AReadOfSeveralTextsHasTheFewestEdits) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    for (int round = 0; round < 10; ++round) {
        std::vector<IndexEntry> entries = random_list(random, 40);
        const auto state = state_of(entries);
        std::vector<Query> queries;
        for (std::uint32_t read = 0; queries.size() < 3 * Index::kBlock; read += 1 + random.below(3)) {
            const std::u32string text = random_read(random, entries);
            const Time at = static_cast<Time>(random.below(kTimes));
            for (std::size_t texts = random.one_in(10) ? 2 * Index::kBlock : 1 + random.below(5); texts > 0;
                 --texts) {
                std::u32string other = text;
                for (std::size_t edits = random.below(3); edits > 0; --edits)
                    other[random.below(other.size())] = random.of(text);
                queries.push_back({read, at, Symbols(other)});
            }
        }
        for (unsigned k = 0; k <= kMaxEdits; ++k)
            ASSERT_EQ(hits_of(*state, match_queries(*state, queries, k)),
                      reference_hits(queries, entries, k));
    }
}

TEST(Batch, MergesOtherReads) {
    Batch batch{{1, 1, 4}, {10, 11, 12}, {0, 1, 0}, {{2, TextError::empty}}, {3, 5}};
    merge(batch, {{0, 3, 3, 5}, {20, 21, 22, 23}, {1, 2, 3, 0}, {}, {}});
    EXPECT_EQ(batch.read, (std::vector<std::uint32_t>{0, 1, 1, 3, 3, 4, 5}));
    EXPECT_EQ(batch.entry, (std::vector<std::uint32_t>{20, 10, 11, 21, 22, 12, 23}));
    EXPECT_EQ(batch.edits, (std::vector<std::uint8_t>{1, 0, 1, 2, 3, 0, 0}));
    EXPECT_EQ(batch.bad.size(), 1u);
    EXPECT_EQ(batch.others, (std::vector<std::uint32_t>{3, 5}));
    merge(batch, {});
    EXPECT_EQ(batch.read.size(), 7u);
}

}  // namespace
}  // namespace platewatch
