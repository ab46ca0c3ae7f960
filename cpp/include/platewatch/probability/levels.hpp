// One number for each noise level, and arithmetic on all of them at once.
//
// Aligned for the widest vectors that a function may be compiled for (widest.hpp), whatever the baseline is.
#pragma once

#include <cstddef>

#include "platewatch/probability/channel_table.hpp"

namespace platewatch {

class alignas(ChannelRates::kLevels * sizeof(double)) Levels {
    using Vector = double __attribute__((vector_size(ChannelRates::kLevels * sizeof(double))));

  public:
    [[gnu::always_inline]] Levels() noexcept : values_{} {}
    // The same number for each.
    [[gnu::always_inline]] Levels(double all) noexcept : values_(Vector{} + all) {}

    template <class Value>
    [[nodiscard]] static Levels of(const Value& value) {
        Levels out;
        for (std::size_t l = 0; l < ChannelRates::kLevels; ++l) out.values_[l] = value(l);
        return out;
    }

    [[nodiscard, gnu::always_inline]] double operator[](std::size_t level) const noexcept {
        return values_[level];
    }
    [[nodiscard, gnu::always_inline]] double sum() const noexcept {
        double sum = values_[0];
        for (std::size_t l = 1; l < ChannelRates::kLevels; ++l) sum += values_[l];
        return sum;
    }

    [[gnu::always_inline]] Levels& operator+=(const Levels& other) noexcept {
        values_ += other.values_;
        return *this;
    }
    [[gnu::always_inline]] Levels& operator-=(const Levels& other) noexcept {
        values_ -= other.values_;
        return *this;
    }
    [[gnu::always_inline]] Levels& operator*=(const Levels& other) noexcept {
        values_ *= other.values_;
        return *this;
    }
    [[gnu::always_inline]] Levels& operator/=(const Levels& other) noexcept {
        values_ /= other.values_;
        return *this;
    }
    [[nodiscard, gnu::always_inline]] friend Levels operator+(Levels a, const Levels& b) noexcept {
        return a += b;
    }
    [[nodiscard, gnu::always_inline]] friend Levels operator-(Levels a, const Levels& b) noexcept {
        return a -= b;
    }
    [[nodiscard, gnu::always_inline]] friend Levels operator*(Levels a, const Levels& b) noexcept {
        return a *= b;
    }
    [[nodiscard, gnu::always_inline]] friend Levels operator/(Levels a, const Levels& b) noexcept {
        return a /= b;
    }

  private:
    Vector values_;
};

}  // namespace platewatch
