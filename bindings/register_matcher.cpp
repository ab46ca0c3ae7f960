// Matching: Matcher over an index that can change, single calls and batches.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>
#include <pybind11/typing.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "checked.hpp"
#include "columns.hpp"
#include "entries.hpp"
#include "evidence.hpp"
#include "files.hpp"
#include "match.hpp"
#include "platewatch/bundle/payload.hpp"
#include "platewatch/hotlist/batch.hpp"
#include "platewatch/hotlist/live_index.hpp"
#include "platewatch/probability/pass.hpp"
#include "platewatch/search/kernel.hpp"
#include "reads.hpp"
#include "register.hpp"
#include "signals.hpp"
#include "text.hpp"

namespace platewatch {
namespace {

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

using Microseconds = py::typing::Callable<Optional<py::int_>(py::object)>;
using MaxEdits = Optional<py::int_>;
using Columns =
    std::tuple<py::array_t<std::uint32_t>, py::array_t<std::uint32_t>, py::array_t<std::uint8_t>,
               py::array_t<double>, py::array_t<double>, py::typing::List<py::object>, EntryIds, std::size_t>;

// By hand, as pybind11 quotes all arguments of a call that it refuses, and with them the read.
unsigned checked_edits(const MaxEdits& max_edits) {
    const auto number = py::reinterpret_steal<py::object>(PyNumber_Index(max_edits.ptr()));
    if (!number) throw py::error_already_set();
    const long value = PyLong_AsLong(number.ptr());
    if (value == -1 && PyErr_Occurred() != nullptr) PyErr_Clear();
    if (value < 0 || value > static_cast<long>(kMaxEdits))
        throw py::value_error("max_edits must be 0, 1, 2 or 3");
    return static_cast<unsigned>(value);
}

// What is no read at all is a TypeError as well, and said by its type.
[[noreturn]] void raise_refusal(const Refusal& refusal, py::handle read, const py::object& row = py::none()) {
    const bool is_read = refusal.why != kNoRead;
    std::string why(refusal.why);
    if (!is_read) {
        const py::object text = py::getattr(read, refusal.field, read);
        why += std::string(" but ") + Py_TYPE(text.ptr())->tp_name;
    }
    raise(make_error(is_read ? "ReadError" : "ReadTypeError", why, py::arg("row") = row,
                     py::arg("field") = refusal.field));
}

IndexKind kind_of(bool fast) noexcept { return fast ? IndexKind::fast : IndexKind::compact; }

Floor checked_floor(double min_probability, bool keep_exact) {
    if (!(min_probability >= 0 && min_probability <= 1))
        throw py::value_error("min_probability must be from 0 to 1");
    return {min_probability, keep_exact};
}

// Of a policy: (notify, check, quiet) by category, "" for all others.
using NamedThresholds = std::map<std::string, std::tuple<double, double, double>>;

class Matcher;

}  // namespace
}  // namespace platewatch

PLATEWATCH_CHECKED(platewatch::Matcher)

namespace platewatch {
namespace {

class Matcher {
  public:
    Matcher(const Entries& entries, const MaxEdits& max_edits, const Microseconds& microseconds,
            std::shared_ptr<ScoringModel> model, bool fast)
        : max_edits_(checked_edits(max_edits)), microseconds_(microseconds), model_(std::move(model)) {
        const AnswersSignals interruptible;
        index_ = std::make_unique<LiveIndex>(make_index(entries), kind_of(fast));
    }
    Matcher(const PlateList& plates, const MaxEdits& max_edits, const Microseconds& microseconds,
            std::shared_ptr<ScoringModel> model, bool fast)
        : max_edits_(checked_edits(max_edits)), microseconds_(microseconds), model_(std::move(model)) {
        const AnswersSignals interruptible;
        index_ = std::make_unique<LiveIndex>(make_index(plates), kind_of(fast));
    }
    Matcher(Index index, unsigned max_edits, const Microseconds& microseconds,
            std::shared_ptr<ScoringModel> model, bool fast)
        : index_(std::make_unique<LiveIndex>(std::move(index), kind_of(fast))),
          max_edits_(max_edits),
          microseconds_(microseconds),
          model_(std::move(model)) {}
    ~Matcher() {
        const py::gil_scoped_release nogil;  // the thread that folds segments may be at work
        index_.reset();
    }
    Matcher(const Matcher&) = delete;
    Matcher& operator=(const Matcher&) = delete;

    static std::unique_ptr<Matcher> open(const py::str& path, const Optional<py::int_>& max_edits,
                                         const Microseconds& microseconds,
                                         std::shared_ptr<ScoringModel> model, std::optional<bool> mapped,
                                         bool fast) {
        const AnswersSignals interruptible;
        const SnapshotAccess access = !mapped   ? SnapshotAccess::read_if_small
                                      : *mapped ? SnapshotAccess::mapped
                                                : SnapshotAccess::read;
        unsigned saved = 0;
        const auto file = path.cast<std::string>();
        Index index = [&] {
            const py::gil_scoped_release nogil;
            return translated([&] { return Index::open(file, saved, access); });
        }();
        const unsigned k = max_edits.is_none() ? saved : checked_edits(max_edits);
        return std::make_unique<Matcher>(std::move(index), k, microseconds, std::move(model), fast);
    }

    static void verify(const std::filesystem::path& file) {
        const AnswersSignals interruptible;
        const std::string path = file.string();
        const py::gil_scoped_release nogil;
        translated([&] {
            Snapshot::open(path, SnapshotAccess::read_if_small).verify();
            unsigned max_edits = 0;
            static_cast<void>(Index::open(path, max_edits, SnapshotAccess::read_if_small));
        });
    }

    void save(const std::filesystem::path& file) const {
        const AnswersSignals interruptible;
        const std::string path = file.string();
        const std::shared_ptr<const State> state = this->state();
        const py::gil_scoped_release nogil;
        translated(
            [&] { with_one_index(*state, [&](const Index& index) { index.save(path, max_edits_); }); });
    }

    // As a bundle carries it: the list with the model, the population and a policy.
    void save_payload(const std::filesystem::path& file, const std::optional<NamedThresholds>& policy) const {
        const AnswersSignals interruptible;
        const std::string path = file.string();
        const std::shared_ptr<const State> state = this->state();
        const std::shared_ptr<const ScoringModel> model = this->model();
        std::optional<Policy> grades;
        if (policy) {
            grades.emplace();
            for (const auto& [category, thresholds] : *policy) {
                const auto& [notify, check, quiet] = thresholds;
                (category.empty() ? grades->general : grades->categories[category]) = {notify, check, quiet};
            }
        }
        const py::gil_scoped_release nogil;
        translated([&] {
            const Policy* const told = grades ? &*grades : nullptr;
            with_one_index(*state, [&](const Index& index) {
                write_payload(path, index, max_edits_, model.get(), told);
            });
        });
    }

    [[nodiscard]] std::size_t size() const { return state()->size(); }
    [[nodiscard]] std::size_t nbytes() const { return state()->nbytes(); }
    [[nodiscard]] unsigned max_edits() const noexcept { return max_edits_; }
    [[nodiscard]] EntryIds entry_ids() const { return EntryIds(state()); }

    template <class Listed>
    void replace(const Listed& listed) {
        const AnswersSignals interruptible;
        refuse_if_closed();
        index_->replace(make_index(listed));
    }

    std::size_t apply(const Entries& upserts, const std::vector<std::string>& removals) {
        const AnswersSignals interruptible;
        refuse_if_closed();
        std::vector<IndexEntry> entries = EntryReader(microseconds_).read(upserts);
        const py::gil_scoped_release nogil;
        return index_->apply(std::move(entries), removals);
    }

    // Lets go of the index, once the calls under way are done with it; later ones are refused.
    void close() {
        closed_ = true;
        index_->replace(Index());
    }

    // For the calls from now on; those under way finish on what they started with.
    void use(std::shared_ptr<ScoringModel> model) {
        const std::scoped_lock lock(model_known_);
        model_ = std::move(model);
    }

    void settle() {
        const AnswersSignals interruptible;
        const py::gil_scoped_release nogil;
        index_->settle();
    }

    [[nodiscard]] py::list match(py::handle read, const MaxEdits& max_edits, py::handle at, bool alternatives,
                                 double min_probability, bool keep_exact) const {
        const Lease<Room> room;
        auto& [workspace, queries, found, scores] = *room;
        const unsigned k = max_edits.is_none() ? max_edits_ : checked_edits(max_edits);
        const Floor floor = checked_floor(min_probability, keep_exact);
        queries.clear();
        found.clear();
        if (const Refusal refusal =
                ReadParser(alternatives).parse(read, 0, at.is_none() ? now() : to_time(at), queries)) {
            raise_refusal(refusal, read);
        }
        const std::shared_ptr<const State> state = this->state();
        state->search(queries, k, workspace, found);
        if (found.empty()) return py::list();
        scores.clear();
        const std::shared_ptr<const ScoringModel> model = this->model();
        ObjectScorer scorer(*state, *model);
        const bool in_order = min_probability == 0 && (found.size() == 1 || scorer.order(read, found));
        if (!in_order) scorer.score(read, floor, found, scores);
        return list(state, model, found, scores, py::reinterpret_borrow<py::object>(read));
    }

    // Several reads of one vehicle; `edits` are the least over them.
    [[nodiscard]] py::typing::List<PyMatch> match_pass(const py::typing::List<py::object>& reads,
                                                       const MaxEdits& max_edits, const py::object& at,
                                                       bool alternatives, double min_probability,
                                                       bool keep_exact) const {
        const AnswersSignals interruptible;
        const unsigned k = max_edits.is_none() ? max_edits_ : checked_edits(max_edits);
        const Time call_time = at.is_none() ? now() : to_time(at);
        const std::shared_ptr<const State> state = this->state();
        const std::shared_ptr<const ScoringModel> model = this->model();
        const Floor floor = checked_floor(min_probability, keep_exact);
        Index::Workspace workspace;
        ReadParser parser(alternatives);
        std::vector<PassRead> pass;
        std::vector<Match> matches;
        std::vector<Score> scores;
        for (std::size_t row = 0; row < reads.size(); ++row) {
            poll();
            const py::object read = reads[row];
            std::vector<Query> queries;
            if (const Refusal refusal = parser.parse(read, 0, call_time, queries)) {
                raise_refusal(refusal, read, py::int_(row));
            }
            texts_of_object(read, pass.emplace_back().texts);
            pass.back().recognised_by(recogniser_of(*model, read));
            state->search(queries, k, workspace, matches);
            if (reads.size() > 1) continue;
            ObjectScorer(*state, *model).score(read, floor, matches, scores);
            return list(state, model, matches, scores, read);
        }
        order_matches(matches, 0, workspace.words);
        {
            const py::gil_scoped_release nogil;
            PassScorer().score(*state, pass, model->frame_weight(), floor, matches, scores);
        }
        return list(state, model, matches, scores, py::none());
    }

    [[nodiscard]] py::typing::List<PySearchResult> search(const py::typing::Union<py::str>& query,
                                                          const py::object& at) const {
        const AnswersSignals interruptible;
        Pattern pattern;
        const std::u32string text = to_u32(query);
        const PatternError error = parse_pattern(std::span<const char32_t>(text), pattern);
        if (error != PatternError::none) {
            raise(make_error("PlatewatchError", reason(error), py::arg("field") = "query"));
        }
        const std::shared_ptr<const State> state = this->state();
        const Time time = at.is_none() ? now() : to_time(at);
        std::vector<Match> found;
        {
            const py::gil_scoped_release nogil;
            for (const std::uint32_t number : state->search(pattern, time)) found.push_back({0, number, 0});
        }
        py::list results(found.size());
        for (std::size_t i = 0; i < found.size(); ++i) results[i] = PySearchResult(*state, found[i]);
        return results;
    }

    [[nodiscard]] Columns match_batch(const py::object& reads, const MaxEdits& max_edits,
                                      const py::object& at,
                                      const std::optional<py::array_t<Time, py::array::c_style>>& times,
                                      bool report, bool alternatives, bool score, double min_probability,
                                      bool keep_exact, unsigned threads) const {
        const AnswersSignals interruptible;
        const unsigned k = max_edits.is_none() ? max_edits_ : checked_edits(max_edits);
        const Floor floor = checked_floor(min_probability, keep_exact);
        const std::unique_ptr<ReadColumn> column = make_read_column(reads);
        const Time call_time = at.is_none() ? now() : to_time(at);
        const std::shared_ptr<const State> state = this->state();
        const std::shared_ptr<const ScoringModel> model = this->model();
        const TextSource source = column->source();
        if (times && (times->ndim() != 1 || static_cast<std::size_t>(times->size()) != source.rows)) {
            throw py::value_error("times must have one item a read");
        }
        const std::span<const Time> time_of =
            times ? std::span(times->data(), source.rows) : std::span<const Time>();
        Batch batch;
        {
            BatchMatch matching(*state, source, time_of, call_time, k, threads,
                                {score ? model.get() : nullptr, floor});
            for (std::size_t taken = 0; taken < source.rows;) {
                column->take_rows(taken = std::min(taken + BatchMatch::kChunk, source.rows));
                matching.make_ready(taken);
            }
            const py::gil_scoped_release nogil;
            batch = matching.finish();
        }
        std::vector<std::pair<std::uint32_t, Refusal>> refused;
        for (const BadText& bad : batch.bad) refused.push_back({bad.row, {"text", reason(bad.error)}});
        ReadParser parser(alternatives);
        std::size_t not_lined_up = 0;
        if (!batch.others.empty()) {
            Batch others =
                match_others(*state, *column, time_of, call_time, k, parser, batch.others, refused);
            std::size_t in_scores = 0;
            if (score) others = score_others(*state, *model, *column, floor, others, in_scores);
            // Whoever looks for alternatives has looked at every read; scoring only at those that match.
            not_lined_up = alternatives ? parser.not_lined_up() : in_scores;
            const py::gil_scoped_release nogil;
            merge(batch, others);
        }

        std::ranges::sort(refused, {}, [](const auto& item) { return item.first; });
        py::typing::List<py::object> errors;
        for (const auto& [row, refusal] : refused) {
            py::object error =
                make_error("ReadError", refusal.why, py::arg("row") = row, py::arg("field") = refusal.field);
            if (!report) raise(error);
            errors.append(std::move(error));
        }
        return Columns(to_numpy(std::move(batch.read)), to_numpy(std::move(batch.entry)),
                       to_numpy(std::move(batch.edits)), to_numpy(std::move(batch.log_likelihood)),
                       to_numpy(std::move(batch.probability)), errors, EntryIds{state}, not_lined_up);
    }

  private:
    struct Room {  // of a single call
        Index::Workspace workspace;
        std::vector<Query> queries;
        std::vector<Match> found;
        std::vector<Score> scores;
    };

    // Calls write(an index of all entries), which is made where they are in several.
    template <class Write>
    static void with_one_index(const State& state, const Write& write) {
        const auto segments = state.segments();
        if (segments.size() == 1 && !segments[0].removed) return write(*segments[0].index);
        write(Index(state.entries()));
    }

    void refuse_if_closed() const {
        if (closed_) raise(make_error("StateError", "the matcher is closed"));
    }
    [[nodiscard]] std::shared_ptr<const State> state() const {
        std::shared_ptr<const State> state = index_->state();
        refuse_if_closed();  // afterwards: what `close` has put there is no list
        return state;
    }

    [[nodiscard]] std::shared_ptr<const ScoringModel> model() const {
        const std::scoped_lock lock(model_known_);
        return model_;
    }

    [[nodiscard]] Index make_index(const Entries& entries) const {
        std::vector<IndexEntry> rows = EntryReader(microseconds_).read(entries);
        const py::gil_scoped_release nogil;
        return Index(std::move(rows));
    }

    [[nodiscard]] static Index make_index(const PlateList& plates) {
        const py::gil_scoped_release nogil;
        return Index(plates);
    }

    // `scores` may be empty.
    [[nodiscard]] py::list list(const std::shared_ptr<const State>& state,
                                const std::shared_ptr<const ScoringModel>& model,
                                const std::vector<Match>& found, const std::vector<Score>& scores,
                                const py::object& read) const {
        py::list matches(found.size());
        std::shared_ptr<const PyMatch::Context> context;
        if (scores.empty() && !found.empty())
            context = std::make_shared<const PyMatch::Context>(state, model, read, found);
        for (std::size_t i = 0; i < found.size(); ++i) {
            PyMatch match(*state, found[i]);
            if (scores.empty()) {
                match.context = context;
            } else {
                match.known = scores[i];
            }
            matches[i] = std::move(match);
        }
        return matches;
    }

    // The rows that are no text: Reads, and what cannot be matched at all.
    static Batch match_others(const State& state, const ReadColumn& column, std::span<const Time> times,
                              Time at, unsigned k, ReadParser& parser, std::span<const std::uint32_t> rows,
                              std::vector<std::pair<std::uint32_t, Refusal>>& refused) {
        std::vector<Query> queries;
        std::size_t parsed = 0;
        for (const std::uint32_t row : rows) {
            if (++parsed % 64 == 0) poll();
            PyObject* object = column.object(row);
            const Refusal refusal = object == nullptr
                                        ? Refusal{"text", "is null"}
                                        : parser.parse(object, row, times.empty() ? at : times[row], queries);
            if (refusal) refused.emplace_back(row, refusal);
        }
        const py::gil_scoped_release nogil;
        return match_queries(state, queries, k);
    }

    // Only reads that match anything are asked for their evidence.
    [[nodiscard]] static Batch score_others(const State& state, const ScoringModel& model,
                                            const ReadColumn& column, const Floor& floor, const Batch& found,
                                            std::size_t& not_lined_up) {
        Batch scored;
        ObjectScorer scorer(state, model);
        std::vector<Match> matches;
        std::vector<Score> scores;
        for (std::size_t i = 0; i < found.read.size();) {
            const std::uint32_t row = found.read[i];
            poll();
            matches.clear();
            for (; i < found.read.size() && found.read[i] == row; ++i)
                matches.push_back({row, found.entry[i], found.edits[i]});
            if (!scorer.score(column.object(row), floor, matches, scores)) ++not_lined_up;
            append_matches(matches, scores, scored);
        }
        return scored;
    }

    std::unique_ptr<LiveIndex> index_;
    std::atomic<bool> closed_ = false;
    unsigned max_edits_;
    Microseconds microseconds_;
    mutable std::mutex model_known_;  // held while a pointer is copied
    std::shared_ptr<const ScoringModel> model_;
};

// Matcher.match without pybind11's dispatch, which takes longer than the look-up.
PyObject* call_match(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) noexcept {
    try {
        constexpr const char* kNames[] = {"read",         "max_edits",       "at",
                                          "alternatives", "min_probability", "keep_exact"};
        std::array<PyObject*, 6> values{nullptr, Py_None, Py_None, Py_False, nullptr, Py_False};
        if (count > 1) throw py::type_error("match() takes one positional argument");
        if (count == 1) values[0] = args[0];
        const Py_ssize_t named = keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords);
        for (Py_ssize_t i = 0; i < named; ++i) {
            PyObject* name = PyTuple_GET_ITEM(keywords, i);
            const auto* known = std::ranges::find_if(
                kNames, [&](const char* k) { return PyUnicode_CompareWithASCIIString(name, k) == 0; });
            if (known == std::end(kNames)) {
                PyErr_Format(PyExc_TypeError, "match() got an unexpected keyword argument %R", name);
                throw py::error_already_set();
            }
            PyObject*& value = values[static_cast<std::size_t>(known - kNames)];
            if (known == kNames && value != nullptr)
                throw py::type_error("match() got two values for 'read'");
            value = args[count + i];
        }
        if (values[0] == nullptr) throw py::type_error("match() misses the argument 'read'");
        const int alternatives = PyObject_IsTrue(values[3]), keep_exact = PyObject_IsTrue(values[5]);
        if (alternatives < 0 || keep_exact < 0) throw py::error_already_set();
        const auto max_edits = py::reinterpret_borrow<MaxEdits>(values[1]);
        const double min_probability = values[4] == nullptr ? 0 : PyFloat_AsDouble(values[4]);
        if (min_probability == -1 && PyErr_Occurred() != nullptr) throw py::error_already_set();
        return py::cast<const Matcher&>(py::handle(self))
            .match(values[0], max_edits, values[2], alternatives != 0, min_probability, keep_exact != 0)
            .release()
            .ptr();
    } catch (py::error_already_set& error) {
        error.restore();
    } catch (py::builtin_exception& error) {
        error.set_error();
    } catch (const std::exception& error) {
        PyErr_SetString(PyExc_RuntimeError, error.what());
    }
    return nullptr;
}

void add_match_method(const py::class_<Matcher>& matcher) {
    static PyMethodDef method = {
        "match", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(call_match)),
        METH_FASTCALL | METH_KEYWORDS,
        R"(match($self, /, read, *, max_edits=None, at=None, alternatives=False, min_probability=0.0, keep_exact=False)
--

Every valid entry within max_edits of the read, in the order probability (descending), edits, id.

`read` is text, or UTF-8, or a platewatch.Read. `at` is the time for a read that has none; now, if left out.
With alternatives=True, the likeliest ways to choose among its characters' alternatives, at most 64, and its
`candidates` count as further texts of a Read, and edits are the least over them.
Matches below `min_probability`, from 0 to 1, are left out; with keep_exact=True those without edits stay.
Raises ReadError if the text is empty, over 16 symbols or not valid Unicode; one that is a TypeError, too, for
what is no read.)"};
    PyObject* descriptor = PyDescr_NewMethod(reinterpret_cast<PyTypeObject*>(matcher.ptr()), &method);
    if (descriptor == nullptr) throw py::error_already_set();
    matcher.attr("match") = py::reinterpret_steal<py::object>(descriptor);
}

}  // namespace

void register_matcher(py::module_& m) {
    m.def(
        "cpu_features",
        [] {
            std::vector<std::string> usable;
            for (const Kernel* kernel : kernels()) {
                if (kernel->supported()) usable.emplace_back(kernel->name);
            }
            return py::typing::Dict<py::str, py::object>(
                py::dict(py::arg("kernel") = active_kernel().name, py::arg("usable") = usable));
        },
        R"(The kernel in use, and those that this machine can run, slowest first.

PLATEWATCH_KERNEL forces one; ValueError if this machine cannot run it.)");

    py::class_<Matcher> matcher(m, "Matcher", "The index of platewatch.Matcher.");
    add_match_method(matcher);
    matcher
        .def(py::init(&Matcher::open), py::arg("snapshot"), py::arg("max_edits"), py::arg("microseconds"),
             py::arg("model"), py::arg("mapped"), py::arg("fast") = false,
             "snapshot: the path of one. max_edits: None for the one that was saved. mapped: None to read a "
             "small one.")
        .def(py::init<const PlateList&, const MaxEdits&, const Microseconds&, std::shared_ptr<ScoringModel>,
                      bool>(),
             py::arg("plates"), py::arg("max_edits"), py::arg("microseconds"), py::arg("model"),
             py::arg("fast") = false)
        .def(py::init<const Entries&, const MaxEdits&, const Microseconds&, std::shared_ptr<ScoringModel>,
                      bool>(),
             py::arg("entries"), py::arg("max_edits"), py::arg("microseconds"), py::arg("model"),
             py::arg("fast") = false,
             "entries: objects with the fields of platewatch.Entry. microseconds: turns a datetime into "
             "microseconds "
             "since 1970 UTC.")
        .def("__len__", &Matcher::size)
        .def_property_readonly(
            "nbytes", &Matcher::nbytes,
            "Bytes of the index: keys and tries; ids, plates and other metadata, patterns and "
            "what was added since it was built count apart.")
        .def_property_readonly("max_edits", &Matcher::max_edits, "The default of the calls' max_edits.")
        .def_property_readonly("entry_ids", &Matcher::entry_ids,
                               "The ids by the number that a batch's `entry` column gives.")
        .def("_match_pass", &Matcher::match_pass, py::arg("reads"), py::arg("max_edits"), py::arg("at"),
             py::arg("alternatives"), py::arg("min_probability"), py::arg("keep_exact"))
        .def("_search", &Matcher::search, py::arg("query"), py::arg("at"))
        .def("_save", &Matcher::save, py::arg("path"))
        .def("_save_payload", &Matcher::save_payload, py::arg("path"), py::arg("policy"),
             "policy: (notify, check, quiet) by category, \"\" for all others.")
        .def("_settle", &Matcher::settle)
        .def("_close", &Matcher::close)
        .def("_use", &Matcher::use, py::arg("model"))
        .def("_replace", &Matcher::replace<PlateList>, py::arg("plates"))
        .def("_replace", &Matcher::replace<Entries>, py::arg("entries"))
        .def("_apply", &Matcher::apply, py::arg("upserts"), py::arg("removals"))
        .def_static("_verify", &Matcher::verify, py::arg("path"))
        .def("_match_batch", &Matcher::match_batch, py::arg("reads"), py::arg("max_edits"), py::arg("at"),
             py::arg("times"), py::arg("report"), py::arg("alternatives"), py::arg("score"),
             py::arg("min_probability"), py::arg("keep_exact"), py::arg("threads"),
             "The columns of platewatch.Matcher.match_batch, the errors, the ids, and how many `chars` did "
             "not line up.");
}

}  // namespace platewatch
