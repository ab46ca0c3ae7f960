// What every function of the C API does: arguments are checked, and whatever ends the work becomes a status.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string_view>

#include "c_api/call.hpp"
#include "platewatch.h"
#include "platewatch/base/raise.hpp"

namespace platewatch::c {

// Keeps the sentence for pw_last_error.
pw_status fail(pw_status status, std::string_view what) noexcept;

#if defined(__cpp_exceptions)

// Ends a call. Made of a literal, so that it asks for no memory.
struct Failure {
    pw_status status;
    std::string_view what;
};

[[noreturn]] inline void end_call(pw_status status, std::string_view what) { throw Failure{status, what}; }

class EntryRefused : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

class WriteFailed : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// Nothing ends the call from here on: other threads may see, and give back, what it has asked for.
inline void settle() noexcept {}

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

#else

[[noreturn]] inline void end_call(pw_status status, std::string_view what) {
    leave(Ending::said, what, status);
}

inline void settle() noexcept { Call::current()->pieces().let_go(); }

// The status of a call that was left.
pw_status fail_by_leaving(const Call& call) noexcept;

// What is asked for goes to `pieces`, and `undo` is for what was not foreseen, such as memory that ran out:
// it gives them back.
template <class Work, class Undo>
pw_status guarded(const Work& work, const Undo& undo, Pieces& pieces) noexcept {
    Call call(pieces);
    if (call.run([](const void* of) { (*static_cast<const Work*>(of))(); }, &work)) return PW_OK;
    if (call.ending != Ending::said) undo();
    return fail_by_leaving(call);
}

template <class Work>
pw_status guarded(const Work& work) noexcept {
    Pieces pieces;
    const pw_status status = guarded(work, [] {}, pieces);
    if (status == PW_OK)
        pieces.let_go();
    else
        pieces.give_back();
    return status;
}

#endif

template <class T>
T& checked_pointer(T* pointer) {
    if (pointer == nullptr) end_call(PW_ERROR_ARGUMENT, "NULL was given for what has to be there");
    return *pointer;
}

// A struct that begins with its size. One of a newer header may say nothing that is not known here.
template <class T>
T& checked(T* given) {
    constexpr std::size_t kMost = 4096;
    T& known = checked_pointer(given);
    if (known.size < sizeof(T) || known.size > kMost)
        end_call(PW_ERROR_ARGUMENT, "a struct has a size that it cannot have");
    const auto* const bytes = reinterpret_cast<const unsigned char*>(given);
    if (!std::all_of(bytes + sizeof(T), bytes + known.size, [](unsigned char byte) { return byte == 0; }))
        end_call(PW_ERROR_ARGUMENT, "a struct of a newer header says what is not known here");
    return known;
}

// Of an array: its pointer may be NULL if it is empty.
template <class T>
const T* checked_array(const T* first, std::uint32_t count, std::uint32_t most) {
    if (first == nullptr && count != 0)
        end_call(PW_ERROR_ARGUMENT, "NULL was given for an array that is not empty");
    if (count > most) end_call(PW_ERROR_ARGUMENT, "an array has more items than it may");
    return first;
}

// Of structs that begin with their size, all with that of the first: one behind the other lie as many bytes
// as that says.
template <class T>
const T* checked_structs(const T* first, std::uint32_t count, std::uint32_t most) {
    checked_array(first, count, most);
    if (count > 0 && count > SIZE_MAX / checked(first).size)
        end_call(PW_ERROR_ARGUMENT, "an array is larger than memory");
    return first;
}

inline std::string_view checked_text(const char* text, std::uint32_t size) {
    if (text == nullptr && size != 0)
        end_call(PW_ERROR_ARGUMENT, "NULL was given for a text that is not empty");
    return {text, size};
}

}  // namespace platewatch::c
