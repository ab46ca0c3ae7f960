#include "platewatch/search/middle_order.hpp"

#include <algorithm>
#include <utility>

namespace platewatch {

MiddleOrder::MiddleOrder(std::span<const Key8> keys) {
    if (keys.size() > kMostKeys) return;
    const auto is_whole = [](Key8 key) { return code_at(key, kKeySymbols<Key8> - 1) != kPadding; };
    Code least[2] = {kUnknownCode, kUnknownCode}, most[2] = {};
    std::size_t whole = 0;
    for (const Key8 key : keys) {
        if (!is_whole(key)) continue;
        ++whole;
        for (std::uint32_t i = 0; i < 2; ++i) {
            least[i] = std::min(least[i], code_at(key, kBegin + i));
            most[i] = std::max(most[i], code_at(key, kBegin + i));
        }
    }
    if (whole == 0) return;
    constexpr std::size_t kKeysPerEnd = 16;  // so that the ends take a quarter of a byte a key at most
    const std::size_t rows = most[0] - std::size_t{least[0]} + 1,
                      columns = most[1] - std::size_t{least[1]} + 1,
                      segments = ((keys.size() - 1) >> kSegmentBits) + 1;
    if (rows * columns * segments > whole / kKeysPerEnd) return;

    for (std::uint32_t i = 0; i < 2; ++i) least_[i] = least[i];
    codes_[0] = static_cast<std::uint32_t>(rows);
    codes_[1] = static_cast<std::uint32_t>(columns);
    segments_ = static_cast<std::uint32_t>(segments);
    // A counting sort: each place first counts the keys of its cell and segment, then moves on to its end.
    Column<std::uint32_t> ends(rows * columns * segments + 1);
    const auto number = [&](std::size_t place) {
        const std::size_t row = code_at(keys[place], kBegin) - std::size_t{least[0]},
                          column = code_at(keys[place], kBegin + 1) - std::size_t{least[1]};
        return (row * columns + column) * segments + (place >> kSegmentBits) + 1;
    };
    for (std::size_t place = 0; place < keys.size(); ++place) {
        if (is_whole(keys[place])) ++ends[number(place)];
    }
    std::uint32_t begin = 0;
    for (std::uint32_t& end : ends) begin += std::exchange(end, begin);
    Column<std::uint16_t> places(whole);
    for (std::size_t place = 0; place < keys.size(); ++place) {
        if (is_whole(keys[place])) places[ends[number(place)]++] = static_cast<std::uint16_t>(place);
    }
    ends_ = std::move(ends);
    places_ = std::move(places);
}

}  // namespace platewatch
