// From the entries that a read matches to the probability of each; see score.hpp for the formula.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "platewatch/live_index.hpp"
#include "platewatch/score.hpp"

namespace platewatch {

struct Score {
    double log_likelihood = -std::numeric_limits<double>::infinity();
    double probability = 0;
};

// Scores the matches of reads, one read at a time; one for each thread, used again for each read.
class MatchScorer {
  public:
    // Scores all matches of one read, which must be all that there are, and puts them and their scores in the
    // order probability descending, edits, id; those below `min_probability` are left out. Entries on one
    // plate share its probability. Pattern entries: that the true plate is one that the pattern admits.
    void score(const State& state, const ScoringTable& table, const ReadEvidence& read,
               double min_probability, std::vector<Match>& matches, std::vector<Score>& scores);

    // Puts the matches in the same order, which takes no background; false, and nothing is done, if one is of
    // a pattern.
    bool order(const State& state, const ScoringTable& table, const ReadEvidence& read,
               std::vector<Match>& matches);

  private:
    struct Plate {  // distinct
        std::u32string text;
        double likelihood, weight, registered;
    };
    struct Item {
        Match match;
        Score score;
        std::size_t plate;  // kPattern: none
        long long rank;
    };
    static constexpr std::size_t kPattern = ~std::size_t{0};

    void set_read(const ScoringTable& table, const ReadEvidence& read);
    [[nodiscard]] std::size_t plate_of(std::string_view utf8, float weight);
    [[nodiscard]] double read_right(const ScoringTable& table, const ReadEvidence& read);
    void score_pattern(std::string_view utf8, double others, double listed, Score& score);

    ReadScorer scorer_;
    std::u32string mark_;  // the region mark that the read has; empty if none
    std::vector<Plate> plates_;
    std::vector<std::string_view> texts_;  // of plates_, in UTF-8
    std::vector<std::size_t> order_;       // places in plates_, ascending by text
    std::vector<Item> items_;
};

// One read of a pass.
struct PassRead {
    const ScoringTable* table;
    ReadEvidence evidence;
};

// Several reads of one vehicle that passes one camera, as one body of evidence:
//   P(e | r_1 .. r_n) = w_e prod_j P(r_j | e)^a / (sum of the same over the listed plates + B),
//   B = sum over unlisted plates t of registered(t) prod_j P(r_j | t)^a + what is left.
// It is the same t for all reads: three reads with one mistake are one mistake. `a` below 1 discounts frames,
// which fail together. The sum runs over the plates within one edit of some read. For the others, what is
// left of the single reads' backgrounds, multiplied to the same powers, bounds the sum (Cauchy and Schwarz,
// for two reads and a = 1/2).
class PassScorer {
  public:
    // As MatchScorer::score, of the entries that any of the reads matches, each once. Pattern entries are
    // left out: what fits a pattern is not one vehicle. Precondition: two reads or more.
    void score(const State& state, std::span<const PassRead> reads, double frame_weight,
               double min_probability, std::vector<Match>& matches, std::vector<Score>& scores);

    // P(plate | reads) of a vehicle like any other, if no plate is listed: for fitting `a`.
    [[nodiscard]] double posterior(std::span<const PassRead> reads, double frame_weight,
                                   std::u32string_view plate);

  private:
    void set_reads(std::span<const PassRead> reads, double frame_weight);
    [[nodiscard]] double likelihood(std::u32string_view plate);
    [[nodiscard]] double others(std::span<const std::u32string> listed);

    std::vector<std::unique_ptr<ReadScorer>> scorers_;
    std::span<const PassRead> reads_;
    double frame_weight_ = 1;
    std::vector<double> single_, best_;  // by read: P(r | the plate last asked for), and the most of all
};

}  // namespace platewatch
