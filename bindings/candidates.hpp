// The whole-plate candidates of a platewatch.Read.
#pragma once

#include <pybind11/pybind11.h>

#include <optional>
#include <string>

#include "platewatch/text/alternatives.hpp"
#include "platewatch/text/normalize.hpp"
#include "text.hpp"

namespace platewatch {

// Calls visit(raw text, canonical text, probability if it has one) for each; those that cannot be one are
// left out: of another type, not from 0 to 1, without a letter or digit, or too long.
template <class Visit>
void for_each_candidate(py::handle read, const Visit& visit) {
    finds_types([&] {
        const py::object candidates = read.attr("candidates");
        if (PyTuple_CheckExact(candidates.ptr()) && PyTuple_GET_SIZE(candidates.ptr()) == 0) return;
        for (const py::handle candidate : candidates) {
            std::u32string text;
            Symbols canonical;
            std::optional<double> p;
            const bool usable = finds_types([&] {
                text = to_u32(candidate.attr("text"));
                if (const py::object given = candidate.attr("p"); !given.is_none()) p = given.cast<double>();
            });
            if (!usable || (p && !(*p >= 0 && *p <= kMaxProbability))) continue;
            if (normalize(std::span<const char32_t>(text), TextKind::read, canonical) != TextError::none)
                continue;
            visit(text, canonical, p);
        }
    });
}

}  // namespace platewatch
