#include "platewatch/probability/population.hpp"

#include <algorithm>

#include "platewatch/probability/channel_table.hpp"

namespace platewatch {

namespace {

double with_plate(const VehicleClass& vehicles, std::u32string_view plate) noexcept {
    double share = vehicles.weight();
    if (!vehicles.words.empty()) {
        if (std::ranges::find(vehicles.words, plate.substr(0, 2)) == vehicles.words.end()) return 0;
        share /= static_cast<double>(vehicles.words.size());
        plate.remove_prefix(2);
    }
    if (plate.size() != vehicles.positions.size()) return 0;
    for (std::size_t i = 0; i < plate.size() && share > 0; ++i) {
        const auto& position = vehicles.positions[i];
        const auto symbol = std::ranges::find(position, plate[i], &std::pair<char32_t, double>::first);
        share *= symbol == position.end() ? 0 : symbol->second;
    }
    return share;
}

}  // namespace

bool may_have_letter(const VehicleClass::Position& position) noexcept {
    return std::ranges::any_of(position,
                               [](const auto& item) { return class_of(item.first) == SymbolClass::letter; });
}

bool has_letter(std::u32string_view plate) noexcept {
    return std::ranges::any_of(plate, [](char32_t c) { return class_of(c) == SymbolClass::letter; });
}

double registered(const Population& population, std::u32string_view plate) noexcept {
    double vehicles = 0;
    for (const VehicleClass& of_class : population.classes) vehicles += with_plate(of_class, plate);
    const bool letter = has_letter(plate);
    for (const VehicleClass& form : population.forms) {
        if (letter || std::ranges::none_of(form.positions, may_have_letter))
            vehicles += with_plate(form, plate);
    }
    const Population::Generic& generic = population.generic;
    const bool fits = (letter || !has_letter(generic.symbols)) && generic.least <= plate.size() &&
                      plate.size() <= generic.most &&
                      plate.find_first_not_of(generic.symbols) == std::u32string_view::npos;
    return fits ? vehicles + generic.density : vehicles;
}

}  // namespace platewatch
