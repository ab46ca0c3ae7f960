#include "platewatch/posterior.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <tuple>

#include "platewatch/normalize.hpp"
#include "platewatch/pattern.hpp"
#include "platewatch/region.hpp"
#include "utf8.hpp"

namespace platewatch {
namespace {

std::u32string canonical(const ReadEvidence& read) {
    std::u32string text;
    for (const Evidence& evidence : read.view()) {
        if (is_kept(evidence.c)) text += evidence.c;
    }
    return text;
}

// What the order goes by, as it is that of the probabilities: a weight times a likelihood. Finer differences
// are rounding.
long long rounded(double joint) noexcept {
    constexpr double kLeast = 1e-300;
    return std::llround(std::log(std::max(joint, kLeast)) * 1e9);
}

template <class Item>
bool comes_before(const State& state, const Item& a, const Item& b) {
    if (a.rank != b.rank) return a.rank > b.rank;
    if (a.match.edits != b.match.edits) return a.match.edits < b.match.edits;
    return state.segments().size() == 1 ? a.match.entry < b.match.entry
                                        : state.id(a.match.entry) < state.id(b.match.entry);
}

}  // namespace

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
    plate.text.clear();
    // A snapshot that nobody verified may hold no plate here.
    if (!decode_utf8(utf8, [&](char32_t c) { plate.text += c; }) || plate.text.size() > kMaxSymbols)
        plate.text.clear();
    plate.weight = static_cast<double>(weight);
    plate.likelihood = plate.text.empty() ? 0 : scorer_.likelihood(plate.text);
    // The contract forgives a mark that the list lacks: so the plate is as listed, or has the mark that was
    // read.
    constexpr double kMarkOmitted = 0.5;
    constexpr std::size_t kLeastBehindMark = 5;
    if (!mark_.empty() && !has_region_mark(plate.text) && plate.text.size() >= kLeastBehindMark &&
        plate.text.size() + mark_.size() <= kMaxSymbols) {
        plate.likelihood =
            (1 - kMarkOmitted) * plate.likelihood + kMarkOmitted * scorer_.likelihood(mark_ + plate.text);
    }
    return texts_.size() - 1;
}

// What the plate that was read, if it is not listed, adds to the background.
double MatchScorer::read_right(const ScoringTable& table, const ReadEvidence& read) {
    const std::u32string plate = canonical(read);
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

// All texts within one edit of one, and it with each word that recognisers lose in front.
static void add_neighbours(const std::u32string& text, const PopulationTrie& population,
                           std::vector<std::u32string>& out) {
    const std::span<const char32_t> symbols = population.alphabet().symbols();
    out.push_back(text);
    for (std::size_t i = 0; i <= text.size(); ++i) {
        for (const char32_t symbol : symbols) {
            std::u32string other = text;
            out.push_back(other.insert(i, 1, symbol));
            if (i == text.size()) continue;
            other = text;
            other[i] = symbol;
            out.push_back(std::move(other));
        }
        if (i < text.size()) out.push_back(std::u32string(text).erase(i, 1));
    }
    for (const VehicleClass& vehicles : population.population().classes) {
        if (!vehicles.words_may_be_lost) continue;
        for (const std::u32string& word : vehicles.words) out.push_back(word + text);
    }
}

void PassScorer::set_reads(std::span<const PassRead> reads, double frame_weight) {
    reads_ = reads;
    frame_weight_ = frame_weight;
    while (scorers_.size() < reads.size()) scorers_.push_back(std::make_unique<ReadScorer>());
    for (std::size_t j = 0; j < reads.size(); ++j) scorers_[j]->set_read(*reads[j].table, reads[j].evidence);
    single_.assign(reads.size(), 0);
    best_.assign(reads.size(), 0);
}

double PassScorer::likelihood(std::u32string_view plate) {
    double product = 1;
    for (std::size_t j = 0; j < reads_.size(); ++j) {
        single_[j] = scorers_[j]->likelihood(plate);
        best_[j] = std::max(best_[j], single_[j]);
        product *= std::pow(single_[j], frame_weight_);
    }
    return product;
}

// Everybody who is not listed. `listed` ascends; the listed plates' likelihoods have been asked for.
double PassScorer::others(std::span<const std::u32string> listed) {
    const ScoringTable& table = *reads_.front().table;
    std::vector<std::u32string> plates(listed.begin(), listed.end());
    for (const PassRead& read : reads_) add_neighbours(canonical(read.evidence), table.population(), plates);
    std::ranges::sort(plates);
    plates.erase(std::ranges::unique(plates).begin(), plates.end());

    std::vector<double> left;  // of each read's background
    for (std::size_t j = 0; j < reads_.size(); ++j) left.push_back(scorers_[j]->background());
    double sum = 0;
    for (const std::u32string& plate : plates) {
        if (plate.empty() || plate.size() > kMaxSymbols) continue;
        const double vehicles = table.registered(plate);
        if (vehicles == 0) continue;
        const double joint = likelihood(plate);
        for (std::size_t j = 0; j < reads_.size(); ++j) left[j] -= vehicles * single_[j];
        if (!std::ranges::binary_search(listed, plate)) sum += vehicles * joint;
    }
    double rest = 1;
    for (std::size_t j = 0; j < reads_.size(); ++j)
        rest *= std::pow(std::max(left[j], scorers_[j]->clutter()), frame_weight_);
    return sum + rest;
}

double PassScorer::posterior(std::span<const PassRead> reads, double frame_weight,
                             std::u32string_view plate) {
    set_reads(reads, frame_weight);
    const double own = reads.front().table->registered(plate) * likelihood(plate);
    const std::u32string known(plate);
    return own / (own + others({&known, 1}));
}

void PassScorer::score(const State& state, std::span<const PassRead> reads, double frame_weight,
                       double min_probability, std::vector<Match>& matches, std::vector<Score>& scores) {
    scores.clear();
    if (matches.empty()) return;
    set_reads(reads, frame_weight);
    struct Item {
        Match match;
        std::u32string plate;
        double weight;
        Score score;
        long long rank;
    };
    std::vector<Item> items;
    std::vector<std::u32string> listed;
    for (const Match& match : matches) {
        if (state.is_pattern(match.entry)) continue;
        Item& item =
            items.emplace_back(Item{match, {}, static_cast<double>(state.weight(match.entry)), {}, 0});
        if (!decode_utf8(state.plate(match.entry), [&](char32_t c) { item.plate += c; }) ||
            item.plate.size() > kMaxSymbols)
            item.plate.clear();
        if (!item.plate.empty()) listed.push_back(item.plate);
    }
    std::ranges::sort(listed);
    listed.erase(std::ranges::unique(listed).begin(), listed.end());
    std::vector<double> weights(listed.size(), 0), likelihoods;
    for (const Item& item : items) {
        const auto place = std::ranges::lower_bound(listed, item.plate);
        if (item.plate.empty()) continue;
        double& weight = weights[static_cast<std::size_t>(place - listed.begin())];
        weight = std::max(weight, item.weight);
    }
    double all = 0;
    for (std::size_t i = 0; i < listed.size(); ++i) {
        likelihoods.push_back(likelihood(listed[i]));
        all += weights[i] * likelihoods[i];
    }
    all += others(listed);
    for (Item& item : items) {
        if (item.plate.empty()) continue;
        const auto i =
            static_cast<std::size_t>(std::ranges::lower_bound(listed, item.plate) - listed.begin());
        item.score = {std::log(likelihoods[i]), weights[i] * likelihoods[i] / all};
        item.rank = rounded(weights[i] * likelihoods[i]);
    }
    std::erase_if(items, [&](const Item& item) { return item.score.probability < min_probability; });
    std::ranges::sort(items, [&](const Item& a, const Item& b) { return comes_before(state, a, b); });
    matches.clear();
    for (const Item& item : items) {
        matches.push_back(item.match);
        scores.push_back(item.score);
    }
}

void MatchScorer::set_read(const ScoringTable& table, const ReadEvidence& read) {
    scorer_.set_read(table, read);
    texts_.clear();
    items_.clear();
    mark_.clear();
    if (const std::u32string text = canonical(read); has_region_mark(text))
        mark_ = text.substr(0, kRegionMarkSize);
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
                        double min_probability, std::vector<Match>& matches, std::vector<Score>& scores) {
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
    if (min_probability > 0 && !has_pattern) {
        // Were there nobody else but the vehicle whose plate was read right, would any be probable enough?
        const double right = clutter + read_right(table, read);
        double most = 0;
        for (std::size_t i = 0; i < texts_.size(); ++i)
            most = std::max(most, plates_[i].weight * plates_[i].likelihood / (listed + right));
        if (!(most >= min_probability)) {
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
    std::erase_if(items_, [&](const Item& item) { return item.score.probability < min_probability; });
    std::ranges::sort(items_, [&](const Item& a, const Item& b) { return comes_before(state, a, b); });
    matches.clear();
    for (const Item& item : items_) {
        matches.push_back(item.match);
        scores.push_back(item.score);
    }
}

}  // namespace platewatch
