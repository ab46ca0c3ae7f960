// The body of a kernel, included once inside each kernel's namespace and target region, below its `Vector`:
// several keys side by side in 64-bit lanes, with
//   static constexpr std::size_t kLanes;
//   static Vector load(const Key8*), broadcast(Key8), count(std::uint64_t);
//   Vector operator^(Vector, Vector), operator+(Vector, Vector), max(Vector, Vector);
//   Vector shifted(Vector bits) const;  lanes without so many bits of their first symbols; by 64 to 191: 0
//   Vector shifted(std::uint32_t bits) const;  the same by one count
//   Vector common_bits() const;         of each lane the bits of its first symbols that are 0; 64 for 0
//   std::uint64_t at_most(unsigned n) const;  bit i: lane i has at most n bytes that are not 0
// and `Zeros`, the lanes that were 0 in some vector:
//   static Zeros none(); void add(Vector); std::uint64_t mask() const;  bit i: lane i
//
// The recursion is that of bounded_distance in distance.hpp, unrolled for K edits and with positions in bits.
// On diagonal d, so many more symbols of the key than of the read are used up, what is compared is always the
// same pair of words, one of them shifted by |d| symbols: their difference is made once, and then only
// shifted by what both have used. Diagonals d and -d mirror each other: there the read and the key change
// places.
//
// What is left of a lane is above 0 until it is found, so what is used is at most 56 bits till then, and the
// next shift 64. A lane that is found stays found, as nothing is left of it, and shifts by up to 144 at the
// next edit: so it is enough to look after the last edit, of three after the last two.
//
// There is no include guard: it is included more than once.

// Bit i: lane i of `keys` is within K edits of the read. Where no key is longer than the read, an alignment
// ends on no diagonal beyond the centre, and need not go where it cannot come back from.
template <unsigned K, bool kNoneLonger>
[[gnu::always_inline]] inline std::uint64_t within_lanes(Vector read, Vector keys) noexcept {
    constexpr int kDiagonals = 2 * static_cast<int>(K) + 1;
    constexpr int kCentre = static_cast<int>(K);
    Vector difference[kDiagonals];
    difference[kCentre] = read ^ keys;
    Zeros done = Zeros::none();
    if constexpr (K == 0) {
        done.add(difference[kCentre]);
    } else {
        const Vector symbol = Vector::count(8);
#pragma GCC unroll 4
        for (std::uint32_t d = 1; d <= K; ++d) {
            difference[kCentre + d] = read ^ keys.shifted(8 * d);
            difference[kCentre - d] = read.shifted(8 * d) ^ keys;
        }
        // used[kCentre + d]: the bits that both have used up on diagonal d, beyond the shift.
        Vector used[kDiagonals];
        used[kCentre] = difference[kCentre].common_bits();
#pragma GCC unroll 4
        for (int edits = 1; edits <= static_cast<int>(K); ++edits) {
            const int most = kNoneLonger ? std::min(edits, static_cast<int>(K) - edits) : edits;
            Vector next[kDiagonals];
#pragma GCC unroll 8
            for (int d = -edits; d <= most; ++d) {
                const int at = kCentre + d;
                // The furthest of up to three ways here: another symbol, and one more on the one or other
                // side.
                const int ahead = d < 0 ? -d : d;
                const int inner = d < 0 ? at + 1 : at - 1, outer = d < 0 ? at - 1 : at + 1;
                Vector reached;
                if (ahead == edits) {
                    reached = used[inner];
                } else {
                    reached = used[at];
                    if (ahead + 1 < edits) reached = max(reached, used[outer]);
                    if (d == 0 && edits > 1) reached = max(reached, used[inner]);
                    reached = reached + symbol;
                    if (d != 0) reached = max(reached, used[inner]);
                }
                const Vector rest = difference[at].shifted(reached);
                const bool counts = edits == static_cast<int>(K) || edits > 1;
                if (counts && (!kNoneLonger || d <= 0)) done.add(rest);
                next[at] = reached + rest.common_bits();
            }
#pragma GCC unroll 8
            for (int d = -edits; d <= most; ++d) used[kCentre + d] = next[kCentre + d];
        }
    }
    return done.mask();
}

// Keys from which on it is worth a branch that no processor foresees to compare each of them with less.
inline constexpr std::uint32_t kWorthAChoice = 17, kMostSkipped = kKeySymbols<Key8> - 1;

// `within_read(read, keys)`: bit i: lane i of `keys` is to be found.
template <class Within>
[[gnu::always_inline]] inline void scan_one(const Within& within_read, const Scan<Key8>& scan,
                                            Found<Key8> found, void* context) {
    const Vector read = Vector::broadcast(scan.read);
    for (std::uint32_t first = 0; first < scan.count; first += kKernelBlock) {
        const std::uint32_t left = scan.count - first;
        // Two vectors at least: most ranges have one or two, and which of them no processor foresees.
        constexpr std::uint32_t kLanes = Vector::kLanes;
        const Key8* keys = scan.keys + first;
        const auto within = [&](std::uint32_t i) __attribute__((always_inline)) {
            return within_read(read, Vector::load(keys + i).shifted(8 * scan.skip)) << i;
        };
        std::uint64_t mask = within(0) | within(kLanes);
        for (std::uint32_t i = 2 * kLanes; i < left && i < kKernelBlock; i += kLanes) mask |= within(i);
        if (left < kKernelBlock) mask &= (std::uint64_t{1} << left) - 1;
        if (mask != 0) found(context, scan, first, mask);
    }
}

template <unsigned K, bool kNoneLonger>
[[gnu::always_inline]] inline void scan_within(const Scan<Key8>& scan, Found<Key8> found, void* context) {
    const auto within = [](Vector read, Vector keys) __attribute__((always_inline)) {
        return within_lanes<K, kNoneLonger>(read, keys);
    };
    scan_one(within, scan, found, context);
}

template <unsigned K>
inline void scan_all(const Scan<Key8>* scans, std::size_t size, Found<Key8> found, void* context) {
    for (const Scan<Key8>& scan : std::span(scans, size)) {
        // There is as much left of the read as of the longest key.
        const bool none_longer =
            drop(scan.read, kKeySymbols<Key8> - 1 - std::min(scan.skip, kMostSkipped)) != 0;
        if (K > 0 && (K > 1 || scan.count >= kWorthAChoice) && none_longer) {
            scan_within<K, true>(scan, found, context);
        } else {
            scan_within<K, false>(scan, found, context);
        }
    }
}

inline void scan_replaced(const Scan<Key8>* scans, std::size_t size, unsigned k, Found<Key8> found,
                          void* context) {
    const auto within = [k](Vector read, Vector keys)
                            __attribute__((always_inline)) { return (read ^ keys).at_most(k); };
    for (const Scan<Key8>& scan : std::span(scans, size)) scan_one(within, scan, found, context);
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
