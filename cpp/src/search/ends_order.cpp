#include "platewatch/search/ends_order.hpp"

#include <utility>

namespace platewatch {

EndsOrder::EndsOrder(std::span<const Key8> keys) {
    constexpr std::size_t kKeysPerBucket = 4;
    const auto with_ends = [&](auto&& work) {
        for (std::uint32_t place = 0; place < keys.size(); ++place) {
            const std::size_t size = length(keys[place]);
            if (size >= kLeastSymbols) work(place, size);
        }
    };
    std::size_t count = 0;
    with_ends([&](std::uint32_t, std::size_t) { ++count; });
    if (count == 0) return;
    buckets_ = count / kKeysPerBucket + 1;

    // A counting sort: each bucket first counts its cells, then its begin moves on to its end.
    Column<std::uint32_t> begins(static_cast<std::size_t>(buckets_) + 2);
    const auto place_of = [&](std::uint32_t place) { return find(keys[place], reversed(keys[place])); };
    with_ends([&](std::uint32_t place, std::size_t) { ++begins[place_of(place).bucket + 2]; });
    for (std::size_t bucket = 2; bucket < begins.size(); ++bucket) begins[bucket] += begins[bucket - 1];
    Column<std::uint64_t> cells(count);
    with_ends([&](std::uint32_t place, std::size_t size) {
        const auto [bucket, tag] = place_of(place);
        std::uint32_t label = tag;
        if (size > kLeastSymbols) label |= std::uint32_t{code_at(keys[place], kEnd)} << 8;
        if (size > kLeastSymbols + 1) label |= code_at(keys[place], kEnd + 1);
        cells[begins[bucket + 1]++] = std::uint64_t{label} << 32 | place;
    });
    begins.pop_back();
    begins_ = std::move(begins);
    cells_ = std::move(cells);
}

}  // namespace platewatch
