#include "platewatch/text/normalize.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <iterator>
#include <span>
#include <utility>

#include "text/utf8.hpp"

namespace platewatch {
namespace {

struct Decomposition {
    std::uint32_t from : 24, size : 8;
    std::uint16_t at;  // its first of `size` units of UTF-16 in kDecomposed
};
template <class Unit>
struct Composition {
    Unit first, second, to;
};
struct Range {  // first..last
    char32_t first, last;
};
struct Run {  // code points first..last share one value
    char32_t first, last;
    std::uint32_t value;
};

#include "unicode_tables.inc"

// The range or the run that holds c, or null.
template <class Held>
const Held* find(std::span<const Held> all, char32_t c) noexcept {
    const auto behind = std::ranges::upper_bound(all, c, {}, &Held::first);
    return behind != all.begin() && c <= std::prev(behind)->last ? &*std::prev(behind) : nullptr;
}

// The value of the run that holds c, or 0.
std::uint32_t lookup(std::span<const Run> runs, char32_t c) noexcept {
    const Run* const run = find(runs, c);
    return run != nullptr ? run->value : 0;
}

// The digit's place in its script's ten, or -1.
int digit_value(char32_t c) noexcept {
    const Range* const ten = find<Range>(kDigits, c);
    return ten != nullptr ? static_cast<int>(c - ten->first) : -1;
}

const Decomposition* find_decomposition(char32_t c) noexcept {
    const auto* it = std::lower_bound(std::begin(kDecompositions), std::end(kDecompositions), c,
                                      [](const Decomposition& d, char32_t point) { return d.from < point; });
    return it != std::end(kDecompositions) && it->from == c ? it : nullptr;
}

template <class Unit>
char32_t find_composite(std::span<const Composition<Unit>> all, char32_t first, char32_t second) noexcept {
    const std::pair wanted(first, second);
    const auto of = [](const Composition<Unit>& c) {
        return std::pair<char32_t, char32_t>(c.first, c.second);
    };
    const auto it = std::ranges::lower_bound(all, wanted, {}, of);
    return it != all.end() && of(*it) == wanted ? it->to : 0;
}

// The composite of two code points, or 0. Hangul is composed in Normalizer::append.
char32_t compose(char32_t first, char32_t second) noexcept {
    if (first < 0x10000) return find_composite<char16_t>(kCompositions, first, second);
    return find_composite<char32_t>(kWideCompositions, first, second);
}

constexpr char32_t kLeadBase = 0x1100, kVowelBase = 0x1161, kTrailBase = 0x11A7, kSyllableBase = 0xAC00;
constexpr char32_t kLeads = 19, kVowels = 21, kTrails = 28;

constexpr bool is_hangul_syllable(char32_t c) noexcept {
    return c - kSyllableBase < kLeads * kVowels * kTrails;
}

// Canonical already, whatever stands beside it, but for a combining mark that follows.
constexpr bool is_plain(char32_t c) noexcept { return c < 0x80 || is_hangul_syllable(c); }

bool full(const Symbols& out) noexcept { return out.full(); }
bool full(const std::u32string&) noexcept { return false; }

// NFC of a stream, one starter with its marks at a time, into the kept symbols.
template <class Out>
class Normalizer {
  public:
    Normalizer(TextKind kind, Out& out) noexcept : kind_(kind), out_(out) { out_.clear(); }

    void push(char32_t c) {
        if (is_plain(c)) return push_starter(c);
        if (const Decomposition* d = find_decomposition(c)) {
            for (std::size_t i = 0; i < d->size; ++i) {
                char32_t part = kDecomposed[d->at + i];
                if (part - 0xD800 < 0x400)
                    part = 0x10000 + ((part - 0xD800) << 10) + (kDecomposed[d->at + ++i] - 0xDC00);
                push_part(part);
            }
        } else {
            push_part(c);
        }
    }

    [[nodiscard]] TextError finish() {
        compose_marks();
        emit(starter_);
        if (overflow_) return TextError::too_long;
        return out_.empty() ? TextError::empty : TextError::none;
    }

  private:
    struct Mark {
        char32_t symbol;
        std::uint32_t combining_class;
    };

    void push_part(char32_t c) {
        const std::uint32_t combining_class = lookup(kCombiningClasses, c);
        if (combining_class == 0) return push_starter(c);
        if (mark_count_ == marks_.size()) return;
        auto at = marks_.begin() + static_cast<std::ptrdiff_t>(mark_count_++);
        for (; at != marks_.begin() && std::prev(at)->combining_class > combining_class; --at)
            *at = *std::prev(at);
        *at = {c, combining_class};
    }

    void push_starter(char32_t c) {
        compose_marks();
        if (const char32_t composite = mark_count_ == 0 && !is_plain(c) ? compose(starter_, c) : 0) {
            starter_ = composite;
            return;
        }
        emit(starter_);
        starter_ = c;
        mark_count_ = 0;
    }

    // Leaves in marks_ those that compose with nothing: they keep a following starter from composing.
    void compose_marks() noexcept {
        std::size_t left = 0;
        for (std::size_t i = 0; i < mark_count_; ++i) {
            const bool blocked = left > 0 && marks_[left - 1].combining_class == marks_[i].combining_class;
            const char32_t composite = blocked ? 0 : compose(starter_, marks_[i].symbol);
            if (composite != 0) {
                starter_ = composite;
            } else {
                marks_[left++] = marks_[i];
            }
        }
        mark_count_ = left;
    }

    void emit(char32_t c) {
        if (c == kUnknownSymbol || c == 0xFFFD) {
            if (kind_ == TextKind::read) append(kUnknownSymbol);
            return;
        }
        if (c - U'0' < 10 || c - U'A' < 26 || is_hangul_syllable(c)) return append(c);
        if (c - U'a' < 26) return append(c - U'a' + U'A');
        if (c < 0x80) return;
        c += lookup(kFoldDeltas, c);
        if (const int digit = digit_value(c); digit >= 0) return append(U'0' + static_cast<char32_t>(digit));
        if (find<Range>(kLetters, c) != nullptr) append(c);
    }

    // Jamo are composed here, after the junk between them has gone, so that a second pass finds nothing to
    // do.
    void append(char32_t c) {
        if (!out_.empty()) {
            char32_t& last = out_.back();
            if (last - kLeadBase < kLeads && c - kVowelBase < kVowels) {
                last = kSyllableBase + ((last - kLeadBase) * kVowels + (c - kVowelBase)) * kTrails;
                return;
            }
            if (is_hangul_syllable(last) && (last - kSyllableBase) % kTrails == 0 && c > kTrailBase &&
                c - kTrailBase < kTrails) {
                last += c - kTrailBase;
                return;
            }
        }
        if (full(out_)) {
            overflow_ = true;
        } else {
            out_.push_back(c);
        }
    }

    // Unicode's stream-safe format has at most 30 marks on a starter; further ones are ignored.
    std::array<Mark, 32> marks_{};
    std::size_t mark_count_ = 0;
    char32_t starter_ = 0;  // 0: none yet; as a control character it is dropped
    TextKind kind_;
    bool overflow_ = false;
    Out& out_;
};

// What almost every text is made of, ASCII and Hangul syllables, taken symbol by symbol; false if anything
// else turns up, which may change what stands beside it, or if the text is to be refused.
template <class Unit>
bool normalize_plain(std::span<const Unit> text, TextKind kind, Symbols& out) noexcept {
    out.clear();
    for (char32_t c : text) {
        if (!is_plain(c)) return false;
        if (c - U'a' < 26) c -= U'a' - U'A';
        const bool kept = c - U'0' < 10 || c - U'A' < 26 || c >= 0x80;
        if (!kept && (c != kUnknownSymbol || kind != TextKind::read)) continue;
        if (out.full()) return false;
        out.push_back(c);
    }
    return !out.empty();
}

// What nearly every text is by itself, canonical, is copied four symbols at a time; false if it is not, or
// too short or too long for that.
template <class Unit>
bool copy_canonical(std::span<const Unit> text, Symbols& out) noexcept {
    constexpr std::size_t kAtOnce = 4;
    // Not `using`: GCC ignores the attribute of a type that depends.
    typedef Unit Units __attribute__((vector_size(kAtOnce * sizeof(Unit))));
    typedef std::uint32_t Lanes __attribute__((vector_size(16)));
    typedef std::int32_t Signed __attribute__((vector_size(16)));
    constexpr std::uint32_t kHighest = 1U << 31;
    const std::size_t size = text.size();
    if (size < kAtOnce || size > kMaxSymbols) return false;
    char32_t* symbols = out.resized(size);
    Signed kept = {-1, -1, -1, -1};
    const auto copy = [&](std::size_t at) __attribute__((always_inline)) {
        Units units;
        std::memcpy(&units, text.data() + at, sizeof units);
        const auto lanes = __builtin_convertvector(units, Lanes);
        // One comparison for both ends of a range, by signed numbers, as others need newer machines.
        const auto is_among = [&](char32_t first, std::uint32_t count) __attribute__((always_inline)) {
            const Lanes moved = lanes + (kHighest - first);
            const auto last = static_cast<std::int32_t>(kHighest + count);
            return reinterpret_cast<Signed>(moved) < last;
        };
        kept &= is_among(U'0', 10) | is_among(U'A', 26) | is_among(kSyllableBase, kLeads * kVowels * kTrails);
        std::memcpy(symbols + at, &lanes, sizeof lanes);
    };
    for (std::size_t at = 0; at + kAtOnce < size; at += kAtOnce) copy(at);
    copy(size - kAtOnce);
    return (kept[0] & kept[1] & kept[2] & kept[3]) != 0;
}

// The same for UTF-8 of ASCII, or of 6 to 8 symbols of which one is a Hangul syllable, as most plates have
// it: without two of its three bytes it is ASCII but for one place.
bool copy_canonical_utf8(std::string_view utf8, Symbols& out) noexcept {
    using Word = std::uint64_t;
    constexpr Word kHighBits = 0x8080808080808080;
    constexpr std::size_t kLong = 10;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(utf8.data());
    const std::size_t size = utf8.size();
    if constexpr (std::endian::native != std::endian::little) return false;
    if (size < sizeof(Word)) return copy_canonical(std::span(bytes, size), out);
    Word head, tail;
    std::memcpy(&head, bytes, sizeof head);
    if ((head & kHighBits) == 0) return copy_canonical(std::span(bytes, size), out);
    if (size > kLong) return false;
    // Of symbol i, behind the syllable: byte i + 2 of the text.
    std::memcpy(&tail, bytes + size - sizeof tail, sizeof tail);
    tail >>= 8 * (kLong - size);
    const auto place = static_cast<std::size_t>(std::countr_zero(head & kHighBits)) / 8;
    if (place + 3 > size) return false;
    const std::uint8_t* at = bytes + place;
    const char32_t syllable = (at[0] & 0x0FU) << 12 | (at[1] & 0x3FU) << 6 | (at[2] & 0x3FU);
    if (at[0] >> 4 != 0x0E || (at[1] & 0xC0) != 0x80 || (at[2] & 0xC0) != 0x80 ||
        !is_hangul_syllable(syllable))
        return false;
    const Word front = (Word{1} << (8 * place)) - 1, here = Word{0xFF} << (8 * place);
    const Word ascii = (head & front) | (tail & ~front & ~here) | (Word{'0'} << (8 * place));
    std::array<std::uint8_t, sizeof ascii> symbols;
    std::memcpy(symbols.data(), &ascii, sizeof ascii);
    if (!copy_canonical(std::span<const std::uint8_t>(symbols).first(size - 2), out)) return false;
    out.resized(size - 2)[place] = syllable;
    return true;
}

// UTF-8 of ASCII and Hangul syllables has no need of the whole decoder.
bool normalize_plain(std::string_view utf8, TextKind kind, Symbols& out) noexcept {
    out.clear();
    const auto* at = reinterpret_cast<const unsigned char*>(utf8.data());
    const auto* const end = at + utf8.size();
    while (at != end) {
        char32_t c = *at;
        if (c < 0x80) {
            ++at;
            if (c - U'a' < 26) c -= U'a' - U'A';
            const bool kept =
                c - U'0' < 10 || c - U'A' < 26 || (c == kUnknownSymbol && kind == TextKind::read);
            if (!kept) continue;
        } else {
            if (end - at < 3 || (at[1] & 0xC0) != 0x80 || (at[2] & 0xC0) != 0x80) return false;
            c = (c & 0x0F) << 12 | (at[1] & 0x3FU) << 6 | (at[2] & 0x3FU);
            if (at[0] >> 4 != 0x0E || !is_hangul_syllable(c)) return false;
            at += 3;
        }
        if (out.full()) return false;
        out.push_back(c);
    }
    return !out.empty();
}

template <class Unit>
TextError normalize_units(std::span<const Unit> text, TextKind kind, Symbols& out) noexcept {
    if (copy_canonical(text, out) || normalize_plain(text, kind, out)) return TextError::none;
    Normalizer normalizer(kind, out);
    for (const char32_t c : text) {
        if (is_surrogate(c)) return TextError::not_utf8;
        normalizer.push(c);
    }
    return normalizer.finish();
}

}  // namespace

bool copy_canonical(std::string_view utf8, Symbols& out) noexcept { return copy_canonical_utf8(utf8, out); }

TextError normalize(std::span<const std::uint8_t> latin1, TextKind kind, Symbols& out) noexcept {
    return normalize_units(latin1, kind, out);
}
TextError normalize(std::span<const char16_t> ucs2, TextKind kind, Symbols& out) noexcept {
    return normalize_units(ucs2, kind, out);
}
TextError normalize(std::span<const char32_t> utf32, TextKind kind, Symbols& out) noexcept {
    return normalize_units(utf32, kind, out);
}

TextError normalize(std::string_view utf8, TextKind kind, Symbols& out) noexcept {
    if (copy_canonical_utf8(utf8, out) || normalize_plain(utf8, kind, out)) return TextError::none;
    Normalizer normalizer(kind, out);
    if (!decode_utf8(utf8, [&](char32_t c) { normalizer.push(c); })) return TextError::not_utf8;
    return normalizer.finish();
}

TextError normalize(std::span<const char32_t> utf32, std::u32string& out) {
    Normalizer normalizer(TextKind::plate, out);
    for (const char32_t c : utf32) {
        if (is_surrogate(c)) return TextError::not_utf8;
        normalizer.push(c);
    }
    return normalizer.finish();
}

std::string_view reason(TextError error) noexcept {
    switch (error) {
        case TextError::not_utf8:
            return "not valid UTF-8";
        case TextError::empty:
            return "no letter or digit";
        case TextError::too_long:
            return "more than 16 symbols";
        case TextError::none:
            break;
    }
    return "";
}

std::string_view unicode_version() noexcept { return kUnicodeVersion; }

void append_utf8(char32_t c, std::string& out) {
    const auto byte = [&](char32_t bits) { out += static_cast<char>(bits); };
    if (c < 0x80) {
        byte(c);
    } else if (c < 0x800) {
        byte(0xC0 | c >> 6), byte(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        byte(0xE0 | c >> 12), byte(0x80 | (c >> 6 & 0x3F)), byte(0x80 | (c & 0x3F));
    } else {
        byte(0xF0 | c >> 18), byte(0x80 | (c >> 12 & 0x3F)), byte(0x80 | (c >> 6 & 0x3F)),
            byte(0x80 | (c & 0x3F));
    }
}

std::string to_utf8(std::u32string_view text) {
    std::string out;
    for (const char32_t c : text) append_utf8(c, out);
    return out;
}

}  // namespace platewatch
