// What the fuzz targets share. Each defines LLVMFuzzerTestOneInput, which libFuzzer calls with inputs that it
// makes up, and replay.cpp with those of the corpus.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace platewatch::fuzz {

// An input as a row of small choices, one byte each, so that a changed byte changes one choice. Behind the
// last byte, every choice is 0.
class Bytes {
  public:
    Bytes(const std::uint8_t* data, std::size_t size) : left_(data, size) {}

    [[nodiscard]] bool empty() const { return left_.empty(); }
    [[nodiscard]] std::span<const std::uint8_t> rest() const { return left_; }

    std::uint8_t next() {
        if (left_.empty()) return 0;
        const std::uint8_t byte = left_.front();
        left_ = left_.subspan(1);
        return byte;
    }

    // Precondition: n > 0; over 256 it takes two bytes.
    std::size_t below(std::size_t n) {
        std::size_t choice = next();
        if (n > 256) choice = choice << 8 | next();
        return choice % n;
    }

    bool one_in(std::size_t n) { return below(n) == n - 1; }

    template <class Range>
    const auto& of(const Range& range) {
        return range[below(std::size(range))];
    }

  private:
    std::span<const std::uint8_t> left_;
};

[[noreturn]] inline void fail(const std::string& message) {
    std::fprintf(stderr, "\n== platewatch: %s\n", message.c_str());
    __builtin_trap();
}

// Code points as text that can be pasted into a test, whatever they are.
[[nodiscard]] inline std::string escaped(std::u32string_view text) {
    std::string out = "U\"";
    for (const char32_t c : text) {
        char code[16];
        std::snprintf(code, sizeof code, c < 0x10000 ? "\\u%04X" : "\\U%08X", static_cast<unsigned>(c));
        out += c >= 0x20 && c < 0x7F && c != '"' && c != '\\' ? std::string(1, static_cast<char>(c)) : code;
    }
    return out + "\"";
}

}  // namespace platewatch::fuzz
