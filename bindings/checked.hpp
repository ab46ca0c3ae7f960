// Objects of the bindings whose __init__ has failed or never run.
#pragma once

#include <pybind11/pybind11.h>

#include <string>

#include "text.hpp"

namespace platewatch {

// As pybind11's caster, but for such an object it raises StateError: pybind11 itself goes on with memory that
// holds nothing.
template <class T>
class CheckedCaster : public py::detail::type_caster_base<T> {
  public:
    bool load(py::handle source, bool convert) {
        if (!py::detail::type_caster_base<T>::load(source, convert)) return false;
        if (source.is_none()) return true;
        auto* instance = reinterpret_cast<py::detail::instance*>(source.ptr());
        if (!instance->get_value_and_holder(this->typeinfo).holder_constructed()) {
            raise(make_error("StateError", std::string("the ") + Py_TYPE(source.ptr())->tp_name +
                                               " is not usable: its __init__ has failed or not run"));
        }
        return true;
    }
};

}  // namespace platewatch

// In front of the first use of T as a type of pybind11.
#define PLATEWATCH_CHECKED(T)                                      \
    namespace pybind11::detail {                                   \
    template <>                                                    \
    class type_caster<T> : public platewatch::CheckedCaster<T> {}; \
    }
