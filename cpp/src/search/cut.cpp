#include "search/cut.hpp"

#include <algorithm>
#include <array>

#include "platewatch/search/key.hpp"
#include "platewatch/search/middle_order.hpp"
#include "platewatch/text/symbols.hpp"

namespace platewatch {
namespace {

// What visiting one end's anchors costs, roughly, in vectors of keys that are compared.
template <class Key>
struct Prices {
    std::array<std::uint64_t, kMaxSymbols + 1> range;     // [length]: keys that begin so far as the read
    std::array<std::uint64_t, kMaxSymbols + 1> children;  // [length]: of the nodes in front of it

    Prices(const Trie<Key>& trie, const Path<Key>& path, std::size_t size) noexcept {
        constexpr std::uint64_t kVector = 8;
        std::uint64_t sum = 0;
        for (std::size_t length = 0; length <= size; ++length) {
            range[length] = path[length].range.size() / kVector + 1;
            children[length] = sum;
            if (length < size) sum += trie.child_count(path[length]);
        }
    }

    [[nodiscard]] std::uint64_t of(const Side& side) const noexcept {
        constexpr std::uint64_t kVisit = 4;  // vectors that the way to a range is worth
        std::uint64_t price = 2 * range[side.sure];
        if (side.last_replaced == Side::LastReplaced::any) price += range[side.sure - 1];
        if (side.last_replaced == Side::LastReplaced::next_sure) price += range[side.sure - 1] / 2;
        if (side.forgives == Forgives::nothing || side.sure == 0) return price;
        price += side.sure * (kVisit + range[side.length - 1]);
        if (side.forgives == Forgives::missing) return price;
        const std::uint64_t others = children[side.others_at()] * (kVisit + range[side.length]);
        return price + (side.forgives == Forgives::any ? 2 : 1) * others;
    }
};

}  // namespace

template <class Key>
Cut choose_cut(const Trie<Key>& forward_trie, const Trie<Key>& backward_trie, const Path<Key>& forward,
               const Path<Key>& backward, std::uint32_t size, unsigned k,
               std::optional<std::uint64_t> middle) noexcept {
    constexpr std::uint32_t kMostBetween = 2;  // symbols that no side is sure of
    constexpr std::uint64_t kOfEight = 4;      // keys that are looked up one by one
    constexpr std::uint64_t kCheap = 512;      // a price that it is not worth to look further for a lower one
    const Prices<Key> ahead(forward_trie, forward, size), behind(backward_trie, backward, size);
    Cut best;
    std::uint64_t least = ~std::uint64_t{0};
    const auto consider = [&](const Cut& cut) {
        std::uint64_t price = ahead.of(cut.forward) + behind.of(cut.backward);
        if (cut.by_middle) price += kOfEight * (*middle / 8 + 1);
        if (price < least) least = price, best = cut;
    };
    // With two symbols between both ends, an end may take the one beside it, too.
    using LastReplaced = Side::LastReplaced;
    const auto cheaper = [](const Prices<Key>& prices, const Side& side, LastReplaced last_replaced) {
        const Side longer{side.sure + 1, side.length, side.forgives, last_replaced};
        return prices.of(longer) < prices.of(side) ? longer : side;
    };
    if (middle) {
        constexpr std::uint32_t kMiddle = MiddleOrder::kMiddle, kBehind = MiddleOrder::kBehind;
        const std::uint32_t first = size - kMiddle - kBehind;
        const Side front{first, first + kMiddle, Forgives::missing},
            end{kBehind, kBehind + kMiddle, Forgives::missing};
        if (size == kKeySymbols<Key>) {
            consider(
                {cheaper(ahead, front, LastReplaced::any), cheaper(behind, end, LastReplaced::any), true});
        } else {
            consider({cheaper(ahead, front, LastReplaced::next_sure), end, true});
        }
        if (least <= kCheap) return best;
    }
    const auto consider_all = [&](std::uint32_t first) {
        if (2 * ahead.range[first] >= least) return;
        const std::uint32_t rest = size - first;
        if (k == 1) return consider({{first, first}, {rest, rest}});
        if (k == 3) {
            const auto side = [](std::uint32_t length) {
                return Side{length == 0 ? 0 : length - 1, length, Forgives::any};
            };
            return consider({side(first), side(rest)});
        }
        for (std::uint32_t last = rest - std::min(rest, kMostBetween); last <= rest; ++last) {
            if (2 * (ahead.range[first] + behind.range[last]) >= least) continue;
            const auto both = [&](Forgives in_front, Forgives at_end) {
                const Side front{first, size - last, in_front}, end{last, rest, at_end};
                if (size == kKeySymbols<Key> && last + kMostBetween == rest) {
                    consider(
                        {cheaper(ahead, front, LastReplaced::any), cheaper(behind, end, LastReplaced::any)});
                } else {
                    consider({front, end});
                }
            };
            if (size > kKeySymbols<Key>) {
                both(Forgives::missing, Forgives::missing);
            } else if (size == kKeySymbols<Key>) {
                both(Forgives::missing_or_other, Forgives::missing);
                both(Forgives::missing, Forgives::missing_or_other);
            } else {
                both(Forgives::any, Forgives::nothing);
                both(Forgives::nothing, Forgives::any);
            }
        }
    };
    consider_all(size / 2);  // mostly near the best: of most others it is soon seen that they are dearer
    for (std::uint32_t first = 0; first <= size; ++first) {
        if (first != size / 2) consider_all(first);
    }
    return best;
}

template Cut choose_cut<Key8>(const Trie<Key8>&, const Trie<Key8>&, const Path<Key8>&, const Path<Key8>&,
                              std::uint32_t, unsigned, std::optional<std::uint64_t>) noexcept;
template Cut choose_cut<Key16>(const Trie<Key16>&, const Trie<Key16>&, const Path<Key16>&, const Path<Key16>&,
                               std::uint32_t, unsigned, std::optional<std::uint64_t>) noexcept;

}  // namespace platewatch
