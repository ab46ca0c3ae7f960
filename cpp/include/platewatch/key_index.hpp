// Every key within k edits of a read, by two anchors.
//
// Cut the read in two at any place. An edit falls left or right of the cut, so of at most k edits either the
// left part has at most floor(k/2), or the right part has at most floor((k-1)/2): were both exceeded, there
// would be at least floor(k/2) + 1 + floor((k-1)/2) + 1 = k + 1. A key of the first sort begins with
// something within floor(k/2) edits of the read's left part: a walk down the trie of the keys read forwards.
// One of the second sort ends likewise: a walk down the trie of the keys read backwards. Each walk ends in
// few contiguous ranges of a sorted array, and only these are compared in full. The cut is put where the
// ranges are smallest.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "platewatch/distance.hpp"
#include "platewatch/kernel.hpp"
#include "platewatch/key.hpp"
#include "platewatch/trie.hpp"

namespace platewatch {

struct KeyMatch {
    std::uint32_t place;  // of the key in ascending order
    std::uint32_t edits;
};

template <class Key>
class KeyIndex {
  public:
    KeyIndex() = default;

    // Precondition: keys ascend, without repeats; fewer than 2^31.
    explicit KeyIndex(std::vector<Key> keys);

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    // Replaces `out` by every key within k edits of the read, ascending by place.
    // Precondition: read.size() <= kMaxSymbols, k <= kMaxEdits.
    void search(std::span<const Code> read, unsigned k, std::vector<KeyMatch>& out) const;

    [[nodiscard]] std::size_t nbytes() const noexcept {
        return (forward_.size() + backward_.size()) * sizeof(Key) + forward_trie_.nbytes() +
               backward_trie_.nbytes();
    }

  private:
    static constexpr std::uint32_t kAbsent = 0xFFFFFFFF;

    [[nodiscard]] std::uint32_t place_of(Key key) const noexcept;

    // Calls found(place in `keys`, edits) for each key of the range within k edits of the read.
    template <class ReadKey, class Found>
    void scan(const std::vector<Key>& keys, KeyRange range, ReadKey read, unsigned k, Found&& found) const;

    template <class ReadKey>
    void search_as(std::span<const Code> read, unsigned k, std::vector<KeyMatch>& out) const;

    std::size_t size_ = 0;
    std::vector<Key> forward_;   // ascending; then, as in backward_, padding for the kernels
    std::vector<Key> backward_;  // each key's symbols reversed, ascending
    Trie<Key> forward_trie_, backward_trie_;
    const Kernel* kernel_ = nullptr;  // null for an empty index only
};

extern template class KeyIndex<Key8>;
extern template class KeyIndex<Key16>;

}  // namespace platewatch
