#include "platewatch/probability/population.hpp"

#include <algorithm>

#include "platewatch/probability/channel_model.hpp"

namespace platewatch {

bool may_be_generic(std::u32string_view plate) noexcept {
    return std::ranges::any_of(plate, [](char32_t c) { return class_of(c) == SymbolClass::letter; });
}

double registered(const Population& population, std::u32string_view plate) noexcept {
    double vehicles = 0;
    for (const VehicleClass& vehicle_class : population.classes) {
        std::u32string_view rest = plate;
        double share = vehicle_class.weight();
        if (!vehicle_class.words.empty()) {
            const std::u32string_view word = plate.substr(0, 2);
            if (std::ranges::find(vehicle_class.words, word) == vehicle_class.words.end()) continue;
            share /= static_cast<double>(vehicle_class.words.size());
            rest.remove_prefix(2);
        }
        if (rest.size() != vehicle_class.positions.size()) continue;
        for (std::size_t i = 0; i < rest.size() && share > 0; ++i) {
            const auto& position = vehicle_class.positions[i];
            const auto symbol = std::ranges::find(position, rest[i], &std::pair<char32_t, double>::first);
            share *= symbol == position.end() ? 0 : symbol->second;
        }
        vehicles += share;
    }
    if (vehicles > 0) return vehicles;
    const Population::Generic& generic = population.generic;
    const bool fits = may_be_generic(plate) && generic.least <= plate.size() &&
                      plate.size() <= generic.most &&
                      plate.find_first_not_of(generic.symbols) == std::u32string_view::npos;
    return fits ? generic.density : 0;
}

}  // namespace platewatch
