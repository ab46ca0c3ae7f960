#include "platewatch/text/grammar.hpp"

#include <algorithm>
#include <array>

#include "platewatch/text/region.hpp"

namespace platewatch {
namespace {

// Facts: the Ministry of Land's notices on plate standards 2018-529, 2025-121 and 2025-676.
constexpr std::u32string_view kPrivate = U"가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주";
constexpr std::u32string_view kPrivateOrRental =
    U"가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주허하호";
constexpr std::u32string_view kCommercial = U"바사아자배";  // 배: parcel delivery
constexpr std::u32string_view kMilitary = U"국합육해공";
constexpr std::u32string_view kTemporary = U"임";
constexpr std::u32string_view kMotorcycle = U"가나다라마바사아자차카타파하거너더러머버서어저처커터퍼허";
// The rows of all initials with ㅏ ㅓ ㅗ ㅜ that plates before 1996 drew from.
constexpr std::u32string_view kLegacy =
    U"가나다라마바사아자차카타파하거너더러머버서어저처커터퍼허고노도로모보소오조초코토포호구누두루무부수우주"
    U"추쿠투푸후";
// No list was found for machines of before 2022; these are the syllables of the plates beside them.
constexpr std::u32string_view kOldConstruction =
    U"가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주바사아자";

constexpr std::array<std::u32string_view, 7> kDiplomaticWords = {U"외교", U"영사", U"준외", U"준영",
                                                                 U"국기", U"협정", U"대표"};

// Sources disagree on the lowest serial (0100 or 1000), so a serial is any four digits.
constexpr PlateClass kClasses[] = {
    {"private", "car", "CCCSNNNN", 100, 699, kPrivateOrRental, "2019-09"},
    {"private", "van", "CCCSNNNN", 700, 799, kPrivateOrRental, "2021-11"},
    {"private", "truck", "CCCSNNNN", 800, 979, kPrivateOrRental, "2021-11"},
    {"private", "special", "CCCSNNNN", 980, 997, kPrivateOrRental, "2021-11"},
    {"emergency", "", "CCCSNNNN", 998, 999, kPrivate, "2021-11"},
    {"private", "car", "CCSNNNN", 1, 69, kPrivateOrRental, "2004"},
    {"private", "van", "CCSNNNN", 70, 79, kPrivateOrRental, "2004"},
    {"private", "truck", "CCSNNNN", 80, 97, kPrivateOrRental, "2004"},
    {"private", "special", "CCSNNNN", 98, 99, kPrivateOrRental, "2004"},
    {"electric", "car", "CCSNNNN", 1, 69, kPrivateOrRental, "2017-06"},
    {"electric", "car", "CCCSNNNN", 100, 699, kPrivateOrRental, "2017-06"},  // reported, in no notice
    {"corporate", "car", "CCCSNNNN", 100, 699, kPrivateOrRental, "2024-01"},
    {"commercial", "car", "RCCSNNNN", 1, 69, kCommercial, "1973"},
    {"commercial", "van", "RCCSNNNN", 70, 79, kCommercial, "1973"},
    {"commercial", "truck", "RCCSNNNN", 80, 97, kCommercial, "1973"},
    {"commercial", "special", "RCCSNNNN", 98, 99, kCommercial, "1973"},
    {"regional", "", "RCCSNNNN", 1, 99, kPrivate, "1973 to 2003"},
    {"regional", "", "RCSNNNN", 1, 9, kPrivate, "1973 to 1995"},
    {"diplomatic", "", "WCCCNNN", 0, 999, {}, ""},
    {"temporary", "", "SNNNNN", 0, 0, kTemporary, "11 days and more"},
    {"temporary", "", "NNNNNN", 0, 0, {}, "up to 10 days"},
    {"motorcycle_old", "", "RYSNNNN", 0, 0, kMotorcycle, "to 2026"},
    {"motorcycle", "", "CSNNNNN", 1, 9, kPrivate, "2026-03-20"},
    {"military", "", "CCSNNNN", 0, 99, kMilitary, ""},
    {"construction", "", "CCCSNNNN", 1, 99, kPrivateOrRental, "2022-11-26"},
    {"construction_old", "", "RCCSNNNN", 1, 27, kOldConstruction, "to 2022"},
    {"legacy", "", "RCCSNNNN", 1, 99, kLegacy, "before 1996"},
    {"legacy", "", "RCSNNNN", 1, 9, kLegacy, "before 1996"},
};

constexpr bool is_digit(char32_t c) noexcept { return c - U'0' < 10; }
constexpr bool is_syllable(char32_t c) noexcept { return c - 0xAC00 < 11172; }

constexpr std::size_t width(char part) noexcept { return part == 'R' || part == 'W' ? 2 : 1; }

template <class Words, class Word>
bool contains(const Words& words, Word word) noexcept {
    return std::ranges::find(words, word) != words.end();
}

}  // namespace

std::span<const PlateClass> plate_classes() noexcept { return kClasses; }

std::u32string plate_symbols() {
    std::u32string symbols;
    for (const PlateClass& plate_class : kClasses) symbols += plate_class.syllables;
    for (const std::u32string_view mark : kRegionMarks) symbols += mark;
    for (const std::u32string_view word : kDiplomaticWords) symbols += word;
    std::ranges::sort(symbols);
    symbols.erase(std::ranges::unique(symbols).begin(), symbols.end());
    return symbols;
}

bool fits(const PlateClass& plate_class, std::u32string_view text, PlateParts& parts) noexcept {
    std::size_t least = 0;
    for (const char part : plate_class.shape) least += width(part);
    const bool has_city = plate_class.shape.find('Y') != std::string_view::npos;
    if (text.size() < least || text.size() > least + (has_city ? 2 : 0)) return false;

    parts = {};
    unsigned code = 0;
    const char32_t* at = text.data();
    for (const char part : plate_class.shape) {
        const std::u32string_view piece(at, part == 'Y' ? 1 + text.size() - least : width(part));
        std::u32string_view* grown = nullptr;  // the part that takes one more digit
        switch (part) {
            case 'R':
                if (!contains(kRegionMarks, piece)) return false;
                parts.region = piece;
                break;
            case 'W':
                if (!contains(kDiplomaticWords, piece)) return false;
                parts.syllable = piece;
                break;
            case 'Y':
                if (!std::ranges::all_of(piece, is_syllable)) return false;
                parts.city = piece;
                break;
            case 'S':
                if (plate_class.syllables.find(piece[0]) == std::u32string_view::npos) return false;
                parts.syllable = piece;
                break;
            case 'C':
                if (!is_digit(piece[0])) return false;
                code = code * 10 + (piece[0] - U'0');
                grown = &parts.code;
                break;
            default:  // 'N'
                if (!is_digit(piece[0])) return false;
                grown = &parts.serial;
        }
        if (grown != nullptr)
            *grown = grown->empty() ? piece : std::u32string_view(grown->data(), grown->size() + 1);
        at += piece.size();
    }
    return plate_class.first_code <= code && code <= plate_class.last_code;
}

ParsedPlate parse(std::u32string_view text) {
    ParsedPlate plate;
    PlateParts parts;
    for (const PlateClass& plate_class : kClasses) {
        if (!fits(plate_class, text, parts)) continue;
        if (plate.kinds.empty()) plate.vehicle = plate_class.vehicle, plate.parts = parts;
        if (!contains(plate.kinds, plate_class.kind)) plate.kinds.push_back(plate_class.kind);
    }
    return plate;
}

}  // namespace platewatch
