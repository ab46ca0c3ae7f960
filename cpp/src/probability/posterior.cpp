#include "platewatch/probability/posterior.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <tuple>

#include "platewatch/base/interrupt.hpp"
#include "platewatch/text/normalize.hpp"
#include "platewatch/text/pattern.hpp"
#include "platewatch/text/region.hpp"
#include "probability/ranking.hpp"
#include "text/utf8.hpp"

namespace platewatch {

std::size_t MatchScorer::plate_of(const ScoringTable& table, const Symbols& text, float weight) {
    const auto known = std::ranges::find(plates_, text, &Plate::text);
    if (known != plates_.end()) {
        known->weight = std::max(known->weight, static_cast<double>(weight));
        return static_cast<std::size_t>(known - plates_.begin());
    }
    Plate& plate = plates_.emplace_back();
    plate.text = text;
    plate.weight = static_cast<double>(weight);
    plate.as_listed = text.empty() ? 0 : scorer_.likelihood(text.view());
    plate.may_lack_mark = may_lack(text.view(), mark_, table);
    plate.with_mark = plate.may_lack_mark ? scorer_.likelihood(behind(mark_, text.view()).view()) : 0;
    plate.likelihood = plate.may_lack_mark
                           ? (1 - kMarkOmitted) * plate.as_listed + kMarkOmitted * plate.with_mark
                           : plate.as_listed;
    return plates_.size() - 1;
}

// What the plate that was read, if it is not listed, adds to the background at least.
double MatchScorer::read_right(const ScoringTable& table) {
    if (text_.size() > kMaxSymbols || is_listed(text_)) return 0;
    if (!mark_.empty() && text_.starts_with(mark_) && is_listed(without_region_mark(text_))) return 0;
    const double vehicles = table.registered(text_);
    return vehicles > 0 ? vehicles * scorer_.read_right() : 0;
}

auto MatchScorer::compiled(const ScoringTable& table, std::string_view utf8) -> const Compiled& {
    if (compiled_for_ != table.population().id() || compiled_.size() >= kMostCompiled) compiled_.clear();
    compiled_for_ = table.population().id();
    if (const auto known = compiled_.find(utf8); known != compiled_.end()) return known->second;
    Compiled compiled;
    Pattern pattern;
    compiled.is_one = parse_pattern(utf8, pattern) == PatternError::none;
    if (compiled.is_one) {
        compiled.automaton = PatternAutomaton(pattern);
        compiled.log_vehicles = std::log(scorer_.vehicles(compiled.automaton));
    }
    // Whole, or not at all: memory may run out on the way.
    return compiled_.emplace(utf8, std::move(compiled)).first->second;
}

void MatchScorer::score_pattern(const ScoringTable& table, std::string_view utf8, double others,
                                double listed, Score& score) {
    const auto& [is_one, automaton, log_vehicles] = compiled(table, utf8);
    if (!is_one) return;
    double sum = scorer_.fitting(automaton);
    if (std::isfinite(log_vehicles)) score.log_likelihood = std::log(sum) - log_vehicles;
    for (const std::size_t i : order_) {
        const Plate& plate = plates_[i];
        const bool with_mark =
            plate.may_lack_mark && automaton.admits_or_lacks_mark(behind(mark_, plate.text.view()).view());
        if (automaton.admits_or_lacks_mark(plate.text.view())) {
            sum += plate.weight * plate.likelihood - plate.own_as_listed;
        } else if (with_mark) {
            sum += plate.weight * kMarkOmitted * plate.with_mark;
        }
        if (with_mark) sum -= plate.own_with_mark;
    }
    const double all = others + listed;
    score.probability = all > 0 ? std::clamp(sum / all, 0.0, 1.0) : 0;
}

void MatchScorer::set_read(const Recogniser& recogniser, const ReadTexts& read) {
    scorer_.set_read(recogniser, read);
    plates_.clear();
    items_.clear();
    text_.clear();
    for (const Evidence& evidence : read.own.view()) text_ += evidence.c;
    mark_ = mark_of(read.own);
    for (std::size_t i = 0; mark_.empty() && i < read.others.size(); ++i)
        mark_ = mark_of(read.others[i].evidence);
}

bool MatchScorer::is_listed(std::u32string_view plate) const {
    const auto text_of = [](const Plate& listed) { return listed.text.view(); };
    return std::ranges::find(plates_, plate, text_of) != plates_.end();
}

double MatchScorer::unlisted(const ScoringTable& table) {
    double others = scorer_.background();
    for (const std::size_t i : order_) {
        Plate& plate = plates_[i];
        plate.own_as_listed = table.registered(plate.text.view()) * plate.as_listed;
        plate.own_with_mark = 0;
        if (plate.may_lack_mark) {
            plate.own_as_listed *= 1 - kMarkOmitted;
            const Symbols with_mark = behind(mark_, plate.text.view());
            if (!is_listed(with_mark.view()))
                plate.own_with_mark = kMarkOmitted * table.registered(with_mark.view()) * plate.with_mark;
        }
        others -= plate.own_as_listed + plate.own_with_mark;
    }
    // What is left cannot be less than the reads of no plate.
    return std::max(others, scorer_.clutter());
}

MatchScorer::Weighed MatchScorer::weigh(const Recogniser& recogniser, const ReadTexts& read,
                                        std::string_view plate) {
    const ScoringTable& table = *recogniser.table;
    set_read(recogniser, read);
    Symbols symbols;
    decode_plate(plate, symbols);
    const Plate& own = plates_[plate_of(table, symbols, 1)];
    order_.assign(1, 0);
    const double left = unlisted(table), all = own.likelihood + left;
    return {own.likelihood, scorer_.background(), left, all > 0 ? own.likelihood / all : 0,
            own.with_mark > own.as_listed ? kMarkOmitted : 0};
}

bool MatchScorer::order(const Wanted& wanted, const Recogniser& recogniser, const ReadTexts& read,
                        std::vector<Match>& matches) {
    const auto is_pattern = [&](const Match& match) { return wanted.is_pattern(match.entry); };
    if (std::ranges::any_of(matches, is_pattern)) return false;
    const ScoringTable& table = *recogniser.table;
    set_read(recogniser, read);
    Symbols text;
    for (const Match& match : matches) {
        wanted.plate(match.entry, text);
        items_.push_back({match, {}, plate_of(table, text, wanted.weight(match.entry)), 0, false});
    }
    for (Item& item : items_)
        item.rank = rounded(plates_[item.plate].weight * plates_[item.plate].likelihood);
    std::ranges::sort(items_, [&](const Item& a, const Item& b) { return comes_before(wanted, a, b); });
    std::ranges::transform(items_, matches.begin(), &Item::match);
    return true;
}

void MatchScorer::score(const Wanted& wanted, const Recogniser& recogniser, const ReadTexts& read,
                        const Floor& floor, std::vector<Match>& matches, std::vector<Score>& scores) {
    scores.clear();
    if (matches.empty()) return;
    const ScoringTable& table = *recogniser.table;
    set_read(recogniser, read);
    bool has_pattern = false;
    Symbols text;
    for (const Match& match : matches) {
        const bool pattern = wanted.is_pattern(match.entry);
        has_pattern = has_pattern || pattern;
        if (!pattern) wanted.plate(match.entry, text);
        items_.push_back({match,
                          {},
                          pattern ? kPattern : plate_of(table, text, wanted.weight(match.entry)),
                          0,
                          floor.but_exact && is_exact(wanted, match, text_)});
    }
    // Sums are taken in the order of the plates, so that they do not depend on that of the matches.
    order_.resize(plates_.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::ranges::sort(order_, {}, [&](std::size_t i) { return plates_[i].text.view(); });
    double listed = 0;
    for (const std::size_t i : order_) listed += plates_[i].weight * plates_[i].likelihood;
    const double clutter = scorer_.clutter();
    const bool keeps_any = has_pattern || std::ranges::any_of(items_, [&](const Item& item) {
                               return floor.admits(item.is_exact, 0);
                           });
    if (!keeps_any) {
        // Were there nobody else but the vehicle whose plate was read right, would any be probable enough?
        const double right = clutter + read_right(table);
        double most = 0;
        for (const Plate& plate : plates_)
            most = std::max(most, plate.weight * plate.likelihood / (listed + right));
        if (!(most >= floor.probability)) {
            matches.clear();
            return;
        }
    }
    const double others = unlisted(table);
    for (Item& item : items_) {
        if (item.plate == kPattern) {
            poll();
            score_pattern(table, wanted.plate(item.match.entry), others, listed, item.score);
            item.rank = rounded(item.score.probability * (listed + others));
            continue;
        }
        const Plate& plate = plates_[item.plate];
        item.score.log_likelihood = std::log(plate.likelihood);
        const double all = listed + others;
        item.score.probability = all > 0 ? plate.weight * plate.likelihood / all : 0;
        item.rank = rounded(plate.weight * plate.likelihood);
    }
    rank(wanted, floor, items_, matches, scores);
}

}  // namespace platewatch
