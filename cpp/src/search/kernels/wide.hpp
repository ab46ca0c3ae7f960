// Keys of 9 to 16 symbols, included like within.hpp, below `Wide`: one key or more side by side, with
//   static constexpr std::size_t kKeys;
//   static Wide load(const Key16*), broadcast(Key16);
//   Different different(Wide) const;      the bytes that are not equal
// and `Different`, some bytes of each key:
//   Different operator&(Different) const;  those that are in both
//   std::uint64_t at_most(unsigned n) const;  bit i: there are at most n of key i
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
    for (const Scan<Key16>& scan : std::span(scans, size)) {
        Wide reads[2 * K + 1];
        for (int d = -kMost; d <= kMost; ++d)
            reads[d + kMost] = Wide::broadcast(moved(scan.read, d - static_cast<int>(scan.skip)));
        // Symbols that are skipped do not count. The first is the highest byte.
        const Key16 counted = moved(~Key16{0}, -static_cast<int>(scan.skip));
        const Different all = Wide::broadcast(counted).different(Wide::broadcast(0));
        for (std::uint32_t first = 0; first < scan.count; first += kKernelBlock) {
            const std::uint32_t count = std::min<std::uint32_t>(scan.count - first, kKernelBlock);
            const Key16* keys = scan.keys + first;
            std::uint64_t likely = 0, mask = 0;
            for (std::uint32_t i = 0; i < count; i += Wide::kKeys) {
                const Wide several = Wide::load(keys + i);
                Different missing = all;
#pragma GCC unroll 8
                for (const Wide& read : reads) missing = missing & several.different(read);
                likely |= missing.at_most(K) << i;
            }
            if (count < kKernelBlock) likely &= (std::uint64_t{1} << count) - 1;
            for (; likely != 0; likely &= likely - 1) {
                const int i = std::countr_zero(likely);
                const bool within = bounded_distance(scan.read, drop(keys[i], scan.skip), K) <= K;
                mask |= std::uint64_t{within} << i;
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
