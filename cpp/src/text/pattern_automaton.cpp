#include "platewatch/text/pattern_automaton.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include "platewatch/text/region.hpp"

namespace platewatch {

PatternAutomaton::PatternAutomaton(const Pattern& pattern) : size_(pattern.tokens().size()) {
    const std::span<const Token> tokens = pattern.tokens();
    for (std::size_t i = 0; i < size_; ++i) {
        const Token& token = tokens[size_ - 1 - i];
        const States bit = States{1} << i;
        if (token.kind == Token::Kind::run) runs_ |= bit;
        if (token.kind == Token::Kind::any) any_ |= bit;
        for (const char32_t symbol : token.members) {
            const auto at = std::ranges::lower_bound(known_, symbol, {}, &Known::symbol);
            if (at != known_.end() && at->symbol == symbol) {
                at->tokens |= bit;
            } else {
                known_.insert(at, {symbol, bit});
            }
        }
    }
    for (Known& known : known_) known.tokens |= any_;
    final_ = States{1} << size_;
    within_.fill(final_);
    for (std::size_t i = size_, needed = 0; i-- > 0;) {
        if ((runs_ >> i & 1) == 0) ++needed;
        for (std::size_t symbols = needed; symbols < within_.size(); ++symbols)
            within_[symbols] |= States{1} << i;
    }
}

auto PatternAutomaton::tokens_of(char32_t symbol) const noexcept -> States {
    for (const Known& known : known_) {
        if (known.symbol >= symbol) return known.symbol == symbol ? known.tokens : any_;
    }
    return any_;
}

auto PatternAutomaton::may_accept(std::size_t symbols, States tokens) const noexcept -> States {
    const States within = within_[std::min(symbols, kMaxSymbols)];
    const States missing = ~(runs_ | tokens) & (final_ - 1);
    return missing == 0 ? within : within & ~(2 * std::bit_floor(missing) - 1);
}

std::size_t PatternAutomaton::most(States states) const noexcept {
    const auto used = static_cast<std::size_t>(std::countr_zero(states));
    return runs_ >> used != 0 ? std::numeric_limits<std::size_t>::max() : size_ - used;
}

bool PatternAutomaton::admits(std::u32string_view plate) const noexcept {
    States states = start();
    for (std::size_t i = plate.size(); i-- > 0 && states != 0;) states = step(states, tokens_of(plate[i]));
    return accepts(states);
}

bool PatternAutomaton::admits_or_lacks_mark(std::u32string_view plate) const noexcept {
    return admits(plate) || (has_region_mark(plate) && admits(without_region_mark(plate)));
}

}  // namespace platewatch
