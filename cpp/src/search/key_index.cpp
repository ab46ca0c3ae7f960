#include "platewatch/search/key_index.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include "platewatch/base/interrupt.hpp"
#include "platewatch/base/prefetch.hpp"
#include "platewatch/base/radix_sort.hpp"
#include "platewatch/search/walk.hpp"
#include "platewatch/text/symbols.hpp"
#include "search/cut.hpp"

namespace platewatch {
namespace {

// Asks for the keys of a range; what lies beyond the first lines the hardware foresees.
template <class Key>
void prefetch_keys(const Key* keys, std::uint32_t count) noexcept {
    constexpr std::size_t kLine = 64, kMostLines = 24;
    const auto* begin = reinterpret_cast<const std::byte*>(keys);
    const std::size_t bytes = std::min(count * sizeof(Key), kMostLines * kLine);
    prefetch(begin);
    prefetch(begin + bytes - 1);
    for (std::size_t at = kLine; at + kLine < bytes; at += kLine) prefetch(begin + at);
}

constexpr std::uint32_t kMirroredTag = 1, kNone = ~0U;
template <class Key>
constexpr bool kMayHaveMiddle = std::is_same_v<Key, Key8> && MiddleOrder::kMostKeys > 0;
constexpr std::size_t kNearBytes = std::size_t{1} << 20;  // about what a core's own cache keeps of a trie

// Calls found(scan, place in its keys) for each key that a scan finds within k edits.
template <class Key, class OnFound>
void run_scans(ScanFunction<Key> kernel, std::span<const Scan<Key>> scans, unsigned k, const OnFound& found) {
    const Found<Key> each = [](void* context, const Scan<Key>& scan, std::uint32_t first,
                               std::uint64_t mask) {
        for (; mask != 0; mask &= mask - 1) {
            (*static_cast<const OnFound*>(context))(
                scan, first + static_cast<std::uint32_t>(std::countr_zero(mask)));
        }
    };
    void* context = const_cast<OnFound*>(&found);
    kernel(scans.data(), scans.size(), k, each, context);
}

}  // namespace

template <class Key>
KeyIndex<Key>::KeyIndex(Column<Key> keys) : size_(keys.size()), kernel_(&active_kernel()) {
    Column<Key> mirrored;
    mirrored.reserve(size_);
    for (const Key key : keys) mirrored.push_back(reversed(key));
    radix_sort<sizeof(Key)>(mirrored, [](Key key) { return key; });
    poll();
    forward_trie_ = Trie<Key>(keys);
    poll();
    backward_trie_ = Trie<Key>(mirrored);
    if constexpr (kMayHaveMiddle<Key>) middle_ = MiddleOrders(keys);
    keys.resize(size_ + kKernelPadding);
    mirrored.resize(size_ + kKernelPadding);
    forward_ = std::move(keys);
    backward_ = std::move(mirrored);
}

template <class Key>
void KeyIndex<Key>::make_fast(std::uint32_t long_range) {
    if constexpr (kMayBeFast) {
        struct Placed {
            Key mirrored;
            std::uint32_t place;
        };
        Column<Placed> placed(size_);
        for (std::uint32_t place = 0; place < size_; ++place)
            placed[place] = {reversed(forward_[place]), place};
        radix_sort<sizeof(Key)>(placed, [](const Placed& item) { return item.mirrored; });
        Column<std::uint32_t> places;
        places.reserve(size_);
        for (const Placed& item : placed) places.push_back(item.place);
        fast_.places = std::move(places);
        poll();
        fast_.long_range = long_range;
        if constexpr (std::is_same_v<Key, Key8>) fast_.ends = EndsOrder(forward_.view().first(size_));
    }
}

template <class Key>
bool KeyIndex<Key>::restore() {
    if (forward_.empty() && backward_.empty()) return true;  // as it was constructed
    const std::size_t size = forward_.size() - kKernelPadding;
    if (forward_.size() < kKernelPadding || backward_.size() != forward_.size() || size >= Trie<Key>::kLeaf) {
        return false;
    }
    size_ = size;
    kernel_ = &active_kernel();
    forward_trie_.restore(static_cast<std::uint32_t>(size));
    backward_trie_.restore(static_cast<std::uint32_t>(size));
    if constexpr (kMayHaveMiddle<Key>) middle_ = MiddleOrders(forward_.view().first(size));
    return true;
}

template <class Key>
void KeyIndex<Key>::search(std::span<const Probe> block, unsigned k, Workspace& workspace,
                           std::vector<KeyMatch>& out) const {
    if (size_ == 0) return;
    if (k == 0) return search_exact(block, workspace, out);
    if (k == 1) search_one_edit(block, workspace, out);
    const auto is_too_long = [](const Probe& probe) { return probe.size > kKeySymbols<Key>; };
    if (k > 1 || std::ranges::any_of(block, is_too_long)) search_more_edits(block, k, workspace, out);
}

template <class Key>
void KeyIndex<Key>::search_exact(std::span<const Probe> block, Workspace& workspace,
                                 std::vector<KeyMatch>& out) const {
    workspace.sought.clear();
    for (std::uint32_t number = 0; number < block.size(); ++number) {
        if (block[number].size > kKeySymbols<Key>) continue;
        workspace.sought.push_back({block[number].template as<Key>(), number, 0});
    }
    find_sought(workspace, out);
}

// Fills workspace.anchored with two anchors for each probe, neither of which forgives anything. Each loop
// asks for the memory that the next one needs.
template <class Key>
void KeyIndex<Key>::anchor(std::span<const Probe> block, Workspace& workspace) const {
    constexpr std::uint32_t kJump = Trie<Key>::kShortcutSymbols;
    constexpr std::uint32_t kMany = 256;  // keys that are worth another walk
    auto& anchored = workspace.anchored;
    if (anchored.size() < block.size()) anchored.resize(block.size());
    for (std::size_t i = 0; i < block.size(); ++i) {
        auto& a = anchored[i];
        a.read = block[i].template as<Key>();
        a.mirrored = reversed(a.read);
        forward_trie_.prefetch_slot(a.forward_place = forward_trie_.find_shortcut(a.read));
        backward_trie_.prefetch_slot(a.backward_place = backward_trie_.find_shortcut(a.mirrored));
    }
    for (std::size_t i = 0; i < block.size(); ++i) {
        auto& a = anchored[i];
        a.anchors = {begin_at(forward_trie_, a.forward_place), begin_at(backward_trie_, a.backward_place)};
        if (a.forward_place == 0 || a.backward_place == 0) continue;
        forward_trie_.prefetch_header(a.anchors.forward.node);
        backward_trie_.prefetch_header(a.anchors.backward.node);
    }
    for (std::size_t i = 0; i < block.size(); ++i) {
        auto& a = anchored[i];
        const std::uint32_t size = block[i].size;
        if (a.forward_place != 0 && a.backward_place != 0 && size >= 2 * kJump) {
            sharpen(forward_trie_, backward_trie_, drop(a.read, kJump), drop(a.mirrored, kJump),
                    size - 2 * kJump, a.anchors);
            const std::uint32_t ahead = a.anchors.forward.node.range.size(),
                                behind = a.anchors.backward.node.range.size();
            if (std::max(ahead, behind) <= std::max(kMany, 4 * std::min(ahead, behind))) continue;
        }
        a.anchors = {begin_at(forward_trie_, 0), begin_at(backward_trie_, 0)};
        sharpen(forward_trie_, backward_trie_, a.read, a.mirrored, size, a.anchors);
    }
}

// Where the longer range of two anchors is long, both go on but for three symbols, and what has its edit
// between the ends is left to the ends order.
template <class Key>
void KeyIndex<Key>::leave_to_ends(std::span<const Probe> block, Workspace& workspace) const {
    if constexpr (kMayBeFast && std::is_same_v<Key, Key8>) {
        const EndsOrder& ends = fast_.ends;
        auto& left = workspace.fast.left_to_ends;
        left.clear();
        for (std::uint32_t number = 0; number < block.size(); ++number) {
            auto& a = workspace.anchored[number];
            const auto& [forward, backward] = a.anchors;
            const std::uint32_t size = block[number].size;
            if (std::max(forward.node.range.size(), backward.node.range.size()) <= fast_.long_range ||
                !ends.knows(size) || std::max(forward.depth, backward.depth) > size - EndsOrder::kEnd) {
                continue;
            }
            left.push_back(number);
            ends.prefetch_bucket(a.ends = ends.find(a.read, a.mirrored));
            forward_trie_.prefetch_header(forward.node);
            backward_trie_.prefetch_header(backward.node);
        }
        for (const std::uint32_t number : left) {
            auto& a = workspace.anchored[number];
            const std::uint32_t symbols = block[number].size - EndsOrder::kEnd;
            go_on(forward_trie_, a.read, symbols, a.anchors.forward);
            go_on(backward_trie_, a.mirrored, symbols, a.anchors.backward);
            ends.prefetch_cells(a.ends);
        }
    }
}

// Appends what neither anchor knows: the keys with an edit between their ends.
template <class Key>
void KeyIndex<Key>::find_between(std::span<const Probe> block, Workspace& workspace,
                                 std::vector<KeyMatch>& out) const {
    if constexpr (kMayBeFast && std::is_same_v<Key, Key8>) {
        auto& between = workspace.fast.between;
        between.clear();
        for (const std::uint32_t number : workspace.fast.left_to_ends) {
            const auto& a = workspace.anchored[number];
            const KeyRange known = forward_trie_.range_of(a.anchors.forward.node);
            fast_.ends.visit(a.ends, a.read, block[number].size, [&](std::uint32_t place) {
                if (place - known.begin < known.size() || place >= size_) return;
                prefetch(forward_.data() + place);
                between.push_back({number, place, 1});
            });
        }
        for (const KeyMatch& match : between) {
            const auto& a = workspace.anchored[match.probe];
            const Key key = forward_[match.place], mirrored = reversed(key);
            if (common_prefix(mirrored, a.mirrored) >= a.anchors.backward.depth) continue;
            if (common_prefix(key, a.read) >= EndsOrder::kEnd &&
                common_prefix(mirrored, a.mirrored) >= EndsOrder::kEnd)
                out.push_back(match);
        }
    }
}

template <class Key>
void KeyIndex<Key>::search_one_edit(std::span<const Probe> block, Workspace& workspace,
                                    std::vector<KeyMatch>& out) const {
    anchor(block, workspace);
    if (is_fast()) leave_to_ends(block, workspace);
    auto& scans = workspace.scans;
    scans.refill(2 * block.size());
    for (std::uint32_t number = 0; number < block.size(); ++number) {
        if (block[number].size > kKeySymbols<Key>) continue;
        const auto& anchored = workspace.anchored[number];
        const auto add = [&](const Array<Key>& keys, KeyRange range, Key read, std::uint32_t tag) {
            if (range.size() == 0) return;
            prefetch_keys(keys.data() + range.begin, range.size());
            scans.push_back({keys.data() + range.begin, read, range.size(), 0, number << 1 | tag});
        };
        add(forward_, forward_trie_.range_of(anchored.anchors.forward.node), anchored.read, 0);
        add(backward_, backward_trie_.range_of(anchored.anchors.backward.node), anchored.mirrored,
            kMirroredTag);
    }
    workspace.sought.clear();
    run_scans<Key>(
        kernel_->template scan_of<Key>(), scans.view(), 1, [&](const Scan<Key>& scan, std::uint32_t place) {
            const std::uint32_t number = scan.tag >> 1;
            const Key key = scan.keys[place];
            const unsigned edits = key == scan.read ? 0 : 1;
            if ((scan.tag & kMirroredTag) == 0) {
                out.push_back(
                    {number, static_cast<std::uint32_t>(scan.keys - forward_.data()) + place, edits});
                return;
            }
            // What hangs on both anchors is found among the keys read forwards.
            const auto& anchored = workspace.anchored[number];
            if (common_prefix(reversed(key), anchored.read) < anchored.anchors.forward.depth) {
                add_behind(static_cast<std::uint32_t>(scan.keys - backward_.data()) + place, number, edits,
                           workspace);
            }
        });
    if (is_fast()) find_between(block, workspace, out);
    place_behind(workspace, out);
}

// Each probe's anchors are found, and their keys asked for, before those of the probe in front are compared.
template <class Key>
void KeyIndex<Key>::search_more_edits(std::span<const Probe> block, unsigned k, Workspace& workspace,
                                      std::vector<KeyMatch>& out) const {
    workspace.sought.clear();
    auto *next = &workspace.pending[0], *current = &workspace.pending[1];
    current->number = kNone;
    for (std::uint32_t number = 0; number <= block.size(); ++number) {
        next->number = kNone;
        if (number < block.size()) collect(block[number], number, k, workspace, *next, out);
        if (current->number != kNone) compare(*current, k, workspace, out);
        std::swap(current, next);
    }
    place_behind(workspace, out);
}

// The ranges of keys to compare a probe with.
template <class Key>
void KeyIndex<Key>::collect(const Probe& probe, std::uint32_t number, unsigned k, Workspace& workspace,
                            Pending& pending, std::vector<KeyMatch>& out) const {
    const bool fits = probe.size <= kKeySymbols<Key>;
    if (probe.size > kKeySymbols<Key> + k || (fits && k == 1)) return;
    for (auto& scans : pending.scans) scans.clear();
    const Key16 texts[2] = {probe.key, reversed(probe.key)};
    if (fits) {
        pending.number = number;
        for (int side = 0; side < 2; ++side) pending.texts[side] = Probe{texts[side], 0, 0}.as<Key>();
    }
    pending.middle = visit_all(probe, number, k, workspace, [&](bool mirrored, const Anchor& anchor) {
        const Array<Key>& keys = mirrored ? backward_ : forward_;
        if (!fits) {  // what is left of the read need not fit into a key
            for (std::uint32_t i = anchor.range.begin; i < anchor.range.end; ++i) {
                const unsigned edits = bounded_distance(texts[mirrored], Probe::widened(keys[i]), k);
                if (edits <= k) add_found(mirrored, i, number, edits, workspace, out);
            }
            return;
        }
        prefetch_keys(keys.data() + anchor.range.begin, anchor.range.size());
        pending.scans[anchor.edits].push_back({keys.data() + anchor.range.begin,
                                               drop(pending.texts[mirrored], anchor.of_read),
                                               anchor.range.size(), anchor.of_key, mirrored ? 1U : 0U});
    });
}

template <class Key>
void KeyIndex<Key>::compare(const Pending& pending, unsigned k, Workspace& workspace,
                            std::vector<KeyMatch>& out) const {
    // What the way to a range has cost, its keys need not be allowed again.
    for (unsigned spent = 0; spent < pending.scans.size(); ++spent) {
        run_scans<Key>(kernel_->template scan_of<Key>(), pending.scans[spent], k - spent,
                       [&](const Scan<Key>& scan, std::uint32_t nth) {
                           const bool mirrored = scan.tag != 0;
                           const Array<Key>& keys = mirrored ? backward_ : forward_;
                           const auto place = static_cast<std::uint32_t>(scan.keys - keys.data()) + nth;
                           const unsigned edits = bounded_distance(pending.texts[mirrored], keys[place], k);
                           if (edits <= k) add_found(mirrored, place, pending.number, edits, workspace, out);
                       });
    }
    if constexpr (kMayHaveMiddle<Key>) {
        for (const MiddleOrders::Part& part : pending.middle) {
            if (part.cell.count == 0) continue;
            workspace.middle.resize(std::max(workspace.middle.size(), part.cell.count + kKernelPadding));
            workspace.nths.resize(std::max<std::size_t>(workspace.nths.size(), part.cell.count));
            const std::uint32_t count = part.order->copy(part.cell, part.tail, forward_.data(),
                                                         workspace.middle.data(), workspace.nths.data());
            const Scan<Key> scan{workspace.middle.data(), drop(pending.texts[0], part.of_read), count,
                                 part.of_key, 0};
            const auto add = [&](const Scan<Key>&, std::uint32_t copied) {
                const unsigned edits = bounded_distance(pending.texts[0], scan.keys[copied], k);
                if (edits > k) return;
                const std::uint32_t place = part.order->place(part.cell, workspace.nths[copied]);
                out.push_back({pending.number, place, edits});
            };
            run_scans<Key>(part.tail ? kernel_->scan_replaced : kernel_->scan, std::span(&scan, 1),
                           part.edits, add);
        }
    }
}

// Adds a key of backward_, whose place in forward_ place_behind() finds.
template <class Key>
void KeyIndex<Key>::add_behind(std::uint32_t place, std::uint32_t number, unsigned edits,
                               Workspace& workspace) const {
    if constexpr (kMayBeFast) {
        if (is_fast()) {
            prefetch(fast_.places.data() + place);
            workspace.fast.behind.push_back({number, place, edits});
            return;
        }
    }
    workspace.sought.push_back({reversed(backward_[place]), number, edits});
}

template <class Key>
void KeyIndex<Key>::place_behind(Workspace& workspace, std::vector<KeyMatch>& out) const {
    find_sought(workspace, out);
    if constexpr (kMayBeFast) {
        for (const auto& [number, place, edits] : workspace.fast.behind)
            out.push_back({number, fast_.places[place], edits});
        workspace.fast.behind.clear();
    }
}

template <class Key>
void KeyIndex<Key>::add_found(bool mirrored, std::uint32_t place, std::uint32_t number, unsigned edits,
                              Workspace& workspace, std::vector<KeyMatch>& out) const {
    if (mirrored) {
        add_behind(place, number, edits, workspace);
    } else {
        out.push_back({number, place, edits});
    }
}

// Calls visit(mirrored, anchor) for the anchors on which every key within k edits of the probe hangs, but for
// those of the middle orders, which it returns, and one that both anchors lack, which is sought.
template <class Key>
template <class Visit>
MiddleOrders::Parts KeyIndex<Key>::visit_all(const Probe& probe, std::uint32_t number, unsigned k,
                                             Workspace& workspace, Visit&& visit) const {
    std::array<Code, kMaxSymbols> codes{}, mirror{};
    for (std::size_t i = 0; i < probe.size; ++i) {
        codes[i] = mirror[probe.size - 1 - i] = code_at(probe.key, i);
    }
    const std::span<const Code> read = std::span(codes).first(probe.size);
    const std::span<const Code> mirrored = std::span(mirror).first(probe.size);
    const Path<Key> forward = descend(forward_trie_, read);
    const Path<Key> backward = descend(backward_trie_, mirrored);
    MiddleOrders::Parts parts;
    std::optional<std::uint64_t> middle;
    if constexpr (kMayHaveMiddle<Key>) {
        if (k == 2 && middle_.know(probe.size)) {
            parts = middle_.parts(probe.as<Key>(), probe.size);
            middle = 0;
            for (const auto& part : parts) *middle += part.cell.count;
        }
    }
    const Cut cut = choose_cut(forward_trie_, backward_trie_, forward, backward, probe.size, k, middle);
    if (cut.by_middle) {
        for (const auto& part : parts) {
            if (part.cell.count != 0) part.order->prefetch_places(part.cell);
        }
    }
    const bool in_turns = forward_trie_.nbytes() > kNearBytes;
    for (const bool back : {false, true}) {
        visit_anchored(back ? backward_trie_ : forward_trie_, back ? backward : forward,
                       back ? mirrored : read, back ? cut.backward : cut.forward, in_turns, workspace.ways,
                       [&](const Anchor& anchor) { visit(back, anchor); });
    }
    using LastReplaced = Side::LastReplaced;
    if (cut.forward.last_replaced == LastReplaced::any && cut.backward.last_replaced == LastReplaced::any) {
        // The read without the two symbols between both ends, which neither end has then.
        const Key text = probe.as<Key>();
        const std::uint32_t first = cut.forward.sure - 1;
        const auto behind_first = [first](Key key) { return static_cast<Key>(key >> (8 * first)); };
        const Key front = text ^ behind_first(drop(text, first));
        workspace.sought.push_back({front | behind_first(drop(text, first + 2)), number, 2});
    }
    return cut.by_middle ? parts : MiddleOrders::Parts{};
}

template <class Key>
void KeyIndex<Key>::search(const Pattern& pattern, const Alphabet& alphabet,
                           std::vector<std::uint32_t>& out) const {
    const auto is_run = [](const Token& token) { return token.kind == Token::Kind::run; };
    const bool mirrored =
        !pattern.tokens().empty() && is_run(pattern.tokens().front()) && !is_run(pattern.tokens().back());
    const KeyPattern automaton(pattern, alphabet, mirrored);
    const Trie<Key>& trie = mirrored ? backward_trie_ : forward_trie_;
    Workspace workspace;
    const auto report = [&](std::uint32_t place) {
        if (mirrored) {
            workspace.sought.push_back({reversed(backward_[place]), 0, 0});
        } else {
            out.push_back(place);
        }
    };
    // A trie has fewer nodes than bytes, and no key in two leaves; one of an unverified snapshot might go in
    // circles.
    std::size_t nodes_left = trie.nbytes() + 1, keys_left = size_;
    const auto walk = [&](const auto& self, const Node& node, KeyPattern::States states,
                          std::size_t depth) -> void {
        if (states == 0 || nodes_left == 0) return;
        --nodes_left;
        if (node.is_leaf() || depth == kKeySymbols<Key>) {
            const KeyRange range = trie.range_of(node);
            if (range.size() > keys_left) return;
            keys_left -= range.size();
            const Array<Key>& keys = mirrored ? backward_ : forward_;
            for (std::uint32_t i = range.begin; i < range.end; ++i) {
                if (automaton.fits(keys[i])) report(i);
            }
            return;
        }
        trie.for_each_child(node, [&](Code code, const Node& child) {
            // A key that ends here is a leaf of its own: it is read from its start, so no step is due.
            self(self, child, code == kPadding ? states : automaton.step(states, code), depth + 1);
        });
    };
    walk(walk, trie.root(), automaton.start(), 0);

    std::vector<KeyMatch> found;
    find_sought(workspace, found);
    for (const KeyMatch& match : found) out.push_back(match.place);
}

// Appends the places of the keys sought, which are in the index, or are not found.
template <class Key>
void KeyIndex<Key>::find_sought(Workspace& workspace, std::vector<KeyMatch>& out) const {
    if (workspace.sought.empty()) return;
    auto& scans = workspace.scans;
    scans.refill(workspace.sought.size());
    // As in anchor(), each loop asks for the memory that the next one needs.
    for (auto& sought : workspace.sought)
        forward_trie_.prefetch_slot(sought.place = forward_trie_.find_shortcut(sought.key));
    for (const auto& sought : workspace.sought) {
        if (sought.place != 0) forward_trie_.prefetch_header(forward_trie_.node_at(sought.place));
    }
    for (std::uint32_t i = 0; i < workspace.sought.size(); ++i) {
        const auto& [key, probe, edits, place] = workspace.sought[i];
        const KeyRange range = forward_trie_.range_of(descend_from(forward_trie_, place, key));
        if (range.size() == 0) continue;
        prefetch_keys(forward_.data() + range.begin, range.size());
        scans.push_back({forward_.data() + range.begin, key, range.size(), 0, i});
    }
    run_scans<Key>(kernel_->template scan_of<Key>(), scans.view(), 0,
                   [&](const Scan<Key>& scan, std::uint32_t place) {
                       const auto& sought = workspace.sought[scan.tag];
                       const auto begin = static_cast<std::uint32_t>(scan.keys - forward_.data());
                       out.push_back({sought.probe, begin + place, sought.edits});
                   });
}

template class KeyIndex<Key8>;
template class KeyIndex<Key16>;

}  // namespace platewatch
