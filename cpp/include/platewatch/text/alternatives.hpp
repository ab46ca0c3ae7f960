// The further texts of a read: what it says if some of its characters were read differently.
//
// A recogniser gives, for each code point of the raw text that is not white space, the character `c`, its
// probability `p` and alternatives. Each way to choose one of these at every place is a path; its probability
// is the product. The paths of at least kMinPathProbability, the kMaxPaths likeliest, are normalised.
//
// - A list lines up if it has an item for each such code point, and the item's `c` has the same canonical
//   form: a recogniser may upper-case or fold in one place and not in the other. White space is what Python's
//   str.isspace says. Raw texts over kMaxRawLength code points do not line up.
// - An alternative may be more or less than a symbol: jamo compose with what stands beside them, and a hyphen
//   or "" leaves the place empty. It is dropped if it is less likely than kMinPathProbability, NaN, not valid
//   Unicode, over 16 code points, or the same symbol as `c` or another one: the larger probability stays.
// - A `p` that is missing, NaN or negative is the one that `c` has among its alternatives, or else what they
//   leave of 1, at least kMinPathProbability. The probabilities of a place need not sum to 1.
// - A probability a trifle over 1 counts as 1, for rounding. One above kMaxProbability says that the list is
//   on another scale: it does not line up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platewatch/text/symbols.hpp"

namespace platewatch {

inline constexpr double kMinPathProbability = 0.001;
inline constexpr double kMaxProbability = 1.001;
inline constexpr std::size_t kMaxPaths = 64;
inline constexpr std::size_t kMaxRawLength = 256;

struct ReadText {
    Symbols text;
    double probability;  // of the likeliest path to it

    friend constexpr bool operator==(const ReadText&, const ReadText&) noexcept = default;
};

// Adds a text unless it is there; the larger probability stays.
void add_text(std::vector<ReadText>& texts, const Symbols& text, double probability);

// The characters of one read; one for each thread, filled again for each read.
class Alternatives {
  public:
    void clear() noexcept;

    // The next character.
    void add(std::u32string_view c, std::optional<double> p);

    // Of the last character added. Precondition: there is one.
    void add_alternative(std::u32string_view text, double p);

    // Replaces `out` by the distinct texts, the read's own first whatever its probability, then as their
    // paths: likeliest first, and of equals the one that leaves the likelier choices later. False if the
    // characters do not line up: then there is but the read's own text, with probability 1. If that text is
    // refused there is none. Cost: O(code points * kMaxPaths * alternatives of a character).
    [[nodiscard]] bool expand(std::u32string_view raw, std::vector<ReadText>& out);

  private:
    struct PoolText {  // a part of pool_
        std::size_t begin, size;
    };
    struct Option {
        Symbols identity;  // what tells it from others
        PoolText text;
        double p;
    };
    struct Character {
        PoolText c;
        std::optional<Symbols> identity;  // nullopt: no option is like it
        std::optional<double> p;
        std::size_t options;  // where its own begin, likeliest first, at most kMaxPaths
    };
    struct Choice {
        std::u32string_view text;
        double p;
    };
    struct Path {
        double p;
        std::size_t parent;  // the path that this one prolongs
        std::u32string_view choice;
    };

    [[nodiscard]] PoolText keep(std::u32string_view text);
    [[nodiscard]] std::u32string_view view(PoolText text) const noexcept;
    [[nodiscard]] bool lines_up(std::u32string_view raw) const noexcept;
    double list_choices(std::size_t character, std::u32string_view own);
    void keep_likeliest(std::size_t begin);
    void write_text(std::u32string_view raw, std::size_t path);

    std::u32string pool_;
    std::vector<Character> characters_;
    std::vector<Option> options_;
    bool off_scale_ = false;

    // What expand needs besides.
    std::vector<Choice> choices_;        // of one character, likeliest first
    std::vector<Path> paths_;            // those of each length together, shortest first
    std::vector<double> probabilities_;  // of the paths of one length
    std::u32string text_;
};

}  // namespace platewatch
