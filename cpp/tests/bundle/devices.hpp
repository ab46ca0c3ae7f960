// A device in a folder of its own, and the system calls that it writes by.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/c_api/bundles.hpp"

namespace platewatch {

// The linker sends the device's system calls to device_test.cpp. While set, it is asked for the errno to fail
// with, or 0; a negative one is a loss of power: nothing more is done by any call.
inline std::function<int(const std::string& call)> on_call;
inline bool power_is_lost = false;

class Devices : public testing::Test {
  protected:
    Folder folder, lists;
    pw_keys known = keys();
    std::string old_payload = snapshot(lists),
                new_payload = snapshot(lists, {wanted("10거0012"), wanted("22거2222")});
    MatcherHandle matcher;
    DeviceHandle device;

    Devices() { start(); }
    ~Devices() override {
        on_call = nullptr;
        power_is_lost = false;
    }
    Devices(const Devices&) = delete;
    Devices& operator=(const Devices&) = delete;

    pw_status try_to_start() {
        device.reset();
        matcher = make_matcher(nullptr);
        pw_device_options options = PW_DEVICE_OPTIONS_INIT;
        const std::string directory = folder.path();
        options.directory = directory.c_str();
        options.agency = "police", options.group = "north", options.revoker = "a";
        options.keys = &known;
        pw_device* made = nullptr;
        const pw_status status = pw_device_open(&options, matcher.get(), &made);
        device.reset(made);
        return status;
    }
    void start() { ASSERT_EQ(try_to_start(), PW_OK) << pw_last_error(); }

    pw_status accept(const std::string& bundle, std::int64_t now = 1500) {
        return pw_device_accept(device.get(), bundle.data(), bundle.size(), now);
    }
    std::uint64_t entries() {
        pw_list_info info = PW_LIST_INFO_INIT;
        EXPECT_EQ(pw_matcher_get_info(matcher.get(), &info), PW_OK);
        return info.entries;
    }
    pw_device_info info(std::int64_t now = 1500) {
        pw_device_info out = PW_DEVICE_INFO_INIT;
        EXPECT_EQ(pw_device_get_info(device.get(), now, &out), PW_OK);
        return out;
    }
    std::string old_bundle() { return signed_bundle({}, old_payload); }
    std::string new_bundle() { return signed_bundle({.version = 2, .issued = 1100}, new_payload); }

    // That a bundle is refused so, and the old list is in use, now and after the next start.
    void refuses(const std::string& bundle, pw_status why, std::int64_t now = 1500) {
        EXPECT_EQ(accept(bundle, now), why) << pw_last_error();
        EXPECT_EQ(entries(), 6u);
        EXPECT_EQ(info().version, 1);
        start();
        EXPECT_EQ(entries(), 6u);
        EXPECT_EQ(info().version, 1);
    }
};

// The write path's calls, in order.
inline std::vector<std::string> calls_of(const std::function<void()>& work) {
    std::vector<std::string> calls;
    on_call = [&](const std::string& call) {
        calls.push_back(call);
        return 0;
    };
    work();
    on_call = nullptr;
    return calls;
}

}  // namespace platewatch
