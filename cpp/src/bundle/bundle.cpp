#include "platewatch/bundle/bundle.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <system_error>
#include <utility>

#include "platewatch/base/raise.hpp"
#include "platewatch/store/crc32c.hpp"
#include "store/descriptor.hpp"

namespace platewatch {
namespace {

[[noreturn]] void refuse(const std::string& name, const char* why) { raise<SnapshotError>(name + " " + why); }

[[noreturn]] void fail(const std::string& path, const char* what) {
    const int error = errno;
    raise_errno(error, path + " " + what);
}

struct Mapping {
    void* start = nullptr;
    std::size_t size = 0;

    Mapping() = default;
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping() {
        if (start != nullptr) ::munmap(start, size);
    }
};

enum class Mapped : std::uint8_t { whole, not_opened, no_file, too_large, empty, not_mapped };

// The file is closed again before anything is raised. On failure errno says why, where the system does.
Mapped map_file(const char* path, Mapping& out) noexcept {
    // O_NONBLOCK: a named pipe without a writer is refused rather than waited for.
    const int opened = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (opened < 0) return Mapped::not_opened;
    const Descriptor descriptor(opened);
    struct stat status;
    if (::fstat(descriptor.get(), &status) != 0) return Mapped::not_opened;
    if (!S_ISREG(status.st_mode)) return Mapped::no_file;
    if (!std::in_range<std::size_t>(status.st_size)) return Mapped::too_large;
    if (status.st_size == 0) return Mapped::empty;
    const auto size = static_cast<std::size_t>(status.st_size);
    void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor.get(), 0);
    if (mapped == MAP_FAILED) return Mapped::not_mapped;
    out.start = mapped;
    out.size = size;
    return Mapped::whole;
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
    const std::shared_ptr<Mapping> mapping(new Mapping);
    undo_when_left(mapping.get());
    switch (map_file(path.c_str(), *mapping)) {
        case Mapped::whole:
            break;
        case Mapped::not_opened:
            fail(path, "cannot be opened");
        case Mapped::no_file:
            raise<UnknownFormat>(path + " is not a regular file");
        case Mapped::too_large:
            refuse(path, "is larger than memory");
        case Mapped::empty:
            refuse(path, "is empty");
        case Mapped::not_mapped:
            fail(path, "cannot be mapped");
    }
    return {{mapping, static_cast<const std::byte*>(mapping->start)}, mapping->size, true};
}

void FileBytes::forget() const noexcept {
    // Advice: where it is not taken, nothing is lost.
    if (is_mapped) ::madvise(const_cast<std::byte*>(bytes.get()), size, MADV_DONTNEED);
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
    ::madvise(const_cast<std::byte*>(part.bytes.data()), part.bytes.size(), MADV_RANDOM);
    return part;
#else
    static_cast<void>(inside);
    return {};
#endif
}

void SeldomWanted::forget() const noexcept {
    if (!bytes.empty()) ::madvise(const_cast<std::byte*>(bytes.data()), bytes.size(), MADV_DONTNEED);
}

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
    // The directory first: one that cannot be opened is then known before anything happened.
    const std::size_t slash = path.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    const Descriptor parent(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (parent.get() < 0) fail(path, kFailed);
    // One writer has a device's files, so what a power cut left there is written over.
    const std::string temporary = path + ".tmp";
    bool renamed = false;
    const auto write = [&] {
        const Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        if (file.get() < 0) return false;
        for (auto left = bytes; !left.empty();) {
            const ssize_t written = ::write(file.get(), left.data(), left.size());
            if (written >= 0) {
                left = left.subspan(static_cast<std::size_t>(written));
            } else if (errno != EINTR) {
                return false;
            }
        }
        if (::fsync(file.get()) != 0) return false;
        renamed = std::rename(temporary.c_str(), path.c_str()) == 0;
        return renamed && ::fsync(parent.get()) == 0;
    };
    if (write()) return;
    const int error = errno;
    if (!renamed) ::unlink(temporary.c_str());
    errno = error;
    fail(path, kFailed);
}

}  // namespace platewatch
