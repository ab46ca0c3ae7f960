#include "platewatch/probability/evidence.hpp"

#include <algorithm>

#include "platewatch/text/normalize.hpp"
#include "platewatch/text/white_space.hpp"

namespace platewatch {
namespace {

constexpr bool is_plain_symbol(char32_t c) noexcept {
    return c - U'0' < 10 || c - U'A' < 26 || c - 0xAC00 < 11172;
}

}  // namespace

bool ReadEvidence::push_back(char32_t c) noexcept {
    if (size_ == kMaxCharacters) return false;
    Evidence& evidence = characters_[size_++];
    evidence.c = c;
    evidence.p = -1;
    evidence.has_alternatives = false;
    evidence.alternative_count = 0;
    return true;
}

void ReadEvidence::assign(std::u32string_view canonical) noexcept {
    clear();
    for (const char32_t c : canonical) push_back(c);
}

char32_t character_of(std::span<const char32_t> text) noexcept {
    if (text.size() == 1 && is_plain_symbol(text[0])) return text[0];
    Symbols form;
    switch (normalize(text, TextKind::read, form)) {
        case TextError::none:
            return form.size() == 1 ? form.view()[0] : 0;
        case TextError::empty:
            return text.size() == 1 && !is_white_space(text[0]) ? text[0] : 0;
        default:
            return 0;
    }
}

std::u32string canonical_text(const ReadEvidence& read) {
    std::u32string text;
    for (const Evidence& evidence : read.view()) {
        if (is_kept(evidence.c)) text += evidence.c;
    }
    return text;
}

bool is_kept(char32_t c) noexcept {
    if (is_plain_symbol(c)) return true;
    Symbols form;
    return normalize(std::span<const char32_t>(&c, 1), TextKind::read, form) == TextError::none;
}

void evidence_of(std::span<const char32_t> raw, std::u32string_view canonical, ReadEvidence& out) noexcept {
    out.clear();
    std::size_t kept = 0;
    bool lines_up = true;
    for (const char32_t& unit : raw) {
        const char32_t c = character_of({&unit, 1});
        if (c == 0) continue;
        if (is_kept(c)) lines_up = lines_up && kept < canonical.size() && canonical[kept++] == c;
        lines_up = lines_up && out.push_back(c);
        if (!lines_up) break;
    }
    if (!lines_up || kept != canonical.size()) out.assign(canonical);
}

}  // namespace platewatch
