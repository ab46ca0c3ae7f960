// UTF-8 to code points, refusing whatever the standard refuses.
#pragma once

#include <cstddef>
#include <string_view>

#include "platewatch/text/normalize.hpp"
#include "platewatch/text/symbols.hpp"

namespace platewatch {

[[nodiscard]] constexpr bool is_surrogate(char32_t c) noexcept { return c - 0xD800 < 0x800; }

// Calls push(code point) for each one; false at the first that is not valid.
template <class Push>
[[nodiscard]] bool decode_utf8(std::string_view utf8, Push&& push) {
    for (std::size_t i = 0; i < utf8.size();) {
        const auto lead = static_cast<unsigned char>(utf8[i++]);
        // The smallest code point of each sequence length guards against over-long forms.
        std::size_t more = 0;
        char32_t c = lead, smallest = 0;
        if (lead >= 0xF0 && lead < 0xF8) {
            more = 3, c = lead & 0x07, smallest = 0x10000;
        } else if (lead >= 0xE0 && lead < 0xF0) {
            more = 2, c = lead & 0x0F, smallest = 0x800;
        } else if (lead >= 0xC0 && lead < 0xE0) {
            more = 1, c = lead & 0x1F, smallest = 0x80;
        } else if (lead >= 0x80) {
            return false;
        }
        if (utf8.size() - i < more) return false;
        for (; more > 0; --more) {
            const auto next = static_cast<unsigned char>(utf8[i++]);
            if ((next & 0xC0) != 0x80) return false;
            c = c << 6 | (next & 0x3F);
        }
        if (c < smallest || c > 0x10FFFF || is_surrogate(c)) return false;
        push(c);
    }
    return true;
}

// What was kept of a plate; empty where a snapshot that nobody verified holds none.
inline void decode_plate(std::string_view utf8, Symbols& out) noexcept {
    if (copy_canonical(utf8, out)) return;
    out.clear();
    bool fits = true;
    const auto push = [&](char32_t c) { out.full() ? void(fits = false) : out.push_back(c); };
    if (!decode_utf8(utf8, push) || !fits) out.clear();
}

}  // namespace platewatch
