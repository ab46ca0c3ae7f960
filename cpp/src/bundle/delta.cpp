#include "platewatch/bundle/delta.hpp"

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <utility>

#include "bundle/packing.hpp"
#include "platewatch/base/raise.hpp"

namespace platewatch {
namespace {

constexpr std::uint32_t kStepVersion = 1;

// Numbers follow the order of the ids, and the canonical text of a pattern is all of it.
bool is_same(const Index& a, std::uint32_t in_a, const Index& b, std::uint32_t in_b) {
    return a.plate(in_a) == b.plate(in_b) && a.is_pattern(in_a) == b.is_pattern(in_b) &&
           a.validity(in_a) == b.validity(in_b) && a.category(in_a) == b.category(in_b) &&
           a.priority(in_a) == b.priority(in_b) && a.weight(in_a) == b.weight(in_b) &&
           a.is_exact(in_a) == b.is_exact(in_b);
}

struct Difference {
    std::vector<IndexEntry> upserts;
    std::vector<std::string> removed;
};

Difference difference(const Index& from, const Index& to) {
    Difference out;
    std::uint32_t old = 0, next = 0;
    while (old < from.size() || next < to.size()) {
        const int order = old == from.size() ? 1 : next == to.size() ? -1 : from.id(old).compare(to.id(next));
        if (order < 0) {
            out.removed.emplace_back(from.id(old++));
        } else {
            if (order > 0 || !is_same(from, old, to, next)) out.upserts.push_back(to.entry(next));
            if (order == 0) ++old;
            ++next;
        }
    }
    return out;
}

std::span<const std::byte> part(const Snapshot& of, std::uint32_t section) {
    return of.has(section) ? of.section<std::byte>(section) : std::span<const std::byte>();
}

[[noreturn]] void refuse_step() { raise<SnapshotError>("the delta starts from another list"); }

}  // namespace

DeviceList::DeviceList(Payload payload)
    : max_edits(payload.max_edits), model(std::move(payload.model)), policy(std::move(payload.policy)) {
    segments.push_back({std::make_shared<const Index>(std::move(payload.index)), nullptr, 0});
}

DeviceList::DeviceList(const std::shared_ptr<const Snapshot>& snapshot, const FileBytes& file,
                       const std::string& name)
    : DeviceList(open_payload(snapshot, name)) {
    const auto inside = snapshot->sections(Index::kFirstOfNames, Index::kLastOfNames);
    const auto whole = file.view();
    const std::less<> before;  // what was encrypted does not lie in the file
    if (!before(inside.data(), whole.data()) && before(inside.data(), whole.data() + whole.size()))
        names = file.seldom_wanted(inside);
}

DeviceList DeviceList::after(const Delta& delta) const {
    const Index& brought = delta.payload.index;
    // What earlier deltas brought and this one leaves; few, as all that deltas bring.
    std::vector<IndexEntry> added;
    std::size_t gone = 0;
    Segment base = segments.front();
    std::vector<std::uint32_t> out_of_base;
    if (base.removed) out_of_base = *base.removed;
    const auto take_out = [&](std::string_view id) {
        const auto number = base.index->find(id);
        const bool is_there = number && base.holds(*number);
        if (is_there) out_of_base.push_back(*number);
        return is_there;
    };
    for (const std::string& id : delta.removed) gone += take_out(id) ? 1 : 0;
    for (std::uint32_t i = 0; i < brought.size(); ++i) {
        take_out(brought.id(i));
        added.push_back(brought.entry(i));
    }
    if (segments.size() > 1) {
        const Index& before = *segments[1].index;
        for (std::uint32_t i = 0; i < before.size(); ++i) {
            const std::string_view id = before.id(i);
            if (std::ranges::binary_search(delta.removed, id)) {
                ++gone;
            } else if (!brought.find(id)) {
                added.push_back(before.entry(i));
            }
        }
    }
    std::ranges::sort(out_of_base);
    const std::size_t size = base.index->size() - out_of_base.size() + added.size();
    if (gone != delta.removed.size() || size != delta.entries) refuse_step();

    DeviceList out;
    if (!out_of_base.empty())
        base.removed = std::make_shared<const std::vector<std::uint32_t>>(std::move(out_of_base));
    out.segments.push_back(std::move(base));
    if (!added.empty()) {
        auto index = renaming<std::logic_error>(  // such as too many symbols
            [&] { return std::make_shared<const Index>(std::move(added)); },
            [](const auto& error) {
                raise<SnapshotError>(std::string("the delta's entries: ") + error.what());
            });
        out.segments.push_back({std::move(index), nullptr, 0});
    }
    out.max_edits = delta.payload.max_edits;
    out.model = delta.payload.model ? delta.payload.model : model;
    out.policy = delta.payload.policy ? delta.payload.policy : policy;
    out.names = names;
    return out;
}

void write_delta(const std::string& path, const std::shared_ptr<const Snapshot>& from,
                 const std::shared_ptr<const Snapshot>& to, const SignedManifest& full) {
    unsigned max_edits = 0;
    const Index before = Index::open(from, "the bundle before", max_edits);
    const Index after = Index::open(to, "the bundle", max_edits);
    Difference step = difference(before, after);
    Packer packed;
    packed.u32(kStepVersion);
    packed.u32(after.size());
    packed.u32(step.removed.size());
    for (const std::string& id : step.removed) packed.text(id);
    packed.text(full.manifest);
    packed.text(full.signature);
    const Index brought(std::move(step.upserts));
    SnapshotWriter writer;
    brought.add_to(writer, max_edits);
    for (const std::uint32_t section : {kModelSection, kPolicySection}) {
        if (from->has(section) && !to->has(section))
            raise<SnapshotError>(
                "the bundle has no model or policy where the one before has: no delta says so");
        const auto told = part(*to, section);
        if (to->has(section) && !(from->has(section) && std::ranges::equal(part(*from, section), told)))
            writer.add(section, told);
    }
    writer.add(kStepSection, packed.bytes());
    writer.write(path);
}

Delta open_delta(const std::shared_ptr<const Snapshot>& snapshot, const std::string& name) {
    Delta delta;
    delta.payload = open_payload(snapshot, name);
    if (!snapshot->has(kStepSection)) raise<SnapshotError>(name + " is no delta");
    Unpacker in(snapshot->section<std::byte>(kStepSection), name + ": the step");
    in.version(kStepVersion);
    delta.entries = in.u32();
    for (std::size_t left = in.count(4); left > 0; --left) delta.removed.push_back(in.text());
    delta.full.manifest = in.text();
    delta.full.signature = in.text();
    in.end();
    if (std::ranges::adjacent_find(delta.removed, std::ranges::greater_equal()) != delta.removed.end())
        in.refuse("is damaged");
    for (std::uint32_t i = 0; i < delta.payload.index.size(); ++i) {
        if (std::ranges::binary_search(delta.removed, delta.payload.index.id(i))) in.refuse("is damaged");
    }
    return delta;
}

void write_applied(const std::string& path, const std::shared_ptr<const Snapshot>& from,
                   const std::shared_ptr<const Snapshot>& delta) {
    const DeviceList after =
        DeviceList(open_payload(from, "the bundle before")).after(open_delta(delta, "the delta"));
    const Index whole(State(after.segments).entries());
    SnapshotWriter writer;
    whole.add_to(writer, after.max_edits);
    for (const std::uint32_t section : {kModelSection, kPolicySection}) {
        const Snapshot& told = delta->has(section) ? *delta : *from;
        if (told.has(section)) writer.add(section, part(told, section));
    }
    writer.write(path);
}

}  // namespace platewatch
