// What a search finds.
#pragma once

#include <cstdint>

namespace platewatch {

struct Match {
    std::uint32_t read;   // the query's
    std::uint32_t entry;  // the place of the entry's id among all ids, by code point
    std::uint32_t edits;

    friend constexpr bool operator==(const Match&, const Match&) noexcept = default;
};

}  // namespace platewatch
