// How calls are left where the library is built without exceptions: base/raise.hpp.
#pragma once

#if !defined(__cpp_exceptions)

#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "platewatch/base/raise.hpp"

namespace platewatch::c {

// In front of each piece of memory.
struct Piece {
    Piece *before = this, *behind = this;  // of the same Pieces, or alone
    std::size_t bytes = 0, alignment = 0;
    void (*undo)(void* memory) = nullptr;

    void add(Piece& other) noexcept {
        other.before = this, other.behind = behind;
        behind->before = &other;
        behind = &other;
    }
    void take_out() noexcept {
        before->behind = behind;
        behind->before = before;
        before = behind = this;
    }
};

// Memory that goes back as a whole, whoever points to it.
class Pieces {
  public:
    Pieces() = default;
    Pieces(const Pieces&) = delete;
    Pieces& operator=(const Pieces&) = delete;

    void add(Piece& piece) noexcept { first_.add(piece); }
    // Each is by itself from now on.
    void let_go() noexcept {
        while (first_.behind != &first_) first_.behind->take_out();
    }
    void give_back() noexcept;

  private:
    Piece first_;
};

// A call that can be left: what it asks for goes to `pieces`. Calls may be inside one another.
class Call {
  public:
    explicit Call(Pieces& pieces) noexcept : pieces_(&pieces) {}

    // Does work(of); false: it was left.
    [[nodiscard]] bool run(void (*work)(const void* of), const void* of) noexcept;

    // Of a call that was left.
    Ending ending = Ending::said;
    std::int32_t detail = 0;
    [[nodiscard]] std::string_view what() const noexcept { return {what_.data(), what_size_}; }

    // The innermost call of this thread, or null.
    [[nodiscard]] static Call* current() noexcept;
    [[nodiscard]] Pieces& pieces() noexcept { return *pieces_; }
    [[noreturn]] void leave(Ending of, std::string_view what, std::int32_t detail) noexcept;

  private:
    Pieces* pieces_;
    Call* outer_ = nullptr;
    std::array<char, 256> what_;
    std::size_t what_size_ = 0;
    std::jmp_buf back_;
};

}  // namespace platewatch::c

#endif
