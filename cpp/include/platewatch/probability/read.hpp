// What a recogniser says of one plate, as it comes, and what is made of it: the evidence that is scored, and
// the texts that are looked up.
//
// Probabilities are from 0 to 1, or all of them percent; a negative one is none. Texts are UTF-8.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platewatch/probability/evidence.hpp"
#include "platewatch/text/alternatives.hpp"
#include "platewatch/text/normalize.hpp"
#include "platewatch/text/symbols.hpp"

namespace platewatch {

struct RawRead {
    struct Alternative {
        std::string_view text;
        double p;
    };
    struct Character {  // one of the raw text that is not white space
        std::string_view c;
        double p = -1;
        std::span<const Alternative> alternatives = {};
    };
    struct Candidate {  // another reading of the whole plate
        std::string_view text;
        double p = -1;
    };

    std::string_view text;
    std::span<const Character> characters = {};
    std::span<const Candidate> candidates = {};
    double confidence = -1;  // in the whole
};

// Takes one read after another; one for each thread. Allocates nothing for a read that is no larger than
// those before.
class ReadMaker {
  public:
    // The canonical text, and the evidence where `out` is given. Characters that do not line up with the text
    // are left out.
    [[nodiscard]] TextError make(const RawRead& read, Symbols& canonical, ReadTexts* out);

    // The distinct texts of the read, its own first, whatever their probability: the likeliest ways through
    // its alternatives, and its candidates.
    void expand(const RawRead& read, const Symbols& canonical, std::vector<ReadText>& out);

    // Whether the characters of the read taken last lined up with its text, if it has any.
    [[nodiscard]] bool lined_up() const noexcept { return lined_up_; }

  private:
    struct Candidate {
        std::string_view raw;
        Symbols text;
        double share;
    };

    [[nodiscard]] bool decode(std::string_view utf8);  // to code_points_
    void make_own(const RawRead& read, const Symbols& canonical, ReadEvidence& out);
    [[nodiscard]] bool make_characters(const RawRead& read, const Symbols& canonical, ReadEvidence& out);
    [[nodiscard]] bool make_character(const RawRead::Character& character, float whole, Evidence& evidence);
    void make_shares(const RawRead& read, const Symbols& own, ReadTexts& out);
    template <class Visit>
    void for_each_candidate(const RawRead& read, const Visit& visit);

    Alternatives alternatives_;
    std::u32string code_points_, raw_;
    std::vector<Evidence::Alternative> listed_;
    std::vector<Candidate> candidates_;
    bool lined_up_ = true;
};

}  // namespace platewatch
