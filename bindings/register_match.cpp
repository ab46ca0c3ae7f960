// Match, what a search finds, and the sequence of ids that the entry numbers of a batch stand for.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "match.hpp"
#include "register.hpp"
#include "signals.hpp"

namespace platewatch {
namespace {

// What entry ids can be asked with, as types of their own for the sake of the signatures.
class Number : public py::object {
  public:
    PYBIND11_OBJECT(Number, py::object, PyIndex_Check)
};
inline bool is_sequence(PyObject* object) { return PySequence_Check(object) && !PyUnicode_Check(object); }
class Numbers : public py::object {
  public:
    PYBIND11_OBJECT(Numbers, py::object, is_sequence)
};
class Objects : public py::array {
  public:
    using py::array::array;
};

}  // namespace
}  // namespace platewatch

namespace pybind11::detail {
template <>
struct handle_type_name<platewatch::Number> {
    static constexpr auto name = const_name("int | numpy.integer");
};
template <>
struct handle_type_name<platewatch::Numbers> {
    static constexpr auto name = const_name("collections.abc.Sequence[int | numpy.integer]");
};
template <>
struct handle_type_name<platewatch::Objects> {
    static constexpr auto name = const_name("numpy.typing.NDArray[numpy.object_]");
};
}  // namespace pybind11::detail

namespace platewatch {
namespace {

std::uint32_t number_of(const EntryIds& ids, py::handle index) {
    const py::ssize_t i = PyNumber_AsSsize_t(index.ptr(), PyExc_IndexError);
    if (i == -1 && PyErr_Occurred() != nullptr) throw py::error_already_set();
    return ids.number(i);
}

// What `text` says of each entry of an array, in an array of its shape.
template <class Text>
Objects texts_of(const EntryIds& ids, const py::array& entries, const Text& text) {
    if (const char kind = entries.dtype().kind(); kind != 'i' && kind != 'u' && entries.size() > 0)
        throw py::type_error("an array of entries must be of integers");
    if (py::hasattr(entries, "mask") &&
        py::module_::import("numpy").attr("ma").attr("is_masked")(entries).cast<bool>())
        throw py::index_error("no such entry: it is masked");
    using Integers = py::array_t<std::int64_t, py::array::c_style | py::array::forcecast>;
    if (entries.dtype().kind() == 'u' && entries.itemsize() == sizeof(std::uint64_t) && entries.size() > 0 &&
        entries.attr("max")().cast<std::uint64_t>() > std::numeric_limits<std::int64_t>::max())
        throw py::index_error("no such entry");
    const auto numbers = Integers(entries);
    const AnswersSignals interruptible;
    Poller pass_by;
    Objects texts(py::dtype("O"),
                  std::vector<py::ssize_t>(entries.shape(), entries.shape() + entries.ndim()));
    auto** const out = static_cast<PyObject**>(texts.mutable_data());
    for (py::ssize_t i = 0; i < numbers.size(); ++i) {
        pass_by();
        py::str one = text(ids.number(numbers.data()[i]));
        Py_XDECREF(std::exchange(out[i], one.release().ptr()));
    }
    return texts;
}

// The names of what a match tells, in order.
py::typing::Tuple<py::str, py::ellipsis> field_names() {
    return py::make_tuple("entry_id", "plate", "edits", "log_likelihood", "probability", "category",
                          "priority");
}

// Those that it unpacks to.
constexpr const char* kUnpacked[] = {"entry_id", "plate", "edits", "log_likelihood", "probability"};

// What a value that does not change has, and dict() of it.
template <class T>
void define_value(py::class_<T>& type) {
    type.def_readonly("entry_id", &T::entry_id, "The entry's id.")
        .def_readonly("plate", &T::plate, "The entry's canonical plate or pattern.")
        .def_readonly("category", &T::category, "The entry's category; \"\" if it has none.")
        .def_property_readonly(
            "priority", [](const T& a) -> Optional<py::int_> { return a.priority; },
            "The entry's priority; None if it has none.")
        .def(
            "keys", [](const T&) { return field_names(); }, "The names of the fields: dict() goes by them.")
        .def("__getitem__",
             [](const py::object& self, const py::object& name) -> py::object {
                 if (field_names().contains(name)) return self.attr(name);
                 PyErr_SetObject(PyExc_KeyError, name.ptr());
                 throw py::error_already_set();
             })
        .def(
            "to_dict",
            [](const py::object& self) {
                py::typing::Dict<py::str, py::object> values;
                for (const py::handle name : field_names()) values[name] = self.attr(name);
                return values;
            },
            "The fields by name, plain values that JSON has.")
        .def("__eq__",
             [](const py::object& self, const py::object& other) {
                 return py::isinstance<T>(other) && T::arguments(self).equal(T::arguments(other));
             })
        .def("__hash__", [](const py::object& self) { return py::hash(T::arguments(self)); })
        .def(
            "__iter__",
            [](const py::object& self) {
                py::list values;
                for (const char* name : kUnpacked) values.append(self.attr(name));
                return py::iter(values);
            },
            "It unpacks: entry_id, plate, edits, log_likelihood, probability.")
        .def("__copy__", [](const py::object& self) { return self; })
        .def(
            "__deepcopy__", [](const py::object& self, const py::object&) { return self; }, py::arg("memo"))
        .def("__reduce__", [](const py::object& self) -> py::tuple {
            return py::make_tuple(py::type::of(self), T::arguments(self));
        });
}

}  // namespace

void register_match(py::module_& m) {
    py::class_<PyMatch> match(m, "Match", "A wanted entry that lies within the allowed edits of a read.");
    match
        .def(py::init([](const py::str& entry_id, const py::str& plate, std::uint8_t edits,
                         std::optional<double> log_likelihood, double probability, const py::str& category,
                         const Optional<py::int_>& priority) {
                 constexpr double kNever = -std::numeric_limits<double>::infinity();
                 return PyMatch({entry_id, plate, edits, category, priority},
                                {log_likelihood.value_or(kNever), probability});
             }),
             py::arg("entry_id"), py::arg("plate"), py::arg("edits"), py::arg("log_likelihood"),
             py::arg("probability"), py::arg("category") = "", py::arg("priority") = py::none())
        .def_readonly("edits", &PyMatch::edits, "Levenshtein distance between read and entry, 0 to 3.")
        .def_property_readonly(
            "log_likelihood",
            [](py::handle self) -> Optional<py::float_> { return PyMatch::scored(self).log_likelihood(); },
            "log P(read | the entry's plate), natural; None for a pattern that no vehicle of the population "
            "has.")
        .def_property_readonly(
            "probability", [](py::handle self) -> py::float_ { return PyMatch::scored(self).probability(); },
            "How probable it is that the vehicle has the entry's plate; of a pattern, that its plate is one "
            "that the pattern admits.");
    define_value(match);

    py::class_<PySearchResult> result(m, "SearchResult",
                                      "A wanted entry that fits what was searched for. There is no read that "
                                      "it could be the match of, and so there are no scores.");
    result
        .def(py::init<py::str, py::str, py::str, Optional<py::int_>>(), py::arg("entry_id"), py::arg("plate"),
             py::arg("category") = "", py::arg("priority") = py::none())
        .def_readonly("edits", &PySearchResult::edits, "0: it fits.")
        .def_property_readonly("log_likelihood", [](const PySearchResult&) { return py::none(); })
        .def_property_readonly("probability", [](const PySearchResult&) { return py::none(); });
    define_value(result);

    py::class_<EntryIds>(
        m, "EntryIds",
        "The entries' ids by number. The numbers follow the order of the ids, but for entries that "
        "were added to a matcher later; entries taken out may still have one.")
        .def(py::init<std::vector<std::string>, std::vector<std::string>>(), py::arg("ids"),
             py::arg("plates"))
        .def("__len__", &EntryIds::size)
        .def("__getitem__",
             [](const EntryIds& ids, const py::array& entries) -> Objects {
                 return texts_of(ids, entries, [&](std::uint32_t entry) { return ids.id(entry); });
             })
        .def("__getitem__",
             [](const EntryIds& ids, const Number& entry) { return ids.id(number_of(ids, entry)); })
        .def("__getitem__",
             [](const EntryIds& ids, const py::slice& entries) {
                 py::ssize_t start = 0, stop = 0, step = 0, count = 0;
                 if (!entries.compute(static_cast<py::ssize_t>(ids.size()), &start, &stop, &step, &count))
                     throw py::error_already_set();
                 py::typing::List<py::str> texts;
                 for (py::ssize_t i = 0; i < count; ++i)
                     texts.append(ids.id(static_cast<std::uint32_t>(start + i * step)));
                 return texts;
             })
        .def(
            "__getitem__",
            [](const EntryIds& ids, const Numbers& entries) {
                py::typing::List<py::str> texts;
                for (const py::handle entry : entries) texts.append(ids.id(number_of(ids, entry)));
                return texts;
            },
            "An entry's id. For an array of entries an array of its shape, of str; for a slice or sequence a "
            "list. IndexError where there is no such entry.")
        .def("__iter__",
             [](const py::object& ids) -> py::typing::Iterator<py::str> {
                 return py::reinterpret_steal<py::iterator>(PySeqIter_New(ids.ptr()));
             })
        .def("_plates",
             [](const EntryIds& ids, const py::array& entries) {
                 return texts_of(ids, entries, [&](std::uint32_t entry) { return ids.plate(entry); });
             })
        .def("__repr__",
             [](const EntryIds& ids) {
                 return py::str("EntryIds({:,} {})").format(ids.size(), ids.size() == 1 ? "id" : "ids");
             })
        .def("__copy__", [](const py::object& self) { return self; })
        .def(
            "__deepcopy__", [](const py::object& self, const py::object&) { return self; }, py::arg("memo"))
        .def("__reduce__", [](const py::object& self) -> py::tuple {
            const auto& ids = self.cast<const EntryIds&>();
            py::list texts, plates;
            const AnswersSignals interruptible;
            Poller pass_by;
            for (std::uint32_t entry = 0; entry < ids.size(); ++entry) {
                pass_by();
                py::str id = ids.id(entry), plate = ids.plate(entry);
                // Of a list of plates they are the same: as one object, they are pickled once.
                plates.append(plate.equal(id) ? id : plate);
                texts.append(std::move(id));
            }
            return py::make_tuple(py::type::of(self), py::make_tuple(texts, plates));
        });
}

}  // namespace platewatch
