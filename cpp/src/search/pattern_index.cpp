#include "platewatch/search/pattern_index.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "platewatch/base/interrupt.hpp"
#include "platewatch/base/raise.hpp"
#include "platewatch/text/region.hpp"

namespace platewatch {
namespace {

// The tries' roots, by node number.
struct Root {
    bool backward;
    bool anchored;
};
constexpr std::array<Root, 4> kRoots = {{{false, false}, {false, true}, {true, false}, {true, true}}};

// Not yet put together from the set's members: as no mask is, which have no bit 0.
constexpr std::uint32_t kUnsetMask = 1;

constexpr unsigned kAnchor = 3;  // tokens; a plate of 7 symbols has room for two

}  // namespace

class PatternIndex::Builder {
  public:
    Builder(PatternIndex& index, std::span<const Pattern> patterns) : index_(index) {
        number_labels(patterns);
        for (std::uint32_t number = 0; number < patterns.size(); ++number) {
            if (number % 64 == 0) poll();
            const Pattern& pattern = patterns[number];
            add_form(pattern, {number, has_region_mark(pattern) ? 0u : 1u});
            for (const Pattern& form : bare_forms(pattern)) add_form(form, {number, 0});
        }
        add_nodes();
    }

  private:
    struct Path {
        std::size_t root;
        std::vector<std::uint32_t> labels;
        Form form;
    };

    void number_labels(std::span<const Pattern> patterns) {
        for (const Pattern& pattern : patterns) {
            for (const Token& token : pattern.tokens()) {
                index_.symbols_.insert(index_.symbols_.end(), token.members.begin(), token.members.end());
                if (token.kind == Token::Kind::set) sets_.emplace(token.members, 0);
            }
        }
        std::ranges::sort(index_.symbols_);
        const auto repeats = std::ranges::unique(index_.symbols_);
        index_.symbols_.erase(repeats.begin(), repeats.end());

        for (auto& [members, label] : sets_) {
            label = static_cast<std::uint32_t>(index_.symbols_.size() + 1 + index_.set_ends_.size());
            for (const char32_t c : members) index_.members_.push_back(symbol_label(c));
            index_.set_ends_.push_back(static_cast<std::uint32_t>(index_.members_.size()));
        }
    }

    [[nodiscard]] std::uint32_t symbol_label(char32_t c) const {
        return static_cast<std::uint32_t>(std::ranges::lower_bound(index_.symbols_, c) -
                                          index_.symbols_.begin());
    }

    [[nodiscard]] std::uint32_t label(const Token& token) const {
        switch (token.kind) {
            case Token::Kind::symbol:
                return symbol_label(token.members[0]);
            case Token::Kind::any:
                return static_cast<std::uint32_t>(index_.symbols_.size());
            case Token::Kind::set:
                return sets_.at(token.members);
            case Token::Kind::run:
                break;
        }
        return kRunLabel;
    }

    void add_form(const Pattern& pattern, Form form) {
        const auto is_run = [](const Token& token) { return token.kind == Token::Kind::run; };
        const auto known = [](auto tokens) {
            return std::ranges::count_if(tokens, [](const Token& token) { return !token.members.empty(); });
        };
        const auto tokens = pattern.tokens();
        const bool anchored = tokens.size() >= 2 * kAnchor && known(tokens.first(kAnchor)) > 0 &&
                              known(tokens.last(kAnchor)) > 0;
        // The side with more known symbols first: before the first run and after the last one, or halves.
        auto left = static_cast<std::size_t>(std::ranges::find_if(tokens, is_run) - tokens.begin());
        auto right =
            static_cast<std::size_t>(std::find_if(tokens.rbegin(), tokens.rend(), is_run) - tokens.rbegin());
        if (left == tokens.size()) left = right = tokens.size() / 2;
        const bool backward = known(tokens.last(right)) > known(tokens.first(left));

        std::vector<std::uint32_t> labels;
        for (const Token& token : tokens) labels.push_back(label(token));
        std::vector<std::uint32_t> reversed(labels.rbegin(), labels.rend());
        const std::size_t root = anchored ? 1 : 0;
        if (anchored || !backward) paths_.push_back({root, std::move(labels), form});
        if (anchored || backward) paths_.push_back({root + 2, std::move(reversed), form});
    }

    void add_nodes() {
        const auto place = [](const Path& path) {
            return std::tie(path.root, path.labels, path.form.pattern, path.form.meets_bare_reads);
        };
        sort_interruptibly(paths_, [&](const Path& a, const Path& b) { return place(a) < place(b); });
        // The paths through a node are neighbours, and those that end there come first.
        struct Range {
            std::size_t first, last, depth;
        };
        std::vector<Range> ranges;
        for (std::size_t root = 0; root < kRoots.size(); ++root) {
            const auto same = std::ranges::equal_range(paths_, root, {}, &Path::root);
            const auto first = static_cast<std::size_t>(same.begin() - paths_.begin());
            ranges.push_back({first, first + same.size(), 0});
        }
        std::vector<Node>& nodes = index_.nodes_;
        nodes.assign(kRoots.size(), {0, 0, 0});
        const auto count = [](const auto& items) { return static_cast<std::uint32_t>(items.size()); };
        for (std::size_t node = 0; node < nodes.size(); ++node) {
            auto [i, last, depth] = ranges[node];
            nodes[node].children = count(nodes);
            nodes[node].forms = count(index_.forms_);
            for (; i < last && paths_[i].labels.size() == depth; ++i) index_.forms_.push_back(paths_[i].form);
            while (i < last) {
                const std::size_t first = i;
                const std::uint32_t label = paths_[i].labels[depth];
                while (i < last && paths_[i].labels[depth] == label) ++i;
                ranges.push_back({first, i, depth + 1});
                nodes.push_back({label, 0, 0});
            }
        }
        nodes.push_back({0, count(nodes), count(index_.forms_)});
    }

    PatternIndex& index_;
    std::map<std::u32string, std::uint32_t> sets_;  // members to label
    std::vector<Path> paths_;
};

PatternIndex::PatternIndex(std::span<const Pattern> patterns) : size_(patterns.size()) {
    if (patterns.size() > kMaxPatterns) raise<std::length_error>("more than 2^19 patterns");
    Builder(*this, patterns);
    arrays_ = {symbols_, nodes_, forms_, members_, set_ends_};
}

void PatternIndex::search(std::u32string_view read, unsigned k, Workspace& workspace,
                          std::vector<PatternMatch>& out) const {
    out.clear();
    search_text(read, k, false, workspace, out);
    if (has_region_mark(read)) search_text(without_region_mark(read), k, true, workspace, out);

    // One line a pattern: the form and the look-up with the fewest edits.
    std::ranges::sort(out, {}, [](const PatternMatch& m) { return std::pair{m.pattern, m.edits}; });
    const auto repeats = std::ranges::unique(out, {}, &PatternMatch::pattern);
    out.erase(repeats.begin(), repeats.end());
}

void PatternIndex::search_text(std::u32string_view text, unsigned k, bool bare, Workspace& workspace,
                               std::vector<PatternMatch>& out) const {
    const auto& [symbols, nodes, forms, members, set_ends] = arrays_;
    if (nodes.size() <= kRoots.size()) return;

    std::array<std::size_t, kMaxSymbols> labels{};  // symbols.size() for a symbol of no pattern
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto at = std::ranges::lower_bound(symbols, text[i]);
        labels[i] = at != symbols.end() && *at == text[i] && *at != kUnknownSymbol
                        ? static_cast<std::size_t>(at - symbols.begin())
                        : symbols.size();
    }
    for (std::uint32_t root = 0; root < kRoots.size(); ++root) {
        const auto [backward, anchored] = kRoots[root];
        if (!anchored) fill_masks(backward, std::span(labels).first(text.size()), workspace.masks_);
        if (nodes[root].children == nodes[root + 1].children && nodes[root].forms == nodes[root + 1].forms)
            continue;
        if (anchored && backward && k == 0) continue;  // an exact match is found forwards
        switch (k) {
            case 0:
                walk<0>(root, text.size(), bare, workspace, out);
                break;
            case 1:
                walk<1>(root, text.size(), bare, workspace, out);
                break;
            case 2:
                walk<2>(root, text.size(), bare, workspace, out);
                break;
            default:
                walk<3>(root, text.size(), bare, workspace, out);
        }
    }
}

void PatternIndex::fill_masks(bool backward, std::span<const std::size_t> labels,
                              std::vector<std::uint32_t>& masks) const {
    const std::size_t any = arrays_.symbols.size();
    masks.assign(any + 1 + arrays_.set_ends.size(), kUnsetMask);
    std::fill_n(masks.begin(), any, 0);
    for (std::size_t i = 0; i < labels.size(); ++i)
        masks[labels[i]] |= std::uint32_t{1} << (backward ? labels.size() - i : i + 1);
    masks[any] = ~kUnsetMask;
}

// reach[e]: bit j is set if the tokens down to the node admit something within e edits of the read's first j
// symbols.
template <unsigned K>
void PatternIndex::walk(std::uint32_t root, std::size_t read_size, bool bare, Workspace& workspace,
                        std::vector<PatternMatch>& out) const {
    const std::span<const Node> nodes = arrays_.nodes;
    const std::span<const Form> forms = arrays_.forms;
    const std::span<std::uint32_t> masks = workspace.masks_;
    const std::uint32_t valid = (std::uint32_t{2} << read_size) - 1;

    // Down to the anchor's depth there are fewer edits to spend, but what the read has too much between the
    // anchor and the next token costs the anchor nothing. (K - 1 is not negative where it is asked for.)
    const auto [backward, anchored] = kRoots[root];
    const unsigned anchor_edits = !anchored ? K : backward ? (K - 1) / 2 : K / 2;
    const auto limit = [&](std::array<std::uint32_t, kMaxEdits + 1>& reach, unsigned depth) {
        for (unsigned e = anchor_edits + 1; e <= K; ++e)
            reach[e] = depth < kAnchor ? reach[e - 1] : (reach[e - 1] | reach[e - 1] << 1) & valid;
    };

    // In a trie each node has one parent, so more steps than nodes are a sign of wrong arrays.
    std::size_t nodes_left = nodes.size(), forms_left = forms.size();

    auto& stack = workspace.stack_;
    stack.clear();
    stack.push_back({root, 0, {}});
    for (unsigned e = 0; e <= K; ++e) stack.back().reach[e] = ((std::uint32_t{2} << e) - 1) & valid;
    limit(stack.back().reach, 0);

    while (!stack.empty()) {
        const Workspace::Frame frame = stack.back();
        stack.pop_back();
        const auto& reach = frame.reach;
        const Node& node = nodes[frame.node];
        const Node& end = nodes[frame.node + 1];

        if ((reach[K] >> read_size & 1) != 0) {
            std::uint32_t edits = 0;
            while ((reach[edits] >> read_size & 1) == 0) ++edits;
            const std::size_t last_form = std::min<std::size_t>(end.forms, forms.size());
            for (std::size_t i = node.forms; i < last_form && forms_left > 0; ++i, --forms_left) {
                if (forms[i].pattern < size_ && (!bare || forms[i].meets_bare_reads != 0))
                    out.push_back({forms[i].pattern, edits});
            }
        }

        const std::size_t last = std::min<std::size_t>(end.children, nodes.size() - 1);
        for (std::size_t child = node.children; child < last && nodes_left > 0; ++child, --nodes_left) {
            const std::uint32_t label = nodes[child].label;
            std::array<std::uint32_t, kMaxEdits + 1> next{};
            if (label == kRunLabel) {
                // All places from the lowest on.
                for (unsigned e = 0; e <= K; ++e) next[e] = (reach[e] | (0 - reach[e])) & valid;
            } else {
                if (label >= masks.size()) continue;
                if (masks[label] == kUnsetMask) masks[label] = mask_of_set(label, masks);
                const std::uint32_t mask = masks[label];
                next[0] = reach[0] << 1 & mask & valid;
                for (unsigned e = 1; e <= K; ++e) {
                    const std::uint32_t edited = reach[e - 1] | reach[e - 1] << 1 | next[e - 1] << 1;
                    next[e] = ((reach[e] << 1 & mask) | edited) & valid;
                }
            }
            if (frame.depth < kAnchor) limit(next, frame.depth + 1);
            if (next[K] != 0) stack.push_back({static_cast<std::uint32_t>(child), frame.depth + 1, next});
        }
    }
}

std::uint32_t PatternIndex::mask_of_set(std::size_t label,
                                        std::span<const std::uint32_t> masks) const noexcept {
    const auto& [symbols, nodes, forms, members, set_ends] = arrays_;
    const std::size_t set = label - symbols.size() - 1;
    const std::size_t first = set == 0 ? 0 : set_ends[set - 1];
    const std::size_t last = std::min({std::size_t{set_ends[set]}, members.size(), first + kMaxSetMembers});
    std::uint32_t mask = 0;
    for (std::size_t i = first; i < last; ++i) {
        if (members[i] < symbols.size()) mask |= masks[members[i]];
    }
    return mask;
}

std::size_t PatternIndex::nbytes() const noexcept {
    return arrays_.symbols.size_bytes() + arrays_.nodes.size_bytes() + arrays_.forms.size_bytes() +
           arrays_.members.size_bytes() + arrays_.set_ends.size_bytes();
}

}  // namespace platewatch
