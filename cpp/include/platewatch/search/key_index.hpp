// Every key within k edits of a read, by its first symbols and its last ones.
//
// How many the first and the last ones are is free, as long as they do not overlap. Of at most k edits,
// either none is in the first ones: a key begins with them, and is found one way down the trie of the keys
// read forwards. Or none is in the last ones: the same in the trie of the keys read backwards. Or there is
// one in either:
//   k = 1: that is one too many, if first and last symbols take up all of the read. Or the first and the last
//   ones
//          take all but three each, and the keys that have those three both are in the ends order, if there
//          is one (ends_order.hpp).
//   k = 2: there is one in each, and none between. Forwards, that is a walk over all but the last symbols
//          that forgives one edit at the first ones; backwards, the mirror image. Of two kinds of edits, one
//          on each side, it is enough to walk for one: so each pair of kinds has to be walked for on one of
//          the sides. Where no key is longer than the read, a code that the read lacks goes with one that the
//          key lacks, which is cheap to forgive: one way a place. All that is left then is a symbol replaced
//          on each side, which one of the sides walks for, or the middle order has (middle_order.hpp). Of
//          reads of seven symbols it also has the keys of eight with a symbol more on one side.
//          What is asked of all keys that begin with the first symbols is the dearest then. With two symbols
//          between both ends, it is asked instead of those that also begin with the first of the two; and one
//          edit less of those that have another one there. For where it is missing, or one more is in front
//          of it, the other edit is at the other end: if the key lacks it, one way more finds the key, and
//          what has one more here lacks one there, or is in the middle order. Only if both ends do so, a key
//          that lacks both symbols is in neither, and is looked up.
//   k = 3: cut what is between them anywhere: there is one edit only in front of the cut, or only one behind.
// Each walk ends in few contiguous ranges of a sorted array; only their keys are compared, each with what the
// walk has left of the read and of the edits. Of all this, what costs least is chosen for each read.
//
// Reads are taken a block at a time, step by step, so that the memory that one read waits for is fetched
// while the others are worked on.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "platewatch/base/scratch.hpp"
#include "platewatch/search/alphabet.hpp"
#include "platewatch/search/distance.hpp"
#include "platewatch/search/ends_order.hpp"
#include "platewatch/search/kernel.hpp"
#include "platewatch/search/key.hpp"
#include "platewatch/search/key_pattern.hpp"
#include "platewatch/search/middle_order.hpp"
#include "platewatch/search/trie.hpp"
#include "platewatch/search/walk.hpp"
#include "platewatch/store/array.hpp"
#include "platewatch/text/pattern.hpp"

namespace platewatch {

// A text to look up, coded.
struct Probe {
    Key16 key;
    std::uint32_t size;
    std::uint32_t tag;  // the caller's

    template <class Key>
    [[nodiscard]] static Key16 widened(Key key) noexcept {
        return static_cast<Key16>(key) << (8 * (sizeof(Key16) - sizeof(Key)));
    }
    template <class Key>
    [[nodiscard]] Key as() const noexcept {
        return static_cast<Key>(key >> (8 * (sizeof(Key16) - sizeof(Key))));
    }
};

struct KeyMatch {
    std::uint32_t probe;  // its place in the block
    std::uint32_t place;  // of the key in ascending order
    std::uint32_t edits;
};

// A device has neither the memory for a fast index nor any code for it.
#if defined(PLATEWATCH_LITTLE_MEMORY)
inline constexpr bool kMayBeFast = false;
#else
inline constexpr bool kMayBeFast = true;
#endif
struct Nothing {};
template <class Part>
using FastOnly = std::conditional_t<kMayBeFast, Part, Nothing>;

// What a fast index has, and no snapshot keeps.
template <class Key>
struct FastParts {
    EndsOrder ends;                // of wide keys it is empty
    std::uint32_t long_range = 0;  // keys: more, and the ends order has them
    Array<std::uint32_t> places;   // among the keys read forwards, of those read backwards
};

// What a search of it needs.
template <class Key>
struct FastRoom {
    std::vector<std::uint32_t> left_to_ends;  // probes
    std::vector<KeyMatch> between;            // keys that may have an edit between their ends
    std::vector<KeyMatch> behind;             // ... by their place among those read backwards
};

// What a search needs besides its answer; one for each thread, used again for each block.
template <class Key>
struct KeyWorkspace {
    struct Anchored {
        Key read, mirrored;
        std::uint32_t forward_place, backward_place;  // of their shortcuts
        Anchors<Key> anchors;
        EndsOrder::Place ends;
    };
    struct Sought {  // a key whose place is not known yet
        Key key;
        std::uint32_t probe, edits;
        std::uint32_t place = 0;  // of its shortcut, if there is one
    };

    std::vector<Anchored> anchored;
    struct Pending {  // a probe whose keys are on their way from memory
        std::uint32_t number;
        std::array<Key, 2> texts;                     // as it is, and reversed
        std::array<std::vector<Scan<Key>>, 2> scans;  // by the edits spent on the way to their keys
        MiddleOrders::Parts middle;                   // whose keys are to be compared, too
    };

    std::vector<Way> ways;
    std::array<Pending, 2> pending;
    Scratch<Scan<Key>> scans;
    std::vector<Key> middle;          // keys of a cell
    std::vector<std::uint32_t> nths;  // which of the cell's they are
    FastOnly<FastRoom<Key>> fast;
    std::vector<Sought> sought;
};

template <class Key>
class KeyIndex {
  public:
    KeyIndex() = default;

    // Precondition: keys ascend, without repeats; fewer than 2^31.
    explicit KeyIndex(Column<Key> keys);

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    // In ascending order. Precondition: place < size().
    [[nodiscard]] Key key(std::uint32_t place) const noexcept { return forward_[place]; }

    // Trades memory, thirteen bytes a key, for time: an ends order, which has what would be compared with
    // more than `long_range` keys of one end; and where each key of one order is in the other. Not where
    // memory is little.
    void make_fast(std::uint32_t long_range = 80);

    // Appends every key within k edits of each probe, in any order, and a key again for each way it is found.
    // Precondition: probe.size <= kMaxSymbols, k <= kMaxEdits.
    void search(std::span<const Probe> block, unsigned k, KeyWorkspace<Key>& workspace,
                std::vector<KeyMatch>& out) const;

    // Appends the places of the keys that fit a pattern, unordered: a walk down whichever trie knows the
    // pattern's first symbols.
    void search(const Pattern& pattern, const Alphabet& alphabet, std::vector<std::uint32_t>& out) const;

    // Calls visit(number, array) for each of the arrays that a snapshot keeps; once they are replaced,
    // `restore`, which is false if they cannot be those of an index. Their content need not be right: a
    // search stays in them all the same.
    template <class Self, class Visit>
    static void for_each_part(Self& self, Visit&& visit) {
        visit(0, self.forward_);
        visit(1, self.backward_);
        Trie<Key>::for_each_part(self.forward_trie_, [&](auto& array) { visit(2, array); });
        Trie<Key>::for_each_part(self.backward_trie_, [&](auto& array) { visit(4, array); });
    }
    [[nodiscard]] bool restore();

    [[nodiscard]] std::size_t nbytes() const noexcept {
        std::size_t bytes = forward_.size_bytes() + backward_.size_bytes() + forward_trie_.nbytes() +
                            backward_trie_.nbytes() + middle_.nbytes();
        if constexpr (kMayBeFast) bytes += fast_.ends.nbytes() + fast_.places.size_bytes();
        return bytes;
    }

  private:
    using Node = typename Trie<Key>::Node;
    using Workspace = KeyWorkspace<Key>;
    using Pending = typename Workspace::Pending;

    void search_exact(std::span<const Probe> block, Workspace& workspace, std::vector<KeyMatch>& out) const;
    [[nodiscard]] bool is_fast() const noexcept {
        if constexpr (kMayBeFast) return !fast_.places.empty();
        return false;
    }

    void anchor(std::span<const Probe> block, Workspace& workspace) const;
    void leave_to_ends(std::span<const Probe> block, Workspace& workspace) const;
    void find_between(std::span<const Probe> block, Workspace& workspace, std::vector<KeyMatch>& out) const;
    void search_one_edit(std::span<const Probe> block, Workspace& workspace,
                         std::vector<KeyMatch>& out) const;
    void search_more_edits(std::span<const Probe> block, unsigned k, Workspace& workspace,
                           std::vector<KeyMatch>& out) const;
    void collect(const Probe& probe, std::uint32_t number, unsigned k, Workspace& workspace, Pending& pending,
                 std::vector<KeyMatch>& out) const;
    void compare(const Pending& pending, unsigned k, Workspace& workspace, std::vector<KeyMatch>& out) const;
    void add_behind(std::uint32_t place, std::uint32_t number, unsigned edits, Workspace& workspace) const;
    void add_found(bool mirrored, std::uint32_t place, std::uint32_t number, unsigned edits,
                   Workspace& workspace, std::vector<KeyMatch>& out) const;
    template <class Visit>
    MiddleOrders::Parts visit_all(const Probe& probe, std::uint32_t number, unsigned k, Workspace& workspace,
                                  Visit&& visit) const;
    void place_behind(Workspace& workspace, std::vector<KeyMatch>& out) const;
    void find_sought(Workspace& workspace, std::vector<KeyMatch>& out) const;

    std::size_t size_ = 0;
    Array<Key> forward_;   // ascending; then, as in backward_, padding for the kernels
    Array<Key> backward_;  // each key's symbols reversed, ascending
    Trie<Key> forward_trie_, backward_trie_;
    MiddleOrders middle_;  // no snapshot keeps them
    [[no_unique_address]] FastOnly<FastParts<Key>> fast_;
    const Kernel* kernel_ = nullptr;  // null for an empty index only
};

extern template class KeyIndex<Key8>;
extern template class KeyIndex<Key16>;

}  // namespace platewatch
