#include "platewatch/search/middle_order.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <utility>

namespace platewatch {
namespace {

using Word = std::uint64_t;

// Bit i: the tail at `tails` + i may be of two symbols that `tail` is of.
inline Word alike_tails(const std::uint8_t* tails, std::uint8_t tail) noexcept {
    constexpr Word kOnes = 0x0101010101010101, kFirstBits = 0x0102040810204080;
    Word word;
    std::memcpy(&word, tails, sizeof word);
    if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
    // The lowest bit of each byte: whether the last symbol is another one, the last but one, and the one in
    // front of it.
    const Word other = word ^ kOnes * tail, two_bits = other | other >> 1;
    const Word last = two_bits | other >> 2, second = last >> 3, third = two_bits >> 6;
    const Word alike = ~((last & (second | third)) | (second & third)) & kOnes;
    return alike * kFirstBits >> 56;
}

}  // namespace

MiddleOrder::MiddleOrder(std::span<const Key8> keys, std::size_t size, bool with_tails) {
    if (keys.size() > kMostKeys) return;
    const std::size_t middle = size - kBehind - kMiddle;
    const auto is_sized = [size](Key8 key) {
        return code_at(key, size - 1) != kPadding && drop(key, size) == 0;
    };
    Code least[2] = {kUnknownCode, kUnknownCode}, most[2] = {};
    std::size_t count = 0;
    for (const Key8 key : keys) {
        if (!is_sized(key)) continue;
        ++count;
        for (std::uint32_t i = 0; i < 2; ++i) {
            least[i] = std::min(least[i], code_at(key, middle + i));
            most[i] = std::max(most[i], code_at(key, middle + i));
        }
    }
    has_all_ = count == 0;
    if (has_all_) return;
    constexpr std::size_t kKeysPerEnd = 16;  // so that the ends take a quarter of a byte a key at most
    const std::size_t rows = most[0] - std::size_t{least[0]} + 1,
                      columns = most[1] - std::size_t{least[1]} + 1,
                      segments = ((keys.size() - 1) >> kSegmentBits) + 1;
    if (rows * columns * segments > count / kKeysPerEnd) return;

    has_all_ = true;
    for (std::uint32_t i = 0; i < 2; ++i) least_[i] = least[i];
    codes_[0] = static_cast<std::uint32_t>(rows);
    codes_[1] = static_cast<std::uint32_t>(columns);
    segments_ = static_cast<std::uint32_t>(segments);
    // A counting sort: each place first counts the keys of its cell and segment, then moves on to its end.
    Column<std::uint32_t> ends(rows * columns * segments + 1);
    const auto number = [&](std::size_t place) {
        const std::size_t row = code_at(keys[place], middle) - std::size_t{least[0]},
                          column = code_at(keys[place], middle + 1) - std::size_t{least[1]};
        return (row * columns + column) * segments + (place >> kSegmentBits) + 1;
    };
    for (std::size_t place = 0; place < keys.size(); ++place) {
        if (is_sized(keys[place])) ++ends[number(place)];
    }
    std::uint32_t begin = 0;
    for (std::uint32_t& end : ends) begin += std::exchange(end, begin);
    Column<std::uint16_t> places(count);
    for (std::size_t place = 0; place < keys.size(); ++place) {
        if (is_sized(keys[place])) places[ends[number(place)]++] = static_cast<std::uint16_t>(place);
    }
    if (with_tails && keys.size() >= kKeysWorthTails) {
        Column<std::uint8_t> tails(count + sizeof(Word));
        for (std::size_t row = 0, i = 0; row < rows * columns; ++row) {
            for (std::size_t segment = 0; segment < segments; ++segment) {
                for (; i < ends[row * segments + segment + 1]; ++i)
                    tails[i] = tail_of(keys[segment << kSegmentBits | places[i]], size);
            }
        }
        tails_ = std::move(tails);
    }
    ends_ = std::move(ends);
    places_ = std::move(places);
}

std::uint32_t MiddleOrder::copy(const Cell& cell, std::optional<std::uint8_t> tail, const Key8* keys,
                                Key8* out, std::uint32_t* nths) const noexcept {
    if (tail && has_tails()) return copy_alike(cell, *tail, keys, out, nths);
    std::uint32_t copied = 0;
    for (std::uint32_t segment = 0; segment < segments_; ++segment) {
        const Key8* of_segment = keys + (std::size_t{segment} << kSegmentBits);
        const std::uint16_t* place = places_.data() + cell.ends[segment];
        const std::uint32_t count = cell.ends[segment + 1] - cell.ends[segment];
#pragma GCC unroll 4
        for (std::uint32_t i = 0; i < count; ++i) out[copied + i] = of_segment[place[i]];
        copied += count;
    }
    std::iota(nths, nths + copied, 0U);
    return copied;
}

std::uint32_t MiddleOrder::copy_alike(const Cell& cell, std::uint8_t tail, const Key8* keys, Key8* out,
                                      std::uint32_t* nths) const noexcept {
    constexpr std::uint32_t kBlock = 64;
    std::uint32_t copied = 0;
    for (std::uint32_t segment = 0; segment < segments_; ++segment) {
        const Key8* of_segment = keys + (std::size_t{segment} << kSegmentBits);
        const std::uint32_t end = cell.ends[segment + 1];
        // A block at a time: how many of a word are alike no processor foresees.
        for (std::uint32_t first = cell.ends[segment]; first < end; first += kBlock) {
            const std::uint32_t size = std::min(end - first, kBlock);
            std::uint64_t alike = 0;
            for (std::uint32_t i = 0; i < size; i += sizeof(Word))
                alike |= alike_tails(tails_.data() + first + i, tail) << i;
            if (size < kBlock) alike &= (std::uint64_t{1} << size) - 1;
            for (; alike != 0; alike &= alike - 1) {
                const std::uint32_t nth = first + static_cast<std::uint32_t>(std::countr_zero(alike));
                nths[copied] = nth - cell.ends[0];
                out[copied++] = of_segment[places_[nth]];
            }
        }
    }
    return copied;
}

}  // namespace platewatch
