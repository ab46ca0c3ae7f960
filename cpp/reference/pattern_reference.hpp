// What matching a pattern means, slow and obvious: the oracle of the pattern tests.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <set>
#include <span>
#include <string_view>
#include <vector>

#include "platewatch/search/pattern_index.hpp"
#include "platewatch/text/pattern.hpp"
#include "platewatch/text/region.hpp"

namespace platewatch::reference {

[[nodiscard]] inline bool admits(std::span<const Token> tokens, std::u32string_view plate) {
    if (tokens.empty()) return plate.empty();
    if (tokens[0].kind == Token::Kind::run && admits(tokens.subspan(1), plate)) return true;
    if (plate.empty() || !tokens[0].admits(plate[0])) return false;
    return admits(tokens[0].kind == Token::Kind::run ? tokens : tokens.subspan(1), plate.substr(1));
}

// From the read to an admitted text of at least so many symbols.
[[nodiscard]] inline unsigned least_edits(std::u32string_view read, std::span<const Token> tokens,
                                          std::size_t at_least) {
    constexpr unsigned kNever = std::numeric_limits<unsigned>::max() - 1;
    const std::size_t n = read.size(), m = tokens.size();
    // cost[i][j][s]: the first i tokens and the first j symbols of the read are used, the admitted text has s
    // symbols, or more if s is at_least.
    std::vector cost(m + 1, std::vector(n + 1, std::vector<unsigned>(at_least + 1, kNever)));
    cost[0][0][0] = 0;
    for (std::size_t i = 0; i <= m; ++i) {
        for (std::size_t j = 0; j <= n; ++j) {
            for (std::size_t s = 0; s <= at_least; ++s) {
                const auto reach = [&](std::size_t to_i, std::size_t to_j, std::size_t to_s, unsigned edits) {
                    unsigned& to = cost[to_i][to_j][to_s];
                    to = std::min(to, cost[i][j][s] + edits);
                };
                if (cost[i][j][s] == kNever) continue;
                if (j < n) reach(i, j + 1, s, 1);  // a symbol of the read that the text has not
                if (i == m) continue;
                const bool run = tokens[i].kind == Token::Kind::run;
                if (run) reach(i + 1, j, s, 0);
                // One more symbol of the text, which the read has not, or has as the same or another one.
                const std::size_t next_i = run ? i : i + 1;
                const std::size_t next_s = std::min(s + 1, at_least);
                reach(next_i, j, next_s, 1);
                if (j < n) reach(next_i, j + 1, next_s, tokens[i].admits(read[j]) ? 0 : 1);
            }
        }
    }
    return cost[m][n][at_least];
}

// The places between the tokens that are reached once the text has been admitted.
inline void find_places(std::span<const Token> tokens, std::size_t place, std::u32string_view text,
                        std::set<std::size_t>& places) {
    if (text.empty()) {
        places.insert(place);
    } else if (place < tokens.size()) {
        const bool run = tokens[place].kind == Token::Kind::run;
        if (run) find_places(tokens, place + 1, text, places);
        if (tokens[place].admits(text[0]))
            find_places(tokens, run ? place : place + 1, text.substr(1), places);
    }
}

// The contract of pattern_index.hpp.
[[nodiscard]] inline unsigned edits(std::u32string_view read, const Pattern& pattern) {
    const auto tokens = pattern.tokens();
    unsigned least = least_edits(read, tokens, 0);
    for (const std::u32string_view mark : kRegionMarks) {
        std::set<std::size_t> places;
        find_places(tokens, 0, mark, places);
        for (const std::size_t place : places)
            least = std::min(least, least_edits(read, tokens.subspan(place), 5));
    }
    if (has_region_mark(read) && !has_region_mark(pattern))
        least = std::min(least, least_edits(without_region_mark(read), tokens, 0));
    return least;
}

[[nodiscard]] inline std::vector<PatternMatch> search(std::u32string_view read,
                                                      std::span<const Pattern> patterns, unsigned k) {
    std::vector<PatternMatch> matches;
    for (std::uint32_t number = 0; number < patterns.size(); ++number) {
        const unsigned distance = edits(read, patterns[number]);
        if (distance <= k) matches.push_back({number, distance});
    }
    return matches;
}

}  // namespace platewatch::reference
