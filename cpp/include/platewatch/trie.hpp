// A trie whose nodes are ranges of a sorted array of keys.
//
// A range of at most kLeafKeys keys is not split further: scanning it is cheaper than another node. A node's
// children lie side by side in the order of their codes and share its range out among them without gaps
// (keys that end at the node hang under code 0), so a leaf child is one number, the start of its range.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "platewatch/key.hpp"

namespace platewatch {

struct KeyRange {
    std::uint32_t begin = 0, end = 0;

    [[nodiscard]] constexpr std::uint32_t size() const noexcept { return end - begin; }
};

template <class Key>
class Trie {
  public:
    static constexpr std::uint32_t kLeafKeys = 16;

    Trie() = default;

    // Precondition: keys ascend, without repeats; fewer than 2^31.
    explicit Trie(std::span<const Key> keys);

    struct Node {
        KeyRange range;
        std::uint32_t branch = kLeaf;  // where its children are described; kLeaf: it has none

        [[nodiscard]] constexpr bool is_leaf() const noexcept { return branch == kLeaf; }
    };

    [[nodiscard]] Node root() const noexcept { return root_; }

    // The child of a node that is no leaf; an empty leaf if no key goes on with that code.
    [[nodiscard]] Node child(const Node& node, Code code) const noexcept;

    // Calls visit(code, child) for each child in the order of codes, padding included.
    template <class Visit>
    void for_each_child(const Node& node, Visit&& visit) const;

    [[nodiscard]] std::size_t nbytes() const noexcept {
        return branches_.size() * sizeof(Branch) + children_.size() * sizeof(std::uint32_t);
    }

  private:
    static constexpr std::uint32_t kLeaf = 0xFFFFFFFF;
    static constexpr std::uint32_t kIsBranch = 0x80000000;  // in children_: an inner node, not a leaf's start

    struct Branch {
        std::array<std::uint64_t, 4> present{};  // which codes have a child
        std::array<std::uint8_t, 4> before{};    // children in the words in front of each
        std::uint32_t first_child = 0;           // in children_
        KeyRange range;
    };

    Node build(std::span<const Key> keys, KeyRange range, std::size_t depth);
    [[nodiscard]] std::uint32_t start(std::uint32_t place) const noexcept {
        const std::uint32_t c = children_[place];
        return (c & kIsBranch) != 0 ? branches_[c & ~kIsBranch].range.begin : c;
    }
    // Child number `nth` of `count` of a branch.
    [[nodiscard]] Node child_at(const Branch& branch, std::uint32_t nth, std::uint32_t count) const noexcept;
    [[nodiscard]] static std::uint32_t child_count(const Branch& branch) noexcept {
        return branch.before[3] + static_cast<std::uint32_t>(std::popcount(branch.present[3]));
    }

    Node root_;
    std::vector<Branch> branches_;
    std::vector<std::uint32_t> children_;
};

template <class Key>
Trie<Key>::Trie(std::span<const Key> keys) {
    root_ = build(keys, {0, static_cast<std::uint32_t>(keys.size())}, 0);
    branches_.shrink_to_fit();
    children_.shrink_to_fit();
}

template <class Key>
auto Trie<Key>::build(std::span<const Key> keys, KeyRange range, std::size_t depth) -> Node {
    if (range.size() <= kLeafKeys || depth == kKeySymbols<Key>) return {range, kLeaf};

    const auto place = static_cast<std::uint32_t>(branches_.size());
    Branch branch;
    branch.range = range;
    std::vector<std::uint32_t> starts;
    for (std::uint32_t i = range.begin; i < range.end; ++i) {
        const Code code = code_at(keys[i], depth);
        std::uint64_t& word = branch.present[code / 64];
        const std::uint64_t bit = std::uint64_t{1} << (code % 64);
        if ((word & bit) == 0) starts.push_back(i);
        word |= bit;
    }
    for (std::size_t w = 1; w < 4; ++w) {
        branch.before[w] =
            static_cast<std::uint8_t>(branch.before[w - 1] + std::popcount(branch.present[w - 1]));
    }
    branch.first_child = static_cast<std::uint32_t>(children_.size());
    branches_.push_back(branch);
    children_.insert(children_.end(), starts.begin(), starts.end());

    for (std::size_t n = 0; n < starts.size(); ++n) {
        const std::uint32_t end = n + 1 < starts.size() ? starts[n + 1] : range.end;
        const bool ended = n == 0 && (branch.present[0] & 1) != 0;  // the one key that ends here
        const Node node = ended ? Node{{starts[n], end}, kLeaf} : build(keys, {starts[n], end}, depth + 1);
        if (!node.is_leaf()) children_[branch.first_child + n] = kIsBranch | node.branch;
    }
    return {range, place};
}

template <class Key>
auto Trie<Key>::child_at(const Branch& branch, std::uint32_t nth, std::uint32_t count) const noexcept
    -> Node {
    const std::uint32_t place = branch.first_child + nth;
    const std::uint32_t c = children_[place];
    if ((c & kIsBranch) != 0) return {branches_[c & ~kIsBranch].range, c & ~kIsBranch};
    return {{c, nth + 1 < count ? start(place + 1) : branch.range.end}, kLeaf};
}

template <class Key>
auto Trie<Key>::child(const Node& node, Code code) const noexcept -> Node {
    const Branch& branch = branches_[node.branch];
    const std::uint64_t word = branch.present[code / 64];
    const std::uint64_t bit = std::uint64_t{1} << (code % 64);
    if ((word & bit) == 0) return {};
    const auto nth = branch.before[code / 64] + static_cast<std::uint32_t>(std::popcount(word & (bit - 1)));
    return child_at(branch, nth, child_count(branch));
}

template <class Key>
template <class Visit>
void Trie<Key>::for_each_child(const Node& node, Visit&& visit) const {
    const Branch& branch = branches_[node.branch];
    const std::uint32_t count = child_count(branch);
    std::uint32_t nth = 0;
    for (std::size_t w = 0; w < 4; ++w) {
        for (std::uint64_t left = branch.present[w]; left != 0; left &= left - 1) {
            const auto code = static_cast<Code>(w * 64 + static_cast<std::size_t>(std::countr_zero(left)));
            visit(code, child_at(branch, nth++, count));
        }
    }
}

}  // namespace platewatch
