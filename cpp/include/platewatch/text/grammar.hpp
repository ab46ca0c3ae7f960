// The classes of Korean number plates as one table: a new class is a new row in grammar.cpp.
//
// The grammar informs; it decides nothing about matching. A plate that fits no class is matched all the same.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace platewatch {

struct PlateClass {
    std::string_view kind;     // several rows may share one
    std::string_view vehicle;  // "car", "van", "truck", "special", or "" where the class does not tell

    // One letter a symbol, but for R, W and Y:
    //   R region mark (2 symbols)   W diplomatic word (2)   Y name of a city (1 to 3 syllables)
    //   C digit of the code         S usage syllable         N digit of the serial
    std::string_view shape;

    unsigned first_code, last_code;  // of the code's number, both included
    std::u32string_view syllables;   // that S admits
    std::string_view since;          // when plates of the class were issued
};

// In the order that decides a plate's first kind.
[[nodiscard]] std::span<const PlateClass> plate_classes() noexcept;

// Every symbol but digits that the classes name, ascending; a city's name may have others.
[[nodiscard]] std::u32string plate_symbols();

// The parts of a plate, as views of its text; empty where the class has no such part.
struct PlateParts {
    std::u32string_view region, city, code, syllable, serial;
};

// True if the canonical text is a plate of the class; then `parts` says how it is put together. The word of a
// diplomatic plate takes the place of the syllable.
[[nodiscard]] bool fits(const PlateClass& plate_class, std::u32string_view text, PlateParts& parts) noexcept;

struct ParsedPlate {
    std::vector<std::string_view> kinds;  // every kind that fits, each once, in the table's order
    std::string_view vehicle;             // of the first class that fits, as are the parts
    PlateParts parts;
};

[[nodiscard]] ParsedPlate parse(std::u32string_view text);

}  // namespace platewatch
