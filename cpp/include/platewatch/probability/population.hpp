// The vehicles that drive where the cameras are: which plates there are, and on how many of them.
//
// It is what "everybody else" means when a read is compared with the wanted vehicles. A class of vehicles is
// a row of data: platewatch/probability/models/populations/ has some countries, a user may bring another.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platewatch/text/symbols.hpp"

namespace platewatch {

struct VehicleClass {
    // The symbols that stand at one place, each with its share of the class; the shares sum to 1.
    using Position = std::vector<std::pair<char32_t, double>>;

    std::string name;
    double vehicles = 0;
    // The plate begins with one of these, all alike likely; each of two symbols. None: it has no word.
    std::vector<std::u32string> words = {};
    bool words_may_be_lost = false;        // as recognisers lose a region mark
    std::vector<Position> positions = {};  // behind the word
    double blocks_in_use = 1;              // of the class's numbers, the share in blocks that are given out

    // What numbers weigh: as what is listed is in use, what counts is how many are where others are.
    [[nodiscard]] double weight() const noexcept { return vehicles / blocks_in_use; }
};

struct Population {
    std::vector<VehicleClass> classes;
    double clutter = 0;  // the share of reads that show no plate
    // Plates outside all classes by form: which symbols stand where, and how many vehicles have such plates.
    std::vector<VehicleClass> forms = {};
    // And without: the chance that any one text of these symbols is on a vehicle that passes.
    struct Generic {
        double density = 0;
        std::u32string symbols = {};
        std::size_t least = 1, most = 0;  // symbols of a plate; none if most < least
    } generic = {};

    [[nodiscard]] double vehicles() const noexcept {
        double sum = 0;
        for (const VehicleClass& c : classes) sum += c.vehicles;
        return sum;
    }
};

// Of plates outside all classes, those that may have a letter count only if they do: of a read without one,
// the background takes none of them (ReadScorer).
[[nodiscard]] bool has_letter(std::u32string_view plate) noexcept;
[[nodiscard]] bool may_have_letter(const VehicleClass::Position& position) noexcept;

// How many vehicles have this plate, in expectation, if it lies in a block that is in use.
[[nodiscard]] double registered(const Population& population, std::u32string_view plate) noexcept;

}  // namespace platewatch
