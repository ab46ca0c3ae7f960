// What the tests share.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace platewatch {

// Of the random tests; PLATEWATCH_TEST_SEED gives another.
inline std::uint64_t seed() {
    const char* text = std::getenv("PLATEWATCH_TEST_SEED");
    return text == nullptr ? 20190901 : std::strtoull(text, nullptr, 0);
}

}  // namespace platewatch
