// The body of a kernel, included once inside each kernel's namespace and target region, below its `Vector`:
// several keys side by side in 64-bit lanes, with
//   static constexpr std::size_t kLanes;
//   static Vector load(const Key8*), broadcast(Key8);
//   Vector operator^(Vector, Vector), operator+(Vector, Vector), max(Vector, Vector);
//   Vector shifted(Vector bits) const;  lanes shifted left; by 64 or more: 0
//   Vector common_bits() const;         leading zeros of each lane in whole bytes; 64 for 0
//   std::uint64_t zero_lanes(Vector);  bit i: lane i is 0
//
// The recursion is that of bounded_distance in distance.hpp, unrolled for K edits and with positions in bits.
// There is no include guard: it is included more than once.

// Bit i: lane i of `keys` is within K edits of the read.
template <unsigned K>
inline std::uint64_t within_lanes(Vector read, Vector keys) noexcept {
    constexpr int kDiagonals = 2 * static_cast<int>(K) + 1;
    constexpr int kCentre = static_cast<int>(K);
    const Vector difference = read ^ keys;
    std::uint64_t done = zero_lanes(difference);
    if constexpr (K > 0) {
        const Vector symbol = Vector::broadcast(8);
        // used[kCentre + d]: bits of the read used up on diagonal d = (used of the key) - (used of the read).
        Vector used[kDiagonals];
        used[kCentre] = difference.common_bits();
#pragma GCC unroll 4
        for (int edits = 1; edits <= static_cast<int>(K); ++edits) {
            Vector next[kDiagonals];
#pragma GCC unroll 8
            for (int d = -edits; d <= edits; ++d) {
                const int at = kCentre + d;
                Vector of_read = Vector::broadcast(0);
                if (d > -edits && d < edits) of_read = used[at] + symbol;          // another symbol
                if (d > -edits + 1) of_read = max(of_read, used[at - 1]);          // the read lacks one
                if (d < edits - 1) of_read = max(of_read, used[at + 1] + symbol);  // the read has one more
                const Vector of_key = of_read + Vector::broadcast(static_cast<Key8>(std::int64_t{8} * d));
                const Vector rest = read.shifted(of_read) ^ keys.shifted(of_key);
                done |= zero_lanes(rest);
                next[at] = of_read + rest.common_bits();
            }
#pragma GCC unroll 8
            for (int d = -edits; d <= edits; ++d) used[kCentre + d] = next[kCentre + d];
        }
    }
    return done;
}

template <unsigned K>
inline std::uint64_t within_block(const Key8* keys, std::size_t count, Key8 read) noexcept {
    const Vector reads = Vector::broadcast(read);
    std::uint64_t found = 0;
    for (std::size_t i = 0; i < count; i += Vector::kLanes) {
        found |= within_lanes<K>(reads, Vector::load(keys + i)) << i;
    }
    return count < kKernelBlock ? found & ((std::uint64_t{1} << count) - 1) : found;
}

inline std::uint64_t within(const Key8* keys, std::size_t count, Key8 read, unsigned k) noexcept {
    switch (k) {
        case 0:
            return within_block<0>(keys, count, read);
        case 1:
            return within_block<1>(keys, count, read);
        case 2:
            return within_block<2>(keys, count, read);
        default:
            return within_block<3>(keys, count, read);
    }
}
