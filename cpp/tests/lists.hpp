// Random lists of every sort of entry, and what the reference answers to a read of them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <ostream>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "platewatch/hotlist/index.hpp"
#include "platewatch/hotlist/live_index.hpp"
#include "platewatch/text/region.hpp"
#include "reference/pattern_reference.hpp"
#include "reference/reference.hpp"

namespace platewatch::lists {

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

inline constexpr Time kTimes = 10;  // windows and reads lie in 0 .. 9

// Few symbols, so that plates lie close together, branch in the tries and are shared.
inline std::u32string random_plate(Random& random) {
    const std::u32string mark(random.one_in(3) ? kRegionMarks[random.below(3)] : U"");
    switch (random.below(5)) {
        case 0:
            return mark + U"1" + random.text(1, U"12") + random.of(U"가나") + random.text(4, U"01");
        case 1:
            return mark + random.text(1 + random.below(8), U"012");
        case 2:
            return mark + random.text(7 + random.below(kMaxSymbols - 8), U"0AB");
        case 3:
            return random.text(1 + random.below(kMaxSymbols), U"01A가서울");
        default:
            return mark + U"1가1" + random.text(4, U"01");
    }
}

// Some symbols of a plate are made unknown, and runs put in.
inline Pattern random_pattern(Random& random, std::u32string_view plate) {
    std::u32string out;
    std::size_t runs = 0;
    const auto run = [&] {
        if (runs < kMaxRuns) out += U'*', ++runs;
    };
    if (random.one_in(6)) run();
    for (const char32_t c : plate) {
        const std::size_t how = random.below(10);
        if (how == 0) {
            run();
        } else if (how == 1 && c != kUnknownSymbol) {
            out += {U'[', c, random.of(U"012AB가나서"), U']'};
        } else if (c == kUnknownSymbol || how == 2) {
            out += U'?';
        } else {
            out += c;
        }
        if (random.one_in(12)) run();
    }
    if (random.one_in(6)) run();
    if (out.empty()) out = U"?";
    Pattern pattern;
    EXPECT_EQ(parse_pattern(std::span<const char32_t>(out), pattern), PatternError::none) << to_utf8(out);
    return pattern;
}

inline IndexEntry random_entry(Random& random, std::string id) {
    IndexEntry entry{std::move(id), {}};
    if (random.one_in(12)) {
        entry.pattern = random_pattern(random, random_plate(random));
    } else {
        entry.plate = Symbols(random_plate(random));
    }
    if (random.one_in(4)) entry.validity.from = static_cast<Time>(random.below(kTimes));
    if (random.one_in(4)) entry.validity.until = static_cast<Time>(random.below(kTimes));
    constexpr std::string_view kCategories[] = {"", "stolen", "수배", "unpaid"};
    entry.category = kCategories[random.below(4)];
    entry.exact = random.one_in(5);
    if (random.one_in(3)) entry.priority = static_cast<std::int32_t>(random.below(7)) - 3;
    return entry;
}

// Ids whose order by code point is not that by number, nor that in UTF-16.
inline std::string id_of(std::size_t number) {
    constexpr std::string_view kPrefixes[] = {"", "Z", "가", "\uFF5E", "\U0001F695"};
    return std::string(kPrefixes[number % 5]) + std::to_string(number);
}

inline std::vector<IndexEntry> random_list(Random& random, std::size_t size) {
    std::vector<IndexEntry> entries;
    for (std::size_t i = 0; i < size; ++i) entries.push_back(random_entry(random, id_of(i)));
    return entries;
}

// A plate of the list, or another one, after a few misreadings.
inline std::u32string random_read(Random& random, std::span<const IndexEntry> entries) {
    std::u32string read = random_plate(random);
    if (!entries.empty() && !random.one_in(4)) {
        const IndexEntry& entry = entries[random.below(entries.size())];
        if (!entry.pattern) read = entry.plate.view();
    }
    if (random.one_in(4)) read.insert(0, kRegionMarks[random.below(4)]);
    for (std::size_t edits = random.below(4); edits > 0; --edits) {
        const std::size_t at = random.below(read.size());
        if (read.size() > 1 && random.one_in(2)) read.erase(at, 1);
        if (random.one_in(2)) read.insert(at, 1, random.one_in(3) ? random.of(U"?힣") : random.of(read));
    }
    return read.substr(0, kMaxSymbols);
}

// A match by the entry's id, which stays the same however entries are numbered.
struct Hit {
    std::uint32_t read = 0;
    std::string id;
    std::uint32_t edits = 0;

    friend bool operator==(const Hit&, const Hit&) noexcept = default;
};

inline void PrintTo(const Hit& hit, std::ostream* out) {
    *out << "{read " << hit.read << ", " << hit.id << ", " << hit.edits << " edits}";
}

inline unsigned reference_edits(std::u32string_view read, const IndexEntry& entry) {
    return entry.pattern ? reference::edits(read, *entry.pattern)
                         : reference::edits(read, entry.plate.view());
}

// In the order read, edits, id, which is that of the code points, as std::string compares bytes.
inline std::vector<Hit> reference_hits(std::span<const Query> queries, std::span<const IndexEntry> entries,
                                       unsigned k) {
    std::vector<Hit> hits;
    for (const Query& query : queries) {
        for (const IndexEntry& entry : entries) {
            if (!entry.validity.holds(query.at)) continue;
            const unsigned edits = reference_edits(query.text.view(), entry);
            if (edits <= (entry.exact ? 0 : k)) hits.push_back({query.read, entry.id, edits});
        }
    }
    // A read of several texts has the fewest edits of any.
    std::ranges::sort(hits, {}, [](const Hit& h) { return std::tie(h.read, h.id, h.edits); });
    const auto repeats = std::ranges::unique(
        hits, [](const Hit& a, const Hit& b) { return a.read == b.read && a.id == b.id; });
    hits.erase(repeats.begin(), repeats.end());
    std::ranges::sort(hits, {}, [](const Hit& h) { return std::tie(h.read, h.edits, h.id); });
    return hits;
}

inline std::vector<Hit> hits_of(const State& state, std::span<const Query> block, unsigned k,
                                Index::Workspace& workspace) {
    std::vector<Match> matches;
    state.search(block, k, workspace, matches);
    std::vector<Hit> hits;
    for (const Match& match : matches)
        hits.push_back({match.read, std::string(state.id(match.entry)), match.edits});
    return hits;
}

inline std::vector<Hit> hits_of(const Index& index, std::span<const Query> block, unsigned k,
                                Index::Workspace& workspace) {
    std::vector<Match> matches;
    index.search(block, k, workspace, matches);
    order_matches(matches, 0, workspace.words);
    std::vector<Hit> hits;
    for (const Match& match : matches)
        hits.push_back({match.read, std::string(index.id(match.entry)), match.edits});
    return hits;
}

// Whether some form of a plate fits a query, by trying them.
inline bool fits(const Pattern& query, std::u32string_view plate) {
    const auto admitted = [&](std::u32string_view text) { return reference::admits(query.tokens(), text); };
    if (admitted(plate)) return true;
    if (has_region_mark(plate)) return admitted(without_region_mark(plate));
    // What the query admits with a mark counts without it, too.
    return std::ranges::any_of(kRegionMarks, [&](std::u32string_view mark) {
        const std::u32string marked = std::u32string(mark) + std::u32string(plate);
        return has_region_mark(marked) && admitted(marked);
    });
}

}  // namespace platewatch::lists
