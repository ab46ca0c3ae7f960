// A snapshot file: arrays under numbers, written once, then mapped read-only by any number of processes.
//
// The format:
//   SnapshotHeader
//   SnapshotSection, one a section: the table, in ascending order of id
//   the sections in the table's order, each at the next multiple of 64 bytes; the gap in front is zero
// and nothing behind the last section. Older versions are read as well: up to version 3 tries had a hash
// table of shortcuts, which is not looked at; version 2 had no entries that match exactly; version 1 no
// compact nodes and no weights. So every byte is either data under a checksum or known, and the same sections
// make the same file. Numbers are in the byte order of the machine that wrote, in practice little-endian; the
// other one is refused. Checksums are CRC-32C: they find damage, not forgery, but what `open` checks keeps
// every section inside even a forged file.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "platewatch/base/raise.hpp"

namespace platewatch {

inline constexpr std::uint32_t kSnapshotVersion = 4;
inline constexpr std::size_t kSnapshotAlignment = 64;

struct SnapshotHeader {
    static constexpr std::array<char, 8> kMagic = {'P', 'L', 'A', 'T', 'E', 'W', 'C', 'H'};
    static constexpr std::uint32_t kByteOrder = 0x01020304;  // another value in the other byte order

    std::array<char, 8> magic = kMagic;
    std::uint32_t version = kSnapshotVersion;
    std::uint32_t byte_order = kByteOrder;
    std::uint64_t file_bytes = 0;
    std::uint32_t sections = 0;
    std::uint32_t checksum = 0;  // of the header in front of it, then the table
};
static_assert(sizeof(SnapshotHeader) == 32);

struct SnapshotSection {
    std::uint32_t id = 0;
    std::uint32_t element_bytes = 0;
    std::uint64_t offset = 0;  // from the start of the file
    std::uint64_t bytes = 0;
    std::uint32_t checksum = 0;
    std::uint32_t reserved = 0;  // fills the row
};
static_assert(sizeof(SnapshotSection) == 32);

// Without padding, whose bytes would be anything: the same elements are the same bytes.
template <class T>
concept SnapshotElement = (std::has_unique_object_representations_v<T> || std::is_floating_point_v<T>) &&
                          !std::is_pointer_v<T> && alignof(T) <= kSnapshotAlignment;

// A file is no snapshot, or a damaged one, or not the expected one. Names the path.
class SnapshotError : public RuntimeError {
  public:
    using RuntimeError::RuntimeError;
    PLATEWATCH_ENDING(damaged, 0)
};

// It is none, or one that this platewatch does not read.
class UnknownFormat : public SnapshotError {
  public:
    using SnapshotError::SnapshotError;
    PLATEWATCH_ENDING(format, 0)
};

class SnapshotWriter {
  public:
    SnapshotWriter() = default;
    // Moved, not copied: its sections name what it keeps.
    SnapshotWriter(SnapshotWriter&&) = default;
    SnapshotWriter& operator=(SnapshotWriter&&) = default;

    // The elements must outlive the calls of write. Throws std::invalid_argument if the id repeats.
    template <SnapshotElement T>
    void add(std::uint32_t id, std::span<const T> elements) {
        add_bytes(id, sizeof(T), std::as_bytes(elements));
    }

    // Makes or replaces the file at `path`, whole and durable on return. Throws std::system_error; what was
    // at `path` is untouched then, unless only the last step failed, to make the new name durable. Who has an
    // older file mapped keeps it: the new one is another file, renamed. A process killed midway leaves a file
    // `path`.<number>.tmp.
    void write(const std::string& path) const;

    // As `add`, of a copy that the writer keeps.
    template <SnapshotElement T>
    void add_copy(std::uint32_t id, std::span<const T> elements) {
        const std::span<const std::byte> bytes = std::as_bytes(elements);
        kept_.emplace_back(bytes.begin(), bytes.end());
        add_bytes(id, sizeof(T), kept_.back());
    }

  private:
    struct Elements {
        std::uint32_t element_bytes;
        std::span<const std::byte> bytes;
    };

    void add_bytes(std::uint32_t id, std::size_t element_bytes, std::span<const std::byte> bytes);

    std::map<std::uint32_t, Elements> sections_;  // by id
    std::list<std::vector<std::byte>> kept_;
};

// How a file is opened. A mapped one takes no time and processes share its memory, but whoever writes into
// it or copies another file over it changes what is searched, and where it is cut short kills its readers
// with SIGBUS, as with any mapped file: replace it by SnapshotWriter::write or a rename. One that is read is
// nobody else's, and every byte of it has been checked.
enum class SnapshotAccess : std::uint8_t { mapped, read, read_if_small };
inline constexpr std::size_t kSmallSnapshot = std::size_t{64} << 20;

// Copies share the memory, and spans of sections are valid as long as one of them lives.
class Snapshot {
  public:
    // If mapped, reads the header and the table only, whatever the size. Throws std::system_error if the file
    // cannot be opened, SnapshotError if it is no snapshot, of a newer version or another byte order,
    // truncated, longer than it should be, or if its header or table, or what is read, is damaged.
    [[nodiscard]] static Snapshot open(const std::string& path,
                                       SnapshotAccess access = SnapshotAccess::mapped);

    // The same of a file that is in memory already, at an address that is a multiple of kSnapshotAlignment;
    // `name` is for messages.
    [[nodiscard]] static Snapshot of(std::shared_ptr<const std::byte[]> bytes, std::size_t size,
                                     std::string name);

    // Reads the whole file. Throws SnapshotError if any byte is damaged.
    void verify() const;

    [[nodiscard]] bool has(std::uint32_t id) const noexcept { return find(id) != nullptr; }

    // Aligned to 64 bytes. Throws SnapshotError if there is no such section or its elements have another
    // size. Without `verify` its content may be damaged.
    template <SnapshotElement T>
    [[nodiscard]] std::span<const T> section(std::uint32_t id) const {
        const std::span<const std::byte> bytes = section_bytes(id, sizeof(T));
        return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
    }

    // All of the file from the first to the last section with such a number; empty if there is none.
    [[nodiscard]] std::span<const std::byte> sections(std::uint32_t first, std::uint32_t last) const noexcept;

  private:
    Snapshot(std::string path, std::shared_ptr<const std::byte[]> file, std::vector<SnapshotSection> sections)
        : path_(std::move(path)), file_(std::move(file)), sections_(std::move(sections)) {}

    // Null if there is none.
    [[nodiscard]] const SnapshotSection* find(std::uint32_t id) const noexcept;
    [[nodiscard]] std::span<const std::byte> section_bytes(std::uint32_t id, std::size_t element_bytes) const;

    std::string path_;  // for messages
    std::shared_ptr<const std::byte[]> file_;
    std::vector<SnapshotSection> sections_;  // a copy: what was checked stays so whatever becomes of the file
};

}  // namespace platewatch
