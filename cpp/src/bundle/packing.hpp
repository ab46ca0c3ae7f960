// The sections of a payload that are runs of numbers and texts: payload.hpp.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platewatch/base/raise.hpp"
#include "platewatch/store/snapshot.hpp"

namespace platewatch {

static_assert(std::endian::native == std::endian::little, "snapshots are not written on other machines");

class Packer {
  public:
    void u32(std::uint64_t value) {
        if (value > std::numeric_limits<std::uint32_t>::max()) raise<std::length_error>("too many items");
        number(static_cast<std::uint32_t>(value));
    }
    void f64(double value) { number(value); }
    void text(std::string_view text) {
        u32(text.size());
        raw(std::as_bytes(std::span(text)));
    }
    template <class T>
    void numbers(std::span<const T> values) {
        u32(values.size());
        raw(std::as_bytes(values));
    }
    // Those of one value after another, in a list that each value has a place in: most tables share some.
    std::uint32_t place_of(std::span<const double> values) {
        const auto [known, is_new] =
            places_.try_emplace({values.begin(), values.end()}, static_cast<std::uint32_t>(places_.size()));
        if (is_new) arrays_.push_back(&known->first);
        return known->second;
    }
    void append(const Packer& other) { raw(other.bytes_); }
    void shared_arrays(const Packer& of) {
        u32(of.arrays_.size());
        for (const std::vector<double>* values : of.arrays_) numbers(std::span<const double>(*values));
    }
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

  private:
    template <class T>
    void number(T value) {
        raw(std::as_bytes(std::span(&value, 1)));
    }
    void raw(std::span<const std::byte> bytes) {
        const std::size_t before = bytes_.size();
        bytes_.resize(before + bytes.size());
        if (!bytes.empty()) std::memcpy(bytes_.data() + before, bytes.data(), bytes.size());
    }

    std::vector<std::byte> bytes_;
    std::map<std::vector<double>, std::uint32_t> places_;
    std::vector<const std::vector<double>*> arrays_;
};

class Unpacker {
  public:
    Unpacker(std::span<const std::byte> bytes, std::string what) : left_(bytes), what_(std::move(what)) {}

    [[noreturn]] void refuse(const char* why) const { raise<SnapshotError>(what_ + " " + why); }

    void version(std::uint32_t known) {
        if (u32() != known)
            raise<UnknownFormat>(what_ + " is of a version that this platewatch does not read");
    }
    std::uint32_t u32() { return number<std::uint32_t>(); }
    double f64() { return number<double>(); }
    bool flag() {
        const std::uint32_t value = u32();
        if (value > 1) refuse("is damaged");
        return value == 1;
    }
    // Of items that take at least so many bytes each.
    std::size_t count(std::size_t least) {
        const std::size_t items = u32();
        if (items > left_.size() / least) refuse("is cut short");
        return items;
    }
    std::string text() {
        const std::span<const std::byte> bytes = take(count(1));
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
    template <class T>
    std::vector<T> numbers() {
        const std::span<const std::byte> bytes = take(count(sizeof(T)) * sizeof(T));
        std::vector<T> out(bytes.size() / sizeof(T));
        if (!out.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
        return out;
    }
    void end() const {
        if (!left_.empty()) refuse("is longer than it says");
    }

  private:
    std::span<const std::byte> take(std::size_t bytes) {
        if (bytes > left_.size()) refuse("is cut short");
        const auto taken = left_.first(bytes);
        left_ = left_.subspan(bytes);
        return taken;
    }
    template <class T>
    T number() {
        T value;
        std::memcpy(&value, take(sizeof value).data(), sizeof value);
        return value;
    }

    std::span<const std::byte> left_;
    std::string what_;
};

}  // namespace platewatch
