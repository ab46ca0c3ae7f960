// Several reads of one vehicle that passes one camera, as one body of evidence:
//   P(e | r_1 .. r_n) = w_e prod_j P(r_j | e)^a_j / (sum of the same over the listed plates + B),
//   B = sum over unlisted plates t of registered(t) prod_j P(r_j | t)^a_j + clutter.
// Each P(r_j | t) is the mixture over the read's texts (score.hpp).
// It is the same t for all reads: three reads with one mistake are one mistake. Frames fail together, so one
// more that reads the same counts little, by a weight that is fitted, and texts that differ count as one
// together. Of more than five texts those are weighed that most frames read.
//
// Whether the reads are of one vehicle is uncertain, too: an entry that some of them read exactly, and others
// do not, may be of one vehicle and those of another whose plate is alike. Then
//   P(e | r_1 .. r_n) = P(one) P(e | all) + P(two) P(e | the reads that are e),
// by what each of the two hypotheses makes of all reads. So what others read takes from an exact read no more
// than the prior of two vehicles allows.
//
// The sum runs over single plates, best first: from the plates' ends down the population's trie, each end by
// the most that the plates with it can come to, until what is left does not count, or for so many ends. What
// is left then counts as what it would come to if each symbol more took from that as much as for the ends
// followed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platewatch/probability/posterior.hpp"
#include "platewatch/probability/score.hpp"
#include "platewatch/text/pattern.hpp"

namespace platewatch {

// One read of a pass.
struct PassRead {
    const ScoringTable* table;
    ReadTexts texts;
    const Levels* level = nullptr;  // null: the table's

    void recognised_by(const Recogniser& recogniser) noexcept {
        table = recogniser.table;
        level = recogniser.level;
    }
    [[nodiscard]] Recogniser recogniser() const noexcept {
        return level == nullptr ? Recogniser(*table) : Recogniser(*table, *level);
    }
};

// Scores one pass after another; one for each thread.
class PassScorer {
  public:
    // As MatchScorer::score, of the entries that any of the reads matches, each once. The tables must be of
    // one population. Precondition: there is a read.
    void score(const Wanted& wanted, std::span<const PassRead> reads, double frame_weight, const Floor& floor,
               std::vector<Match>& matches, std::vector<Score>& scores);

    // What vehicles like any other may have passed, if no plate is listed: the plates of at least such a
    // probability, likeliest first. For learning from reads whose plate nobody knows.
    struct Likely {
        std::u32string plate;
        double probability;
    };
    [[nodiscard]] std::vector<Likely> likely_plates(std::span<const PassRead> reads, double frame_weight,
                                                    double least);

    // P(plate | reads) of a vehicle like any other, if no plate is listed: for fitting `a`.
    [[nodiscard]] double posterior(std::span<const PassRead> reads, double frame_weight,
                                   std::u32string_view plate);

  private:
    struct Listed {
        std::u32string plate;
        double weight, joint;
    };
    // A plate that a listed one stands for, in this share: it is another where the list lacks the mark read.
    struct Meant {
        std::u32string plate;
        double share;
    };
    struct WantedPattern {
        Pattern pattern;
        double joint = 0;  // of all plates that it admits
    };
    // That the reads which are exactly a listed plate are of one vehicle, and the others of another or of
    // none.
    struct Apart {
        std::vector<bool> is_own;  // [read]
        double joint;              // of both, over all plates of the first, by how often that is so
        double probability;        // of the listed plate, by its own reads
    };
    struct Item {
        Match match;
        Score score;
        std::size_t place;  // in patterns_
        bool is_pattern, is_exact;
        const Apart* apart;  // null: all reads are exactly the plate, or none is
        long long rank;
    };
    // The end of a plate from a node on.
    struct End {
        std::size_t behind;  // its place in ends_
        std::uint32_t node;
        char32_t symbol;
        double vehicles;  // the share of its symbols
        double bound;
    };

    // Of the ends followed that have so many symbols: the most that they can come to, by their own symbols
    // and by those with one more.
    struct Followed {
        double bound = 0, below = 0;
    };

    void set_reads(std::span<const PassRead> reads, std::vector<double> weights);  // of each
    [[nodiscard]] double joint(std::u32string_view plate);
    [[nodiscard]] double joint_of_listed(const std::u32string& plate);
    double list(const Wanted& wanted, std::span<const Match> matches);
    [[nodiscard]] Apart weigh_apart(const Wanted& wanted, std::span<const PassRead> reads,
                                    const std::vector<double>& weights, std::span<const std::u32string> texts,
                                    double frame_weight, std::span<const Match> matches, std::size_t match,
                                    const std::vector<bool>& is_own);
    [[nodiscard]] double joint_admitted(const Pattern& pattern, const Listed& listed);
    [[nodiscard]] double clutter() const;
    [[nodiscard]] double joint_of_any_text() const;
    // Everybody who is not listed; `listed` is what the listed plates come to. It need not be all once it is
    // more than `enough`.
    [[nodiscard]] double others(double listed, double enough = std::numeric_limits<double>::infinity());
    void grow(std::size_t place, double least);
    [[nodiscard]] double estimate_left() const;
    void meet(const End& begin, double vehicles);
    [[nodiscard]] std::span<ReadScorer::Row> rows(std::size_t place);
    // The sum over reads of the log of a mixture: of value(text) over the read's texts.
    template <class Value>
    [[nodiscard]] double log_of_mixtures(const Value& value) const;

    struct Text {
        double share;
        bool is_last;  // of its read
    };
    std::vector<Text> texts_;                           // of one read after another
    std::vector<std::unique_ptr<ReadScorer>> scorers_;  // by text
    std::vector<std::u32string> marks_;                 // that the reads have, each once
    std::vector<Meant> meant_;                          // ascending by plate
    std::span<const PassRead> reads_;
    std::vector<double> weights_;  // of each read, and of all
    double weight_ = 1;
    std::vector<Item> items_;
    std::vector<Listed> listed_;  // ascending by plate
    std::vector<WantedPattern> patterns_;
    std::vector<Apart> apart_;
    std::vector<End> ends_, heap_;
    std::vector<ReadScorer::Row> rows_;  // of ends_, by text
    std::array<Followed, kMaxSymbols + 1> followed_;
    double found_ = 0, left_ = 0;
    std::vector<Likely>* met_ = nullptr;  // where the plates that are met go, with what they come to
};

}  // namespace platewatch
