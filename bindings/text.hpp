// Python text to symbols, without a detour by UTF-8, and the errors of platewatch.errors.
#pragma once

#include <pybind11/pybind11.h>

#include <optional>
#include <span>
#include <string>

#include "platewatch/hotlist/batch.hpp"
#include "platewatch/text/normalize.hpp"

namespace platewatch {

namespace py = pybind11;

// Where a str or bytes (UTF-8) has its text; no text for anything else. Needs no GIL, but that the object
// lives.
inline TextView text_view(PyObject* text) noexcept {
    static_assert(sizeof(Py_UCS2) == sizeof(char16_t) && sizeof(Py_UCS4) == sizeof(char32_t));
    if (PyUnicode_Check(text)) {
        const auto size = static_cast<std::size_t>(PyUnicode_GET_LENGTH(text));
        switch (PyUnicode_KIND(text)) {
            case PyUnicode_1BYTE_KIND:
                return {PyUnicode_DATA(text), size, TextView::Unit::latin1};
            case PyUnicode_2BYTE_KIND:
                return {PyUnicode_DATA(text), size, TextView::Unit::ucs2};
            default:
                return {PyUnicode_DATA(text), size, TextView::Unit::utf32};
        }
    }
    if (PyBytes_Check(text)) {
        return {PyBytes_AS_STRING(text), static_cast<std::size_t>(PyBytes_GET_SIZE(text)),
                TextView::Unit::utf8};
    }
    return {};
}

// nullopt for what is neither str nor bytes.
inline std::optional<TextError> normalize_object(py::handle text, TextKind kind, Symbols& out) {
    const TextView view = text_view(text.ptr());
    if (view.unit == TextView::Unit::none) return std::nullopt;
    return normalize(view, kind, out);
}

// Calls work(span) with the code points of a str, in their layout. Precondition: `text` has code points.
template <class Work>
auto with_code_points(const TextView& text, const Work& work) {
    switch (text.unit) {
        case TextView::Unit::latin1:
            return work(std::span(static_cast<const std::uint8_t*>(text.data), text.size));
        case TextView::Unit::ucs2:
            return work(std::span(static_cast<const char16_t*>(text.data), text.size));
        default:
            return work(std::span(static_cast<const char32_t*>(text.data), text.size));
    }
}

// U+FFFD stands for what is no UTF-8, as a damaged snapshot that nobody verified may hold.
inline py::str to_str(std::string_view utf8) {
    auto text = py::reinterpret_steal<py::str>(
        PyUnicode_DecodeUTF8(utf8.data(), static_cast<Py_ssize_t>(utf8.size()), "replace"));
    if (!text) throw py::error_already_set();
    return text;
}

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

// Longer text is no plate, however much of it is dropped, and not worth a copy.
inline constexpr std::size_t kMostCopied = std::size_t{1} << 20;

// A str as code points. Raises PlatewatchError over kMostCopied.
inline std::u32string to_u32(py::handle text) {
    const TextView view = text_view(text.ptr());
    if (view.size > kMostCopied) raise(make_error("PlatewatchError", "longer than 1,048,576 characters"));
    const auto copy = [&]<class Unit>(const Unit* units) { return std::u32string(units, units + view.size); };
    switch (view.unit) {
        case TextView::Unit::latin1:
            return copy(static_cast<const std::uint8_t*>(view.data));
        case TextView::Unit::ucs2:
            return copy(static_cast<const char16_t*>(view.data));
        case TextView::Unit::utf32:
            return copy(static_cast<const char32_t*>(view.data));
        default:
            throw py::type_error("text must be str");
    }
}

// Runs work(); false if it found Python objects of other types than it wants, or missed their attributes.
template <class Work>
bool finds_types(const Work& work) {
    try {
        work();
        return true;
    } catch (const py::error_already_set& error) {
        if (!error.matches(PyExc_Exception)) throw;  // Ctrl-C, say
    } catch (const py::builtin_exception&) {
    }
    return false;
}

}  // namespace platewatch
