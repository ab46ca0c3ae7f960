// Lists are swapped and changed while others match: each answer is that of one list or of another, and none
// between.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/c_api/bundles.hpp"

namespace platewatch {
namespace {

using Answer = std::vector<Said>;

Answer answer(const SessionHandle& session) {
    const pw_read read = read_of("10거0012");
    pw_matches matches;
    if (pw_match_read(session.get(), &read, nullptr, &matches) != PW_OK) return {};
    return said(matches);
}

class CThreads : public testing::Test {
  protected:
    Folder folder;
    const pw_keys known = keys();
    Version one = version_of({}, snapshot(folder)),
            two = version_of({.version = 2}, snapshot(folder, {wanted("10거0012"), wanted("22거2222")}));
    ListHandle first = list_of(one), second = list_of(two);
    MatcherHandle matcher = make_matcher(first.get());
    Answer of_first = answer(make_session(matcher)),
           of_second = answer(make_session(make_matcher(second.get())));

    ListHandle list_of(const Version& version) {
        const std::string path = folder / digest_of(version.manifest);
        put_file(path, version.file);
        return open_list(path);
    }

    // Makes changes while three threads match with sessions of their own; each of their answers has to be one
    // of `allowed`.
    template <class Change>
    void change_under_readers(int changes, const std::vector<Answer>& allowed, const Change& change) {
        std::atomic<bool> stop = false;
        std::atomic<int> answers = 0, others = 0;
        std::vector<std::thread> readers;
        for (int i = 0; i < 3; ++i)
            readers.emplace_back([&] {
                const SessionHandle session = make_session(matcher);
                while (!stop) {
                    if (std::ranges::find(allowed, answer(session)) == allowed.end()) ++others;
                    ++answers;
                }
            });
        for (int i = 0; i < changes; ++i) {
            const int before = answers;
            change(i);
            while (answers == before) std::this_thread::yield();
        }
        stop = true;
        for (std::thread& reader : readers) reader.join();
        EXPECT_EQ(others, 0) << "of " << answers;
    }
};

TEST_F(CThreads, SwapUnderReaders) {
    ASSERT_FALSE(of_first.empty());
    ASSERT_NE(of_first, of_second);
    change_under_readers(100, {of_first, of_second}, [&](int i) {
        EXPECT_EQ(pw_matcher_swap(matcher.get(), i % 2 == 0 ? second.get() : first.get()), PW_OK);
    });
    EXPECT_EQ(answer(make_session(matcher)), of_first);
}

TEST_F(CThreads, ChangeTheOverlayUnderReaders) {
    pw_entry entry = PW_ENTRY_INIT;
    entry.id = "new", entry.plate = "10거0013";
    const SessionHandle session = make_session(matcher);
    ASSERT_EQ(pw_matcher_add(matcher.get(), &entry, 1), PW_OK);
    const Answer with = answer(session);
    ASSERT_EQ(with.size(), of_first.size() + 1);
    change_under_readers(100, {of_first, with}, [&](int i) {
        if (i % 2 == 0) {
            EXPECT_EQ(pw_matcher_remove(matcher.get(), "new", nullptr), PW_OK);
        } else {
            EXPECT_EQ(pw_matcher_add(matcher.get(), &entry, 1), PW_OK);
        }
    });
    EXPECT_EQ(answer(session), with);
}

TEST_F(CThreads, TakeBundlesUnderReaders) {
    const Folder own;
    const std::string directory = own.path();
    pw_device_options options = PW_DEVICE_OPTIONS_INIT;
    options.directory = directory.c_str(), options.keys = &known;
    pw_device* made = nullptr;
    ASSERT_EQ(pw_device_open(&options, matcher.get(), &made), PW_OK);
    const DeviceHandle device(made);
    std::int64_t number = 0;
    Version before = one;
    change_under_readers(20, {of_first, of_second}, [&](int i) {
        const Version next = version_of({.version = ++number}, i % 2 == 0 ? one.payload : two.payload);
        // A full bundle, then a delta, then ...
        const std::string file = i % 2 == 0 ? next.file
                                            : signed_bundle(as_delta({.version = number}, before, next),
                                                            payload_of_delta(folder, before, next));
        EXPECT_EQ(pw_device_accept(made, file.data(), file.size(), 1500), PW_OK) << pw_last_error();
        before = next;
    });
    EXPECT_EQ(answer(make_session(matcher)), of_second);
}

}  // namespace
}  // namespace platewatch
