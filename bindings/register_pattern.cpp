// Plates with unknown characters.
#include <pybind11/pybind11.h>

#include "platewatch/text/pattern.hpp"
#include "register.hpp"
#include "text.hpp"

namespace platewatch {
namespace {

Pattern parse_or_raise(const py::str& text) {
    Pattern pattern;
    const std::u32string points = to_u32(text);
    const PatternError error = parse_pattern(std::span<const char32_t>(points), pattern);
    if (error != PatternError::none) {
        raise(make_error("PlatewatchError", reason(error), py::arg("field") = "pattern"));
    }
    return pattern;
}

}  // namespace

void register_pattern(py::module_& m) {
    m.def(
        "is_pattern",
        [](const py::str& text) {
            return with_code_points(text_view(text.ptr()), [](auto units) { return is_pattern(units); });
        },
        py::arg("text"), "True if the text holds one of `?`, `*`, `[` and `]`, in any of their forms.");
    m.def(
        "normalize_pattern", [](const py::str& text) { return to_str(to_utf8(parse_or_raise(text))); },
        py::arg("text"),
        "The canonical text of a pattern. Raises PlatewatchError that says what is wrong with it.");
    m.def(
        "admits_everything", [](const py::str& text) { return parse_or_raise(text).admits_everything(); },
        py::arg("text"), "True for `*`.");
}

}  // namespace platewatch
