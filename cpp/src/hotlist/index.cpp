#include "platewatch/hotlist/index.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <iterator>
#include <map>
#include <numeric>
#include <ranges>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>

#include "platewatch/base/interrupt.hpp"
#include "platewatch/base/prefetch.hpp"
#include "platewatch/base/radix_sort.hpp"
#include "platewatch/base/raise.hpp"
#include "platewatch/text/normalize.hpp"
#include "platewatch/text/region.hpp"
#include "text/utf8.hpp"

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

void check_size(std::size_t entries) {
    if (entries >= (std::size_t{1} << 29)) raise<std::length_error>("more than 2^29 entries");
}

// Keys as UTF-8.
class Spelling {
  public:
    using Room = std::array<char, 4 * (kMaxSymbols + 1)>;

    explicit Spelling(const Alphabet& alphabet) {
        for (std::size_t i = 0; i < alphabet.size(); ++i) {
            const std::string text = to_utf8(std::u32string_view(&alphabet.symbols()[i], 1));
            std::ranges::copy(text, bytes_[i + 1].begin());
            sizes_[i + 1] = static_cast<std::uint8_t>(text.size());
        }
    }

    template <class Key>
    [[nodiscard]] std::size_t size(Key key) const noexcept {
        std::size_t size = 0;
        for (std::size_t i = 0; i < kKeySymbols<Key>; ++i) size += sizes_[code_at(key, i)];
        return size;
    }
    template <class Key>
    [[nodiscard]] std::string_view spell(Key key, Room& room) const noexcept {
        char* at = room.data();
        for (std::size_t i = 0; i < kKeySymbols<Key>; ++i) {
            const Code code = code_at(key, i);
            std::memcpy(at, bytes_[code].data(), 4);  // in one move; what is too much is written over
            at += sizes_[code];
        }
        return {room.data(), at};
    }

  private:
    std::array<std::array<char, 4>, kMaxCode + 1> bytes_{};  // by code; the padding has none
    std::array<std::uint8_t, kMaxCode + 1> sizes_{};
};

// The plate of a key; empty where a snapshot that nobody verified has other codes.
template <class Key>
void decode(Key key, const Alphabet& alphabet, Symbols& out) noexcept {
    out.clear();
    for (std::size_t i = 0; i < kKeySymbols<Key> && code_at(key, i) != kPadding; ++i) {
        const std::size_t nth = code_at(key, i) - std::size_t{1};
        if (nth >= alphabet.size()) return out.clear();
        out.push_back(alphabet.symbols()[nth]);
    }
}

}  // namespace

Index::Index(std::vector<IndexEntry> entries) {
    check_size(entries.size());
    const std::vector<std::uint32_t> order = order_of_ids(entries);
    const auto id_of = [&](std::uint32_t i) -> const std::string& { return entries[i].id; };
    const auto repeat = std::ranges::adjacent_find(order, {}, id_of);
    if (repeat != order.end()) raise<std::invalid_argument>("the id " + id_of(*repeat) + " stands twice");
    alphabet_ = alphabet_of(entries);

    Forms forms;
    StringPool::Builder names;
    std::vector<Pattern> patterns;
    Column<std::uint32_t> pattern_entries;
    names.reserve(2 * entries.size());
    forms.narrow.reserve(entries.size());
    Poller pass_by;
    for (std::uint32_t number = 0; number < entries.size(); ++number) {
        pass_by();
        const IndexEntry& entry = entries[order[number]];
        names.push_back(entry.id);
        if (entry.pattern) {
            names.push_back(to_utf8(*entry.pattern));
            patterns.push_back(*entry.pattern);
            pattern_entries.push_back(number);
            continue;
        }
        names.push_back(to_utf8(entry.plate.view()));
        add_forms(entry.plate, number, forms);
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
    build(std::move(forms));
}

Index::Index(const PlateList& plates) : alphabet_(plates.alphabet()) {
    check_size(plates.size());
    const Spelling spelling(alphabet_);
    const std::span<const Key8> narrow = plates.short_keys();
    const std::span<const Key16> wide = plates.long_keys();
    Poller pass_by;
    std::size_t bytes = 0;
    for (const Key8 key : narrow) pass_by(), bytes += spelling.size(key);
    for (const Key16 key : wide) pass_by(), bytes += spelling.size(key);

    StringPool::Builder names;
    names.reserve(2 * plates.size(), 2 * bytes);
    Forms forms;
    forms.narrow.reserve(narrow.size());
    std::uint32_t number = 0;
    const auto add = [&](auto key) {
        pass_by();
        Spelling::Room room;
        const std::string_view plate = spelling.spell(key, room);
        names.push_back(plate);
        names.push_back(plate);
        if constexpr (std::is_same_v<decltype(key), Key8>) {
            if (alphabet_.symbols()[code_at(key, 0) - std::size_t{1}] < U'가') {  // it has no mark
                forms.narrow.emplace_back(key, Owner{number++, Owner::Form::plain});
                return;
            }
        }
        Symbols text;
        decode(key, alphabet_, text);
        add_forms(text, number++, forms);
    };
    // The ids' order is that of the keys: codes follow code points, and what is shorter comes first.
    for (std::size_t i = 0, j = 0; i < narrow.size() || j < wide.size();) {
        if (j == wide.size() || (i < narrow.size() && Probe::widened(narrow[i]) < wide[j])) {
            add(narrow[i++]);
        } else {
            add(wide[j++]);
        }
    }
    names_ = std::move(names).build();
    build(std::move(forms));
}

// A plate with a mark has two forms, with and without it.
void Index::add_forms(const Symbols& plate, std::uint32_t number, Forms& forms) const {
    const auto add = [&](const Symbols& text, Owner::Form form) {
        if (text.size() <= kKeySymbols<Key8>) {
            forms.narrow.emplace_back(alphabet_.encode<Key8>(text), Owner{number, form});
        } else {
            forms.wide.emplace_back(alphabet_.encode<Key16>(text), Owner{number, form});
        }
    };
    if (!has_region_mark(plate.view())) return add(plate, Owner::Form::plain);
    add(plate, Owner::Form::marked);
    add(Symbols(without_region_mark(plate.view())), Owner::Form::bare);
}

void Index::build(Forms forms) {
    Shared shared;
    short_ = build(std::move(forms.narrow), shared);
    long_ = build(std::move(forms.wide), shared);
    shared_ = std::move(shared.owners);
    shared_ends_ = std::move(shared.ends);
}

template <class Key>
auto Index::build(std::vector<std::pair<Key, Owner>> forms, Shared& shared) -> Section<Key> {
    radix_sort<sizeof(Key)>(forms, [](const auto& form) { return form.first; });
    Extent extent{kMaxSymbols, 0, false};
    for (const auto& [key, owner] : forms) {
        const auto size = static_cast<std::uint32_t>(length(key));
        extent.least = std::min(extent.least, size);
        extent.most = std::max(extent.most, size);
        extent.any_plain |= owner.form() == Owner::Form::plain;
    }
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
    Section<Key> section{KeyIndex<Key>(std::move(keys)), std::move(owners), extent};
    section.drop_owners_in_order();
    return section;
}

void Index::search(std::span<const Query> block, unsigned k, Workspace& workspace,
                   std::vector<Match>& out) const {
    constexpr std::size_t kTextsOfQuery = 2;  // with a region mark, and without
    workspace.texts.refill(kTextsOfQuery * block.size());
    workspace.short_probes.refill(kTextsOfQuery * block.size());
    workspace.long_probes.refill(kTextsOfQuery * block.size());
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
    search_section(short_, block, workspace.short_probes.view(), k, workspace, workspace.short_keys, out);
    search_section(short_, block, workspace.long_probes.view(), k, workspace, workspace.short_keys, out);
    search_section(long_, block, workspace.long_probes.view(), k, workspace, workspace.long_keys, out);
    search_section(long_, block, workspace.short_probes.view(), k, workspace, workspace.long_keys, out);
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
    if (probes.empty() || section.keys.size() == 0) return;
    const auto reaches = [&](const Probe& probe) {
        return section.extent.reaches(probe, workspace.texts[probe.tag].plain_only, k);
    };
    if (!std::ranges::all_of(probes, reaches)) {
        workspace.reaching.refill(probes.size());
        std::ranges::copy_if(probes, std::back_inserter(workspace.reaching), reaches);
        probes = workspace.reaching.view();
        if (probes.empty()) return;
    }
    workspace.keys.clear();
    section.keys.search(probes, k, key_workspace, workspace.keys);
    if (!section.in_order) {
        for (const KeyMatch& key : workspace.keys) prefetch(&section.owners[key.place]);
    }
    for (const KeyMatch& key : workspace.keys) {
        const Workspace::Text& text = workspace.texts[probes[key.probe].tag];
        const Query& query = block[text.query];
        for_each_owner(section.owner(key.place), [&](Owner owner) {
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

void Index::plate(std::uint32_t entry, Symbols& out) const noexcept {
    if (short_.in_order && entry < short_.keys.size()) return decode(short_.keys.key(entry), alphabet_, out);
    decode_plate(plate(entry), out);
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
            for_each_owner(section.owner(place), [&](Owner owner) {
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

constexpr int kShortOwners = 110, kLongOwners = 210, kWeightSection = 434, kExactSection = 435;

}  // namespace

// Every array that a snapshot keeps, and the number of its section.
template <class Self, class Visit>
void Index::for_each_part(Self& self, Visit&& visit) {
    const auto from = [&](int first) {
        return [&visit, first](int part, auto& array) { visit(first + part, array); };
    };
    KeyIndex<Key8>::for_each_part(self.short_.keys, from(100));
    visit(kShortOwners, self.short_.owners);
    KeyIndex<Key16>::for_each_part(self.long_.keys, from(200));
    visit(kLongOwners, self.long_.owners);
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
    std::uint32_t extents;  // of both sections' keys, and their order; 0 in files of older versions
};

}  // namespace

void Index::save(const std::string& path, unsigned max_edits) const {
    SnapshotWriter writer;
    add_to(writer, max_edits);
    writer.write(path);
}

void Index::add_to(SnapshotWriter& writer, unsigned max_edits) const {
    const Facts facts{size(), max_edits, short_.noted() << 16 | long_.noted()};
    writer.add_copy(kFactsSection, std::span(&facts, 1));
    writer.add(kAlphabetSection, std::span(alphabet_.symbols()));
    // A file has owners that need not be kept, too.
    const auto add_owners = [&](std::uint32_t id, std::size_t keys) {
        Column<Owner> owners;
        owners.reserve(keys);
        for (std::uint32_t place = 0; place < keys; ++place) owners.emplace_back(place, Owner::Form::plain);
        writer.add_copy(id, std::span<const Owner>(owners));
    };
    for_each_part(*this, [&](int id, const auto& array) {
        if (id == kShortOwners && short_.in_order) return add_owners(kShortOwners, short_.keys.size());
        if (id == kLongOwners && long_.in_order) return add_owners(kLongOwners, long_.keys.size());
        writer.add(static_cast<std::uint32_t>(id), array.view());
    });
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
    if (!sound) raise<SnapshotError>(name + ": its sections do not fit together");
    index.alphabet_ = Alphabet({symbols.begin(), symbols.end()});
    index.short_.take_note(facts[0].extents >> 16);
    index.long_.take_note(facts[0].extents);
    max_edits = facts[0].max_edits;
    return index;
}

void Index::make_fast() {
    if (short_.keys.size() < kKeysWorthFast) return;
    short_.keys.make_fast();
    short_.drop_owners_in_order();
}

std::size_t Index::nbytes() const noexcept {
    return short_.keys.nbytes() + long_.keys.nbytes() + short_.owners.size_bytes() +
           long_.owners.size_bytes() + shared_.size_bytes() + shared_ends_.size_bytes();
}

}  // namespace platewatch
