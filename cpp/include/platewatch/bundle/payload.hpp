// What a bundle carries: a snapshot with the list's sections, and behind those the model, the population and
// the policy as the core needs them.
//
// Such a section is a run of numbers, little-endian as all of a snapshot: u32, u64, f64, and texts as a u32
// and so many bytes, in UTF-8. Each begins with the u32 of its version. A section that is not there says that
// there is no such part.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "platewatch/bundle/policy.hpp"
#include "platewatch/hotlist/index.hpp"
#include "platewatch/probability/score.hpp"
#include "platewatch/store/snapshot.hpp"

namespace platewatch {

inline constexpr std::uint32_t kModelSection = Index::kFirstFreeSection, kPolicySection = kModelSection + 1;

struct Payload {
    Index index;
    unsigned max_edits = 0;
    std::shared_ptr<const ScoringModel> model = {};  // null: there is none
    std::optional<Policy> policy = {};
};

// Writes one; `model` and `policy` may be null. Throws as SnapshotWriter::write does.
void write_payload(const std::string& path, const Index& index, unsigned max_edits, const ScoringModel* model,
                   const Policy* policy);

// Of a snapshot, with these parts or without; `name` is for messages. Throws SnapshotError.
[[nodiscard]] Payload open_payload(const std::shared_ptr<const Snapshot>& snapshot, const std::string& name);

}  // namespace platewatch
