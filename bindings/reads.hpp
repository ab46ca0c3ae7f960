// platewatch.Read objects and text to queries: times, alternatives, candidates.
#pragma once

#include <pybind11/pybind11.h>

#include <cmath>
#include <string_view>
#include <vector>

#include "evidence.hpp"
#include "lease.hpp"
#include "platewatch/hotlist/index.hpp"
#include "text.hpp"

namespace platewatch {

inline Time to_time(py::handle datetime) {
    if (!py::hasattr(datetime, "timestamp")) throw py::type_error("a time must be a datetime");
    if (datetime.attr("tzinfo").is_none()) throw py::value_error("a time needs an offset from UTC");
    return std::llround(datetime.attr("timestamp")().cast<double>() * 1e6);
}

inline constexpr std::string_view kNoRead = "neither text nor a Read";

// Why a read cannot be used; false if it can.
struct Refusal {
    const char* field = nullptr;
    std::string_view why;

    explicit operator bool() const noexcept { return field != nullptr; }
};

class ReadParser {
  public:
    explicit ReadParser(bool alternatives) : with_alternatives_(alternatives) {}

    // Appends the queries of a str, bytes or Read: one for each of its texts. `at` is for a read without a
    // time.
    Refusal parse(py::handle read, std::uint32_t number, Time at, std::vector<Query>& out) {
        Query query{number, at, {}};
        std::optional<TextError> error = normalize_object(read, TextKind::read, query.text);
        const bool is_read = !error && py::hasattr(read, "text") && py::hasattr(read, "time");
        py::object raw;
        if (is_read) {
            raw = read.attr("text");
            error = normalize_object(raw, TextKind::read, query.text);
            if (const py::object time = read.attr("time"); !time.is_none()) {
                if (!py::hasattr(time, "timestamp")) return {"time", "not a datetime"};
                if (time.attr("tzinfo").is_none()) return {"time", "has no offset from UTC"};
                query.at = to_time(time);
            }
        }
        if (!error) return {"text", kNoRead};
        if (*error != TextError::none) return {"text", reason(*error)};
        out.push_back(query);
        if (is_read && with_alternatives_) add_alternatives(read, raw, query, out);
        return {};
    }

    // Reads whose characters did not line up with their text, and were ignored.
    [[nodiscard]] std::size_t not_lined_up() const noexcept { return not_lined_up_; }

  private:
    void add_alternatives(py::handle read, const py::object& raw, Query query, std::vector<Query>& out) {
        bool has_none = false;
        finds_types([&] {
            has_none = is_empty_tuple(read.attr("chars")) && is_empty_tuple(read.attr("candidates"));
        });
        if (has_none) return;
        const RawReadOf given(read, raw);
        const Lease<ReadMaker> maker;
        maker->expand(given.get(), query.text, texts_);
        if (!given.is_usable() || !maker->lined_up()) ++not_lined_up_;
        for (const ReadText& text : texts_) {
            if (text.text == query.text) continue;
            out.push_back({query.read, query.at, text.text});
        }
    }

    static bool is_empty_tuple(const py::object& object) {
        return PyTuple_CheckExact(object.ptr()) && PyTuple_GET_SIZE(object.ptr()) == 0;
    }

    bool with_alternatives_;
    std::vector<ReadText> texts_;
    std::size_t not_lined_up_ = 0;
};

}  // namespace platewatch
