// Long work that may be broken off by whoever waits for it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace platewatch {

// While one lives, the long work of its thread calls `check`, at most once every kInterval; what `check`
// throws ends that work. Threads have their own, or none.
class Interruptible {
  public:
    static constexpr std::chrono::milliseconds kInterval{50};

    explicit Interruptible(std::function<void()> check);
    ~Interruptible();
    Interruptible(const Interruptible&) = delete;
    Interruptible& operator=(const Interruptible&) = delete;

  private:
    friend void poll();
    friend class Uninterruptible;

    static thread_local Interruptible* current_;

    std::function<void()> check_;
    std::chrono::steady_clock::time_point last_;
    Interruptible* outer_;
};

// While one lives, the thread's work is not broken off: it holds a lock, say, that `check` may want.
class Uninterruptible {
  public:
    Uninterruptible() noexcept;
    ~Uninterruptible();
    Uninterruptible(const Uninterruptible&) = delete;
    Uninterruptible& operator=(const Uninterruptible&) = delete;

  private:
    Interruptible* outer_;
};

// What long work calls, in steps of a few milliseconds at most. Costs a look at the clock.
void poll();

// Polls at every 2^14th call.
class Poller {
  public:
    void operator()() {
        if ((++calls_ & ((std::uint32_t{1} << 14) - 1)) == 0) poll();
    }

  private:
    std::uint32_t calls_ = 0;
};

// In runs, which are then merged: to poll at each comparison takes a quarter more. Broken off, the range is
// in some order.
template <class Range, class Less = std::less<>>
void sort_interruptibly(Range& range, Less less = {}) {
    constexpr std::ptrdiff_t kRun = std::ptrdiff_t{1} << 16;
    const auto begin = range.begin(), end = range.end();
    const auto at = [&](std::ptrdiff_t place) { return begin + std::min(place, end - begin); };
    for (std::ptrdiff_t run = 0; run < end - begin; run += kRun) {
        std::sort(at(run), at(run + kRun), less);
        poll();
    }
    for (std::ptrdiff_t width = kRun; width < end - begin; width *= 2) {
        for (std::ptrdiff_t run = 0; run + width < end - begin; run += 2 * width) {
            std::inplace_merge(at(run), at(run + width), at(run + 2 * width), less);
            poll();
        }
    }
}

}  // namespace platewatch
