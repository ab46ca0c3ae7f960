// Which bundles a device takes: its rules, and what it keeps through a loss of power.
//
// In its directory lie `current.bundle`, the full one in use; `delta-1.bundle`, `delta-2.bundle` ..., which
// go on from it one after the other, as each names the digest of what it goes on from; and `accepted`, the
// highest version and the newest time of issue of each key, and the keys that are revoked. A bundle is
// checked, then kept, then used, and only then recorded: whenever the power goes, the next start finds the
// old list or the new one, whole, and refuses none that it should take. Versions are kept by key, or a key
// that leaked could sign the last of all versions and lock everybody out. For the same reason only one key
// may revoke others, and that takes what they have signed out of the record.
//
// Where the clock is dead, it is not before the newest time of issue that was ever accepted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "platewatch/bundle/bundle.hpp"
#include "platewatch/bundle/delta.hpp"
#include "platewatch/bundle/key_ring.hpp"

namespace platewatch {

class Device {
  public:
    // Seconds since 1970-01-01T00:00Z.
    using Seconds = std::int64_t;
    static constexpr Seconds kNoClock = std::numeric_limits<Seconds>::min();

    static constexpr unsigned kMostDeltas = 64;  // behind one full bundle

    struct Settings {
        std::string directory;
        std::string agency = {}, group = {};  // of the bundles that are for this device; "": any
        std::string revoker = {};             // the key that may revoke others; "": none
        KeyRing keys = {};
    };
    struct Opened {
        Manifest manifest;
        Digest digest = {};  // of the full bundle of this version, whichever way the device came to it
        DeviceList list;
    };

    // Reads what was accepted. Throws SnapshotError if that is damaged, std::system_error.
    explicit Device(Settings settings);

    // What a device starts with: the bundles that it kept, though they may have expired meanwhile; null if
    // there are none. Throws as `check`, but for the rules.
    const Opened* open_current();

    // Throws BundleRefused, SnapshotError, ManifestError. Nothing changes.
    void check(const FileBytes& file, Seconds now) const;
    // Keeps a bundle that was checked, in the place of the current ones or behind them, and opens it there.
    // Throws as `check`, and std::system_error if it cannot be written: then what was current is so still,
    // unless only the last step failed, to make it durable.
    [[nodiscard]] Opened keep(const FileBytes& file);
    // That it is in use. Throws std::system_error; then the next bundle, or the same again, will say so.
    void record(Opened opened);
    // The same of the one in use.
    void record();

    // Whether a bundle is the one in use: to offer it again is no mistake.
    [[nodiscard]] bool is_current(const FileBytes& file) const;
    [[nodiscard]] const std::optional<Opened>& current() const noexcept { return current_; }
    // Whether the list in use has expired: it goes on being used.
    [[nodiscard]] bool is_stale(Seconds now) const noexcept;

  private:
    struct Signed {
        std::int64_t version = 0;
        Seconds issued = 0;
        friend bool operator==(const Signed&, const Signed&) = default;
    };
    struct Accepted {
        std::map<std::string, Signed> by_key = {};
        std::set<std::string> revoked = {};
        friend bool operator==(const Accepted&, const Accepted&) = default;
    };

    [[nodiscard]] std::string path(const std::string& name) const;
    [[nodiscard]] std::string path_of_delta(unsigned number) const;
    // A full one, or a delta behind `before`.
    [[nodiscard]] Opened open(const Bundle& bundle, const FileBytes& file, const Opened* before,
                              const std::string& name) const;
    [[nodiscard]] Seconds time(Seconds now, const Manifest& revokes) const noexcept;
    void take_note(const Manifest& manifest);
    // Those from the number on, which go on from what is no longer there.
    void remove_deltas(unsigned from) const noexcept;
    [[nodiscard]] Accepted read_accepted() const;
    void write_accepted() const;

    Settings settings_;
    Accepted accepted_;
    bool is_recorded_ = true;  // `accepted_` is on disk
    std::optional<Opened> current_;
    unsigned deltas_ = 0;  // behind the full bundle
};

}  // namespace platewatch
