// Index::save and Index::open: what comes back, and what a damaged file can do.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "platewatch/hotlist/index.hpp"
#include "platewatch/hotlist/live_index.hpp"
#include "platewatch/store/snapshot.hpp"
#include "tests/lists.hpp"
#include "tests/support.hpp"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size)
#define ASAN_UNPOISON_MEMORY_REGION(address, size)
#endif

// While set, a file is not mapped: its bytes are said to be here.
static void* mapped_instead = nullptr;

extern "C" {
void* __real_mmap(void* address, size_t size, int protection, int flags, int descriptor, off_t offset);
void* __wrap_mmap(void* address, size_t size, int protection, int flags, int descriptor, off_t offset) {
    if (mapped_instead != nullptr && descriptor >= 0) return mapped_instead;
    return __real_mmap(address, size, protection, flags, descriptor, offset);
}
int __real_munmap(void* address, size_t size);
int __wrap_munmap(void* address, size_t size) {
    return address == mapped_instead ? 0 : __real_munmap(address, size);
}
}

namespace platewatch {
namespace {

using namespace lists;
namespace fs = std::filesystem;

class IndexSnapshot : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "platewatch-XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        directory = name;
        path = name + "/index.snapshot";
    }
    void TearDown() override {
        mapped_instead = nullptr;
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

    fs::path directory;
    std::string path;
};

Index opened(const std::string& path) {
    unsigned max_edits = 99;
    Index index = Index::open(path, max_edits);
    EXPECT_EQ(max_edits, 2u);
    return index;
}

void expect_same(const Index& index, std::vector<IndexEntry> entries, Random& random) {
    ASSERT_EQ(index.size(), entries.size());
    std::ranges::sort(entries, {}, &IndexEntry::id);
    for (std::uint32_t number = 0; number < entries.size(); ++number) {
        const IndexEntry& expected = entries[number];
        SCOPED_TRACE(expected.id);
        ASSERT_EQ(index.id(number), expected.id);
        ASSERT_EQ(index.find(expected.id), number);
        ASSERT_EQ(index.validity(number), expected.validity);
        ASSERT_EQ(index.category(number), expected.category);
        ASSERT_EQ(index.priority(number), expected.priority);
        const IndexEntry entry = index.entry(number);
        ASSERT_EQ(entry.plate, expected.plate);
        ASSERT_EQ(entry.pattern, expected.pattern);
        ASSERT_EQ(index.plate(number),
                  expected.pattern ? to_utf8(*expected.pattern) : to_utf8(expected.plate.view()));
    }
    ASSERT_EQ(index.find("nobody"), std::nullopt);
    Index::Workspace workspace;
    std::vector<Query> block(24);
    for (std::uint32_t i = 0; i < block.size(); ++i)
        block[i] = {i, static_cast<Time>(random.below(kTimes)), Symbols(random_read(random, entries))};
    for (unsigned k = 0; k <= kMaxEdits; ++k)
        ASSERT_EQ(hits_of(index, block, k, workspace), reference_hits(block, entries, k)) << "k = " << k;
}

TEST_F(IndexSnapshot, RoundTrip) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    for (const std::size_t size : {0, 1, 2, 10, 100, 500}) {
        std::vector<IndexEntry> entries = random_list(random, size);
        Index original(entries);
        original.save(path, 2);
        const std::string bytes = read();
        Snapshot::open(path).verify();
        const Index copy = opened(path);
        ASSERT_NO_FATAL_FAILURE(expect_same(copy, entries, random));
        EXPECT_TRUE(std::ranges::equal(copy.symbols(), original.symbols()));
        EXPECT_EQ(copy.nbytes(), original.nbytes());
        for (int i = 0; i < 30; ++i) {
            const Pattern query = random_pattern(random, random_read(random, entries));
            ASSERT_EQ(copy.search(query, 5), original.search(query, 5)) << to_utf8(query);
        }
        // The same list makes the same file, whoever saves it and in whatever order it came.
        copy.save(path, 2);
        EXPECT_EQ(read(), bytes);
        std::ranges::reverse(entries);
        Index(entries).save(path, 2);
        EXPECT_EQ(read(), bytes);
    }
}

TEST_F(IndexSnapshot, OfNothing) {
    Index().save(path, 2);
    const Index index = opened(path);
    EXPECT_EQ(index.size(), 0u);
    Index::Workspace workspace;
    const Query query{0, 0, Symbols(U"1234")};
    EXPECT_TRUE(hits_of(index, {&query, 1}, 3, workspace).empty());
}

// A pattern whose canonical text has no pattern character left is one all the same.
TEST_F(IndexSnapshot, KeepsAPatternOfSymbols) {
    IndexEntry entry{"a", {}};
    ASSERT_EQ(parse_pattern("[1]2", entry.pattern.emplace()), PatternError::none);
    Index({entry}).save(path, 2);
    EXPECT_EQ(opened(path).entry(0).pattern, entry.pattern);
}

TEST_F(IndexSnapshot, IsFoldedAsWell) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    const std::vector<IndexEntry> entries = random_list(random, 400);
    Index({entries.begin(), entries.begin() + 200}).save(path, 2);
    LiveIndex live(opened(path));
    live.apply({entries.begin() + 150, entries.end()}, {});
    live.settle();
    ASSERT_EQ(live.state()->segments().size(), 1u);
    ASSERT_NO_FATAL_FAILURE(expect_same(*live.state()->segments()[0].index, entries, random));
}

// Short and long keys that branch in their tries, shared ones, marks, patterns, and all columns.
std::vector<IndexEntry> dense_list() {
    std::vector<IndexEntry> entries;
    const auto add = [&](std::u32string plate) -> IndexEntry& {
        IndexEntry& entry = entries.emplace_back(IndexEntry{id_of(entries.size()), Symbols(plate)});
        entry.validity.until = entries.size() % 5 == 0 ? 5 : 100;
        entry.category = entries.size() % 3 == 0 ? "stolen" : "";
        if (entries.size() % 4 == 0) entry.priority = static_cast<std::int32_t>(entries.size());
        if (entries.size() % 6 == 0) entry.weight = 2.5F;
        entry.exact = entries.size() % 7 == 0;
        return entry;
    };
    const auto bits = [](std::size_t number, std::size_t count, std::u32string_view symbols) {
        std::u32string out;
        for (std::size_t i = 0; i < count; ++i) out += symbols[number >> i & 1];
        return out;
    };
    for (std::size_t i = 0; i < 64; ++i) add(bits(i, 6, U"12") + (i % 7 == 0 ? U"" : U"1"));
    for (std::size_t i = 0; i < 80; ++i) add(bits(i, 7, U"AB") + U"가가" + bits(i, 5, U"12"));
    for (std::size_t i = 0; i < 6; ++i) add(U"서울" + bits(i, 5, U"12") + U"바1");
    for (std::size_t i = 0; i < 4; ++i) add(U"서울121212"), add(U"121212");
    for (const std::string_view text : {"12*", "*12", "1[12]?21", "서울12*1", "*A[가나]*1*", "?"}) {
        IndexEntry& entry = add(U"");
        EXPECT_EQ(parse_pattern(text, entry.pattern.emplace()), PatternError::none);
    }
    return entries;
}

// Uses an index in every way; its answers may be anything.
class User {
  public:
    User() {
        for (const std::u32string_view text :
             {U"121212", U"서울121212", U"12121A", U"2222", U"ABABABA가가12121", U"ABABAB가가1212",
              U"121211212?", U"1", U"서울BABABAB가가2121", U"BBBBB가1212122"})
            block_.push_back({static_cast<std::uint32_t>(block_.size()), 7, Symbols(text)});
        for (const std::string_view text : {"12*", "*1", "*가*", "서울*", "??2??*"})
            EXPECT_EQ(parse_pattern(text, patterns_.emplace_back()), PatternError::none);
    }
    void use(const Index& index) {
        const auto size = static_cast<std::uint32_t>(index.size());
        for (unsigned k = 0; k <= kMaxEdits; ++k) {
            matches_.clear();
            index.search(block_, k, workspace_, matches_);
            for (const Match& match : matches_) {
                ASSERT_LT(match.entry, size);
                ASSERT_LE(match.edits, k);
            }
            order_matches(matches_, 0, workspace_.words);
        }
        const Pattern& pattern = patterns_[round_ % patterns_.size()];  // they are slow: one at a time
        for (const std::uint32_t number : index.search(pattern, 7)) ASSERT_LT(number, size);
        std::size_t sum = 0;
        for (std::uint32_t number = 0; number < size; number += 1 + round_ % 7) {
            for (const std::string_view text :
                 {index.id(number), index.plate(number), index.category(number)})
                for (const char c : text) sum += static_cast<unsigned char>(c);
            if (number % 16 == round_ % 16) sum += index.entry(number).plate.size();
            sum += static_cast<std::size_t>(index.priority(number).value_or(1));
            sum += index.validity(number).holds(5);
        }
        for (const std::string_view id : {"", "0", "Z1", "\U0001F69584"}) sum += index.find(id).value_or(0);
        ++round_;
        EXPECT_NE(sum + 1, 0u);
    }

  private:
    std::vector<Query> block_;
    std::vector<Pattern> patterns_;
    Index::Workspace workspace_;
    std::vector<Match> matches_;
    std::size_t round_ = 0;
};

class DamagedSnapshot : public IndexSnapshot {
  protected:
    void SetUp() override {
        IndexSnapshot::SetUp();
        Index(dense_list()).save(path, 2);
        bytes = read();
        std::memcpy(&header, bytes.data(), sizeof header);
        table.resize(header.sections);
        std::memcpy(table.data(), bytes.data() + sizeof header, sizeof(SnapshotSection) * table.size());
    }
    void TearDown() override {
        if (memory != nullptr) {
            ASAN_UNPOISON_MEMORY_REGION(memory, room);
            mapped_instead = nullptr;
            std::free(memory);
        }
        IndexSnapshot::TearDown();
    }

    // From now on the file is in memory: damage is a store, and whoever reads between the sections or behind
    // the last one is caught.
    void keep_in_memory() {
        room = (bytes.size() / 4096 + 2) * 4096;
        memory = static_cast<char*>(std::aligned_alloc(4096, room));
        std::memcpy(memory, bytes.data(), bytes.size());
        std::size_t end = sizeof header + sizeof(SnapshotSection) * table.size();
        for (const SnapshotSection& section : table) {
            poison(end, section.offset);
            end = section.offset + section.bytes;
        }
        poison(end, room);
        mapped_instead = memory;
    }
    void poison([[maybe_unused]] std::size_t begin, [[maybe_unused]] std::size_t end) const {
        ASAN_POISON_MEMORY_REGION(memory + begin, end - begin);
    }

    // True if it could be opened.
    bool use() {
        unsigned max_edits;
        std::optional<Index> index;
        try {
            index = Index::open(path, max_edits);
        } catch (const SnapshotError&) {
            return false;
        }
        EXPECT_LE(max_edits, kMaxEdits);
        user.use(*index);
        return true;
    }

    const SnapshotSection& section(std::uint32_t id) const {
        return *std::ranges::find(table, id, &SnapshotSection::id);
    }
    std::size_t data_begin() const { return table.front().offset; }

    // The same sections but one; the writer puts right checksums.
    void write_with(std::uint32_t id, const std::string& instead) {
        std::map<std::uint32_t, std::string> contents;
        for (const SnapshotSection& s : table) contents[s.id] = bytes.substr(s.offset, s.bytes);
        contents[id] = instead;
        SnapshotWriter writer;
        for (const SnapshotSection& s : table) add(writer, s, contents[s.id]);
        writer.write(path);
    }

    std::string bytes;
    SnapshotHeader header;
    std::vector<SnapshotSection> table;
    char* memory = nullptr;
    std::size_t room = 0;
    User user;

  private:
    template <std::size_t kSize>
    static void add_elements(SnapshotWriter& writer, std::uint32_t id, const std::string& content) {
        using Element = std::array<std::byte, kSize>;
        const auto* elements = reinterpret_cast<const Element*>(content.data());
        writer.add(id, std::span<const Element>(elements, content.size() / kSize));
    }
    static void add(SnapshotWriter& writer, const SnapshotSection& s, const std::string& content) {
        switch (s.element_bytes) {
            case 1:
                return add_elements<1>(writer, s.id, content);
            case 4:
                return add_elements<4>(writer, s.id, content);
            case 8:
                return add_elements<8>(writer, s.id, content);
            case 12:
                return add_elements<12>(writer, s.id, content);
            case 16:
                return add_elements<16>(writer, s.id, content);
            default:
                FAIL() << s.element_bytes;
        }
    }
};

TEST_F(DamagedSnapshot, HasEverySection) {
    for (const SnapshotSection& s : table) {
        const bool used =
            s.bytes >= 2 * s.element_bytes || s.id == 1 || s.id == 430 || s.id == 431 || s.id / 10 == 51;
        EXPECT_TRUE(used) << "section " << s.id << " of " << s.bytes << " bytes";
    }
    Random random(seed());
    ASSERT_NO_FATAL_FAILURE(expect_same(opened(path), dense_list(), random));
}

TEST_F(DamagedSnapshot, IsRefusedWhenCutShort) {
    const auto file = fs::path(path);
    for (std::size_t size = bytes.size(); size-- > 0;) {
        fs::resize_file(file, size);
        ASSERT_THROW(Snapshot::open(path).verify(), SnapshotError) << size;
    }
}

TEST_F(DamagedSnapshot, IsRefusedWhateverByteIsWrong) {
    keep_in_memory();
    ASAN_UNPOISON_MEMORY_REGION(memory, room);  // `verify` reads all of it
    const auto refused = [&](std::size_t at, unsigned char damage) {
        memory[at] = static_cast<char>(memory[at] ^ damage);
        ASSERT_THROW(Snapshot::open(path).verify(), SnapshotError) << "byte " << at << " ^ " << int{damage};
        memory[at] = bytes[at];
    };
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        ASSERT_NO_FATAL_FAILURE(refused(at, 0xFF));
        for (unsigned bit = 0; bit < 8 && at < 4096; ++bit)
            ASSERT_NO_FATAL_FAILURE(refused(at, static_cast<unsigned char>(1U << bit)));
    }
    EXPECT_NO_THROW(Snapshot::open(path).verify());
}

// Each byte in turn, in three tests, as they can run side by side.
class DamagedByte : public DamagedSnapshot, public testing::WithParamInterface<std::size_t> {};

TEST_P(DamagedByte, KeepsSearchesInTheFile) {
    keep_in_memory();
    std::size_t used = 0;
    for (std::size_t at = data_begin() + GetParam(); at < bytes.size(); at += 3) {
        for (const unsigned char damage :
             {static_cast<unsigned char>(0xFF), static_cast<unsigned char>(1U << at / 3 % 8)}) {
            const bool padding = std::ranges::none_of(
                table, [&](const SnapshotSection& s) { return s.offset <= at && at < s.offset + s.bytes; });
            if (padding) continue;
            memory[at] = static_cast<char>(memory[at] ^ damage);
            used += use() ? 1 : 0;
            ASSERT_FALSE(HasFailure()) << "byte " << at << " ^ " << int{damage};
            memory[at] = bytes[at];
        }
    }
    EXPECT_GT(used, bytes.size() / 2);
}

INSTANTIATE_TEST_SUITE_P(Bytes, DamagedByte, testing::Range(std::size_t{0}, std::size_t{3}));

// Whole words of the numbers that lead elsewhere: near the ends of arrays, back to where one came from.
TEST_F(DamagedSnapshot, OfWrongNumbersKeepsSearchesInTheFile) {
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    keep_in_memory();
    for (int round = 0; round < 3000; ++round) {
        const SnapshotSection& s = table[random.below(table.size())];
        if (s.bytes < 4) continue;
        const std::size_t words = s.bytes / 4;
        std::vector<std::size_t> places;
        const std::size_t wrong = random.one_in(8) ? words : 1 + random.below(6);
        for (std::size_t i = 0; i < wrong; ++i) {
            const std::size_t at = s.offset + 4 * (wrong == words ? i : random.below(words));
            const std::uint64_t numbers[] = {0,
                                             1,
                                             0xFFFFFFFF,
                                             0x7FFFFFFF,
                                             random.below(256),
                                             s.bytes / s.element_bytes,
                                             s.bytes / s.element_bytes - 1,
                                             s.bytes / s.element_bytes + 1,
                                             random.below(s.bytes / s.element_bytes + 1),
                                             random.below(0xFFFFFFFF)};
            const auto number = static_cast<std::uint32_t>(numbers[random.below(std::size(numbers))]);
            std::memcpy(memory + at, &number, sizeof number);
        }
        use();
        ASSERT_FALSE(HasFailure()) << "section " << s.id << ", round " << round;
        std::memcpy(memory + s.offset, bytes.data() + s.offset, s.bytes);
    }
}

// Tries whose nodes lead back to the root, and all of whose children hold all keys.
TEST_F(DamagedSnapshot, OfTriesInCirclesEndsItsSearches) {
    keep_in_memory();
    for (const std::uint32_t id : {102u, 104u, 202u, 204u}) {
        const SnapshotSection& s = section(id);
        const std::size_t slots = s.bytes / sizeof(TrieSlot);
        for (const std::uint32_t begin : {0u, 1u, 60u}) {
            for (std::size_t slot = 0; slot < slots; ++slot) {
                // The first is the root's header: from code 0, as many as there are slots.
                const TrieSlot wrong = slot == 0 ? TrieSlot{0, static_cast<std::uint32_t>(slots)}
                                                 : TrieSlot{slot % 2 == 0 ? begin : 0u, 0};
                std::memcpy(memory + s.offset + slot * sizeof wrong, &wrong, sizeof wrong);
            }
            for (int i = 0; i < 5; ++i) EXPECT_TRUE(use());  // with each of its patterns
        }
        std::memcpy(memory + s.offset, bytes.data() + s.offset, s.bytes);
    }
}

// Sections of other sizes, under right checksums.
TEST_F(DamagedSnapshot, OfSectionsThatDoNotFitKeepsSearchesInTheFile) {
    for (const SnapshotSection& s : table) {
        const std::string content = bytes.substr(s.offset, s.bytes);
        const std::size_t element = s.element_bytes;
        std::vector<std::string> variants = {"", content + content, content + std::string(element, '\0'),
                                             content + std::string(element, '\xFF'),
                                             std::string(element, '\xFF')};
        if (content.size() >= element) {
            variants.push_back(content.substr(element));
            variants.push_back(content.substr(0, content.size() - element));
            variants.push_back(content.substr(0, element));
            variants.push_back(content.substr(0, content.size() / element / 2 * element));
        }
        for (const std::string& instead : variants) {
            write_with(s.id, instead);
            EXPECT_NO_THROW(Snapshot::open(path).verify());
            use();
            ASSERT_FALSE(HasFailure()) << "section " << s.id << " of " << instead.size() << " bytes";
        }
    }
}

// Nobody has verified it, and it repeats an id: so it cannot be folded, but goes on.
TEST_F(DamagedSnapshot, ThatCannotBeFoldedIsSearchedAsItIs) {
    const SnapshotSection& ids = section(400);
    std::string damaged = bytes;
    std::ranges::fill(damaged.begin() + static_cast<std::ptrdiff_t>(ids.offset),
                      damaged.begin() + static_cast<std::ptrdiff_t>(ids.offset + ids.bytes), '0');
    put(damaged);
    LiveIndex live(opened(path));
    std::vector<IndexEntry> many;
    for (int i = 0; i < 200; ++i) many.push_back({"new " + std::to_string(i), Symbols(U"9999")});
    live.apply(many, {});
    live.settle();
    const Query query{0, 7, Symbols(U"9999")};
    Index::Workspace workspace;
    EXPECT_EQ(hits_of(*live.state(), {&query, 1}, 0, workspace).size(), 200u);
    live.replace(Index());
    live.apply(many, {});
    live.settle();
    EXPECT_EQ(hits_of(*live.state(), {&query, 1}, 0, workspace).size(), 200u);
}

// A file of each version of the format, which every later one must read. The newest is written by
//   PLATEWATCH_WRITE_GOLDEN=1 build/cpp/platewatch_tests --gtest_filter='GoldenSnapshot.*'
// which is to be done only for a new version.
class GoldenSnapshot : public testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Versions, GoldenSnapshot, testing::Range(1U, kSnapshotVersion + 1));

TEST_P(GoldenSnapshot, IsStillRead) {
    const std::string path = PLATEWATCH_GOLDEN "index-v" + std::to_string(GetParam()) + ".snapshot";
    std::vector<IndexEntry> entries = dense_list();
    for (IndexEntry& entry : entries) entry.exact = entry.exact && GetParam() >= 3;
    const bool write = std::getenv("PLATEWATCH_WRITE_GOLDEN") != nullptr && GetParam() == kSnapshotVersion;
    if (write) Index(entries).save(path, 2);
    Snapshot::open(path).verify();
    const Index index = opened(path);
    SCOPED_TRACE("PLATEWATCH_TEST_SEED=" + std::to_string(seed()));
    Random random(seed());
    for (int round = 0; round < 5; ++round) ASSERT_NO_FATAL_FAILURE(expect_same(index, entries, random));
    Pattern query;
    ASSERT_EQ(parse_pattern("*가1*", query), PatternError::none);
    EXPECT_EQ(index.search(query, 7), Index(entries).search(query, 7));
    EXPECT_GT(index.search(query, 7).size(), 10u);
    const Index anew(entries);
    for (std::uint32_t i = 0; i < index.size(); ++i)  // version 1 had no weights
        EXPECT_EQ(index.weight(i), GetParam() == 1 ? 1 : anew.weight(i));
}

}  // namespace
}  // namespace platewatch
