#include "platewatch/store/snapshot.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <random>
#include <system_error>

#include "platewatch/base/interrupt.hpp"
#include "platewatch/base/raise.hpp"
#include "platewatch/store/crc32c.hpp"
#include "store/descriptor.hpp"

namespace platewatch {
namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
    raise<SnapshotError>(path + " " + why);
}

[[noreturn]] void refuse_format(const std::string& path, const std::string& why) {
    raise<UnknownFormat>(path + " " + why);
}

// What the system refused, by errno.
[[noreturn]] void fail(const std::string& path, const char* what) {
    const int error = errno;
    raise_errno(error, path + " " + what);
}

std::string name(const SnapshotSection& section) { return "section " + std::to_string(section.id); }

std::uint64_t aligned(std::uint64_t offset) {
    return (offset + kSnapshotAlignment - 1) / kSnapshotAlignment * kSnapshotAlignment;
}

// Of a number that is known not to exceed the size of something in memory, which may have 32 bits.
std::size_t in_memory(std::uint64_t bytes) { return static_cast<std::size_t>(bytes); }

std::uint64_t table_end(std::uint64_t sections) {
    return sizeof(SnapshotHeader) + sections * sizeof(SnapshotSection);
}

// What is read or written between two polls.
constexpr std::size_t kPiece = std::size_t{1} << 22;

std::uint32_t checksum(std::span<const std::byte> bytes) {
    std::uint32_t sum = crc32c({});
    for (; !bytes.empty(); bytes = bytes.subspan(std::min(bytes.size(), kPiece))) {
        poll();
        sum = crc32c(bytes.first(std::min(bytes.size(), kPiece)), sum);
    }
    return sum;
}

std::uint32_t checksum(const SnapshotHeader& header, std::span<const SnapshotSection> table) {
    const auto in_front = std::as_bytes(std::span(&header, 1)).first(offsetof(SnapshotHeader, checksum));
    return crc32c(std::as_bytes(table), crc32c(in_front));
}

// Removes its file unless it got its final name.
class TemporaryFile {
  public:
    explicit TemporaryFile(std::string path)
        : path_(std::move(path)),
          descriptor_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) {}
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile() {
        if (get() >= 0 && !renamed_) ::unlink(path_.c_str());
    }
    [[nodiscard]] int get() const noexcept { return descriptor_.get(); }
    [[nodiscard]] bool rename_to(const std::string& path) noexcept {
        renamed_ = std::rename(path_.c_str(), path.c_str()) == 0;
        return renamed_;
    }

  private:
    std::string path_;
    Descriptor descriptor_;
    bool renamed_ = false;
};

bool write_all(int descriptor, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        poll();
        const ssize_t written = ::write(descriptor, bytes.data(), std::min(bytes.size(), kPiece));
        if (written >= 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(written));
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

// What a file that is cut short meanwhile no longer has stays zero.
bool read_all(int descriptor, std::span<std::byte> out) {
    while (!out.empty()) {
        poll();
        const ssize_t got = ::read(descriptor, out.data(), std::min(out.size(), kPiece));
        if (got == 0) return true;
        if (got > 0) {
            out = out.subspan(static_cast<std::size_t>(got));
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

bool sync(int descriptor) {
    int result;
    do {
        result = ::fsync(descriptor);
    } while (result != 0 && errno == EINTR);
    return result == 0;
}

// That the sections stand where the format puts them, hence inside the file, apart and aligned.
void check_table(const std::string& path, std::span<const SnapshotSection> table, std::uint64_t file_bytes) {
    std::uint64_t end = table_end(table.size());
    for (std::size_t i = 0; i < table.size(); ++i) {
        const SnapshotSection& section = table[i];
        if (i > 0 && section.id <= table[i - 1].id) {
            refuse(path, "has a damaged table: " + name(section) + " follows " + name(table[i - 1]));
        }
        if (section.offset != aligned(end)) {
            refuse(path, "has a damaged table: " + name(section) + " begins at byte " +
                             std::to_string(section.offset) + ", not " + std::to_string(aligned(end)));
        }
        if (section.offset > file_bytes || section.bytes > file_bytes - section.offset) {
            refuse(path, "has a damaged table: " + name(section) + " ends outside the file");
        }
        if (section.element_bytes == 0 || section.bytes % section.element_bytes != 0) {
            refuse(path, "has a damaged table: " + name(section) + " has " + std::to_string(section.bytes) +
                             " bytes for elements of " + std::to_string(section.element_bytes));
        }
        end = section.offset + section.bytes;
    }
    if (end != file_bytes) {
        refuse(path,
               "has a damaged table: " + std::to_string(file_bytes - end) + " bytes belong to no section");
    }
}

}  // namespace

void SnapshotWriter::add_bytes(std::uint32_t id, std::size_t element_bytes,
                               std::span<const std::byte> bytes) {
    if (!sections_.try_emplace(id, Elements{static_cast<std::uint32_t>(element_bytes), bytes}).second) {
        raise<std::invalid_argument>("a snapshot has one section " + std::to_string(id) + " only");
    }
}

void SnapshotWriter::write(const std::string& path) const {
    std::vector<SnapshotSection> table;
    std::uint64_t end = table_end(sections_.size());
    for (const auto& [id, elements] : sections_) {
        table.push_back({.id = id,
                         .element_bytes = elements.element_bytes,
                         .offset = aligned(end),
                         .bytes = elements.bytes.size(),
                         .checksum = checksum(elements.bytes)});
        end = table.back().offset + table.back().bytes;
    }
    SnapshotHeader header;
    header.file_bytes = end;
    header.sections = static_cast<std::uint32_t>(table.size());
    header.checksum = checksum(header, table);

    constexpr const char* kFailed = "cannot be written";
    // The directory first: one that cannot be opened is then known before anything happened.
    const std::filesystem::path directory = std::filesystem::path(path).parent_path();
    const Descriptor parent(
        ::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (parent.get() < 0) fail(path, kFailed);
    // Random, so that no other process, dead or in another container, uses the name.
    TemporaryFile file(path + "." + std::to_string(std::random_device{}()) + ".tmp");
    if (file.get() < 0) fail(path, kFailed);

    const auto write = [&](std::span<const std::byte> bytes) {
        if (!write_all(file.get(), bytes)) fail(path, kFailed);
    };
    write(std::as_bytes(std::span(&header, 1)));
    write(std::as_bytes(std::span(table)));
    constexpr std::array<std::byte, kSnapshotAlignment> kZeros{};
    end = table_end(table.size());
    for (const SnapshotSection& section : table) {
        write(std::span(kZeros).first(in_memory(section.offset - end)));
        write(sections_.at(section.id).bytes);
        end = section.offset + section.bytes;
    }
    if (!sync(file.get()) || !file.rename_to(path) || !sync(parent.get())) fail(path, kFailed);
}

Snapshot Snapshot::open(const std::string& path, SnapshotAccess access) {
    // O_NONBLOCK: a named pipe without a writer is refused rather than waited for.
    const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status;
    if (descriptor.get() < 0 || ::fstat(descriptor.get(), &status) != 0) fail(path, "cannot be opened");
    if (S_ISDIR(status.st_mode)) refuse_format(path, "is a directory, not a snapshot");
    if (!S_ISREG(status.st_mode)) refuse_format(path, "is not a regular file");
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size == 0) refuse(path, "is empty");

    const bool copied =
        access == SnapshotAccess::read || (access == SnapshotAccess::read_if_small && size <= kSmallSnapshot);
    void* const mapped =
        copied ? ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
               : ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor.get(), 0);
    if (mapped == MAP_FAILED) fail(path, copied ? "cannot be read" : "cannot be mapped");
    const std::shared_ptr<const std::byte[]> file(
        static_cast<const std::byte*>(mapped),
        [size](const std::byte* start) { ::munmap(const_cast<std::byte*>(start), size); });
    if (copied) {
#if defined(__linux__)
        ::madvise(mapped, size, MADV_HUGEPAGE);  // as HugePageAllocator
#endif
        if (!read_all(descriptor.get(), {static_cast<std::byte*>(mapped), size}))
            fail(path, "cannot be read");
    }

    Snapshot snapshot = of(file, size, path);
    if (copied) snapshot.verify();  // somebody may have been writing into it meanwhile
    return snapshot;
}

Snapshot Snapshot::of(std::shared_ptr<const std::byte[]> file, std::size_t size, std::string path) {
    if (size < sizeof(SnapshotHeader)) {
        refuse(path, "is not a snapshot, or truncated: it has " + std::to_string(size) + " bytes");
    }
    if (reinterpret_cast<std::uintptr_t>(file.get()) % kSnapshotAlignment != 0)
        refuse(path, "does not lie at a multiple of " + std::to_string(kSnapshotAlignment) + " bytes");
    // The version and the size before the checksum: they have reasons that are no damage.
    const SnapshotHeader header = *reinterpret_cast<const SnapshotHeader*>(file.get());
    if (header.magic != SnapshotHeader::kMagic) refuse_format(path, "is not a snapshot");
    if (header.byte_order != SnapshotHeader::kByteOrder) {
        refuse_format(path, "is not in the byte order of this machine");
    }
    if (header.version == 0 || header.version > kSnapshotVersion) {
        refuse_format(path, "is of format version " + std::to_string(header.version) +
                                "; this platewatch reads up to " + std::to_string(kSnapshotVersion));
    }
    if (header.file_bytes != size) {
        refuse(path, std::string(size < header.file_bytes ? "is truncated" : "is too long") + ": it has " +
                         std::to_string(size) + " bytes, its header says " +
                         std::to_string(header.file_bytes));
    }
    if (table_end(header.sections) > size)
        refuse(path, "has a damaged header: its table ends outside the file");
    const auto* const table = reinterpret_cast<const SnapshotSection*>(file.get() + sizeof(SnapshotHeader));
    std::vector<SnapshotSection> sections(table, table + header.sections);
    if (header.checksum != checksum(header, sections))
        refuse(path, "has a damaged header: its checksum differs");
    check_table(path, sections, size);
    return {std::move(path), std::move(file), std::move(sections)};
}

void Snapshot::verify() const {
    std::uint64_t end = table_end(sections_.size());
    for (const SnapshotSection& section : sections_) {
        const std::span<const std::byte> padding(file_.get() + end, in_memory(section.offset - end));
        if (!std::ranges::all_of(padding, [](std::byte byte) { return byte == std::byte{0}; })) {
            refuse(path_, "is damaged: the padding in front of " + name(section) + " is not zero");
        }
        if (checksum({file_.get() + section.offset, in_memory(section.bytes)}) != section.checksum) {
            refuse(path_, "is damaged: the checksum of " + name(section) + " differs");
        }
        end = section.offset + section.bytes;
    }
}

const SnapshotSection* Snapshot::find(std::uint32_t id) const noexcept {
    const auto found = std::ranges::lower_bound(sections_, id, {}, &SnapshotSection::id);
    return found != sections_.end() && found->id == id ? &*found : nullptr;
}

std::span<const std::byte> Snapshot::sections(std::uint32_t first, std::uint32_t last) const noexcept {
    const auto begin = std::ranges::lower_bound(sections_, first, {}, &SnapshotSection::id);
    const auto end = std::ranges::upper_bound(begin, sections_.end(), last, {}, &SnapshotSection::id);
    if (begin == end) return {};
    const SnapshotSection& at_the_end = *std::prev(end);
    return {file_.get() + begin->offset, in_memory(at_the_end.offset + at_the_end.bytes - begin->offset)};
}

std::span<const std::byte> Snapshot::section_bytes(std::uint32_t id, std::size_t element_bytes) const {
    const SnapshotSection* const section = find(id);
    if (section == nullptr) refuse(path_, "has no section " + std::to_string(id));
    if (section->element_bytes != element_bytes) {
        refuse(path_, "has elements of " + std::to_string(section->element_bytes) + " bytes in " +
                          name(*section) + ", not of " + std::to_string(element_bytes));
    }
    return {file_.get() + section->offset, in_memory(section->bytes)};
}

}  // namespace platewatch
