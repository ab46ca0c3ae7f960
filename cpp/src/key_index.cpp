#include "platewatch/key_index.hpp"

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

#include "platewatch/symbols.hpp"
#include "platewatch/walk.hpp"

namespace platewatch {
namespace {

// [i]: how many keys a scan touches once the first i codes of the read have been followed.
using AnchorCosts = std::array<std::uint32_t, kMaxSymbols + 1>;

template <class Key>
AnchorCosts anchor_costs(const Trie<Key>& trie, std::span<const Code> read) noexcept {
    AnchorCosts costs{};
    auto node = trie.root();
    costs[0] = node.range.size();
    for (std::size_t i = 0; i < read.size(); ++i) {
        if (!node.is_leaf()) node = trie.child(node, read[i]);
        costs[i + 1] = node.range.size();
    }
    return costs;
}

// The cut that leaves the least to scan. An anchor that forgives b edits reaches about as far as one that is
// b symbols shorter.
template <class Key>
std::size_t choose_cut(const Trie<Key>& forward, const Trie<Key>& backward, std::span<const Code> read,
                       std::span<const Code> mirrored, unsigned forward_budget,
                       unsigned backward_budget) noexcept {
    const AnchorCosts left = anchor_costs(forward, read);
    const AnchorCosts right = anchor_costs(backward, mirrored);
    const auto shorter = [](std::size_t length, unsigned by) { return length > by ? length - by : 0; };
    std::size_t best = 0;
    std::uint64_t least = ~std::uint64_t{0};
    for (std::size_t cut = 0; cut <= read.size(); ++cut) {
        const std::uint64_t cost = std::uint64_t{left[shorter(cut, forward_budget)]} +
                                   right[shorter(read.size() - cut, backward_budget)];
        if (cost < least) least = cost, best = cut;
    }
    return best;
}

// A key of 8 symbols beside a read of more.
template <class Wide, class Key>
constexpr Wide widen(Key key) noexcept {
    if constexpr (sizeof(Wide) == sizeof(Key)) {
        return key;
    } else {
        return static_cast<Wide>(key) << (8 * (sizeof(Wide) - sizeof(Key)));
    }
}

template <class ReadKey, class Key, class Found>
void scan(std::span<const Key> keys, KeyRange range, ReadKey read, unsigned k, Found&& found) {
    for (std::uint32_t i = range.begin; i < range.end; ++i) {
        const unsigned edits = bounded_distance(read, widen<ReadKey>(keys[i]), k);
        if (edits <= k) found(i, edits);
    }
}

}  // namespace

template <class Key>
KeyIndex<Key>::KeyIndex(std::vector<Key> keys) : forward_(std::move(keys)), forward_trie_(forward_) {
    backward_.reserve(forward_.size());
    for (const Key key : forward_) backward_.push_back(reversed(key));
    std::ranges::sort(backward_);
    backward_trie_ = Trie<Key>(backward_);
}

template <class Key>
void KeyIndex<Key>::search(std::span<const Code> read, unsigned k, std::vector<KeyMatch>& out) const {
    out.clear();
    if (forward_.empty() || read.size() > kKeySymbols<Key> + k) return;
    if (read.size() > kKeySymbols<Key>) {
        search_as<Key16>(read, k, out);
    } else {
        search_as<Key>(read, k, out);
    }
}

template <class Key>
template <class ReadKey>
void KeyIndex<Key>::search_as(std::span<const Code> read, unsigned k, std::vector<KeyMatch>& out) const {
    const auto read_key = pack<ReadKey>(read);
    if (k == 0) {
        if constexpr (std::is_same_v<ReadKey, Key>) {
            const std::uint32_t place = place_of(read_key);
            if (place != kAbsent) out.push_back({place, 0});
        }
        return;
    }

    std::array<Code, kMaxSymbols> mirror{};
    std::reverse_copy(read.begin(), read.end(), mirror.begin());
    const std::span<const Code> mirrored = std::span(mirror).first(read.size());
    const unsigned forward_budget = k / 2, backward_budget = (k - 1) / 2;
    const std::size_t cut =
        choose_cut(forward_trie_, backward_trie_, read, mirrored, forward_budget, backward_budget);

    walk(forward_trie_, read.first(cut), forward_budget, [&](KeyRange range) {
        scan<ReadKey, Key>(forward_, range, read_key, k,
                           [&](std::uint32_t i, unsigned edits) { out.push_back({i, edits}); });
    });
    const auto mirrored_key = pack<ReadKey>(mirrored);
    walk(backward_trie_, mirrored.first(read.size() - cut), backward_budget, [&](KeyRange range) {
        scan<ReadKey, Key>(backward_, range, mirrored_key, k, [&](std::uint32_t i, unsigned edits) {
            out.push_back({place_of(reversed(backward_[i])), edits});
        });
    });

    // A key can hang on both anchors.
    std::ranges::sort(out, {}, &KeyMatch::place);
    const auto repeats = std::ranges::unique(out, {}, &KeyMatch::place);
    out.erase(repeats.begin(), repeats.end());
}

template <class Key>
std::uint32_t KeyIndex<Key>::place_of(Key key) const noexcept {
    auto node = forward_trie_.root();
    for (std::size_t i = 0; i < kKeySymbols<Key> && !node.is_leaf(); ++i) {
        node = forward_trie_.child(node, code_at(key, i));
    }
    for (std::uint32_t i = node.range.begin; i < node.range.end; ++i) {
        if (forward_[i] == key) return i;
    }
    return kAbsent;
}

template class KeyIndex<Key8>;
template class KeyIndex<Key16>;

}  // namespace platewatch
