// Asking for memory before it is needed.
#pragma once

namespace platewatch {

// Asks for the line of the cache that an address is in. What only does that has no effect to GCC, which
// leaves out calls of such functions that it does not inline (seen with 12); the empty statement is one that
// it keeps.
[[gnu::always_inline]] inline void prefetch(const void* address) noexcept {
    __builtin_prefetch(address);
    asm volatile("");
}

}  // namespace platewatch
