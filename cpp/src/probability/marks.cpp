#include "platewatch/probability/marks.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace platewatch {
namespace {

struct Range {
    char32_t first, last;
};

template <std::size_t N>
bool is_in(const Range (&ranges)[N], char32_t c) noexcept {
    const Range* after = std::upper_bound(std::begin(ranges), std::end(ranges), c,
                                          [](char32_t point, const Range& r) { return point < r.first; });
    return after != std::begin(ranges) && c <= std::prev(after)->last;
}

// Of Unicode 17: Cc, Cf, Default_Ignorable_Code_Point, and the blocks of combining marks.
constexpr Range kInvisible[] = {
    {0x0000, 0x001F},   {0x007F, 0x009F},   {0x00AD, 0x00AD},   {0x0300, 0x036F},   {0x0600, 0x0605},
    {0x061C, 0x061C},   {0x06DD, 0x06DD},   {0x070F, 0x070F},   {0x0890, 0x0891},   {0x08E2, 0x08E2},
    {0x115F, 0x1160},   {0x17B4, 0x17B5},   {0x180B, 0x180F},   {0x1AB0, 0x1AFF},   {0x1DC0, 0x1DFF},
    {0x200B, 0x200F},   {0x202A, 0x202E},   {0x2060, 0x206F},   {0x20D0, 0x20FF},   {0x3164, 0x3164},
    {0xFE00, 0xFE0F},   {0xFE20, 0xFE2F},   {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0},   {0xFFF0, 0xFFFB},
    {0x110BD, 0x110BD}, {0x110CD, 0x110CD}, {0x13430, 0x1343F}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A},
    {0xE0000, 0xE0FFF},
};

constexpr std::u32string_view kSeparators =
    U"-_.,:;\u00B7\u0387\u2016\u2017\u2022\u2024\u2025\u2026\u2027\u2043\u204A\u204F\u2219\u22C5\u3001\u3002"
    U"\u119E\u318D\u30A0\u30FB\uFE31\uFE32\uFE33\uFE34\uFE4D\uFE4E\uFE4F\uFE50\uFE52\uFE54\uFE55\uFF61\uFF64"
    U"\uFF65";
constexpr std::u32string_view kPunctuation =
    U"!\"'()*/<>[\\]^`{|}~\u00A6\u00AB\u00B0\u00B4\u00BB\u2215\u2223\u2502";

// Quotes and bullets, brackets and other punctuation, lines, and the shapes that plates' seals look like.
constexpr Range kPunctuationRanges[] = {
    {0x02B0, 0x02FF}, {0x2018, 0x201F}, {0x2032, 0x203A}, {0x203C, 0x205E}, {0x207D, 0x207E},
    {0x208D, 0x208E}, {0x2308, 0x230B}, {0x2329, 0x232A}, {0x2500, 0x25FF}, {0x2768, 0x2775},
    {0x27E6, 0x27EF}, {0x2983, 0x2998}, {0x29FC, 0x29FD}, {0x2E00, 0x2E7F}, {0x3003, 0x3003},
    {0x3008, 0x3011}, {0x3014, 0x301F}, {0xFE10, 0xFE19}, {0xFE30, 0xFE4C}, {0xFE51, 0xFE5E},
    {0xFF5F, 0xFF63},
};

}  // namespace

MarkKind mark_kind(char32_t mark) noexcept {
    if (kSeparators.find(mark) != kSeparators.npos) return MarkKind::separator;
    if (kPunctuation.find(mark) != kPunctuation.npos || is_in(kPunctuationRanges, mark))
        return MarkKind::punctuation;
    return MarkKind::stray;
}

bool is_invisible(char32_t c) noexcept { return is_in(kInvisible, c); }

}  // namespace platewatch
