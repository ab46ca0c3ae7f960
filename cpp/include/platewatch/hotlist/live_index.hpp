// An index that changes while it is searched.
//
// What a search sees is a `State`: an immutable list of segments, each an Index with the entries that have
// been taken out of it since. A change makes a new state and publishes it; searches under way finish on the
// one that they took. New entries go into a last, small segment, which is built anew with each of them:
// microseconds, as it never has more than kSmallEntries. A thread of its own folds segments together, without
// keeping anybody.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "platewatch/hotlist/state.hpp"

namespace platewatch {

class LiveIndex {
  public:
    static constexpr std::size_t kSmallEntries = 128;  // of the segment that is built anew with each change
    static constexpr std::size_t kManySegments = 4;    // more are folded together
    static constexpr std::size_t kFoldShare = 8;       // so much smaller than the first may the others stay

    explicit LiveIndex(Index index, IndexKind kind = IndexKind::compact);
    // Of a state's segments. Throws as State does.
    explicit LiveIndex(std::vector<Segment> segments);
    ~LiveIndex();
    LiveIndex(const LiveIndex&) = delete;
    LiveIndex& operator=(const LiveIndex&) = delete;

    // What to search. Never waits for a change that is being made, only while a pointer is copied.
    [[nodiscard]] std::shared_ptr<const State> state() const noexcept {
        const std::scoped_lock lock(published_);
        return state_;
    }

    // Replaces everything.
    void replace(Index index);

    // Adds entries, or replaces those with their ids, and takes others out, in one step; how many ids of
    // `removals` were there. Throws std::invalid_argument if an id repeats, std::length_error if the
    // entries would use more than 254 distinct symbols; nothing has changed then.
    std::size_t apply(std::vector<IndexEntry> upserts, std::span<const std::string> removals);

    // Waits until nothing is left to fold.
    void settle();

    // Around a fork, which waits for changes under way and leaves the child an index that nobody is changing:
    // see live_index.cpp.
    void prepare_fork();
    void after_fork(bool in_child);

  private:
    [[nodiscard]] Segment make_segment(Index index) const;
    void start_folding();
    void fold();
    [[nodiscard]] bool wants_folding() const;
    void publish(std::vector<Segment> segments);

    IndexKind kind_ = IndexKind::compact;
    // Not a std::atomic<std::shared_ptr>: that of libstdc++ 12 is a lock too, a spinning one, and its load
    // unlocks without releasing, which is a data race with the next store (ThreadSanitizer reports it).
    mutable std::mutex published_;  // held while state_ is copied or exchanged, and nothing else
    std::shared_ptr<const State> state_;
    std::mutex change_;  // held while a new state is made, never while an index of many entries is built
    std::uint64_t replacements_ = 0;
    std::size_t frozen_ = 0;    // segments that are being folded: changes only take entries out of them
    bool fold_failed_ = false;  // since the last change
    bool stopping_ = false;
    std::condition_variable work_, settled_;
    std::thread folder_;
};

}  // namespace platewatch
