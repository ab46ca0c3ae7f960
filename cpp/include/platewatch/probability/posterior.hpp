// From the entries that a read matches to the probability of each; see score.hpp for the formula.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "platewatch/probability/score.hpp"
#include "platewatch/probability/wanted.hpp"
#include "platewatch/search/match.hpp"

namespace platewatch {

struct Score {
    double log_likelihood = -std::numeric_limits<double>::infinity();
    double probability = 0;
};

// Which matches are worth telling.
struct Floor {
    double probability = 0;
    bool but_exact = false;  // those that the read's own text matches without edits are, however improbable

    [[nodiscard]] bool admits(bool is_exact, double p) const noexcept {
        return p >= probability || (but_exact && is_exact);
    }
};

// Scores the matches of reads, one read at a time; one for each thread, used again for each read.
class MatchScorer {
  public:
    // Scores all matches of one read, which must be all that there are, and puts them and their scores in the
    // order probability descending, edits, id; those that `floor` does not admit are left out. Entries on one
    // plate share its probability. Pattern entries: that the true plate is one that the pattern admits.
    void score(const Wanted& wanted, const Recogniser& recogniser, const ReadTexts& read, const Floor& floor,
               std::vector<Match>& matches, std::vector<Score>& scores);

    // A read and one plate, as if it were the only one listed.
    struct Weighed {
        double likelihood;  // P(read | the listed plate)
        double background;  // of all vehicles
        double others;      // of all but those that the listed plate stands for
        double probability;
        double omitted;  // how probable it is that the list omits the mark read; 0 if the read is likelier
                         // without
    };
    [[nodiscard]] Weighed weigh(const Recogniser& recogniser, const ReadTexts& read, std::string_view plate);

    // Puts the matches in the same order, which takes no background; false, and nothing is done, if one is of
    // a pattern.
    bool order(const Wanted& wanted, const Recogniser& recogniser, const ReadTexts& read,
               std::vector<Match>& matches);

  private:
    struct Plate {  // distinct
        Symbols text;
        double weight;
        double as_listed, with_mark;  // P(read | plate); the latter if the list may lack the mark read
        bool may_lack_mark;
        double likelihood;                    // P(read | what is listed)
        double own_as_listed, own_with_mark;  // what the background has of it
    };
    struct Item {
        Match match;
        Score score;
        std::size_t plate;  // kPattern: none
        long long rank;
        bool is_exact;
    };
    static constexpr std::size_t kPattern = ~std::size_t{0};

    void set_read(const Recogniser& recogniser, const ReadTexts& read);
    // The background without what is listed. Precondition: order_ is there.
    [[nodiscard]] double unlisted(const ScoringTable& table);
    [[nodiscard]] bool is_listed(std::u32string_view plate) const;
    [[nodiscard]] std::size_t plate_of(const ScoringTable& table, const Symbols& text, float weight);
    [[nodiscard]] double read_right(const ScoringTable& table);
    void score_pattern(const ScoringTable& table, std::string_view utf8, double others, double listed,
                       Score& score);

    // A pattern, ready to score: many of a list match read after read.
    struct Compiled {
        bool is_one = false;
        PatternAutomaton automaton = {};
        double log_vehicles = 0;  // minus infinity: nobody has such a plate
    };
    static constexpr std::size_t kMostCompiled = std::size_t{1} << 14;
    [[nodiscard]] const Compiled& compiled(const ScoringTable& table, std::string_view utf8);

    TextsScorer scorer_;
    std::u32string text_;  // the read's own
    std::u32string
        mark_;  // the region mark that it has, or else the likeliest other text that has one; or empty
    std::vector<Plate> plates_;
    std::vector<std::size_t> order_;  // places in plates_, ascending by text
    std::vector<Item> items_;
    struct Hash : std::hash<std::string_view> {
        using is_transparent = void;
    };
    std::unordered_map<std::string, Compiled, Hash, std::equal_to<>> compiled_;  // by their texts
    std::uint64_t compiled_for_ = 0;                                             // the population's id
};

}  // namespace platewatch
