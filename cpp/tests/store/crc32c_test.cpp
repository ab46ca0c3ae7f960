#include "platewatch/store/crc32c.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

#include "tests/support.hpp"

namespace platewatch {
namespace {

std::uint32_t crc_of(std::string_view text) { return crc32c(std::as_bytes(std::span(text))); }

std::vector<std::byte> bytes(std::size_t size, auto value) {
    std::vector<std::byte> out(size);
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::byte>(value(i));
    return out;
}

// The check value of the catalogues, and the vectors of RFC 3720, B.4.
TEST(Crc32c, KnownVectors) {
    EXPECT_EQ(crc_of(""), 0u);
    EXPECT_EQ(crc_of("a"), 0xC1D04330u);
    EXPECT_EQ(crc_of("123456789"), 0xE3069283u);
    EXPECT_EQ(crc32c(bytes(32, [](std::size_t) { return 0; })), 0x8A9136AAu);
    EXPECT_EQ(crc32c(bytes(32, [](std::size_t) { return 0xFF; })), 0x62A8AB43u);
    EXPECT_EQ(crc32c(bytes(32, [](std::size_t i) { return i; })), 0x46DD794Eu);
    EXPECT_EQ(crc32c(bytes(32, [](std::size_t i) { return 31 - i; })), 0x113FDB5Cu);
}

TEST(Crc32c, EqualsOneBitAtATimeAndGoesOn) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    std::mt19937_64 random(seed());
    for (std::size_t size = 0; size < 100; ++size) {
        const auto text = bytes(size, [&](std::size_t) { return random() & 0xFF; });
        std::uint32_t expected = 0xFFFFFFFF;
        for (const std::byte byte : text) {
            expected ^= std::to_integer<std::uint32_t>(byte);
            for (int bit = 0; bit < 8; ++bit) {
                expected = (expected & 1) != 0 ? expected >> 1 ^ 0x82F63B78 : expected >> 1;
            }
        }
        expected = ~expected;
        for (std::size_t cut = 0; cut <= size; ++cut) {
            const std::span<const std::byte> all(text);
            ASSERT_EQ(crc32c(all.subspan(cut), crc32c(all.first(cut))), expected) << size << ", " << cut;
        }
    }
}

}  // namespace
}  // namespace platewatch
