// What scoring one read and scoring a pass have in common: the order of matches, and what is listed.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "platewatch/probability/posterior.hpp"
#include "platewatch/text/region.hpp"

namespace platewatch {

// What the order goes by, as it is that of the probabilities: a weight times a likelihood. Finer differences
// are rounding.
[[nodiscard]] inline long long rounded(double joint) noexcept {
    constexpr double kLeast = 1e-300;
    return std::llround(std::log(std::max(joint, kLeast)) * 1e9);
}

template <class Item>
[[nodiscard]] bool comes_before(const Wanted& wanted, const Item& a, const Item& b) {
    if (a.rank != b.rank) return a.rank > b.rank;
    if (a.match.edits != b.match.edits) return a.match.edits < b.match.edits;
    return wanted.id_is_less(a.match.entry, b.match.entry);
}

// Whether a match is one without edits, by the read's own text.
[[nodiscard]] inline bool is_exact(const Wanted& wanted, const Match& match, std::u32string_view read) {
    if (match.edits != 0) return false;
    if (wanted.is_pattern(match.entry)) return true;
    Symbols symbols;
    wanted.plate(match.entry, symbols);
    const std::u32string_view plate = symbols.view();
    if (plate.empty()) return false;
    if (plate == read) return true;
    return has_region_mark(plate) ? without_region_mark(plate) == read
                                  : has_region_mark(read) && without_region_mark(read) == plate;
}

// The items with enough probability as matches and scores, in order. An Item has match, score, rank and
// is_exact.
template <class Item>
void rank(const Wanted& wanted, const Floor& floor, std::vector<Item>& items, std::vector<Match>& matches,
          std::vector<Score>& scores) {
    std::erase_if(items,
                  [&](const Item& item) { return !floor.admits(item.is_exact, item.score.probability); });
    std::ranges::sort(items, [&](const Item& a, const Item& b) { return comes_before(wanted, a, b); });
    matches.clear();
    scores.clear();
    for (const Item& item : items) {
        matches.push_back(item.match);
        scores.push_back(item.score);
    }
}

// The region mark that a text begins with; empty if none.
[[nodiscard]] inline std::u32string mark_of(const ReadEvidence& read) {
    // Most reads begin with a digit.
    if (read.size() == 0 || read[0].c - U'0' < 10) return {};
    Symbols text;
    for (const Evidence& evidence : read.view()) text.push_back(evidence.c);
    return std::u32string(has_region_mark(text.view()) ? text.view().substr(0, kRegionMarkSize)
                                                       : std::u32string_view());
}

// A plate behind a mark. Precondition: together they are at most kMaxSymbols.
[[nodiscard]] inline Symbols behind(std::u32string_view mark, std::u32string_view plate) noexcept {
    Symbols out(mark);
    for (const char32_t c : plate) out.push_back(c);
    return out;
}

// The contract of matching forgives a mark that the list lacks: so where one was read, a listed plate without
// is as listed, or has that mark with this probability, if the population has plates like that.
inline constexpr double kMarkOmitted = 0.5;

[[nodiscard]] inline bool may_lack(std::u32string_view plate, std::u32string_view mark,
                                   const ScoringTable& table) {
    return !mark.empty() && !has_region_mark(plate) && plate.size() >= kLeastBehindMark &&
           plate.size() + mark.size() <= kMaxSymbols && table.registered(behind(mark, plate).view()) > 0;
}

}  // namespace platewatch
