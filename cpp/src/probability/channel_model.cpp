#include "platewatch/probability/channel_model.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "platewatch/text/region.hpp"
#include "probability/channel_recursion.hpp"

namespace platewatch {
namespace {

// What the recursion asks of one known plate.
class KnownPlate {
  public:
    KnownPlate(const ReadView& read, std::u32string_view plate, std::size_t level) noexcept
        : read_(read), plate_(plate), level_(level), may_lose_region_(has_region_mark(plate)) {
        for (std::size_t i = 0; i < plate.size(); ++i) {
            columns_[i] = read.table().column(plate[i]);
            classes_[i] = class_of(plate[i]);
        }
    }
    [[nodiscard]] std::size_t size() const noexcept { return plate_.size(); }
    [[nodiscard]] SymbolClass symbol_class(std::size_t i) const noexcept { return classes_[i]; }
    [[nodiscard]] bool may_lose_region() const noexcept { return may_lose_region_; }
    [[nodiscard]] bool is_right(std::size_t i, std::size_t j) const noexcept {
        return read_[j].c == plate_[i];
    }
    [[nodiscard]] std::size_t column(std::size_t i) const noexcept { return columns_[i]; }
    [[nodiscard]] char32_t operator[](std::size_t i) const noexcept { return plate_[i]; }

    [[nodiscard]] double one(std::size_t i, std::size_t j) const noexcept {
        return is_right(i, j) ? read_.as_right(j, level_, columns_[i])
                              : read_.as_wrong(j, level_, plate_[i], columns_[i]);
    }
    [[nodiscard]] double split(std::size_t i, std::size_t j) const noexcept {
        return read_.split(j, level_, classes_[i]);
    }
    [[nodiscard]] double mark(std::size_t i, std::size_t j) const noexcept {
        return read_.as_mark(j, level_, plate_[i], columns_[i]);
    }
    // Shares of a merged pair: that its character is the first symbol, the second, another.
    [[nodiscard]] std::array<double, 3> merge(std::size_t i, std::size_t j) const noexcept {
        const auto& as = read_.table().rates().merged_as[static_cast<std::size_t>(classes_[i])]
                                                        [static_cast<std::size_t>(classes_[i + 1])];
        const double merged = read_[j].merged[level_];
        return {is_right(i, j) ? as[0] * merged * read_.lost(j, plate_[i + 1], columns_[i + 1]) : 0,
                is_right(i + 1, j) ? as[1] * merged * read_.lost(j, plate_[i], columns_[i]) : 0,
                as[2] * 0.5 *
                    (read_.confused(j, level_, plate_[i], columns_[i]) +
                     read_.confused(j, level_, plate_[i + 1], columns_[i + 1]))};
    }

  private:
    const ReadView& read_;
    std::u32string_view plate_;
    std::size_t level_;
    bool may_lose_region_;
    std::array<std::size_t, kMaxSymbols> columns_{};
    std::array<SymbolClass, kMaxSymbols> classes_{};
};

double forward_from_start(const KnownPlate& plate, const ReadView& read, std::size_t level, Cells& cells) {
    cells[0].fill(0);
    cells[0][0] = 1;
    return forward(plate, read, level, 0, cells);
}

// The same from the other end: what is left to happen from each cell on.
void backward(const KnownPlate& plate, const ReadView& read, std::size_t level, Cells& cells) {
    const std::size_t n = plate.size(), m = read.size();
    for (std::size_t i = n + 1; i-- > 0;) {
        for (std::size_t j = m + 1; j-- > 0;) {
            double rest = i == n && j == m ? ending(read, level) : 0.0;
            for_each_arc(plate, read, level, i, j, [&](const Arc& arc) {
                rest += arc.probability * cells[i + arc.plate_size][j + arc.read_size];
            });
            cells[i][j] = in_band(i, j, n, m) ? rest : 0;
        }
    }
}

void add_event(const KnownPlate& plate, const ReadView& read, std::size_t level, const Arc& arc,
               double weight, ChannelRates& counts) {
    using Kind = ChannelEvent::Kind;
    const std::size_t columns = read.table().columns(), n = plate.size();
    if (arc.kind == Kind::insertion) {
        counts.insertion[level][is_edge_gap(arc.i, n)] += weight;
        counts.inserted[read[arc.j].column] += weight;
        counts.ratio_inserted[level * read.table().bins() + read[arc.j].bin] += weight;
        return;
    }
    counts.gap[level][is_edge_gap(arc.i, n)] += weight;  // an arc that uses symbols leaves a gap
    if (arc.kind == Kind::region_loss) {
        counts.region_loss[level] += weight;
        return;
    }
    if (arc.i == 0 && arc.j == 0 && plate.may_lose_region()) counts.region_kept[level] += weight;
    const auto c = static_cast<std::size_t>(plate.symbol_class(arc.i));
    const std::size_t edge = is_edge(arc.i, n), column = plate.column(arc.i);
    const auto count_wrong = [&](std::size_t j, double share) {
        counts.ratio_wrong[level * read.table().bins() + read[j].bin] += share;
    };
    if (arc.kind != Kind::merge && arc.i + 1 < n)
        counts.unmerged[level][c][static_cast<std::size_t>(plate.symbol_class(arc.i + 1))] += weight;
    switch (arc.kind) {
        case Kind::deletion:
            counts.deletion[level][c][edge] += weight;
            break;
        case Kind::split:
            counts.split[level][c][edge] += weight;
            counts.split_first[c * columns + read[arc.j].column] += weight;
            counts.split_second[c * columns + read[arc.j + 1].column] += weight;
            count_wrong(arc.j, weight);
            count_wrong(arc.j + 1, weight);
            break;
        case Kind::merge: {
            const auto next = static_cast<std::size_t>(plate.symbol_class(arc.i + 1));
            const auto shares = plate.merge(arc.i, arc.j);
            const double sum = shares[0] + shares[1] + shares[2];
            counts.merge[level][c][next] += weight;
            for (std::size_t as = 0; as < 3; ++as) counts.merged_as[c][next][as] += weight * shares[as] / sum;
            counts.ratio_merged[level * read.table().bins() + read[arc.j].bin] +=
                weight * (shares[0] + shares[1]) / sum;
            for (const std::size_t as : {0, 1}) {
                const std::size_t other = arc.i + 1 - as;
                if (!read[arc.j].evidence->has_alternatives || read[arc.j].c == plate[other]) continue;
                counts.ratio_lost[static_cast<std::size_t>(plate.symbol_class(other))]
                                 [read.rank(arc.j, plate[other])] += weight * shares[as] / sum;
            }
            count_wrong(arc.j, weight * shares[2] / sum);
            return;
        }
        default:
            counts.one[level][c][edge] += weight;
            if (arc.kind == Kind::right && plate.is_right(arc.i, arc.j)) {
                counts.right[level * columns + column] += weight;
                counts.ratio_right[level * read.table().bins() + read[arc.j].bin] += weight;
                return;
            }
            const ReadView::Character& wrong = arc.kind == Kind::mark ? *read.mark(arc.j) : read[arc.j];
            counts.wrong[level * columns + column] += weight;
            counts.confusion[column * columns + wrong.column] += weight;
            counts.ratio_wrong[level * read.table().bins() + wrong.bin] += weight;
            if (plate.symbol_class(arc.i) == SymbolClass::syllable &&
                read.table().is_of_rare_syllables(wrong.column)) {
                counts.likeness[likeness_of(plate[arc.i], wrong.c)] += weight;
            }
            if (wrong.evidence->has_alternatives) {
                counts.ratio_rank[static_cast<std::size_t>(plate.symbol_class(arc.i))]
                                 [read.rank(wrong, plate[arc.i])] += weight;
            }
    }
}

// A mark that was not read in place of a symbol is one more that was inserted.
void add_mark(const ReadView& read, std::size_t gap, std::size_t level, double weight, ChannelRates& counts) {
    const ReadView::Character& mark = *read.mark(gap);
    counts.insertion[level][is_edge_gap(gap, read.size())] += weight;
    counts.inserted[mark.column] += weight;
    counts.ratio_inserted[level * read.table().bins() + mark.bin] += weight;
}

}  // namespace

std::size_t rank_of(const Evidence& evidence, std::size_t alternative) noexcept {
    // Beside the character's own, as recognisers do not agree on a scale.
    const float share = evidence.alternatives[alternative].p / std::max(evidence.p, 0.01F);
    constexpr std::array<float, ChannelRates::kListedRanks - 1> kShares = {0.3F, 0.1F, 0.03F, 0.01F};
    return static_cast<std::size_t>(
        std::ranges::find_if(kShares, [&](float least) { return share > least; }) - kShares.begin());
}

std::size_t likeness_of(char32_t a, char32_t b) noexcept {
    constexpr char32_t kFirst = 0xAC00, kFinals = 28, kVowels = 21;
    a -= kFirst;
    b -= kFirst;
    return (a / (kVowels * kFinals) == b / (kVowels * kFinals) ? 1U : 0U) |
           (a / kFinals % kVowels == b / kFinals % kVowels ? 2U : 0U) |
           (a % kFinals == b % kFinals ? 4U : 0U);
}

bool suggests_syllable(const Evidence& evidence) noexcept {
    constexpr std::size_t kLikelyRanks = 3;
    for (std::size_t i = 0; i < evidence.alternative_count; ++i) {
        if (class_of(evidence.alternatives[i].symbol) == SymbolClass::syllable &&
            rank_of(evidence, i) < kLikelyRanks) {
            return true;
        }
    }
    return false;
}

ReadView::ReadView(const ChannelTable& table, const ReadEvidence& read) : table_(&table), read_(&read) {
    characters_.reserve(read.size());
    const std::size_t lone_letter = read.lone_letter();
    for (std::size_t j = 0; j < read.size(); ++j)
        characters_.push_back(character(read[j], j + 1, j == lone_letter ? kLoneLetter : 1));
    if (!read.has_marks()) return;
    marks_.reserve(read.size() + 1);
    for (std::size_t gap = 0; gap <= read.size(); ++gap) {
        marks_.push_back(character(read.mark(gap), gap, 1));
        marks_.back().column = static_cast<std::uint32_t>(table.mark_column(marks_.back().c));
        marks_.back().share = 1 / table.marks_in(marks_.back().column);
    }
}

ReadView::Character ReadView::character(const Evidence& evidence, std::size_t next, double alone) const {
    const ChannelRates& rates = table_->rates();
    const std::size_t column = table_->column(evidence.c), bin = table_->bin(evidence);
    Character out{
        .evidence = &evidence,
        .next = next,
        .c = evidence.c,
        .column = static_cast<std::uint32_t>(column),
        .bin = static_cast<std::uint32_t>(bin),
        .right = {},
        .wrong = {},
        .inserted = {},
        .merged = {},
        .share = 1 / table_->column_size(column),
        .alone = alone,
        .suggests_syllable = suggests_syllable(evidence),
    };
    for (std::size_t l = 0; l < ChannelRates::kLevels; ++l) {
        const std::size_t at = l * table_->bins() + bin;
        out.right[l] = rates.ratio_right[at];
        out.wrong[l] = rates.ratio_wrong[at];
        out.merged[l] = rates.ratio_merged[at];
        out.inserted[l] = table_->inserted(column) * out.share * rates.ratio_inserted[at] * alone;
    }
    return out;
}

std::size_t ReadView::rank(const Character& character, char32_t symbol) const noexcept {
    const Evidence& evidence = *character.evidence;
    for (std::size_t i = 0; i < evidence.alternative_count; ++i) {
        if (evidence.alternatives[i].symbol == symbol) return rank_of(evidence, i);
    }
    const SymbolClass of = class_of(symbol);
    for (std::size_t k = 0;
         of != SymbolClass::digit && k < ChannelRates::kEchoes && character.next + k < size(); ++k) {
        const Evidence& behind = (*read_)[character.next + k];
        for (std::size_t i = 0; i < behind.alternative_count; ++i) {
            if (behind.alternatives[i].symbol == symbol) return ChannelRates::kListedRanks + k;
        }
    }
    return of == SymbolClass::syllable && character.suggests_syllable ? ChannelRates::kOtherSyllable
                                                                      : ChannelRates::kAbsent;
}

double ReadView::as_right(std::size_t j, std::size_t level, std::size_t column) const noexcept {
    return table_->rates().right[level * table_->columns() + column] * characters_[j].right[level];
}

double ReadView::confused(const Character& character, std::size_t level, char32_t symbol,
                          std::size_t column) const noexcept {
    const ChannelRates& rates = table_->rates();
    const SymbolClass of = class_of(symbol);
    double p = rates.confusion[column * table_->columns() + character.column] * character.share;
    if (of != SymbolClass::letter) p *= character.alone;
    if (of == SymbolClass::syllable && table_->is_of_rare_syllables(character.column))
        p *= rates.likeness[likeness_of(symbol, character.c)];
    return p * character.wrong[level] *
           ratio(character, symbol, column, rates.ratio_rank[static_cast<std::size_t>(of)]);
}

double ReadView::lost(std::size_t j, char32_t symbol, std::size_t column) const noexcept {
    if (symbol == characters_[j].c) return 1;
    return ratio(characters_[j], symbol, column,
                 table_->rates().ratio_lost[static_cast<std::size_t>(class_of(symbol))]);
}

// How often a symbol has its rank among the alternatives, against how often anyway.
double ReadView::ratio(const Character& character, char32_t symbol, std::size_t column,
                       const std::array<double, ChannelRates::kRanks>& ranks) const noexcept {
    if (!character.evidence->has_alternatives) return 1;
    const std::size_t r = rank(character, symbol);
    const ChannelRates& rates = table_->rates();
    const auto often = [&](const Character& of) {
        return rates.alternative[of.column * table_->columns() + column];
    };
    if (r < ChannelRates::kListedRanks) return ranks[r] / often(character);
    if (r < ChannelRates::kOtherSyllable)
        return ranks[r] / often(characters_[character.next + r - ChannelRates::kListedRanks]);
    if (class_of(symbol) != SymbolClass::syllable) return ranks[r] / (1 - often(character));
    const double other = rates.syllable_listed[character.column];
    return ranks[r] / ((1 - often(character)) * (r == ChannelRates::kOtherSyllable ? other : 1 - other));
}

double ReadView::as_wrong(std::size_t j, std::size_t level, char32_t symbol,
                          std::size_t column) const noexcept {
    return table_->rates().wrong[level * table_->columns() + column] * confused(j, level, symbol, column);
}

double ReadView::as_mark(std::size_t j, std::size_t level, char32_t symbol,
                         std::size_t column) const noexcept {
    const Character* found = mark(j);
    if (found == nullptr) return 0;
    return table_->rates().wrong[level * table_->columns() + column] *
           confused(*found, level, symbol, column) / read_->mark_price(j);
}

double ReadView::split(std::size_t j, std::size_t level, SymbolClass c) const noexcept {
    const Character &first = characters_[j], &second = characters_[j + 1];
    const std::size_t row = static_cast<std::size_t>(c) * table_->columns();
    return table_->rates().split_first[row + first.column] * first.share * first.wrong[level] *
           table_->rates().split_second[row + second.column] * second.share * second.wrong[level] *
           (c == SymbolClass::letter ? 1 : first.alone * second.alone);
}

double likelihood(const ReadView& read, std::u32string_view plate) {
    Cells cells;
    double sum = 0;
    for (std::size_t level = 0; level < ChannelRates::kLevels; ++level) {
        const KnownPlate known(read, plate, level);
        sum += read.level(level) * forward_from_start(known, read, level, cells);
    }
    return sum;
}

double count_events(const ReadView& read, std::u32string_view plate, ChannelRates& counts, double times) {
    const double total = likelihood(read, plate);
    if (!(total > 0)) return total;
    Cells before, after{};
    for (std::size_t level = 0; level < ChannelRates::kLevels; ++level) {
        const KnownPlate known(read, plate, level);
        const double prior = times * read.level(level) / total;
        const double mine = prior * forward_from_start(known, read, level, before);
        counts.level[level] += mine;
        if (const float p = read.evidence().confidence(); p >= 0)
            counts.ratio_read[level * read.table().read_bins() + read.table().bin_of(p)] += mine;
        counts.gap[level][1] += mine;  // the last
        backward(known, read, level, after);
        std::array<double, kMaxCharacters + 1> as_marks{};  // [gap]
        for (std::size_t i = 0; i <= plate.size(); ++i) {
            for (std::size_t j = 0; j <= read.size(); ++j) {
                if (before[i][j] == 0 || !in_band(i, j, plate.size(), read.size())) continue;
                for_each_arc(known, read, level, i, j, [&](const Arc& arc) {
                    const double weight =
                        prior * before[i][j] * arc.probability * after[i + arc.plate_size][j + arc.read_size];
                    if (!(weight > 0)) return;
                    add_event(known, read, level, arc, weight, counts);
                    if (arc.kind == ChannelEvent::Kind::mark) as_marks[j] += weight;
                });
            }
        }
        for (std::size_t gap = 0; gap <= read.size(); ++gap) {
            if (read.mark(gap) != nullptr)
                add_mark(read, gap, level, std::max(mine - as_marks[gap], 0.0), counts);
        }
    }
    return total;
}

LikeliestWay likeliest_way(const ReadView& read, std::u32string_view plate) {
    struct Step {
        double log_probability = -HUGE_VAL;
        Arc arc{};
    };
    const std::size_t n = plate.size(), m = read.size();
    LikeliestWay best;
    double best_log = -HUGE_VAL;
    for (std::size_t level = 0; level < ChannelRates::kLevels; ++level) {
        const KnownPlate known(read, plate, level);
        std::vector<Step> steps((n + 1) * (m + 1));
        steps[0].log_probability = std::log(read.level(level));
        for (std::size_t i = 0; i <= n; ++i) {
            for (std::size_t j = 0; j <= m; ++j) {
                const double here = steps[i * (m + 1) + j].log_probability;
                if (here == -HUGE_VAL) continue;
                for_each_arc(known, read, level, i, j, [&](const Arc& arc) {
                    Step& there = steps[(i + arc.plate_size) * (m + 1) + j + arc.read_size];
                    const double log = here + std::log(arc.probability);
                    if (log > there.log_probability) there = {log, arc};
                });
            }
        }
        const double log_ending = std::log(ending(read, level));
        const double total = steps.back().log_probability + log_ending;
        if (!(total > best_log)) continue;
        best_log = total;
        best = {level, {}};
        for (std::size_t i = n, j = m; i != 0 || j != 0;) {
            const Arc& arc = steps[i * (m + 1) + j].arc;
            auto kind = arc.kind;
            if (kind == ChannelEvent::Kind::right && !known.is_right(arc.i, arc.j))
                kind = ChannelEvent::Kind::wrong;
            best.events.push_back({kind, static_cast<std::uint32_t>(arc.i),
                                   static_cast<std::uint32_t>(arc.plate_size),
                                   static_cast<std::uint32_t>(arc.j),
                                   static_cast<std::uint32_t>(arc.read_size), std::log(arc.probability)});
            i = arc.i;
            j = arc.j;
        }
        if (!best.events.empty()) best.events.front().log_probability += log_ending;  // the last one
        std::ranges::reverse(best.events);
    }
    return best;
}

}  // namespace platewatch
