// Where memory comes from: what replaces the operators of C++ in a program that pw_set_allocator is linked
// into.
#include <cstdlib>
#include <new>

#include "c_api/status.hpp"

namespace {

// Constant-initialised, as memory may be asked for before any constructor has run.
pw_allocator the_allocator = {sizeof(pw_allocator), 0, nullptr, nullptr, nullptr};

// In front of each piece, as the plain `delete` is not told the size.
struct Piece {
    std::size_t bytes, alignment;
};

std::size_t in_front(std::size_t alignment) { return alignment > sizeof(Piece) ? alignment : sizeof(Piece); }

void* allocate(std::size_t size, std::size_t alignment) noexcept {
    if (alignment < alignof(std::max_align_t)) alignment = alignof(std::max_align_t);
    const std::size_t front = in_front(alignment);
    if (size > SIZE_MAX - front - alignment) return nullptr;
    const std::size_t bytes = (size + front + alignment - 1) / alignment * alignment;
    void* const memory = the_allocator.allocate != nullptr
                             ? the_allocator.allocate(the_allocator.context, bytes, alignment)
                             : std::aligned_alloc(alignment, bytes);
    if (memory == nullptr) return nullptr;
    auto* const out = static_cast<unsigned char*>(memory) + front;
    *reinterpret_cast<Piece*>(out - sizeof(Piece)) = {bytes, alignment};
    return out;
}

void release(void* memory) noexcept {
    if (memory == nullptr) return;
    auto* const out = static_cast<unsigned char*>(memory);
    const Piece piece = *reinterpret_cast<Piece*>(out - sizeof(Piece));
    void* const start = out - in_front(piece.alignment);
    if (the_allocator.release != nullptr) {
        the_allocator.release(the_allocator.context, start, piece.bytes, piece.alignment);
    } else {
        std::free(start);
    }
}

void* allocate_or_throw(std::size_t size, std::size_t alignment) {
    void* const memory = allocate(size, alignment);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}

}  // namespace

void* operator new(std::size_t size) { return allocate_or_throw(size, alignof(std::max_align_t)); }
void* operator new[](std::size_t size) { return allocate_or_throw(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return allocate(size, alignof(std::max_align_t));
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return allocate(size, alignof(std::max_align_t));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
    return allocate_or_throw(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
    return allocate_or_throw(size, static_cast<std::size_t>(alignment));
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
    using namespace platewatch::c;
    return guarded([&] {
        const pw_allocator& given = checked(allocator);
        if (given.allocate == nullptr || given.release == nullptr)
            throw Failure{PW_ERROR_ARGUMENT, "an allocator has two functions"};
        the_allocator = given;
    });
}
