// What a bundle says of itself, and what its signature is of.
//
// JSON in UTF-8, one object, whose values are texts, whole numbers, or lists of texts; names that are not
// known are passed over, names that stand twice are refused. Times are seconds since 1970-01-01T00:00Z.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platewatch/base/raise.hpp"

namespace platewatch {

struct Manifest {
    static constexpr std::string_view kFormat = "platewatch bundle 1";

    std::string kind = "full";  // "delta": from the version before to this one
    std::int64_t version = 0;   // of the list, from 1 on
    std::string agency, group;  // whose list it is, and which devices it is for
    std::int64_t issued = 0, expires = 0;
    std::string previous;        // the digest of the bundle before, or ""
    std::string result;          // of a delta: the digest of the full bundle of this version; else ""
    std::string payload_sha256;  // as it lies in the file
    std::int64_t payload_bytes = 0;
    std::string algorithm, key;        // of the signature: "ed25519" or "ecdsa-p256-sha256", and whose; or ""
    std::vector<std::string> revoked;  // keys that are valid no longer
    std::string encryption, encryption_key, nonce;  // "aes-256-gcm", whose, 12 bytes in hex; or ""
};

class ManifestError : public RuntimeError {
  public:
    // `of`: a field's name, or "" for the manifest as a whole.
    ManifestError(std::string of, const std::string& why)
        : RuntimeError(of.empty() ? "the manifest " + why : "the manifest's " + of + " " + why),
          field(std::move(of)),
          reason(why) {}
    std::string field, reason;
    PLATEWATCH_ENDING(manifest, 0)
};

// Throws ManifestError.
[[nodiscard]] Manifest parse_manifest(std::string_view json);

}  // namespace platewatch
