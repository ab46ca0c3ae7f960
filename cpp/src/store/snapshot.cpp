#include "platewatch/store/snapshot.hpp"

#include <algorithm>
#include <cerrno>
#include <random>
#include <system_error>

#include "platewatch/base/interrupt.hpp"
#include "platewatch/base/raise.hpp"
#include "platewatch/store/crc32c.hpp"
#include "store/file.hpp"

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

bool write_all(const OutputFile& file, std::span<const std::byte> bytes) {
    for (; !bytes.empty(); bytes = bytes.subspan(std::min(bytes.size(), kPiece))) {
        poll();
        if (!file.write(bytes.first(std::min(bytes.size(), kPiece)))) return false;
    }
    return true;
}

bool read_all(const InputFile& file, std::span<std::byte> out) {
    for (; !out.empty(); out = out.subspan(std::min(out.size(), kPiece))) {
        poll();
        if (!file.read(out.first(std::min(out.size(), kPiece)))) return false;
    }
    return true;
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
    // Random, so that no other process, dead or in another container, uses the name.
    OutputFile file(path, path + "." + std::to_string(std::random_device{}()) + ".tmp",
                    OutputFile::For::everyone);
    if (!file.is_open()) fail(path, kFailed);
    const auto write = [&](std::span<const std::byte> bytes) {
        if (!write_all(file, bytes)) fail(path, kFailed);
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
    if (!file.put()) fail(path, kFailed);
}

Snapshot Snapshot::open(const std::string& path, SnapshotAccess access) {
    const InputFile file(path.c_str());
    switch (file.is()) {
        case InputFile::Is::open:
            break;
        case InputFile::Is::not_opened:
            fail(path, "cannot be opened");
        case InputFile::Is::directory:
            refuse_format(path, "is a directory, not a snapshot");
        case InputFile::Is::no_file:
            refuse_format(path, "is not a regular file");
        case InputFile::Is::too_large:
            refuse(path, "is larger than memory");
        case InputFile::Is::empty:
            refuse(path, "is empty");
    }
    const std::size_t size = file.size();
    const bool copied =
        access == SnapshotAccess::read || (access == SnapshotAccess::read_if_small && size <= kSmallSnapshot);
    Pages pages = copied ? Pages::room(size) : file.map();
    if (pages.empty()) fail(path, copied ? "cannot be read" : "cannot be mapped");
    const auto kept = std::make_shared<const Pages>(std::move(pages));
    const std::span<std::byte> bytes = kept->bytes();
    if (copied && !read_all(file, bytes)) fail(path, "cannot be read");

    Snapshot snapshot = of({kept, bytes.data()}, size, path);
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
