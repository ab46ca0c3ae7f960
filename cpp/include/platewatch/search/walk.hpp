// Walks down a trie, with and without an edit forgiven.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "platewatch/search/trie.hpp"
#include "platewatch/text/symbols.hpp"

namespace platewatch {

// A node on the way of a key, and how many of its symbols lead there.
template <class Key>
struct Reached {
    typename Trie<Key>::Node node;
    std::uint32_t depth = 0;
};

// Goes on along a key until so many symbols are used, or a leaf is reached.
template <class Key>
void go_on(const Trie<Key>& trie, Key key, std::size_t symbols, Reached<Key>& reached) noexcept {
    auto& [node, depth] = reached;
    for (; depth < symbols && !node.is_leaf(); ++depth) node = trie.child(node, code_at(key, depth));
}

// From the place of the key's shortcut on, or from the root if it is 0.
template <class Key>
[[nodiscard]] Reached<Key> begin_at(const Trie<Key>& trie, std::uint32_t place) noexcept {
    if (place == 0) return {trie.root(), 0};
    return {trie.node_at(place), static_cast<std::uint32_t>(Trie<Key>::kShortcutSymbols)};
}

template <class Key>
[[nodiscard]] typename Trie<Key>::Node descend_from(const Trie<Key>& trie, std::uint32_t place,
                                                    Key key) noexcept {
    Reached<Key> reached = begin_at(trie, place);
    go_on(trie, key, kKeySymbols<Key>, reached);
    return reached.node;
}

// The anchors of one read at its two ends.
template <class Key>
struct Anchors {
    Reached<Key> forward, backward;
};

// Lets whichever anchor has the larger range go on, until both together have used `left` symbols more. From
// the roots, that makes the larger of the two ranges as small as any cut can.
template <class Key>
[[gnu::always_inline]] inline void sharpen(const Trie<Key>& forward_trie, const Trie<Key>& backward_trie,
                                           Key rest, Key mirrored_rest, std::uint32_t left,
                                           Anchors<Key>& anchors) noexcept {
    auto& [forward, taken] = anchors.forward;
    auto& [backward, taken_behind] = anchors.backward;
    for (; left > 0; --left) {
        if (!forward.is_leaf() && (backward.is_leaf() || forward.range.size() >= backward.range.size())) {
            forward = forward_trie.child(forward, code_at(rest, 0));
            rest = drop(rest, 1);
            ++taken;
        } else if (!backward.is_leaf()) {
            backward = backward_trie.child(backward, code_at(mirrored_rest, 0));
            mirrored_rest = drop(mirrored_rest, 1);
            ++taken_behind;
        } else {
            return;
        }
    }
}

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

// Keys that begin alike, and how their beginning can be had from the beginning of a read.
struct Anchor {
    KeyRange range;
    std::uint32_t of_read, of_key;  // symbols used of each
    unsigned edits;                 // spent on them
};

// A way down a trie on which an edit has been spent: the branch where it is, and the symbols used so far.
struct Way {
    std::uint32_t branch;
    std::uint16_t of_read, of_key;
};

// What a walk forgives: nothing; one code of the read that the key lacks; that, or another code in its place;
// any one edit.
enum class Forgives : std::uint8_t { nothing, missing, missing_or_other, any };

// What is looked for at one end of a read: the keys that begin with its first `sure` codes, and those that
// begin with its first `length` codes but for one edit at the first `sure`. Precondition: sure <= length.
struct Side {
    std::uint32_t sure = 0, length = 0;
    Forgives forgives = Forgives::nothing;
    // Of the keys that begin with all sure codes but the last, also those with another one in its place: all
    // of them, or only those that go on with the read's next code. Precondition: 0 < sure < length.
    enum class LastReplaced : std::uint8_t { no, any, next_sure };
    LastReplaced last_replaced = LastReplaced::no;

    // The first places at which a walk is to forgive other codes.
    [[nodiscard]] std::uint32_t others_at() const noexcept {
        return last_replaced == LastReplaced::no ? sure : sure - 1;
    }
};

// Calls visit(anchor) for the keys that have another code in place of the last sure one.
template <class Key, class Visit>
void visit_last_replaced(const Trie<Key>& trie, const Path<Key>& path, std::span<const Code> read,
                         const Side& side, const Visit& visit) {
    const std::uint32_t sure = side.sure;
    if (side.last_replaced == Side::LastReplaced::no) return;
    const auto add = [&](KeyRange range, std::uint32_t used) {
        if (range.size() != 0) visit(Anchor{range, used, used, 1});
    };
    if (side.last_replaced == Side::LastReplaced::any) {
        // They stand on either side of the others, behind the key that ends there, if there is one.
        const KeyRange all = trie.range_of(path[sure - 1]), own = trie.range_of(path[sure]);
        const std::uint32_t ended = trie.child(path[sure - 1], kPadding).range.size(),
                            least = std::min(all.begin + ended, all.end),
                            begin = std::clamp(own.begin, least, all.end),
                            end = std::clamp(own.end, begin, all.end);
        add({least, begin}, sure);
        add({end, all.end}, sure);
        return;
    }
    KeyRange leaves;  // side by side
    trie.for_each_child(path[sure - 1], [&](Code code, const auto& child) {
        if (code == kPadding || code == read[sure - 1]) return;
        if (!child.is_leaf()) return add(trie.range_of(trie.child(child, read[sure])), sure + 1);
        const KeyRange range = trie.range_of(child);
        if (range.begin != leaves.end) add(std::exchange(leaves, {range.begin, range.begin}), sure);
        leaves.end = range.end;
    });
    add(leaves, sure);
}

// Calls visit(anchor) so that every such key is in the range of some anchor, whose way of using both is that
// of a cheapest alignment. Anchors may overlap. `path` is the read's; `ways` is room to work in. In turns,
// each way's next node is fetched while the others take their steps: that pays where the trie is too large
// for the cache.
template <class Key, class Visit>
void visit_anchored(const Trie<Key>& trie, const Path<Key>& path, std::span<const Code> read,
                    const Side& side, bool in_turns, std::vector<Way>& ways, Visit&& visit) {
    using Node = typename Trie<Key>::Node;
    const std::uint32_t sure = side.sure, length = side.length;
    const Forgives forgives = side.forgives;
    std::uint32_t used = sure;
    while (used > 0 && path[used - 1].is_leaf()) --used;  // where the way ended
    visit(Anchor{trie.range_of(path[used]), used, used, 0});
    if (used == sure) visit_last_replaced(trie, path, read, side, visit);
    if (forgives == Forgives::nothing) return;

    ways.clear();
    const auto go_on = [&](Node node, std::size_t of_read, std::size_t of_key) {
        for (; !node.is_leaf() && of_read < length; ++of_read, ++of_key) {
            if (in_turns) {
                trie.prefetch_header(node);
                ways.push_back(
                    {node.branch, static_cast<std::uint16_t>(of_read), static_cast<std::uint16_t>(of_key)});
                return;
            }
            node = trie.child(node, read[of_read]);
        }
        const KeyRange range = trie.range_of(node);
        if (range.size() == 0) return;
        visit(Anchor{range, static_cast<std::uint32_t>(of_read), static_cast<std::uint32_t>(of_key), 1});
    };
    // What leaves the read's way where that has ended is in the range of its end.
    for (std::size_t i = 0; i < used; ++i) {
        go_on(path[i], i + 1, i);  // the read has a code too many here
        if (forgives == Forgives::missing || i + 1 > side.others_at()) continue;
        trie.for_each_child(path[i], [&](Code code, const Node& child) {
            if (code == kPadding) return;
            if (code != read[i]) go_on(child, i + 1, i + 1);        // another code stands in its place
            if (forgives == Forgives::any) go_on(child, i, i + 1);  // the read lacks a code
        });
    }
    constexpr std::size_t kAhead = 8;
    for (std::size_t i = 0; i < ways.size(); ++i) {
        if (i + kAhead < ways.size()) {
            const Way& ahead = ways[i + kAhead];
            trie.prefetch_child(ahead.branch, read[ahead.of_read]);
        }
        const Way way = ways[i];
        go_on(trie.child(way.branch, read[way.of_read]), std::size_t{way.of_read} + 1,
              std::size_t{way.of_key} + 1);
    }
}

}  // namespace platewatch
