// The keys of seven symbols, and those of eight, by the fourth and the fifth symbol from their ends: a third
// anchor, for lists that a core's cache holds.
//
// Of two edits in a read of eight symbols that leave a key its length, either the first three symbols have
// none, or the last three, or the two between them. What the first two cases cost, the sorted arrays answer
// at once; the third one they only answer by every way to replace one of three symbols.
//
// Of a read of seven symbols it is the same for the keys of seven, but for the first two symbols in place of
// three. A key of eight has a symbol that the read lacks, and one replaced. If it lacks one of the first
// symbols, or in front of the middle ones, the middle ones stand where they stood, told from the end. If it
// lacks one of the last symbols, they stand one place further from the end, and so does the symbol behind
// them: unless the symbol that it lacks is right there, and then the key ends with the read's last three.
//
// A key is told by its place in ascending order, of which 16 bits are kept: two bytes a key. The keys are
// looked up there one by one, so this is for lists whose keys are near. Of the last three symbols of a key
// that is looked for, two at least are the read's: of keys of eight symbols, the many, a byte says something
// of all three, and only those are looked up that it does not tell apart from the read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "platewatch/base/prefetch.hpp"
#include "platewatch/search/key.hpp"
#include "platewatch/store/array.hpp"

namespace platewatch {

// Of the keys of one size.
class MiddleOrder {
  public:
    static constexpr std::uint32_t kMiddle = 2, kBehind = 3;  // symbols that it goes by, and behind them
#if defined(PLATEWATCH_LITTLE_MEMORY)
    // Three bytes a key are too many there.
    static constexpr std::size_t kMostKeys = 0;
#else
    static constexpr std::size_t kMostKeys = std::size_t{1} << 18;
#endif
    // So many keys, for tails to spare more than they cost: fewer are in the cache that is nearest but one.
    static constexpr std::size_t kKeysWorthTails = std::size_t{1} << 16;

    MiddleOrder() = default;

    // Has none if there are too many keys, or too few for the pairs of symbols that there may be. Keys
    // ascend; if they do not, what is found is wrong, but it is among them.
    // Precondition: kMiddle + kBehind <= size <= kKeySymbols<Key8>.
    MiddleOrder(std::span<const Key8> keys, std::size_t size, bool with_tails);

    // Whether it has all keys of the size: if there are none, too.
    [[nodiscard]] bool has_all() const noexcept { return has_all_; }

    // Where the keys with such middle symbols stand.
    struct Cell {
        const std::uint32_t* ends = nullptr;  // [segment]: of its places, and in front of them its begin
        std::uint32_t count = 0;
    };
    [[nodiscard]] Cell cell(Code first, Code second) const noexcept {
        const std::uint32_t row = std::uint32_t{first} - least_[0],
                            column = std::uint32_t{second} - least_[1];
        if (row >= codes_[0] || column >= codes_[1]) return {};
        const std::uint32_t* ends = ends_.data() + (std::size_t{row} * codes_[1] + column) * segments_;
        return {ends, ends[segments_] - ends[0]};
    }
    void prefetch_places(const Cell& cell) const noexcept {
        constexpr std::uint32_t kOfLine = 64 / sizeof(std::uint16_t);
        for (std::uint32_t i = 0; i < cell.count; i += kOfLine) prefetch(places_.data() + *cell.ends + i);
    }

    // Copies the cell's keys to `out`, and to `nths` which of the cell they are; both have room for all.
    // Given a read's tail, and if it knows those of its keys, it leaves out keys that have not two of the
    // read's last three symbols. Returns how many it copied.
    std::uint32_t copy(const Cell& cell, std::optional<std::uint8_t> tail, const Key8* keys, Key8* out,
                       std::uint32_t* nths) const noexcept;
    [[nodiscard]] bool has_tails() const noexcept { return !tails_.empty(); }

    // Bits of the last three symbols of a key of so many.
    [[nodiscard]] static std::uint8_t tail_of(Key8 key, std::size_t size) noexcept {
        const auto low_bits = [&](std::size_t from_end, unsigned bits) {
            return code_at(key, size - from_end) & ((1U << bits) - 1);
        };
        return static_cast<std::uint8_t>(low_bits(1, 3) | low_bits(2, 3) << 3 | low_bits(3, 2) << 6);
    }

    // The place among all keys of the nth of a cell.
    [[nodiscard]] std::uint32_t place(const Cell& cell, std::uint32_t nth) const noexcept {
        const std::uint32_t i = cell.ends[0] + nth;
        std::uint32_t segment = 0;
        while (i >= cell.ends[segment + 1]) ++segment;
        return segment << kSegmentBits | places_[i];
    }

    [[nodiscard]] std::size_t nbytes() const noexcept {
        return places_.size_bytes() + ends_.size_bytes() + tails_.size_bytes();
    }

  private:
    static constexpr std::uint32_t kSegmentBits = 16;
    std::uint32_t copy_alike(const Cell& cell, std::uint8_t tail, const Key8* keys, Key8* out,
                             std::uint32_t* nths) const noexcept;

    bool has_all_ = false;
    Code least_[2] = {};
    std::uint32_t codes_[2] = {};
    std::uint32_t segments_ = 0;
    Array<std::uint32_t> ends_;  // [code][code][segment], and in front of them a 0
    Array<std::uint16_t> places_;
    Array<std::uint8_t> tails_;  // by place in places_, and a word more that can be read
};

// Of the keys of seven symbols, and of those of eight.
class MiddleOrders {
  public:
    MiddleOrders() = default;
    explicit MiddleOrders(std::span<const Key8> keys) : seven_(keys, 7, false), eight_(keys, 8, true) {}

    // Whether reads of so many symbols are to be looked up.
    [[nodiscard]] bool know(std::size_t size) const noexcept {
        return (size == 8 || (size == 7 && seven_.has_all())) && eight_.has_all();
    }

    // Keys to compare with what follows the first `of_read` symbols of a read, once their own first `of_key`
    // are left out.
    struct Part {
        const MiddleOrder* order = nullptr;
        MiddleOrder::Cell cell;
        std::uint32_t of_read = 0, of_key = 0;
        unsigned edits = 2;
        std::optional<std::uint8_t> tail = {};  // of the read, if each edit is a symbol replaced
    };
    using Parts = std::array<Part, 3>;
    // Those with an edit in front of a read's middle symbols, one behind, and none between, but for those
    // that lack one of the read's first or last symbols. Precondition: know(size).
    [[nodiscard]] Parts parts(Key8 read, std::size_t size) const noexcept {
        const auto cell = [&](const MiddleOrder& order, std::size_t at) {
            return order.cell(code_at(read, at), code_at(read, at + 1));
        };
        const std::uint8_t tail = MiddleOrder::tail_of(read, size);
        if (size == 8) return {Part{&eight_, cell(eight_, 3), 0, 0, 2, tail}};
        return {Part{&seven_, cell(seven_, 2), 0, 0, 2, tail}, Part{&eight_, cell(eight_, 2), 2, 3, 1, tail},
                Part{&eight_, cell(eight_, 3)}};
    }

    [[nodiscard]] std::size_t nbytes() const noexcept { return seven_.nbytes() + eight_.nbytes(); }

  private:
    MiddleOrder seven_, eight_;
};

}  // namespace platewatch
