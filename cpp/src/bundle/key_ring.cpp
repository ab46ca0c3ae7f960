#include "platewatch/bundle/key_ring.hpp"

#include <utility>
#include <vector>

#include "bundle/hex.hpp"

namespace platewatch {
namespace {

using Why = BundleRefused::Why;

constexpr std::size_t kTag = 16;

}  // namespace

void check_signature(const Bundle& bundle, const KeyRing& keys) {
    const Manifest& manifest = bundle.manifest;
    if (bundle.signature.empty() || manifest.algorithm.empty())
        raise<BundleRefused>(Why::not_signed, "the bundle is not signed");
    const std::string message = bundle.signed_bytes();
    if (keys.verify == nullptr || !keys.verify(keys.context, manifest.algorithm, manifest.key,
                                               std::as_bytes(std::span(message)), bundle.signature))
        raise<BundleRefused>(Why::wrong_signature, "the bundle's signature is not that of its key");
    if (!bundle.payload_is_whole())
        raise<SnapshotError>("the bundle is damaged: its payload is not the one that was signed");
}

std::shared_ptr<const Snapshot> open_snapshot(const Bundle& bundle, const FileBytes& file,
                                              const KeyRing& keys, const std::string& name) {
    const Manifest& manifest = bundle.manifest;
    FileBytes payload = file.part(bundle.payload);
    if (!manifest.encryption.empty()) {
        const auto refuse = [](const char* why) { raise<BundleRefused>(Why::sealed, why); };
        if (manifest.encryption != "aes-256-gcm" || keys.decrypt == nullptr)
            refuse("the bundle is encrypted, and there is nobody to open it");
        if (bundle.payload.size() < kTag) refuse("the bundle is encrypted, and too short to be opened");
        FileBytes text = FileBytes::room(bundle.payload.size() - kTag);
        if (!keys.decrypt(keys.context, manifest.encryption_key, from_hex(manifest.nonce), bundle.payload,
                          text.writable()))
            refuse("the bundle is encrypted for a key that is not here");
        payload = std::move(text);
    }
    return std::make_shared<const Snapshot>(Snapshot::of(payload.bytes, payload.size, name));
}

}  // namespace platewatch
