// The keys of eight symbols by their two middle ones: a third anchor, for lists that a core's cache holds.
//
// Of two edits that leave a key its length, either the first three symbols have none, or the last three, or
// the two between them. What the first two cases cost, the sorted arrays answer at once; the third one they
// only answer by every way to replace one of three symbols.
//
// A key is told by its place in ascending order, of which 16 bits are kept: two bytes a key. The keys are
// looked up there one by one, so this is for lists whose keys are near.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "platewatch/search/key.hpp"
#include "platewatch/store/array.hpp"

namespace platewatch {

class MiddleOrder {
  public:
    static constexpr std::uint32_t kSymbols = 8;          // of its keys
    static constexpr std::uint32_t kBegin = 3, kEnd = 5;  // those that it goes by
#if defined(PLATEWATCH_LITTLE_MEMORY)  // a tenth fewer instructions within two edits are not worth it there
    static constexpr std::size_t kMostKeys = 0;
#else
    static constexpr std::size_t kMostKeys = std::size_t{1} << 18;
#endif

    MiddleOrder() = default;

    // Empty if there are too many keys, or too few for the pairs of symbols that there may be. Keys ascend;
    // if they do not, what is found is wrong, but it is among them.
    explicit MiddleOrder(std::span<const Key8> keys);

    [[nodiscard]] bool empty() const noexcept { return places_.empty(); }

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
    void prefetch(const Cell& cell) const noexcept {
        constexpr std::uint32_t kOfLine = 64 / sizeof(std::uint16_t);
        for (std::uint32_t i = 0; i < cell.count; i += kOfLine)
            __builtin_prefetch(places_.data() + *cell.ends + i);
    }

    // Copies the cell's keys to `out`, which has room for them.
    void copy(const Cell& cell, const Key8* keys, Key8* out) const noexcept {
        for (std::uint32_t segment = 0; segment < segments_; ++segment) {
            const Key8* of_segment = keys + (std::size_t{segment} << kSegmentBits);
            for (std::uint32_t i = cell.ends[segment]; i < cell.ends[segment + 1]; ++i)
                *out++ = of_segment[places_[i]];
        }
    }
    // The place among all keys of the nth of a cell.
    [[nodiscard]] std::uint32_t place(const Cell& cell, std::uint32_t nth) const noexcept {
        const std::uint32_t i = cell.ends[0] + nth;
        std::uint32_t segment = 0;
        while (i >= cell.ends[segment + 1]) ++segment;
        return segment << kSegmentBits | places_[i];
    }

    [[nodiscard]] std::size_t nbytes() const noexcept { return places_.size_bytes() + ends_.size_bytes(); }

  private:
    static constexpr std::uint32_t kSegmentBits = 16;

    Code least_[2] = {};
    std::uint32_t codes_[2] = {};
    std::uint32_t segments_ = 0;
    Array<std::uint32_t> ends_;  // [code][code][segment], and in front of them a 0
    Array<std::uint16_t> places_;
};

}  // namespace platewatch
