// The keys by their first three and their last three symbols: a third anchor within one edit, for lists of
// millions.
//
// One edit is at a read's first three symbols, at its last three, or between them. Where it is at an end, the
// key begins or ends with all the others, five of eight: a range that is short in any list. Where it is
// between them, only both ends together are as sharp, and no sorted array has such keys side by side.
//
// So this is a hash table by both ends. It tells each key by its place in ascending order, and has the
// symbols between its ends beside it, two at most, with some bits of the hash. What they let through by
// chance, the key itself tells.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "platewatch/base/prefetch.hpp"
#include "platewatch/search/key.hpp"
#include "platewatch/store/array.hpp"

namespace platewatch {

class EndsOrder {
  public:
    static constexpr std::uint32_t kEnd = 3;  // symbols at either end
    static constexpr std::uint32_t kLeastSymbols = 2 * kEnd, kMostSymbols = kKeySymbols<Key8>;

    EndsOrder() = default;

    // If keys do not ascend, what is found is wrong, but it is among them.
    explicit EndsOrder(std::span<const Key8> keys);

    [[nodiscard]] bool empty() const noexcept { return cells_.empty(); }

    // Whether a read of so many symbols can be looked for.
    [[nodiscard]] bool knows(std::uint32_t size) const noexcept {
        return !empty() && size >= kLeastSymbols && size <= kMostSymbols;
    }

    struct Place {
        std::uint32_t bucket, tag;
    };
    // Of the keys with the ends of a read, which is given forwards and backwards.
    [[nodiscard]] Place find(Key8 read, Key8 mirrored) const noexcept {
        const std::uint64_t hash = hash_of(read, mirrored);
        return {static_cast<std::uint32_t>((hash >> 32) * buckets_ >> 32), tag_of(hash)};
    }
    // Ask for what the next step will touch.
    void prefetch_bucket(const Place& place) const noexcept { prefetch(begins_.data() + place.bucket); }
    void prefetch_cells(const Place& place) const noexcept {
        constexpr std::uint32_t kOfLine = 64 / sizeof(std::uint64_t);
        const std::uint32_t end = begins_[place.bucket + 1];
        for (std::uint32_t i = begins_[place.bucket]; i < end; i += kOfLine) prefetch(cells_.data() + i);
    }

    // Calls visit(place) for each key that has the ends of a read of `size` symbols and between them what the
    // read has, but for one edit; now and then, for a key that has not. Precondition: knows(size).
    template <class Visit>
    void visit(const Place& place, Key8 read, std::uint32_t size, Visit&& visit) const {
        const std::array<Form, 3> forms = forms_of(read, size, place.tag);
        const std::uint32_t end = begins_[place.bucket + 1];
        for (std::uint32_t i = begins_[place.bucket]; i < end; ++i) {
            const auto label = static_cast<std::uint32_t>(cells_[i] >> 32);
            bool fits = false;
            for (const Form& form : forms) fits |= ((label ^ form.label) & form.mask) == 0;
            if (fits) visit(static_cast<std::uint32_t>(cells_[i]));
        }
    }

    [[nodiscard]] std::size_t nbytes() const noexcept { return cells_.size_bytes() + begins_.size_bytes(); }

  private:
    // A cell: the key's label, then its place. A label: tag, first and second symbol between the ends.
    struct Form {
        std::uint32_t label, mask;
    };

    [[nodiscard]] static std::uint64_t hash_of(Key8 key, Key8 mirrored) noexcept {
        constexpr unsigned kRest = 64 - 8 * kEnd;
        std::uint64_t hash = key >> kRest << (8 * kEnd) | mirrored >> kRest;
        hash = (hash ^ hash >> 23) * 0x9E37'79B9'7F4A'7C15;
        return hash ^ hash >> 32;
    }
    [[nodiscard]] static std::uint32_t tag_of(std::uint64_t hash) noexcept {
        return static_cast<std::uint32_t>(hash) & 0xffff'0000;
    }

    // Whatever is one edit away from up to two symbols has one of three forms.
    [[nodiscard]] static std::array<Form, 3> forms_of(Key8 read, std::uint32_t size,
                                                      std::uint32_t tag) noexcept {
        constexpr std::uint32_t kFirst = 0xffff'ff00, kSecond = 0xffff'00ff, kBoth = ~0U;
        const std::uint32_t first = code_at(read, kEnd), second = code_at(read, kEnd + 1);
        const Form one_at_most{tag, kSecond};
        switch (size - kLeastSymbols) {
            case 0:
                return {one_at_most, one_at_most, one_at_most};
            case 1:
                return {one_at_most, Form{tag | first << 8, kFirst}, Form{tag | first, kSecond}};
            default:
                return {Form{tag | first << 8, kFirst}, Form{tag | second, kSecond},
                        Form{tag | second << 8, kBoth}};
        }
    }

    std::uint64_t buckets_ = 0;
    Array<std::uint32_t> begins_;  // [bucket]: of its cells; and in the end, how many there are
    Array<std::uint64_t> cells_;
};

}  // namespace platewatch
