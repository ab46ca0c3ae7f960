// Normalisation: the same in every encoding, idempotent, and nothing but symbols that stand for themselves.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz.hpp"
#include "platewatch/text/normalize.hpp"

namespace platewatch::fuzz {
namespace {

struct Result {
    TextError error;
    std::u32string text;  // "" on an error

    friend bool operator==(const Result&, const Result&) = default;
};

template <class Text>
Result normalized(const Text& text, TextKind kind) {
    Symbols symbols;
    const TextError error = normalize(text, kind, symbols);
    if (error != TextError::none) return {error, U""};
    if (symbols.empty()) fail("an empty canonical text");
    return {error, std::u32string(symbols.view())};
}

Result normalized_points(std::u32string_view text, TextKind kind) {
    return normalized(std::span<const char32_t>(text), kind);
}

std::string described(const Result& result) {
    return result.error == TextError::none ? escaped(result.text) : std::string(reason(result.error));
}

void expect_equal(const Result& found, const Result& expected, const char* what, std::u32string_view text) {
    if (found == expected) return;
    fail(std::string(what) + ": " + escaped(text) + " becomes " + described(found) + ", not " +
         described(expected));
}

bool is_surrogate(char32_t c) { return 0xD800 <= c && c <= 0xDFFF; }

template <class Unit>
void check_units(std::u32string_view text, char32_t largest, TextKind kind, const Result& expected,
                 const char* what) {
    if (std::ranges::any_of(text, [&](char32_t c) { return c > largest; })) return;
    const std::vector<Unit> units(text.begin(), text.end());
    expect_equal(normalized(std::span<const Unit>(units), kind), expected, what, text);
}

void check(std::u32string_view text) {
    const bool sound = std::ranges::none_of(text, is_surrogate);
    for (const TextKind kind : {TextKind::plate, TextKind::read}) {
        const Result result = normalized_points(text, kind);
        if (sound == (result.error == TextError::not_utf8)) fail("surrogates in " + escaped(text));
        check_units<std::uint8_t>(text, 0xFF, kind, result, "as Latin-1");
        check_units<char16_t>(text, 0xFFFF, kind, result, "as UCS-2");
        if (sound && std::ranges::all_of(text, [](char32_t c) { return c <= 0x10FFFF; })) {
            expect_equal(normalized(std::string_view(to_utf8(text)), kind), result, "as UTF-8", text);
        }
        // Marks in front belong to nothing, and what is dropped holds nothing together.
        std::u32string apart = U"-";
        apart.append(text).append(U"-");
        expect_equal(normalized_points(apart, kind), result, "between hyphens", text);
        if (result.error != TextError::none) continue;

        expect_equal(normalized_points(result.text, kind), result, "a second time", result.text);
        for (const char32_t c : result.text) {
            const std::u32string symbol(1, c);
            expect_equal(normalized_points(symbol, kind), {TextError::none, symbol}, "alone", symbol);
        }
        if (kind == TextKind::plate && result.text.find(kUnknownSymbol) != std::u32string::npos)
            fail("an unknown symbol in the plate " + escaped(text));
        if (kind == TextKind::read) {
            expect_equal(normalized_points(result.text, TextKind::plate),
                         normalized_points(text, TextKind::plate), "a read as a plate", text);
        }
    }

    const Result expected = normalized_points(text, TextKind::plate);
    std::u32string any_length;
    const TextError error = normalize(std::span<const char32_t>(text), any_length);
    if (expected.error == TextError::too_long) {
        if (error != TextError::none || any_length.size() <= kMaxSymbols) fail("too long: " + escaped(text));
    } else {
        expect_equal({error, error == TextError::none ? any_length : U""}, expected, "of any length", text);
    }
}

// By the table of well-formed sequences in the Unicode standard, chapter 3.9.
std::optional<std::u32string> decode(std::span<const std::uint8_t> bytes) {
    struct Form {
        unsigned lead_from, lead_to, second_from, second_to;
        std::size_t size;
    };
    constexpr Form kForms[] = {
        {0x00, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};
    constexpr unsigned kLeadBits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    std::u32string out;
    for (std::size_t i = 0; i < bytes.size();) {
        const unsigned lead = bytes[i];
        const auto* const form = std::ranges::find_if(
            kForms, [&](const Form& f) { return f.lead_from <= lead && lead <= f.lead_to; });
        if (form == std::end(kForms) || bytes.size() - i < form->size) return std::nullopt;
        char32_t c = lead & kLeadBits[form->size];
        for (std::size_t n = 1; n < form->size; ++n) {
            const unsigned byte = bytes[i + n];
            if (byte < (n == 1 ? form->second_from : 0x80) || byte > (n == 1 ? form->second_to : 0xBF))
                return std::nullopt;
            c = c << 6 | (byte & 0x3F);
        }
        out += c;
        i += form->size;
    }
    return out;
}

void check_utf8(std::span<const std::uint8_t> bytes) {
    const std::string_view utf8(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const std::optional<std::u32string> text = decode(bytes);
    for (const TextKind kind : {TextKind::plate, TextKind::read}) {
        const Result found = normalized(utf8, kind);
        if (!text) {
            if (found.error != TextError::not_utf8) fail("takes what is not UTF-8");
        } else {
            expect_equal(found, normalized_points(*text, kind), "from UTF-8", *text);
        }
    }
    if (text) check(*text);
}

// Bytes at the borders of what UTF-8 allows.
std::vector<std::uint8_t> hostile_utf8(Bytes bytes) {
    constexpr std::uint8_t kBorders[] = {'1',  'a',  0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xB1, 0xBF,
                                         0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF,
                                         0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF7, 0xF8, 0xFF};
    std::vector<std::uint8_t> out;
    while (!bytes.empty()) out.push_back(bytes.of(kBorders));
    return out;
}

// Little-endian units of so many bytes; an incomplete one at the end is left out.
std::u32string units_of(std::span<const std::uint8_t> bytes, std::size_t size) {
    std::u32string out;
    for (; bytes.size() >= size; bytes = bytes.subspan(size)) {
        char32_t c = 0;
        for (std::size_t i = 0; i < size; ++i) c |= char32_t{bytes[i]} << (8 * i);
        out += c;
    }
    return out;
}

// Code points at which something happens, two bytes each.
std::u32string picked(Bytes bytes) {
    struct Block {
        char32_t first, size;
    };
    constexpr Block kBlocks[] = {
        {0x20, 0x5F},     // ASCII
        {0x300, 0x70},    // combining marks
        {0x323, 1},       // one below, which sorts in front of
        {0x301, 1},       // one above
        {0x1100, 19},     // leading jamo
        {0x1161, 21},     // vowels
        {0x11A7, 28},     // trailing jamo, and what stands in front of the first
        {0x1100, 0x100},  // all of them
        {0xAC00, 57},     // syllables with and without a trailing one
        {0x3131, 0x5E},   // compatibility jamo
        {0xFF00, 0xF0},   // half and full width
        {0x30AB, 0x4F},   // kana, some of which compose with
        {0x3099, 2},      // voiced marks
        {0xC0, 0x140},    // Latin letters, composed
        {0x1E00, 0x100},  // with two marks
        {0x1F00, 0x100},  // Greek
        {0x660, 0x9A},    // Arabic and other digits
        {0x9BE, 0x20},    // starters that compose with the one in front
        {0x1D7CE, 50},    // mathematical digits
        {0x2100, 0x90},   // letterlike signs
        {0xF900, 0x100},  // compatibility ideographs
        {0xFFF0, 0x12},   // the replacement character and the end of the first plane
        {0xD7FF, 0x802},  // surrogates and their neighbours
        {0x10FFF0, 0x20}, {0xFFFFFFF0, 0x10},
    };
    std::u32string out;
    while (!bytes.empty()) {
        const Block& block = bytes.of(kBlocks);
        out += block.first + static_cast<char32_t>(bytes.below(block.size));
    }
    return out;
}

}  // namespace
}  // namespace platewatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace platewatch::fuzz;
    Bytes bytes(data, size);
    switch (bytes.below(6)) {
        case 0:
            check_utf8(bytes.rest());
            break;
        case 1:
            check(units_of(bytes.rest(), 1));
            break;
        case 2:
            check(units_of(bytes.rest(), 2));
            break;
        case 3:
            check(units_of(bytes.rest(), 4));
            break;
        case 4:
            check_utf8(hostile_utf8(bytes));
            break;
        default:
            check(picked(bytes));
    }
    return 0;
}
