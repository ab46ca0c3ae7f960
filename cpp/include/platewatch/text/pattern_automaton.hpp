// A pattern as an automaton over code points that reads a plate from its last symbol to its first.
//
// As in search/key_pattern.hpp a bit set holds how many of the tokens may be used up, counted from the last
// one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "platewatch/text/pattern.hpp"

namespace platewatch {

class PatternAutomaton {
  public:
    using States = std::uint32_t;

    // A symbol that the pattern names, and the tokens of one symbol that admit it.
    struct Known {
        char32_t symbol;
        States tokens;
    };

    PatternAutomaton() : PatternAutomaton(Pattern()) {}
    explicit PatternAutomaton(const Pattern& pattern);

    [[nodiscard]] std::span<const Known> known() const noexcept { return known_; }  // ascending
    // The tokens that admit any symbol that is not known.
    [[nodiscard]] States any() const noexcept { return any_; }
    [[nodiscard]] States tokens_of(char32_t symbol) const noexcept;

    [[nodiscard]] States start() const noexcept { return past_runs(1); }
    // After a symbol that such tokens admit; 0: no plate goes on like this.
    [[nodiscard]] States step(States states, States tokens) const noexcept {
        return past_runs((states & tokens) << 1 | (states & runs_));
    }
    [[nodiscard]] bool accepts(States states) const noexcept { return (states & final_) != 0; }
    // Whatever is in front.
    [[nodiscard]] bool accepts_all(States states) const noexcept {
        return accepts(states) && (states & runs_ & final_ >> 1) != 0;
    }
    // Those from which it may come to accept, by at most so many symbols in front, which these tokens of one
    // symbol admit.
    [[nodiscard]] States may_accept(std::size_t symbols, States tokens) const noexcept;
    // At most so many symbols are in front when it accepts. Precondition: states != 0.
    [[nodiscard]] std::size_t most(States states) const noexcept;

    // As the functions of the same names.
    [[nodiscard]] bool admits(std::u32string_view plate) const noexcept;
    [[nodiscard]] bool admits_or_lacks_mark(std::u32string_view plate) const noexcept;

  private:
    // A run may be empty; a pattern has no two in a row.
    [[nodiscard]] States past_runs(States states) const noexcept { return states | (states & runs_) << 1; }

    std::vector<Known> known_;
    States any_ = 0, runs_ = 0, final_ = 1;
    std::size_t size_ = 0;
    // [symbols]: the states from which at most so many are needed.
    std::array<States, kMaxSymbols + 1> within_{};
};

}  // namespace platewatch
