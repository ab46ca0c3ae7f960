// A match as Python sees it, what a search by pattern finds, and the ids of a batch's entries.
#pragma once

#include <pybind11/critical_section.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "checked.hpp"
#include "evidence.hpp"
#include "lease.hpp"
#include "platewatch/hotlist/live_index.hpp"
#include "platewatch/probability/posterior.hpp"
#include "text.hpp"

namespace platewatch {
struct PyMatch;
struct PySearchResult;
class EntryIds;
}  // namespace platewatch

PLATEWATCH_CHECKED(platewatch::PyMatch)
PLATEWATCH_CHECKED(platewatch::PySearchResult)
PLATEWATCH_CHECKED(platewatch::EntryIds)

namespace platewatch {

template <class T>
using Optional = py::typing::Optional<T>;

// Scores the matches of one read: a Read or its text.
class ObjectScorer {
  public:
    ObjectScorer(const State& state, const ScoringModel& model) : state_(&state), model_(&model) {}

    // As MatchScorer::score. False if `chars` did not line up.
    bool score(py::handle read, const Floor& floor, std::vector<Match>& matches, std::vector<Score>& scores) {
        const Lease<Room> room;
        const bool lined_up = texts_of_object(read, room->texts);
        room->scorer.score(*state_, recogniser_of(*model_, read), room->texts, floor, matches, scores);
        return lined_up;
    }

    // As MatchScorer::order.
    bool order(py::handle read, std::vector<Match>& matches) {
        const Lease<Room> room;
        texts_of_object(read, room->texts);
        return room->scorer.order(*state_, recogniser_of(*model_, read), room->texts, matches);
    }

  private:
    struct Room {
        MatchScorer scorer;
        ReadTexts texts;
    };

    const State* state_;
    const ScoringModel* model_;
};

// What is told of an entry that was found.
struct PyFound {
    py::str entry_id, plate;
    unsigned edits;
    py::str category;
    py::object priority;

    PyFound(const State& state, const Match& found)
        : entry_id(to_str(state.id(found.entry))),
          plate(to_str(state.plate(found.entry))),
          edits(found.edits),
          category(to_str(state.category(found.entry))),
          priority(py::cast(state.priority(found.entry))) {}
    PyFound(py::str own_id, py::str own_plate, unsigned own_edits, py::str own_category,
            py::object own_priority)
        : entry_id(std::move(own_id)),
          plate(std::move(own_plate)),
          edits(own_edits),
          category(std::move(own_category)),
          priority(std::move(own_priority)) {}
};

// It has no read, and so no scores.
struct PySearchResult : PyFound {
    PySearchResult(const State& state, const Match& found) : PyFound(state, found) {}
    PySearchResult(py::str own_id, py::str own_plate, py::str own_category, Optional<py::int_> own_priority)
        : PyFound(std::move(own_id), std::move(own_plate), 0, std::move(own_category),
                  std::move(own_priority)) {}

    // As the constructor takes them.
    static py::tuple arguments(py::handle self) {
        const auto& own = self.cast<const PySearchResult&>();
        return py::make_tuple(own.entry_id, own.plate, own.category, own.priority);
    }
};

// A match's score takes longer than to find it, so it is worked out when it is first asked for, unless the
// order needed it: that of plates goes by their likelihoods alone.
struct PyMatch : PyFound {
    struct Context {
        std::shared_ptr<const State> state;
        std::shared_ptr<const ScoringModel> model;
        py::object read;
        std::vector<Match> matches;  // all of the read

        // The scores once they are known. Threads that ask at once may each work them out: none waits for
        // another with the GIL in its hands.
        [[nodiscard]] Score score_of(std::uint32_t entry) const {
            {
                const std::scoped_lock lock(known_);
                if (!scores_.empty()) return find(entry);
            }
            std::vector<Match> scored = matches;
            std::vector<Score> scores;
            ObjectScorer(*state, *model).score(read, {}, scored, scores);
            const std::scoped_lock lock(known_);
            scored_ = std::move(scored);
            scores_ = std::move(scores);
            return find(entry);
        }

      private:
        [[nodiscard]] Score find(std::uint32_t entry) const {
            const auto mine = std::ranges::find(scored_, entry, &Match::entry);
            return scores_[static_cast<std::size_t>(mine - scored_.begin())];
        }

        mutable std::mutex known_;
        mutable std::vector<Match> scored_;
        mutable std::vector<Score> scores_;

      public:
        Context(std::shared_ptr<const State> s, std::shared_ptr<const ScoringModel> m, py::object r,
                std::vector<Match> found)
            : state(std::move(s)), model(std::move(m)), read(std::move(r)), matches(std::move(found)) {}
    };

    std::optional<Score> known;  // if not, there is a context
    std::shared_ptr<const Context> context;
    Match match{};

    PyMatch(const State& state, const Match& found) : PyFound(state, found), match(found) {}
    PyMatch(const PyFound& found, const Score& score) : PyFound(found), known(score) {}

    // A PyMatch with its scores, as objects that live as long as it does: an attribute is one object however
    // often it is asked for, which orjson, for one, relies on.
    static const PyMatch& scored(py::handle self) {
        const auto& own = self.cast<const PyMatch&>();
        {
            const py::scoped_critical_section lock(self);
            if (own.probability_) return own;
        }
        const Score score = own.known ? *own.known : own.context->score_of(own.match.entry);
        py::object log_likelihood = py::none(), probability = py::float_(score.probability);
        if (std::isfinite(score.log_likelihood)) log_likelihood = py::float_(score.log_likelihood);
        const py::scoped_critical_section lock(self);
        if (!own.probability_) {
            own.log_likelihood_ = std::move(log_likelihood);
            own.probability_ = std::move(probability);
        }
        return own;
    }

    [[nodiscard]] const py::object& log_likelihood() const noexcept { return log_likelihood_; }
    [[nodiscard]] const py::object& probability() const noexcept { return probability_; }

    // As the constructor takes them.
    static py::tuple arguments(py::handle self) {
        const PyMatch& own = scored(self);
        return py::make_tuple(own.entry_id, own.plate, own.edits, own.log_likelihood_, own.probability_,
                              own.category, own.priority);
    }

  private:
    mutable py::object log_likelihood_, probability_;  // null while nobody has asked
};

// The ids of a state as a Python sequence that makes each string when it is asked for; or those that were
// pickled, with the plates.
class EntryIds {
  public:
    explicit EntryIds(std::shared_ptr<const State> state) : state_(std::move(state)) {}
    EntryIds(std::vector<std::string> ids, std::vector<std::string> plates)
        : ids_(std::move(ids)), plates_(std::move(plates)) {
        if (ids_.size() != plates_.size()) throw py::value_error("not as many plates as ids");
    }

    [[nodiscard]] std::size_t size() const noexcept { return state_ ? state_->numbers() : ids_.size(); }
    [[nodiscard]] py::str id(std::uint32_t entry) const {
        return to_str(state_ ? state_->id(entry) : ids_[entry]);
    }
    [[nodiscard]] py::str plate(std::uint32_t entry) const {
        return to_str(state_ ? state_->plate(entry) : plates_[entry]);
    }

    // The entry that Python means by an index.
    [[nodiscard]] std::uint32_t number(py::ssize_t i) const {
        const auto count = static_cast<py::ssize_t>(size());
        if (i < 0) i += count;
        if (i < 0 || i >= count) throw py::index_error("no such entry");
        return static_cast<std::uint32_t>(i);
    }

  private:
    std::shared_ptr<const State> state_;
    std::vector<std::string> ids_, plates_;
};

}  // namespace platewatch
