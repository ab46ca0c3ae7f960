// Ctrl-C during long calls.
#pragma once

#include <pybind11/pybind11.h>

#include "platewatch/base/interrupt.hpp"

namespace platewatch {

namespace py = pybind11;

// While one lives, long work of the core lets Python answer signals, and is broken off by what its handlers
// raise, such as KeyboardInterrupt. With the GIL or without.
class AnswersSignals : Interruptible {
  public:
    AnswersSignals() : Interruptible(Check{}) {}

  private:
    // Python runs handlers in its main thread only: others need not wait for the GIL again.
    struct Check {
        bool is_known = false, is_main = false;

        void operator()() {
            if (is_known && !is_main) return;
            const py::gil_scoped_acquire gil;
            if (!is_known) {
                const py::object threading = py::module_::import("threading");
                const py::object main = threading.attr("main_thread")().attr("ident");
                is_main = main.equal(threading.attr("get_ident")());
                is_known = true;
            }
            if (PyErr_CheckSignals() != 0) throw py::error_already_set();
        }
    };
};

}  // namespace platewatch
