// The extension module platewatch._core: one register_* function a concept, and nothing else.
#include <pybind11/pybind11.h>

#include "register.hpp"

PYBIND11_MODULE(_core, m, py::mod_gil_not_used()) {
    m.doc() = "The compiled core of platewatch.";
    m.attr("__version__") = PLATEWATCH_VERSION;
    m.def("compiler", [] { return PLATEWATCH_COMPILER; }, "The compiler that built this, and its version.");
    platewatch::register_alike(m);
    platewatch::register_bundle(m);
    platewatch::register_pattern(m);
    platewatch::register_plate(m);
    platewatch::register_channel(m);
    platewatch::register_match(m);
    platewatch::register_matcher(m);
    platewatch::quieten(m);
}
