// Entries of a hotlist, from Python.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/typing.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platewatch/base/interrupt.hpp"
#include "platewatch/hotlist/index.hpp"
#include "text.hpp"

namespace platewatch {

using Entries = py::typing::Iterable<py::object>;

// Index entries from objects with the fields of platewatch.Entry.
class EntryReader {
  public:
    // `microseconds` turns a datetime into microseconds since 1970 UTC.
    explicit EntryReader(py::object microseconds) : microseconds_(std::move(microseconds)) {}

    std::vector<IndexEntry> read(const Entries& objects) {
        std::vector<IndexEntry> entries;
        entries.reserve(py::len_hint(objects));
        Poller pass_by;
        for (const py::handle object : objects) {
            pass_by();
            IndexEntry& entry = entries.emplace_back();
            const std::size_t row = entries.size() - 1;
            append_utf8(object.attr(id_), entry.id);
            read_plate(object.attr(plate_), row, entry);
            if (const py::object from = object.attr(valid_from_); !from.is_none()) {
                entry.validity.from = microseconds_(from).cast<Time>();
            }
            if (const py::object until = object.attr(valid_until_); !until.is_none()) {
                entry.validity.until = microseconds_(until).cast<Time>();
            }
            append_utf8(object.attr(category_), entry.category);
            entry.weight = object.attr(weight_).cast<float>();
            entry.exact = py::object(object.attr(match_)).equal(exact_);
            if (const py::object priority = object.attr(priority_); !priority.is_none()) {
                // The smallest number stands for no priority.
                constexpr py::ssize_t kMost = std::numeric_limits<std::int32_t>::max();
                const auto value = py::cast<py::ssize_t>(priority);
                entry.priority = static_cast<std::int32_t>(std::clamp(value, -kMost, kMost));
            }
        }
        return entries;
    }

  private:
    // By hand, as Python would keep a copy in each str.
    static void append_utf8(const py::object& text, std::string& out) {
        const TextView view = text_view(text.ptr());
        if (!PyUnicode_Check(text.ptr())) throw py::type_error("ids and categories must be str");
        with_code_points(view, [&](auto units) {
            for (const char32_t c : units) {
                if (c >= 0xD800 && c < 0xE000) throw py::value_error("not valid UTF-8");
                platewatch::append_utf8(c, out);
            }
        });
    }

    static void read_plate(const py::object& plate, std::size_t row, IndexEntry& entry) {
        const auto refuse = [&](std::string_view why) {
            raise(make_error("EntryError", why, py::arg("row") = row, py::arg("field") = "plate",
                             py::arg("value") = plate));
        };
        const std::optional<TextError> error = normalize_object(plate, TextKind::plate, entry.plate);
        if (!error || !PyUnicode_Check(plate.ptr())) throw py::type_error("a plate must be str");
        const TextView text = text_view(plate.ptr());
        if (with_code_points(text, [](auto units) { return is_pattern(units); })) {
            entry.plate.clear();
            Pattern& pattern = entry.pattern.emplace();
            const PatternError why =
                with_code_points(text, [&](auto units) { return parse_pattern(units, pattern); });
            if (why != PatternError::none) refuse(reason(why));
        } else if (*error != TextError::none) {
            refuse(reason(*error));
        }
    }

    py::object microseconds_;
    py::str id_ = intern("id"), plate_ = intern("plate"), category_ = intern("category"),
            priority_ = intern("priority"), weight_ = intern("weight"), match_ = intern("match"),
            exact_ = intern("exact"), valid_from_ = intern("valid_from"),
            valid_until_ = intern("valid_until");

    static py::str intern(const char* name) {
        return py::reinterpret_steal<py::str>(PyUnicode_InternFromString(name));
    }
};

}  // namespace platewatch
