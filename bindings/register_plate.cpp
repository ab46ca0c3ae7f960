// Canonical plates and the grammar: normalize(), parse(), Plate.
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "checked.hpp"
#include "platewatch/base/prefetch.hpp"
#include "platewatch/hotlist/plate_list.hpp"
#include "platewatch/text/grammar.hpp"
#include "platewatch/text/pattern.hpp"
#include "platewatch/text/region.hpp"
#include "register.hpp"
#include "signals.hpp"
#include "text.hpp"

namespace platewatch {
namespace {

// A plate taken apart, as Python sees it.
struct Plate {
    std::string text;
    std::vector<std::string> kinds;
    std::optional<std::string> vehicle, region, city, code, syllable, serial;

    [[nodiscard]] const std::string& kind() const noexcept { return kinds.front(); }
    friend bool operator==(const Plate&, const Plate&) = default;
};

}  // namespace
}  // namespace platewatch

PLATEWATCH_CHECKED(platewatch::Plate)
PLATEWATCH_CHECKED(platewatch::PlateList)

namespace platewatch {
namespace {

using Text = py::typing::Union<py::str, py::bytes>;

Symbols normalize_or_raise(const Text& text, TextKind kind) {
    Symbols symbols;
    const std::optional<TextError> error = normalize_object(text, kind, symbols);
    if (!error) throw py::type_error("text must be str or bytes");
    if (*error != TextError::none)
        raise(make_error("PlatewatchError", reason(*error), py::arg("field") = "text"));
    return symbols;
}

// Asks for the text of a later row, as they lie all over the memory.
void prefetch_text(PyObject* const* items, std::size_t row, std::size_t rows) {
    constexpr std::size_t kAhead = 16;
    if (row + kAhead >= rows) return;
    const auto* text = reinterpret_cast<const std::byte*>(items[row + kAhead]);
    prefetch(text), prefetch(text + 64);
}

[[nodiscard]] bool is_pattern_or_damaged(const TextView& view) {
    return with_code_points(view, [](auto units) {
        return is_pattern(units) || std::ranges::find(units, char32_t{0xFFFD}) != units.end();
    });
}

// Null if a row has to be looked at by itself, or there are too many symbols.
std::unique_ptr<PlateList> plate_list(const py::typing::List<py::object>& plates) {
    const auto rows = py::reinterpret_steal<py::tuple>(PyList_AsTuple(plates.ptr()));  // nobody changes it
    if (!rows) throw py::error_already_set();
    const AnswersSignals interruptible;
    const py::gil_scoped_release nogil;
    PyObject* const* items = reinterpret_cast<PyTupleObject*>(rows.ptr())->ob_item;
    const auto size = static_cast<std::size_t>(PyTuple_GET_SIZE(rows.ptr()));
    PlateList::Builder builder;
    builder.reserve(size);
    Poller pass_by;
    for (std::size_t i = 0; i < size; ++i) {
        pass_by();
        prefetch_text(items, i, size);
        if (!PyUnicode_CheckExact(items[i])) return nullptr;
        const TextView view = text_view(items[i]);
        Symbols plate;
        if (normalize(view, TextKind::plate, plate) != TextError::none) return nullptr;
        // What lost nothing is neither a pattern nor damaged.
        if (view.size != plate.size() && is_pattern_or_damaged(view)) return nullptr;
        if (!builder.push_back(plate)) return nullptr;
    }
    return std::make_unique<PlateList>(std::move(builder).build());
}

// What Hotlist.from_plates does for almost every plate; the row-by-row way is ten times slower.
std::tuple<py::typing::List<py::typing::Optional<py::str>>, std::size_t, py::typing::List<py::str>>
canonical_plates(const py::typing::List<py::object>& plates) {
    const auto rows = py::reinterpret_steal<py::tuple>(PyList_AsTuple(plates.ptr()));  // nobody changes it
    if (!rows) throw py::error_already_set();
    PyObject* const* items = reinterpret_cast<PyTupleObject*>(rows.ptr())->ob_item;
    py::list canonical(rows.size());
    std::size_t others = 0;
    std::vector<bool> used(0x110000);
    const AnswersSignals interruptible;
    Poller pass_by;
    for (std::size_t i = 0; i < canonical.size(); ++i) {
        pass_by();
        prefetch_text(items, i, rows.size());
        const auto plate = py::reinterpret_borrow<py::object>(items[i]);
        py::object result = py::none();
        Symbols symbols;
        const TextView view = text_view(plate.ptr());
        if (PyUnicode_CheckExact(plate.ptr()) &&
            normalize(view, TextKind::plate, symbols) == TextError::none) {
            const std::u32string_view text = symbols.view();
            const bool is_canonical =
                with_code_points(view, [&](auto units) { return std::ranges::equal(units, text); });
            if (is_canonical) {
                result = plate;
            } else if (!is_pattern_or_damaged(view)) {
                result = to_str(to_utf8(text));
            }
            if (!result.is_none()) {
                (void)PyObject_Hash(result.ptr());  // a str keeps it, and is at hand now; a dict will ask
                for (const char32_t symbol : text) used[symbol] = true;
            }
        }
        others += result.is_none() ? 1 : 0;
        PyList_SET_ITEM(canonical.ptr(), static_cast<py::ssize_t>(i), result.release().ptr());
    }
    py::list distinct;
    for (char32_t symbol = 0; symbol < used.size(); ++symbol) {
        if (used[symbol]) distinct.append(to_str(to_utf8(std::u32string_view(&symbol, 1))));
    }
    return {canonical, others, distinct};
}

Plate parse_text(const Text& text) {
    const Symbols symbols = normalize_or_raise(text, TextKind::plate);
    const ParsedPlate parsed = parse(symbols.view());
    const auto part = [](std::u32string_view piece) {
        return piece.empty() ? std::nullopt : std::optional(to_utf8(piece));
    };
    Plate plate{.text = to_utf8(symbols.view()),
                .kinds = {parsed.kinds.begin(), parsed.kinds.end()},
                .vehicle = parsed.vehicle.empty() ? std::nullopt : std::optional<std::string>(parsed.vehicle),
                .region = part(parsed.parts.region),
                .city = part(parsed.parts.city),
                .code = part(parsed.parts.code),
                .syllable = part(parsed.parts.syllable),
                .serial = part(parsed.parts.serial)};
    if (plate.kinds.empty()) plate.kinds.emplace_back("unknown");
    return plate;
}

}  // namespace

void register_plate(py::module_& m) {
    m.def(
        "normalize",
        [](const Text& text, bool read) {
            const Symbols symbols = normalize_or_raise(text, read ? TextKind::read : TextKind::plate);
            return to_str(to_utf8(symbols.view()));
        },
        py::arg("text"), py::kw_only(), py::arg("read") = false,
        R"(The canonical form of a plate: letters upper-cased, digits ASCII, nothing but letters and digits.

With read=True `?` and U+FFFD stay, as `?`: characters that the recogniser could not read.
`text` is str or UTF-8 bytes. Raises PlatewatchError if nothing is left, if more than 16 symbols are,
or if the text is not valid Unicode.)");

    m.def(
        "region_mark",
        [](const Text& plate) {
            const Symbols symbols = normalize_or_raise(plate, TextKind::read);
            return to_str(has_region_mark(symbols.view()) ? to_utf8(symbols.view().substr(0, kRegionMarkSize))
                                                          : "");
        },
        py::arg("plate"), "The region mark that matching may leave out of this plate; \"\" if it has none.");

    m.def("canonical_plates", &canonical_plates, py::arg("plates"),
          R"(The canonical form of each plate, how many have none, and the distinct symbols of these forms.

The form is None for what has to be looked at by itself: bad rows, patterns, what is not exactly a str. It is the
same object where the plate is canonical already.)");

    py::class_<PlateList>(m, "PlateList", "Distinct plates that are their own ids, ready to be indexed.")
        .def("__len__", &PlateList::size)
        .def(
            "holds",
            [](const PlateList& list, const Text& text) {
                return list.holds(normalize_or_raise(text, TextKind::plate));
            },
            py::arg("plate"), "Whether a plate is among them, by its canonical form.")
        .def_property_readonly(
            "symbols",
            [](const PlateList& list) {
                const std::vector<char32_t>& symbols = list.alphabet().symbols();
                return to_str(to_utf8({symbols.data(), symbols.size()}));
            },
            "The distinct symbols of all plates, ascending.");
    m.def("plate_list", &plate_list, py::arg("plates"),
          R"(The canonical forms of plates, each once.

None if there is anything that has to be looked at by itself, bad rows, patterns, what is not exactly a str; or
more than 254 distinct symbols.)");

    m.def(
        "region_marks",
        [] {
            std::vector<std::string> marks;
            for (const std::u32string_view mark : kRegionMarks) marks.push_back(to_utf8(mark));
            return marks;
        },
        "The 17 region marks.");

    m.def(
        "unicode_version", [] { return to_str(unicode_version()); },
        "The version of Unicode that normalisation follows.");

    m.def(
        "plate_kinds",
        [] {
            std::vector<std::string_view> kinds;
            for (const PlateClass& plate_class : plate_classes()) {
                if (std::ranges::find(kinds, plate_class.kind) == kinds.end())
                    kinds.push_back(plate_class.kind);
            }
            return kinds;
        },
        "Every kind that parse() knows, in the table's order.");

    m.def(
        "plate_symbols", [] { return to_str(to_utf8(plate_symbols())); },
        "Every symbol but digits that the classes of Korean plates name; a city's name may have others.");

    py::class_<Plate>(m, "Plate", "A canonical plate and, where it fits a class of Korean plates, its parts.")
        .def_readonly("text", &Plate::text, "The canonical plate.")
        .def_property_readonly("kind", &Plate::kind, "The first class that fits; \"unknown\" if none does.")
        .def_property_readonly(
            "kinds",
            [](const Plate& p) -> py::typing::Tuple<py::str, py::ellipsis> {
                return py::tuple(py::cast(p.kinds));
            },
            "Every class that fits, in the table's order.")
        .def_readonly("vehicle", &Plate::vehicle,
                      "\"car\", \"van\", \"truck\" or \"special\", where the code tells.")
        .def_readonly("region", &Plate::region, "The region mark, such as 서울.")
        .def_readonly("city", &Plate::city, "The city's name on an old motorcycle plate.")
        .def_readonly("code", &Plate::code, "The digits in front of the usage syllable.")
        .def_readonly("syllable", &Plate::syllable, "The usage syllable; a diplomatic plate's word.")
        .def_readonly("serial", &Plate::serial, "The last group of digits.")
        .def("__eq__",
             [](const Plate& p, const py::object& other) {
                 return py::isinstance<Plate>(other) && p == other.cast<const Plate&>();
             })
        .def("__hash__", [](const Plate& p) { return py::hash(to_str(p.text)); })
        .def("__reduce__",
             [](const py::object& self) -> py::tuple {
                 const py::object parse = py::module_::import("platewatch._core").attr("parse");
                 return py::make_tuple(parse, py::make_tuple(self.attr("text")));
             })
        .def("__repr__", [](const Plate& p) {
            const auto part = [](const std::optional<std::string>& s) {
                return s ? py::repr(to_str(*s)) : py::repr(py::none());
            };
            return py::str(
                       "Plate(text={!r}, kind={!r}, kinds={!r}, region={}, code={}, syllable={}, serial={})")
                .format(p.text, p.kind(), py::tuple(py::cast(p.kinds)), part(p.region), part(p.code),
                        part(p.syllable), part(p.serial));
        });

    m.def("parse", &parse_text, py::arg("text"),
          R"(Take a plate apart by the classes of Korean plates; normalises first.

A plate that fits no class has the kind "unknown" and no parts. Raises what normalize() raises.)");
}

}  // namespace platewatch
