// What callers and files do wrong: a status each, and nothing else.
#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <string>
#include <vector>

#include "tests/c_api/bundles.hpp"

namespace platewatch {
namespace {

TEST(CHostile, NullIsAnArgumentThatIsRefused) {
    Folder folder;
    snapshot(folder);
    const ListHandle list = open_list(folder / "list.snapshot");
    const MatcherHandle matcher = make_matcher(list.get());
    const SessionHandle session = make_session(matcher);
    const std::string text = "10가0012";
    pw_read read = read_of(text);
    pw_list* out = nullptr;
    pw_matcher* new_matcher = nullptr;
    pw_session* new_session = nullptr;
    pw_device* device = nullptr;
    pw_matches matches;
    pw_explanation why;
    pw_list_info info = PW_LIST_INFO_INIT;
    pw_device_info device_info = PW_DEVICE_INFO_INIT;
    pw_device_options options = PW_DEVICE_OPTIONS_INIT;
    const pw_entry entry = PW_ENTRY_INIT;
    const pw_status statuses[] = {
        pw_set_allocator(nullptr),
        pw_list_open(nullptr, nullptr, &out),
        pw_list_open("x", nullptr, nullptr),
        pw_list_map(nullptr, 1, nullptr, &out),
        pw_list_verify(nullptr),
        pw_list_get_info(nullptr, &info),
        pw_list_get_info(list.get(), nullptr),
        pw_matcher_new(list.get(), nullptr),
        pw_matcher_swap(nullptr, list.get()),
        pw_matcher_swap(matcher.get(), nullptr),
        pw_matcher_add(nullptr, &entry, 1),
        pw_matcher_add(matcher.get(), nullptr, 1),
        pw_matcher_remove(matcher.get(), nullptr, nullptr),
        pw_matcher_remove(nullptr, "x", nullptr),
        pw_matcher_get_info(nullptr, &info),
        pw_session_new(nullptr, &new_session),
        pw_session_new(matcher.get(), nullptr),
        pw_match_read(nullptr, &read, nullptr, &matches),
        pw_match_read(session.get(), nullptr, nullptr, &matches),
        pw_match_read(session.get(), &read, nullptr, nullptr),
        pw_match_batch(session.get(), nullptr, 1, nullptr, &matches),
        pw_match_pass(session.get(), nullptr, 2, nullptr, &matches),
        pw_match_pass(nullptr, &read, 2, nullptr, &matches),
        pw_explain(session.get(), &read, nullptr, &why),
        pw_explain(session.get(), &read, "1", nullptr),
        pw_device_open(nullptr, matcher.get(), &device),
        pw_device_open(&options, matcher.get(), &device),
        pw_device_accept(nullptr, "x", 1, 0),
        pw_device_accept_file(nullptr, "x", 0),
        pw_device_get_info(nullptr, 0, &device_info),
    };
    for (std::size_t i = 0; i < std::size(statuses); ++i) EXPECT_EQ(statuses[i], PW_ERROR_ARGUMENT) << i;
    EXPECT_STRNE(pw_last_error(), "");
    EXPECT_EQ(new_matcher, nullptr);
    pw_list_close(nullptr);
    pw_matcher_free(nullptr);
    pw_session_free(nullptr);
    pw_device_close(nullptr);

    read.text = nullptr;
    EXPECT_EQ(pw_match_read(session.get(), &read, nullptr, &matches), PW_ERROR_ARGUMENT);
    read = read_of(text);
    read.character_count = 1;
    EXPECT_EQ(pw_match_read(session.get(), &read, nullptr, &matches), PW_ERROR_ARGUMENT);
    read = read_of(text);
    read.candidate_count = 1;
    EXPECT_EQ(pw_match_read(session.get(), &read, nullptr, &matches), PW_ERROR_ARGUMENT);
}

template <class Struct>
struct FollowedBySomething {
    Struct given;
    std::array<unsigned char, sizeof(pw_read)> behind = {1};
};

TEST(CHostile, StructsOfOtherSizes) {
    Folder folder;
    snapshot(folder);
    const ListHandle list = open_list(folder / "list.snapshot");
    const MatcherHandle matcher = make_matcher(list.get());
    const SessionHandle session = make_session(matcher);
    const std::string text = "10가0012";
    struct Newer {
        pw_read read;
        std::uint64_t more;
    } newer[2] = {{read_of(text), 0}, {read_of(text), 0}};
    pw_matches matches;
    newer[0].read.size = newer[1].read.size = sizeof(Newer);
    EXPECT_EQ(pw_match_read(session.get(), &newer[0].read, nullptr, &matches), PW_OK);
    ASSERT_EQ(pw_match_batch(session.get(), &newer[0].read, 2, nullptr, &matches), PW_OK);
    EXPECT_EQ(matches.count % 2, 0u);
    EXPECT_GT(matches.count, 0u);
    newer[0].more = 1;
    EXPECT_EQ(pw_match_read(session.get(), &newer[0].read, nullptr, &matches), PW_ERROR_ARGUMENT);
    for (const std::uint32_t size :
         {0U, 1U, 4U, static_cast<std::uint32_t>(sizeof(pw_read)) - 1, 4097U, ~0U}) {
        pw_read read = read_of(text);
        read.size = size;
        EXPECT_EQ(pw_match_read(session.get(), &read, nullptr, &matches), PW_ERROR_ARGUMENT) << size;
        // The others are smaller than a read: what lies behind them is not zero.
        FollowedBySomething<pw_options> options{PW_OPTIONS_INIT};
        options.given.size = size;
        const pw_read fine = read_of(text);
        EXPECT_EQ(pw_match_read(session.get(), &fine, &options.given, &matches), PW_ERROR_ARGUMENT) << size;
        FollowedBySomething<pw_entry> entry{PW_ENTRY_INIT};
        entry.given.size = size;
        EXPECT_EQ(pw_matcher_add(matcher.get(), &entry.given, 1), PW_ERROR_ARGUMENT) << size;
        FollowedBySomething<pw_list_info> info{PW_LIST_INFO_INIT};
        info.given.size = size;
        EXPECT_EQ(pw_list_get_info(list.get(), &info.given), PW_ERROR_ARGUMENT) << size;
    }
}

TEST(CHostile, NumbersOutOfRange) {
    Folder folder;
    snapshot(folder);
    const ListHandle list = open_list(folder / "list.snapshot");
    const MatcherHandle matcher = make_matcher(list.get());
    const SessionHandle session = make_session(matcher);
    const std::string text = "10가0012";
    const pw_read read = read_of(text);
    pw_matches matches;
    const auto status = [&](auto change) {
        pw_options options = PW_OPTIONS_INIT;
        change(options);
        return pw_match_read(session.get(), &read, &options, &matches);
    };
    EXPECT_EQ(status([](pw_options& o) { o.max_edits = 4; }), PW_ERROR_ARGUMENT);
    EXPECT_EQ(status([](pw_options& o) { o.flags = 16; }), PW_ERROR_ARGUMENT);
    for (const double p : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()})
        EXPECT_EQ(status([&](pw_options& o) { o.min_probability = p; }), PW_ERROR_ARGUMENT) << p;
    // What recognisers should not say of characters is left out, as Python leaves it out.
    pw_matches plain;
    ASSERT_EQ(pw_match_read(session.get(), &read, nullptr, &plain), PW_OK);
    const auto expected = said(plain);
    for (const double p : {-7.0, 1e300, -1e300, std::numeric_limits<double>::infinity(),
                           std::numeric_limits<double>::quiet_NaN()}) {
        const pw_alternative other = {"\xFF", 1, 0, p};
        const pw_character character = {"1", 1, 1, &other, p};
        const pw_candidate candidate = {"\xFF", 1, 0, p};
        pw_read odd = read;
        odd.characters = &character, odd.character_count = 1;
        odd.candidates = &candidate, odd.candidate_count = 1;
        odd.confidence = p > 1 ? p : PW_NONE;
        for (const std::uint32_t flags : {0U, PW_ALTERNATIVES}) {
            pw_options options = PW_OPTIONS_INIT;
            options.flags = flags;
            ASSERT_EQ(pw_match_read(session.get(), &odd, &options, &matches), PW_OK) << p;
            EXPECT_EQ(said(matches), expected) << p;
        }
    }
    pw_read many = read;
    many.character_count = PW_MOST_CHARACTERS + 1;
    const std::vector<pw_character> characters(many.character_count, pw_character{"1", 1, 0, nullptr, 0.5});
    many.characters = characters.data();
    EXPECT_EQ(pw_match_read(session.get(), &many, nullptr, &matches), PW_ERROR_ARGUMENT);
    many.character_count = PW_MOST_CHARACTERS;
    EXPECT_EQ(pw_match_read(session.get(), &many, nullptr, &matches), PW_OK);
}

// Structs may be up to 4,096 bytes by their own word, and so many of them may not be addressed with 32 bits.
TEST(CHostile, ArraysThatAreLargerThanMemory) {
    if (sizeof(std::size_t) > 4) GTEST_SKIP() << "with 64 bits, it can be addressed";
    Folder folder;
    snapshot(folder);
    const ListHandle list = open_list(folder / "list.snapshot");
    const MatcherHandle matcher = make_matcher(list.get());
    const SessionHandle session = make_session(matcher);
    alignas(8) unsigned char room[4096] = {};
    pw_read read = read_of("10가0012");
    read.size = sizeof room;
    std::memcpy(room, &read, sizeof read);
    pw_matches matches;
    EXPECT_EQ(
        pw_match_batch(session.get(), reinterpret_cast<const pw_read*>(room), 1U << 28, nullptr, &matches),
        PW_ERROR_ARGUMENT);
    pw_entry entry = PW_ENTRY_INIT;
    entry.size = sizeof room;
    std::memset(room, 0, sizeof room);
    std::memcpy(room, &entry, sizeof entry);
    EXPECT_EQ(pw_matcher_add(matcher.get(), reinterpret_cast<const pw_entry*>(room), 1U << 24),
              PW_ERROR_ARGUMENT);
}

TEST(CHostile, TextsThatAreNone) {
    Folder folder;
    snapshot(folder);
    const ListHandle list = open_list(folder / "list.snapshot");
    const MatcherHandle matcher = make_matcher(list.get());
    const SessionHandle session = make_session(matcher);
    std::mt19937_64 random(20261128);
    pw_matches matches;
    for (int round = 0; round < 3000; ++round) {
        std::string text(random() % 24, '\0');
        constexpr unsigned char kLikely[] = {0xEA, 0xB0, 0x80, '1', '0', 0xF4, 0x8F, 0xBF, 0xC0, 0xED, 0xA0};
        for (char& c : text)
            c = static_cast<char>(random() % 2 == 0 ? kLikely[random() % std::size(kLikely)]
                                                    : random() % 256);
        Symbols canonical;
        const bool fine = normalize(text, TextKind::read, canonical) == TextError::none;
        const pw_read read = read_of(text);
        pw_options options = PW_OPTIONS_INIT;
        options.max_edits = 1;
        ASSERT_EQ(pw_match_read(session.get(), &read, &options, &matches), fine ? PW_OK : PW_ERROR_TEXT);
        const std::string said_of = pw_last_error();
        if (!fine && text.size() > 2) {
            EXPECT_EQ(said_of.find(text), std::string::npos) << "an error quotes a read";
        }
    }
    const std::string longest(70000, ' ');
    const pw_read read = read_of(longest);
    EXPECT_EQ(pw_match_read(session.get(), &read, nullptr, &matches), PW_ERROR_TEXT);
    ASSERT_EQ(pw_match_batch(session.get(), &read, 1, nullptr, &matches), PW_OK);
    EXPECT_EQ(matches.refused_count, 1u);
}

// Uses a list as far as it lets itself be used.
void use(const std::string& file) {
    const FileBytes memory = FileBytes::room(file.size());
    std::memcpy(memory.writable().data(), file.data(), file.size());
    pw_list* list = nullptr;
    if (pw_list_map(memory.bytes.get(), file.size(), nullptr, &list) != PW_OK) return;
    const ListHandle opened(list);
    const MatcherHandle matcher = make_matcher(list);
    const SessionHandle session = make_session(matcher);
    for (const std::string text : {"10가0012", "서울22거1012", "121212121212"}) {
        const pw_read read = read_of(text);
        pw_matches matches;
        pw_options options = PW_OPTIONS_INIT;
        if (pw_match_read(session.get(), &read, &options, &matches) == PW_ERROR_NO_MODEL) {
            options.flags = PW_NO_SCORES;
            EXPECT_EQ(pw_match_read(session.get(), &read, &options, &matches), PW_OK) << pw_last_error();
        }
    }
}

pw_status verified(const std::string& file, const pw_keys* of) {
    const FileBytes memory = FileBytes::room(file.size());
    std::memcpy(memory.writable().data(), file.data(), file.size());
    pw_list* list = nullptr;
    const pw_status opened = pw_list_map(memory.bytes.get(), file.size(), of, &list);
    const ListHandle handle(list);
    return opened == PW_OK ? pw_list_verify(list) : opened;
}

class CDamage : public testing::Test {
  protected:
    Folder folder;
    std::string payload = snapshot(folder);
    std::string bundle = signed_bundle({}, payload);
    pw_keys known = keys();
};

TEST_F(CDamage, EveryTruncationIsRefused) {
    ASSERT_EQ(verified(bundle, &known), PW_OK) << pw_last_error();
    for (std::size_t size = 0; size < bundle.size(); size += size < 700 ? 1 : 61) {
        const pw_status status = verified(bundle.substr(0, size), nullptr);
        ASSERT_TRUE(status == PW_ERROR_DAMAGED || status == PW_ERROR_FORMAT) << size << " " << status;
    }
    for (std::size_t size = 0; size < payload.size(); size += size < 700 ? 1 : 61) {
        const pw_status status = verified(payload.substr(0, size), nullptr);
        ASSERT_TRUE(status == PW_ERROR_DAMAGED || status == PW_ERROR_FORMAT) << size << " " << status;
    }
    EXPECT_EQ(verified(bundle + "x", nullptr), PW_ERROR_DAMAGED);
}

// Each byte turned over is refused by `verify`, and without it does no harm.
TEST_F(CDamage, EveryFlippedByteIsRefusedOrHarmless) {
    const std::size_t step =
        1 + bundle.size() / 3000;  // each of the small parts in front, and of the others enough
    for (std::size_t at = 0; at < bundle.size(); at += at < 800 ? 1 : step) {
        std::string flipped = bundle;
        flipped[at] = static_cast<char>(flipped[at] ^ (1 << (at % 8)));
        ASSERT_NE(verified(flipped, &known), PW_OK) << at;
        use(flipped);
    }
}

// Under right checksums, as somebody could forge them.
TEST_F(CDamage, ForgedSectionsStayInTheFile) {
    std::mt19937_64 random(20261128);
    SnapshotHeader header;
    std::memcpy(&header, payload.data(), sizeof header);
    std::vector<SnapshotSection> table(header.sections);
    std::memcpy(table.data(), payload.data() + sizeof header, table.size() * sizeof table[0]);
    int opened = 0;
    for (int round = 0; round < 1500; ++round) {
        std::string forged = payload;
        for (std::size_t changes = 1 + random() % 3; changes > 0; --changes) {
            // Half of them in the model and the policy, which no other test forges.
            const SnapshotSection& section =
                table[random() % 2 == 0 ? table.size() - 1 - random() % 2 : random() % table.size()];
            if (section.bytes < 4) continue;
            constexpr std::uint32_t kNumbers[] = {0,          1,          2,          255, 0x7FF00000,
                                                  0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 16};
            const std::uint32_t number = kNumbers[random() % std::size(kNumbers)];
            const auto at = static_cast<std::size_t>(section.offset + 4 * (random() % (section.bytes / 4)));
            std::memcpy(forged.data() + at, &number, sizeof number);
        }
        const FileBytes memory = FileBytes::room(forged.size());
        std::memcpy(memory.writable().data(), forged.data(), forged.size());
        pw_list* list = nullptr;
        if (pw_list_map(memory.bytes.get(), forged.size(), nullptr, &list) == PW_OK) ++opened;
        pw_list_close(list);
        use(forged);
    }
    EXPECT_GT(opened, 100);
}

TEST(CHostile, FilesThatAreNone) {
    Folder folder;
    pw_list* list = nullptr;
    EXPECT_EQ(pw_list_open((folder / "none").c_str(), nullptr, &list), PW_ERROR_FILE);
    EXPECT_EQ(pw_list_open(folder.path().c_str(), nullptr, &list), PW_ERROR_FORMAT);
    put_file(folder / "empty", "");
    EXPECT_EQ(pw_list_open((folder / "empty").c_str(), nullptr, &list), PW_ERROR_DAMAGED);
    put_file(folder / "other", std::string(1000, 'x'));
    EXPECT_EQ(pw_list_open((folder / "other").c_str(), nullptr, &list), PW_ERROR_FORMAT);
    EXPECT_EQ(list, nullptr);
}

}  // namespace
}  // namespace platewatch
