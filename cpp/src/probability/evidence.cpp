#include "platewatch/probability/evidence.hpp"

#include <algorithm>

#include "platewatch/probability/marks.hpp"
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

bool ReadEvidence::push_back(const Evidence& evidence) noexcept {
    if (size_ == kMaxCharacters) return false;
    characters_[size_++] = evidence;
    return true;
}

void ReadEvidence::push_mark(const Evidence& mark) noexcept {
    const std::uint32_t gap = 1U << size_;
    const bool is_marked = (gaps_marked_ & gap) != 0;
    if (is_marked && last_mark_ == mark.c) gaps_padded_ |= gap;
    last_mark_ = mark.c;
    const auto parts = [](char32_t c) { return mark_kind(c) == MarkKind::separator; };
    if (is_marked && (!parts(marks_[size_].c) || parts(mark.c))) return;
    gaps_marked_ |= gap;
    marks_[size_] = mark;
}

double ReadEvidence::mark_price(std::size_t gap) const noexcept {
    const auto kind_of = [&](std::size_t i) {
        const char32_t c = characters_[i].c;
        return c - U'0' < 10 ? 0 : c - U'A' < 26 ? 1 : c - 0xAC00 < 11172 ? 2 : 3;
    };
    const bool groups_meet = gap == 0 || gap == size_ || kind_of(gap - 1) != kind_of(gap);
    return platewatch::mark_price(mark_kind(marks_[gap].c), groups_meet);
}

std::size_t ReadEvidence::lone_letter() const noexcept {
    const auto is_letter = [](const Evidence& evidence) { return evidence.c - U'A' < 26; };
    const auto all = view();
    const auto first = std::ranges::find_if(all, is_letter);
    return std::count_if(first, all.end(), is_letter) == 1 ? static_cast<std::size_t>(first - all.begin())
                                                           : size_;
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
            return text.size() == 1 && !is_white_space(text[0]) && !is_invisible(text[0])
                       ? folded_mark(text[0])
                       : 0;
        default:
            return 0;
    }
}

std::u32string canonical_text(const ReadEvidence& read) {
    std::u32string text;
    for (const Evidence& evidence : read.view()) text += evidence.c;
    return text;
}

bool is_kept(char32_t c) noexcept {
    if (is_plain_symbol(c)) return true;
    Symbols form;
    return normalize(std::span<const char32_t>(&c, 1), TextKind::read, form) == TextError::none;
}

void evidence_of(std::span<const char32_t> raw, std::u32string_view canonical, ReadEvidence& out) noexcept {
    out.clear();
    for (const char32_t& unit : raw) {
        const char32_t c = character_of({&unit, 1});
        if (c == 0) continue;
        if (!is_kept(c)) {
            out.push_mark({.c = c});
        } else if (out.size() == canonical.size() || canonical[out.size()] != c) {
            return out.assign(canonical);
        } else {
            out.push_back(c);
        }
    }
    if (out.size() != canonical.size()) out.assign(canonical);
}

}  // namespace platewatch
