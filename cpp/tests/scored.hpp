// Lists of entries in tests, and the scores of what reads match on them.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platewatch/hotlist/live_index.hpp"
#include "platewatch/probability/posterior.hpp"
#include "platewatch/text/normalize.hpp"
#include "platewatch/text/pattern.hpp"

namespace platewatch {

using Entries = std::vector<IndexEntry>;
using Scores = std::vector<std::pair<std::string, Score>>;  // with the entries' ids, in order

// An entry with a plate or a pattern, which is its id too.
inline IndexEntry wanted(std::string_view text) {
    IndexEntry entry{std::string(text), {}};
    if (is_pattern(text)) {
        Pattern pattern;
        EXPECT_EQ(parse_pattern(text, pattern), PatternError::none) << text;
        entry.pattern = pattern;
    } else {
        EXPECT_EQ(normalize(text, TextKind::plate, entry.plate), TextError::none) << text;
    }
    return entry;
}

// Of what any of the reads matches with up to k edits; score(state, matches, scores) is called to score it.
template <class Work>
Scores scores_of(Entries entries, const std::vector<std::u32string>& reads, unsigned k, const Work& score) {
    const LiveIndex live{Index(std::move(entries))};
    const auto state = live.state();
    std::vector<Query> queries;
    for (const std::u32string& read : reads) queries.push_back({0, 0, Symbols(read)});
    Index::Workspace workspace;
    std::vector<Match> matches;
    state->search(queries, k, workspace, matches);
    std::vector<Score> scores;
    score(*state, matches, scores);
    Scores out;
    for (std::size_t i = 0; i < matches.size(); ++i)
        out.emplace_back(std::string(state->id(matches[i].entry)), scores[i]);
    return out;
}

// The probability of one entry; -1 if it is not among the matches.
inline double probability_of(std::string_view id, const Scores& scores) {
    for (const auto& [entry, score] : scores) {
        if (entry == id) return score.probability;
    }
    return -1;
}

}  // namespace platewatch
