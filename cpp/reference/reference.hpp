// What matching means, slow and obvious: the specification that can be run, and the oracle of the tests.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <tuple>
#include <vector>

#include "platewatch/hotlist/index.hpp"
#include "platewatch/text/region.hpp"
#include "platewatch/text/symbols.hpp"

namespace platewatch::reference {

// Substitution, insertion and deletion cost 1 each; an unknown symbol equals nothing.
// Precondition: both of at most kMaxSymbols.
[[nodiscard]] inline unsigned levenshtein(std::u32string_view a, std::u32string_view b) {
    // cost[i][j]: from the first i symbols of a to the first j of b.
    std::array<std::array<unsigned, kMaxSymbols + 1>, kMaxSymbols + 1> cost{};
    for (unsigned i = 0; i <= a.size(); ++i) cost[i][0] = i;
    for (unsigned j = 0; j <= b.size(); ++j) cost[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const bool equal = a[i - 1] == b[j - 1] && a[i - 1] != kUnknownSymbol;
            cost[i][j] =
                std::min({cost[i - 1][j - 1] + (equal ? 0 : 1), cost[i - 1][j] + 1, cost[i][j - 1] + 1});
        }
    }
    return cost[a.size()][b.size()];
}

// A region mark that only one side bears costs nothing.
[[nodiscard]] inline unsigned edits(std::u32string_view read, std::u32string_view entry) {
    unsigned least = levenshtein(read, entry);
    if (has_region_mark(entry)) {
        least = std::min(least, levenshtein(read, without_region_mark(entry)));
    } else if (has_region_mark(read)) {
        least = std::min(least, levenshtein(without_region_mark(read), entry));
    }
    return least;
}

// Every valid entry within k edits, by edits, then by the number that an entry has in the order of the ids.
[[nodiscard]] inline std::vector<Match> search(std::u32string_view read, std::span<const IndexEntry> entries,
                                               unsigned k, Time at) {
    std::vector<const IndexEntry*> by_id;
    for (const IndexEntry& entry : entries) by_id.push_back(&entry);
    std::ranges::sort(by_id, {}, [](const IndexEntry* entry) { return std::string_view(entry->id); });

    std::vector<Match> matches;
    for (std::uint32_t number = 0; number < by_id.size(); ++number) {
        const IndexEntry& entry = *by_id[number];
        const bool valid = entry.validity.from <= at && at < entry.validity.until;
        const unsigned distance = edits(read, entry.plate.view());
        if (valid && distance <= (entry.exact ? 0 : k)) matches.push_back({0, number, distance});
    }
    std::ranges::sort(matches, {}, [](const Match& m) { return std::tuple(m.edits, m.entry); });
    return matches;
}

}  // namespace platewatch::reference
