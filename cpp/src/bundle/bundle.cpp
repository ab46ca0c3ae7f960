#include "platewatch/bundle/bundle.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>
#include <utility>

#include "platewatch/base/raise.hpp"
#include "platewatch/store/crc32c.hpp"
#include "store/file.hpp"

namespace platewatch {
namespace {

[[noreturn]] void refuse(const std::string& name, const char* why) { raise<SnapshotError>(name + " " + why); }

[[noreturn]] void fail(const std::string& path, const char* what) {
    const int error = errno;
    raise_errno(error, path + " " + what);
}

// The file is closed again before anything is raised. Where it is open and not mapped, `out` is empty.
InputFile::Is map_file(const char* path, Pages& out) noexcept {
    const InputFile file(path);
    if (file.is() == InputFile::Is::open) out = file.map();
    return file.is();
}

}  // namespace

bool Bundle::is_one(std::span<const std::byte> file) noexcept {
    return file.size() >= sizeof(BundleHeader::kMagic) &&
           std::memcmp(file.data(), BundleHeader::kMagic.data(), sizeof(BundleHeader::kMagic)) == 0;
}

Bundle Bundle::of(std::span<const std::byte> file, const std::string& name) {
    if (!is_one(file)) raise<UnknownFormat>(name + " is not a bundle");
    BundleHeader header;
    if (file.size() < sizeof header) refuse(name, "is torn: it ends in its header");
    std::memcpy(&header, file.data(), sizeof header);
    if (header.version != BundleHeader::kVersion)
        raise<UnknownFormat>(name + " is of a version that this platewatch does not read");
    if (header.file_bytes != file.size()) refuse(name, "is torn: it has not the size that its header says");
    const std::uint64_t text_end =
        sizeof header + std::uint64_t{header.manifest_bytes} + header.signature_bytes;
    const std::uint64_t offset = (text_end + kBundleAlignment - 1) / kBundleAlignment * kBundleAlignment;
    if (header.payload_offset != offset || offset > file.size() ||
        header.payload_bytes != file.size() - offset || header.reserved != 0 || header.reserved_too != 0)
        refuse(name, "has a damaged header");
    const auto text = file.subspan(sizeof header, static_cast<std::size_t>(text_end - sizeof header));
    const auto gap =
        file.subspan(static_cast<std::size_t>(text_end), static_cast<std::size_t>(offset - text_end));
    if (header.checksum != crc32c(text, crc32c(file.first(offsetof(BundleHeader, checksum)))) ||
        std::ranges::any_of(gap, [](std::byte byte) { return byte != std::byte{0}; }))
        refuse(name, "is damaged: its checksum differs");
    Bundle bundle;
    bundle.manifest_json = {reinterpret_cast<const char*>(text.data()), header.manifest_bytes};
    bundle.signature = text.subspan(header.manifest_bytes);
    bundle.payload = file.subspan(static_cast<std::size_t>(offset));
    bundle.manifest = parse_manifest(bundle.manifest_json);
    if (static_cast<std::uint64_t>(bundle.manifest.payload_bytes) != bundle.payload.size())
        raise<ManifestError>("payload_bytes", "is not the size of the payload");
    return bundle;
}

Digest Bundle::digest() const noexcept { return sha256(std::as_bytes(std::span(manifest_json))); }

std::string Bundle::signed_bytes() const { return std::string(kSignedAs) += manifest_json; }

bool Bundle::payload_is_whole() const { return to_hex(sha256(payload)) == manifest.payload_sha256; }

FileBytes FileBytes::map(const std::string& path) {
    const std::shared_ptr<Pages> pages(new Pages);
    undo_when_left(pages.get());
    switch (map_file(path.c_str(), *pages)) {
        case InputFile::Is::open:
            break;
        case InputFile::Is::not_opened:
            fail(path, "cannot be opened");
        case InputFile::Is::directory:
        case InputFile::Is::no_file:
            raise<UnknownFormat>(path + " is not a regular file");
        case InputFile::Is::too_large:
            refuse(path, "is larger than memory");
        case InputFile::Is::empty:
            refuse(path, "is empty");
    }
    if (pages->empty()) fail(path, "cannot be mapped");
    return {{pages, pages->bytes().data()}, pages->bytes().size(), true};
}

void FileBytes::forget() const noexcept {
    if (is_mapped) let_go_of(view());
}

// By offsets that are multiples of any size that pages have, so that only what is inside is let go of.
SeldomWanted FileBytes::seldom_wanted(std::span<const std::byte> inside) const noexcept {
#if defined(PLATEWATCH_LITTLE_MEMORY)
    constexpr std::size_t kLargestPage = std::size_t{1} << 16;
    const auto whole_pages = [](std::size_t offset) {
        return (offset + kLargestPage - 1) / kLargestPage * kLargestPage;
    };
    if (!is_mapped || inside.empty()) return {};
    const auto first = static_cast<std::size_t>(inside.data() - bytes.get());
    const std::size_t begin = whole_pages(first), end = whole_pages(first + inside.size() + 1) - kLargestPage;
    if (begin >= end) return {};
    const SeldomWanted part{view().subspan(begin, end - begin)};
    read_nothing_ahead(part.bytes);
    return part;
#else
    static_cast<void>(inside);
    return {};
#endif
}

void SeldomWanted::forget() const noexcept { let_go_of(bytes); }

FileBytes FileBytes::room(std::size_t size) {
    constexpr std::align_val_t kAlignment{kSnapshotAlignment};
    auto* const memory = static_cast<std::byte*>(::operator new(std::max<std::size_t>(size, 1), kAlignment));
    return {{memory,
             [](const std::byte* start) { ::operator delete(const_cast<std::byte*>(start), kAlignment); }},
            size};
}

FileBytes FileBytes::borrowed(std::span<const std::byte> bytes) noexcept {
    return {{std::shared_ptr<void>(), bytes.data()}, bytes.size()};
}

FileBytes FileBytes::part(std::span<const std::byte> inside) const noexcept {
    return {{bytes, inside.data()}, inside.size()};
}

void write_file(const std::string& path, std::span<const std::byte> bytes) {
    constexpr const char* kFailed = "cannot be written";
    // One writer has a device's files, so what a power cut left there is written over.
    OutputFile file(path, path + ".tmp", OutputFile::For::owner);
    if (!file.is_open() || !file.write(bytes) || !file.put()) fail(path, kFailed);
}

}  // namespace platewatch
