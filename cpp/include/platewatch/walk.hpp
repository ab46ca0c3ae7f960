// Walks down a trie, with and without an edit forgiven.
#pragma once

#include <array>
#include <span>

#include "platewatch/symbols.hpp"
#include "platewatch/trie.hpp"

namespace platewatch {

// The nodes on the way of a read: [i] is where its first i codes lead. A leaf is not left again, as its range
// holds whatever goes on from there.
template <class Key>
using Path = std::array<typename Trie<Key>::Node, kMaxSymbols + 1>;

template <class Key>
[[nodiscard]] Path<Key> descend(const Trie<Key>& trie, std::span<const Code> read) noexcept {
    Path<Key> path;
    path[0] = trie.root();
    for (std::size_t i = 0; i < read.size(); ++i) {
        path[i + 1] = path[i].is_leaf() ? path[i] : trie.child(path[i], read[i]);
    }
    return path;
}

// Calls visit(range) for ranges that together hold every key with a prefix within `budget` edits (0 or 1) of
// the first `length` codes of the read, and a few others. Ranges may overlap. `path` is the read's.
template <class Key, class Visit>
void visit_anchored(const Trie<Key>& trie, const Path<Key>& path, std::span<const Code> read,
                    std::size_t length, unsigned budget, Visit&& visit) {
    if (budget == 0 || length == 0) return visit(path[length].range);

    // Whatever happens to the last code, the key goes on from the node in front of it.
    visit(path[length - 1].range);
    const auto follow = [&](typename Trie<Key>::Node node, std::size_t from) {
        for (std::size_t i = from; i < length && !node.is_leaf(); ++i) node = trie.child(node, read[i]);
        if (node.range.size() != 0) visit(node.range);
    };
    for (std::size_t i = 0; i + 1 < length && !path[i].is_leaf(); ++i) {
        follow(path[i], i + 1);  // the read has a code too many here
        trie.for_each_child(path[i], [&](Code code, const typename Trie<Key>::Node& child) {
            if (code == kPadding) return;
            if (code != read[i]) follow(child, i + 1);  // another code stands in its place
            follow(child, i);                           // the read lacks a code
        });
    }
}

}  // namespace platewatch
