// How work that cannot go on ends: by an exception; or, where the library is built without them, by leaving
// the call of the C API that the work is for (call.hpp).
//
// A call that is left runs no destructor. The memory that it asked for is given back all the same, and what
// undo_when_left() names is undone; so where raise() may be called, or memory asked for, nothing else may be
// held: no lock, no open file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace platewatch {

#if defined(__cpp_exceptions)

using RuntimeError = std::runtime_error;

#define PLATEWATCH_ENDING(ending, detail_of_it)

template <class Error, class... Args>
[[noreturn]] void raise(Args&&... args) {
    throw Error(std::forward<Args>(args)...);
}

// What the system refused, by errno.
[[noreturn]] inline void raise_errno(int error, const std::string& what) {
    throw std::system_error(error, std::generic_category(), what);
}

// work(); where that raises an Error, otherwise(error), which has to raise another.
template <class Error, class Work, class Otherwise>
decltype(auto) renaming(const Work& work, const Otherwise& otherwise) {
    try {
        return work();
    } catch (const Error& error) {
        otherwise(error);
        throw;
    }
}

template <class Object>
void undo_when_left(Object*) noexcept {}

#else

// What stands for the classes of exceptions.
enum class Ending : std::uint8_t { memory, logic, file, damaged, format, manifest, bundle, said };

// Of our own errors.
class RuntimeError {
  public:
    explicit RuntimeError(std::string what) : what_(std::move(what)) {}
    [[nodiscard]] std::string_view what() const noexcept { return what_; }

  private:
    std::string what_;
};

// In such a class: its ending, and which of that's kinds it is.
#define PLATEWATCH_ENDING(ending, detail_of_it)       \
    static constexpr Ending kEnding = Ending::ending; \
    [[nodiscard]] std::int32_t detail() const noexcept { return static_cast<std::int32_t>(detail_of_it); }

[[noreturn]] void leave(Ending ending, std::string_view what, std::int32_t detail = 0) noexcept;
// `undo` is called with a piece of memory that was asked for by `new`, before it is given back.
void undo_when_left(void* piece, void (*undo)(void*)) noexcept;

template <class Error, class... Args>
[[noreturn]] void raise(Args&&... args) {
    if constexpr (std::is_same_v<Error, std::bad_alloc>) {
        leave(Ending::memory, {});
    } else if constexpr (std::is_base_of_v<std::logic_error, Error>) {
        leave(Ending::logic, std::string_view(args...));
    } else {
        const Error error(std::forward<Args>(args)...);
        leave(Error::kEnding, error.what(), error.detail());
    }
}

[[noreturn]] inline void raise_errno(int error, const std::string& what) {
    leave(Ending::file, what + ": error " + std::to_string(error));
}

// Here the ending says as much as the caller would.
template <class Error, class Work, class Otherwise>
decltype(auto) renaming(const Work& work, const Otherwise&) {
    return work();
}

template <class Object>
void undo_when_left(Object* object) noexcept {
    undo_when_left(object, [](void* of) { static_cast<Object*>(of)->~Object(); });
}

#endif

}  // namespace platewatch
