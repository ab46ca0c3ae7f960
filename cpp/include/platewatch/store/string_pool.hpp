// Many short strings in one piece of memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platewatch/base/prefetch.hpp"
#include "platewatch/store/array.hpp"

namespace platewatch {

class StringPool {
  public:
    class Builder {
      public:
        void reserve(std::size_t strings, std::size_t bytes = 0) {
            ends_.reserve(strings);
            text_.reserve(bytes);
        }
        void push_back(std::string_view s) {
            text_.insert(text_.end(), s.begin(), s.end());
            ends_.push_back(text_.size());
        }
        [[nodiscard]] StringPool build() && { return {std::move(text_), std::move(ends_)}; }

      private:
        Column<char> text_;
        Column<std::uint64_t> ends_;
    };

    StringPool() = default;
    StringPool(Array<char> text, Array<std::uint64_t> ends)
        : text_(std::move(text)), ends_(std::move(ends)) {}

    [[nodiscard]] std::size_t size() const noexcept { return ends_.size(); }

    // Empty where an unverified snapshot holds nonsense.
    [[nodiscard]] std::string_view operator[](std::size_t i) const noexcept {
        const std::uint64_t begin = i == 0 ? 0 : ends_[i - 1], end = ends_[i];
        if (begin > end || end > text_.size()) return {};
        return {text_.data() + begin, static_cast<std::size_t>(end - begin)};
    }

    // Two steps towards a string: ask for its place, and once that is there for its text.
    void prefetch_place(std::size_t i) const noexcept { prefetch(ends_.data() + i); }
    void prefetch_text(std::size_t i) const noexcept {
        prefetch(text_.data() + std::min<std::uint64_t>(i == 0 ? 0 : ends_[i - 1], text_.size()));
    }

    // Calls visit(number, array) for each of the arrays that a snapshot keeps.
    template <class Self, class Visit>
    static void for_each_part(Self& self, Visit&& visit) {
        visit(0, self.text_);
        visit(1, self.ends_);
    }

  private:
    Array<char> text_;
    Array<std::uint64_t> ends_;
};

}  // namespace platewatch
