// A list that is filled anew for each block of reads, of which it is known how long it gets at most.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace platewatch {

template <class T>
class Scratch {
  public:
    using value_type = T;

    // Empties it, and makes room for `most` elements.
    void refill(std::size_t most) {
        if (room_.size() < most) room_.resize(most);
        size_ = 0;
    }
    // Precondition: there is room.
    void push_back(const T& element) noexcept { room_[size_++] = element; }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return room_[i]; }
    [[nodiscard]] std::span<const T> view() const noexcept { return {room_.data(), size_}; }

  private:
    std::vector<T> room_;
    std::size_t size_ = 0;
};

}  // namespace platewatch
