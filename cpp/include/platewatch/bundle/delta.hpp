// From one version of a list to the next: what a delta bundle carries, and what a device makes of it.
//
// A delta's payload is one as a full bundle has (payload.hpp), of those entries only that are new or other,
// with the model and the policy if they are other. Behind them is what else the step takes: the ids that go,
// the number of entries afterwards, and the full bundle's manifest and signature, so that whoever has the
// list before can make the full bundle, to the last byte.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platewatch/bundle/bundle.hpp"
#include "platewatch/bundle/payload.hpp"
#include "platewatch/hotlist/state.hpp"

namespace platewatch {

inline constexpr std::uint32_t kStepSection = kPolicySection + 1;

// What a full bundle says of itself, and its signature.
struct SignedManifest {
    std::string manifest, signature;
};

struct Delta {
    Payload payload;                   // of entries that are new or other; null parts stay as they are
    std::vector<std::string> removed;  // ids, ascending; what is new or other is not among them
    std::uint64_t entries = 0;         // afterwards
    SignedManifest full;
};

// A list as a device has it, and can change it: an index, and if there were deltas a small one behind it.
struct DeviceList {
    std::vector<Segment> segments;
    unsigned max_edits = 0;
    std::shared_ptr<const ScoringModel> model = {};
    std::optional<Policy> policy = {};
    SeldomWanted names = {};  // of the first segment

    DeviceList() = default;
    explicit DeviceList(Payload payload);
    // Of the payload of a snapshot that lies in a file.
    DeviceList(const std::shared_ptr<const Snapshot>& snapshot, const FileBytes& file,
               const std::string& name);
    // The list that a delta leads to. Throws SnapshotError if that starts from another one.
    [[nodiscard]] DeviceList after(const Delta& delta) const;
};

// Writes the payload of a delta from one list to another. Throws SnapshotError if a model or a policy would
// have to go, which no delta says; std::system_error.
void write_delta(const std::string& path, const std::shared_ptr<const Snapshot>& from,
                 const std::shared_ptr<const Snapshot>& to, const SignedManifest& full);

// Throws SnapshotError.
[[nodiscard]] Delta open_delta(const std::shared_ptr<const Snapshot>& snapshot, const std::string& name);

// Writes the payload that a delta leads to, as the full bundle has it. Throws SnapshotError,
// std::system_error.
void write_applied(const std::string& path, const std::shared_ptr<const Snapshot>& from,
                   const std::shared_ptr<const Snapshot>& delta);

}  // namespace platewatch
