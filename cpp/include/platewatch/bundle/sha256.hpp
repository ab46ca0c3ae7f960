// SHA-256 (FIPS 180-4), for digests of bundles. What is signed is checked by whoever the device trusts with
// keys.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace platewatch {

using Digest = std::array<std::uint8_t, 32>;

class Sha256 {
  public:
    void add(std::span<const std::byte> bytes) noexcept;
    [[nodiscard]] Digest finish() noexcept;  // no more can be added then

  private:
    void take_block(const std::uint8_t* block) noexcept;

    std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                           0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    std::array<std::uint8_t, 64> block_ = {};
    std::uint64_t bytes_ = 0;
};

[[nodiscard]] Digest sha256(std::span<const std::byte> bytes) noexcept;

// In lower case.
[[nodiscard]] std::string to_hex(const Digest& digest);

}  // namespace platewatch
