// Which bundles a device takes, and what it has after a loss of power at each step.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

#include "tests/bundle/devices.hpp"

static bool made_to_fail(const char* call) {
    using platewatch::on_call, platewatch::power_is_lost;
    const int error = power_is_lost ? EIO : on_call ? on_call(call) : 0;
    if (error < 0) power_is_lost = true;
    if (error != 0) errno = std::max(error, 1);
    return error != 0;
}

extern "C" {
ssize_t __real_write(int descriptor, const void* bytes, size_t size);
ssize_t __wrap_write(int descriptor, const void* bytes, size_t size) {
    if (!made_to_fail("write")) return __real_write(descriptor, bytes, size);
    if (platewatch::power_is_lost && size > 1)
        static_cast<void>(__real_write(descriptor, bytes, size / 2));  // torn
    return -1;
}
int __real_fsync(int descriptor);
int __wrap_fsync(int descriptor) { return made_to_fail("fsync") ? -1 : __real_fsync(descriptor); }
int __real_rename(const char* from, const char* to);
int __wrap_rename(const char* from, const char* to) {
    return made_to_fail("rename") ? -1 : __real_rename(from, to);
}
int __real_unlink(const char* path);
int __wrap_unlink(const char* path) { return platewatch::power_is_lost ? -1 : __real_unlink(path); }
}

namespace platewatch {
namespace {

TEST_F(Devices, TakesABundleAndStartsWithIt) {
    EXPECT_EQ(info().has_list, 0u);
    EXPECT_EQ(entries(), 0u);
    ASSERT_EQ(accept(old_bundle()), PW_OK) << pw_last_error();
    EXPECT_EQ(entries(), 6u);
    EXPECT_EQ(info().version, 1);
    EXPECT_EQ(info().issued, 1000);
    EXPECT_EQ(info().expires, 2000);
    const std::string manifest = manifest_of({}, old_payload);
    EXPECT_EQ(info().digest, to_hex(sha256(std::as_bytes(std::span(manifest)))));
    start();
    EXPECT_EQ(info().has_list, 1u);
    EXPECT_EQ(entries(), 6u);
    ASSERT_EQ(accept(new_bundle()), PW_OK) << pw_last_error();
    EXPECT_EQ(entries(), 2u);
    start();
    EXPECT_EQ(entries(), 2u);
    EXPECT_EQ(info().version, 2);
    // To offer the one in use again is no mistake, from memory at any address or from a file.
    const std::string again = "x" + new_bundle();
    EXPECT_EQ(pw_device_accept(device.get(), again.data() + 1, again.size() - 1, 1500), PW_OK)
        << pw_last_error();
    put_file(lists / "new.bundle", new_bundle());
    EXPECT_EQ(pw_device_accept_file(device.get(), (lists / "new.bundle").c_str(), 1500), PW_OK);
    EXPECT_EQ(pw_device_accept_file(device.get(), (lists / "none.bundle").c_str(), 1500), PW_ERROR_FILE);
}

TEST_F(Devices, MatchesAsAListOfItsPayloadDoes) {
    ASSERT_EQ(accept(old_bundle()), PW_OK);
    const SessionHandle session = make_session(matcher);
    const std::string text = "10거0012";
    const pw_read read = read_of(text);
    pw_matches matches;
    ASSERT_EQ(pw_match_read(session.get(), &read, nullptr, &matches), PW_OK) << pw_last_error();
    const auto answer = said(matches);
    EXPECT_GT(answer.size(), 1u);
    put_file(lists / "old.snapshot", old_payload);
    const ListHandle list = open_list(lists / "old.snapshot");
    const MatcherHandle plain = make_matcher(list.get());
    const SessionHandle other = make_session(plain);
    ASSERT_EQ(pw_match_read(other.get(), &read, nullptr, &matches), PW_OK);
    EXPECT_EQ(answer, said(matches));
}

TEST_F(Devices, RefusesEachWithAnErrorOfItsOwn) {
    ASSERT_EQ(accept(old_bundle()), PW_OK);
    const std::string manifest = manifest_of({.version = 2}, new_payload);
    refuses(bundle_of(manifest, "", new_payload), PW_ERROR_UNSIGNED);
    refuses(bundle_of(manifest, std::string(32, 's'), new_payload), PW_ERROR_SIGNATURE);
    refuses(bundle_of(manifest, signature_of("b", std::string(kSignedAs) + manifest), new_payload),
            PW_ERROR_SIGNATURE);
    refuses(bundle_of(manifest, signature_of("a", manifest), new_payload), PW_ERROR_SIGNATURE);
    refuses(signed_bundle({.version = 2, .key = "unknown"}, new_payload), PW_ERROR_SIGNATURE);
    refuses(signed_bundle({.version = 2}, new_payload), PW_ERROR_EXPIRED, 2000);
    refuses(signed_bundle({.version = 2, .group = "south"}, new_payload), PW_ERROR_FOREIGN);
    refuses(signed_bundle({.version = 2, .agency = "other"}, new_payload), PW_ERROR_FOREIGN);
    refuses(signed_bundle({.version = 1}, new_payload), PW_ERROR_ROLLBACK);
    refuses(signed_bundle({.version = 2, .more = std::string(kSealed)}, new_payload), PW_ERROR_SEALED);
    refuses(new_bundle().substr(0, 5000), PW_ERROR_DAMAGED);
    refuses("PLTWBNDL", PW_ERROR_DAMAGED);
    refuses(new_payload, PW_ERROR_FORMAT);  // a list, but no bundle
    refuses(std::string(5000, 'x'), PW_ERROR_FORMAT);
    // Signed, but not what it says that it carries.
    std::string other = new_bundle();
    other.back() = static_cast<char>(other.back() ^ 1);
    refuses(other, PW_ERROR_DAMAGED);
    // Signed, and no list.
    refuses(signed_bundle({.version = 2}, "no snapshot, however long it may be"), PW_ERROR_FORMAT);
    ASSERT_EQ(accept(new_bundle()), PW_OK) << pw_last_error();
}

TEST_F(Devices, EveryFlippedByteIsRefused) {
    ASSERT_EQ(accept(old_bundle()), PW_OK);
    const std::string whole = new_bundle();
    for (std::size_t at = 0; at < whole.size(); at += at < 800 ? 1 : 397) {
        std::string flipped = whole;
        flipped[at] = static_cast<char>(flipped[at] ^ (1 << (at % 8)));
        ASSERT_NE(accept(flipped), PW_OK) << at;
        ASSERT_EQ(entries(), 6u);
    }
}

TEST_F(Devices, ManifestsSayEachThingOnceAndInRange) {
    ASSERT_EQ(accept(old_bundle()), PW_OK);
    const auto with = [&](const std::string& from, const std::string& to) {
        std::string manifest = manifest_of({.version = 2}, new_payload);
        const std::size_t at = manifest.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        manifest.replace(at, from.size(), to);
        return bundle_of(manifest, signature_of("a", std::string(kSignedAs) + manifest), new_payload);
    };
    for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
             {"bundle 1", "bundle 2"},
             {"\"full\"", "\"half\""},
             {"\"version\": 2", "\"version\": 0"},
             {"\"version\": 2", "\"version\": 2.5"},
             {"\"version\": 2", "\"version\": \"2\""},
             {"\"version\": 2", "\"version\": 99999999999999999999"},
             {"\"version\": 2", "\"version\": 02"},
             {"\"version\": 2, ", ""},
             {"\"expires\": 2000", "\"expires\": 1000"},
             {"\"key\": \"a\"", "\"key\": \"a b\""},
             {"\"key\": \"a\"", "\"key\": \"\""},
             {"\"key\": \"a\"", "\"key\": \"a\", \"key\": \"a\""},
             {"\"group\"", "\"gr\\oup\""},
             {"\"group\": \"north\"", "\"group\": {}"},
             {"north", "nor\nth"},
             {"north", "\\ud800"},
             {"\"key\": \"a\"", "\"key\": \"a\", \"revoked\": [\"a\"]"},
             {"\"key\": \"a\"", "\"key\": \"a\", \"revoked\": [\"b\",]"},
             {"\"key\": \"a\"", "\"key\": \"a\", \"result\": \"" + std::string(64, '0') + "\""},
             {"\"payload_bytes\": ", "\"payload_bytes\": 1"},
             {"}", "}}"},
             {"}", ""},
             {"{", "["}})
        refuses(with(from, to), PW_ERROR_FORMAT);
    // What is not known is passed over, and names may be escaped.
    ASSERT_EQ(accept(with("\"group\": \"north\"",
                          "\"gro\\u0075p\":\"north\" , \"later\": [\"x\", \"\\uD83D\\uDE97\"]")),
              PW_OK)
        << pw_last_error();
}

TEST_F(Devices, KeysOverlapAndAreRevoked) {
    ASSERT_EQ(accept(old_bundle()), PW_OK);
    // Versions are kept by key: one that leaked cannot lock the other out.
    ASSERT_EQ(accept(signed_bundle({.version = std::int64_t{1} << 53, .key = "b"}, new_payload)), PW_OK);
    EXPECT_EQ(entries(), 2u);
    EXPECT_EQ(accept(signed_bundle({.version = 1, .issued = 999}, old_payload)), PW_ERROR_ROLLBACK);
    ASSERT_EQ(accept(signed_bundle({.version = 2, .more = "\"revoked\": [\"b\"], "}, old_payload)), PW_OK)
        << pw_last_error();
    EXPECT_EQ(entries(), 6u);
    start();
    EXPECT_EQ(accept(signed_bundle({.version = (std::int64_t{1} << 53) - 1, .key = "b"}, new_payload)),
              PW_ERROR_REVOKED);
    EXPECT_EQ(accept(signed_bundle({.version = 2}, new_payload)), PW_ERROR_ROLLBACK);
    ASSERT_EQ(accept(signed_bundle({.version = 3}, new_payload)), PW_OK);
}

TEST_F(Devices, OnlyTheRevokerRevokes) {
    ASSERT_EQ(accept(old_bundle()), PW_OK);
    // A key that leaked would lock the others out.
    refuses(signed_bundle({.key = "b", .more = "\"revoked\": [\"a\"], "}, new_payload), PW_ERROR_REVOKER);
    refuses(signed_bundle({.key = "b", .more = "\"revoked\": [\"c\"], "}, new_payload), PW_ERROR_REVOKER);
    ASSERT_EQ(accept(signed_bundle({.version = 2, .more = "\"revoked\": [\"b\", \"c\"], "}, old_payload)),
              PW_OK);
    EXPECT_EQ(accept(signed_bundle({.key = "b"}, new_payload)), PW_ERROR_REVOKED);
}

TEST_F(Devices, AKeyThatLeakedStopsNoClockForGood) {
    ASSERT_EQ(accept(old_bundle()), PW_OK);
    ASSERT_EQ(accept(signed_bundle({.issued = 90000, .expires = 99000, .key = "b"}, new_payload)), PW_OK);
    EXPECT_EQ(accept(signed_bundle({.version = 2}, old_payload)), PW_ERROR_EXPIRED);
    ASSERT_EQ(accept(signed_bundle({.version = 2, .more = "\"revoked\": [\"b\"], "}, old_payload)), PW_OK)
        << pw_last_error();
    start();
    ASSERT_EQ(accept(signed_bundle({.version = 3}, old_payload)), PW_OK) << pw_last_error();
}

TEST_F(Devices, WhatItStartsWithCountsThoughItWasNotRecorded) {
    ASSERT_EQ(accept(old_bundle()), PW_OK);
    std::size_t call = 0;
    on_call = [&](const std::string&) { return call++ == 4 ? -1 : 0; };
    const std::string next = signed_bundle({.version = 5, .more = "\"revoked\": [\"b\"], "}, new_payload);
    EXPECT_EQ(accept(next), PW_ERROR_WRITE);
    on_call = nullptr;
    power_is_lost = false;
    start();
    EXPECT_EQ(info().version, 5);
    EXPECT_EQ(accept(signed_bundle({.version = 4}, old_payload)), PW_ERROR_ROLLBACK);
    EXPECT_EQ(accept(signed_bundle({.version = 6, .key = "b"}, old_payload)), PW_ERROR_REVOKED);
    EXPECT_EQ(calls_of([&] { EXPECT_EQ(accept(next), PW_OK); }).size(), 4u);  // is recorded now
    EXPECT_EQ(calls_of([&] { EXPECT_EQ(accept(next), PW_OK); }).size(), 0u);
}

TEST_F(Devices, ADeadClockIsNotBeforeTheNewestIssue) {
    ASSERT_EQ(accept(old_bundle(), PW_NO_CLOCK), PW_OK) << pw_last_error();
    ASSERT_EQ(
        accept(signed_bundle({.version = 2, .issued = 1900, .expires = 3000}, new_payload), PW_NO_CLOCK),
        PW_OK);
    start();
    EXPECT_EQ(
        accept(signed_bundle({.version = 3, .issued = 1000, .expires = 1900}, old_payload), PW_NO_CLOCK),
        PW_ERROR_EXPIRED);
    EXPECT_EQ(accept(signed_bundle({.version = 3, .issued = 1000, .expires = 1900}, old_payload), 1),
              PW_ERROR_EXPIRED);
    ASSERT_EQ(
        accept(signed_bundle({.version = 3, .issued = 1000, .expires = 1901}, old_payload), PW_NO_CLOCK),
        PW_OK);
}

TEST_F(Devices, AnOldListIsStaleAndGoesOn) {
    ASSERT_EQ(accept(old_bundle()), PW_OK);
    EXPECT_EQ(info(1999).stale, 0u);
    EXPECT_EQ(info(2000).stale, 1u);
    start();
    EXPECT_EQ(info(2000).stale, 1u);
    EXPECT_EQ(entries(), 6u);
    EXPECT_EQ(info(PW_NO_CLOCK).stale, 0u);
}

TEST_F(Devices, OpensWhatIsEncrypted) {
    const std::string text = sealed(new_payload);
    ASSERT_EQ(accept(signed_bundle({.more = std::string(kSealed)}, text)), PW_OK) << pw_last_error();
    EXPECT_EQ(entries(), 2u);
    start();
    EXPECT_EQ(entries(), 2u);
    std::string wrong = text;
    wrong.back() = 'x';
    EXPECT_EQ(accept(signed_bundle({.version = 2, .more = std::string(kSealed)}, wrong)), PW_ERROR_SEALED);
    EXPECT_EQ(accept(signed_bundle({.version = 2, .more = std::string(kSealed)}, "short")), PW_ERROR_SEALED);
    known.decrypt = nullptr;
    EXPECT_EQ(try_to_start(), PW_ERROR_SEALED);
}

TEST_F(Devices, AWriteThatFailsKeepsTheOldListInUse) {
    ASSERT_EQ(accept(old_bundle()), PW_OK);
    std::size_t steps = 0;
    {
        const std::string keep = folder.path();
        const auto calls = calls_of([&] { ASSERT_EQ(accept(new_bundle()), PW_OK); });
        steps = calls.size();
        EXPECT_EQ(calls, (std::vector<std::string>{"write", "fsync", "rename", "fsync", "write", "fsync",
                                                   "rename", "fsync"}));
    }
    std::int64_t version = 2;
    for (std::size_t step = 0; step < steps; ++step) {
        SCOPED_TRACE(step);
        const bool is_old = entries() == 6;
        const std::string next =
            signed_bundle({.version = ++version, .issued = 1100}, is_old ? new_payload : old_payload);
        std::size_t call = 0;
        on_call = [&](const std::string&) { return call++ == step ? ENOSPC : 0; };
        EXPECT_EQ(accept(next), PW_ERROR_WRITE);
        on_call = nullptr;
        // Before the list is used, the old one is still; after that, the new one is, though not recorded yet.
        EXPECT_EQ(entries() == 6, step < 4 ? is_old : !is_old);
        // The next try succeeds, whatever was left.
        ASSERT_EQ(accept(next), PW_OK) << pw_last_error();
        EXPECT_EQ(entries() == 6, !is_old);
        start();
        EXPECT_EQ(entries() == 6, !is_old);
        EXPECT_EQ(info().version, version);
        EXPECT_EQ(accept(signed_bundle({.version = version - 1}, old_payload)), PW_ERROR_ROLLBACK);
    }
}

TEST_F(Devices, ALossOfPowerAtAnyStepLeavesOneListOrTheOther) {
    ASSERT_EQ(accept(old_bundle()), PW_OK);
    std::int64_t version = 1;
    for (std::size_t step = 0; step < 8; ++step) {
        SCOPED_TRACE(step);
        const bool is_old = entries() == 6;
        const std::string next =
            signed_bundle({.version = ++version, .issued = 1100}, is_old ? new_payload : old_payload);
        std::size_t call = 0;
        on_call = [&](const std::string&) { return call++ == step ? -1 : 0; };
        EXPECT_EQ(accept(next), PW_ERROR_WRITE);
        on_call = nullptr;
        power_is_lost = false;
        start();
        EXPECT_EQ(entries() == 6, step < 3 ? is_old : !is_old);
        ASSERT_EQ(accept(next), PW_OK) << pw_last_error();
        EXPECT_EQ(entries() == 6, !is_old);
    }
}

TEST_F(Devices, WhatItKeptIsVerifiedAtTheStart) {
    ASSERT_EQ(accept(old_bundle()), PW_OK);
    const std::string bundle = read_file(folder / "current.bundle"),
                      accepted = read_file(folder / "accepted");
    std::string damaged = bundle;
    damaged.back() = static_cast<char>(damaged.back() ^ 1);
    put_file(folder / "current.bundle", damaged);
    EXPECT_EQ(try_to_start(), PW_ERROR_DAMAGED);
    put_file(folder / "current.bundle", bundle);
    for (std::size_t at = 0; at < accepted.size(); ++at) {
        std::string flipped = accepted;
        flipped[at] = static_cast<char>(flipped[at] ^ 1);
        put_file(folder / "accepted", flipped);
        ASSERT_EQ(try_to_start(), PW_ERROR_DAMAGED) << at;
        put_file(folder / "accepted", accepted.substr(0, at));
        ASSERT_EQ(try_to_start(), PW_ERROR_DAMAGED) << at;
    }
    put_file(folder / "accepted", accepted);
    start();
    EXPECT_EQ(entries(), 6u);
}

TEST(Sha256, IsThatOfTheStandard) {
    const auto hex = [](std::string_view text) { return to_hex(sha256(std::as_bytes(std::span(text)))); };
    EXPECT_EQ(hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(hex(std::string(1000000, 'a')),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    // In pieces of every size.
    const std::string text(300, 'p');
    for (std::size_t piece = 1; piece < 150; ++piece) {
        Sha256 sum;
        for (std::size_t at = 0; at < text.size(); at += piece)
            sum.add(std::as_bytes(std::span(text).subspan(at, std::min(piece, text.size() - at))));
        EXPECT_EQ(to_hex(sum.finish()), hex(text)) << piece;
    }
}

}  // namespace
}  // namespace platewatch
