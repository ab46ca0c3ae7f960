// A walk down a trie that forgives edits.
#pragma once

#include <algorithm>
#include <array>
#include <span>

#include "platewatch/symbols.hpp"
#include "platewatch/trie.hpp"

namespace platewatch {

namespace detail {

// Row of the dynamic programme: cost[i] = edits between the node's path and the first i codes of the prefix.
using WalkRow = std::array<unsigned, kMaxSymbols + 1>;

template <class Key, class Visit>
void walk_from(const Trie<Key>& trie, const typename Trie<Key>::Node& node, std::span<const Code> prefix,
               unsigned budget, const WalkRow& cost, Visit& visit) {
    const auto row = std::span(cost).first(prefix.size() + 1);
    // Everything below is in the range: going on would only report it again.
    if (row.back() <= budget || node.is_leaf()) return visit(node.range);
    trie.for_each_child(node, [&](Code code, const typename Trie<Key>::Node& child) {
        if (code == kPadding) return;
        WalkRow next;
        next[0] = cost[0] + 1;
        unsigned least = next[0];
        for (std::size_t i = 1; i <= prefix.size(); ++i) {
            next[i] = std::min({cost[i - 1] + (prefix[i - 1] == code ? 0 : 1), cost[i] + 1, next[i - 1] + 1});
            least = std::min(least, next[i]);
        }
        if (least <= budget) walk_from(trie, child, prefix, budget, next, visit);
    });
}

}  // namespace detail

// Calls visit(range) for disjoint ranges of keys that together hold every key with a prefix within `budget`
// edits of `prefix`, and, where the trie is not split further, a few others.
template <class Key, class Visit>
void walk(const Trie<Key>& trie, std::span<const Code> prefix, unsigned budget, Visit&& visit) {
    if (budget == 0) {
        auto node = trie.root();
        for (std::size_t i = 0; i < prefix.size() && !node.is_leaf(); ++i) node = trie.child(node, prefix[i]);
        return visit(node.range);
    }
    detail::WalkRow cost{};
    for (unsigned i = 0; i <= prefix.size(); ++i) cost[i] = i;
    detail::walk_from(trie, trie.root(), prefix, budget, cost, visit);
}

}  // namespace platewatch
