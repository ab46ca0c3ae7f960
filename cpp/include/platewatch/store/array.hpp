// An array that owns its elements, or looks at those of somebody else: a mapped snapshot.
#pragma once

#include <cstddef>
#include <new>
#include <span>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace platewatch {

// Memory in huge pages where there is much of it: look-ups touch random places, and with small pages most of
// them would miss the translation buffer too.
template <class T>
struct HugePageAllocator {
    using value_type = T;

    static constexpr std::size_t kHugePage = std::size_t{1} << 21;
#if defined(PLATEWATCH_LITTLE_MEMORY)  // a device has little memory, and its allocator gives all of it
    static constexpr bool kUsed = false;
#else
    static constexpr bool kUsed = true;
#endif

    HugePageAllocator() = default;
    template <class U>
    explicit(false) HugePageAllocator(const HugePageAllocator<U>&) noexcept {}

    [[nodiscard]] T* allocate(std::size_t n) {
        const std::size_t bytes = n * sizeof(T);
        if (!kUsed || bytes < kHugePage)
            return static_cast<T*>(::operator new(bytes, std::align_val_t{alignof(T)}));
        const std::size_t whole = (bytes + kHugePage - 1) / kHugePage * kHugePage;
        void* memory = ::operator new(whole, std::align_val_t{kHugePage});
#if defined(__linux__)
        madvise(memory, whole, MADV_HUGEPAGE);  // advice: without it all is well, but slower
#endif
        return static_cast<T*>(memory);
    }
    void deallocate(T* memory, std::size_t n) noexcept {
        const bool is_large = kUsed && n * sizeof(T) >= kHugePage;
        ::operator delete(memory, std::align_val_t{is_large ? kHugePage : alignof(T)});
    }
    friend bool operator==(const HugePageAllocator&, const HugePageAllocator&) noexcept { return true; }
};

// What an index is built in.
template <class T>
using Column = std::vector<T, HugePageAllocator<T>>;

template <class T>
class Array {
  public:
    Array() = default;
    explicit(false) Array(Column<T> elements) : owned_(std::move(elements)), view_(owned_) {}
    explicit Array(std::span<const T> elements) noexcept : view_(elements) {}

    // A move keeps the elements where they are, and so the view.
    Array(Array&&) noexcept = default;
    Array& operator=(Array&&) noexcept = default;
    Array(const Array&) = delete;
    Array& operator=(const Array&) = delete;
    ~Array() = default;

    [[nodiscard]] const T* data() const noexcept { return view_.data(); }
    [[nodiscard]] std::size_t size() const noexcept { return view_.size(); }
    [[nodiscard]] std::size_t size_bytes() const noexcept { return view_.size_bytes(); }
    [[nodiscard]] bool empty() const noexcept { return view_.empty(); }
    [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return view_[i]; }
    [[nodiscard]] auto begin() const noexcept { return view_.begin(); }
    [[nodiscard]] auto end() const noexcept { return view_.end(); }
    [[nodiscard]] std::span<const T> view() const noexcept { return view_; }

  private:
    Column<T> owned_;
    std::span<const T> view_;
};

}  // namespace platewatch
