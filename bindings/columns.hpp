// Columns of reads that are matched where they lie: Python sequences, numpy `U` arrays, Arrow string arrays.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <vector>

#include "platewatch/hotlist/batch.hpp"

namespace platewatch {

namespace py = pybind11;

// Keeps the memory of the texts alive.
class ReadColumn {
  public:
    ReadColumn() = default;
    virtual ~ReadColumn() = default;
    ReadColumn(const ReadColumn&) = delete;
    ReadColumn& operator=(const ReadColumn&) = delete;

    // It has the texts of the rows that were taken, and needs no GIL. Call it once; until all rows are taken
    // nothing may give the GIL away, or call Python, which might change what they are taken from.
    [[nodiscard]] virtual TextSource source() = 0;
    // Takes the next rows, up to `end`.
    virtual void take_rows(std::size_t end) { static_cast<void>(end); }
    // The object of a row that has no text of its own: a Read, or something else; null where there is
    // nothing.
    [[nodiscard]] virtual PyObject* object(std::size_t row) const noexcept = 0;
};

// Takes a numpy `U` array, an object with __arrow_c_stream__ or __arrow_c_array__ that yields strings, or any
// iterable. Raises TypeError where that is not what it is.
[[nodiscard]] std::unique_ptr<ReadColumn> make_read_column(const py::object& reads);

}  // namespace platewatch
