#include "platewatch/store/snapshot.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <system_error>

#include "platewatch/store/crc32c.hpp"
#include "tests/support.hpp"

// The linker sends the writer's system calls here. While set, it is asked for the errno to fail with, or 0.
static std::function<int(const std::string& call)> on_call;
static std::size_t longest_write = SIZE_MAX;

static bool made_to_fail(const char* call) {
    const int error = on_call ? on_call(call) : 0;
    if (error != 0) errno = error;
    return error != 0;
}

extern "C" {
ssize_t __real_write(int descriptor, const void* bytes, size_t size);
ssize_t __wrap_write(int descriptor, const void* bytes, size_t size) {
    return made_to_fail("write") ? -1 : __real_write(descriptor, bytes, std::min(size, longest_write));
}
int __real_fsync(int descriptor);
int __wrap_fsync(int descriptor) { return made_to_fail("fsync") ? -1 : __real_fsync(descriptor); }
int __real_rename(const char* from, const char* to);
int __wrap_rename(const char* from, const char* to) {
    return made_to_fail("rename") ? -1 : __real_rename(from, to);
}
}

namespace platewatch {
namespace {

namespace fs = std::filesystem;

struct Pair {
    std::uint32_t a, b;
    friend bool operator==(const Pair&, const Pair&) = default;
};

const std::vector<std::uint8_t> kBytes = {1, 2, 3};
const std::vector<std::uint32_t> kNumbers = {0x11223344, 0x55667788};
const std::vector<Pair> kPairs = {{1, 2},   {3, 4},   {5, 6},   {7, 8},  {9, 10},
                                  {11, 12}, {13, 14}, {15, 16}, {17, 18}};

SnapshotWriter two_sections() {
    SnapshotWriter writer;
    writer.add<std::uint32_t>(300, kNumbers);
    writer.add<std::uint8_t>(7, kBytes);
    return writer;
}

// Two are empty, one of them the last.
SnapshotWriter four_sections() {
    SnapshotWriter writer;
    writer.add<std::uint8_t>(1, kBytes);
    writer.add<Pair>(2, {});
    writer.add<Pair>(3, kPairs);
    writer.add<std::uint64_t>(4, {});
    return writer;
}

class SnapshotFile : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "platewatch-XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        directory = name;
        path = name + "/list.snapshot";
    }
    void TearDown() override {
        on_call = nullptr;
        longest_write = SIZE_MAX;
        fs::remove_all(directory);
    }

    [[nodiscard]] std::string read() const {
        std::ifstream in(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    void put(const std::string& bytes) const {
        std::ofstream out(path, std::ios::binary);
        out << bytes;
        ASSERT_TRUE(out.flush());
    }
    [[nodiscard]] std::size_t files() const {
        return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory), {}));
    }

    // What `use` says of the file, without the path; empty if nothing.
    template <class Error = SnapshotError>
    [[nodiscard]] std::string complaint(const std::function<void()>& use) const {
        try {
            use();
        } catch (const Error& error) {
            const std::string message = error.what();
            EXPECT_TRUE(message.starts_with(path + " ")) << message;
            return message.substr(path.size() + 1);
        }
        return "";
    }
    [[nodiscard]] std::string open_complaint() const {
        return complaint([&] { (void)Snapshot::open(path); });
    }

    // Of `open` or `verify`. What `open` lets pass is read to its last byte before.
    [[nodiscard]] std::string any_complaint() const {
        return complaint([&] {
            const Snapshot snapshot = Snapshot::open(path);
            unsigned sum = 0;
            for (const std::uint8_t byte : snapshot.section<std::uint8_t>(1)) sum += byte;
            for (const Pair& pair : snapshot.section<Pair>(3)) sum += pair.a + pair.b;
            EXPECT_NE(sum, 0u);
            snapshot.verify();
        });
    }

    fs::path directory;
    std::string path;
};

TEST_F(SnapshotFile, RoundTrip) {
    four_sections().write(path);
    const Snapshot snapshot = Snapshot::open(path);
    snapshot.verify();
    EXPECT_TRUE(std::ranges::equal(snapshot.section<std::uint8_t>(1), kBytes));
    EXPECT_TRUE(snapshot.section<Pair>(2).empty());
    EXPECT_TRUE(std::ranges::equal(snapshot.section<Pair>(3), kPairs));
    EXPECT_TRUE(snapshot.section<std::uint64_t>(4).empty());
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(snapshot.section<Pair>(3).data()) % kSnapshotAlignment, 0u);
    EXPECT_TRUE(snapshot.has(4));
    EXPECT_FALSE(snapshot.has(0));
    EXPECT_FALSE(snapshot.has(5));
    EXPECT_EQ(complaint([&] { (void)snapshot.section<Pair>(5); }), "has no section 5");
    EXPECT_EQ(complaint([&] { (void)snapshot.section<std::uint32_t>(3); }),
              "has elements of 8 bytes in section 3, not of 4");
}

TEST_F(SnapshotFile, WithoutSections) {
    SnapshotWriter().write(path);
    const Snapshot snapshot = Snapshot::open(path);
    snapshot.verify();
    EXPECT_FALSE(snapshot.has(0));
    EXPECT_EQ(read().size(), 32u);
}

// Byte by byte, made by hand with another program: files outlive the code.
TEST_F(SnapshotFile, TheFormat) {
    constexpr std::string_view kHex =
        "504c4154455743480400000004030201c80000000000000002000000e1fad320"
        "0700000001000000800000000000000003000000000000001ef230f100000000"
        "2c01000004000000c0000000000000000800000000000000ab3d6b4c00000000"
        "0000000000000000000000000000000000000000000000000000000000000000"
        "0102030000000000000000000000000000000000000000000000000000000000"
        "0000000000000000000000000000000000000000000000000000000000000000"
        "4433221188776655";
    std::string expected;
    for (std::size_t i = 0; i < kHex.size(); i += 2) {
        expected += static_cast<char>(std::stoi(std::string(kHex.substr(i, 2)), nullptr, 16));
    }
    two_sections().write(path);
    EXPECT_EQ(read(), expected);
}

TEST_F(SnapshotFile, AnIdOnlyOnce) {
    SnapshotWriter writer = two_sections();
    EXPECT_THROW(writer.add<std::uint8_t>(300, kBytes), std::invalid_argument);
}

TEST_F(SnapshotFile, EveryTruncationIsRefused) {
    four_sections().write(path);
    const std::string whole = read();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        put(whole.substr(0, size));
        EXPECT_NE(open_complaint(), "") << size;
    }
    put(whole.substr(0, 100));
    EXPECT_EQ(open_complaint(), "is truncated: it has 100 bytes, its header says 384");
}

TEST_F(SnapshotFile, TrailingBytesAreRefused) {
    four_sections().write(path);
    const std::string whole = read();
    put(whole + '\0');
    EXPECT_EQ(open_complaint(), "is too long: it has 385 bytes, its header says 384");
    put(whole + whole);
    EXPECT_NE(open_complaint(), "");
}

TEST_F(SnapshotFile, EveryFlippedByteIsRefused) {
    four_sections().write(path);
    const std::string whole = read();
    ASSERT_EQ(any_complaint(), "");
    const std::size_t table_end = sizeof(SnapshotHeader) + 4 * sizeof(SnapshotSection);
    for (std::size_t at = 0; at < whole.size(); ++at) {
        for (const int flip : {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF}) {
            std::string damaged = whole;
            damaged[at] = static_cast<char>(damaged[at] ^ flip);
            put(damaged);
            EXPECT_NE(any_complaint(), "") << at << " ^ " << flip;
            if (at < table_end) {
                EXPECT_NE(open_complaint(), "") << at << " ^ " << flip;
            }
        }
    }
}

TEST_F(SnapshotFile, VerifyNamesTheSection) {
    two_sections().write(path);
    const std::string whole = read();
    const auto verify_damaged = [&](std::size_t at) {
        std::string damaged = whole;
        damaged[at] ^= 1;
        put(damaged);
        return complaint([&] { Snapshot::open(path).verify(); });
    };
    EXPECT_EQ(verify_damaged(127), "is damaged: the padding in front of section 7 is not zero");
    EXPECT_EQ(verify_damaged(128), "is damaged: the checksum of section 7 differs");
    EXPECT_EQ(verify_damaged(131), "is damaged: the padding in front of section 300 is not zero");
    EXPECT_EQ(verify_damaged(199), "is damaged: the checksum of section 300 differs");
}

// A snapshot's header and table with other values, under a right checksum.
std::string forged(std::string file, const std::function<void(SnapshotHeader&, SnapshotSection*)>& change) {
    SnapshotHeader header;
    std::memcpy(&header, file.data(), sizeof header);
    std::vector<SnapshotSection> table(header.sections);
    std::memcpy(table.data(), file.data() + sizeof header, table.size() * sizeof table[0]);
    change(header, table.data());
    std::memcpy(file.data(), &header, sizeof header);
    std::memcpy(file.data() + sizeof header, table.data(), table.size() * sizeof table[0]);
    const std::uint64_t table_end = sizeof header + std::uint64_t{header.sections} * sizeof table[0];
    const auto end = static_cast<std::size_t>(std::min<std::uint64_t>(file.size(), table_end));
    const auto bytes = std::as_bytes(std::span(file));
    header.checksum = crc32c(bytes.subspan(sizeof header, end - sizeof header), crc32c(bytes.first(28)));
    std::memcpy(file.data(), &header, sizeof header);
    return file;
}

TEST_F(SnapshotFile, OpenRefusesWhatNoWriterWrites) {
    two_sections().write(path);
    const std::string whole = read();
    const auto open_forged = [&](auto change) {
        put(forged(whole, change));
        return open_complaint();
    };
    using Header = SnapshotHeader&;
    using Table = SnapshotSection*;
    EXPECT_EQ(open_forged([](Header, Table) {}), "");
    EXPECT_EQ(open_forged([](Header h, Table) { h.magic[7] = 'h'; }), "is not a snapshot");
    EXPECT_EQ(open_forged([](Header h, Table) { h.byte_order = 0x04030201; }),
              "is not in the byte order of this machine");
    EXPECT_EQ(open_forged([](Header h, Table) { h.version = 9; }),
              "is of format version 9; this platewatch reads up to 4");
    EXPECT_EQ(open_forged([](Header h, Table) { h.version = 0; }),
              "is of format version 0; this platewatch reads up to 4");
    EXPECT_EQ(open_forged([](Header h, Table) { h.sections = 0xFFFFFFFF; }),
              "has a damaged header: its table ends outside the file");
    EXPECT_EQ(open_forged([](Header h, Table) { h.sections = 1; }),
              "has a damaged table: section 7 begins at byte 128, not 64");
    EXPECT_EQ(open_forged([](Header, Table t) { t[1].id = 7; }),
              "has a damaged table: section 7 follows section 7");
    EXPECT_EQ(open_forged([](Header, Table t) { t[0].id = 301; }),
              "has a damaged table: section 300 follows section 301");
    EXPECT_EQ(open_forged([](Header, Table t) { t[1].offset = 128; }),  // overlaps
              "has a damaged table: section 300 begins at byte 128, not 192");
    EXPECT_EQ(open_forged([](Header, Table t) { t[1].offset = 196; }),  // not aligned
              "has a damaged table: section 300 begins at byte 196, not 192");
    EXPECT_EQ(open_forged([](Header, Table t) { t[1].bytes = 12; }),
              "has a damaged table: section 300 ends outside the file");
    EXPECT_EQ(open_forged([](Header, Table t) { t[1].bytes = ~std::uint64_t{0} - 191; }),  // wraps round
              "has a damaged table: section 300 ends outside the file");
    EXPECT_EQ(open_forged([](Header, Table t) { t[0].bytes = 200, t[1].offset = 384; }),
              "has a damaged table: section 7 ends outside the file");
    EXPECT_EQ(open_forged([](Header, Table t) { t[0].bytes = 72, t[1].offset = 256; }),
              "has a damaged table: section 300 ends outside the file");
    EXPECT_EQ(open_forged([](Header, Table t) { t[1].element_bytes = 3; }),
              "has a damaged table: section 300 has 8 bytes for elements of 3");
    EXPECT_EQ(open_forged([](Header, Table t) { t[1].element_bytes = 0; }),
              "has a damaged table: section 300 has 8 bytes for elements of 0");
    EXPECT_EQ(open_forged([](Header, Table t) { t[1].bytes = 4; }),
              "has a damaged table: 4 bytes belong to no section");
}

// Whatever the table says, what `open` lets pass lies inside the file.
TEST_F(SnapshotFile, ForgedTablesStayInBounds) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    std::mt19937_64 random(seed());
    four_sections().write(path);
    const std::string whole = read();
    constexpr std::uint64_t kHostile[] = {0,   1,   3,   8,   64,  72,         128,        192,        256,
                                          320, 383, 384, 385, 448, 1ULL << 32, 1ULL << 63, ~0ULL - 63, ~0ULL};
    int opened = 0;
    for (int round = 0; round < 5000; ++round) {
        std::vector<SnapshotSection> table;
        put(forged(whole, [&](SnapshotHeader&, SnapshotSection* t) {
            for (std::size_t changes = 1 + random() % 3; changes > 0; --changes) {
                SnapshotSection& section = t[random() % 4];
                const std::uint64_t value = kHostile[random() % std::size(kHostile)];
                switch (random() % 3) {
                    case 0:
                        section.element_bytes = static_cast<std::uint32_t>(value);
                        break;
                    case 1:
                        section.offset = value;
                        break;
                    default:
                        section.bytes = value;
                }
            }
            table.assign(t, t + 4);
        }));
        if (open_complaint() != "") continue;
        ++opened;
        std::uint64_t end = 160;
        for (const SnapshotSection& section : table) {
            ASSERT_GE(section.offset, end);
            ASSERT_EQ(section.offset % 64, 0u);
            ASSERT_LE(section.offset, whole.size());
            ASSERT_LE(section.bytes, whole.size() - section.offset);
            ASSERT_NE(section.element_bytes, 0u);
            ASSERT_EQ(section.bytes % section.element_bytes, 0u);
            end = section.offset + section.bytes;
        }
    }
    EXPECT_GT(opened, 10);
}

TEST_F(SnapshotFile, OpenRefusesWhatIsNoSnapshot) {
    const auto code = [&] {
        try {
            (void)Snapshot::open(path);
        } catch (const std::system_error& error) {
            return error.code().value();
        }
        return 0;
    };
    EXPECT_EQ(code(), ENOENT);
    EXPECT_EQ(complaint<std::system_error>([&] { (void)Snapshot::open(path); }),
              "cannot be opened: No such file or directory");
    put("");
    EXPECT_EQ(open_complaint(), "is empty");
    put("PLATE");
    EXPECT_EQ(open_complaint(), "is not a snapshot, or truncated: it has 5 bytes");
    put(std::string(1000, 'x'));
    EXPECT_EQ(open_complaint(), "is not a snapshot");

    if (::geteuid() != 0) {  // root may read everything
        fs::permissions(path, fs::perms::none);
        EXPECT_EQ(code(), EACCES);
    }
    fs::remove(path);
    fs::create_directory(path);
    EXPECT_EQ(open_complaint(), "is a directory, not a snapshot");
    fs::remove(path);
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    EXPECT_EQ(open_complaint(), "is not a regular file");
}

TEST_F(SnapshotFile, ReplacedWhileOpenTheOldOneStays) {
    two_sections().write(path);
    const Snapshot old = Snapshot::open(path);
    four_sections().write(path);
    old.verify();
    EXPECT_TRUE(std::ranges::equal(old.section<std::uint32_t>(300), kNumbers));
    EXPECT_TRUE(std::ranges::equal(Snapshot::open(path).section<Pair>(3), kPairs));
    EXPECT_EQ(files(), 1u);
}

TEST_F(SnapshotFile, TheLastCopyEndsTheMapping) {
    const auto mapped = [&] {
        std::ifstream maps("/proc/self/maps");
        return std::string(std::istreambuf_iterator<char>(maps), {}).find(path) != std::string::npos;
    };
    two_sections().write(path);
    auto first = std::make_unique<Snapshot>(Snapshot::open(path));
    const auto numbers = first->section<std::uint32_t>(300);
    auto copy = std::make_unique<Snapshot>(*first);
    first.reset();
    EXPECT_TRUE(std::ranges::equal(numbers, kNumbers));
    EXPECT_EQ(copy->section<std::uint32_t>(300).data(), numbers.data());
    EXPECT_TRUE(mapped());
    copy.reset();
    EXPECT_FALSE(mapped());
}

TEST_F(SnapshotFile, OtherProcessesReadIt) {
    two_sections().write(path);
    const Snapshot here = Snapshot::open(path);
    std::vector<pid_t> readers(2);
    for (pid_t& reader : readers) {
        reader = ::fork();
        ASSERT_GE(reader, 0);
        if (reader != 0) continue;
        bool good = false;
        try {
            here.verify();
            const Snapshot there = Snapshot::open(path);
            there.verify();
            good = std::ranges::equal(there.section<std::uint32_t>(300), kNumbers);
        } catch (...) {
        }
        ::_exit(good ? 0 : 1);
    }
    for (const pid_t reader : readers) {
        int status = -1;
        ASSERT_EQ(::waitpid(reader, &status, 0), reader);
        EXPECT_EQ(status, 0);
    }
    here.verify();
}

TEST_F(SnapshotFile, FileMode) {
    const mode_t before = ::umask(027);
    two_sections().write(path);
    ::umask(before);
    EXPECT_EQ(fs::status(path).permissions(), fs::perms{0640});
}

TEST_F(SnapshotFile, NeedsNoDirectoryInItsName) {
    const fs::path before = fs::current_path();
    fs::current_path(directory);
    two_sections().write("here");
    Snapshot::open("here").verify();
    fs::current_path(before);
    EXPECT_EQ(files(), 1u);
}

// Data durable, then the name, then the name durable: a power cut leaves the old file or the new one.
TEST_F(SnapshotFile, SyncsAroundTheRename) {
    std::vector<std::string> calls;
    on_call = [&](const std::string& call) {
        if (calls.empty() || call != "write" || calls.back() != call) calls.push_back(call);
        return 0;
    };
    two_sections().write(path);
    on_call = nullptr;
    EXPECT_EQ(calls, (std::vector<std::string>{"write", "fsync", "rename", "fsync"}));
}

TEST_F(SnapshotFile, ShortAndInterruptedCallsAreGoneOnWith) {
    two_sections().write(path);
    const std::string expected = read();
    fs::remove(path);
    longest_write = 5;
    bool interrupt = false;
    int interrupted = 0;
    on_call = [&](const std::string& call) {
        interrupt = !interrupt && call != "rename";
        if (interrupt) ++interrupted;
        return interrupt ? EINTR : 0;
    };
    two_sections().write(path);
    on_call = nullptr;
    EXPECT_EQ(read(), expected);
    EXPECT_GT(interrupted, 40);
}

TEST_F(SnapshotFile, AFailedWriteLeavesTheOlderFileAndNothingElse) {
    four_sections().write(path);
    const std::string older = read();
    const auto write_complaint = [&] {
        const std::string text = complaint<std::system_error>([&] { two_sections().write(path); });
        on_call = nullptr;
        EXPECT_EQ(read(), older);
        EXPECT_EQ(files(), 1u);
        return text;
    };
    on_call = [](const std::string& call) { return call == "write" ? ENOSPC : 0; };
    EXPECT_EQ(write_complaint(), "cannot be written: No space left on device");
    on_call = [](const std::string& call) { return call == "fsync" ? EIO : 0; };
    EXPECT_EQ(write_complaint(), "cannot be written: Input/output error");
    on_call = [](const std::string& call) { return call == "rename" ? EXDEV : 0; };
    EXPECT_EQ(write_complaint(), "cannot be written: Invalid cross-device link");

    // And by the system itself, in the middle of a section.
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{130, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const std::string text = write_complaint();
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    std::signal(SIGXFSZ, handler);
    EXPECT_EQ(text, "cannot be written: File too large");

    two_sections().write(path);
    Snapshot::open(path).verify();
}

TEST_F(SnapshotFile, OnlyTheLastSyncMayFailWithTheNewFileInPlace) {
    four_sections().write(path);
    bool renamed = false;
    on_call = [&](const std::string& call) {
        if (call == "rename") renamed = true;
        return renamed && call == "fsync" ? EIO : 0;
    };
    EXPECT_THROW(two_sections().write(path), std::system_error);
    on_call = nullptr;
    Snapshot::open(path).verify();
    EXPECT_TRUE(Snapshot::open(path).has(300));
    EXPECT_EQ(files(), 1u);
}

TEST_F(SnapshotFile, AWriteThatCannotBeginSaysWhy) {
    put("a file");
    const std::string file = path;
    path = file + "/list.snapshot";
    EXPECT_EQ(complaint<std::system_error>([&] { two_sections().write(path); }),
              "cannot be written: Not a directory");
    path = directory / "absent/list.snapshot";
    EXPECT_EQ(complaint<std::system_error>([&] { two_sections().write(path); }),
              "cannot be written: No such file or directory");
    path = directory;  // the temporary file stands beside it
    EXPECT_EQ(complaint<std::system_error>([&] { two_sections().write(path); }),
              "cannot be written: Is a directory");
    for (const auto& beside : fs::directory_iterator(directory.parent_path())) {
        EXPECT_FALSE(beside.path().string().starts_with(directory.string() + ".")) << beside;
    }
    EXPECT_EQ(files(), 1u);
}

}  // namespace
}  // namespace platewatch
