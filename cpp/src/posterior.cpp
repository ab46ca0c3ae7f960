#include "platewatch/posterior.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <tuple>

#include "platewatch/normalize.hpp"
#include "platewatch/pattern.hpp"
#include "platewatch/region.hpp"
#include "ranking.hpp"
#include "utf8.hpp"

namespace platewatch {

std::size_t MatchScorer::plate_of(std::string_view utf8, float weight) {
    const auto known = std::ranges::find(texts_, utf8);
    if (known != texts_.end()) {
        Plate& plate = plates_[static_cast<std::size_t>(known - texts_.begin())];
        plate.weight = std::max(plate.weight, static_cast<double>(weight));
        return static_cast<std::size_t>(known - texts_.begin());
    }
    texts_.push_back(utf8);
    if (plates_.size() < texts_.size()) plates_.emplace_back();
    Plate& plate = plates_[texts_.size() - 1];
    decode_plate(utf8, plate.text);
    plate.weight = static_cast<double>(weight);
    plate.likelihood = plate.text.empty() ? 0 : listed_likelihood(scorer_, mark_, plate.text);
    return texts_.size() - 1;
}

// What the plate that was read, if it is not listed, adds to the background.
double MatchScorer::read_right(const ScoringTable& table, const ReadEvidence& read) {
    const std::u32string plate = canonical_text(read);
    const auto listed = std::span(plates_).first(texts_.size());
    if (plate.size() > kMaxSymbols || std::ranges::find(listed, plate, &Plate::text) != listed.end())
        return 0;
    const double vehicles = table.registered(plate);
    return vehicles > 0 ? vehicles * scorer_.likelihood(plate) : 0;
}

void MatchScorer::score_pattern(std::string_view utf8, double others, double listed, Score& score) {
    Pattern pattern;
    if (parse_pattern(utf8, pattern) != PatternError::none) return;
    const ReadScorer::Fitting fitting = scorer_.fitting(pattern);
    if (fitting.vehicles > 0) score.log_likelihood = std::log(fitting.background / fitting.vehicles);
    double sum = fitting.background;
    for (const std::size_t i : order_) {
        const Plate& plate = plates_[i];
        if (admits(pattern, plate.text)) sum += (plate.weight - plate.registered) * plate.likelihood;
    }
    const double all = others + listed;
    score.probability = all > 0 ? std::clamp(sum / all, 0.0, 1.0) : 0;
}

void MatchScorer::set_read(const ScoringTable& table, const ReadEvidence& read) {
    scorer_.set_read(table, read);
    texts_.clear();
    items_.clear();
    mark_ = mark_of(read);
}

bool MatchScorer::order(const State& state, const ScoringTable& table, const ReadEvidence& read,
                        std::vector<Match>& matches) {
    const auto is_pattern = [&](const Match& match) { return state.is_pattern(match.entry); };
    if (std::ranges::any_of(matches, is_pattern)) return false;
    set_read(table, read);
    for (const Match& match : matches)
        items_.push_back({match, {}, plate_of(state.plate(match.entry), state.weight(match.entry)), 0});
    for (Item& item : items_)
        item.rank = rounded(plates_[item.plate].weight * plates_[item.plate].likelihood);
    std::ranges::sort(items_, [&](const Item& a, const Item& b) { return comes_before(state, a, b); });
    std::ranges::transform(items_, matches.begin(), &Item::match);
    return true;
}

void MatchScorer::score(const State& state, const ScoringTable& table, const ReadEvidence& read,
                        const Floor& floor, std::vector<Match>& matches, std::vector<Score>& scores) {
    scores.clear();
    if (matches.empty()) return;
    set_read(table, read);
    bool has_pattern = false;
    for (const Match& match : matches) {
        const std::string_view text = state.plate(match.entry);
        const bool pattern = state.is_pattern(match.entry);
        has_pattern = has_pattern || pattern;
        items_.push_back({match, {}, pattern ? kPattern : plate_of(text, state.weight(match.entry)), 0});
    }
    // Sums are taken in the order of the plates, so that they do not depend on that of the matches.
    order_.resize(texts_.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::ranges::sort(order_, {}, [&](std::size_t i) { return texts_[i]; });
    double listed = 0;
    for (const std::size_t i : order_) listed += plates_[i].weight * plates_[i].likelihood;
    const double clutter = scorer_.clutter();
    const bool keeps_any = has_pattern || std::ranges::any_of(matches, [&](const Match& match) {
                               return floor.admits(match, 0);
                           });
    if (!keeps_any) {
        // Were there nobody else but the vehicle whose plate was read right, would any be probable enough?
        const double right = clutter + read_right(table, read);
        double most = 0;
        for (std::size_t i = 0; i < texts_.size(); ++i)
            most = std::max(most, plates_[i].weight * plates_[i].likelihood / (listed + right));
        if (!(most >= floor.probability)) {
            matches.clear();
            return;
        }
    }
    double others = scorer_.background();
    for (const std::size_t i : order_) {
        plates_[i].registered = table.registered(plates_[i].text);
        others -= plates_[i].registered * plates_[i].likelihood;
    }
    // What is left cannot be less than the reads of no plate.
    others = std::max(others, clutter);
    for (Item& item : items_) {
        if (item.plate == kPattern) {
            score_pattern(state.plate(item.match.entry), others, listed, item.score);
            item.rank = rounded(item.score.probability * (listed + others));
            continue;
        }
        const Plate& plate = plates_[item.plate];
        item.score.log_likelihood = std::log(plate.likelihood);
        const double all = listed + others;
        item.score.probability = all > 0 ? plate.weight * plate.likelihood / all : 0;
        item.rank = rounded(plate.weight * plate.likelihood);
    }
    rank(state, floor, items_, matches, scores);
}

}  // namespace platewatch
