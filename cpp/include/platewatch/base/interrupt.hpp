// Long work that may be broken off by whoever waits for it.
#pragma once

#include <algorithm>
#include <chrono>
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

// Broken off, the range holds whatever it holds.
template <class Range, class Less = std::less<>>
void sort_interruptibly(Range& range, Less less = {}) {
    Poller pass_by;
    std::sort(range.begin(), range.end(), [&](const auto& a, const auto& b) {
        pass_by();
        return less(a, b);
    });
}

}  // namespace platewatch
