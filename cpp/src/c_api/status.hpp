// What every function of the C API does: arguments are checked, and exceptions become statuses.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string_view>

#include "platewatch.h"

namespace platewatch::c {

// Ends a call. Made of a literal, so that it asks for no memory.
struct Failure {
    pw_status status;
    std::string_view what;
};

class EntryRefused : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

class WriteFailed : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// Keeps the sentence for pw_last_error.
pw_status fail(pw_status status, std::string_view what) noexcept;

// The status of the exception that is being handled.
pw_status fail_by_exception() noexcept;

// `undo` is for what was not foreseen, such as memory that ran out.
template <class Work, class Undo>
pw_status guarded(const Work& work, const Undo& undo) noexcept {
    try {
        work();
        return PW_OK;
    } catch (const Failure& failure) {
        return fail(failure.status, failure.what);
    } catch (...) {
        undo();
        return fail_by_exception();
    }
}

template <class Work>
pw_status guarded(const Work& work) noexcept {
    return guarded(work, [] {});
}

template <class T>
T& checked_pointer(T* pointer) {
    if (pointer == nullptr) throw Failure{PW_ERROR_ARGUMENT, "NULL was given for what has to be there"};
    return *pointer;
}

// A struct that begins with its size. One of a newer header may say nothing that is not known here.
template <class T>
T& checked(T* given) {
    constexpr std::size_t kMost = 4096;
    T& known = checked_pointer(given);
    if (known.size < sizeof(T) || known.size > kMost)
        throw Failure{PW_ERROR_ARGUMENT, "a struct has a size that it cannot have"};
    const auto* const bytes = reinterpret_cast<const unsigned char*>(given);
    if (!std::all_of(bytes + sizeof(T), bytes + known.size, [](unsigned char byte) { return byte == 0; }))
        throw Failure{PW_ERROR_ARGUMENT, "a struct of a newer header says what is not known here"};
    return known;
}

// Of an array: its pointer may be NULL if it is empty.
template <class T>
const T* checked_array(const T* first, std::uint32_t count, std::uint32_t most) {
    if (first == nullptr && count != 0)
        throw Failure{PW_ERROR_ARGUMENT, "NULL was given for an array that is not empty"};
    if (count > most) throw Failure{PW_ERROR_ARGUMENT, "an array has more items than it may"};
    return first;
}

// Of structs that begin with their size, all with that of the first: one behind the other lie as many bytes
// as that says.
template <class T>
const T* checked_structs(const T* first, std::uint32_t count, std::uint32_t most) {
    checked_array(first, count, most);
    if (count > 0 && count > SIZE_MAX / checked(first).size)
        throw Failure{PW_ERROR_ARGUMENT, "an array is larger than memory"};
    return first;
}

inline std::string_view checked_text(const char* text, std::uint32_t size) {
    if (text == nullptr && size != 0)
        throw Failure{PW_ERROR_ARGUMENT, "NULL was given for a text that is not empty"};
    return {text, size};
}

}  // namespace platewatch::c
