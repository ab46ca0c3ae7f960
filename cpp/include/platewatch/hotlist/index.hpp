// The immutable index of a hotlist: which entries lie within k edits of a read.
//
// Contract: `search` finds every valid entry with edits(read, entry) <= k, k in 0..3, where edits is the
// least of
//   lev(read, entry);
//   lev(read, entry without its region mark), if the entry has one;
//   lev(read without its region mark, entry), if the read has one and the entry has none.
// So an entry with a mark has two keys, and a read with a mark is looked up twice. For a pattern it is the
// least to any plate that it admits: pattern_index.hpp. An entry that is to match exactly does so at 0 edits
// only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platewatch/base/scratch.hpp"
#include "platewatch/hotlist/plate_list.hpp"
#include "platewatch/search/alphabet.hpp"
#include "platewatch/search/key_index.hpp"
#include "platewatch/search/match.hpp"
#include "platewatch/search/pattern_index.hpp"
#include "platewatch/store/array.hpp"
#include "platewatch/store/snapshot.hpp"
#include "platewatch/store/string_pool.hpp"
#include "platewatch/text/symbols.hpp"

namespace platewatch {

// Microseconds since 1970-01-01T00:00Z.
using Time = std::int64_t;

// An entry is valid when from <= t < until.
struct Validity {
    Time from = std::numeric_limits<Time>::min();
    Time until = std::numeric_limits<Time>::max();

    [[nodiscard]] constexpr bool always() const noexcept { return *this == Validity{}; }
    [[nodiscard]] constexpr bool holds(Time t) const noexcept { return from <= t && t < until; }
    friend constexpr bool operator==(const Validity&, const Validity&) noexcept = default;
};

struct IndexEntry {
    std::string id;  // UTF-8
    Symbols plate;   // empty if there is a pattern
    Validity validity = {};
    std::string category = {};  // UTF-8
    std::optional<std::int32_t> priority = {};
    std::optional<Pattern> pattern = {};
    float weight = 1;    // how often the vehicle passes, relative to an ordinary one
    bool exact = false;  // only reads without any edit match it
};

// A text of a read; several may share its number.
struct Query {
    std::uint32_t read = 0;
    Time at = 0;
    Symbols text = {};
};

// What an index trades: a fast one takes thirteen bytes more a key, and less time where it is large.
enum class IndexKind : std::uint8_t { compact, fast };

class Index {
  public:
    // Queries that are worked on together, so that the memory that one waits for is fetched meanwhile.
    static constexpr std::size_t kBlock = 64;
    // So many keys of up to eight symbols, for a fast index to be another than a compact one.
    static constexpr std::size_t kKeysWorthFast = std::size_t{1} << 17;

    // What a search needs besides its answer; one for each thread, used again for each block.
    struct Workspace {
        struct Text {  // what a probe is a form of
            std::uint32_t query;
            bool plain_only;
        };
        Scratch<Text> texts;
        Scratch<Probe> short_probes, long_probes, reaching;
        std::vector<KeyMatch> keys;
        std::vector<PatternMatch> patterns;
        PatternIndex::Workspace pattern_walk;
        KeyWorkspace<Key8> short_keys;
        KeyWorkspace<Key16> long_keys;
        std::vector<std::uint64_t> words;
    };

    Index() = default;

    // Throws std::length_error over 254 distinct symbols or 2^29 entries, std::invalid_argument if an id
    // repeats.
    explicit Index(std::vector<IndexEntry> entries);

    // Of plates that are their own ids. Throws std::length_error over 2^29 plates.
    explicit Index(const PlateList& plates);

    // Makes a compact index a fast one, if it has enough keys. No snapshot keeps what that takes.
    void make_fast();

    // Of an entry by its number, its place among all ids. A pattern's plate is its canonical text.
    [[nodiscard]] std::size_t size() const noexcept { return names_.size() / 2; }
    [[nodiscard]] std::string_view id(std::uint32_t entry) const noexcept {
        return names_[2 * std::size_t{entry}];
    }
    [[nodiscard]] std::string_view plate(std::uint32_t entry) const noexcept {
        return names_[2 * std::size_t{entry} + 1];
    }
    // As symbols; empty for a pattern, and where an unverified snapshot holds nonsense.
    void plate(std::uint32_t entry, Symbols& out) const noexcept;
    // Asks for what that will touch, in two steps; in a list of nothing but plates it has just been compared.
    void prefetch_plate_place(std::uint32_t entry) const noexcept {
        if (!short_.in_order) names_.prefetch_place(2 * std::size_t{entry});
    }
    void prefetch_plate(std::uint32_t entry) const noexcept {
        if (!short_.in_order) names_.prefetch_text(2 * std::size_t{entry});
    }
    [[nodiscard]] Validity validity(std::uint32_t entry) const noexcept {
        return validity_.empty() ? Validity{} : validity_[entry];
    }
    [[nodiscard]] std::string_view category(std::uint32_t entry) const noexcept;
    [[nodiscard]] std::optional<std::int32_t> priority(std::uint32_t entry) const noexcept;
    [[nodiscard]] float weight(std::uint32_t entry) const noexcept {
        return weight_.empty() ? 1 : weight_[entry];
    }
    [[nodiscard]] bool is_exact(std::uint32_t entry) const noexcept {
        return !exact_.empty() && exact_[entry] != 0;
    }
    // Asked of the list, as the canonical text of `[1]2` is `12`.
    [[nodiscard]] bool is_pattern(std::uint32_t entry) const noexcept {
        return std::ranges::binary_search(pattern_entries_, entry);
    }
    [[nodiscard]] IndexEntry entry(std::uint32_t entry) const;

    // Those that entries without unknown characters use, ascending.
    [[nodiscard]] std::span<const char32_t> symbols() const noexcept { return alphabet_.symbols(); }

    // The number of an id.
    [[nodiscard]] std::optional<std::uint32_t> find(std::string_view id) const noexcept;

    // Appends the matches of each read, unordered, and an entry again for each of its forms that matches and
    // each way that a form is found.
    // Precondition: k <= kMaxEdits. At its best with kBlock queries at a time.
    void search(std::span<const Query> block, unsigned k, Workspace& workspace,
                std::vector<Match>& out) const;

    // The valid entries that fit a pattern, ascending by number: those with a plate of which some form fits,
    // and the patterns of which some plate fits both.
    [[nodiscard]] std::vector<std::uint32_t> search(const Pattern& query, Time at) const;

    // Writes a snapshot: see SnapshotWriter::write.
    void save(const std::string& path, unsigned max_edits) const;
    // Adds the sections of one, numbered below kFirstFreeSection, which must not outlive the index.
    void add_to(SnapshotWriter& writer, unsigned max_edits) const;
    static constexpr std::uint32_t kFirstFreeSection = 1000;
    // Of the sections that are wanted of what matches only: ids, plates and other metadata.
    static constexpr std::uint32_t kFirstOfNames = 400, kLastOfNames = 499;
    // Opens one; mapped, in milliseconds whatever its size. Throws as Snapshot::open does. Unless the file
    // has been verified, or read, the index may give wrong answers, but no search leaves the file.
    [[nodiscard]] static Index open(const std::string& path, unsigned& max_edits,
                                    SnapshotAccess access = SnapshotAccess::mapped);
    // Of one that is open; other sections are left alone. `name` is for messages.
    [[nodiscard]] static Index open(std::shared_ptr<const Snapshot> snapshot, const std::string& name,
                                    unsigned& max_edits);

    // Bytes of keys, tries and the way from a key to its entries; ids, plates and other metadata are not
    // counted.
    [[nodiscard]] std::size_t nbytes() const noexcept;

  private:
    // One entry that a key stands for, and as which of its forms; or, for a key of several, where they are
    // listed.
    class Owner {
      public:
        enum class Form : std::uint32_t { plain, marked, bare, several };

        constexpr Owner() noexcept = default;
        constexpr Owner(std::uint32_t number, Form form) noexcept
            : bits_(number << 2 | static_cast<std::uint32_t>(form)) {}
        [[nodiscard]] constexpr std::uint32_t number() const noexcept { return bits_ >> 2; }
        [[nodiscard]] constexpr Form form() const noexcept { return static_cast<Form>(bits_ & 3); }
        friend constexpr auto operator<=>(const Owner&, const Owner&) noexcept = default;

      private:
        std::uint32_t bits_ = 0;
    };

    struct Shared {  // the owners of keys of several, while they are gathered
        Column<Owner> owners;
        Column<std::uint32_t> ends;
    };

    // What is known of a section's keys as a whole: most reads of another kind need not be looked up in it.
    struct Extent {
        std::uint32_t least = 0, most = kMaxSymbols;  // symbols of a key
        bool any_plain = true;                        // some entry without a mark has a key here

        [[nodiscard]] bool reaches(const Probe& probe, bool plain_only, unsigned k) const noexcept {
            return probe.size + k >= least && probe.size <= most + k && (any_plain || !plain_only);
        }
        // In 16 bits; 0 is for what nobody has noted.
        [[nodiscard]] std::uint32_t noted() const noexcept {
            return 1U << 15 | std::uint32_t{any_plain} << 10 | least << 5 | most;
        }
        [[nodiscard]] static Extent of_note(std::uint32_t bits) noexcept {
            if ((bits >> 15 & 1) == 0) return {};
            return {bits >> 5 & 31, bits & 31, (bits >> 10 & 1) != 0};
        }
    };

    template <class Key>
    struct Section {
        static constexpr unsigned kInOrderBit = 11;  // older versions leave it 0, and do not look at it

        KeyIndex<Key> keys;
        Array<Owner> owners;  // by the key's place
        Extent extent;
        bool in_order = false;  // each key has one owner, whose number is its place: none is kept

        [[nodiscard]] Owner owner(std::uint32_t place) const noexcept {
            return in_order ? Owner(place, Owner::Form::plain) : owners[place];
        }
        // Its extent, and whether it is in order, in 16 bits: what a snapshot notes.
        [[nodiscard]] std::uint32_t noted() const noexcept {
            return extent.noted() | std::uint32_t{in_order} << kInOrderBit;
        }
        void take_note(std::uint32_t bits) {
            extent = Extent::of_note(bits);
            in_order = (bits >> kInOrderBit & 1) != 0;
            if (in_order) owners = {};
        }
        // Lets go of owners that need not be kept, which are all of a list of nothing but plates.
        void drop_owners_in_order() {
            std::uint32_t place = 0;
            const auto is_its_place = [&](Owner owner) {
                return owner == Owner(place++, Owner::Form::plain);
            };
            if (in_order || !std::ranges::all_of(owners, is_its_place)) return;
            in_order = true;
            owners = {};
        }
    };

    static constexpr std::int32_t kNoPriority = std::numeric_limits<std::int32_t>::min();

    template <class Self, class Visit>
    static void for_each_part(Self& self, Visit&& visit);

    void search_patterns(std::span<const Query> block, unsigned k, Workspace& workspace,
                         std::vector<Match>& out) const;

    struct Forms {  // of the entries' plates, while they are gathered
        std::vector<std::pair<Key8, Owner>> narrow;
        std::vector<std::pair<Key16, Owner>> wide;
    };
    void add_forms(const Symbols& plate, std::uint32_t number, Forms& forms) const;
    void build(Forms forms);

    // Precondition: the forms of one key ascend by owner.
    template <class Key>
    static Section<Key> build(std::vector<std::pair<Key, Owner>> forms, Shared& shared);

    template <class Visit>
    void for_each_owner(Owner owner, const Visit& visit) const;

    void add_probe(const Symbols& text, Workspace& workspace) const;

    template <class Key>
    void search_section(const Section<Key>& section, std::span<const Query> block,
                        std::span<const Probe> probes, unsigned k, Workspace& workspace,
                        KeyWorkspace<Key>& key_workspace, std::vector<Match>& out) const;

    Alphabet alphabet_;
    Section<Key8> short_;               // forms of up to 8 symbols
    Section<Key16> long_;               // forms of 9 to 16
    Array<Owner> shared_;               // the lists of the keys of several; each ends at ...
    Array<std::uint32_t> shared_ends_;  // ... the end of its number
    StringPool names_;                  // each entry's id and plate, side by side as they are wanted together
    PatternIndex patterns_;
    Array<std::uint32_t> pattern_entries_;  // by the pattern's place in patterns_
    // Of each entry; empty where all have the default.
    Array<Validity> validity_;
    StringPool categories_;
    Array<std::uint32_t> category_;  // the place in categories_
    Array<std::int32_t> priority_;   // kNoPriority if it has none
    Array<float> weight_;
    Array<std::uint8_t> exact_;                 // 1: only without edits
    std::shared_ptr<const Snapshot> snapshot_;  // that the arrays lie in, if they do
};

// Puts matches, from the first-th on, in the order read, edits, number, one line an entry: its form with the
// fewest edits. `words` is room to work in. Precondition: entry < kMostNumbers.
inline constexpr std::uint32_t kMostNumbers = 1U << 30;
void order_matches(std::vector<Match>& matches, std::size_t first, std::vector<std::uint64_t>& words);

}  // namespace platewatch
