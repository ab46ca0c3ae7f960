#include "platewatch/probability/pass.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "platewatch/base/interrupt.hpp"
#include "probability/ranking.hpp"

namespace platewatch {
namespace {

// What is left may be so much of all, and this many ends are followed at the most.
constexpr double kLeftAtMost = 0.01;
constexpr std::size_t kMostEnds = 400;
// So many texts are followed, those that most frames read: further ones tell ever less that is new. They all
// weigh no more than so many frames.
constexpr std::size_t kMostTexts = 5;
constexpr double kMostInFull = 5;

// Reads that look alike may yet be of two vehicles: of a convoy, or of a fleet, whose numbers follow each
// other. So often they are, if they are not all the same: more often where they read two listed plates, as
// fleets are listed together. The other then has one of so many plates. Stated, not fitted: no labelled reads
// show two such vehicles.
constexpr double kTwoVehicles = 0.01;
constexpr double kTwoListed = 0.3;
constexpr double kAlikePlates = 10;
// So often the frames that are not exact show no plate at all: one that is half in the picture.
constexpr double kNoPlate = 0.03;

// The frames of a pass that are weighed, and what each counts.
struct Weighed {
    std::vector<PassRead> reads;
    std::vector<double> weights;
};

[[nodiscard]] double confidence_of(const ReadEvidence& read) noexcept {
    double sum = std::max(read.confidence(), 0.0F);
    for (const Evidence& evidence : read.view()) sum += static_cast<double>(std::max(evidence.p, 0.0F));
    return sum;
}

// Those that read the same count as much as one and `frame_weight` for each one more, and texts that differ
// as much as one together: so frames that fail together are hardly more than one, and a majority is one. Of
// more than a few frames the surest one stands for all that read the same, and of many texts those are
// weighed that `is_needed` or that most frames read.
template <class IsNeeded>
[[nodiscard]] Weighed weigh_frames(std::span<const PassRead> reads, double frame_weight,
                                   const IsNeeded& is_needed) {
    struct Group {
        std::u32string text;
        std::vector<const PassRead*> reads;
        bool is_needed;
    };
    std::vector<Group> groups;
    for (const PassRead& read : reads) {
        std::u32string text = canonical_text(read.texts.own);
        auto group = std::ranges::find(groups, text, &Group::text);
        if (group == groups.end()) {
            const bool needed = is_needed(text);
            group = groups.insert(group, {std::move(text), {}, needed});
        }
        group->reads.push_back(&read);
    }
    std::ranges::sort(groups, [](const Group& a, const Group& b) {
        if (a.is_needed != b.is_needed) return a.is_needed;
        return a.reads.size() != b.reads.size() ? a.reads.size() > b.reads.size() : a.text < b.text;
    });
    const auto needed = static_cast<std::size_t>(std::ranges::count(groups, true, &Group::is_needed));
    groups.resize(std::min(groups.size(), std::max(kMostTexts, needed)));
    Weighed out;
    double sum = 0;
    for (Group& group : groups) {
        const auto alike = static_cast<double>(group.reads.size());
        const double weight = (1 + (alike - 1) * frame_weight) / static_cast<double>(groups.size());
        sum += weight;
        if (reads.size() > kMostTexts)
            group.reads = {*std::ranges::max_element(
                group.reads, {}, [](const PassRead* read) { return confidence_of(read->texts.own); })};
        for (const PassRead* read : group.reads) {
            out.reads.push_back(*read);
            out.weights.push_back(weight / static_cast<double>(group.reads.size()));
        }
    }
    for (double& weight : out.weights) weight *= std::min(1.0, kMostInFull / sum);
    return out;
}

[[nodiscard]] Weighed weigh_frames(std::span<const PassRead> reads, double frame_weight) {
    return weigh_frames(reads, frame_weight, [](const std::u32string&) { return false; });
}

// The same of some of them.
[[nodiscard]] std::vector<double> picked(const std::vector<double>& weights, const std::vector<bool>& which,
                                         bool wanted) {
    std::vector<double> out;
    for (std::size_t j = 0; j < weights.size(); ++j) {
        if (which[j] == wanted) out.push_back(weights[j]);
    }
    return out;
}

// A frame with hardly a symbol, beside others that show a plate, tells nothing of it.
[[nodiscard]] bool tells(const PassRead& read) noexcept {
    constexpr std::ptrdiff_t kFewSymbols = 2;
    const auto known = [](const Evidence& evidence) { return evidence.c != kUnknownSymbol; };
    return std::ranges::count_if(read.texts.own.view(), known) > kFewSymbols || !read.texts.others.empty();
}

}  // namespace

void PassScorer::set_reads(std::span<const PassRead> reads, std::vector<double> weights) {
    reads_ = reads;
    weights_ = std::move(weights);
    weight_ = std::accumulate(weights_.begin(), weights_.end(), 0.0);
    texts_.clear();
    marks_.clear();
    for (const PassRead& read : reads) {
        poll();
        const auto add = [&](const ReadEvidence& text, double share) {
            if (scorers_.size() == texts_.size()) scorers_.push_back(std::make_unique<ReadScorer>());
            scorers_[texts_.size()]->set_read(read.recogniser(), text);
            texts_.push_back({share, false});
            if (std::u32string mark = mark_of(text); !mark.empty()) marks_.push_back(std::move(mark));
        };
        add(read.texts.own, read.texts.share);
        for (const ReadTexts::Other& other : read.texts.others) add(other.evidence, other.share);
        texts_.back().is_last = true;
    }
    std::ranges::sort(marks_);
    marks_.erase(std::ranges::unique(marks_).begin(), marks_.end());
    meant_.clear();
    items_.clear();
    listed_.clear();
    patterns_.clear();
}

template <class Value>
double PassScorer::log_of_mixtures(const Value& value) const {
    double log = 0, sum = 0;
    for (std::size_t t = 0, read = 0; t < texts_.size(); ++t) {
        sum += texts_[t].share * value(t);
        if (!texts_[t].is_last) continue;
        log += weights_[read++] * std::log(sum);
        sum = 0;
    }
    return log;
}

double PassScorer::joint(std::u32string_view plate) {
    return std::exp(log_of_mixtures([&](std::size_t t) { return scorers_[t]->likelihood(plate); }));
}

// Of what a listed plate stands for, which is no longer anybody else's.
double PassScorer::joint_of_listed(const std::u32string& plate) {
    std::vector<Meant> meant;
    for (const std::u32string& mark : marks_) {
        if (may_lack(plate, mark, *reads_.front().table))
            meant.push_back({mark + plate, kMarkOmitted / static_cast<double>(marks_.size())});
    }
    meant.push_back({plate, meant.empty() ? 1 : 1 - kMarkOmitted});
    double sum = 0;
    for (Meant& one : meant) {
        sum += one.share * joint(one.plate);
        meant_.push_back(std::move(one));
    }
    return sum;
}

// That no vehicle is there, which is one explanation of all the reads.
double PassScorer::clutter() const { return reads_.front().table->clutter() * joint_of_any_text(); }

double PassScorer::joint_of_any_text() const {
    return std::exp(log_of_mixtures([&](std::size_t t) { return scorers_[t]->any_text(); }));
}

std::span<ReadScorer::Row> PassScorer::rows(std::size_t place) {
    return std::span(rows_).subspan(place * texts_.size(), texts_.size());
}

double PassScorer::others(double listed, double enough) {
    const auto first = [](const End& a, const End& b) { return a.bound < b.bound; };
    std::size_t longest = 0;
    for (std::size_t t = 0; t < texts_.size(); ++t) longest = std::max(longest, scorers_[t]->size());
    for (std::size_t t = 0; t < texts_.size(); ++t) scorers_[t]->make_fronts(longest);
    found_ = clutter();
    left_ = 0;
    followed_.fill({});
    ends_.assign(1, End{0, PopulationTrie::kEnd, 0, 1, 0});
    rows_.resize(texts_.size());
    for (std::size_t t = 0; t < texts_.size(); ++t) scorers_[t]->end_row(rows_[t]);
    heap_.clear();
    grow(0, 0);
    while (!heap_.empty() && ends_.size() < kMostEnds && left_ > kLeftAtMost * (found_ + listed) &&
           found_ < enough) {
        std::ranges::pop_heap(heap_, first);
        const End end = heap_.back();
        heap_.pop_back();
        left_ -= end.bound;
        poll();
        const std::size_t place = ends_.size();
        ends_.push_back(end);
        rows_.resize((place + 1) * texts_.size());
        const std::span<ReadScorer::Row> behind = rows(end.behind);
        for (std::size_t t = 0; t < texts_.size(); ++t) {
            const auto* next = end.behind == 0 ? nullptr : &rows(ends_[end.behind].behind)[t];
            scorers_[t]->follow(end.node, end.symbol, {behind[t], next, ends_[end.behind].symbol},
                                rows(place)[t]);
        }
        grow(place, 1e-6 * (found_ + listed));
    }
    return found_ + estimate_left();
}

double PassScorer::estimate_left() const {
    std::array<double, kMaxSymbols + 2> shares;
    shares.back() = 1;
    for (std::size_t depth = kMaxSymbols + 1; depth-- > 0;) {
        const Followed& followed = followed_[depth];
        const double share = followed.bound > 0 ? followed.below / followed.bound : 1;
        shares[depth] = shares[depth + 1] * std::min(share, 1.0);
    }
    const auto nodes = reads_.front().table->population().nodes();
    double left = 0;
    for (const End& end : heap_) left += shares[nodes[end.node].depth] * end.bound;
    return left;
}

// Puts what may stand in front of an end on the heap, and meets the plates that are whole; not what is
// `least`.
void PassScorer::grow(std::size_t place, double least) {
    const PopulationTrie& population = reads_.front().table->population();
    const auto first = [](const End& a, const End& b) { return a.bound < b.bound; };
    const End from = ends_[place];
    ReadScorer::Row row;
    double below = 0;
    for (const std::uint32_t number : population.children(from.node)) {
        const auto& node = population.nodes()[number];
        if (std::ranges::none_of(std::span(scorers_).first(texts_.size()),
                                 [&](const auto& scorer) { return scorer->may_have(node); }))
            continue;
        for (const auto& [symbol, share] : population.sets()[node.set].symbols) {
            End end{place, number, symbol, from.vehicles * share, 0};
            const double log = log_of_mixtures([&](std::size_t t) {
                const ReadScorer::Row& behind = rows(place)[t];
                const auto* next = place == 0 ? nullptr : &rows(from.behind)[t];
                const double probability =
                    scorers_[t]->follow(number, symbol, {behind, next, from.symbol}, row);
                return node.first ? probability : scorers_[t]->in_front(number, row, behind);
            });
            if (node.first) {
                const double vehicles = node.starts * end.vehicles;
                const double whole = vehicles * std::exp(log);
                below += whole;
                if (whole > least) meet(end, vehicles);
                continue;
            }
            // With x_t = v_t P_j(t), of which no plate's share is less than v (but for very rare ones): by
            // Hölder, sum_t v_t prod_j P_j(t)^a_j <= v^(1 - a) prod_j (sum_t x_t)^a_j, if a = sum_j a_j >= 1.
            const double one = end.vehicles * node.front;
            if (!(one > 0)) continue;  // nobody has such a plate
            end.bound = std::exp(log + weight_ * std::log(end.vehicles) + (1 - weight_) * std::log(one));
            below += end.bound;
            if (end.bound <= least) continue;
            left_ += end.bound;
            heap_.push_back(end);
            std::ranges::push_heap(heap_, first);
        }
    }
    if (place == 0) return;
    Followed& followed = followed_[population.nodes()[from.node].depth];
    followed.bound += from.bound;
    followed.below += below;
}

// What a listed plate comes to as far as a pattern admits it.
double PassScorer::joint_admitted(const Pattern& pattern, const Listed& listed) {
    if (admits_or_lacks_mark(pattern, listed.plate)) return listed.joint;
    double sum = 0;
    for (const std::u32string& mark : marks_) {
        const std::u32string with_mark = mark + listed.plate;
        if (may_lack(listed.plate, mark, *reads_.front().table) && admits_or_lacks_mark(pattern, with_mark))
            sum += kMarkOmitted / static_cast<double>(marks_.size()) * joint(with_mark);
    }
    return listed.weight * sum;
}

// A plate of the population, from its first symbol on, and how many vehicles have it.
void PassScorer::meet(const End& begin, double vehicles) {
    std::u32string plate;
    for (const End* end = &begin;; end = &ends_[end->behind]) {
        plate += end->symbol;
        if (end->behind == 0) break;
    }
    double share = 1;  // that is not meant by what is listed
    for (const Meant& one : std::ranges::equal_range(meant_, plate, {}, &Meant::plate)) share -= one.share;
    // As for what is listed: without the alignments that stray far, which ends have.
    const double others = std::max(share, 0.0) * vehicles * joint(plate);
    found_ += others;
    if (met_ != nullptr) met_->push_back({plate, others});
    for (WantedPattern& pattern : patterns_) {
        if (admits_or_lacks_mark(pattern.pattern, plate)) pattern.joint += others;
    }
}

double PassScorer::posterior(std::span<const PassRead> reads, double frame_weight,
                             std::u32string_view plate) {
    const Weighed weighed = weigh_frames(reads, frame_weight);
    set_reads(weighed.reads, weighed.weights);
    const double own = reads.front().table->registered(plate) * joint(plate);
    meant_.push_back({std::u32string(plate), 1});
    return own / (own + others(own));
}

auto PassScorer::likely_plates(std::span<const PassRead> reads, double frame_weight, double least)
    -> std::vector<Likely> {
    const Weighed weighed = weigh_frames(reads, frame_weight);
    set_reads(weighed.reads, weighed.weights);
    std::vector<Likely> likely;
    met_ = &likely;
    const double all = others(0);
    met_ = nullptr;
    for (Likely& one : likely) one.probability = all > 0 ? one.probability / all : 0;
    std::erase_if(likely, [&](const Likely& one) { return one.probability < least; });
    std::ranges::sort(likely, [](const Likely& a, const Likely& b) {
        return a.probability != b.probability ? a.probability > b.probability : a.plate < b.plate;
    });
    return likely;
}

// The listed plates among the matches, and what they come to.
double PassScorer::list(const Wanted& wanted, std::span<const Match> matches) {
    Symbols symbols;
    for (const Match& match : matches) {
        if (wanted.is_pattern(match.entry)) continue;
        Listed& listed = listed_.emplace_back(Listed{{}, static_cast<double>(wanted.weight(match.entry)), 0});
        wanted.plate(match.entry, symbols);
        listed.plate = symbols.view();
    }
    // Entries on one plate share it, and the most of their weights.
    std::ranges::sort(listed_, [](const Listed& a, const Listed& b) {
        return a.plate != b.plate ? a.plate < b.plate : a.weight > b.weight;
    });
    listed_.erase(std::ranges::unique(listed_, {}, &Listed::plate).begin(), listed_.end());
    double sum = 0;
    for (Listed& listed : listed_) {
        listed.joint = listed.plate.empty() ? 0 : listed.weight * joint_of_listed(listed.plate);
        sum += listed.joint;
    }
    std::ranges::sort(meant_, {}, &Meant::plate);
    return sum;
}

PassScorer::Apart PassScorer::weigh_apart(const Wanted& wanted, std::span<const PassRead> reads,
                                          const std::vector<double>& weights,
                                          std::span<const std::u32string> texts, double frame_weight,
                                          std::span<const Match> matches, std::size_t match,
                                          const std::vector<bool>& is_own) {
    std::vector<PassRead> own, rest;
    std::vector<std::u32string> others_texts;
    for (std::size_t j = 0; j < reads.size(); ++j) {
        (is_own[j] ? own : rest).push_back(reads[j]);
        if (!is_own[j]) others_texts.push_back(texts[j]);
    }
    Symbols symbols;
    wanted.plate(matches[match].entry, symbols);
    const std::u32string plate(symbols.view());

    const Weighed alone = weigh_frames(own, frame_weight);
    set_reads(alone.reads, alone.weights);
    const double sum = list(wanted, matches);
    const double all = sum + others(sum);
    const std::vector<Listed> listed = listed_;
    const double joint_of_own = std::ranges::lower_bound(listed, plate, {}, &Listed::plate)->joint;

    // As much as among all, so that both hypotheses are weighed alike.
    const double probability = all > 0 ? joint_of_own / all : 0;
    set_reads(own, picked(weights, is_own, true));
    const double weight = std::ranges::lower_bound(listed, plate, {}, &Listed::plate)->weight;
    const double all_of_own = probability > 0 ? weight * joint_of_listed(plate) / probability : 0;

    // The rest is of one of the plates alike: of one that it shows, or of another, which explains it no
    // better than this one.
    set_reads(rest, picked(weights, is_own, false));
    std::ranges::sort(others_texts);
    others_texts.erase(std::ranges::unique(others_texts).begin(), others_texts.end());
    double left = 1, joint_of_rest = 0, prior = kTwoVehicles;
    for (const std::u32string& text : others_texts) {
        const bool is_listed = std::ranges::any_of(
            matches, [&](const Match& other) { return other.edits == 0 && is_exact(wanted, other, text); });
        if (is_listed) prior = kTwoListed;
        const double there = is_listed ? 1 : std::min(1.0, reads.front().table->registered(text));
        const double share = std::min(left, there / kAlikePlates);
        joint_of_rest += share * joint(text);
        left -= share;
    }
    joint_of_rest += left * joint(plate);
    return {is_own, all_of_own * (prior * joint_of_rest + kNoPlate * joint_of_any_text()), probability};
}

void PassScorer::score(const Wanted& wanted, std::span<const PassRead> all_reads, double frame_weight,
                       const Floor& floor, std::vector<Match>& matches, std::vector<Score>& scores) {
    scores.clear();
    if (matches.empty()) return;
    const auto is_listed = [&](const std::u32string& text) {
        return std::ranges::any_of(matches, [&](const Match& match) {
            return !wanted.is_pattern(match.entry) && is_exact(wanted, match, text);
        });
    };
    std::vector<PassRead> telling;
    for (const PassRead& read : all_reads) {
        if (tells(read) || is_listed(canonical_text(read.texts.own))) telling.push_back(read);
    }
    const auto [reads, weights] =
        weigh_frames(telling.empty() ? all_reads : telling, frame_weight, is_listed);
    std::vector<std::u32string> own;
    for (const PassRead& read : reads) own.push_back(canonical_text(read.texts.own));
    std::vector<std::vector<bool>> exact(matches.size());  // by match: which of the reads
    apart_.clear();
    for (std::size_t m = 0; m < matches.size(); ++m) {
        for (const std::u32string& text : own) exact[m].push_back(is_exact(wanted, matches[m], text));
        const auto count = std::ranges::count(exact[m], true);
        if (count == 0 || static_cast<std::size_t>(count) == reads.size() ||
            wanted.is_pattern(matches[m].entry) ||
            std::ranges::find(apart_, exact[m], &Apart::is_own) != apart_.end()) {
            continue;
        }
        apart_.push_back(weigh_apart(wanted, reads, weights, own, frame_weight, matches, m, exact[m]));
    }
    set_reads(reads, weights);
    for (std::size_t m = 0; m < matches.size(); ++m) {
        const Match& match = matches[m];
        const auto apart = std::ranges::find(apart_, exact[m], &Apart::is_own);
        Item item{match,
                  {},
                  0,
                  wanted.is_pattern(match.entry),
                  floor.but_exact && std::ranges::find(exact[m], true) != exact[m].end(),
                  apart == apart_.end() ? nullptr : &*apart,
                  0};
        if (item.is_pattern) {
            WantedPattern pattern;
            if (parse_pattern(wanted.plate(match.entry), pattern.pattern) != PatternError::none) continue;
            item.place = patterns_.size();
            item.apart = nullptr;
            patterns_.push_back(std::move(pattern));
        }
        items_.push_back(item);
    }
    const double sum = list(wanted, matches);
    const bool keeps_any =
        !patterns_.empty() || !apart_.empty() ||
        std::ranges::any_of(items_, [&](const Item& item) { return floor.admits(item.is_exact, 0); });
    double most = 0;
    for (const Listed& listed : listed_) most = std::max(most, listed.joint);
    constexpr double kNever = std::numeric_limits<double>::infinity();
    const double all = sum + others(sum, keeps_any ? kNever : most / floor.probability - sum);
    for (WantedPattern& pattern : patterns_) {
        for (const Listed& listed : listed_) {
            pattern.joint += joint_admitted(pattern.pattern, listed);
        }
    }
    Symbols plate;
    for (Item& item : items_) {
        double joint = 0, weight = 1;
        if (item.is_pattern) {
            joint = patterns_[item.place].joint;
        } else {
            wanted.plate(item.match.entry, plate);
            const auto listed = std::ranges::lower_bound(listed_, plate.view(), {}, &Listed::plate);
            joint = listed->joint;
            weight = listed->weight;
        }
        item.score = {std::log(joint / weight), all > 0 ? joint / all : 0};
        if (item.apart != nullptr) {
            const double apart = all > 0 ? item.apart->joint / (all + item.apart->joint) : 0;
            item.score.probability += apart * (item.apart->probability - item.score.probability);
            // However badly the model explains the others, they are not of this vehicle that often.
            item.score.probability = std::max(item.score.probability, kTwoVehicles * item.apart->probability);
        }
        item.rank = rounded(item.score.probability);
    }
    rank(wanted, floor, items_, matches, scores);
}

}  // namespace platewatch
