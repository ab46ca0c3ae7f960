// A trie whose nodes are ranges of a sorted array of keys.
//
// A node that branches is a run of slots: a header with the smallest of its children's codes and how many
// codes there are from it to the largest, then a slot for each of these codes, and one behind them that
// marks the end. The children of a node share its range out among them in the order of their codes, so a
// child is two neighbouring slots: it begins where the first says and ends where the second begins. A code
// without keys is an empty child. Keys that end at the node hang under code 0.
//
// Behind the shortcuts (see below), a range of at most kCompactKeys keys, and few of each code, is split once
// more at most: its children are leaves, of which a byte says how many keys stand in front of them. Such a
// compact node is its header, a slot that begins with the place of its first key, and the bytes, which begin
// in that slot.
//
// A range is split only where it has more than kLeafKeys keys and enough for each slot: scanning a few more
// keys is cheaper than a sparse node, and so no list can blow up the trie.
//
// Every walk begins with the same few steps: fans lead to the node of the first kShortcutSymbols symbols with
// a look at one word for each symbol. Where there would be too many of them there are none.
//
// The slots may come from a snapshot that nobody has verified: then a walk may go astray, but it stays in
// them, and its ranges stay in the array.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "platewatch/base/prefetch.hpp"
#include "platewatch/search/key.hpp"
#include "platewatch/store/array.hpp"

namespace platewatch {

struct KeyRange {
    std::uint32_t begin = 0, end = 0;

    [[nodiscard]] constexpr std::uint32_t size() const noexcept { return end - begin; }
};

struct TrieSlot {
    std::uint32_t begin = 0;  // of the child's range; in a header: the smallest code
    // Place of the child's header, or kLeaf; in a header: the number of codes, and whether it is compact.
    std::uint32_t branch = ~0U;
};

// The codes from `least` on lead to `first`, the next, and so on.
struct TrieFan {
    std::uint32_t first = 0;
    std::uint16_t count = 0;
    std::uint8_t least = 0;

    // 0 where the code leads nowhere.
    [[nodiscard]] constexpr std::uint32_t at(Code code) const noexcept {
        const std::uint32_t nth = std::uint32_t{code} - least;
        return (first + nth) & (0U - std::uint32_t{nth < count});
    }
};

template <class Key>
class Trie {
  public:
    static constexpr std::size_t kShortcutSymbols = 3;
    // Comparing a wide key costs several times what a narrow one does, so their ranges are split further.
    static constexpr bool kNarrow = sizeof(Key) == sizeof(Key8);
    static constexpr std::uint32_t kLeafKeys = kNarrow ? 16 : 8;
    static constexpr std::size_t kKeysPerSlot = kNarrow ? 3 : 2;
    static constexpr std::uint32_t kCompactKeys = 255;
    static constexpr std::size_t kMostOfCompact = 2 * kLeafKeys;  // keys of a child, on average
    static constexpr std::size_t kKeysPerCompactSlot = kNarrow ? 6 : 4;
    static constexpr std::size_t kKeysPerFan = 16, kFewFans = 256;  // a small table always pays
    static constexpr std::uint32_t kLeaf = ~0U;
    static constexpr std::uint32_t kCompact = 1U << 31;  // in a header's number of codes

    // Whether a range of keys is split at a depth by so many codes, and whether that makes a compact node.
    [[nodiscard]] static constexpr bool is_compact(std::size_t keys, std::size_t codes,
                                                   std::size_t depth) noexcept {
        return keys <= kCompactKeys && keys <= kMostOfCompact * codes && depth >= kShortcutSymbols;
    }
    [[nodiscard]] static constexpr bool is_split(std::size_t keys, std::size_t codes,
                                                 std::size_t depth) noexcept {
        if (keys <= kLeafKeys) return false;
        return is_compact(keys, codes, depth) ? keys >= kKeysPerCompactSlot * compact_slots(codes)
                                              : keys >= kKeysPerSlot * (codes + 2);
    }

    Trie() = default;

    // Precondition: keys ascend, without repeats; fewer than 2^32 - 1.
    explicit Trie(std::span<const Key> keys) : key_count_(static_cast<std::uint32_t>(keys.size())) {
        Column<TrieSlot> slots;
        root_.range = {0, key_count_};
        root_.branch = build(keys, root_.range, 0, slots);
        slots.shrink_to_fit();
        slots_ = Array<TrieSlot>(std::move(slots));
        add_fans();
    }

    // Calls visit(array) for the array that a snapshot keeps; once it is replaced, `restore`.
    template <class Self, class Visit>
    static void for_each_part(Self& self, Visit&& visit) {
        visit(self.slots_);
    }
    void restore(std::uint32_t key_count) {
        key_count_ = key_count;
        root_ = {{0, key_count}, slots_.size() < 2 ? kLeaf : 0};
        add_fans();
    }

    struct Node {
        KeyRange range;
        std::uint32_t branch = kLeaf;

        [[nodiscard]] constexpr bool is_leaf() const noexcept { return branch == kLeaf; }
    };

    [[nodiscard]] Node root() const noexcept { return root_; }

    // The child of a node that is no leaf; an empty leaf if no key goes on with that code.
    [[nodiscard]] [[gnu::always_inline]] Node child(const Node& node, Code code) const noexcept {
        return child(node.branch, code);
    }
    [[nodiscard]] [[gnu::always_inline]] Node child(std::size_t header, Code code) const noexcept {
        if (header >= slots_.size()) return {};
        const std::uint32_t nth = code - slots_[header].begin;
        if ((slots_[header].branch & kCompact) != 0) return compact_child(header, nth);
        const std::size_t place = header + 1 + nth;
        if (nth >= slots_[header].branch || place + 1 >= slots_.size()) return {};
        return node_at(place);
    }

    // At most so many children does a node have.
    [[nodiscard]] std::uint32_t child_count(const Node& node) const noexcept {
        return node.branch < slots_.size() ? slots_[node.branch].branch & ~kCompact : 0;
    }

    // The place of the slot of a key's first kShortcutSymbols symbols; 0 if there is no shortcut to it.
    [[nodiscard]] std::uint32_t find_shortcut(Key key) const noexcept {
        std::uint32_t place = first_;
        for (std::size_t depth = 0; depth < kShortcutSymbols; ++depth)
            place = fans_[place].at(code_at(key, depth));
        return place;
    }
    [[nodiscard]] Node node_at(std::size_t place) const noexcept {
        return {{slots_[place].begin, slots_[place + 1].begin}, slots_[place].branch};
    }

    void prefetch_slot(std::uint32_t place) const noexcept { prefetch(slots_.data() + place); }
    // What child() of the node will touch: its header and, once that is there, the child's slot.
    void prefetch_header(const Node& node) const noexcept {
        if (!node.is_leaf()) prefetch(slots_.data() + node.branch);
    }
    void prefetch_child(std::size_t header, Code code) const noexcept {
        if (header >= slots_.size()) return;
        const std::uint32_t nth = code - slots_[header].begin;
        const bool compact = (slots_[header].branch & kCompact) != 0;
        prefetch(slots_.data() + header + 1 + (compact ? nth / sizeof(TrieSlot) : nth));
    }

    // The range of a node, which is in the array whatever a file says.
    [[nodiscard]] KeyRange range_of(const Node& node) const noexcept {
        const bool sound = node.range.begin <= node.range.end && node.range.end <= key_count_;
        return sound ? node.range : KeyRange{};
    }

    // Calls visit(code, child) for each child that has keys, in the order of codes, padding included.
    template <class Visit>
    void for_each_child(const Node& node, Visit&& visit) const {
        const std::size_t header = node.branch;
        if (header >= slots_.size()) return;
        const bool compact = (slots_[header].branch & kCompact) != 0;
        const std::uint32_t codes = slots_[header].branch & ~kCompact;
        for (std::uint32_t nth = 0; nth < codes; ++nth) {
            const std::size_t place = header + 1 + nth;
            const std::uint32_t code = slots_[header].begin + nth;
            if ((!compact && place + 1 >= slots_.size()) || code > kUnknownCode) return;
            const Node child = compact ? compact_child(header, nth) : node_at(place);
            if (child.range.size() != 0) visit(static_cast<Code>(code), child);
        }
    }

    [[nodiscard]] std::size_t nbytes() const noexcept {
        return slots_.size_bytes() + fans_.size() * sizeof(TrieFan);
    }

  private:
    // Bytes of a compact node in front of those that count keys: the header, and its first key's place.
    static constexpr std::size_t kCompactHead = sizeof(TrieSlot) + sizeof(std::uint32_t);
    [[nodiscard]] static constexpr std::size_t compact_slots(std::size_t codes) noexcept {
        return (kCompactHead + codes + 1 + sizeof(TrieSlot) - 1) / sizeof(TrieSlot);
    }

    [[nodiscard]] [[gnu::always_inline]] Node compact_child(std::size_t header,
                                                            std::uint32_t nth) const noexcept {
        if (nth >= (slots_[header].branch & ~kCompact) || header + compact_slots(nth + 1) > slots_.size())
            return {};
        const auto* bytes = reinterpret_cast<const unsigned char*>(&slots_[header]) + kCompactHead + nth;
        const std::uint32_t first = slots_[header + 1].begin;
        return {{first + bytes[0], first + bytes[1]}, kLeaf};
    }

    // fans_[0] leads nowhere, wherever one comes from.
    void add_fans() {
        fans_.assign(1, {});
        first_ = 0;
        if (slots_.empty()) return;
        fans_.emplace_back();
        if (add_fan(1, root_, 0)) {
            first_ = 1;
        } else {
            fans_.assign(1, {});
        }
        fans_.shrink_to_fit();
    }

    // Fills fans_[place], of a node at some depth; false if there are too many. A leaf's leads nowhere.
    [[nodiscard]] bool add_fan(std::size_t place, const Node& node, std::size_t depth) {
        const std::size_t header = node.branch;
        if (header >= slots_.size()) return true;
        const std::uint32_t least = slots_[header].begin, count = slots_[header].branch;
        if (least > kUnknownCode || count > kUnknownCode - least + 1 || header + 1 + count >= slots_.size())
            return true;  // such as no trie has
        const bool last = depth + 1 == kShortcutSymbols;
        fans_[place] = {static_cast<std::uint32_t>(last ? header + 1 : fans_.size()),
                        static_cast<std::uint16_t>(count), static_cast<std::uint8_t>(least)};
        if (last) return true;
        const std::size_t first = fans_.size();
        if (first + count > std::max<std::size_t>(kFewFans, key_count_ / kKeysPerFan)) return false;
        fans_.resize(first + count);
        for (std::size_t nth = 0; nth < count; ++nth) {
            if (!add_fan(first + nth, node_at(header + 1 + nth), depth + 1)) return false;
        }
        return true;
    }

    // The place of the header of a range, or kLeaf.
    static std::uint32_t build(std::span<const Key> keys, KeyRange range, std::size_t depth,
                               Column<TrieSlot>& slots) {
        if (range.size() <= kLeafKeys || depth == kKeySymbols<Key>) return kLeaf;
        const Code least = code_at(keys[range.begin], depth);
        const std::size_t codes = std::size_t{code_at(keys[range.end - 1], depth)} - least + 1;
        if (!is_split(range.size(), codes, depth)) return kLeaf;
        if (is_compact(range.size(), codes, depth)) return build_compact(keys, range, depth, slots);

        const std::size_t header = slots.size();
        slots.resize(header + codes + 2);
        slots[header] = {least, static_cast<std::uint32_t>(codes)};
        std::uint32_t begin = range.begin;
        for (std::size_t nth = 0; nth < codes; ++nth) {
            std::uint32_t end = begin;
            while (end < range.end && code_at(keys[end], depth) == least + nth) ++end;
            const bool ended = least + nth == kPadding;  // the one key that ends here
            const std::uint32_t branch = ended ? kLeaf : build(keys, {begin, end}, depth + 1, slots);
            slots[header + 1 + nth] = {begin, branch};
            begin = end;
        }
        slots[header + 1 + codes] = {range.end, kLeaf};
        return static_cast<std::uint32_t>(header);
    }

    static std::uint32_t build_compact(std::span<const Key> keys, KeyRange range, std::size_t depth,
                                       Column<TrieSlot>& slots) {
        const Code least = code_at(keys[range.begin], depth);
        const std::size_t codes = std::size_t{code_at(keys[range.end - 1], depth)} - least + 1;
        const std::size_t header = slots.size();
        slots.resize(header + compact_slots(codes), TrieSlot{0, 0});
        slots[header] = {least, static_cast<std::uint32_t>(codes) | kCompact};
        slots[header + 1].begin = range.begin;
        auto* bytes = reinterpret_cast<unsigned char*>(&slots[header]) + kCompactHead;
        std::uint32_t at = range.begin;
        for (std::size_t nth = 0; nth <= codes; ++nth) {
            while (at < range.end && code_at(keys[at], depth) < least + nth) ++at;
            bytes[nth] = static_cast<unsigned char>(at - range.begin);
        }
        return static_cast<std::uint32_t>(header);
    }

    Array<TrieSlot> slots_;
    std::vector<TrieFan> fans_;
    std::uint32_t first_ = 0;  // the fan of the first symbol
    std::uint32_t key_count_ = 0;
    Node root_;
};

}  // namespace platewatch
