// From which probability on a match is a hit, and of which grade: platewatch.service.policy on a device.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace platewatch {

enum class Grade : std::uint8_t { none, check, notify };  // `none` is no hit

struct Policy {
    struct Thresholds {
        double notify = 0.5, check = 0.05;
        double quiet = 600;  // seconds for which a hit is not told again

        [[nodiscard]] bool sound() const noexcept {
            return check > 0 && check <= notify && notify <= 1 && quiet >= 0;
        }
        friend bool operator==(const Thresholds&, const Thresholds&) = default;
    };

    Thresholds general = {};
    std::map<std::string, Thresholds, std::less<>> categories = {};

    [[nodiscard]] const Thresholds& of(std::string_view category) const noexcept {
        const auto named = categories.find(category);
        return named == categories.end() ? general : named->second;
    }

    // A pattern's probability says that the vehicle fits, not that it is wanted: never more than *check*. A
    // read that is a wanted plate, without an edit, is never less.
    [[nodiscard]] Grade grade(std::string_view category, unsigned edits, double probability,
                              bool is_pattern) const noexcept {
        const Thresholds& least = of(category);
        if (probability >= least.notify && !is_pattern) return Grade::notify;
        return probability >= least.check || (edits == 0 && !is_pattern) ? Grade::check : Grade::none;
    }
    friend bool operator==(const Policy&, const Policy&) = default;
};

}  // namespace platewatch
