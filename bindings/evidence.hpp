// What Python tells of a read, as the channel model's evidence.
#pragma once

#include <pybind11/pybind11.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "candidates.hpp"
#include "platewatch/probability/evidence.hpp"
#include "platewatch/probability/marks.hpp"
#include "platewatch/probability/score.hpp"
#include "platewatch/text/alternatives.hpp"
#include "platewatch/text/normalize.hpp"
#include "text.hpp"

namespace platewatch {

class EvidenceReader {
  public:
    // `canonical` is the canonical form of `text`. False if `chars` did not line up, and are left out of it.
    bool read(const std::u32string& text, const Symbols& canonical, py::handle chars, ReadEvidence& out) {
        bool none = false, lines_up = false;
        const bool typed = finds_types([&] {
            none = py::len(chars) == 0;
            lines_up = !none && (from_characters(canonical, chars, 1, out) ||
                                 (is_percent_ && from_characters(canonical, chars,
                                                                 static_cast<float>(kHundredPercent), out)));
        });
        if (typed && lines_up) return true;
        evidence_of(std::span<const char32_t>(text), canonical.view(), out);
        return none;
    }

  private:
    bool from_characters(const Symbols& canonical, py::handle chars, float whole, ReadEvidence& out) {
        out.clear();
        for (const py::handle character : chars) {
            const std::u32string text = to_u32(character.attr("c"));
            Evidence evidence{.c = character_of(std::span<const char32_t>(text))};
            if (evidence.c == 0) {
                // White space, what nobody sees, or what cannot stand alone.
                if (text.size() == 1 || (!text.empty() && std::ranges::all_of(text, is_invisible))) continue;
                return false;
            }
            if (!add(character, whole, evidence)) return false;
            if (!is_kept(evidence.c)) {
                out.push_mark(evidence);
            } else if (out.size() == canonical.size() || canonical.view()[out.size()] != evidence.c) {
                return false;
            } else {
                out.push_back(evidence);
            }
        }
        return out.size() == canonical.size();
    }

    // False for probabilities that are none.
    bool add(py::handle character, float whole, Evidence& evidence) {
        const auto scaled = [&](py::handle given) {
            const auto value = given.cast<float>();
            is_percent_ = is_percent_ || is_percent(double{value});
            return value / whole;
        };
        const py::object p = character.attr("p");
        if (!p.is_none()) {
            const float value = scaled(p);
            if (!(value <= kMost)) return false;
            evidence.p = std::min(value, 1.0F);
        }
        const py::object listed = character.attr("alts");
        evidence.has_alternatives = py::len(listed) != 0;
        std::vector<Evidence::Alternative> alternatives;
        for (const py::handle pair : listed) {
            const auto alternative = py::reinterpret_borrow<py::sequence>(pair);
            const std::u32string text = to_u32(alternative[0]);
            const char32_t symbol = character_of(std::span<const char32_t>(text));
            const float value = scaled(py::object(alternative[1]));
            if (!(value <= kMost)) return false;
            if (symbol == 0 || symbol == evidence.c || !is_kept(symbol)) continue;
            const auto same = std::ranges::find(alternatives, symbol, &Evidence::Alternative::symbol);
            if (same == alternatives.end()) {
                alternatives.push_back({symbol, value});
            } else {
                same->p = std::max(same->p, value);
            }
        }
        std::ranges::stable_sort(alternatives, std::ranges::greater{}, &Evidence::Alternative::p);
        for (const Evidence::Alternative& alternative : alternatives) {
            if (evidence.alternative_count == Evidence::kMostAlternatives) break;
            evidence.alternatives[evidence.alternative_count++] = alternative;
        }
        return true;
    }

    static constexpr float kMost = 1.001F;  // more is on another scale
    bool is_percent_ = false;               // one of them is, so all are
};

// What the recogniser believes of the whole plate, 0 to 1; none if it says nothing that can be that.
inline std::optional<double> confidence_of(py::handle read) {
    std::optional<double> confidence;
    finds_types([&] {
        if (const py::object given = read.attr("confidence"); !given.is_none())
            confidence = given.cast<double>();
    });
    if (confidence && is_percent(*confidence)) *confidence /= kHundredPercent;
    return confidence && *confidence >= 0 && *confidence <= kMaxProbability ? confidence : std::nullopt;
}

// Of a platewatch.Read or its text (str or bytes). False if its `chars` did not line up. Raises ReadError.
inline bool evidence_of_object(py::handle read, ReadEvidence& out) {
    const bool is_text = text_view(read.ptr()).unit != TextView::Unit::none;
    py::object text = is_text ? py::reinterpret_borrow<py::object>(read) : read.attr("text");
    Symbols canonical;
    const std::optional<TextError> error = normalize_object(text, TextKind::read, canonical);
    if (!error) throw py::type_error("text must be str or bytes");
    if (*error != TextError::none) raise(make_error("ReadError", reason(*error), py::arg("field") = "text"));
    if (text_view(text.ptr()).size > 4 * kMaxRawLength) {  // as the batch has it
        out.assign(canonical.view());
        return is_text || py::len(read.attr("chars")) == 0;
    }
    if (PyBytes_Check(text.ptr())) text = text.attr("decode")();
    const std::u32string raw = to_u32(text);
    if (is_text) {
        evidence_of(std::span<const char32_t>(raw), canonical.view(), out);
        return true;
    }
    const bool lined_up = EvidenceReader().read(raw, canonical, read.attr("chars"), out);
    // Beside candidates it is the own text's share.
    if (py::len(read.attr("candidates")) != 0) return lined_up;
    if (const std::optional<double> confidence = confidence_of(read))
        out.set_confidence(static_cast<float>(*confidence));
    return lined_up;
}

// How much is believed of each text of a read: by the candidates' own probabilities; the read's own text has
// the one of the candidate that is the same, or else the read's confidence, or else what the candidates
// leave.
class ShareReader {
  public:
    // Puts the candidates that are no repeat of the own text into `out`, likeliest first.
    void read(py::handle read, const Symbols& own, ReadTexts& out) {
        out.share = 1;
        out.others.clear();
        candidates_.clear();
        std::optional<double> of_own;
        for_each_candidate(read,
                           [&](const std::u32string& raw, const Symbols& text, std::optional<double> p) {
                               if (text == own) {
                                   if (p && *p > of_own.value_or(0)) of_own = p;
                                   return;
                               }
                               const double share = p.value_or(kUnsaid);
                               const auto known = std::ranges::find(candidates_, text, &Candidate::text);
                               if (known != candidates_.end()) {
                                   known->share = std::max(known->share, share);
                               } else if (share > 0) {
                                   candidates_.push_back({raw, text, share});
                               }
                           });
        if (candidates_.empty()) return;
        std::ranges::stable_sort(candidates_, std::ranges::greater{}, &Candidate::share);
        if (candidates_.size() > ReadTexts::kMostOthers) candidates_.resize(ReadTexts::kMostOthers);
        double sum = 0;
        for (const Candidate& candidate : candidates_) sum += candidate.share;
        out.share = of_own ? *of_own : own_share(read, sum);
        const double all = out.share + sum;
        out.share /= all;
        for (const Candidate& candidate : candidates_) {
            ReadTexts::Other& other = out.others.emplace_back();
            evidence_of(std::span<const char32_t>(candidate.raw), candidate.text.view(), other.evidence);
            other.share = candidate.share / all;
        }
    }

  private:
    struct Candidate {
        std::u32string raw;
        Symbols text;
        double share;
    };
    static constexpr double kUnsaid = 0.05;  // of a candidate without a probability
    static constexpr double kLeast = 0.01;   // of the own text, where nothing is said of it

    [[nodiscard]] double own_share(py::handle read, double of_candidates) const {
        const std::optional<double> confidence = confidence_of(read);
        if (confidence && *confidence > 0) return *confidence;
        // More than 1 are no shares of one whole: then the own text has as much as the likeliest.
        return of_candidates > kMaxProbability ? candidates_.front().share
                                               : std::max(1 - of_candidates, kLeast);
    }

    std::vector<Candidate> candidates_;
};

// The same with its candidates.
inline bool texts_of_object(py::handle read, ReadTexts& out) {
    const bool lined_up = evidence_of_object(read, out.own);
    if (text_view(read.ptr()).unit != TextView::Unit::none) {
        out.share = 1;
        out.others.clear();
    } else {
        ShareReader().read(read, Symbols(canonical_text(out.own)), out);
    }
    return lined_up;
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
