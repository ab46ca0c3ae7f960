// Columns of reads that are matched where they lie: Python sequences, numpy `U` arrays, Arrow string arrays.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <vector>

#include "platewatch/hotlist/batch.hpp"

namespace platewatch {

namespace py = pybind11;

// Keeps the memory of the texts alive. Its source needs no GIL, and has the texts of rows once they are
// taken.
class ReadColumn {
  public:
    ReadColumn() = default;
    virtual ~ReadColumn() = default;
    ReadColumn(const ReadColumn&) = delete;
    ReadColumn& operator=(const ReadColumn&) = delete;

    [[nodiscard]] virtual TextSource source() const noexcept = 0;
    // Takes the next rows, up to `end`. Needs the GIL, from when the column was made until all rows are
    // taken.
    virtual void take_rows(std::size_t end) { static_cast<void>(end); }
    // The object of a row that has no text of its own: a Read, or something else; null where there is
    // nothing.
    [[nodiscard]] virtual PyObject* object(std::size_t row) const noexcept = 0;
};

// Takes a numpy `U` array, an object with __arrow_c_stream__ or __arrow_c_array__ that yields strings, or any
// iterable. Raises TypeError where that is not what it is.
[[nodiscard]] std::unique_ptr<ReadColumn> make_read_column(const py::object& reads);

}  // namespace platewatch
