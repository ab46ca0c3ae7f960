// Every pattern within k edits of a read, from a trie of the patterns' tokens.
//
// Contract: edits(read, pattern) is the least Levenshtein distance from the read to a plate that the pattern
// admits, region marks as in index.hpp: if such a plate has a mark, it is also compared without it, so what
// is left of the marked plates (`bare_forms`) are further forms of the pattern; and if the read has a mark,
// the read without it is compared with the patterns for which has_region_mark(pattern) is false. Such a
// pattern may admit plates with and without a mark; the read without its mark is compared with all of them.
// An unknown symbol of a read is admitted by `?` and `*` at no cost, and by nothing else. The length of a
// plate is not bounded here: `*` may stand for more symbols than a plate of 16 has room for.
//
// The search goes down the trie depth first. For each number of edits, a bit set holds how many of the read's
// first symbols can be spent on the way to the node (Wu and Manber's automaton, with the read as the
// pattern), so a step is a few word operations, and a node that no set reaches ends its branch. What costs
// time are the first levels, where every branch is alive until the edits are spent. So, as in key_index.hpp,
// there are two anchors: a pattern of at least 6 tokens that knows symbols at both ends lies in a trie of its
// tokens from left to right, where at most floor(k/2) edits fall to the first 3 tokens, and in one from right
// to left, where at most floor((k-1)/2) fall to the last 3; for any k edits, one of the two holds. Any other
// pattern lies in one trie of its own kind, in the direction in which its known symbols come first.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "platewatch/search/distance.hpp"
#include "platewatch/text/pattern.hpp"
#include "platewatch/text/symbols.hpp"

namespace platewatch {

struct PatternMatch {
    std::uint32_t pattern;  // its place in the list that the index was made from
    std::uint32_t edits;

    friend constexpr bool operator==(const PatternMatch&, const PatternMatch&) noexcept = default;
};

inline constexpr std::size_t kMaxPatterns = std::size_t{1} << 19;  // keeps all counts in 32 bits

class PatternIndex {
  public:
    // The nodes of the four tries, breadth first: 0 to 3 are the roots, the last one is none and only ends
    // the ranges of the one before it. So nodes of one parent are neighbours.
    struct Node {
        std::uint32_t label;     // of the token that leads here; see `Arrays`
        std::uint32_t children;  // they end where the next node's begin
        std::uint32_t forms;     // that end here; likewise
    };
    // One form of a pattern.
    struct Form {
        std::uint32_t pattern;
        std::uint32_t meets_bare_reads;  // 0 or 1
    };
    // All that there is to an index; a snapshot may hold them as they are. A label is the place of a symbol
    // in `symbols`; then comes the one of `?`, then the sets by number; kRunLabel is `*`.
    struct Arrays {
        std::span<const char32_t> symbols;  // ascending
        std::span<const Node> nodes;
        std::span<const Form> forms;
        std::span<const std::uint32_t> members;   // of the sets, as labels
        std::span<const std::uint32_t> set_ends;  // in `members`
    };
    static constexpr std::uint32_t kRunLabel = 0xFFFFFFFF;

    // What a search needs besides its answer; one for each thread, used again for each read.
    class Workspace {
        friend class PatternIndex;

        struct Frame {
            std::uint32_t node, depth;
            std::array<std::uint32_t, kMaxEdits + 1> reach;
        };
        std::vector<Frame> stack_;
        std::vector<std::uint32_t> masks_;
    };

    PatternIndex() = default;

    // Throws std::length_error over kMaxPatterns.
    explicit PatternIndex(std::span<const Pattern> patterns);

    // A view, which must not outlive the arrays. They need not be right: with arrays of any content a search
    // ends, reads nothing outside of them and reports only patterns < size, but its answer may be wrong.
    PatternIndex(const Arrays& arrays, std::size_t size) noexcept : size_(size), arrays_(arrays) {}

    PatternIndex(PatternIndex&&) noexcept = default;
    PatternIndex& operator=(PatternIndex&&) noexcept = default;

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] const Arrays& arrays() const noexcept { return arrays_; }

    // Replaces `out` by the patterns within k edits, ascending by number. Nothing is allocated once workspace
    // and `out` have grown. Precondition: read.size() <= kMaxSymbols, k <= kMaxEdits.
    void search(std::u32string_view read, unsigned k, Workspace& workspace,
                std::vector<PatternMatch>& out) const;

    // Bytes of the arrays.
    [[nodiscard]] std::size_t nbytes() const noexcept;

  private:
    class Builder;

    void search_text(std::u32string_view text, unsigned k, bool bare, Workspace& workspace,
                     std::vector<PatternMatch>& out) const;

    template <unsigned K>
    void walk(std::uint32_t root, std::size_t read_size, bool bare, Workspace& workspace,
              std::vector<PatternMatch>& out) const;

    // masks[label]: bit j is set if the label admits the j-th symbol of the read, from 1.
    void fill_masks(bool backward, std::span<const std::size_t> labels,
                    std::vector<std::uint32_t>& masks) const;
    [[nodiscard]] std::uint32_t mask_of_set(std::size_t label,
                                            std::span<const std::uint32_t> masks) const noexcept;

    // Empty in a view. Moving a vector leaves its elements where they are, so the spans stay right.
    std::vector<char32_t> symbols_;
    std::vector<Node> nodes_;
    std::vector<Form> forms_;
    std::vector<std::uint32_t> members_, set_ends_;

    std::size_t size_ = 0;
    Arrays arrays_;
};

}  // namespace platewatch
