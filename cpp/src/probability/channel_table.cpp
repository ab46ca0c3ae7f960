#include "platewatch/probability/channel_table.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "platewatch/base/raise.hpp"
#include "platewatch/probability/marks.hpp"

namespace platewatch {

SymbolClass class_of(char32_t c) noexcept {
    if (c - U'0' < 10) return SymbolClass::digit;
    if (c - U'A' < 26) return SymbolClass::letter;
    return c - 0xAC00 < 11172 ? SymbolClass::syllable : SymbolClass::other;
}

double class_size(SymbolClass c) noexcept {
    // Of syllables and of other code points, about as many as recognisers know.
    constexpr std::array<double, kSymbolClasses> kSizes = {10, 26, 2000, 1000};
    return kSizes[static_cast<std::size_t>(c)];
}

ChannelRates::ChannelRates(std::size_t columns, std::size_t bins)
    : right(kLevels * columns),
      wrong(kLevels * columns),
      confusion(columns * columns),
      inserted(columns),
      split_first(kSymbolClasses * columns),
      split_second(kSymbolClasses * columns),
      ratio_right(kLevels * bins),
      ratio_wrong(kLevels * bins),
      ratio_inserted(kLevels * bins),
      ratio_merged(kLevels * bins),
      ratio_read(kLevels * (bins / kSymbolClasses)),
      alternative(columns * columns),
      syllable_listed(columns),
      clutter(columns) {}

ChannelTable::ChannelTable(std::vector<char32_t> symbols, std::vector<double> bin_edges, ChannelRates rates,
                           std::vector<bool> rare_syllables)
    : symbols_(std::move(symbols)),
      rare_syllables_(std::move(rare_syllables)),
      bin_edges_(std::move(bin_edges)),
      rates_(std::move(rates)) {
    const ChannelRates shape(columns(), bins());
    if (symbols_.size() > 250) raise<std::invalid_argument>("more than 250 symbols in a channel model");
    const auto check = [](const std::vector<double>& values, const std::vector<double>& like) {
        if (values.size() != like.size())
            raise<std::invalid_argument>("the tables of a channel model do not agree in shape");
        for (const double value : values) {
            if (!(value >= 0 && value < 1e6))
                raise<std::invalid_argument>("a rate of a channel model is out of range");
        }
    };
    check(rates_.right, shape.right);
    check(rates_.wrong, shape.wrong);
    check(rates_.confusion, shape.confusion);
    check(rates_.inserted, shape.inserted);
    check(rates_.split_first, shape.split_first);
    check(rates_.split_second, shape.split_second);
    check(rates_.ratio_right, shape.ratio_right);
    check(rates_.ratio_wrong, shape.ratio_wrong);
    check(rates_.ratio_inserted, shape.ratio_inserted);
    check(rates_.ratio_merged, shape.ratio_merged);
    check(rates_.ratio_read, shape.ratio_read);
    check(rates_.clutter, shape.clutter);
    check(rates_.alternative, shape.alternative);
    check(rates_.syllable_listed, shape.syllable_listed);
    if (!std::ranges::is_sorted(symbols_) || std::ranges::adjacent_find(symbols_) != symbols_.end() ||
        !std::ranges::is_sorted(bin_edges_)) {
        raise<std::invalid_argument>("symbols and bin edges of a channel model must ascend");
    }
    double marks = 0;
    for (std::size_t i = 0; i < symbols_.size(); ++i) marks += is_kept(symbols_[i]) ? 0 : rates_.inserted[i];
    // Any number of marks in a gap, and then a character, or no more.
    const double kept = std::max(1 - marks, 0.0);
    per_kept_ = kept > 0 ? 1 / kept : 0;
    for (std::size_t l = 0; l < ChannelRates::kLevels; ++l) {
        for (std::size_t edge = 0; edge < 2; ++edge) {
            const double rate = rates_.insertion[l][edge];
            insertion_[l][edge] = rate * kept / (1 - rate * (1 - kept));
        }
    }
    std::array<double, kSymbolClasses> clutter_of_class = {};
    for (std::size_t i = 0; i < columns(); ++i) clutter_of_class[class_of_column(i)] += rates_.clutter[i];
    for (std::size_t i = 0; i < columns(); ++i) {
        const double all = clutter_of_class[class_of_column(i)];
        clutter_.push_back(all > 0 ? rates_.clutter[i] / all / column_size(i) : 0);
    }
    if (rare_syllables_.empty()) {
        rare_syllables_.resize(columns());
        rare_syllables_[symbols_.size() + static_cast<std::size_t>(SymbolClass::syllable)] = true;
    }
    if (rare_syllables_.size() != columns())
        raise<std::invalid_argument>("the columns of a channel model do not agree with its symbols");
    make_pages();
}

void ChannelTable::make_pages() {
    auto symbol = symbols_.begin();
    for (std::size_t number = 0; number < page_of_.size(); ++number) {
        Page page;
        const auto column_of_class = [&](std::size_t i) {
            const SymbolClass c = class_of(static_cast<char32_t>(number * kPage + i));
            return static_cast<std::uint8_t>(symbols_.size() + static_cast<std::size_t>(c));
        };
        // Behind the first page, both ends of one are of the same class only if all of it is.
        page.fill(column_of_class(0));
        if (number == 0 || column_of_class(kPage - 1) != page[0]) {
            for (std::size_t i = 0; i < page.size(); ++i) page[i] = column_of_class(i);
        }
        for (; symbol != symbols_.end() && *symbol / kPage == number; ++symbol) {
            if (*symbol != kUnknownSymbol)
                page[*symbol % kPage] = static_cast<std::uint8_t>(symbol - symbols_.begin());
        }
        const auto like = std::ranges::find(pages_, page);
        page_of_[number] = static_cast<std::uint8_t>(like - pages_.begin());
        if (like == pages_.end()) pages_.push_back(page);
    }
}

ChannelTable ChannelTable::with_level(const std::array<double, ChannelRates::kLevels>& level) const {
    ChannelTable table = *this;
    table.rates_.level = level;
    return table;
}

ChannelTable ChannelTable::with_symbols(std::span<const char32_t> more) const {
    std::vector<char32_t> symbols = symbols_;
    for (const char32_t c : more) {
        if (column(c) >= symbols_.size()) symbols.push_back(c);
    }
    std::ranges::sort(symbols);
    symbols.erase(std::ranges::unique(symbols).begin(), symbols.end());
    if (symbols.size() == symbols_.size()) return *this;

    std::vector<std::size_t> from;  // the column here of each column there
    for (const char32_t c : symbols) from.push_back(column(c));
    for (std::size_t c = 0; c < kSymbolClasses; ++c) from.push_back(symbols_.size() + c);
    const std::size_t columns = from.size();
    // As a character, a symbol of its own has its share of what the class had.
    const auto share = [&](std::size_t i) {
        return i < symbols.size() && from[i] >= symbols_.size() ? 1 / column_size(from[i]) : 1.0;
    };
    ChannelRates rates = rates_;
    const auto reorder = [&](std::vector<double>& values, std::size_t rows, const auto& row_of,
                             bool characters) {
        std::vector<double> out(rows * columns);
        for (std::size_t r = 0; r < rows; ++r) {
            for (std::size_t i = 0; i < columns; ++i)
                out[r * columns + i] =
                    values[row_of(r) * this->columns() + from[i]] * (characters ? share(i) : 1);
        }
        values = std::move(out);
    };
    const auto same = [](std::size_t r) { return r; };
    const auto moved = [&](std::size_t r) { return from[r]; };
    reorder(rates.right, ChannelRates::kLevels, same, false);
    reorder(rates.wrong, ChannelRates::kLevels, same, false);
    reorder(rates.confusion, columns, moved, true);
    reorder(rates.inserted, 1, same, true);
    reorder(rates.split_first, kSymbolClasses, same, true);
    reorder(rates.split_second, kSymbolClasses, same, true);
    reorder(rates.alternative, columns, moved, false);
    reorder(rates.syllable_listed, 1, same, false);
    reorder(rates.clutter, 1, same, true);
    ChannelTable table(std::move(symbols), bin_edges_, std::move(rates));
    for (std::size_t i = 0; i < columns; ++i) table.rare_syllables_[i] = rare_syllables_[from[i]];
    return table;
}

double ChannelTable::column_size(std::size_t column) const noexcept {
    return column < symbols_.size() ? 1.0 : class_size(static_cast<SymbolClass>(column - symbols_.size()));
}

std::size_t ChannelTable::mark_column(char32_t mark) const noexcept {
    return mark_kind(mark) == MarkKind::stray ? columns() - 1 : column(mark);
}

double ChannelTable::marks_in(std::size_t column) const noexcept {
    // Far fewer of the others than there are: recognisers have their habits.
    constexpr double kMarks = 10;
    return column < symbols_.size() ? 1.0 : kMarks;
}

std::size_t ChannelTable::bin_of(float confidence) const noexcept {
    return static_cast<std::size_t>(std::ranges::upper_bound(bin_edges_, double{confidence}) -
                                    bin_edges_.begin());
}

std::size_t ChannelTable::bin(const Evidence& evidence) const noexcept {
    if (!(evidence.p >= 0)) return bins() - 1;
    return static_cast<std::size_t>(class_of(evidence.c)) * read_bins() + bin_of(evidence.p);
}

double ChannelTable::ratio_read(const ReadEvidence& read, std::size_t level) const noexcept {
    const auto has_confidence = [](const Evidence& evidence) { return evidence.p >= 0; };
    if (!(read.confidence() >= 0) || std::ranges::any_of(read.view(), has_confidence)) return 1;
    return rates_.ratio_read[level * read_bins() + bin_of(read.confidence())];
}

double ChannelTable::clutter(const ReadEvidence& read) const noexcept {
    if (read.size() == 0) return 0;
    double p = rates_.clutter_size[read.size() - 1];
    std::size_t before = ChannelRates::kStart, last = ChannelRates::kStart;
    for (const Evidence& evidence : read.view()) {
        const std::size_t c = column(evidence.c), of = class_of_column(c);
        p *= rates_.clutter_next[before][last][of] * clutter_[c];
        before = last;
        last = of;
    }
    return p;
}

}  // namespace platewatch
