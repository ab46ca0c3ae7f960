#include "platewatch/hotlist/index.hpp"

#include <algorithm>
#include <bit>
#include <iterator>
#include <map>
#include <numeric>
#include <ranges>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "platewatch/base/interrupt.hpp"
#include "platewatch/text/normalize.hpp"
#include "platewatch/text/region.hpp"

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
    sort_interruptibly(items, [&](const Item& a, const Item& b) {
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
    StringPool::Builder names;
    std::vector<Pattern> patterns;
    Column<std::uint32_t> pattern_entries;
    names.reserve(2 * entries.size());
    short_forms.reserve(entries.size());
    Poller pass_by;
    for (std::uint32_t number = 0; number < entries.size(); ++number) {
        pass_by();
        const IndexEntry& entry = entries[order[number]];
        const std::u32string_view plate = entry.plate.view();
        names.push_back(entry.id);
        if (entry.pattern) {
            names.push_back(to_utf8(*entry.pattern));
            patterns.push_back(*entry.pattern);
            pattern_entries.push_back(number);
            continue;
        }
        names.push_back(to_utf8(plate));
        if (has_region_mark(plate)) {
            add_form(entry.plate, {number, Owner::Form::marked});
            add_form(Symbols(without_region_mark(plate)), {number, Owner::Form::bare});
        } else {
            add_form(entry.plate, {number, Owner::Form::plain});
        }
    }
    names_ = std::move(names).build();
    patterns_ = PatternIndex(patterns);
    pattern_entries_ = std::move(pattern_entries);
    const auto column = [&](const auto& value_of) {
        Column<decltype(value_of(entries[0]))> values;
        values.reserve(entries.size());
        for (const std::uint32_t i : order) {
            pass_by();
            values.push_back(value_of(entries[i]));
        }
        return values;
    };
    if (!std::ranges::all_of(entries, &Validity::always, &IndexEntry::validity)) {
        validity_ = column([](const IndexEntry& entry) { return entry.validity; });
    }
    if (std::ranges::any_of(entries, [](const IndexEntry& entry) { return entry.priority.has_value(); })) {
        priority_ = column([](const IndexEntry& entry) { return entry.priority.value_or(kNoPriority); });
    }
    if (std::ranges::any_of(entries, [](const IndexEntry& entry) { return entry.weight != 1; }))
        weight_ = column([](const IndexEntry& entry) { return entry.weight; });
    if (std::ranges::any_of(entries, &IndexEntry::exact))
        exact_ = column([](const IndexEntry& entry) { return std::uint8_t{entry.exact}; });
    std::map<std::string_view, std::uint32_t> categories;
    for (const IndexEntry& entry : entries) {
        pass_by();
        categories.try_emplace(entry.category, 0);
    }
    if (categories.size() > 1 || (categories.size() == 1 && !categories.begin()->first.empty())) {
        StringPool::Builder categories_by_name;
        for (std::uint32_t next = 0; auto& [name, place] : categories)
            categories_by_name.push_back(name), place = next++;
        categories_ = std::move(categories_by_name).build();
        category_ = column([&](const IndexEntry& entry) { return categories.at(entry.category); });
    }
    Shared shared;
    short_ = build(std::move(short_forms), shared);
    long_ = build(std::move(long_forms), shared);
    shared_ = std::move(shared.owners);
    shared_ends_ = std::move(shared.ends);
}

template <class Key>
auto Index::build(std::vector<std::pair<Key, Owner>> forms, Shared& shared) -> Section<Key> {
    sort_interruptibly(forms);
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
    if (patterns_.size() != 0) search_patterns(block, k, workspace, out);
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
        for_each_owner(section.owners[key.place], [&](Owner owner) {
            if (text.plain_only && owner.form() != Owner::Form::plain) return;
            if (!validity_.empty() && !validity_[owner.number()].holds(query.at)) return;
            if (key.edits != 0 && is_exact(owner.number())) return;
            out.push_back({query.read, owner.number(), key.edits});
        });
    }
}

// Calls visit(owner) for each entry that a key stands for. An unverified snapshot may hold nonsense here.
template <class Visit>
void Index::for_each_owner(Owner owner, const Visit& visit) const {
    if (owner.form() != Owner::Form::several) {
        if (owner.number() < size()) visit(owner);
        return;
    }
    if (owner.number() >= shared_ends_.size()) return;
    const std::size_t begin = owner.number() == 0 ? 0 : shared_ends_[owner.number() - 1];
    const std::size_t end = std::min<std::size_t>(shared_ends_[owner.number()], shared_.size());
    for (std::size_t i = begin; i < end; ++i) {
        if (shared_[i].number() < size()) visit(shared_[i]);
    }
}

void Index::search_patterns(std::span<const Query> block, unsigned k, Workspace& workspace,
                            std::vector<Match>& out) const {
    for (const Query& query : block) {
        patterns_.search(query.text.view(), k, workspace.pattern_walk, workspace.patterns);
        for (const PatternMatch& match : workspace.patterns) {
            const std::uint32_t entry = pattern_entries_[match.pattern];
            if (entry >= size() || (match.edits != 0 && is_exact(entry))) continue;
            if (validity(entry).holds(query.at)) out.push_back({query.read, entry, match.edits});
        }
    }
}

std::string_view Index::category(std::uint32_t entry) const noexcept {
    if (category_.empty() || category_[entry] >= categories_.size()) return {};
    return categories_[category_[entry]];
}

std::optional<std::int32_t> Index::priority(std::uint32_t entry) const noexcept {
    if (priority_.empty() || priority_[entry] == kNoPriority) return std::nullopt;
    return priority_[entry];
}

IndexEntry Index::entry(std::uint32_t number) const {
    IndexEntry entry{
        std::string(id(number)), {}, validity(number), std::string(category(number)), priority(number)};
    entry.weight = weight(number);
    entry.exact = is_exact(number);
    if (is_pattern(number)) {
        if (parse_pattern(plate(number), entry.pattern.emplace()) != PatternError::none)
            entry.pattern.reset();
    } else if (normalize(plate(number), TextKind::plate, entry.plate) != TextError::none) {
        entry.plate.clear();
    }
    return entry;
}

std::optional<std::uint32_t> Index::find(std::string_view id) const noexcept {
    const auto numbers = std::views::iota(std::uint32_t{0}, static_cast<std::uint32_t>(size()));
    const auto id_of = [this](std::uint32_t number) { return this->id(number); };
    const auto place = std::ranges::lower_bound(numbers, id, {}, id_of);
    if (place == numbers.end() || id_of(*place) != id) return std::nullopt;
    return *place;
}

std::vector<std::uint32_t> Index::search(const Pattern& query, Time at) const {
    std::vector<std::uint32_t> found;
    const auto look_up = [&](const auto& section, const Pattern& pattern, bool plain_only) {
        std::vector<std::uint32_t> places;
        section.keys.search(pattern, alphabet_, places);
        for (const std::uint32_t place : places) {
            for_each_owner(section.owners[place], [&](Owner owner) {
                if (plain_only && owner.form() != Owner::Form::plain) return;
                if (validity(owner.number()).holds(at)) found.push_back(owner.number());
            });
        }
    };
    const auto look_up_both = [&](const Pattern& pattern, bool plain_only) {
        look_up(short_, pattern, plain_only);
        look_up(long_, pattern, plain_only);
    };
    const std::vector<Pattern> bare = bare_forms(query);
    look_up_both(query, false);
    for (const Pattern& pattern : bare) look_up_both(pattern, true);

    for (const std::uint32_t number : pattern_entries_) {
        poll();
        Pattern listed;
        if (number >= size() || parse_pattern(plate(number), listed) != PatternError::none) continue;
        const std::vector<Pattern> bare_listed = bare_forms(listed);
        const bool fits =
            overlap(query, listed) ||
            std::ranges::any_of(bare_listed, [&](const Pattern& form) { return overlap(query, form); }) ||
            (!has_region_mark(listed) &&
             std::ranges::any_of(bare, [&](const Pattern& form) { return overlap(form, listed); }));
        if (fits && validity(number).holds(at)) found.push_back(number);
    }
    std::ranges::sort(found);
    const auto repeats = std::ranges::unique(found);
    found.erase(repeats.begin(), repeats.end());
    return found;
}

void order_matches(std::vector<Match>& matches, std::size_t first, std::vector<std::uint64_t>& words) {
    if (matches.size() - first < 2) return;
    constexpr unsigned kEditsBits = 2, kReadShift = 32;
    static_assert(kMaxEdits < 1U << kEditsBits && kMostNumbers - 1 <= (~std::uint32_t{0} >> kEditsBits));
    words.clear();
    const auto mine =
        std::ranges::subrange(matches.begin() + static_cast<std::ptrdiff_t>(first), matches.end());
    for (const Match& m : mine) {
        words.push_back(std::uint64_t{m.read} << kReadShift | std::uint64_t{m.entry} << kEditsBits | m.edits);
    }
    std::ranges::sort(words);
    const auto repeats =
        std::ranges::unique(words, {}, [](std::uint64_t word) { return word >> kEditsBits; });
    words.erase(repeats.begin(), repeats.end());

    // Each read's by edits: there are few numbers of them, so the entries stay in order.
    auto out = mine.begin();
    for (auto begin = words.begin(); begin != words.end();) {
        const auto read = static_cast<std::uint32_t>(*begin >> kReadShift);
        const auto end =
            std::find_if(begin, words.end(), [&](std::uint64_t w) { return w >> kReadShift != read; });
        for (std::uint32_t edits = 0; edits <= kMaxEdits; ++edits) {
            for (const std::uint64_t word : std::ranges::subrange(begin, end)) {
                if ((word & ((1U << kEditsBits) - 1)) != edits) continue;
                *out++ = {read, static_cast<std::uint32_t>(word) >> kEditsBits, edits};
            }
        }
        begin = end;
    }
    matches.erase(out, matches.end());
}

namespace {

constexpr int kWeightSection = 434, kExactSection = 435;

}  // namespace

// Every array that a snapshot keeps, and the number of its section.
template <class Self, class Visit>
void Index::for_each_part(Self& self, Visit&& visit) {
    const auto from = [&](int first) {
        return [&visit, first](int part, auto& array) { visit(first + part, array); };
    };
    KeyIndex<Key8>::for_each_part(self.short_.keys, from(100));
    visit(110, self.short_.owners);
    KeyIndex<Key16>::for_each_part(self.long_.keys, from(200));
    visit(210, self.long_.owners);
    visit(300, self.shared_);
    visit(301, self.shared_ends_);
    StringPool::for_each_part(self.names_, from(400));
    visit(420, self.validity_);
    StringPool::for_each_part(self.categories_, from(430));
    visit(432, self.category_);
    visit(433, self.priority_);
    visit(kWeightSection, self.weight_);
    visit(kExactSection, self.exact_);
    visit(500, self.pattern_entries_);
}

namespace {

// The sections that no Array holds.
constexpr std::uint32_t kFactsSection = 1, kAlphabetSection = 2, kPatternSections = 510;

struct Facts {
    std::uint64_t entries;
    std::uint32_t max_edits;
    std::uint32_t reserved = 0;
};

}  // namespace

void Index::save(const std::string& path, unsigned max_edits) const {
    SnapshotWriter writer;
    add_to(writer, max_edits);
    writer.write(path);
}

void Index::add_to(SnapshotWriter& writer, unsigned max_edits) const {
    const Facts facts{size(), max_edits};
    writer.add_copy(kFactsSection, std::span(&facts, 1));
    writer.add(kAlphabetSection, std::span(alphabet_.symbols()));
    for_each_part(
        *this, [&](int id, const auto& array) { writer.add(static_cast<std::uint32_t>(id), array.view()); });
    const PatternIndex::Arrays& patterns = patterns_.arrays();
    writer.add(kPatternSections, patterns.symbols);
    writer.add(kPatternSections + 1, patterns.nodes);
    writer.add(kPatternSections + 2, patterns.forms);
    writer.add(kPatternSections + 3, patterns.members);
    writer.add(kPatternSections + 4, patterns.set_ends);
}

Index Index::open(const std::string& path, unsigned& max_edits, SnapshotAccess access) {
    return open(std::make_shared<const Snapshot>(Snapshot::open(path, access)), path, max_edits);
}

Index Index::open(std::shared_ptr<const Snapshot> opened, const std::string& name, unsigned& max_edits) {
    Index index;
    index.snapshot_ = std::move(opened);
    const Snapshot& snapshot = *index.snapshot_;
    const auto facts = snapshot.section<Facts>(kFactsSection);
    const auto symbols = snapshot.section<char32_t>(kAlphabetSection);
    for_each_part(index, [&]<class T>(int id, Array<T>& array) {
        // Version 1 has no weights, version 2 nothing that is to match exactly.
        if ((id == kWeightSection || id == kExactSection) && !snapshot.has(static_cast<std::uint32_t>(id)))
            return;
        array = Array<T>(snapshot.section<T>(static_cast<std::uint32_t>(id)));
    });
    index.patterns_ = PatternIndex({snapshot.section<char32_t>(kPatternSections),
                                    snapshot.section<PatternIndex::Node>(kPatternSections + 1),
                                    snapshot.section<PatternIndex::Form>(kPatternSections + 2),
                                    snapshot.section<std::uint32_t>(kPatternSections + 3),
                                    snapshot.section<std::uint32_t>(kPatternSections + 4)},
                                   index.pattern_entries_.size());
    const std::uint64_t entries = facts.empty() ? 0 : facts[0].entries;
    const auto one_each = [&](const auto& column) { return column.empty() || column.size() == entries; };
    const bool sound =
        facts.size() == 1 && facts[0].max_edits <= kMaxEdits && symbols.size() <= kMaxCode &&
        index.short_.keys.restore() && index.short_.keys.size() == index.short_.owners.size() &&
        index.long_.keys.restore() && index.long_.keys.size() == index.long_.owners.size() &&
        index.names_.size() == 2 * entries && one_each(index.validity_) && one_each(index.category_) &&
        one_each(index.priority_) && one_each(index.weight_) && one_each(index.exact_);
    if (!sound) throw SnapshotError(name + ": its sections do not fit together");
    index.alphabet_ = Alphabet({symbols.begin(), symbols.end()});
    max_edits = facts[0].max_edits;
    return index;
}

std::size_t Index::nbytes() const noexcept {
    return short_.keys.nbytes() + long_.keys.nbytes() + short_.owners.size_bytes() +
           long_.owners.size_bytes() + shared_.size_bytes() + shared_ends_.size_bytes();
}

}  // namespace platewatch
