#pragma once

#include <pybind11/pybind11.h>

namespace py = pybind11;

namespace platewatch {

void register_alike(py::module_& m);
void register_bundle(py::module_& m);
void register_pattern(py::module_& m);
void register_plate(py::module_& m);
void register_channel(py::module_& m);
void register_match(py::module_& m);
void register_matcher(py::module_& m);

// Once all is registered.
void quieten(py::module_& m);

}  // namespace platewatch
