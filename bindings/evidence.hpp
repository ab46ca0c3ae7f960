// What Python tells of a read, as the core takes it; its rules are the core's (probability/read.hpp).
#pragma once

#include <pybind11/pybind11.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lease.hpp"
#include "platewatch/probability/read.hpp"
#include "platewatch/probability/score.hpp"
#include "text.hpp"

namespace platewatch {

// A platewatch.Read, whose texts it views and keeps alive. What is of another type, or no text in UTF-8, is
// left out: of `chars` all if one is, of `candidates` just that.
class RawReadOf {
  public:
    // Precondition: `read` has a `text`, str or bytes, with a canonical form.
    RawReadOf(py::handle read, py::object text) {
        raw_.text = view(std::move(text));
        std::vector<std::size_t> ends;
        is_usable_ = finds_types([&] {
            for (const py::handle character : read.attr("chars")) {
                characters_.push_back({view(character.attr("c")), number_or_none(character.attr("p")), {}});
                for (const py::handle pair : character.attr("alts")) {
                    const auto alternative = py::reinterpret_borrow<py::sequence>(pair);
                    alternatives_.push_back({view(alternative[0]), number(alternative[1])});
                }
                ends.push_back(alternatives_.size());
            }
        });
        if (!is_usable_) characters_.clear();
        for (std::size_t i = 0, begin = 0; i < characters_.size(); begin = ends[i++])
            characters_[i].alternatives = std::span(alternatives_).subspan(begin, ends[i] - begin);
        finds_types([&] {
            for (const py::handle candidate : read.attr("candidates")) {
                finds_types([&] {
                    const double p = number_or_none(candidate.attr("p"));
                    if (p < 0 && !candidate.attr("p").is_none()) return;  // no probability
                    candidates_.push_back({view(candidate.attr("text")), p});
                });
            }
        });
        finds_types([&] { raw_.confidence = number_or_none(read.attr("confidence")); });
        raw_.characters = characters_;
        raw_.candidates = candidates_;
    }

    RawReadOf(const RawReadOf&) = delete;
    RawReadOf& operator=(const RawReadOf&) = delete;

    [[nodiscard]] const RawRead& get() const noexcept { return raw_; }
    // Whether `chars` are.
    [[nodiscard]] bool is_usable() const noexcept { return is_usable_; }

  private:
    static constexpr double kNone = -1;

    [[nodiscard]] std::string_view view(py::object text) {
        Py_ssize_t size = 0;
        const char* utf8 = nullptr;
        if (PyUnicode_Check(text.ptr())) {
            utf8 = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
            if (utf8 == nullptr) throw py::error_already_set();
        } else if (PyBytes_Check(text.ptr())) {
            utf8 = PyBytes_AS_STRING(text.ptr());
            size = PyBytes_GET_SIZE(text.ptr());
        } else {
            throw py::type_error("text must be str");
        }
        kept_.push_back(std::move(text));
        return {utf8, static_cast<std::size_t>(size)};
    }
    [[nodiscard]] static double number(const py::object& value) { return value.cast<double>(); }
    [[nodiscard]] static double number_or_none(const py::object& value) {
        return value.is_none() ? kNone : number(value);
    }

    std::vector<py::object> kept_;
    std::vector<RawRead::Alternative> alternatives_;
    std::vector<RawRead::Character> characters_;
    std::vector<RawRead::Candidate> candidates_;
    RawRead raw_;
    bool is_usable_ = true;
};

// Of a platewatch.Read or its text (str or bytes). False if its `chars` did not line up. Raises ReadError.
inline bool texts_of_object(py::handle read, ReadTexts& out) {
    const bool is_text = text_view(read.ptr()).unit != TextView::Unit::none;
    py::object text = is_text ? py::reinterpret_borrow<py::object>(read) : read.attr("text");
    Symbols canonical;
    const std::optional<TextError> error = normalize_object(text, TextKind::read, canonical);
    if (!error) throw py::type_error("text must be str or bytes");
    if (*error != TextError::none) raise(make_error("ReadError", reason(*error), py::arg("field") = "text"));
    if (!is_text) {
        const RawReadOf raw(read, std::move(text));
        const Lease<ReadMaker> maker;
        static_cast<void>(maker->make(raw.get(), canonical, &out));  // it has a canonical form
        return raw.is_usable() && maker->lined_up();
    }
    out.share = 1;
    out.others.clear();
    if (text_view(text.ptr()).size > 4 * kMaxRawLength) {  // as the batch has it
        out.own.assign(canonical.view());
    } else {
        if (PyBytes_Check(text.ptr())) text = text.attr("decode")();
        evidence_of(std::span<const char32_t>(to_u32(text)), canonical.view(), out.own);
    }
    return true;
}

// The name of an engine or a camera, while `name` lives; what is no text names none.
inline std::string_view name_view(const py::object& name) {
    if (!PyUnicode_Check(name.ptr())) return {};
    Py_ssize_t size = 0;
    const char* utf8 = PyUnicode_AsUTF8AndSize(name.ptr(), &size);
    if (utf8 == nullptr) {
        PyErr_Clear();
        return {};
    }
    return {utf8, static_cast<std::size_t>(size)};
}

// What a Read or its text is scored with.
inline Recogniser recogniser_of(const ScoringModel& model, py::handle read) {
    if (text_view(read.ptr()).unit != TextView::Unit::none) return model.recogniser("");
    const py::object engine = read.attr("engine");
    if (!model.has_cameras()) return model.recogniser(name_view(engine));
    const py::object camera = read.attr("camera_id");
    return model.recogniser(name_view(engine), name_view(camera));
}

}  // namespace platewatch
