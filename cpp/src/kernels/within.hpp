// The body of a kernel, included once inside each kernel's namespace and target region, below its `Vector`:
// several keys side by side in 64-bit lanes, with
//   static constexpr std::size_t kLanes;
//   static Vector load(const Key8*), broadcast(Key8);
//   Vector operator^(Vector, Vector), operator+(Vector, Vector), max(Vector, Vector);
//   Vector shifted(Vector bits) const;  lanes shifted left; by 64 to 127: 0
//   Vector shifted(std::uint32_t bits) const;  the same by one count
//   Vector common_bits() const;         leading zeros of each lane in whole bytes; 64 for 0
// and `Zeros`, the lanes that were 0 in some vector:
//   static Zeros none(); void add(Vector); std::uint64_t mask() const;  bit i: lane i
//
// The recursion is that of bounded_distance in distance.hpp, unrolled for K edits and with positions in bits.
// A lane shifts by more than 127 only once it is found, when what it holds counts no more. Until then each
// difference lay inside the read or the key: used[] is thus at most 56 + 8 (K - 1), of_read 8 more than that,
// and of_key another 8 K.
//
// There is no include guard: it is included more than once.

// Bit i: lane i of `keys` is within K edits of the read.
template <unsigned K>
[[gnu::always_inline]] inline std::uint64_t within_lanes(Vector read, Vector keys) noexcept {
    constexpr int kDiagonals = 2 * static_cast<int>(K) + 1;
    constexpr int kCentre = static_cast<int>(K);
    static_assert(56 + 16 * K < 128);  // of_key, as said above
    const Vector difference = read ^ keys;
    Zeros done = Zeros::none();
    done.add(difference);
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
                // The furthest of up to three: another symbol, the read lacks one, the read has one more.
                Vector of_read;
                if (d == edits) {
                    of_read = used[at - 1];
                } else if (d == -edits) {
                    of_read = used[at + 1] + symbol;
                } else {
                    of_read = used[at] + symbol;
                    if (d > -edits + 1) of_read = max(of_read, used[at - 1]);
                    if (d < edits - 1) of_read = max(of_read, used[at + 1] + symbol);
                }
                const Vector of_key = of_read + Vector::broadcast(static_cast<Key8>(std::int64_t{8} * d));
                const Vector rest = read.shifted(of_read) ^ keys.shifted(of_key);
                done.add(rest);
                next[at] = of_read + rest.common_bits();
            }
#pragma GCC unroll 8
            for (int d = -edits; d <= edits; ++d) used[kCentre + d] = next[kCentre + d];
        }
    }
    return done.mask();
}

template <unsigned K>
inline void scan_all(const Scan<Key8>* scans, std::size_t size, Found<Key8> found, void* context) {
    for (std::size_t s = 0; s < size; ++s) {
        const Scan<Key8>& scan = scans[s];
        const Vector read = Vector::broadcast(scan.read);
        for (std::uint32_t first = 0; first < scan.count; first += kKernelBlock) {
            const std::uint32_t left = scan.count - first;
            // Two vectors at least: most ranges have one or two, and which of them no processor foresees.
            constexpr std::uint32_t kLanes = Vector::kLanes;
            const Key8* keys = scan.keys + first;
            const auto within = [&](std::uint32_t i) __attribute__((always_inline)) {
                return within_lanes<K>(read, Vector::load(keys + i).shifted(8 * scan.skip)) << i;
            };
            std::uint64_t mask = within(0) | within(kLanes);
            for (std::uint32_t i = 2 * kLanes; i < left && i < kKernelBlock; i += kLanes) mask |= within(i);
            if (left < kKernelBlock) mask &= (std::uint64_t{1} << left) - 1;
            if (mask != 0) found(context, scan, first, mask);
        }
    }
}

inline void scan(const Scan<Key8>* scans, std::size_t size, unsigned k, Found<Key8> found, void* context) {
    switch (k) {
        case 0:
            return scan_all<0>(scans, size, found, context);
        case 1:
            return scan_all<1>(scans, size, found, context);
        case 2:
            return scan_all<2>(scans, size, found, context);
        default:
            return scan_all<3>(scans, size, found, context);
    }
}
