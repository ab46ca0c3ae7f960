// Match, and the sequence of ids that the entry numbers of a batch stand for.
#include <pybind11/pybind11.h>
#include <pybind11/typing.h>

#include "match.hpp"
#include "register.hpp"

namespace platewatch {

void register_match(py::module_& m) {
    py::class_<PyMatch>(m, "Match", "A wanted entry that lies within the allowed edits of a read.")
        .def_readonly("entry_id", &PyMatch::entry_id, "The entry's id.")
        .def_readonly("plate", &PyMatch::plate, "The entry's canonical plate or pattern.")
        .def_readonly("edits", &PyMatch::edits, "Levenshtein distance between read and entry, 0 to 3.")
        .def_property_readonly(
            "log_likelihood", [](const PyMatch& a) { return a.score().log_likelihood; },
            "log P(read | the entry's plate), natural; NaN for what a search by pattern found.")
        .def_property_readonly(
            "probability", [](const PyMatch& a) { return a.score().probability; },
            "How probable it is that the vehicle has the entry's plate; of a pattern, that its plate is one "
            "that the pattern admits. NaN for what a search by pattern found.")
        .def_readonly("category", &PyMatch::category, "The entry's category; \"\" if it has none.")
        .def_property_readonly(
            "priority", [](const PyMatch& a) -> Optional<py::int_> { return a.priority; },
            "The entry's priority; None if it has none.")
        .def("__eq__",
             [](const PyMatch& a, const py::object& other) {
                 return py::isinstance<PyMatch>(other) &&
                        a.fields().equal(other.cast<const PyMatch&>().fields());
             })
        .def("__hash__", [](const PyMatch& a) { return py::hash(a.fields()); })
        .def("__repr__", [](const PyMatch& a) {
            return py::str("Match(entry_id={!r}, plate={!r}, edits={}, probability={:.4f})")
                .format(a.entry_id, a.plate, a.edits, a.score().probability);
        });

    py::class_<EntryIds>(
        m, "EntryIds",
        "The entries' ids by number. The numbers follow the order of the ids, but for entries that "
        "were added to a matcher later; entries taken out may still have one.")
        .def("__len__", [](const EntryIds& ids) { return ids.state->numbers(); })
        .def("__getitem__", &EntryIds::at, py::arg("entry"))
        .def("__iter__", [](const py::object& ids) -> py::typing::Iterator<py::str> {
            return py::reinterpret_steal<py::iterator>(PySeqIter_New(ids.ptr()));
        });
}

}  // namespace platewatch
