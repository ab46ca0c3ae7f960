// Keys of 9 to 16 symbols, included like within.hpp, below `Wide`: one key or more side by side, with
//   static constexpr std::size_t kKeys, kBits;  keys; bits that stand for a byte in a mask
//   static Wide load(const Key16*), broadcast(Key16);
//   std::uint64_t equal(Wide) const;  kBits ones for each equal byte, from the lowest byte of the first key
//   on
//
// No instruction set shifts 128-bit lanes by a count of their own, so what is done to eight symbols cannot be
// done to sixteen. But of a key within K edits of the read, all symbols but K at most are where the read has
// the same one, or up to K places beside it; the padding too, as the read ends at most K symbols later. Few
// other keys have so many, and those that do are compared one by one.

// The symbols moved to the left or, below 0, to the right.
[[gnu::always_inline]] inline Key16 moved(Key16 key, int symbols) noexcept {
    constexpr int kMost = static_cast<int>(kKeySymbols<Key16>);
    if (symbols >= kMost || symbols <= -kMost) return 0;
    return symbols >= 0 ? key << (8 * symbols) : key >> (-8 * symbols);
}

template <unsigned K>
inline void scan_wide_all(const Scan<Key16>* scans, std::size_t size, Found<Key16> found, void* context) {
    constexpr int kMost = static_cast<int>(K);
    constexpr std::size_t kKeyBits = kKeySymbols<Key16> * Wide::kBits;
    constexpr std::uint64_t kKeyMask =
        kKeyBits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << (kKeyBits % 64)) - 1;
    constexpr std::uint64_t kOneEach = ~std::uint64_t{0} / ((std::uint64_t{1} << Wide::kBits) - 1) & kKeyMask;
    for (std::size_t s = 0; s < size; ++s) {
        const Scan<Key16>& scan = scans[s];
        Wide reads[2 * K + 1];
        for (int d = -kMost; d <= kMost; ++d)
            reads[d + kMost] = Wide::broadcast(moved(scan.read, d - static_cast<int>(scan.skip)));
        // One bit for each symbol that counts: those that are skipped do not. The first is the highest byte.
        const std::uint64_t counted =
            scan.skip >= kKeySymbols<Key16> ? 0 : kOneEach & (kKeyMask >> (Wide::kBits * scan.skip));
        for (std::uint32_t first = 0; first < scan.count; first += kKernelBlock) {
            const std::uint32_t count = std::min<std::uint32_t>(scan.count - first, kKernelBlock);
            const Key16* keys = scan.keys + first;
            std::uint64_t mask = 0;
            for (std::uint32_t i = 0; i < count; i += Wide::kKeys) {
                const Wide several = Wide::load(keys + i);
                std::uint64_t equal = 0;
#pragma GCC unroll 8
                for (const Wide& read : reads) equal |= several.equal(read);
#pragma GCC unroll 4
                for (std::uint32_t nth = 0; nth < Wide::kKeys; ++nth) {
                    std::uint64_t missing = ~(equal >> (kKeyBits * nth % 64)) & counted;
#pragma GCC unroll 4
                    for (unsigned edit = 0; edit < K; ++edit) missing &= missing - 1;
                    if (missing != 0 || i + nth >= count) continue;
                    const bool within = bounded_distance(scan.read, drop(keys[i + nth], scan.skip), K) <= K;
                    mask |= std::uint64_t{within} << (i + nth);
                }
            }
            if (mask != 0) found(context, scan, first, mask);
        }
    }
}

inline void scan_wide(const Scan<Key16>* scans, std::size_t size, unsigned k, Found<Key16> found,
                      void* context) {
    switch (k) {
        case 0:
            return scan_wide_all<0>(scans, size, found, context);
        case 1:
            return scan_wide_all<1>(scans, size, found, context);
        case 2:
            return scan_wide_all<2>(scans, size, found, context);
        default:
            return scan_wide_all<3>(scans, size, found, context);
    }
}
