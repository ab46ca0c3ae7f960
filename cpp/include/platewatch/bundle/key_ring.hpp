// Whether a bundle is signed by whom it should be, and what it carries, opened if it is encrypted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "platewatch/base/raise.hpp"
#include "platewatch/bundle/bundle.hpp"

namespace platewatch {

// Whoever is trusted with keys.
struct KeyRing {
    // Whether a signature is this key's; false for a key that is not known.
    bool (*verify)(void* context, const std::string& algorithm, const std::string& key,
                   std::span<const std::byte> message, std::span<const std::byte> signature) = nullptr;
    // Opens AES-256-GCM, the tag of 16 bytes behind the text: false if it is not this key's. `out` has room
    // for the text.
    bool (*decrypt)(void* context, const std::string& key, std::span<const std::uint8_t> nonce,
                    std::span<const std::byte> sealed, std::span<std::byte> out) = nullptr;
    void* context = nullptr;
};

class BundleRefused : public RuntimeError {
  public:
    enum class Why : std::uint8_t {
        not_signed,
        wrong_signature,
        revoked_key,
        expired,
        foreign,      // of another group or agency
        rolled_back,  // not newer than what its key has signed before
        sealed,       // encrypted, and not to be opened here
        delta,        // from another version than that in use
        revoker,      // revokes keys, and its own may not
    };
    BundleRefused(Why because, const std::string& what) : RuntimeError(what), why(because) {}
    Why why;
    PLATEWATCH_ENDING(bundle, why)
};

// Throws BundleRefused not_signed, wrong_signature, SnapshotError if the payload is damaged.
void check_signature(const Bundle& bundle, const KeyRing& keys);

// The snapshot that a bundle carries, full or delta; its bytes are kept as long as that lives, unless they
// were encrypted. Throws BundleRefused sealed, SnapshotError.
[[nodiscard]] std::shared_ptr<const Snapshot> open_snapshot(const Bundle& bundle, const FileBytes& file,
                                                            const KeyRing& keys, const std::string& name);

}  // namespace platewatch
