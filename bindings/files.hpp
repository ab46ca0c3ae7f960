#pragma once

#include <pybind11/pybind11.h>

#include <system_error>

#include "platewatch/store/snapshot.hpp"
#include "text.hpp"

namespace platewatch {

// Errors of files, as Python expects them.
template <class Work>
auto translated(const Work& work) {
    try {
        return work();
    } catch (const SnapshotError& error) {
        const py::gil_scoped_acquire gil;
        raise(make_error("SnapshotError", error.what()));
    } catch (const std::system_error& error) {
        const py::gil_scoped_acquire gil;
        raise(py::module_::import("builtins").attr("OSError")(error.code().value(), error.what()));
    }
}

}  // namespace platewatch
