// The whole-plate candidates of a platewatch.Read.
#pragma once

#include <pybind11/pybind11.h>

#include <optional>
#include <string>

#include "platewatch/text/alternatives.hpp"
#include "platewatch/text/normalize.hpp"
#include "text.hpp"

namespace platewatch {

// What one share of a whole is at the least, if it is percent.
inline constexpr double kLeastPercent = 2, kHundredPercent = 100;

[[nodiscard]] inline bool is_percent(double p) noexcept { return p >= kLeastPercent && p <= kHundredPercent; }

// Calls visit(raw text, canonical text, probability if it has one) for each; those that cannot be one are
// left out: of another type, not from 0 to 1, without a letter or digit, or too long. All are percent if one
// is.
template <class Visit>
void for_each_candidate(py::handle read, const Visit& visit) {
    finds_types([&] {
        const py::object candidates = read.attr("candidates");
        if (PyTuple_CheckExact(candidates.ptr()) && PyTuple_GET_SIZE(candidates.ptr()) == 0) return;
        const auto probability_of = [](py::handle candidate) -> std::optional<double> {
            const py::object given = candidate.attr("p");
            return given.is_none() ? std::nullopt : std::optional(given.cast<double>());
        };
        double whole = 1;
        for (const py::handle candidate : candidates) {
            finds_types([&] {
                if (is_percent(probability_of(candidate).value_or(0))) whole = kHundredPercent;
            });
        }
        for (const py::handle candidate : candidates) {
            std::u32string text;
            Symbols canonical;
            std::optional<double> p;
            const bool usable = finds_types([&] {
                text = to_u32(candidate.attr("text"));
                p = probability_of(candidate);
            });
            if (p) *p /= whole;
            if (!usable || (p && !(*p >= 0 && *p <= kMaxProbability))) continue;
            if (normalize(std::span<const char32_t>(text), TextKind::read, canonical) != TextError::none)
                continue;
            visit(text, canonical, p);
        }
    });
}

}  // namespace platewatch
