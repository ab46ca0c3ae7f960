// Devices: signed bundles in, the list in use swapped.
#include <algorithm>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>

#include "c_api/handles.hpp"
#include "c_api/status.hpp"

using namespace platewatch;
using namespace platewatch::c;

pw_device::pw_device(Device::Settings settings, const pw_keys& of, pw_matcher& in)
    : keys(of),
      device([&] {
          settings.keys = key_ring(keys);
          return std::move(settings);
      }()),
      matcher(&in) {}

namespace {

// What goes wrong while a device writes, apart from what goes wrong while it reads.
template <class Work>
auto writing(const Work& work) {
    try {
        return work();
    } catch (const std::system_error& error) {
        throw WriteFailed(error.what());
    }
}

void accept(pw_device& of, const FileBytes& file, std::int64_t now) {
    if (of.device.is_current(file)) return writing([&] { of.device.record(); });
    of.device.check(file, now);
    Device::Opened opened = writing([&] { return of.device.keep(file); });
    of.matcher->use(opened.list);
    writing([&] { of.device.record(std::move(opened)); });
}

}  // namespace

pw_status pw_device_open(const pw_device_options* options, pw_matcher* matcher, pw_device** device) {
    return guarded([&] {
        checked_pointer(device) = nullptr;
        const pw_device_options& given = checked(options);
        const pw_keys& keys = checked(given.keys);
        if (keys.verify == nullptr) end_call(PW_ERROR_ARGUMENT, "a device needs somebody who verifies");
        const auto text = [](const char* of) { return of == nullptr ? std::string() : std::string(of); };
        Device::Settings settings{.directory = &checked_pointer(given.directory),
                                  .agency = text(given.agency),
                                  .group = text(given.group),
                                  .revoker = text(given.revoker)};
        auto made = std::make_unique<pw_device>(std::move(settings), keys, checked_pointer(matcher));
        if (const Device::Opened* const opened = made->device.open_current()) matcher->use(opened->list);
        *device = made.release();
    });
}

pw_status pw_device_accept(pw_device* device, const void* bytes, size_t size, int64_t now) {
    return guarded([&] {
        pw_device& of = checked_pointer(device);
        const auto* const first = &checked_pointer(static_cast<const std::byte*>(bytes));
        const std::span given(first, size);
        FileBytes file = FileBytes::borrowed(given);
        if (reinterpret_cast<std::uintptr_t>(first) % kSnapshotAlignment != 0) {
            file = FileBytes::room(size);
            std::ranges::copy(given, file.writable().begin());
        }
        accept(of, file, now);
    });
}

pw_status pw_device_accept_file(pw_device* device, const char* path, int64_t now) {
    return guarded([&] {
        pw_device& of = checked_pointer(device);
        accept(of, FileBytes::map(&checked_pointer(path)), now);
    });
}

pw_status pw_device_get_info(const pw_device* device, int64_t now, pw_device_info* info) {
    return guarded([&] {
        const Device& of = checked_pointer(device).device;
        pw_device_info& out = checked(info);
        const std::uint32_t size = out.size;
        out = {};
        out.size = size;
        if (!of.current()) return;
        const Manifest& manifest = of.current()->manifest;
        out.has_list = 1;
        out.version = manifest.version;
        out.issued = manifest.issued;
        out.expires = manifest.expires;
        out.stale = of.is_stale(now) ? 1 : 0;
        std::ranges::copy(to_hex(of.current()->digest), out.digest);
    });
}

void pw_device_close(pw_device* device) { delete device; }
