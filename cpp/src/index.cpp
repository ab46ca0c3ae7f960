#include "platewatch/index.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <stdexcept>
#include <unordered_set>
#include <utility>

#include "platewatch/region.hpp"

namespace platewatch {

Index::Index(std::vector<IndexEntry> entries) {
    if (entries.size() >= (std::size_t{1} << 29)) throw std::length_error("more than 2^29 entries");
    std::ranges::sort(entries, {}, &IndexEntry::id);  // bytes of UTF-8 sort as code points do
    const auto repeat = std::ranges::adjacent_find(entries, {}, &IndexEntry::id);
    if (repeat != entries.end()) throw std::invalid_argument("the id " + repeat->id + " stands twice");

    std::unordered_set<char32_t> used;
    for (const IndexEntry& entry : entries) used.insert(entry.plate.view().begin(), entry.plate.view().end());
    alphabet_ = Alphabet({used.begin(), used.end()});

    std::vector<std::pair<Key8, Owner>> short_forms;
    std::vector<std::pair<Key16, Owner>> long_forms;
    const auto add_form = [&](std::u32string_view text, Owner owner) {
        std::array<Code, kMaxSymbols> buffer{};
        const auto codes = std::span(buffer).first(text.size());
        alphabet_.encode(text, codes);
        if (codes.size() <= kKeySymbols<Key8>) {
            short_forms.emplace_back(pack<Key8>(codes), owner);
        } else {
            long_forms.emplace_back(pack<Key16>(codes), owner);
        }
    };
    ids_.reserve(entries.size());
    plates_.reserve(entries.size());
    for (std::uint32_t number = 0; number < entries.size(); ++number) {
        const IndexEntry& entry = entries[number];
        const std::u32string_view plate = entry.plate.view();
        ids_.push_back(entry.id);
        plates_.push_back(to_utf8(plate));
        if (has_region_mark(plate)) {
            add_form(plate, {number, Owner::Form::marked});
            add_form(without_region_mark(plate), {number, Owner::Form::bare});
        } else {
            add_form(plate, {number, Owner::Form::plain});
        }
    }
    if (!std::ranges::all_of(entries, &Validity::always, &IndexEntry::validity)) {
        validity_.reserve(entries.size());
        std::ranges::transform(entries, std::back_inserter(validity_), &IndexEntry::validity);
    }
    fill(short_, std::move(short_forms));
    fill(long_, std::move(long_forms));
}

template <class Key>
void Index::fill(Section<Key>& section, std::vector<std::pair<Key, Owner>> forms) {
    std::ranges::stable_sort(forms, {}, &std::pair<Key, Owner>::first);
    std::vector<Key> keys;
    for (auto first = forms.begin(); first != forms.end();) {
        const auto last =
            std::find_if(first, forms.end(), [&](const auto& form) { return form.first != first->first; });
        keys.push_back(first->first);
        if (last - first == 1) {
            section.owners.push_back(first->second);
        } else {
            section.owners.emplace_back(static_cast<std::uint32_t>(shared_ends_.size()),
                                        Owner::Form::several);
            std::transform(first, last, std::back_inserter(shared_),
                           [](const auto& form) { return form.second; });
            shared_ends_.push_back(static_cast<std::uint32_t>(shared_.size()));
        }
        first = last;
    }
    section.keys = KeyIndex<Key>(std::move(keys));
}

void Index::search(const Symbols& read, unsigned k, Time at, Workspace& workspace,
                   std::vector<Match>& out) const {
    out.clear();
    search_text(read.view(), k, at, false, workspace, out);
    const bool twice = has_region_mark(read.view());
    if (twice) search_text(without_region_mark(read.view()), k, at, true, workspace, out);

    // One line an entry: the form and the look-up with the fewest edits.
    std::ranges::sort(out, {}, [](const Match& m) { return std::pair{m.entry, m.edits}; });
    const auto repeats = std::ranges::unique(out, {}, &Match::entry);
    out.erase(repeats.begin(), repeats.end());
    std::ranges::sort(out, {}, [](const Match& m) { return std::pair{m.edits, m.entry}; });
}

void Index::search_text(std::u32string_view text, unsigned k, Time at, bool plain_only, Workspace& workspace,
                        std::vector<Match>& out) const {
    std::array<Code, kMaxSymbols> buffer{};
    const auto codes = std::span(buffer).first(text.size());
    alphabet_.encode(text, codes);
    search_section(short_, codes, k, at, plain_only, workspace, out);
    if (codes.size() + k > kKeySymbols<Key8>) search_section(long_, codes, k, at, plain_only, workspace, out);
}

template <class Key>
void Index::search_section(const Section<Key>& section, std::span<const Code> read, unsigned k, Time at,
                           bool plain_only, Workspace& workspace, std::vector<Match>& out) const {
    section.keys.search(read, k, workspace.keys);
    for (const KeyMatch& key : workspace.keys) {
        const auto report = [&](Owner owner) {
            if (plain_only && owner.form() != Owner::Form::plain) return;
            if (!validity_.empty() && !validity_[owner.number()].holds(at)) return;
            out.push_back({owner.number(), key.edits});
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

std::size_t Index::nbytes() const noexcept {
    return short_.keys.nbytes() + long_.keys.nbytes() +
           (short_.owners.size() + long_.owners.size() + shared_.size()) * sizeof(Owner) +
           shared_ends_.size() * sizeof(std::uint32_t);
}

}  // namespace platewatch
