// A pattern over the codes of an index, as an automaton that a key or a way down a trie drives.
//
// A bit set holds how many of the pattern's tokens may be used up so far (Shift-And with gaps); a step is a
// few word operations, and an empty set ends its way.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "platewatch/search/alphabet.hpp"
#include "platewatch/search/key.hpp"
#include "platewatch/text/pattern.hpp"

namespace platewatch {

class KeyPattern {
  public:
    using States = std::uint32_t;  // bit i: i tokens are used up

    // Read forwards, or from the last token to the first for mirrored keys.
    KeyPattern(const Pattern& pattern, const Alphabet& alphabet, bool mirrored) {
        const std::span<const Token> tokens = pattern.tokens();
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            const Token& token = tokens[mirrored ? tokens.size() - 1 - i : i];
            const States bit = States{1} << i;
            if (token.kind == Token::Kind::run) {
                runs_ |= bit;
            } else if (token.kind == Token::Kind::any) {
                for (std::size_t code = 1; code <= kMaxCode; ++code) admitting_[code] |= bit;
            } else {
                for (const char32_t symbol : token.members) {
                    if (const Code code = alphabet.code(symbol); code != kUnknownCode)
                        admitting_[code] |= bit;
                }
            }
        }
        final_ = States{1} << tokens.size();
    }

    [[nodiscard]] States start() const noexcept { return past_runs(1); }
    [[nodiscard]] States step(States states, Code code) const noexcept {
        return past_runs((states & admitting_[code]) << 1 | (states & runs_));
    }
    [[nodiscard]] bool accepts(States states) const noexcept { return (states & final_) != 0; }

    template <class Key>
    [[nodiscard]] bool fits(Key key) const noexcept {
        States states = start();
        for (; states != 0 && key != 0; key = drop(key, 1)) states = step(states, code_at(key, 0));
        return accepts(states);
    }

  private:
    // A run may be empty; a pattern has no two in a row.
    [[nodiscard]] States past_runs(States states) const noexcept { return states | (states & runs_) << 1; }

    std::array<States, 256> admitting_{};  // by code: the tokens of one symbol that admit it
    States runs_ = 0, final_ = 0;
};
static_assert(kMaxSymbols + kMaxRuns < 32);

}  // namespace platewatch
