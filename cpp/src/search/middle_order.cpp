#include "platewatch/search/middle_order.hpp"

#include <algorithm>
#include <utility>

namespace platewatch {

MiddleOrder::MiddleOrder(std::span<const Key8> keys, std::size_t size) {
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
    ends_ = std::move(ends);
    places_ = std::move(places);
}

}  // namespace platewatch
