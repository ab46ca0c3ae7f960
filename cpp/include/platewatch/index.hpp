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
#include <string>
#include <string_view>
#include <vector>

#include "platewatch/alphabet.hpp"
#include "platewatch/key_index.hpp"
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

struct Match {
    std::uint32_t entry;  // the place of the entry's id among all ids, by code point
    std::uint32_t edits;

    friend constexpr bool operator==(const Match&, const Match&) noexcept = default;
};

// Many short strings in one piece of memory.
class StringPool {
  public:
    void reserve(std::size_t strings) { ends_.reserve(strings); }
    void push_back(std::string_view s) {
        text_ += s;
        ends_.push_back(text_.size());
    }
    [[nodiscard]] std::size_t size() const noexcept { return ends_.size(); }
    [[nodiscard]] std::string_view operator[](std::size_t i) const noexcept {
        const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
        return std::string_view(text_).substr(begin, ends_[i] - begin);
    }

  private:
    std::string text_;
    std::vector<std::size_t> ends_;
};

struct IndexEntry {
    std::string id;  // UTF-8
    Symbols plate;
    Validity validity;
};

class Index {
  public:
    // What a search needs besides its answer; one for each thread, used again for each read.
    struct Workspace {
        std::vector<KeyMatch> keys;
    };

    Index() = default;

    // Throws std::length_error over 254 distinct symbols or 2^29 entries, std::invalid_argument if an id
    // repeats.
    explicit Index(std::vector<IndexEntry> entries);

    [[nodiscard]] std::size_t size() const noexcept { return ids_.size(); }
    [[nodiscard]] std::string_view id(std::uint32_t entry) const noexcept { return ids_[entry]; }
    [[nodiscard]] std::string_view plate(std::uint32_t entry) const noexcept { return plates_[entry]; }

    // Replaces `out` by the matches in the order edits, entry. Precondition: k <= kMaxEdits.
    void search(const Symbols& read, unsigned k, Time at, Workspace& workspace,
                std::vector<Match>& out) const;

    // Bytes of keys, tries and the way from a key to its entries; ids, plates and validity are not counted.
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

      private:
        std::uint32_t bits_ = 0;
    };

    template <class Key>
    struct Section {
        KeyIndex<Key> keys;
        std::vector<Owner> owners;  // by the key's place
    };

    template <class Key>
    void fill(Section<Key>& section, std::vector<std::pair<Key, Owner>> forms);

    template <class Key>
    void search_section(const Section<Key>& section, std::span<const Code> read, unsigned k, Time at,
                        bool plain_only, Workspace& workspace, std::vector<Match>& out) const;

    void search_text(std::u32string_view text, unsigned k, Time at, bool plain_only, Workspace& workspace,
                     std::vector<Match>& out) const;

    Alphabet alphabet_;
    Section<Key8> short_;                     // forms of up to 8 symbols
    Section<Key16> long_;                     // forms of 9 to 16
    std::vector<Owner> shared_;               // the lists of the keys of several; each ends at ...
    std::vector<std::uint32_t> shared_ends_;  // ... the end of its number
    StringPool ids_, plates_;
    std::vector<Validity> validity_;  // empty if every entry is always valid
};

}  // namespace platewatch
