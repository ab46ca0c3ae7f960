// Where memory comes from: what replaces the operators of C++ in a program that pw_set_allocator is linked
// into.
#include <cstdlib>
#include <new>

#if defined(_WIN32)
#include <malloc.h>
#endif

#include "c_api/status.hpp"

using namespace platewatch::c;

namespace {

// Constant-initialised, as memory may be asked for before any constructor has run.
pw_allocator the_allocator = {sizeof(pw_allocator), 0, nullptr, nullptr, nullptr};

#if defined(__cpp_exceptions)
// In front of each piece, as the plain `delete` is not told the size.
struct Piece {
    std::size_t bytes, alignment;
};
#endif

std::size_t in_front(std::size_t alignment) {
    return (sizeof(Piece) + alignment - 1) / alignment * alignment;
}

void* system_allocate(std::size_t bytes, std::size_t alignment) noexcept {
#if defined(_WIN32)
    return ::_aligned_malloc(bytes, alignment);
#else
    return std::aligned_alloc(alignment, bytes);
#endif
}

void system_release(void* memory) noexcept {
#if defined(_WIN32)
    ::_aligned_free(memory);
#else
    std::free(memory);
#endif
}

void* allocate(std::size_t size, std::size_t alignment) noexcept {
    if (alignment < alignof(std::max_align_t)) alignment = alignof(std::max_align_t);
    const std::size_t front = in_front(alignment);
    if (size > SIZE_MAX - front - alignment) return nullptr;
    const std::size_t bytes = (size + front + alignment - 1) / alignment * alignment;
    void* const memory = the_allocator.allocate != nullptr
                             ? the_allocator.allocate(the_allocator.context, bytes, alignment)
                             : system_allocate(bytes, alignment);
    if (memory == nullptr) return nullptr;
    auto* const out = static_cast<unsigned char*>(memory) + front;
    auto* const piece = ::new (static_cast<void*>(out - sizeof(Piece))) Piece;
    piece->bytes = bytes;
    piece->alignment = alignment;
#if !defined(__cpp_exceptions)
    if (Call* const call = Call::current()) call->pieces().add(*piece);
#endif
    return out;
}

void release(void* memory) noexcept {
    if (memory == nullptr) return;
    auto* const out = static_cast<unsigned char*>(memory);
    auto* const in_front_of_it = reinterpret_cast<Piece*>(out - sizeof(Piece));
#if !defined(__cpp_exceptions)
    in_front_of_it->take_out();
#endif
    const Piece piece = *in_front_of_it;
    void* const start = out - in_front(piece.alignment);
    if (the_allocator.release != nullptr) {
        the_allocator.release(the_allocator.context, start, piece.bytes, piece.alignment);
    } else {
        system_release(start);
    }
}

void* allocate_or_raise(std::size_t size, std::size_t alignment) {
    void* const memory = allocate(size, alignment);
    if (memory == nullptr) platewatch::raise<std::bad_alloc>();
    return memory;
}

}  // namespace

#if !defined(__cpp_exceptions)

void Pieces::give_back() noexcept {
    while (first_.behind != &first_) {
        Piece& piece = *first_.behind;
        piece.take_out();
        if (piece.undo != nullptr) piece.undo(&piece + 1);
        release(&piece + 1);
    }
}

void platewatch::undo_when_left(void* memory, void (*undo)(void*)) noexcept {
    (static_cast<Piece*>(memory) - 1)->undo = undo;
}

#endif

void* operator new(std::size_t size) { return allocate_or_raise(size, alignof(std::max_align_t)); }
void* operator new[](std::size_t size) { return allocate_or_raise(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return allocate(size, alignof(std::max_align_t));
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return allocate(size, alignof(std::max_align_t));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
    return allocate_or_raise(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
    return allocate_or_raise(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }

pw_status pw_set_allocator(const pw_allocator* allocator) {
    return guarded([&] {
        const pw_allocator& given = checked(allocator);
        if (given.allocate == nullptr || given.release == nullptr)
            end_call(PW_ERROR_ARGUMENT, "an allocator has two functions");
        the_allocator = given;
    });
}
