// pybind11 quotes all arguments of a call that it refuses, and with them the reads: here it names their
// types.
#include <pybind11/pybind11.h>

#include <string>

#include "register.hpp"

namespace platewatch {
namespace {

using Call = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);

Call pybind11_call = nullptr;  // the one that all functions of pybind11 have

// The same TypeError with the types of the arguments instead of their values.
void forget_arguments(PyObject* const* arguments, Py_ssize_t count, PyObject* keywords) {
    py::error_already_set error;
    std::string message = py::str(error.value());
    constexpr std::string_view kQuoted = "\nInvoked with: ";
    const std::size_t quoted = message.find(kQuoted);
    if (quoted == std::string::npos) return error.restore();
    message.resize(quoted + kQuoted.size());
    const Py_ssize_t named = keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords);
    for (Py_ssize_t i = 0; i < count + named; ++i) {
        if (i > 0) message += ", ";
        if (i >= count) message += std::string(py::str(PyTuple_GET_ITEM(keywords, i - count))) + ": ";
        message += Py_TYPE(arguments[i])->tp_name;
    }
    PyErr_SetString(PyExc_TypeError, message.c_str());
}

PyObject* quiet_call(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords) {
    PyObject* const result = pybind11_call(self, arguments, count, keywords);
    if (result == nullptr && PyErr_ExceptionMatches(PyExc_TypeError) != 0) {
        try {
            forget_arguments(arguments, PyVectorcall_NARGS(static_cast<std::size_t>(count)), keywords);
        } catch (py::error_already_set& error) {
            error.restore();
        }
    }
    return result;
}

PyMethodDef* definition(PyObject* function) { return reinterpret_cast<PyCFunctionObject*>(function)->m_ml; }

// `item`: what the dictionary of a module or class has.
void make_quiet(py::handle item) {
    if (PyCFunction_Check(item.ptr())) {
        PyMethodDef* const method = definition(item.ptr());
        if (method->ml_meth == reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(pybind11_call)))
            method->ml_meth = reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(quiet_call));
    } else if (PyInstanceMethod_Check(item.ptr())) {
        make_quiet(PyInstanceMethod_GET_FUNCTION(item.ptr()));
    } else if (Py_TYPE(item.ptr()) == &PyStaticMethod_Type) {
        make_quiet(item.attr("__func__"));
    } else if (Py_TYPE(item.ptr()) == &PyProperty_Type) {
        make_quiet(item.attr("fget"));
    } else if (PyType_Check(item.ptr())) {
        for (const py::handle member : py::dict(item.attr("__dict__")).attr("values")()) make_quiet(member);
    }
}

}  // namespace

void quieten(py::module_& m) {
    const py::object any = m.attr("compiler");
    pybind11_call = reinterpret_cast<Call>(reinterpret_cast<void (*)()>(definition(any.ptr())->ml_meth));
    for (const py::handle item : m.attr("__dict__").attr("values")()) make_quiet(item);
}

}  // namespace platewatch
