#include "platewatch/probability/score.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "platewatch/text/region.hpp"
#include "probability/channel_recursion.hpp"
#include "probability/widest.hpp"

namespace platewatch {
namespace {

// Plates of no class are assumed, not counted, and there are the more of them the longer they are: that a
// read is what is left of one that lost more symbols than this would rest on the assumption alone. Nor are
// more inserted.
constexpr std::size_t kGenericDetour = 2;

}  // namespace

void ReadScorer::end_row(Row& out) const noexcept { end_row_here(out); }

PLATEWATCH_INLINE void ReadScorer::end_row_here(Row& out) const noexcept {
    out[size_] = 1 - table_->insertion_[1];
    out[size_ + 1] = out[size_ + 2] = Levels{};
    for (std::size_t j = size_; j-- > 0;) out[j] = inserted_[1][j] * out[j + 1];
}

template <bool has_marks>
PLATEWATCH_INLINE Levels ReadScorer::lost(const Step& step, const Emission& emission,
                                          std::size_t gap) noexcept {
    if constexpr (has_marks) return step.deletion + step.one * emission.mark[gap];
    return step.deletion;
}

template <bool has_marks>
PLATEWATCH_INLINE void ReadScorer::go_on_by(const Step& step, const Emission& emission, SymbolClass c,
                                            const Emission* next, const Row& behind, const Row* behind_next,
                                            std::size_t begin, std::size_t end, Row& out) noexcept {
    const Row &split = splits(c), &inserted = inserted_[step.gap];
    out[end + 1] = out[end + 2] = Levels{};
    if (begin > 0) out[begin - 1] = Levels{};
    std::size_t j = end + 1;
    Levels here;
    if (end == size_) {
        here = out[end] = lost<has_marks>(step, emission, end) * behind[end];
        --j;
    }
    // `here` comes last in each sum: all else does not wait for the cell in front.
    if (next == nullptr) {
        while (j-- > begin) {
            here = out[j] = lost<has_marks>(step, emission, j) * behind[j] +
                            step.one * emission.one[j] * behind[j + 1] +
                            step.split * split[j] * behind[j + 2] + inserted[j] * here;
        }
        return;
    }
    const Levels otherwise = step.merged_otherwise * next->weight,
                 otherwise_next = step.merged_otherwise * emission.weight;
    while (j-- > begin) {
        const Levels merged = step.merged_as_first * emission.own[j] * next->lost[j] +
                              step.merged_as_second * next->own[j] * emission.lost[j] +
                              otherwise * emission.confused[j] + otherwise_next * next->confused[j];
        here = out[j] = lost<has_marks>(step, emission, j) * behind[j] +
                        step.one * emission.one[j] * behind[j + 1] + step.split * split[j] * behind[j + 2] +
                        merged * (*behind_next)[j + 1] + inserted[j] * here;
    }
}

PLATEWATCH_INLINE void ReadScorer::go_on(const Step& step, const Emission& emission, SymbolClass c,
                                         const Emission* next, const Row& behind, const Row* behind_next,
                                         std::size_t begin, std::size_t end, Row& out) noexcept {
    if (has_marks_) {
        go_on_by<true>(step, emission, c, next, behind, behind_next, begin, end, out);
    } else {
        go_on_by<false>(step, emission, c, next, behind, behind_next, begin, end, out);
    }
}

double ReadScorer::likelihood(std::u32string_view plate) {
    return with_widest([&]() PLATEWATCH_INLINED { return likelihood_here(plate); });
}

PLATEWATCH_INLINE double ReadScorer::likelihood_here(std::u32string_view plate) {
    const std::size_t n = plate.size(), m = size_;
    const std::size_t before = kDetour + (n > m ? n - m : 0), ahead = kDetour + (m > n ? m - n : 0);
    make_room_for_emissions();
    std::size_t i = n;
    if (last_plate_.size() != n || n == 0) {
        end_row_here(rows_[n]);
        // Out of the band: as no way comes here.
        for (std::size_t j = 0; j + before < n; ++j) rows_[n][j] = Levels{};
    } else {
        while (i > 0 && plate[i - 1] == last_plate_.view()[i - 1]) --i;
    }
    last_plate_.clear();  // should memory run out on the way
    const Emission* next = nullptr;
    std::optional<SymbolClass> next_class;
    if (i < n) {
        next = &emission_of(plate[i]);
        next_class = class_of(plate[i]);
    }
    while (i-- > 0) {
        const std::size_t begin = i > before ? i - before : 0, end = std::min(m, i + ahead);
        const SymbolClass c = class_of(plate[i]);
        const Emission& emission = emission_of(plate[i]);
        const Step& step = table_->step(c, i == 0, next_class);
        go_on(step, emission, c, next, rows_[i + 1], next == nullptr ? nullptr : &rows_[i + 2], begin, end,
              rows_[i]);
        if (i == 0 && has_region_mark(plate)) rows_[0][0] = start_behind(step, rows_[0], rows_[2]);
        next = &emission;
        next_class = c;
    }
    std::ranges::copy(plate, last_plate_.resized(n));
    return sum(rows_[0][0]);
}

// From the start of a plate of which a word in front may be lost; `behind` is the row behind that word.
PLATEWATCH_INLINE Levels ReadScorer::start_behind(const Step& step, const Row& row,
                                                  const Row& behind) const noexcept {
    const Levels inserted = size_ > 0 ? inserted_[step.gap][0] * row[1] : Levels{};
    const Levels loss = table_->region_loss_;
    return inserted + (1 - loss) * (row[0] - inserted) + step.on * loss * behind[0];
}

double ReadScorer::read_right() const noexcept {
    std::array<char32_t, kMaxCharacters> plate;
    Levels right = 1 - table_->insertion_[1];
    std::optional<SymbolClass> next;
    for (std::size_t i = size_; i-- > 0;) {
        plate[i] = characters_[i].c;
        const SymbolClass c = characters_[i].symbol_class;
        right *= table_->step(c, i == 0, next).one * characters_[i].right;
        next = c;
    }
    if (has_region_mark({plate.data(), size_})) right *= 1 - table_->region_loss_;
    return sum(right);
}

double ReadScorer::clutter() const noexcept { return table_->clutter_ * any_text_; }

// Without a letter in the read, the plates of a class explain it far better than those of none, but for
// plates and reads of digits only; and a word of two syllables in front hardly ever is read as digits.
bool ReadScorer::may_have(const PopulationTrie::Node& node) const noexcept {
    if (node.generic)
        return node.depth <= size_ + kGenericDetour &&
               (has_letter_ || (only_digits_ && !node.may_have_letter));
    return !node.kept_word || begins_with_word_;
}

double ReadScorer::background() {
    const PopulationTrie& population = *table_->population_;
    if (node_rows_.size() < population.nodes().size() + 1) node_rows_.resize(population.nodes().size() + 1);
    if (set_emissions_.size() < population.sets().size()) set_emissions_.resize(population.sets().size());
    return with_widest([&]() PLATEWATCH_INLINED { return background_here(); });
}

PLATEWATCH_INLINE double ReadScorer::background_here() noexcept {
    const PopulationTrie& population = *table_->population_;
    const auto nodes = population.nodes();
    const auto sets = population.sets();
    std::ranges::fill(set_ends_, std::size_t{0});
    Row& end = node_rows_[nodes.size()];
    end_row_here(end);
    Levels total;
    const Levels word_lost = (1 - table_->insertion_[1]) * table_->region_loss_;
    const std::size_t m = size_, inserted = most_inserted(m), lost = most_lost(m);
    const std::size_t nodes_end = has_letter_    ? nodes.size()
                                  : only_digits_ ? population.letters_begin()
                                                 : population.generic_begin();
    for (std::size_t number = 0; number < nodes_end; ++number) {
        const auto& node = nodes[number];
        if (!may_have(node) || (word_is_lost_ && node.from_start != PopulationTrie::kAnywhere)) continue;
        const std::size_t d = node.depth;
        const std::size_t before = node.generic ? kGenericDetour : inserted,
                          ahead = node.generic ? kGenericDetour : lost;
        const std::size_t first = m > d + before ? m - d - before : 0;
        std::size_t last = m + ahead > d ? std::min(m, m + ahead - d) : 0;
        if (node.from_start != PopulationTrie::kAnywhere)
            last = std::min<std::size_t>(last, node.from_start + kMostInFront);
        Row& row = node_rows_[number];
        if (first > last) {
            std::fill_n(row.begin(), m + 3, Levels{});
            continue;
        }
        const SymbolClass c = sets[node.set].symbol_class;
        const bool is_last = node.parent == PopulationTrie::kEnd;
        const auto* parent = is_last ? nullptr : &nodes[node.parent];
        const Row* behind = is_last ? &end : &node_rows_[node.parent];
        const Row* behind_next = is_last                                  ? nullptr
                                 : parent->parent == PopulationTrie::kEnd ? &end
                                                                          : &node_rows_[parent->parent];
        const Emission& emission = set_emission(node.set, std::min(m, last + 1));
        const Emission* next = is_last ? nullptr : &set_emission(parent->set, std::min(m, last + 1));
        const Step& step = table_->node_steps_[number];
        go_on(step, emission, c, next, *behind, behind_next, first, last, row);
        if (first != 0) continue;
        if (node.first)
            total += node.starts * (node.may_be_lost ? start_behind(step, row, *behind_next) : row[0]);
        if (word_is_lost_) total += node.starts_behind_word * word_lost * row[0];
    }
    return sum(total) + clutter();
}

double ReadScorer::follow(std::uint32_t number, char32_t symbol, const Behind& behind, Row& out) {
    return with_widest([&]() PLATEWATCH_INLINED { return follow_here(number, symbol, behind, out); });
}

PLATEWATCH_INLINE double ReadScorer::follow_here(std::uint32_t number, char32_t symbol, const Behind& behind,
                                                 Row& out) {
    const auto& node = table_->population_->nodes()[number];
    make_room_for_emissions();
    const SymbolClass c = class_of(symbol);
    const Emission* next = nullptr;
    std::optional<SymbolClass> next_class;
    if (behind.symbol != 0) {
        next = &emission_of(behind.symbol);
        next_class = class_of(behind.symbol);
    }
    const Step& step = table_->step(c, node.first, next_class);
    go_on(step, emission_of(symbol), c, next, behind.row, behind.next, 0, size_, out);
    if (!node.first) return 0;
    return sum(node.may_be_lost ? start_behind(step, out, *behind.next) : out[0]);
}

// The recursion of `background` the other way round, from the plates' starts.
void ReadScorer::make_fronts(std::size_t longest) {
    const PopulationTrie& population = *table_->population_;
    const auto nodes = population.nodes();
    const auto sets = population.sets();
    if (set_emissions_.size() < sets.size()) set_emissions_.resize(sets.size());
    set_ends_.assign(sets.size(), 0);
    Row none;
    none.fill(Levels{});
    fronts_.assign(nodes.size(), none);
    merged_fronts_.assign(nodes.size(), none);
    lost_fronts_.assign(nodes.size(), Levels{});
    const std::size_t m = size_;
    for (std::size_t number = nodes.size(); number-- > 0;) {
        const auto& node = nodes[number];
        if (node.generic && node.depth > longest + kGenericDetour) continue;
        const Step& step = table_->node_steps_[number];
        Row& front = fronts_[number];
        if (node.first) {
            const Levels loss = node.may_be_lost ? table_->region_loss_ : Levels{};
            front[0] += node.starts * (1 - loss);
            if (node.may_be_lost) {
                if (m > 0) front[1] += node.starts * loss * inserted_[step.gap][0];
                lost_fronts_[node.parent] += node.starts * step.on * loss;
                fronts_[nodes[node.parent].parent][0] += node.starts * step.on * loss;
            }
        }
        const Row& inserted = inserted_[step.gap];
        for (std::size_t j = 0; j < m; ++j) front[j + 1] += inserted[j] * front[j];
        if (node.parent == PopulationTrie::kEnd) continue;
        const Emission& emission = set_emission(node.set, m);
        const std::uint32_t set_behind = nodes[node.parent].set;
        const Emission& next = set_emission(set_behind, m);
        const Row& split = splits(sets[node.set].symbol_class);
        const Levels otherwise = step.merged_otherwise * next.weight,
                     otherwise_next = step.merged_otherwise * emission.weight;
        const std::uint32_t behind_pair = nodes[node.parent].parent;
        Row &behind = fronts_[node.parent], &merged_behind = merged_fronts_[node.parent];
        for (std::size_t j = 0; j <= m; ++j) {
            const Levels lost = has_marks_ ? ReadScorer::lost<true>(step, emission, j) : step.deletion;
            behind[j] += lost * front[j];
            if (j == m) break;
            behind[j + 1] += step.one * emission.one[j] * front[j];
            if (j + 2 <= m) behind[j + 2] += step.split * split[j] * front[j];
            const Levels merged = step.merged_as_first * emission.own[j] * next.lost[j] +
                                  step.merged_as_second * next.own[j] * emission.lost[j] +
                                  otherwise * emission.confused[j] + otherwise_next * next.confused[j];
            merged_behind[j + 1] += merged * front[j] / next.weight;
            if (behind_pair != PopulationTrie::kEnd) fronts_[behind_pair][j + 1] += merged * front[j];
        }
    }
}

double ReadScorer::in_front(std::uint32_t node, const Row& row, const Row& behind) const noexcept {
    return with_widest([&]() PLATEWATCH_INLINED {
        const Row &front = fronts_[node], &merged = merged_fronts_[node];
        Levels total = lost_fronts_[node] * behind[0];
        for (std::size_t j = 0; j <= size_; ++j) total += front[j] * row[j] + merged[j] * behind[j];
        return sum(total);
    });
}

void TextsScorer::set_read(const Recogniser& recogniser, const ReadTexts& read) {
    own_.set_read(recogniser, read.own);
    share_ = read.share;
    shares_.clear();
    for (const ReadTexts::Other& other : read.others) {
        if (others_.size() == shares_.size()) others_.push_back(std::make_unique<ReadScorer>());
        others_[shares_.size()]->set_read(recogniser, other.evidence);
        shares_.push_back(other.share);
    }
}

ScoringModel::ScoringModel(std::shared_ptr<const ScoringTable> general, Tables engines, Tables cameras,
                           CameraLevels levels, double frame_weight)
    : general_(std::move(general)),
      engines_(std::move(engines)),
      cameras_(std::move(cameras)),
      levels_(std::move(levels)),
      frame_weight_(frame_weight) {}

Recogniser ScoringModel::recogniser(std::string_view engine, std::string_view camera) const noexcept {
    if (const auto own = cameras_.find(camera); own != cameras_.end()) return *own->second;
    const auto found = engines_.find(engine);
    const bool known = found != engines_.end();
    const ScoringTable& table = known ? *found->second : *general_;
    const auto levels = levels_.find(known ? engine : std::string_view());
    if (levels == levels_.end()) return table;
    const auto own = levels->second.find(camera);
    return own == levels->second.end() ? Recogniser(table) : Recogniser(table, own->second);
}

ScoringModel ScoringModel::refined(const Tables& engines, CameraLevels levels) const {
    ScoringModel out = *this;
    for (const auto& [engine, table] : engines) {
        (engine.empty() ? out.general_ : out.engines_[engine]) = table;
    }
    out.levels_ = std::move(levels);
    return out;
}

}  // namespace platewatch
