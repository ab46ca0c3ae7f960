#include "platewatch/text/normalize.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>

#include "tests/support.hpp"

namespace platewatch {
namespace {

// The canonical text, or why there is none.
std::string canonical(std::string_view utf8, TextKind kind = TextKind::plate) {
    Symbols out;
    const TextError error = normalize(utf8, kind, out);
    return error == TextError::none ? to_utf8(out.view()) : std::string(reason(error));
}

constexpr std::string_view kNotUtf8 = "not valid UTF-8";
constexpr std::string_view kEmpty = "no letter or digit";
constexpr std::string_view kTooLong = "more than 16 symbols";

TEST(Normalize, KeepsLettersAndDigits) {
    EXPECT_EQ(canonical("12가3456"), "12가3456");
    EXPECT_EQ(canonical(" 12 가-3456\r\n"), "12가3456");
    EXPECT_EQ(canonical("[서울]·12|바.3456"), "서울12바3456");
    EXPECT_EQ(canonical("12\u200B가\u200D34\uFEFF56"), "12가3456");
    EXPECT_EQ(canonical("O0"), "O0");
}

TEST(Normalize, FoldsAndComposes) {
    EXPECT_EQ(canonical("12\u1100\u11613456"), "12가3456");    // conjoining jamo
    EXPECT_EQ(canonical("\u1112\u1161\u11AB"), "한");          // with a trailing one
    EXPECT_EQ(canonical("12ㄱㅏ3456"), "12가3456");            // compatibility jamo
    EXPECT_EQ(canonical("\u1100-\u1161"), "가");               // junk between jamo
    EXPECT_EQ(canonical("\u1100\u1160\u1161"), "가");          // a filler between them
    EXPECT_EQ(canonical("１２가３４５６ＡＢ"), "12가3456AB");  // full-width
    EXPECT_EQ(canonical("ｶﾞ"), "ガ");                          // half-width, voiced mark
    EXPECT_EQ(canonical("١٢가٣٤٥٦"), "12가3456");              // Arabic digits
    EXPECT_EQ(canonical("\U0001D7D9\U0001D7DA"), "12");        // double-struck digits
    EXPECT_EQ(canonical("e\u0301"), "É");                      // mark on a letter
    EXPECT_EQ(canonical("a\u0323\u0302"), "Ậ");                // two of them
    EXPECT_EQ(canonical("a\u0302\u0323"), "Ậ");                // out of canonical order
    EXPECT_EQ(canonical("a\u0301\u0302"), "Á");                // the second composes with nothing
    EXPECT_EQ(canonical("a\u0305\u0301"), "A");                // the first keeps the second from composing
    EXPECT_EQ(canonical("가\u11A8\u11A8"), "각\u11A8");        // a syllable has one trailing jamo
    EXPECT_EQ(canonical("\u1025\u102E"), "\u1026");            // two starters
    EXPECT_EQ(canonical("\u1025\u0305\u102E"), "\u1025");      // which a mark keeps apart
    EXPECT_EQ(canonical("abcß"), "ABCß");                      // SS would be two code points
    EXPECT_EQ(canonical("\u212B"), "Å");                       // the Angstrom sign
    EXPECT_EQ(canonical("12ㆍ가ㆍ3456"), "12가3456");          // the middle dot of Korean keyboards
    EXPECT_EQ(canonical("АВ1234СЕ"), "AB1234CE");              // Cyrillic
    EXPECT_EQ(canonical("а001мр"), "A001MP");                  // in lower case
    EXPECT_EQ(canonical("ΑΒΕ-1234"), "ABE1234");               // Greek
    EXPECT_EQ(canonical("Ж1Ω"), "Ж1Ω");                        // like no Latin letter
}

TEST(Normalize, IgnoresAFloodOfMarks) {
    std::string text = "e";
    for (int i = 0; i < 1000; ++i) text += "\u0301";
    EXPECT_EQ(canonical(text), "É");
}

TEST(Normalize, UnknownSymbolsStayInReads) {
    EXPECT_EQ(canonical("12?34\uFFFD5？"), "12345");
    EXPECT_EQ(canonical("12?34\uFFFD5？", TextKind::read), "12?34?5?");
    EXPECT_EQ(canonical("?"), kEmpty);
    EXPECT_EQ(canonical("?", TextKind::read), "?");
}

TEST(Normalize, Holds16Symbols) {
    EXPECT_EQ(canonical("1234567890123456 -"), "1234567890123456");
    EXPECT_EQ(canonical("12345678901234567"), kTooLong);
    EXPECT_EQ(canonical("123456789012345\u1100\u1161\u11A8"), "123456789012345각");
    EXPECT_EQ(canonical("1234567890123456\u0301"), "1234567890123456");
}

TEST(Normalize, RefusesNothing) {
    for (const std::string_view text : {"", " ", "-[]\n", "\u0301", "\u200B", "\u3164", "\U0010FFFF"}) {
        EXPECT_EQ(canonical(text), kEmpty);
    }
}

TEST(Normalize, RefusesWhatIsNotUtf8) {
    constexpr std::string_view kBad[] = {
        "\x80",
        "\xBF",
        "\xFE",
        "\xFF",  // no lead byte
        "\xC3",
        "\xEA\xB0",
        "\xF0\x9F\x9A",
        "\xF0",  // truncated
        "\xC3(",
        "\xEA\xB0(",
        "\xEA(\x80",
        "\xF0\x9F\x9A(",  // cut short
        "\xC0\xB1",
        "\xC1\xBF",
        "\xE0\x80\xB1",
        "\xE0\x9F\xBF",  // over-long
        "\xF0\x80\x80\xB1",
        "\xF0\x8F\xBF\xBF",
        "\xF8\x88\x80\x80\x80",  // over-long
        "\xED\xA0\x80",
        "\xED\xAF\xBF",
        "\xED\xB0\x80",
        "\xED\xBF\xBF",  // surrogates
        "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80",
        "\xF7\xBF\xBF\xBF",  // over U+10FFFF
    };
    for (const std::string_view bad : kBad) {
        EXPECT_EQ(canonical(bad), kNotUtf8);
        EXPECT_EQ(canonical("12" + std::string(bad)), kNotUtf8);
        EXPECT_EQ(canonical("12" + std::string(bad) + "34"), kNotUtf8);
    }
}

// The same, of "A" and one more unit.
template <class Unit>
std::string canonical_units(char32_t c) {
    const Unit units[] = {'A', static_cast<Unit>(c)};
    Symbols out;
    const TextError error = normalize(std::span(units), TextKind::read, out);
    return error == TextError::none ? to_utf8(out.view()) : std::string(reason(error));
}

TEST(Normalize, EveryCodePointIsTheSameInEveryEncoding) {
    for (char32_t c = 0; c <= 0x10FFFF; ++c) {
        SCOPED_TRACE(static_cast<std::uint32_t>(c));
        const std::string expected = canonical_units<char32_t>(c);
        ASSERT_EQ(expected == kNotUtf8, 0xD800 <= c && c <= 0xDFFF);
        ASSERT_EQ(canonical(to_utf8(std::u32string{U'A', c}), TextKind::read), expected);
        ASSERT_EQ(c <= 0xFFFF ? canonical_units<char16_t>(c) : expected, expected);
        ASSERT_EQ(c <= 0xFF ? canonical_units<std::uint8_t>(c) : expected, expected);
    }
    EXPECT_EQ(canonical_units<char32_t>(0x110000), "A");
}

// What nearly every text is has ways of its own; a character that is dropped makes the same text go the whole
// way.
TEST(Normalize, TheShortWaysLeadWhereTheLongOneDoes) {
    const std::u32string_view symbols =
        U"0189AMZ가힣12345678나/:@[`az{?-\u3164\uABFF\uD7A4\uFF11\uFFFD\u1100\u1161\u00E9\U00010030";
    std::mt19937_64 rng(seed());
    for (int round = 0; round < 60'000; ++round) {
        std::u32string text;
        const std::size_t size = 1 + rng() % 18;
        const std::size_t of = round % 2 == 0 ? symbols.size() : 16;  // mostly canonical ones, too
        while (text.size() < size) text += symbols[rng() % of];
        const std::u16string narrow(text.begin(), text.end());
        const std::string bytes(text.begin(), text.end());
        const bool fits_ucs2 = std::ranges::all_of(text, [](char32_t c) { return c <= 0xFFFF; });
        const bool fits_latin1 = std::ranges::all_of(text, [](char32_t c) { return c <= 0xFF; });
        for (const TextKind kind : {TextKind::plate, TextKind::read}) {
            SCOPED_TRACE(to_utf8(text));
            Symbols expected, out;
            const TextError error = normalize(to_utf8(text) + "\u200B", kind, expected);
            const auto expect_same = [&](TextError got) {
                ASSERT_EQ(got, error);
                if (error == TextError::none) {
                    EXPECT_EQ(out.view(), expected.view());
                }
            };
            expect_same(normalize(to_utf8(text), kind, out));
            expect_same(normalize(std::span<const char32_t>(text), kind, out));
            if (fits_ucs2) expect_same(normalize(std::span<const char16_t>(narrow), kind, out));
            if (fits_latin1)
                expect_same(normalize(
                    std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()), kind, out));
        }
    }
}

}  // namespace
}  // namespace platewatch
