// What the handles of the C API point to.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "c_api/call.hpp"
#include "platewatch.h"
#include "platewatch/bundle/bundle.hpp"
#include "platewatch/bundle/delta.hpp"
#include "platewatch/bundle/key_ring.hpp"
#include "platewatch/bundle/payload.hpp"
#include "platewatch/hotlist/state.hpp"
#include "platewatch/probability/pass.hpp"
#include "platewatch/probability/posterior.hpp"
#include "platewatch/probability/read.hpp"

#if defined(__cpp_exceptions)
#include "platewatch/bundle/device.hpp"
#include "platewatch/hotlist/live_index.hpp"
#endif

namespace platewatch::c {

#if defined(__cpp_exceptions)
using IndexInUse = LiveIndex;
#else
// One that no overlay changes, as that takes a thread.
class IndexInUse {
  public:
    explicit IndexInUse(std::vector<Segment> segments)
        : state_(std::make_shared<const State>(std::move(segments))) {}
    [[nodiscard]] const std::shared_ptr<const State>& state() const noexcept { return state_; }

  private:
    std::shared_ptr<const State> state_;
};
#endif

// A list in use, which its overlay changes.
struct Generation {
    IndexInUse live;
    unsigned max_edits;
    std::shared_ptr<const ScoringModel> model;
    std::optional<Policy> policy;
    SeldomWanted names;

    explicit Generation(DeviceList list)
        : live(std::move(list.segments)),
          max_edits(list.max_edits),
          model(std::move(list.model)),
          policy(std::move(list.policy)),
          names(list.names) {}
};

// Callers' keys as the core asks for them; `keys` has to live as long as what it returns.
[[nodiscard]] KeyRing key_ring(const pw_keys& keys) noexcept;

}  // namespace platewatch::c

struct pw_list {
    std::string name;
    platewatch::FileBytes file;
    std::shared_ptr<const platewatch::Snapshot> snapshot;
    platewatch::DeviceList contents;
};

struct pw_matcher {
    explicit pw_matcher(platewatch::DeviceList list);

    void use(platewatch::DeviceList list);
    [[nodiscard]] std::shared_ptr<platewatch::c::Generation> generation() const;
    // Whatever has changed is there before this rises.
    std::atomic<std::uint32_t> changes = 1;

  private:
    mutable std::mutex known_;  // held while a pointer is copied or exchanged
    std::shared_ptr<platewatch::c::Generation> generation_;
};

struct pw_session {
    explicit pw_session(pw_matcher& of) noexcept : matcher(&of) {}

    // What matches from now on; takes a lock only if something has changed.
    void look();
    // Before the names of so many matches are looked at.
    void want_names(std::size_t matches);
    void forget_names();
    static constexpr std::size_t kMostNamed = 4;

    pw_matcher* matcher;
#if !defined(__cpp_exceptions)
    platewatch::c::Pieces pieces;  // all that the room asks for, and only that
#endif
    std::uint32_t seen = 0;
    std::shared_ptr<platewatch::c::Generation> generation;
    std::shared_ptr<const platewatch::State> state;
    std::size_t named = 0;  // matches since the list's names were let go of

    // What is asked for once and used for each read.
    struct Room {
        Room() noexcept;  // out of line: GCC 12 would work it out at compile time, and ask for all there is
        Room(const Room&) = delete;
        Room& operator=(const Room&) = delete;
        ~Room() = default;

        std::vector<platewatch::RawRead::Alternative> alternatives;  // a read as the core takes it
        std::vector<platewatch::RawRead::Character> characters;
        std::vector<platewatch::RawRead::Candidate> candidates;

        platewatch::ReadMaker maker;
        platewatch::ReadTexts texts;
        std::vector<platewatch::ReadText> further;
        std::vector<platewatch::Query> queries;
        platewatch::Index::Workspace workspace;
        std::vector<platewatch::Match> found, of_read;
        std::vector<platewatch::Score> scores;
        platewatch::MatchScorer scorer;
        platewatch::PassScorer pass_scorer;
        std::vector<platewatch::PassRead> pass;

        std::vector<pw_match> matches;
        std::vector<pw_refused> refused;
        std::vector<pw_event> events;
    };
    // Where memory ran out midway, what a part of it holds may not fit the rest.
    void start_anew() noexcept;

    Room room;
};

#if defined(__cpp_exceptions)
struct pw_device {
    pw_device(platewatch::Device::Settings settings, const pw_keys& of, pw_matcher& in);

    pw_keys keys;
    platewatch::Device device;
    pw_matcher* matcher;
};
#endif
