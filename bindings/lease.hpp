// Room to work in, kept for the next call of a thread.
#pragma once

#include <memory>
#include <utility>
#include <vector>

namespace platewatch {

// Not a plain thread_local: what Python code a call runs (a property of a read, say) may call again, and then
// has room of its own.
template <class T>
class Lease {
  public:
    Lease() {
        if (spare_.empty()) {
            own_ = std::make_unique<T>();
        } else {
            own_ = std::move(spare_.back());
            spare_.pop_back();
        }
    }
    ~Lease() {
        if (spare_.size() < kMostSpare) spare_.push_back(std::move(own_));
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    T& operator*() const noexcept { return *own_; }
    T* operator->() const noexcept { return own_.get(); }

  private:
    static constexpr std::size_t kMostSpare = 4;

    inline static thread_local std::vector<std::unique_ptr<T>> spare_;
    std::unique_ptr<T> own_;
};

}  // namespace platewatch
