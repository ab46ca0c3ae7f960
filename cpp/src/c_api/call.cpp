#include "c_api/call.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace platewatch::c {
namespace {

thread_local Call* current_call = nullptr;

}  // namespace

Call* Call::current() noexcept { return current_call; }

bool Call::run(void (*work)(const void* of), const void* of) noexcept {
    outer_ = std::exchange(current_call, this);
    const bool ended = setjmp(back_) == 0;
    if (ended) work(of);
    current_call = outer_;
    return ended;
}

// What `what` points to may go with the call.
void Call::leave(Ending as, std::string_view what, std::int32_t which) noexcept {
    ending = as;
    detail = which;
    what_size_ = std::min(what.size(), what_.size());
    std::copy_n(what.begin(), what_size_, what_.begin());
    std::longjmp(back_, 1);
}

}  // namespace platewatch::c

namespace platewatch {

void leave(Ending ending, std::string_view what, std::int32_t detail) noexcept {
    c::Call* const call = c::Call::current();
    if (call == nullptr) __builtin_trap();  // every function that may fail is inside one
    call->leave(ending, what, detail);
}

}  // namespace platewatch

// What the C++ library calls where it would throw. It brings others of its own, which do.
namespace std {

void __throw_bad_alloc() { platewatch::leave(platewatch::Ending::memory, {}); }
void __throw_bad_array_new_length() { platewatch::leave(platewatch::Ending::memory, {}); }
void __throw_length_error(const char* what) { platewatch::leave(platewatch::Ending::memory, what); }
void __throw_logic_error(const char* what) { platewatch::leave(platewatch::Ending::logic, what); }
void __throw_out_of_range(const char* what) { platewatch::leave(platewatch::Ending::logic, what); }
void __throw_out_of_range_fmt(const char* what, ...) { platewatch::leave(platewatch::Ending::logic, what); }
void __throw_bad_function_call() { platewatch::leave(platewatch::Ending::logic, "an empty function"); }
// By what make_shared asks for itself, where there is no RTTI.
bool _Sp_make_shared_tag::_S_eq(const type_info&) noexcept { return false; }
void __throw_system_error(int) { platewatch::leave(platewatch::Ending::file, "a lock cannot be taken"); }

}  // namespace std

extern "C" void __cxa_pure_virtual() { platewatch::leave(platewatch::Ending::logic, "a pure function"); }
