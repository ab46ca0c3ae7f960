// The rates and distributions of a channel model (channel_model.hpp), by what is known of one engine.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "platewatch/probability/evidence.hpp"

namespace platewatch {

enum class SymbolClass : std::uint8_t { digit, letter, syllable, other };
inline constexpr std::size_t kSymbolClasses = 4;

[[nodiscard]] SymbolClass class_of(char32_t c) noexcept;
// How many code points share the column of their class, as no table knows them by name.
[[nodiscard]] double class_size(SymbolClass c) noexcept;

// Rates and distributions; as counts of what has happened they have the same shape. A column is a symbol that
// the table knows, or one of kSymbolClasses classes for the others: `columns` in all. [edge]: 1 for a plate's
// first and last symbol, and for insertions in front of and behind all.
struct ChannelRates {
    static constexpr std::size_t kLevels = 4;
    // Of a symbol and a character that it is read as, but is not: its rank among the character's
    // alternatives, by its probability; or, unless it is a digit, one of the next kEchoes characters lists it
    // (a recogniser that has misread a symbol may still see it behind); or another syllable is likely here;
    // or none of that.
    static constexpr std::size_t kListedRanks = 5, kEchoes = 2;
    static constexpr std::size_t kOtherSyllable = kListedRanks + kEchoes, kAbsent = kOtherSyllable + 1;
    static constexpr std::size_t kRanks = kAbsent + 1;
    // Of two syllables: a bit each for the same initial consonant, vowel, final consonant.
    static constexpr std::size_t kLikenesses = 8;

    template <class T, std::size_t N>
    using Of = std::array<T, N>;
    using ByPlace = Of<Of<double, 2>, kSymbolClasses>;  // [class][edge]

    Of<double, kLevels> level = {};
    using ByPair = Of<Of<double, kSymbolClasses>, kSymbolClasses>;  // [class][class of the next symbol]
    Of<ByPair, kLevels> merge = {}, unmerged = {};                  // unmerged: counts only
    // Of a merged pair, what the character is: the first symbol, the second, another.
    Of<Of<Of<double, 3>, kSymbolClasses>, kSymbolClasses> merged_as = {};
    Of<ByPlace, kLevels> one = {}, deletion = {}, split = {};  // what becomes of a symbol that is not merged
    Of<Of<double, 2>, kLevels> insertion = {};  // one more character or mark in a gap; of counts: how many
    Of<Of<double, 2>, kLevels> gap = {};        // counts only: gaps
    Of<double, kLevels> region_loss = {};       // of a plate with a mark
    Of<double, kLevels> region_kept = {};       // counts only
    std::vector<double> right, wrong;           // [level][column]: a symbol read as one character
    std::vector<double> confusion;              // [column of the symbol][column of the character], if wrong
    std::vector<double> inserted;               // [column], of marks too
    std::vector<double> split_first, split_second;  // [class][column]
    // [level][bin]; the bins of digits, of letters, ...; the last is for no confidence.
    std::vector<double> ratio_right, ratio_wrong, ratio_inserted, ratio_merged;
    // [level][bin of the confidence in the whole].
    std::vector<double> ratio_read;
    Of<Of<double, kRanks>, kSymbolClasses> ratio_rank =
        {};  // [class of the true symbol], if it is read wrong
    // [class of the symbol]: of a merged pair, the one that the character is not.
    Of<Of<double, kRanks>, kSymbolClasses> ratio_lost = {};
    // Of a syllable that is read as one without a column of its own: how much likelier than any is one so
    // like it.
    Of<double, kLikenesses> likeness = {};
    std::vector<double>
        alternative;  // [column of the character][of a symbol]: how often it is an alternative
    std::vector<double> syllable_listed;  // [column of the character]: how often a likely alternative is one
    // Of clutter, reads of signs that are no plate: how many characters they have, from one on; the class of
    // one behind the two in front of it, kStart where there is none; and which it is of its class, [column].
    // What confidences say of it they say of any inserted character.
    static constexpr std::size_t kStart = kSymbolClasses;
    Of<double, kMaxCharacters> clutter_size = {};
    Of<Of<Of<double, kSymbolClasses>, kStart + 1>, kStart + 1> clutter_next = {};
    std::vector<double> clutter;

    explicit ChannelRates(std::size_t columns = 0, std::size_t bins = 0);
};

class ChannelTable {
  public:
    ChannelTable() = default;

    // `symbols` ascend; `bin_edges` ascend: a confidence p of a character of a class is in the bin of how
    // many edges are <= p, of that class. `rare_syllables`: by column, or empty: that of other syllables.
    // Throws std::invalid_argument if shapes do not agree, or for more
    // than 250 symbols.
    ChannelTable(std::vector<char32_t> symbols, std::vector<double> bin_edges, ChannelRates rates,
                 std::vector<bool> rare_syllables = {});

    // The same table with columns of their own for more symbols, which are read as others of their class are.
    [[nodiscard]] ChannelTable with_symbols(std::span<const char32_t> more) const;

    // The same table for frames that are of a level so often.
    [[nodiscard]] ChannelTable with_level(const std::array<double, ChannelRates::kLevels>& level) const;

    [[nodiscard]] std::size_t columns() const noexcept { return symbols_.size() + kSymbolClasses; }
    [[nodiscard]] static std::size_t bins(std::size_t edges) noexcept {
        return kSymbolClasses * (edges + 1) + 1;
    }
    [[nodiscard]] std::size_t bins() const noexcept { return bins(bin_edges_.size()); }
    // The unknown symbol has none of its own: that something could not be read must not tell what it was.
    [[nodiscard]] std::size_t column(char32_t c) const noexcept {
        return c < kPlane ? pages_[page_of_[c / kPage]][c % kPage]
                          : symbols_.size() + static_cast<std::size_t>(class_of(c));
    }
    // Whether a column is of syllables that the reads fitted on hardly had.
    [[nodiscard]] bool is_of_rare_syllables(std::size_t column) const noexcept {
        return rare_syllables_[column];
    }
    // Code points that share a column.
    [[nodiscard]] double column_size(std::size_t column) const noexcept;
    // Of a mark: stray ones are all alike, and share the column of other code points.
    [[nodiscard]] std::size_t mark_column(char32_t mark) const noexcept;
    [[nodiscard]] double marks_in(std::size_t column) const noexcept;
    // One more character in a gap, [level][edge], and which, [column]: of those that are no marks.
    [[nodiscard]] double insertion(std::size_t level, std::size_t edge) const noexcept {
        return insertion_[level][edge];
    }
    [[nodiscard]] double inserted(std::size_t column) const noexcept {
        return rates_.inserted[column] * per_kept_;
    }
    [[nodiscard]] std::size_t read_bins() const noexcept { return bin_edges_.size() + 1; }
    [[nodiscard]] std::size_t bin_of(float confidence) const noexcept;  // of a read as a whole
    [[nodiscard]] std::size_t bin(const Evidence& evidence) const noexcept;
    // What the confidence in a read as a whole says of its level; 1 where characters have theirs.
    [[nodiscard]] double ratio_read(const ReadEvidence& read, std::size_t level) const noexcept;
    // P(text | no plate is there), whatever the confidences.
    [[nodiscard]] double clutter(const ReadEvidence& read) const noexcept;
    [[nodiscard]] std::span<const char32_t> symbols() const noexcept { return symbols_; }
    [[nodiscard]] std::span<const double> bin_edges() const noexcept { return bin_edges_; }
    [[nodiscard]] const ChannelRates& rates() const noexcept { return rates_; }

  private:
    [[nodiscard]] std::size_t class_of_column(std::size_t column) const noexcept {
        return column < symbols_.size() ? static_cast<std::size_t>(class_of(symbols_[column]))
                                        : column - symbols_.size();
    }

    static constexpr char32_t kPlane = 0x10000, kPage = 0x100;
    using Page = std::array<std::uint8_t, kPage>;
    void make_pages();

    std::vector<char32_t> symbols_;
    // The columns of the first kPlane code points, of which most are those of a class: pages that are alike
    // are one.
    std::array<std::uint8_t, kPlane / kPage> page_of_ = {};
    std::vector<Page> pages_;
    std::vector<bool> rare_syllables_;  // [column]
    std::vector<double> bin_edges_;
    ChannelRates rates_;
    ChannelRates::Of<ChannelRates::Of<double, 2>, ChannelRates::kLevels> insertion_ = {};
    std::vector<double> clutter_;  // [column]: of one code point, of its class
    double per_kept_ = 1;          // 1 / the share of the inserted characters that are no marks
};

}  // namespace platewatch
