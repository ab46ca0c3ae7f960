// Deltas: the list that they lead to is that of the full bundle, in order or not at all, whatever happens.
#include "platewatch/bundle/delta.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "tests/bundle/devices.hpp"

namespace platewatch {
namespace {

class Deltas : public Devices {
  protected:
    // Three versions of a list: entries come, go, and become others.
    Version one = version_of({}, old_payload);
    Version two = version_of({.version = 2, .issued = 1100}, snapshot(lists, second()));
    Version three = version_of({.version = 3, .issued = 1200}, snapshot(lists, third()));

    static Entries second() {
        Entries entries = small_entries();
        entries[1].weight = 5;
        entries[2].exact = false;
        entries[3] = wanted("1?가10*");
        entries.erase(entries.begin());
        entries.push_back(wanted("22거2222"));
        return entries;
    }
    static Entries third() {
        Entries entries = second();
        entries.pop_back();                     // what the first delta brought
        entries[0].category = "stolen";         // what it changed
        entries.push_back(wanted("10가0012"));  // what it took out
        entries.push_back(wanted("10가0013"));
        return entries;
    }

    std::string payload_of_delta(const Version& from, const Version& to) const {
        return platewatch::payload_of_delta(lists, from, to);
    }
    std::string delta(Issue issue, const Version& from, const Version& to) const {
        return signed_bundle(as_delta(std::move(issue), from, to), payload_of_delta(from, to));
    }
    std::string to_two() const { return delta({.version = 2, .issued = 1100}, one, two); }
    std::string to_three() const { return delta({.version = 3, .issued = 1200}, two, three); }

    std::vector<Said> answers(const MatcherHandle& of) const {
        const SessionHandle session = make_session(of);
        std::vector<Said> out;
        for (const std::string text : {"10가0012", "10거0012", "1가1012", "25가2012", "서울22거1012",
                                       "22거2222", "12가1044", "121212121212", "10가0013"}) {
            const pw_read read = read_of(text);
            pw_options options = PW_OPTIONS_INIT;
            options.max_edits = 3;
            pw_matches matches;
            EXPECT_EQ(pw_match_read(session.get(), &read, &options, &matches), PW_OK) << pw_last_error();
            const auto more = said(matches);
            out.insert(out.end(), more.begin(), more.end());
        }
        return out;
    }
    // That the device has this version, and answers as its full bundle does, now and after the next start.
    void has(const Version& version, std::int64_t number) {
        put_file(lists / "full.snapshot", version.payload);
        const ListHandle list = open_list(lists / "full.snapshot");
        const auto expected = answers(make_matcher(list.get()));
        ASSERT_GT(expected.size(), 10u);
        for (int again = 0; again < 2; ++again) {
            EXPECT_EQ(info().version, number);
            EXPECT_EQ(info().digest, digest_of(version.manifest));
            EXPECT_TRUE(answers(matcher) == expected) << "version " << number << ", start " << again;
            start();
        }
    }
    [[nodiscard]] std::size_t files() const {
        std::size_t count = 0;
        for ([[maybe_unused]] const auto& file : std::filesystem::directory_iterator(folder.path())) ++count;
        return count;
    }
};

TEST_F(Deltas, LeadToTheListOfTheFullBundle) {
    ASSERT_EQ(accept(one.file), PW_OK);
    ASSERT_EQ(accept(to_two()), PW_OK) << pw_last_error();
    has(two, 2);
    EXPECT_EQ(entries(), 6u);
    ASSERT_EQ(accept(to_three()), PW_OK) << pw_last_error();
    has(three, 3);
    EXPECT_EQ(entries(), 7u);
    // To offer what is in use again is no mistake, whichever way.
    EXPECT_EQ(accept(to_three()), PW_OK);
    EXPECT_EQ(accept(three.file), PW_OK);
    has(three, 3);
    // A full bundle takes the place of them all.
    const Version four = version_of({.version = 4, .issued = 1300}, old_payload);
    ASSERT_EQ(accept(four.file), PW_OK);
    EXPECT_EQ(files(), 2u);
    has(four, 4);
    ASSERT_EQ(accept(delta({.version = 5, .issued = 1400}, four, two)), PW_OK) << pw_last_error();
    has(two, 5);
}

TEST_F(Deltas, BringAPolicyAndAModelIfTheyAreOther) {
    const std::string path = lists / "other.snapshot";
    const Policy strict{.general = {.notify = 0.99, .check = 0.98}};
    ScoringModel model = small_model();
    const ScoringModel other(
        std::make_shared<const ScoringTable>(model.general().table(),
                                             std::make_shared<const PopulationTrie>(small_population())),
        {}, {}, {}, 0.9);
    write_payload(path, Index(small_entries()), 3, &other, &strict);
    const Version changed = version_of({.version = 2, .issued = 1100}, read_file(path));
    ASSERT_EQ(accept(one.file), PW_OK);
    ASSERT_EQ(accept(delta({.version = 2, .issued = 1100}, one, changed)), PW_OK) << pw_last_error();
    has(changed, 2);
    // Where they are the same, they are not carried.
    EXPECT_LT(payload_of_delta(one, two).size(), payload_of_delta(one, changed).size() / 2);
    // They do not go.
    write_payload(path, Index(small_entries()), 2, &model, nullptr);
    const Version without = version_of({.version = 3}, read_file(path));
    EXPECT_THROW(static_cast<void>(payload_of_delta(one, without)), SnapshotError);
}

TEST_F(Deltas, OfWhatChangesNothing) {
    ASSERT_EQ(accept(one.file), PW_OK);
    const Version same = version_of({.version = 2, .issued = 1100, .expires = 9000}, old_payload);
    ASSERT_EQ(accept(delta({.version = 2, .issued = 1100, .expires = 9000}, one, same)), PW_OK);
    has(same, 2);
    EXPECT_EQ(info().expires, 9000);
}

TEST_F(Deltas, OfAWholeList) {
    const Version empty = version_of({.version = 2}, snapshot(lists, {})),
                  full = version_of({.version = 3}, old_payload);
    ASSERT_EQ(accept(one.file), PW_OK);
    ASSERT_EQ(accept(delta({.version = 2}, one, empty)), PW_OK) << pw_last_error();
    EXPECT_EQ(entries(), 0u);
    ASSERT_EQ(accept(delta({.version = 3}, empty, full)), PW_OK) << pw_last_error();
    has(full, 3);
}

TEST_F(Deltas, AreRefusedOutOfOrder) {
    EXPECT_EQ(accept(to_two()), PW_ERROR_DELTA);  // from nothing
    EXPECT_EQ(info().has_list, 0u);
    ASSERT_EQ(accept(one.file), PW_OK);
    refuses(to_three(), PW_ERROR_DELTA);
    ASSERT_EQ(accept(to_two()), PW_OK);
    ASSERT_EQ(accept(to_three()), PW_OK);
    EXPECT_EQ(accept(to_two()), PW_ERROR_ROLLBACK);
    EXPECT_EQ(accept(delta({.version = 4, .issued = 1300}, one, two)), PW_ERROR_DELTA);
    EXPECT_EQ(accept(one.file), PW_ERROR_ROLLBACK);
    has(three, 3);
}

TEST_F(Deltas, AreRefusedAsFullOnesAre) {
    ASSERT_EQ(accept(one.file), PW_OK);
    const std::string payload = payload_of_delta(one, two);
    const Issue issue = as_delta({.version = 2}, one, two);
    const std::string manifest = manifest_of(issue, payload);
    refuses(bundle_of(manifest, "", payload), PW_ERROR_UNSIGNED);
    refuses(bundle_of(manifest, std::string(32, 's'), payload), PW_ERROR_SIGNATURE);
    refuses(delta({.version = 2, .key = "unknown"}, one, two), PW_ERROR_SIGNATURE);
    refuses(delta({.version = 2}, one, two), PW_ERROR_EXPIRED, 2000);
    refuses(delta({.version = 2, .group = "south"}, one, two), PW_ERROR_FOREIGN);
    refuses(delta({.version = 2, .agency = "other"}, one, two), PW_ERROR_FOREIGN);
    refuses(delta({.version = 1}, one, two), PW_ERROR_ROLLBACK);
    refuses(delta({.version = 2, .key = "b", .more = "\"revoked\": [\"a\"], "}, one, two), PW_ERROR_REVOKER);
    refuses(delta({.version = 2, .more = std::string(kSealed)}, one, two), PW_ERROR_SEALED);
    const std::string whole = to_two();
    for (std::size_t size = 0; size < whole.size(); size += size < 900 ? 1 : 97)
        ASSERT_NE(accept(whole.substr(0, size)), PW_OK) << size;
    for (std::size_t at = 0; at < whole.size(); at += at < 900 ? 1 : 97) {
        std::string flipped = whole;
        flipped[at] = static_cast<char>(flipped[at] ^ (1 << (at % 8)));
        ASSERT_NE(accept(flipped), PW_OK) << at;
    }
    has(one, 1);
    // Signed, and from the version in use, but none: a whole list, no list at all, or a step from another
    // one.
    refuses(signed_bundle(issue, two.payload), PW_ERROR_DAMAGED);
    refuses(signed_bundle(issue, "no snapshot, however long it may be"), PW_ERROR_FORMAT);
    refuses(signed_bundle(issue, payload_of_delta(two, three)), PW_ERROR_DAMAGED);
    // A manifest that lacks what a delta's has.
    Issue lacks = issue;
    lacks.more = "\"previous\": \"" + digest_of(one.manifest) + "\", ";
    refuses(signed_bundle(lacks, payload), PW_ERROR_FORMAT);
    ASSERT_EQ(accept(whole), PW_OK) << pw_last_error();
    // And it is no list that could be opened by itself.
    put_file(lists / "delta.bundle", whole);
    pw_list* list = nullptr;
    EXPECT_EQ(pw_list_open((lists / "delta.bundle").c_str(), &known, &list), PW_ERROR_DELTA);
}

// By a key that leaked: the payload is refused, or used without leaving its memory.
TEST_F(Deltas, OfWhoMeansNoGoodDoNoHarm) {
    ASSERT_EQ(accept(one.file), PW_OK);
    const std::string payload = payload_of_delta(one, two);
    std::mt19937_64 random(20261128);
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    int taken = 0;
    for (std::int64_t round = 2; round < 1500; ++round) {
        std::string changed = payload;
        for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
            // Not the header and its table, whose checksum would tell.
            const std::size_t at = 1000 + below(changed.size() - 1000);
            changed[at] = static_cast<char>(below(3) == 0 ? 0xFF : random());
        }
        if (accept(signed_bundle(as_delta({.version = round}, one, two), changed)) != PW_OK) continue;
        static_cast<void>(answers(matcher));
        ++taken;
        // Back to where it goes on from.
        ASSERT_EQ(accept(signed_bundle({.version = ++round}, old_payload)), PW_OK);
        one = version_of({.version = round}, old_payload);
    }
    EXPECT_GT(taken, 10);
}

TEST_F(Deltas, AreOpenedIfEncrypted) {
    ASSERT_EQ(accept(one.file), PW_OK);
    Issue issue = as_delta({.version = 2, .more = std::string(kSealed)}, one, two);
    ASSERT_EQ(accept(signed_bundle(issue, sealed(payload_of_delta(one, two)))), PW_OK) << pw_last_error();
    has(two, 2);
}

TEST_F(Deltas, TakeTheCallersOwnChangesAway) {
    ASSERT_EQ(accept(one.file), PW_OK);
    pw_entry entry = PW_ENTRY_INIT;
    entry.id = "mine", entry.plate = "99가9999";
    ASSERT_EQ(pw_matcher_add(matcher.get(), &entry, 1), PW_OK);
    ASSERT_EQ(accept(to_two()), PW_OK);
    EXPECT_EQ(entries(), 6u);
    // And may be followed by others.
    ASSERT_EQ(pw_matcher_add(matcher.get(), &entry, 1), PW_OK);
    EXPECT_EQ(entries(), 7u);
    ASSERT_EQ(pw_matcher_remove(matcher.get(), "mine", nullptr), PW_OK);
    put_file(lists / "full.snapshot", two.payload);
    const ListHandle list = open_list(lists / "full.snapshot");
    EXPECT_TRUE(answers(matcher) == answers(make_matcher(list.get())));
}

TEST_F(Deltas, AreKeptUpToANumber) {
    ASSERT_EQ(accept(one.file), PW_OK);
    const Version* from = &one;
    Version versions[2] = {two, version_of({.version = 2}, old_payload)};
    std::int64_t number = 1;
    for (unsigned i = 0; i < 64; ++i) {
        const Version& to = versions[i % 2];
        ASSERT_EQ(accept(delta({.version = ++number}, *from, to)), PW_OK) << i << pw_last_error();
        from = &to;
    }
    EXPECT_EQ(accept(delta({.version = number + 1}, *from, two)), PW_ERROR_DELTA);
    EXPECT_NE(std::string(pw_last_error()).find("a full bundle is due"), std::string::npos);
    has(versions[1], number);
    const Version next = version_of({.version = ++number}, old_payload);
    ASSERT_EQ(accept(next.file), PW_OK);
    EXPECT_EQ(files(), 2u);
    ASSERT_EQ(accept(delta({.version = ++number}, next, two)), PW_OK);
    has(two, number);
}

// Each step of writing a delta, and then a full bundle behind it, fails or is where the power goes.
TEST_F(Deltas, WhatFailsMidwayLeavesOneListOrTheOther) {
    std::int64_t number = 1;
    for (const bool loses_power : {false, true}) {
        for (std::size_t step = 0; step < 8; ++step) {
            SCOPED_TRACE(testing::Message() << (loses_power ? "power lost at " : "failed at ") << step);
            const Version base = version_of({.version = ++number}, one.payload);
            ASSERT_EQ(accept(base.file), PW_OK) << pw_last_error();
            const std::int64_t at_base = number, at_delta = ++number, at_full = ++number;
            const Version other = version_of({.version = at_full}, three.payload);
            struct Step {
                std::string file;
                const Version* before;
                std::int64_t before_number;
                const Version* after;
                std::int64_t after_number;
            };
            const Step steps[] = {{delta({.version = at_delta}, base, two), &base, at_base, &two, at_delta},
                                  {other.file, &two, at_delta, &other, at_full}};
            for (const auto& [file, before, before_number, after, after_number] : steps) {
                std::size_t call = 0;
                on_call = [&](const std::string&) { return call++ != step ? 0 : loses_power ? -1 : ENOSPC; };
                EXPECT_EQ(accept(file), PW_ERROR_WRITE);
                on_call = nullptr;
                power_is_lost = false;
                if (loses_power) start();
                const bool is_new = info().version == after_number;
                EXPECT_EQ(is_new, step >= (loses_power ? 3 : 4));
                const auto in_use = answers(matcher);
                put_file(lists / "full.snapshot", (is_new ? after : before)->payload);
                const ListHandle list = open_list(lists / "full.snapshot");
                EXPECT_TRUE(in_use == answers(make_matcher(list.get())));
                EXPECT_EQ(info().version, is_new ? after_number : before_number);
                ASSERT_EQ(accept(file), PW_OK) << pw_last_error();
                has(*after, after_number);
            }
            EXPECT_EQ(files(), 2u) << "a delta is left";
        }
    }
}

TEST_F(Deltas, OfAListBeforeArePassedOver) {
    ASSERT_EQ(accept(one.file), PW_OK);
    ASSERT_EQ(accept(to_two()), PW_OK);
    const std::string left = read_file(folder / "delta-1.bundle");
    const Version next = version_of({.version = 3}, three.payload);
    ASSERT_EQ(accept(next.file), PW_OK);
    put_file(folder / "delta-1.bundle", left);  // the power went before it was removed
    start();
    has(next, 3);
    EXPECT_EQ(files(), 2u);
    // One that is not what was signed is not passed over: the list would be an older one.
    ASSERT_EQ(accept(delta({.version = 4}, next, two)), PW_OK);
    std::string damaged = read_file(folder / "delta-1.bundle");
    damaged.back() = static_cast<char>(damaged.back() ^ 1);
    put_file(folder / "delta-1.bundle", damaged);
    EXPECT_EQ(try_to_start(), PW_ERROR_DAMAGED);
    put_file(folder / "current.bundle", damaged);
    EXPECT_EQ(try_to_start(), PW_ERROR_DAMAGED);
}

TEST_F(Deltas, MakeTheFullBundleToTheLastByte) {
    for (const auto& [from, to] : {std::pair(&one, &two), std::pair(&two, &three), std::pair(&three, &one)}) {
        const auto step = opened(payload_of_delta(*from, *to));
        write_applied(lists / "applied.snapshot", opened(from->payload), step);
        EXPECT_TRUE(read_file(lists / "applied.snapshot") == to->payload);
        const Delta said = open_delta(step, "the delta");
        EXPECT_EQ(said.full.manifest, to->manifest);
        EXPECT_EQ(said.full.signature, "its signature");
    }
    EXPECT_THROW(
        write_applied(lists / "applied.snapshot", opened(three.payload), opened(payload_of_delta(one, two))),
        SnapshotError);
}

}  // namespace
}  // namespace platewatch
