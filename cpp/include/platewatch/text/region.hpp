// The region mark of a two-line plate, which recognisers drop and clerks forget.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace platewatch {

inline constexpr std::size_t kRegionMarkSize = 2;
inline constexpr std::size_t kLeastBehindMark = 5;  // symbols

inline constexpr std::array<std::u32string_view, 17> kRegionMarks = {
    U"서울", U"부산", U"대구", U"인천", U"광주", U"대전", U"울산", U"세종", U"경기",
    U"강원", U"충북", U"충남", U"전북", U"전남", U"경북", U"경남", U"제주"};

[[nodiscard]] constexpr bool is_region_mark(std::u32string_view symbols) noexcept {
    return std::ranges::find(kRegionMarks, symbols) != kRegionMarks.end();
}

// True if the text starts with a region mark and enough symbols follow it.
[[nodiscard]] constexpr bool has_region_mark(std::u32string_view text) noexcept {
    // Almost every plate without a mark starts with a digit or a Latin letter.
    return text.size() >= kRegionMarkSize + kLeastBehindMark && text[0] >= U'가' &&
           is_region_mark(text.substr(0, kRegionMarkSize));
}

[[nodiscard]] constexpr bool ends_region_mark(char32_t symbol) noexcept {
    return std::ranges::any_of(kRegionMarks, [&](std::u32string_view mark) { return mark.back() == symbol; });
}

[[nodiscard]] constexpr std::u32string_view without_region_mark(std::u32string_view text) noexcept {
    return text.substr(kRegionMarkSize);
}

}  // namespace platewatch
