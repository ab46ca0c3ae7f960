#include "platewatch/search/wide_key.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cstddef>
#include <cstring>
#include <random>

namespace platewatch {
namespace {

constexpr WideKey kOne = 1, kTop{std::uint64_t{1} << 63, 0};

TEST(WideKey, ShiftsThroughBothHalves) {
    EXPECT_EQ(kOne << 0, kOne);
    EXPECT_EQ(kOne << 63, WideKey(0, std::uint64_t{1} << 63));
    EXPECT_EQ(kOne << 64, WideKey(1, 0));
    EXPECT_EQ(kOne << 127, kTop);
    EXPECT_EQ(kTop >> 127, kOne);
    EXPECT_EQ(kTop >> 64, WideKey(0, std::uint64_t{1} << 63));
    EXPECT_EQ(WideKey(0xAB, 0) >> 60, WideKey(0, 0xAB0));
    EXPECT_EQ(WideKey(0, std::uint64_t{0xAB} << 56) << 8, WideKey(0xAB, 0));
}

TEST(WideKey, ComesOfSmallerNumbersAsAnyOtherDoes) {
    EXPECT_EQ(WideKey(0), WideKey());
    EXPECT_EQ(WideKey(-1), ~WideKey());
    EXPECT_EQ(WideKey(0xFFu), WideKey(0, 0xFF));
    EXPECT_EQ(static_cast<std::uint8_t>(WideKey(1, 0x123)), 0x23);
    EXPECT_EQ(static_cast<std::uint64_t>(WideKey(1, 2)), 2u);
}

TEST(WideKey, OrderIsThatOfTheUpperHalfFirst) {
    EXPECT_LT(WideKey(0, ~std::uint64_t{0}), WideKey(1, 0));
    EXPECT_LT(WideKey(1, 0), WideKey(1, 1));
    EXPECT_GT(kTop, kOne);
}

#if defined(__SIZEOF_INT128__)
__extension__ using Native = unsigned __int128;

WideKey wide(Native value) {
    return {static_cast<std::uint64_t>(value >> 64), static_cast<std::uint64_t>(value)};
}

TEST(WideKey, IsWhatTheCompilersOwnIs) {
    std::mt19937_64 random(20261128);
    for (int round = 0; round < 20000; ++round) {
        const auto number = [&] { return static_cast<Native>(random()) << (random() % 65) | random() % 5; };
        const Native a = number(), b = round % 7 == 0 ? a : number();
        const std::size_t by = random() % 128;
        ASSERT_EQ(wide(a ^ b), wide(a) ^ wide(b));
        ASSERT_EQ(wide(a | b), wide(a) | wide(b));
        ASSERT_EQ(wide(a & b), wide(a) & wide(b));
        ASSERT_EQ(wide(~a), ~wide(a));
        ASSERT_EQ(wide(a << by), wide(a) << by);
        ASSERT_EQ(wide(a >> by), wide(a) >> by);
        ASSERT_EQ(a < b, wide(a) < wide(b));
        ASSERT_EQ(a == b, wide(a) == wide(b));
    }
}

TEST(WideKey, LiesInMemoryAsTheCompilersOwn) {
    static_assert(sizeof(WideKey) == sizeof(Native) && alignof(WideKey) == alignof(Native));
    if constexpr (std::endian::native != std::endian::little) GTEST_SKIP() << "snapshots are little-endian";
    const Native native = static_cast<Native>(0x0102030405060708) << 64 | 0x1112131415161718;
    const WideKey same = wide(native);
    EXPECT_EQ(std::memcmp(&native, &same, sizeof same), 0);
}
#endif

}  // namespace
}  // namespace platewatch
