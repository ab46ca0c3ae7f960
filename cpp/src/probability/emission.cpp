// What a read's characters can be of: made ready once, then asked for each symbol and each set of symbols.
#include <algorithm>
#include <utility>

#include "platewatch/probability/score.hpp"
#include "probability/widest.hpp"

namespace platewatch {
namespace {

// Such a read that begins with a digit, and not then with a symbol of a word, shows none: it may be lost, as
// a whole. Nor does one with a character more that has no letter or syllable from behind a word.
constexpr std::size_t kLongestWithoutWord = 7;

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
        const bool is_digit = character.symbol_class == SymbolClass::digit;
        begins_with_word_ = begins_with_word_ || (j < kMostInFront + 2 && !is_digit);
        has_letter_ = has_letter_ || character.symbol_class == SymbolClass::letter;
        only_digits_ = only_digits_ && is_digit;
    }
    const bool shows_word = size_ > 1 && table.in_word_[characters_[1].column];
    word_is_lost_ = size_ > 0 && characters_[0].symbol_class == SymbolClass::digit && !shows_word &&
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
    out.symbol_class = class_of(evidence.c);
    out.column = static_cast<std::uint32_t>(column);
    out.share = table_->share_[column];
    out.right = table_->right_[column] * table_->ratio_right_[bin];
    out.wrong.fill(table_->ratio_wrong_[bin]);
    out.merged = table_->ratio_merged_[bin];
    out.lists_alternatives = evidence.has_alternatives;
    out.suggests_syllable = false;
    out.is_rare_syllable = channel.is_of_rare_syllables(out.column);
    out.has_sums = !out.is_rare_syllable;
    out.alternatives = 0;
    if (!evidence.has_alternatives) return;
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
            AsOther as = as_other(character, column, of);
            if (character.is_rare_syllable) as.confused *= likeness(character.c, symbol);
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

void ReadScorer::make_set_emission(std::size_t set, std::size_t end) noexcept {
    const std::size_t most = end > kMostInFront + 3 ? size_ : end;
    with_widest([&]() PLATEWATCH_INLINED { return emit(set, most, set_emissions_[set]), 0.0; });
    set_ends_[set] = most;
}

}  // namespace platewatch
