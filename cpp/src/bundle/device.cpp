#include "platewatch/bundle/device.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "bundle/hex.hpp"
#include "platewatch/base/raise.hpp"
#include "platewatch/store/crc32c.hpp"
#include "store/file.hpp"

namespace platewatch {
namespace {

using Why = BundleRefused::Why;

constexpr std::string_view kFirstLine = "platewatch device 1";

std::string checksum_line(std::string_view text) {
    return "end " + std::to_string(crc32c(std::as_bytes(std::span(text)))) + "\n";
}

// The next word of a line, up to a blank or a line's end; the blank goes, too.
std::string_view next_word(std::string_view& left) {
    const std::size_t end = std::min(left.find_first_of(" \n"), left.size());
    const std::string_view word = left.substr(0, end);
    left.remove_prefix(std::min(end + 1, left.size()));
    return word;
}

std::optional<FileBytes> map_if_there(const std::string& path) {
    try {
        return FileBytes::map(path);
    } catch (const std::system_error& error) {
        if (error.code() == std::errc::no_such_file_or_directory) return std::nullopt;
        throw;
    }
}

}  // namespace

Device::Device(Settings settings) : settings_(std::move(settings)), accepted_(read_accepted()) {}

std::string Device::path(const std::string& name) const { return settings_.directory + "/" + name; }

std::string Device::path_of_delta(unsigned number) const {
    return path("delta-" + std::to_string(number) + ".bundle");
}

Device::Opened Device::open(const Bundle& bundle, const FileBytes& file, const Opened* before,
                            const std::string& name) const {
    check_signature(bundle, settings_.keys);
    const auto snapshot = open_snapshot(bundle, file, settings_.keys, name);
    if (bundle.manifest.kind == "full") {
        Opened opened{bundle.manifest, bundle.digest(), DeviceList(snapshot, file, name)};
        file.forget();
        return opened;
    }
    if (before == nullptr || bundle.manifest.previous != to_hex(before->digest))
        raise<BundleRefused>(Why::delta, "the bundle is a delta from another version than that in use");
    Opened opened{bundle.manifest, {}, before->list.after(open_delta(snapshot, name))};
    std::ranges::copy(from_hex(bundle.manifest.result), opened.digest.begin());
    return opened;
}

const Device::Opened* Device::open_current() {
    std::optional<Opened> found;
    unsigned deltas = 0;
    if (const std::string name = path("current.bundle"); const auto file = map_if_there(name)) {
        const Bundle bundle = Bundle::of(file->view(), name);
        if (bundle.manifest.kind != "full") raise<SnapshotError>(name + " is no full bundle");
        found = open(bundle, *file, nullptr, name);
    }
    while (found && deltas < kMostDeltas) {
        const std::string name = path_of_delta(deltas + 1);
        const auto file = map_if_there(name);
        if (!file) break;
        const Bundle bundle = Bundle::of(file->view(), name);
        // Of a list before, left by a loss of power.
        if (bundle.manifest.kind != "delta" || bundle.manifest.previous != to_hex(found->digest)) break;
        found = open(bundle, *file, &*found, name);
        ++deltas;
    }
    remove_deltas(deltas + 1);
    if (!found) return nullptr;
    take_note(found->manifest);  // the power may have gone before it was recorded
    current_ = std::move(found);
    deltas_ = deltas;
    return &*current_;
}

void Device::check(const FileBytes& file, Seconds now) const {
    const Bundle bundle = Bundle::of(file.view(), "the bundle");
    const Manifest& manifest = bundle.manifest;
    if (!bundle.signature.empty() && accepted_.revoked.contains(manifest.key))
        raise<BundleRefused>(Why::revoked_key, "the bundle is signed by a key that is revoked");
    check_signature(bundle, settings_.keys);
    if ((!settings_.group.empty() && manifest.group != settings_.group) ||
        (!settings_.agency.empty() && manifest.agency != settings_.agency))
        raise<BundleRefused>(Why::foreign, "the bundle is for other devices");
    if (!manifest.revoked.empty() && manifest.key != settings_.revoker)
        raise<BundleRefused>(Why::revoker, "the bundle revokes keys, and its own may not");
    if (manifest.expires <= time(now, manifest)) raise<BundleRefused>(Why::expired, "the bundle has expired");
    const auto before = accepted_.by_key.find(manifest.key);
    if (before != accepted_.by_key.end() && manifest.version <= before->second.version)
        raise<BundleRefused>(Why::rolled_back,
                             "the bundle is not newer than one that its key has signed before");
    if (manifest.kind == "delta" && deltas_ == kMostDeltas)
        raise<BundleRefused>(Why::delta, "the device has as many deltas as it keeps: a full bundle is due");
    static_cast<void>(open(bundle, file, current_ ? &*current_ : nullptr, "the bundle"));
}

Device::Opened Device::keep(const FileBytes& file) {
    const Bundle given = Bundle::of(file.view(), "the bundle");
    const bool is_delta = given.manifest.kind == "delta";
    const std::string name = is_delta ? path_of_delta(deltas_ + 1) : path("current.bundle");
    write_file(name, file.view());
    // From where it lies now: the memory that it came in may go, and somebody may have written into its file.
    const FileBytes kept = FileBytes::map(name);
    const Bundle bundle = Bundle::of(kept.view(), name);
    if (bundle.digest() != given.digest()) raise<SnapshotError>(name + " is not what was written");
    return open(bundle, kept, current_ ? &*current_ : nullptr, name);
}

void Device::record(Opened opened) {
    const bool is_delta = opened.manifest.kind == "delta";
    take_note(opened.manifest);
    current_ = std::move(opened);
    deltas_ = is_delta ? deltas_ + 1 : 0;
    if (!is_delta) remove_deltas(1);
    record();
}

void Device::record() {
    if (is_recorded_) return;
    write_accepted();
    is_recorded_ = true;
}

void Device::take_note(const Manifest& manifest) {
    Accepted accepted = accepted_;
    for (const std::string& key : manifest.revoked) {
        accepted.by_key.erase(key);
        accepted.revoked.insert(key);
    }
    Signed& newest = accepted.by_key[manifest.key];
    newest = {std::max(newest.version, manifest.version), std::max(newest.issued, manifest.issued)};
    if (accepted == accepted_) return;
    accepted_ = std::move(accepted);
    is_recorded_ = false;
}

// What cannot be removed goes on from no list that there will be, and is passed over.
void Device::remove_deltas(unsigned from) const noexcept {
    while (from <= kMostDeltas && remove_file(path_of_delta(from).c_str())) ++from;
}

bool Device::is_current(const FileBytes& file) const {
    if (!current_) return false;
    const Bundle bundle = Bundle::of(file.view(), "the bundle");
    return bundle.manifest.kind == "delta" ? bundle.manifest.result == to_hex(current_->digest)
                                           : bundle.digest() == current_->digest;
}

// What a key has signed that goes with this says nothing of the time any more: it may have leaked, and signed
// the end of all days.
Device::Seconds Device::time(Seconds now, const Manifest& revokes) const noexcept {
    for (const auto& [key, newest] : accepted_.by_key) {
        if (std::ranges::find(revokes.revoked, key) == revokes.revoked.end())
            now = std::max(now, newest.issued);
    }
    return now;
}

bool Device::is_stale(Seconds now) const noexcept {
    return current_ && current_->manifest.expires <= time(now, {});
}

// Lines: `key <version> <issued> <name>`, `revoked <name>`, and at the end their checksum.
Device::Accepted Device::read_accepted() const {
    const std::string name = path("accepted");
    const auto file = map_if_there(name);
    if (!file) return {};
    const std::string_view text(reinterpret_cast<const char*>(file->bytes.get()), file->size);
    const auto refuse = [&] { raise<SnapshotError>(name + " is damaged"); };
    const std::size_t end = text.rfind("end ");
    if (end == std::string_view::npos || text.substr(end) != checksum_line(text.substr(0, end))) refuse();
    std::string_view left = text.substr(0, end);
    const auto number = [&] {
        const std::string_view word = next_word(left);
        std::int64_t value = 0;
        const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), value);
        if (error != std::errc() || stop != word.data() + word.size()) refuse();
        return value;
    };
    const auto line = [&] {
        const std::size_t stop = std::min(left.find('\n'), left.size());
        const std::string_view rest = left.substr(0, stop);
        left.remove_prefix(std::min(stop + 1, left.size()));
        return rest;
    };
    if (line() != kFirstLine) refuse();
    Accepted accepted;
    while (!left.empty()) {
        const std::string_view what = next_word(left);
        if (what == "key") {
            Signed newest;
            newest.version = number();
            newest.issued = number();
            accepted.by_key.emplace(line(), newest);
        } else if (what == "revoked") {
            accepted.revoked.emplace(line());
        } else {
            refuse();
        }
    }
    return accepted;
}

void Device::write_accepted() const {
    std::string text(kFirstLine);
    text += '\n';
    for (const auto& [key, newest] : accepted_.by_key)
        text +=
            "key " + std::to_string(newest.version) + " " + std::to_string(newest.issued) + " " + key + "\n";
    for (const std::string& key : accepted_.revoked) text += "revoked " + key + "\n";
    text += checksum_line(text);
    write_file(path("accepted"), std::as_bytes(std::span(text)));
}

}  // namespace platewatch
