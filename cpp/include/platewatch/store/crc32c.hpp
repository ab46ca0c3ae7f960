// CRC-32C (Castagnoli), the checksum of iSCSI and ext4, eight bytes a step ("slicing by 8"); where the
// library is to be small, one, which takes a table of eight.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace platewatch {

namespace detail {

#if defined(PLATEWATCH_SMALL)
inline constexpr std::size_t kCrc32cStep = 1;
#else
inline constexpr std::size_t kCrc32cStep = 8;
#endif

// Table t holds what a byte does to the checksum when t more bytes follow it.
constexpr auto make_crc32c_tables() noexcept {
    constexpr std::uint32_t kPolynomial = 0x82F63B78;  // 0x1EDC6F41 with its bits reversed
    std::array<std::array<std::uint32_t, 256>, kCrc32cStep> tables{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t crc = byte;
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? kPolynomial : 0);
        tables[0][byte] = crc;
    }
    for (std::size_t t = 1; t < kCrc32cStep; ++t) {
        for (std::size_t byte = 0; byte < 256; ++byte) {
            const std::uint32_t crc = tables[t - 1][byte];
            tables[t][byte] = crc >> 8 ^ tables[0][crc & 0xFF];
        }
    }
    return tables;
}

inline constexpr auto kCrc32cTables = make_crc32c_tables();

}  // namespace detail

// The checksum of `bytes`; after that of what stands in front of them, the checksum of both.
[[nodiscard]] constexpr std::uint32_t crc32c(std::span<const std::byte> bytes,
                                             std::uint32_t before = 0) noexcept {
    const auto& tables = detail::kCrc32cTables;
    const auto byte = [&](std::size_t i) { return std::to_integer<std::uint32_t>(bytes[i]); };
    // Compilers make one load of this.
    const auto word = [&](std::size_t i) {
        return byte(i) | byte(i + 1) << 8 | byte(i + 2) << 16 | byte(i + 3) << 24;
    };

    std::uint32_t crc = ~before;
    std::size_t i = 0;
    if constexpr (detail::kCrc32cStep == 8) {
        for (; bytes.size() - i >= 8; i += 8) {
            const std::uint32_t low = crc ^ word(i);
            const std::uint32_t high = word(i + 4);
            crc = tables[7][low & 0xFF] ^ tables[6][low >> 8 & 0xFF] ^ tables[5][low >> 16 & 0xFF] ^
                  tables[4][low >> 24] ^ tables[3][high & 0xFF] ^ tables[2][high >> 8 & 0xFF] ^
                  tables[1][high >> 16 & 0xFF] ^ tables[0][high >> 24];
        }
    }
    for (; i < bytes.size(); ++i) crc = crc >> 8 ^ tables[0][(crc ^ byte(i)) & 0xFF];
    return ~crc;
}

}  // namespace platewatch
