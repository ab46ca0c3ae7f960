#include "platewatch/base/interrupt.hpp"

#include <utility>

namespace platewatch {

#if defined(__cpp_exceptions)

thread_local Interruptible* Interruptible::current_ = nullptr;

Interruptible::Interruptible(std::function<void()> check)
    : check_(std::move(check)),
      last_(std::chrono::steady_clock::now()),
      outer_(std::exchange(current_, this)) {}

Interruptible::~Interruptible() { current_ = outer_; }

Uninterruptible::Uninterruptible() noexcept : outer_(std::exchange(Interruptible::current_, nullptr)) {}

Uninterruptible::~Uninterruptible() { Interruptible::current_ = outer_; }

void poll() {
    Interruptible* const mine = Interruptible::current_;
    if (mine == nullptr) return;
    const auto now = std::chrono::steady_clock::now();
    if (now - mine->last_ < Interruptible::kInterval) return;
    mine->last_ = now;
    mine->check_();
}

#else

// To break work off takes an exception.
void poll() {}

#endif

}  // namespace platewatch
