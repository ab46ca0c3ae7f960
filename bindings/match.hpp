// A match as Python sees it, and the ids of a batch's entries.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "evidence.hpp"
#include "platewatch/hotlist/live_index.hpp"
#include "platewatch/probability/posterior.hpp"
#include "text.hpp"

namespace platewatch {

template <class T>
using Optional = py::typing::Optional<T>;

// Scores the matches of one read: a Read or its text.
class ObjectScorer {
  public:
    ObjectScorer(const State& state, const ScoringModel& model) : state_(&state), model_(&model) {}

    // As MatchScorer::score. False if `chars` did not line up.
    bool score(py::handle read, const Floor& floor, std::vector<Match>& matches, std::vector<Score>& scores) {
        thread_local MatchScorer scorer;
        thread_local ReadTexts texts;
        const bool lined_up = texts_of_object(read, texts);
        scorer.score(*state_, table_of(*model_, read), texts, floor, matches, scores);
        return lined_up;
    }

    // As MatchScorer::order.
    bool order(py::handle read, std::vector<Match>& matches) {
        thread_local MatchScorer scorer;
        thread_local ReadTexts texts;
        texts_of_object(read, texts);
        return scorer.order(*state_, table_of(*model_, read), texts, matches);
    }

  private:
    const State* state_;
    const ScoringModel* model_;
};

// A match's score takes longer than to find it, so it is worked out when it is first asked for, unless the
// order needed it: that of plates goes by their likelihoods alone.
struct PyMatch {
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

    py::str entry_id, plate;
    unsigned edits;
    py::str category;
    py::object priority;
    std::optional<Score> known;
    std::shared_ptr<const Context> context;
    Match match;

    PyMatch(const State& state, const Match& found)
        : entry_id(to_str(state.id(found.entry))),
          plate(to_str(state.plate(found.entry))),
          edits(found.edits),
          category(to_str(state.category(found.entry))),
          priority(py::cast(state.priority(found.entry))),
          match(found) {}

    // NaN for what is not scored: what a search by pattern finds has no read.
    [[nodiscard]] Score score() const {
        constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
        if (known) return *known;
        if (!context) return {kNone, kNone};
        return context->score_of(match.entry);
    }

    [[nodiscard]] py::tuple fields() const {
        // What is not scored is equal to what is not scored, other than NaN.
        if (!known && !context) return py::make_tuple(entry_id, plate, edits, category, priority);
        const Score own = score();
        return py::make_tuple(entry_id, plate, edits, category, priority, own.log_likelihood,
                              own.probability);
    }
};

// The ids of a state as a Python sequence that makes each string when it is asked for.
struct EntryIds {
    std::shared_ptr<const State> state;

    [[nodiscard]] py::str at(py::ssize_t i) const {
        const auto size = static_cast<py::ssize_t>(state->numbers());
        if (i < 0) i += size;
        if (i < 0 || i >= size) throw py::index_error("no such entry");
        return to_str(state->id(static_cast<std::uint32_t>(i)));
    }
};

}  // namespace platewatch
