#include "platewatch/search/key.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "platewatch/search/alphabet.hpp"

namespace platewatch {
namespace {

template <class Key>
Key key(std::initializer_list<Code> codes) {
    return pack<Key>(std::vector<Code>(codes));
}

template <class Key>
std::vector<Code> full_width() {
    std::vector<Code> codes(kKeySymbols<Key>);
    std::iota(codes.begin(), codes.end(), Code{1});
    return codes;
}

TEST(Key, FirstSymbolIsTheMostSignificantByte) {
    EXPECT_EQ(key<Key8>({}), 0u);
    EXPECT_EQ(key<Key8>({1}), 0x0100000000000000u);
    EXPECT_EQ(key<Key8>({1, 254, 3}), 0x01FE030000000000u);
    EXPECT_EQ(key<Key8>({1, 2, 3, 4, 5, 6, 7, 8}), 0x0102030405060708u);
    EXPECT_EQ(key<Key16>({1, 2}), Key16{0x0102} << 112);
    EXPECT_EQ(key<Key16>({0, 0, 0, 0, 0, 0, 0, 0, 9}), Key16{9} << 56);
}

template <class Key>
class KeyOf : public testing::Test {};
using KeyTypes = testing::Types<Key8, Key16>;
TYPED_TEST_SUITE(KeyOf, KeyTypes);

TYPED_TEST(KeyOf, CodesAndLengthComeBack) {
    const std::vector<Code> codes = full_width<TypeParam>();
    for (std::size_t n = 0; n <= codes.size(); ++n) {
        const auto packed = pack<TypeParam>(std::span(codes).first(n));
        EXPECT_EQ(length(packed), n);
        for (std::size_t i = 0; i < codes.size(); ++i) EXPECT_EQ(code_at(packed, i), i < n ? codes[i] : 0);
    }
}

TYPED_TEST(KeyOf, OrderIsThatOfTheCodes) {
    EXPECT_LT(key<TypeParam>({1}), key<TypeParam>({1, 1}));
    EXPECT_LT(key<TypeParam>({1, 254}), key<TypeParam>({2}));
    EXPECT_LT(key<TypeParam>({254, 1}), key<TypeParam>({254, 2}));
}

TYPED_TEST(KeyOf, CommonPrefixCountsSymbols) {
    EXPECT_EQ(common_prefix(key<TypeParam>({1, 2, 3}), key<TypeParam>({2, 2, 3})), 0u);
    EXPECT_EQ(common_prefix(key<TypeParam>({1, 2, 3}), key<TypeParam>({1, 2, 4})), 2u);
    EXPECT_EQ(common_prefix(key<TypeParam>({1, 2}), key<TypeParam>({1, 2, 4})), 2u);
    EXPECT_EQ(common_prefix(key<TypeParam>({1, 2}), key<TypeParam>({1, 2})), sizeof(TypeParam));

    std::vector<Code> other = full_width<TypeParam>();
    const auto whole = pack<TypeParam>(other);
    other.back() ^= 1;
    EXPECT_EQ(common_prefix(whole, pack<TypeParam>(other)), sizeof(TypeParam) - 1);
}

TYPED_TEST(KeyOf, DropTakesFromTheFront) {
    EXPECT_EQ(drop(key<TypeParam>({1, 2, 3}), 0), key<TypeParam>({1, 2, 3}));
    EXPECT_EQ(drop(key<TypeParam>({1, 2, 3}), 2), key<TypeParam>({3}));
    const auto whole = pack<TypeParam>(full_width<TypeParam>());
    EXPECT_EQ(drop(whole, sizeof(TypeParam) - 1), key<TypeParam>({Code{sizeof(TypeParam)}}));
    EXPECT_EQ(drop(whole, sizeof(TypeParam)), TypeParam{0});
    EXPECT_EQ(drop(whole, 1000), TypeParam{0});
}

TYPED_TEST(KeyOf, ReversedHasNoPaddingInFront) {
    EXPECT_EQ(reversed(TypeParam{0}), TypeParam{0});
    EXPECT_EQ(reversed(key<TypeParam>({1, 2, 254})), key<TypeParam>({254, 2, 1}));
    std::vector<Code> codes = full_width<TypeParam>();
    const auto whole = pack<TypeParam>(codes);
    std::reverse(codes.begin(), codes.end());
    EXPECT_EQ(reversed(whole), pack<TypeParam>(codes));
}

TEST(Alphabet, CodesFollowTheCodePoints) {
    const Alphabet alphabet({U'가', U'0', U'A', U'0'});
    EXPECT_EQ(alphabet.size(), 3u);
    EXPECT_EQ(alphabet.code(U'0'), 1);
    EXPECT_EQ(alphabet.code(U'A'), 2);
    EXPECT_EQ(alphabet.code(U'가'), 3);
    EXPECT_EQ(alphabet.code(U'B'), kUnknownCode);
    EXPECT_EQ(alphabet.code(U'나'), kUnknownCode);
    EXPECT_EQ(alphabet.code(kUnknownSymbol), kUnknownCode);
    EXPECT_EQ(Alphabet().code(U'0'), kUnknownCode);

    EXPECT_EQ(alphabet.encode<Key8>(Symbols(U"A?가")), (key<Key8>({2, kUnknownCode, 3})));
    EXPECT_EQ(alphabet.encode<Key16>(Symbols(U"A?가AAAAAA0")),
              (key<Key16>({2, kUnknownCode, 3, 2, 2, 2, 2, 2, 2, 1})));
    EXPECT_EQ(alphabet.encode<Key8>(Symbols()), 0u);
    EXPECT_EQ(Alphabet({U'0', U'\U0001F695'}).code(U'\U0001F695'), 2);
    EXPECT_EQ(Alphabet({U'0', U'\U0001F695'}).code(U'\U0001F696'), kUnknownCode);
}

TEST(Alphabet, HoldsAtMost254Symbols) {
    std::vector<char32_t> symbols(254);
    std::iota(symbols.begin(), symbols.end(), U'가');
    EXPECT_EQ(Alphabet(symbols).code(symbols.back()), kMaxCode);
    symbols.push_back(U'힣');
    EXPECT_THROW(Alphabet{symbols}, std::length_error);
}

}  // namespace
}  // namespace platewatch
