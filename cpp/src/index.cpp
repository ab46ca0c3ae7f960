#include "platewatch/index.hpp"

#include <algorithm>
#include <bit>
#include <iterator>
#include <numeric>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "platewatch/region.hpp"

namespace platewatch {
namespace {

// The order of the ids, by bytes of UTF-8, which is that of their code points.
std::vector<std::uint32_t> order_of_ids(std::span<const IndexEntry> entries) {
    // Most ids differ in their first bytes, which one comparison of words settles.
    struct Item {
        std::uint64_t first_bytes;
        std::uint32_t entry;
    };
    std::vector<Item> items(entries.size());
    for (std::uint32_t i = 0; i < entries.size(); ++i) {
        const std::string_view id = entries[i].id;
        std::uint64_t first = 0;
        for (std::size_t b = 0; b < 8; ++b) {
            first = first << 8 | (b < id.size() ? static_cast<unsigned char>(id[b]) : 0);
        }
        items[i] = {first, i};
    }
    std::ranges::sort(items, [&](const Item& a, const Item& b) {
        return a.first_bytes != b.first_bytes ? a.first_bytes < b.first_bytes
                                              : entries[a.entry].id < entries[b.entry].id;
    });
    std::vector<std::uint32_t> order(items.size());
    std::ranges::transform(items, order.begin(), &Item::entry);
    return order;
}

Alphabet alphabet_of(std::span<const IndexEntry> entries) {
    std::vector<bool> seen(0x110000);
    std::vector<char32_t> symbols;
    for (const IndexEntry& entry : entries) {
        for (const char32_t symbol : entry.plate.view()) {
            if (seen[symbol]) continue;
            seen[symbol] = true;
            symbols.push_back(symbol);
        }
    }
    return Alphabet(std::move(symbols));
}

}  // namespace

Index::Index(std::vector<IndexEntry> entries) {
    if (entries.size() >= (std::size_t{1} << 29)) throw std::length_error("more than 2^29 entries");
    const std::vector<std::uint32_t> order = order_of_ids(entries);
    const auto id_of = [&](std::uint32_t i) -> const std::string& { return entries[i].id; };
    const auto repeat = std::ranges::adjacent_find(order, {}, id_of);
    if (repeat != order.end()) throw std::invalid_argument("the id " + id_of(*repeat) + " stands twice");
    alphabet_ = alphabet_of(entries);

    std::vector<std::pair<Key8, Owner>> short_forms;
    std::vector<std::pair<Key16, Owner>> long_forms;
    const auto add_form = [&](const Symbols& text, Owner owner) {
        if (text.size() <= kKeySymbols<Key8>) {
            short_forms.emplace_back(alphabet_.encode<Key8>(text), owner);
        } else {
            long_forms.emplace_back(alphabet_.encode<Key16>(text), owner);
        }
    };
    StringPool::Builder ids, plates;
    ids.reserve(entries.size());
    plates.reserve(entries.size());
    short_forms.reserve(entries.size());
    for (std::uint32_t number = 0; number < entries.size(); ++number) {
        const IndexEntry& entry = entries[order[number]];
        const std::u32string_view plate = entry.plate.view();
        ids.push_back(entry.id);
        plates.push_back(to_utf8(plate));
        if (has_region_mark(plate)) {
            add_form(entry.plate, {number, Owner::Form::marked});
            add_form(Symbols(without_region_mark(plate)), {number, Owner::Form::bare});
        } else {
            add_form(entry.plate, {number, Owner::Form::plain});
        }
    }
    ids_ = std::move(ids).build();
    plates_ = std::move(plates).build();
    if (!std::ranges::all_of(entries, &Validity::always, &IndexEntry::validity)) {
        Column<Validity> validity;
        validity.reserve(entries.size());
        for (const std::uint32_t i : order) validity.push_back(entries[i].validity);
        validity_ = std::move(validity);
    }
    Shared shared;
    short_ = build(std::move(short_forms), shared);
    long_ = build(std::move(long_forms), shared);
    shared_ = std::move(shared.owners);
    shared_ends_ = std::move(shared.ends);
}

template <class Key>
auto Index::build(std::vector<std::pair<Key, Owner>> forms, Shared& shared) -> Section<Key> {
    std::ranges::sort(forms);
    Column<Key> keys;
    Column<Owner> owners;
    keys.reserve(forms.size() + kKernelPadding);
    owners.reserve(forms.size());
    for (auto first = forms.begin(); first != forms.end();) {
        const auto last =
            std::find_if(first, forms.end(), [&](const auto& form) { return form.first != first->first; });
        keys.push_back(first->first);
        if (last - first == 1) {
            owners.push_back(first->second);
        } else {
            owners.emplace_back(static_cast<std::uint32_t>(shared.ends.size()), Owner::Form::several);
            std::transform(first, last, std::back_inserter(shared.owners),
                           [](const auto& form) { return form.second; });
            shared.ends.push_back(static_cast<std::uint32_t>(shared.owners.size()));
        }
        first = last;
    }
    return {KeyIndex<Key>(std::move(keys)), std::move(owners)};
}

void Index::search(std::span<const Query> block, unsigned k, Workspace& workspace,
                   std::vector<Match>& out) const {
    workspace.texts.clear();
    workspace.short_probes.clear();
    workspace.long_probes.clear();
    for (std::uint32_t query = 0; query < block.size(); ++query) {
        const Symbols& text = block[query].text;
        workspace.texts.push_back({query, false});
        add_probe(text, workspace);
        if (has_region_mark(text.view())) {
            workspace.texts.push_back({query, true});
            add_probe(Symbols(without_region_mark(text.view())), workspace);
        }
    }
    search_section(short_, block, workspace.short_probes, k, workspace, workspace.short_keys, out);
    search_section(short_, block, workspace.long_probes, k, workspace, workspace.short_keys, out);
    if (long_.keys.size() == 0) return;
    search_section(long_, block, workspace.long_probes, k, workspace, workspace.long_keys, out);
    std::erase_if(workspace.short_probes,
                  [&](const Probe& probe) { return probe.size + k <= kKeySymbols<Key8>; });
    search_section(long_, block, workspace.short_probes, k, workspace, workspace.long_keys, out);
}

void Index::add_probe(const Symbols& text, Workspace& workspace) const {
    const auto size = static_cast<std::uint32_t>(text.size());
    const auto tag = static_cast<std::uint32_t>(workspace.texts.size() - 1);
    if (size <= kKeySymbols<Key8>) {
        workspace.short_probes.push_back({Probe::widened(alphabet_.encode<Key8>(text)), size, tag});
    } else {
        workspace.long_probes.push_back({alphabet_.encode<Key16>(text), size, tag});
    }
}

template <class Key>
void Index::search_section(const Section<Key>& section, std::span<const Query> block,
                           std::span<const Probe> probes, unsigned k, Workspace& workspace,
                           KeyWorkspace<Key>& key_workspace, std::vector<Match>& out) const {
    if (probes.empty()) return;
    workspace.keys.clear();
    section.keys.search(probes, k, key_workspace, workspace.keys);
    for (const KeyMatch& key : workspace.keys) __builtin_prefetch(&section.owners[key.place]);
    for (const KeyMatch& key : workspace.keys) {
        const Workspace::Text& text = workspace.texts[probes[key.probe].tag];
        const Query& query = block[text.query];
        const auto report = [&](Owner owner) {
            if (text.plain_only && owner.form() != Owner::Form::plain) return;
            if (!validity_.empty() && !validity_[owner.number()].holds(query.at)) return;
            out.push_back({query.read, owner.number(), key.edits});
        };
        const Owner owner = section.owners[key.place];
        if (owner.form() != Owner::Form::several) {
            report(owner);
            continue;
        }
        const std::uint32_t begin = owner.number() == 0 ? 0 : shared_ends_[owner.number() - 1];
        for (std::uint32_t i = begin; i < shared_ends_[owner.number()]; ++i) report(shared_[i]);
    }
}

void order_matches(std::vector<Match>& matches) {
    if (matches.size() < 2) return;
    std::ranges::sort(matches, {}, [](const Match& m) { return std::tuple(m.read, m.entry, m.edits); });
    const auto repeats = std::ranges::unique(
        matches, [](const Match& a, const Match& b) { return a.read == b.read && a.entry == b.entry; });
    matches.erase(repeats.begin(), repeats.end());
    std::ranges::sort(matches, {}, [](const Match& m) { return std::tuple(m.read, m.edits, m.entry); });
}

std::size_t Index::nbytes() const noexcept {
    return short_.keys.nbytes() + long_.keys.nbytes() + short_.owners.size_bytes() +
           long_.owners.size_bytes() + shared_.size_bytes() + shared_ends_.size_bytes();
}

}  // namespace platewatch
