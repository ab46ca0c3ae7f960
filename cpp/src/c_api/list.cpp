// Lists that do not change: from files, or from memory.
#include <cstdint>
#include <memory>
#include <utility>

#include "c_api/handles.hpp"
#include "c_api/status.hpp"

using namespace platewatch;
using namespace platewatch::c;

namespace platewatch::c {

KeyRing key_ring(const pw_keys& keys) noexcept {
    KeyRing ring;
    ring.context = const_cast<pw_keys*>(&keys);
    if (keys.verify != nullptr)
        ring.verify = [](void* context, const std::string& algorithm, const std::string& key,
                         std::span<const std::byte> message, std::span<const std::byte> signature) {
            const auto& of = *static_cast<const pw_keys*>(context);
            return of.verify(of.context, algorithm.c_str(), key.c_str(),
                             reinterpret_cast<const std::uint8_t*>(message.data()), message.size(),
                             reinterpret_cast<const std::uint8_t*>(signature.data()), signature.size()) == 1;
        };
    if (keys.decrypt != nullptr)
        ring.decrypt = [](void* context, const std::string& key, std::span<const std::uint8_t> nonce,
                          std::span<const std::byte> sealed, std::span<std::byte> out) {
            const auto& of = *static_cast<const pw_keys*>(context);
            return of.decrypt(of.context, key.c_str(), nonce.data(), nonce.size(),
                              reinterpret_cast<const std::uint8_t*>(sealed.data()), sealed.size(),
                              reinterpret_cast<std::uint8_t*>(out.data())) == 1;
        };
    return ring;
}

namespace {

void open(FileBytes file, std::string name, const pw_keys* keys, pw_list** out) {
    auto list = std::make_unique<pw_list>();
    list->name = std::move(name);
    list->file = std::move(file);
    if (Bundle::is_one(list->file.view())) {
        const Bundle bundle = Bundle::of(list->file.view(), list->name);
        const KeyRing ring = keys == nullptr ? KeyRing{} : key_ring(checked(keys));
        if (keys != nullptr) check_signature(bundle, ring);
        if (bundle.manifest.kind != "full")
            end_call(PW_ERROR_DELTA, "the bundle is a delta, and no list of its own");
        list->snapshot = open_snapshot(bundle, list->file, ring, list->name);
    } else {
        if (keys != nullptr && checked(keys).verify != nullptr)
            end_call(PW_ERROR_UNSIGNED, "a snapshot that is in no bundle has no signature");
        list->snapshot =
            std::make_shared<const Snapshot>(Snapshot::of(list->file.bytes, list->file.size, list->name));
    }
    list->contents = DeviceList(list->snapshot, list->file, list->name);
    list->file.forget();
    *out = list.release();
}

}  // namespace
}  // namespace platewatch::c

pw_status pw_list_open(const char* path, const pw_keys* keys, pw_list** list) {
    return guarded([&] {
        checked_pointer(list) = nullptr;
        std::string name = &checked_pointer(path);
        FileBytes file = FileBytes::map(name);
        c::open(std::move(file), std::move(name), keys, list);
    });
}

pw_status pw_list_map(const void* bytes, size_t size, const pw_keys* keys, pw_list** list) {
    return guarded([&] {
        checked_pointer(list) = nullptr;
        const auto* const first = &checked_pointer(static_cast<const std::byte*>(bytes));
        if (reinterpret_cast<std::uintptr_t>(first) % kSnapshotAlignment != 0)
            end_call(PW_ERROR_ARGUMENT, "the list does not lie at a multiple of 64 bytes");
        c::open(FileBytes::borrowed({first, size}), "the list", keys, list);
    });
}

pw_status pw_list_verify(const pw_list* list) {
    return guarded([&] {
        const pw_list& of = checked_pointer(list);
        if (Bundle::is_one(of.file.view()) && !Bundle::of(of.file.view(), of.name).payload_is_whole())
            end_call(PW_ERROR_DAMAGED, "the bundle's payload is not the one of its manifest");
        of.snapshot->verify();
        of.file.forget();
    });
}

pw_status pw_list_get_info(const pw_list* list, pw_list_info* info) {
    return guarded([&] {
        const DeviceList& contents = checked_pointer(list).contents;
        pw_list_info& out = checked(info);
        out.max_edits = contents.max_edits;
        out.entries = contents.segments.front().index->size();
        out.has_model = contents.model ? 1 : 0;
        out.has_policy = contents.policy ? 1 : 0;
    });
}

void pw_list_close(pw_list* list) { delete list; }
