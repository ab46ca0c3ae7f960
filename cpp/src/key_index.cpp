#include "platewatch/key_index.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <type_traits>
#include <utility>

#include "platewatch/symbols.hpp"
#include "platewatch/walk.hpp"

namespace platewatch {
namespace {

// The cut that leaves the least to scan. An anchor that forgives b edits reaches about as far as one that is
// b symbols shorter.
template <class Key>
std::size_t choose_cut(const Path<Key>& forward, const Path<Key>& backward, std::size_t size,
                       unsigned forward_budget, unsigned backward_budget) noexcept {
    const auto shorter = [](std::size_t length, unsigned by) { return length > by ? length - by : 0; };
    std::size_t best = 0;
    std::uint64_t least = ~std::uint64_t{0};
    for (std::size_t cut = 0; cut <= size; ++cut) {
        const std::uint64_t cost = std::uint64_t{forward[shorter(cut, forward_budget)].range.size()} +
                                   backward[shorter(size - cut, backward_budget)].range.size();
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

}  // namespace

template <class Key>
KeyIndex<Key>::KeyIndex(std::vector<Key> keys)
    : size_(keys.size()), forward_(std::move(keys)), kernel_(&active_kernel()) {
    backward_.reserve(size_ + kKernelPadding);
    for (const Key key : forward_) backward_.push_back(reversed(key));
    std::ranges::sort(backward_);
    forward_trie_ = Trie<Key>(forward_);
    backward_trie_ = Trie<Key>(backward_);
    forward_.resize(size_ + kKernelPadding);
    backward_.resize(size_ + kKernelPadding);
}

template <class Key>
template <class ReadKey, class Found>
void KeyIndex<Key>::scan(const std::vector<Key>& keys, KeyRange range, ReadKey read, unsigned k,
                         Found&& found) const {
    const auto compare = [&](std::uint32_t i) { return bounded_distance(read, widen<ReadKey>(keys[i]), k); };
    if constexpr (std::is_same_v<Key, Key8> && std::is_same_v<ReadKey, Key8>) {
        for (std::uint32_t block = range.begin; block < range.end; block += kKernelBlock) {
            const std::size_t count = std::min<std::size_t>(range.end - block, kKernelBlock);
            for (std::uint64_t left = kernel_->within(&keys[block], count, read, k); left != 0;
                 left &= left - 1) {
                const std::uint32_t i = block + static_cast<std::uint32_t>(std::countr_zero(left));
                found(i, compare(i));
            }
        }
    } else {
        for (std::uint32_t i = range.begin; i < range.end; ++i) {
            if (const unsigned edits = compare(i); edits <= k) found(i, edits);
        }
    }
}

template <class Key>
void KeyIndex<Key>::search(std::span<const Code> read, unsigned k, std::vector<KeyMatch>& out) const {
    out.clear();
    if (size_ == 0 || read.size() > kKeySymbols<Key> + k) return;
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
    const Path<Key> forward = descend(forward_trie_, read);
    const Path<Key> backward = descend(backward_trie_, mirrored);
    const std::size_t cut = choose_cut<Key>(forward, backward, read.size(), forward_budget, backward_budget);

    visit_anchored(forward_trie_, forward, read, cut, forward_budget, [&](KeyRange range) {
        scan<ReadKey>(forward_, range, read_key, k,
                      [&](std::uint32_t i, unsigned edits) { out.push_back({i, edits}); });
    });
    const auto mirrored_key = pack<ReadKey>(mirrored);
    visit_anchored(backward_trie_, backward, mirrored, read.size() - cut, backward_budget,
                   [&](KeyRange range) {
                       scan<ReadKey>(backward_, range, mirrored_key, k, [&](std::uint32_t i, unsigned edits) {
                           out.push_back({place_of(reversed(backward_[i])), edits});
                       });
                   });

    // A key can hang on both anchors, or in several ranges of one.
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
