// The immutable index of a hotlist: which entries lie within k edits of a read.
//
// Contract: `search` finds every valid entry with edits(read, entry) <= k, k in 0..3, where edits is the
// least of
//   lev(read, entry);
//   lev(read, entry without its region mark), if the entry has one;
//   lev(read without its region mark, entry), if the read has one and the entry has none.
// So an entry with a mark has two keys, and a read with a mark is looked up twice.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platewatch/alphabet.hpp"
#include "platewatch/array.hpp"
#include "platewatch/key_index.hpp"
#include "platewatch/string_pool.hpp"
#include "platewatch/symbols.hpp"

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
    Symbols plate;
    Validity validity = {};
    std::string category = {};
    std::optional<std::int32_t> priority = {};
};

// A text of a read; several may share its number.
struct Query {
    std::uint32_t read = 0;
    Time at = 0;
    Symbols text = {};
};

struct Match {
    std::uint32_t read;   // the query's
    std::uint32_t entry;  // the place of the entry's id among all ids, by code point
    std::uint32_t edits;

    friend constexpr bool operator==(const Match&, const Match&) noexcept = default;
};

class Index {
  public:
    // Queries that are worked on together, so that the memory that one waits for is fetched meanwhile.
    static constexpr std::size_t kBlock = 32;

    // What a search needs besides its answer; one for each thread, used again for each block.
    struct Workspace {
        struct Text {  // what a probe is a form of
            std::uint32_t query;
            bool plain_only;
        };
        std::vector<Text> texts;
        std::vector<Probe> short_probes, long_probes;
        std::vector<KeyMatch> keys;
        KeyWorkspace<Key8> short_keys;
        KeyWorkspace<Key16> long_keys;
    };

    Index() = default;

    // Throws std::length_error over 254 distinct symbols or 2^29 entries, std::invalid_argument if an id
    // repeats.
    explicit Index(std::vector<IndexEntry> entries);

    [[nodiscard]] std::size_t size() const noexcept { return ids_.size(); }
    [[nodiscard]] std::string_view id(std::uint32_t entry) const noexcept { return ids_[entry]; }
    [[nodiscard]] std::string_view plate(std::uint32_t entry) const noexcept { return plates_[entry]; }

    // Appends the matches of each read, unordered, and an entry again for each of its forms that matches.
    // Precondition: k <= kMaxEdits. At its best with kBlock queries at a time.
    void search(std::span<const Query> block, unsigned k, Workspace& workspace,
                std::vector<Match>& out) const;

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

    template <class Key>
    struct Section {
        KeyIndex<Key> keys;
        Array<Owner> owners;  // by the key's place
    };

    template <class Key>
    static Section<Key> build(std::vector<std::pair<Key, Owner>> forms, Shared& shared);

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
    StringPool ids_, plates_;
    Array<Validity> validity_;  // empty if every entry is always valid
};

// The order of a read's matches, edits before ids, and one line an entry: its form with the fewest edits.
void order_matches(std::vector<Match>& matches);

}  // namespace platewatch
