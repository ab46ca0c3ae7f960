// Matching: Matcher over an immutable index, single calls and batches.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "platewatch/index.hpp"
#include "platewatch/kernel.hpp"
#include "register.hpp"
#include "text.hpp"

namespace platewatch {
namespace {

constexpr std::size_t kBatchChunk =
    4096;  // reads normalised under the GIL before it is released for their search

// A vector's memory as a numpy array, without a copy.
template <class T>
py::array_t<T> to_numpy(std::vector<T> values) {
    auto owner = std::make_unique<std::vector<T>>(std::move(values));
    const auto size = static_cast<py::ssize_t>(owner->size());
    const T* data = owner->data();
    const py::capsule release(owner.release(), [](void* p) { delete static_cast<std::vector<T>*>(p); });
    return py::array_t<T>(size, data, release);
}

Time now() {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(since).count();
}

Time to_time(py::handle datetime) {
    if (!py::hasattr(datetime, "timestamp")) throw py::type_error("a time must be a datetime");
    if (datetime.attr("tzinfo").is_none()) throw py::value_error("a time needs an offset from UTC");
    return std::llround(datetime.attr("timestamp")().cast<double>() * 1e6);
}

struct PyMatch {
    py::str entry_id, plate;
    unsigned edits;

    friend bool operator==(const PyMatch& a, const PyMatch& b) {
        return a.edits == b.edits && a.entry_id.equal(b.entry_id) && a.plate.equal(b.plate);
    }
};

// The ids of an index as a Python sequence that makes each string when it is asked for.
struct EntryIds {
    std::shared_ptr<const Index> index;

    [[nodiscard]] py::str at(py::ssize_t i) const {
        const auto size = static_cast<py::ssize_t>(index->size());
        if (i < 0) i += size;
        if (i < 0 || i >= size) throw py::index_error("no such entry");
        return to_str(index->id(static_cast<std::uint32_t>(i)));
    }
};

struct PyRead {
    Symbols text;
    Time time;
};

template <class T>
using Optional = py::typing::Optional<T>;
using Rows = py::typing::List<py::typing::Tuple<py::str, py::str, Optional<py::int_>, Optional<py::int_>>>;
using MaxEdits = Optional<py::int_>;
using Reads = py::typing::Tuple<py::object, py::ellipsis>;
using Columns = std::tuple<py::array_t<std::uint32_t>, py::array_t<std::uint32_t>, py::array_t<std::uint8_t>,
                           py::typing::List<py::object>>;

class Matcher {
  public:
    Matcher(const Rows& entries, const MaxEdits& max_edits) : max_edits_(checked(max_edits)) {
        std::vector<IndexEntry> rows;
        rows.reserve(entries.size());
        for (const py::handle row : entries) {
            const auto [id, plate, from, until] =
                row.cast<std::tuple<std::string, py::object, std::optional<Time>, std::optional<Time>>>();
            IndexEntry& entry = rows.emplace_back();
            entry.id = id;
            const std::optional<TextError> error = normalize_object(plate, TextKind::plate, entry.plate);
            if (!error) throw py::type_error("a plate must be str");
            if (*error != TextError::none) {
                raise(make_error("EntryError", reason(*error), py::arg("row") = rows.size() - 1,
                                 py::arg("field") = "plate", py::arg("value") = plate));
            }
            if (from) entry.validity.from = *from;
            if (until) entry.validity.until = *until;
        }
        const py::gil_scoped_release nogil;
        index_ = std::make_shared<const Index>(std::move(rows));
    }

    [[nodiscard]] std::size_t size() const noexcept { return index_->size(); }
    [[nodiscard]] std::size_t nbytes() const noexcept { return index_->nbytes(); }
    [[nodiscard]] unsigned max_edits() const noexcept { return max_edits_; }
    [[nodiscard]] EntryIds entry_ids() const { return {index_}; }

    [[nodiscard]] py::typing::List<PyMatch> match(const py::object& read, const MaxEdits& max_edits,
                                                  const py::object& at) const {
        const unsigned k = max_edits.is_none() ? max_edits_ : checked(max_edits);
        PyRead parsed{{}, at.is_none() ? now() : to_time(at)};
        if (const Refusal refusal = parse_read(read, parsed)) {
            raise(make_error("ReadError", refusal.why, py::arg("field") = refusal.field));
        }
        thread_local Index::Workspace workspace;
        std::vector<Match> found;
        index_->search(parsed.text, k, parsed.time, workspace, found);
        py::list matches(found.size());
        for (std::size_t i = 0; i < found.size(); ++i) {
            const auto [entry, edits] = found[i];
            matches[i] = PyMatch{to_str(index_->id(entry)), to_str(index_->plate(entry)), edits};
        }
        return matches;
    }

    // Columns read, entry, edits, and the errors of bad reads.
    [[nodiscard]] Columns match_batch(const Reads& reads, const MaxEdits& max_edits, const py::object& at,
                                      const std::optional<py::array_t<Time, py::array::c_style>>& times,
                                      bool report) const {
        const unsigned k = max_edits.is_none() ? max_edits_ : checked(max_edits);
        if (times && (times->ndim() != 1 || static_cast<std::size_t>(times->size()) != reads.size())) {
            throw py::value_error("times must have one item a read");
        }
        const Time call_time = at.is_none() ? now() : to_time(at);
        std::vector<std::uint32_t> read_column, entry_column;
        std::vector<std::uint8_t> edits_column;
        py::typing::List<py::object> errors;

        Index::Workspace workspace;
        std::vector<Match> found;
        std::vector<std::pair<std::uint32_t, PyRead>> chunk;
        for (std::size_t next = 0; next < reads.size();) {
            chunk.clear();
            for (; next < reads.size() && chunk.size() < kBatchChunk; ++next) {
                const auto row = static_cast<std::uint32_t>(next);
                PyRead parsed{{}, times ? times->data()[next] : call_time};
                if (const Refusal refusal = parse_read(reads[next], parsed)) {
                    py::object error = make_error("ReadError", refusal.why, py::arg("row") = row,
                                                  py::arg("field") = refusal.field);
                    if (!report) raise(error);
                    errors.append(std::move(error));
                } else {
                    chunk.emplace_back(row, parsed);
                }
            }
            const py::gil_scoped_release nogil;
            for (const auto& [row, read] : chunk) {
                index_->search(read.text, k, read.time, workspace, found);
                for (const Match& match : found) {
                    read_column.push_back(row);
                    entry_column.push_back(match.entry);
                    edits_column.push_back(static_cast<std::uint8_t>(match.edits));
                }
            }
        }
        return Columns(to_numpy(std::move(read_column)), to_numpy(std::move(entry_column)),
                       to_numpy(std::move(edits_column)), errors);
    }

  private:
    // By hand, as pybind11 quotes all arguments of a call that it refuses, and with them the read.
    static unsigned checked(const MaxEdits& max_edits) {
        const auto number = py::reinterpret_steal<py::object>(PyNumber_Index(max_edits.ptr()));
        if (!number) throw py::error_already_set();
        const long value = PyLong_AsLong(number.ptr());
        if (value == -1 && PyErr_Occurred() != nullptr) PyErr_Clear();
        if (value < 0 || value > static_cast<long>(kMaxEdits)) {
            throw py::value_error("max_edits must be 0, 1, 2 or 3");
        }
        return static_cast<unsigned>(value);
    }

    // Why a read cannot be used; false if it can.
    struct Refusal {
        const char* field = nullptr;
        std::string_view why;

        explicit operator bool() const noexcept { return field != nullptr; }
    };

    // Fills `out` from a str or a Read; its time stays where the read has none.
    static Refusal parse_read(py::handle read, PyRead& out) {
        std::optional<TextError> error = normalize_object(read, TextKind::read, out.text);
        if (!error && py::hasattr(read, "text") && py::hasattr(read, "time")) {
            error = normalize_object(read.attr("text"), TextKind::read, out.text);
            if (const py::object time = read.attr("time"); !time.is_none()) {
                if (!py::hasattr(time, "timestamp")) return {"time", "not a datetime"};
                if (time.attr("tzinfo").is_none()) return {"time", "has no offset from UTC"};
                out.time = to_time(time);
            }
        }
        if (!error) return {"text", "neither text nor a Read"};
        return *error == TextError::none ? Refusal{} : Refusal{"text", reason(*error)};
    }

    std::shared_ptr<const Index> index_;
    unsigned max_edits_;
};

}  // namespace

void register_matcher(py::module_& m) {
    m.def(
        "cpu_features",
        [] {
            std::vector<std::string> usable;
            for (const Kernel& kernel : kernels()) {
                if (kernel.supported()) usable.emplace_back(kernel.name);
            }
            return py::typing::Dict<py::str, py::object>(
                py::dict(py::arg("kernel") = active_kernel().name, py::arg("usable") = usable));
        },
        R"(The kernel in use, and those that this machine can run, slowest first.

PLATEWATCH_KERNEL forces one; ValueError if this machine cannot run it.)");

    py::class_<PyMatch>(m, "Match", "A wanted entry that lies within the allowed edits of a read.")
        .def_readonly("entry_id", &PyMatch::entry_id, "The entry's id.")
        .def_readonly("plate", &PyMatch::plate, "The entry's canonical plate.")
        .def_readonly("edits", &PyMatch::edits, "Levenshtein distance between read and entry, 0 to 3.")
        .def("__eq__",
             [](const PyMatch& a, const py::object& other) {
                 return py::isinstance<PyMatch>(other) && a == other.cast<const PyMatch&>();
             })
        .def("__hash__",
             [](const PyMatch& a) { return py::hash(py::make_tuple(a.entry_id, a.plate, a.edits)); })
        .def("__repr__", [](const PyMatch& a) {
            return py::str("Match(entry_id={!r}, plate={!r}, edits={})").format(a.entry_id, a.plate, a.edits);
        });

    py::class_<EntryIds>(m, "EntryIds", "The entries' ids by number, in the order of their code points.")
        .def("__len__", [](const EntryIds& ids) { return ids.index->size(); })
        .def("__getitem__", &EntryIds::at, py::arg("entry"))
        .def("__iter__", [](const py::object& ids) -> py::typing::Iterator<py::str> {
            return py::reinterpret_steal<py::iterator>(PySeqIter_New(ids.ptr()));
        });

    py::class_<Matcher>(m, "Matcher", "The index of platewatch.Matcher.")
        .def(py::init<const Rows&, const MaxEdits&>(), py::arg("entries"), py::arg("max_edits"),
             "entries: (id, plate, valid_from, valid_until) with times in microseconds since 1970 UTC, or "
             "None.")
        .def("__len__", &Matcher::size)
        .def_property_readonly("nbytes", &Matcher::nbytes,
                               "Bytes of the index: keys and tries; ids, plates and validity apart.")
        .def_property_readonly("max_edits", &Matcher::max_edits, "The default of the calls' max_edits.")
        .def_property_readonly("entry_ids", &Matcher::entry_ids,
                               "The ids by the number that a batch's `entry` column gives.")
        .def("match", &Matcher::match, py::arg("read"), py::kw_only(), py::arg("max_edits") = py::none(),
             py::arg("at") = py::none(),
             R"(Every valid entry within max_edits of the read, in the order edits, id.

`read` is text or a platewatch.Read. `at` is the time for a read that has none; now, if left out.
Raises ReadError if the text is empty, over 16 symbols or not valid Unicode.)")
        .def("_match_batch", &Matcher::match_batch, py::arg("reads"), py::arg("max_edits"), py::arg("at"),
             py::arg("times"), py::arg("report"), "The columns of platewatch.Matcher.match_batch.");
}

}  // namespace platewatch
