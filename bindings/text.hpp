// Python text to symbols, without a detour by UTF-8, and the errors of platewatch.errors.
#pragma once

#include <pybind11/pybind11.h>

#include <optional>
#include <string>

#include "platewatch/normalize.hpp"

namespace platewatch {

namespace py = pybind11;

// Accepts str and bytes (UTF-8); nullopt for anything else.
inline std::optional<TextError> normalize_object(py::handle text, TextKind kind, Symbols& out) {
    if (PyUnicode_Check(text.ptr())) {
        const auto size = static_cast<std::size_t>(PyUnicode_GET_LENGTH(text.ptr()));
        switch (PyUnicode_KIND(text.ptr())) {
            case PyUnicode_1BYTE_KIND:
                return normalize(std::span<const std::uint8_t>(PyUnicode_1BYTE_DATA(text.ptr()), size), kind,
                                 out);
            case PyUnicode_2BYTE_KIND:
                static_assert(sizeof(Py_UCS2) == sizeof(char16_t));
                return normalize(
                    std::span(reinterpret_cast<const char16_t*>(PyUnicode_2BYTE_DATA(text.ptr())), size),
                    kind, out);
            default:
                static_assert(sizeof(Py_UCS4) == sizeof(char32_t));
                return normalize(
                    std::span(reinterpret_cast<const char32_t*>(PyUnicode_4BYTE_DATA(text.ptr())), size),
                    kind, out);
        }
    }
    if (PyBytes_Check(text.ptr())) {
        const std::string_view utf8(PyBytes_AS_STRING(text.ptr()),
                                    static_cast<std::size_t>(PyBytes_GET_SIZE(text.ptr())));
        return normalize(utf8, kind, out);
    }
    return std::nullopt;
}

inline py::str to_str(std::string_view utf8) { return {utf8.data(), utf8.size()}; }

// An instance of a class of platewatch.errors.
template <class... Keywords>
py::object make_error(const char* name, std::string_view why, Keywords&&... keywords) {
    return py::module_::import("platewatch.errors")
        .attr(name)(to_str(why), std::forward<Keywords>(keywords)...);
}

[[noreturn]] inline void raise(const py::object& error) {
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.ptr())), error.ptr());
    throw py::error_already_set();
}

}  // namespace platewatch
