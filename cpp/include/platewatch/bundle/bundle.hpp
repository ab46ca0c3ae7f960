// A bundle: one file for a device, of a manifest, its signature and a payload (payload.hpp).
//
// The format, version 1, little-endian:
//   BundleHeader
//   the manifest, JSON (manifest.hpp); right behind it the signature, empty until the bundle is signed
//   the payload, at the next multiple of 4096 bytes, so that it can be mapped; the gap is zero
// and nothing behind it. The checksum finds a torn file. What guards against forgery is the signature: it is
// of kSignedAs and then the manifest, which has the payload's digest. The digest of a bundle is that of its
// manifest.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "platewatch/bundle/manifest.hpp"
#include "platewatch/bundle/sha256.hpp"
#include "platewatch/store/snapshot.hpp"

namespace platewatch {

struct BundleHeader {
    static constexpr std::array<char, 8> kMagic = {'P', 'L', 'T', 'W', 'B', 'N', 'D', 'L'};
    static constexpr std::uint32_t kVersion = 1;

    std::array<char, 8> magic = kMagic;
    std::uint32_t version = kVersion;
    std::uint32_t manifest_bytes = 0;
    std::uint32_t signature_bytes = 0;
    std::uint32_t reserved = 0;  // 0
    std::uint64_t payload_offset = 0;
    std::uint64_t payload_bytes = 0;
    std::uint64_t file_bytes = 0;
    std::uint32_t reserved_too = 0;  // 0
    std::uint32_t checksum = 0;      // CRC-32C of the header in front of it, the manifest and the signature
};
static_assert(sizeof(BundleHeader) == 56);

inline constexpr std::size_t kBundleAlignment = 4096;
inline constexpr std::string_view kSignedAs = "platewatch bundle 1\n";

// Views of a file in memory, which must outlive it.
struct Bundle {
    std::string_view manifest_json;
    std::span<const std::byte> signature, payload;
    Manifest manifest;

    [[nodiscard]] static bool is_one(std::span<const std::byte> file) noexcept;
    // Reads all but the payload. Throws SnapshotError: it is none, of a newer version, or torn;
    // ManifestError.
    [[nodiscard]] static Bundle of(std::span<const std::byte> file, const std::string& name);

    [[nodiscard]] Digest digest() const noexcept;
    // What the signature is of.
    [[nodiscard]] std::string signed_bytes() const;
    // Reads all of it.
    [[nodiscard]] bool payload_is_whole() const;
};

// A part of a mapped file that is seldom wanted; empty: none. Valid as long as the file is mapped.
struct SeldomWanted {
    std::span<const std::byte> bytes = {};

    // Lets go of the memory of what was read of it, where that is worth it.
    void forget() const noexcept;
};

// The bytes of a file, wherever they lie.
struct FileBytes {
    std::shared_ptr<const std::byte[]> bytes;
    std::size_t size = 0;
    bool is_mapped = false;  // a file, whole

    // Lets go of the memory of what was read of a mapped file; what is wanted is read again.
    void forget() const noexcept;
    [[nodiscard]] std::span<const std::byte> view() const noexcept { return {bytes.get(), size}; }
    // Throws std::system_error, SnapshotError for what is no file.
    [[nodiscard]] static FileBytes map(const std::string& path);
    // Room for so many, aligned as a snapshot has to be, and the way to fill it.
    [[nodiscard]] static FileBytes room(std::size_t size);
    [[nodiscard]] std::span<std::byte> writable() const noexcept {
        return {const_cast<std::byte*>(bytes.get()), size};
    }
    // Of memory that is somebody's, and outlives it.
    [[nodiscard]] static FileBytes borrowed(std::span<const std::byte> bytes) noexcept;
    // A part of them that is seldom wanted: nothing is read ahead there.
    [[nodiscard]] SeldomWanted seldom_wanted(std::span<const std::byte> inside) const noexcept;
    // A part of them, which keeps the whole.
    [[nodiscard]] FileBytes part(std::span<const std::byte> inside) const noexcept;
};

// Makes or replaces a file, whole and durable on return. Throws std::system_error; what was at `path` is
// untouched then, unless only the last step failed, to make the new name durable.
void write_file(const std::string& path, std::span<const std::byte> bytes);

}  // namespace platewatch
