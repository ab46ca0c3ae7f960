// White space as Python's str.isspace has it: Unicode's White_Space and the four separators of ASCII.
#pragma once

namespace platewatch {

[[nodiscard]] constexpr bool is_white_space(char32_t c) noexcept {
    return (0x09 <= c && c <= 0x0D) || (0x1C <= c && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (0x2000 <= c && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
           c == 0x3000;
}

}  // namespace platewatch
