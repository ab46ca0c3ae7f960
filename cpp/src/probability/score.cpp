#include "platewatch/probability/score.hpp"

#include <algorithm>
#include <utility>

#include "platewatch/text/region.hpp"
#include "probability/channel_recursion.hpp"
#include "probability/widest.hpp"

namespace platewatch {
namespace {

// Such a read that begins with a digit, and not then with a symbol of a word, shows none: it may be lost, as
// a whole. Nor does one with a character more that has no letter or syllable from behind a word.
constexpr std::size_t kLongestWithoutWord = 7;

// Plates of no class are assumed, not counted, and there are the more of them the longer they are: that a
// read is what is left of one that lost more symbols than this would rest on the assumption alone. Nor are
// more inserted.
constexpr std::size_t kGenericDetour = 2;

}  // namespace

PLATEWATCH_INLINE auto ReadScorer::as_unlisted(const Character& character, std::size_t symbol,
                                               SymbolClass c) const noexcept -> AsOther {
    const double confusion = table_->confusion(character.column, symbol);
    if (!character.lists_alternatives) return {confusion * character.share, 1};
    const auto& says = character.unlisted[static_cast<std::size_t>(c)];
    const double absent = table_->absent(character.column, symbol);
    return {confusion * absent * says.confused, absent * says.lost};
}

PLATEWATCH_INLINE auto ReadScorer::as_other(const Character& character, std::size_t symbol,
                                            SymbolClass c) const noexcept -> AsOther {
    for (std::size_t k = 0; k < character.alternatives; ++k) {
        if (character.alternative[k] == symbol)
            return {character.alternative_confused[k], character.alternative_lost[k]};
    }
    return as_unlisted(character, symbol, c);
}

void ReadScorer::set_read(const Recogniser& recogniser, const ReadEvidence& read) {
    const ScoringTable& table = *recogniser.table;
    for (const std::uint16_t column : made_) emission_places_[column] = 0;
    made_.clear();
    emission_places_.resize(table.columns_);
    table_ = &table;
    level_ = *recogniser.level;
    if (read.confidence() >= 0)
        level_ *= Levels::of([&](std::size_t l) { return table.table_.ratio_read(read, l); });
    read_ = &read;
    ++read_number_;
    set_ends_.assign(table.sets_, 0);
    size_ = read.size();
    splits_made_ = 0;
    last_plate_.clear();
    has_letter_ = begins_with_word_ = false;
    only_digits_ = true;
    bool from_behind_word = false;
    const ChannelTable& channel = table.table_;
    Levels as_inserted(1);
    const std::size_t lone_letter = read.lone_letter();
    for (std::size_t j = 0; j < size_; ++j) {
        const Evidence& evidence = read[j];
        Character& character = characters_[j];
        make_character(evidence, channel.column(evidence.c), j + 1, character);
        const std::size_t bin = channel.bin(evidence);
        as_inserted *= table.ratio_inserted_[bin];
        Levels inserted = table.inserted_[character.column] * table.ratio_inserted_[bin];
        if (j == lone_letter) {
            inserted *= kLoneLetter;
            for (std::size_t c = 0; c < kSymbolClasses; ++c) {
                if (c != static_cast<std::size_t>(SymbolClass::letter)) character.wrong[c] *= kLoneLetter;
            }
        }
        for (std::size_t edge = 0; edge < 2; ++edge) inserted_[edge][j] = table.insertion_[edge] * inserted;
        from_behind_word = from_behind_word || table.behind_word_[character.column];
        const bool is_digit = character.of == SymbolClass::digit;
        begins_with_word_ = begins_with_word_ || (j < kMostInFront + 2 && !is_digit);
        has_letter_ = has_letter_ || character.of == SymbolClass::letter;
        only_digits_ = only_digits_ && is_digit;
    }
    const bool shows_word = size_ > 1 && table.in_word_[characters_[1].column];
    word_is_lost_ = size_ > 0 && characters_[0].of == SymbolClass::digit && !shows_word &&
                    (size_ <= kLongestWithoutWord || (size_ == kLongestWithoutWord + 1 && !from_behind_word));
    any_text_ = channel.clutter(read) * sum(as_inserted);
    has_marks_ = read.has_marks();
    if (has_marks_) make_marks();
}

// What the evidence says of a character or mark; `next` is the character behind it.
inline void ReadScorer::make_character(const Evidence& evidence, std::size_t column, std::size_t next,
                                       Character& out) const noexcept {
    const ChannelTable& channel = table_->table_;
    const std::size_t bin = channel.bin(evidence);
    out.c = evidence.c;
    out.of = class_of(evidence.c);
    out.column = static_cast<std::uint32_t>(column);
    out.share = table_->share_[column];
    out.right = table_->right_[column] * table_->ratio_right_[bin];
    out.wrong.fill(table_->ratio_wrong_[bin]);
    out.merged = table_->ratio_merged_[bin];
    out.lists_alternatives = evidence.has_alternatives;
    out.suggests_syllable = false;
    out.is_rare_syllable = channel.is_of_rare_syllables(out.column);
    out.has_sums = out.is_plain = !out.is_rare_syllable;
    out.alternatives = 0;
    if (!evidence.has_alternatives) return;
    out.is_plain = false;
    out.suggests_syllable = suggests_syllable(evidence);
    for (std::size_t c = 0; c < kSymbolClasses; ++c)
        out.unlisted[c] = table_->unlisted(column, static_cast<SymbolClass>(c), out.suggests_syllable);
    if (out.suggests_syllable) {
        const AsOther in_sums = table_->unlisted(column, SymbolClass::syllable, false);
        const AsOther& says = out.unlisted[static_cast<std::size_t>(SymbolClass::syllable)];
        out.suggested = {says.confused / in_sums.confused, says.lost / in_sums.lost};
        out.has_sums = out.has_sums && in_sums.confused > 0 && in_sums.lost > 0;
    }
    add_alternatives(out, evidence, column, 0);
    for (std::size_t echo = 1; echo <= ChannelRates::kEchoes && next + echo - 1 < size_; ++echo) {
        const Evidence& there = (*read_)[next + echo - 1];
        add_alternatives(out, there, channel.column(there.c), echo);
    }
}

// A region mark of which a mark is left was not lost whole.
void ReadScorer::make_marks() noexcept {
    for (std::size_t gap = 0; gap <= size_; ++gap) {
        Character& mark = marks_[gap];
        if (!read_->has_mark(gap)) {
            mark.wrong.fill(Levels{});
            mark.column = 0;
            mark.share = 1;
            mark.lists_alternatives = mark.suggests_syllable = mark.is_rare_syllable = false;
            mark.has_sums = true;
            mark.alternatives = 0;
            continue;
        }
        const ChannelTable& channel = table_->table_;
        make_character(read_->mark(gap), channel.mark_column(read_->mark(gap).c), gap, mark);
        // Tables have a class's column for each of its code points, of which marks are fewer.
        const double more =
            channel.column_size(mark.column) / channel.marks_in(mark.column) / read_->mark_price(gap);
        for (Levels& wrong : mark.wrong) wrong *= more;
        if (gap > 1) continue;
        begins_with_word_ = true;
        word_is_lost_ = false;
    }
}

// Of a character, those that it lists, or the one `echo` behind it: see ReadView::rank.
void ReadScorer::add_alternatives(Character& character, const Evidence& there, std::size_t column,
                                  std::size_t echo) const noexcept {
    const ChannelTable& channel = table_->table_;
    const ChannelRates& rates = channel.rates();
    for (std::size_t k = 0; k < there.alternative_count; ++k) {
        const char32_t symbol = there.alternatives[k].symbol;
        const SymbolClass of = class_of(symbol);
        if (echo > 0 && of == SymbolClass::digit) continue;
        const std::size_t s = channel.column(symbol);
        if (s >= channel.symbols().size()) continue;  // shares its column with others, which are absent
        const auto end = character.alternative.begin() + character.alternatives;
        if (std::find(character.alternative.begin(), end, s) != end) continue;
        const std::size_t rank = echo == 0 ? rank_of(there, k) : ChannelRates::kListedRanks + echo - 1;
        const auto c = static_cast<std::size_t>(of);
        const double seldom = 1 / table_->alternative(column, s);
        const double confused = table_->confusion(character.column, s) * character.share;
        character.alternative[character.alternatives] = static_cast<std::uint8_t>(s);
        character.alternative_lost[character.alternatives] = seldom * rates.ratio_lost[c][rank];
        character.alternative_confused[character.alternatives++] =
            confused * seldom * rates.ratio_rank[c][rank];
    }
}

double ReadScorer::likeness(char32_t c, char32_t symbol) const noexcept {
    if (class_of(symbol) != SymbolClass::syllable) return 1;
    return table_->table_.rates().likeness[likeness_of(symbol, c)];
}

PLATEWATCH_INLINE void ReadScorer::emit(std::size_t column, char32_t symbol, SymbolClass of, std::size_t end,
                                        Emission& out) const noexcept {
    const Levels wrong = table_->wrong_[column];
    const auto c = static_cast<std::size_t>(of);
    for (std::size_t j = 0; j < end; ++j) {
        const Character& character = characters_[j];
        if (character.c == symbol) {
            out.one[j] = character.right;
            out.own[j] = character.merged;
            out.confused[j] = Levels{};
            out.lost[j] = 1;
        } else {
            AsOther as = {table_->confusion(character.column, column) * character.share, 1};
            if (!character.is_plain) {
                as = as_other(character, column, of);
                if (character.is_rare_syllable) as.confused *= likeness(character.c, symbol);
            }
            out.confused[j] = as.confused * character.wrong[c];
            out.lost[j] = as.lost;
            out.own[j] = Levels{};
            out.one[j] = wrong * out.confused[j];
        }
    }
    if (has_marks_) {
        for (std::size_t gap = 0; gap <= end; ++gap)
            out.mark[gap] = wrong * (as_other(marks_[gap], column, of).confused * marks_[gap].wrong[c]);
    }
    out.weight = 1;
}

auto ReadScorer::emission_of(char32_t symbol) -> const Emission& {
    const std::size_t column = table_->table_.column(symbol);
    std::uint16_t& place = emission_places_[column];
    // Symbols without a column of their own share one, and are not kept.
    const bool keep = column < table_->table_.symbols().size();
    if (keep && place != 0) return emissions_[place];
    if (keep) {
        made_.push_back(static_cast<std::uint16_t>(column));
        place = static_cast<std::uint16_t>(made_.size() + kMaxSymbols);
    }
    const SymbolClass of = class_of(symbol);
    Emission& emission = emissions_[keep ? place : spare_++ % (kMaxSymbols + 1)];
    with_widest([&]() PLATEWATCH_INLINED { return emit(column, symbol, of, size_, emission), 0.0; });
    return emission;
}

// What the symbols of a set make of a character, but its own.
PLATEWATCH_INLINE auto ReadScorer::others(const Character& character, char32_t read,
                                          std::size_t set) const noexcept -> Others {
    const PopulationTrie::Set& of = table_->population_->sets()[set];
    const ScoringTable::SetSums& sums = table_->sums(character.column, set);
    if (!character.has_sums) return others_one_by_one(character, read, set);
    if (character.lists_alternatives) return others_by_alternatives(character, sums, set);
    return {sums.wrong[0], sums.confused[0], of.weight};
}

auto ReadScorer::others_one_by_one(const Character& character, char32_t read, std::size_t set) const noexcept
    -> Others {
    Others out = {{}, 0, table_->shares_[character.column * table_->sets_ + set]};
    for (const auto& [symbol, share] : table_->population_->sets()[set].symbols) {
        if (symbol == read) continue;
        const std::size_t s = table_->table_.column(symbol);
        AsOther as = as_other(character, s, class_of(symbol));
        if (character.is_rare_syllable) as.confused *= likeness(read, symbol);
        out.confused += share * as.confused;
        out.lost += share * as.lost;
        out.wrong += share * as.confused * table_->wrong_[s];
    }
    return out;
}

auto ReadScorer::others_by_alternatives(const Character& character, const ScoringTable::SetSums& sums,
                                        std::size_t set) const noexcept -> Others {
    const std::size_t sets = table_->sets_;
    Others out = {sums.wrong[1], sums.confused[1], sums.lost};
    if (character.suggests_syllable &&
        table_->population_->sets()[set].symbol_class == SymbolClass::syllable) {
        out.wrong *= character.suggested.confused;
        out.confused *= character.suggested.confused;
        out.lost *= character.suggested.lost;
    }
    for (std::size_t k = 0; k < character.alternatives; ++k) {
        const std::size_t s = character.alternative[k];
        const double share = table_->shares_[s * sets + set];
        if (share == 0 || s == character.column) continue;  // an echo may be of the character itself
        const AsOther usual = as_unlisted(character, s, class_of(table_->table_.symbols()[s]));
        const double more = share * (character.alternative_confused[k] - usual.confused);
        out.confused += more;
        out.lost += share * (character.alternative_lost[k] - usual.lost);
        out.wrong += more * table_->wrong_[s];
    }
    out.lost += table_->shares_[character.column * sets + set];
    return out;
}

PLATEWATCH_INLINE void ReadScorer::emit(std::size_t set, std::size_t end, Emission& out) const noexcept {
    const PopulationTrie::Set& of = table_->population_->sets()[set];
    if (const auto* only = ScoringTable::only_symbol(of))
        return emit(table_->table_.column(*only), *only, of.symbol_class, end, out);
    const auto c = static_cast<std::size_t>(of.symbol_class);
    for (std::size_t j = 0; j < end; ++j) {
        const Character& character = characters_[j];
        const double own = table_->shares_[character.column * table_->sets_ + set];
        const Others as = others(character, (*read_)[j].c, set);
        out.own[j] = own * character.merged;
        out.confused[j] = as.confused * character.wrong[c];
        out.lost[j] = as.lost;
        out.one[j] = own * character.right + as.wrong * character.wrong[c];
    }
    if (has_marks_) {
        for (std::size_t gap = 0; gap <= end; ++gap)
            out.mark[gap] = others(marks_[gap], read_->mark(gap).c, set).wrong * marks_[gap].wrong[c];
    }
    out.weight = of.weight;
}

// Those that are kept stand behind those that are not.
void ReadScorer::make_room_for_emissions() {
    const std::size_t most = kMaxSymbols + 1 + table_->table_.symbols().size();
    if (emissions_.size() < most) emissions_.resize(most);
}

auto ReadScorer::splits(SymbolClass c) noexcept -> const Row& {
    const auto number = static_cast<std::size_t>(c);
    Row& row = splits_[number];
    if ((splits_made_ >> number & 1) != 0) return row;
    splits_made_ |= 1U << number;
    const double* first = table_->split_first_.data() + number * table_->columns_;
    const double* second = table_->split_second_.data() + number * table_->columns_;
    for (std::size_t j = 0; j + 1 < size_; ++j) {
        const Character &a = characters_[j], &b = characters_[j + 1];
        row[j] = (first[a.column] * a.wrong[number]) * (second[b.column] * b.wrong[number]);
    }
    for (std::size_t j = size_ == 0 ? 0 : size_ - 1; j <= size_; ++j) row[j] = Levels{};
    return row;
}

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
        while (i > 0 && plate[i - 1] == last_plate_.data()[i - 1]) --i;
    }
    last_plate_.clear();  // should memory run out on the way
    const Emission* next = i == n ? nullptr : &emission_of(plate[i]);
    SymbolClass next_class = i == n ? SymbolClass::other : class_of(plate[i]);
    while (i-- > 0) {
        const std::size_t begin = i > before ? i - before : 0, end = std::min(m, i + ahead);
        const SymbolClass c = class_of(plate[i]);
        const Emission& emission = emission_of(plate[i]);
        const Step& step = table_->step(c, i == 0, next == nullptr, next_class);
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
    SymbolClass next = SymbolClass::other;
    for (std::size_t i = size_; i-- > 0;) {
        plate[i] = characters_[i].c;
        const SymbolClass c = characters_[i].of;
        right *= table_->step(c, i == 0, i + 1 == size_, next).one * characters_[i].right;
        next = c;
    }
    if (has_region_mark({plate.data(), size_})) right *= 1 - table_->region_loss_;
    return sum(right);
}

double ReadScorer::clutter() const noexcept { return table_->clutter_ * any_text_; }

void ReadScorer::make_set_emission(std::size_t set, std::size_t end) noexcept {
    const std::size_t most = end > kMostInFront + 3 ? size_ : end;
    with_widest([&]() PLATEWATCH_INLINED { return emit(set, most, set_emissions_[set]), 0.0; });
    set_ends_[set] = most;
}

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
    const bool last = behind.symbol == 0;
    const SymbolClass c = class_of(symbol);
    const Step& step = table_->step(c, node.first, last, last ? SymbolClass::other : class_of(behind.symbol));
    const Emission* next = last ? nullptr : &emission_of(behind.symbol);
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
