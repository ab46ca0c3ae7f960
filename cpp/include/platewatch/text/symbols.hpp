// A canonical plate as symbols: what normalisation yields and everything else works on.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace platewatch {

inline constexpr std::size_t kMaxSymbols = 16;

// Stands for a character that the recogniser could not read. It equals nothing, not even itself.
inline constexpr char32_t kUnknownSymbol = U'?';

// At most 16 code points, held in place so that no read ever allocates.
class Symbols {
  public:
    constexpr Symbols() noexcept = default;

    // Precondition: text.size() <= kMaxSymbols.
    constexpr explicit Symbols(std::u32string_view text) noexcept {
        for (const char32_t c : text) push_back(c);
    }

    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
    [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] constexpr bool full() const noexcept { return size_ == kMaxSymbols; }
    [[nodiscard]] constexpr char32_t& back() noexcept { return symbols_[size_ - 1]; }
    // Room for kMaxSymbols, whatever the size.
    [[nodiscard]] constexpr const char32_t* data() const noexcept { return symbols_.data(); }
    [[nodiscard]] constexpr std::u32string_view view() const noexcept { return {symbols_.data(), size_}; }

    // Precondition: !full().
    constexpr void push_back(char32_t c) noexcept { symbols_[size_++] = c; }
    constexpr void clear() noexcept { size_ = 0; }
    // Room for kMaxSymbols, of which the first `size` are to be written. Precondition: size <= kMaxSymbols.
    [[nodiscard]] constexpr char32_t* resized(std::size_t size) noexcept {
        size_ = static_cast<std::uint8_t>(size);
        return symbols_.data();
    }

    friend constexpr bool operator==(const Symbols& a, const Symbols& b) noexcept {
        return a.view() == b.view();
    }

  private:
    std::array<char32_t, kMaxSymbols> symbols_{};
    std::uint8_t size_ = 0;
};

[[nodiscard]] std::string to_utf8(std::u32string_view text);
void append_utf8(char32_t c, std::string& out);

}  // namespace platewatch
