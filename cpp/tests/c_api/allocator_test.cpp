// Memory: all of it from the caller's allocator, none on the match path once it is warm, and what happens
// when there is no more.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <limits>
#include <string>

#include "tests/c_api/bundles.hpp"

namespace platewatch {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
std::atomic<std::int64_t> asked = 0, fail_at = kNever, held = 0;

// For the whole program, and from before its first test on.
class CallersMemory : public testing::Environment {
  public:
    CallersMemory() {
        const pw_allocator allocator = {sizeof(pw_allocator), 0,
                                        [](void* context, std::size_t bytes, std::size_t alignment) -> void* {
                                            if (context != &asked) std::abort();
                                            if (asked++ == fail_at) return nullptr;
                                            ++held;
                                            return std::aligned_alloc(alignment, bytes);
                                        },
                                        [](void*, void* memory, std::size_t bytes, std::size_t alignment) {
                                            if (bytes == 0 || alignment == 0) std::abort();
                                            --held;
                                            std::free(memory);
                                        },
                                        &asked};
        if (pw_set_allocator(&allocator) != PW_OK) std::abort();
    }
};
[[maybe_unused]] const auto* const kMemory = testing::AddGlobalTestEnvironment(new CallersMemory);

// Calls `work` with an allocator that fails at its n-th call, for every n, until one call is left alone.
template <class Work>
int fail_everywhere(const Work& work) {
    for (int n = 0;; ++n) {
        asked = 0;
        fail_at = n;
        const pw_status status = work();
        const bool failed = asked > n;
        fail_at = kNever;
        if (!failed) {
            EXPECT_EQ(status, PW_OK) << pw_last_error();
            return n;
        }
        // Some can do without what they asked for.
        EXPECT_TRUE(status == PW_ERROR_MEMORY || status == PW_OK)
            << n << ": " << status << " " << pw_last_error();
    }
}

class CMemory : public testing::Test {
  protected:
    CMemory() {
        snapshot(folder);
        put_file(folder / "list.bundle", signed_bundle({}, read_file(folder / "list.snapshot")));
    }
    Folder folder;
    const pw_keys known = keys();
    const std::string text = "10거0012", other = "서울22거1012", fitting = "21가1012";
    const pw_alternative alternative = {"가", 3, 0, 0.4};
    const pw_character characters[7] = {{"1", 1, 0, nullptr, 0.9},       {"0", 1, 0, nullptr, 0.9},
                                        {"거", 3, 1, &alternative, 0.5}, {"0", 1, 0, nullptr, 0.9},
                                        {"0", 1, 0, nullptr, 0.9},       {"1", 1, 0, nullptr, 0.9},
                                        {"2", 1, 0, nullptr, 0.9}};
    const pw_candidate candidate = {"10가0012", 9, 0, 0.3};

    // Reads of every sort: text, with characters, with candidates, with a region mark.
    std::vector<pw_read> reads() {
        std::vector<pw_read> out = {read_of(text), read_of(text), read_of(text), read_of(other),
                                    read_of(fitting)};
        out[1].characters = characters, out[1].character_count = 7;
        out[2].candidates = &candidate, out[2].candidate_count = 1;
        out[3].engine = "engine", out[3].camera = "far";
        return out;
    }
};

TEST_F(CMemory, OpeningFailsWithoutALeak) {
    const std::int64_t before = held;
    for (const char* name : {"list.snapshot", "list.bundle"}) {
        const std::string path = folder / name;
        const int calls = fail_everywhere([&] {
            pw_list* list = nullptr;
            const pw_status status = pw_list_open(path.c_str(), nullptr, &list);
            EXPECT_EQ(list != nullptr, status == PW_OK);
            pw_list_close(list);
            return status;
        });
        EXPECT_GT(calls, 100);
    }
    EXPECT_EQ(held, before + 0) << "a list is left";
}

TEST_F(CMemory, MatchersAndSessionsFailWithoutALeak) {
    const ListHandle list = open_list(folder / "list.bundle", &known);
    make_matcher(list.get()).reset();  // the first one has what all share
    const std::int64_t before = held;
    fail_everywhere([&] {
        pw_matcher* matcher = nullptr;
        const pw_status status = pw_matcher_new(list.get(), &matcher);
        pw_matcher_free(matcher);
        return status;
    });
    EXPECT_EQ(held, before);
    const MatcherHandle matcher = make_matcher(list.get());
    fail_everywhere([&] { return pw_matcher_swap(matcher.get(), list.get()); });
    fail_everywhere([&] {
        pw_session* session = nullptr;
        const pw_status status = pw_session_new(matcher.get(), &session);
        pw_session_free(session);
        return status;
    });
}

TEST_F(CMemory, DevicesKeepTheirListOrTakeTheNext) {
    const std::string changed = snapshot(folder, {wanted("10거0012"), wanted("22거2222")});
    const Version one = version_of({}, read_file(folder / "list.bundle").substr(4096)),
                  two = version_of({.version = 2}, changed);
    const std::string delta =
        signed_bundle(as_delta({.version = 2}, one, two), payload_of_delta(folder, one, two));
    for (int n = 0, failed = 1; failed > 0; ++n) {
        failed = 0;
        const Folder own;
        const std::string directory = own.path();
        pw_device_options options = PW_DEVICE_OPTIONS_INIT;
        options.directory = directory.c_str(), options.keys = &known;
        const MatcherHandle matcher = make_matcher(nullptr);
        pw_device* made = nullptr;
        ASSERT_EQ(pw_device_open(&options, matcher.get(), &made), PW_OK) << pw_last_error();
        const DeviceHandle device(made);
        ASSERT_EQ(pw_device_accept(made, one.file.data(), one.file.size(), 1500), PW_OK) << pw_last_error();
        const auto entries = [&] {
            pw_list_info info = PW_LIST_INFO_INIT;
            EXPECT_EQ(pw_matcher_get_info(matcher.get(), &info), PW_OK);
            return info.entries;
        };
        asked = 0;
        fail_at = n;
        const pw_status status = pw_device_accept(made, delta.data(), delta.size(), 1500);
        if (asked > n) failed = 1;
        fail_at = kNever;
        ASSERT_TRUE(status == PW_OK || status == PW_ERROR_MEMORY) << n << ": " << pw_last_error();
        EXPECT_TRUE(entries() == 2 || (entries() == 6 && status != PW_OK)) << n;
        ASSERT_EQ(pw_device_accept(made, delta.data(), delta.size(), 1500), PW_OK) << n << pw_last_error();
        EXPECT_EQ(entries(), 2u) << n;
    }
}

TEST_F(CMemory, TheOverlayFailsWhole) {
    const ListHandle list = open_list(folder / "list.snapshot");
    const MatcherHandle matcher = make_matcher(list.get());
    const SessionHandle session = make_session(matcher);
    pw_entry entry = PW_ENTRY_INIT;
    entry.id = "new", entry.plate = "22거2222";
    const pw_read read = read_of("22거2222");
    fail_everywhere([&] {
        const pw_status status = pw_matcher_add(matcher.get(), &entry, 1);
        const std::int64_t armed = fail_at.exchange(kNever);
        pw_matches matches;
        EXPECT_EQ(pw_match_read(session.get(), &read, nullptr, &matches), PW_OK);
        EXPECT_EQ(matches.count, status == PW_OK ? 1u : 0u);
        EXPECT_EQ(pw_matcher_remove(matcher.get(), "new", nullptr), PW_OK);
        fail_at = armed;
        return status;
    });
}

TEST_F(CMemory, MatchingFailsAndThenAnswersAsBefore) {
    const ListHandle list = open_list(folder / "list.bundle", &known);
    const MatcherHandle matcher = make_matcher(list.get());
    pw_options options = PW_OPTIONS_INIT;
    options.max_edits = 3;
    options.flags = PW_ALTERNATIVES;
    const auto all = reads();
    std::vector<Said> expected;
    {
        const SessionHandle session = make_session(matcher);
        pw_matches matches;
        ASSERT_EQ(pw_match_batch(session.get(), all.data(), 5, &options, &matches), PW_OK);
        expected = said(matches);
    }
    ASSERT_GT(expected.size(), 4u);
    for (int n = 0, failed = 1; failed > 0; ++n) {
        failed = 0;
        const SessionHandle session = make_session(matcher);
        asked = 0;
        fail_at = n;
        pw_matches matches;
        const pw_status status = pw_match_batch(session.get(), all.data(), 5, &options, &matches);
        if (asked > n) failed = 1;
        fail_at = kNever;
        ASSERT_TRUE(status == PW_ERROR_MEMORY || (status == PW_OK && said(matches) == expected)) << n;
        ASSERT_EQ(pw_match_batch(session.get(), all.data(), 5, &options, &matches), PW_OK) << n;
        ASSERT_EQ(said(matches), expected) << n;
    }
}

TEST_F(CMemory, PassesAndExplanationsFail) {
    const ListHandle list = open_list(folder / "list.bundle", &known);
    const MatcherHandle matcher = make_matcher(list.get());
    const auto all = reads();
    for (int n = 0, failed = 1; failed > 0; ++n) {
        failed = 0;
        const SessionHandle session = make_session(matcher);
        asked = 0;
        fail_at = n;
        pw_matches matches;
        pw_explanation why;
        const pw_status pass = pw_match_pass(session.get(), all.data(), 5, nullptr, &matches);
        const pw_status explained = pw_explain(session.get(), all.data(), "10가0012", &why);
        if (asked > n) failed = 1;
        fail_at = kNever;
        EXPECT_TRUE(pass == PW_OK || pass == PW_ERROR_MEMORY);
        EXPECT_TRUE(explained == PW_OK || explained == PW_ERROR_MEMORY);
    }
}

TEST_F(CMemory, NoneIsAskedForOnceWarm) {
    const ListHandle list = open_list(folder / "list.bundle", &known);
    const MatcherHandle matcher = make_matcher(list.get());
    const SessionHandle session = make_session(matcher);
    const auto all = reads();
    for (const std::uint32_t flags : {0U, PW_ALTERNATIVES, PW_HITS_ONLY, PW_NO_SCORES, PW_KEEP_EXACT}) {
        for (const std::uint32_t edits : {0U, 1U, 2U, 3U}) {
            pw_options options = PW_OPTIONS_INIT;
            options.max_edits = edits;
            options.flags = flags;
            const auto match = [&] {
                pw_matches matches;
                for (const pw_read& read : all)
                    EXPECT_EQ(pw_match_read(session.get(), &read, &options, &matches), PW_OK);
                EXPECT_EQ(pw_match_batch(session.get(), all.data(), 5, &options, &matches), PW_OK);
            };
            match();
            asked = 0;
            match();
            EXPECT_EQ(asked, 0) << "flags " << flags << ", edits " << edits;
        }
    }
}

}  // namespace
}  // namespace platewatch
