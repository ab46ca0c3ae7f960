// What bundles say of themselves, and the step from one to the next.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "files.hpp"
#include "platewatch/bundle/delta.hpp"
#include "platewatch/bundle/manifest.hpp"
#include "register.hpp"
#include "signals.hpp"
#include "text.hpp"

namespace platewatch {
namespace {

py::dict read_manifest(const py::bytes& json) {
    try {
        const Manifest manifest = parse_manifest(std::string_view(json));
        py::dict out;
        out["format"] = std::string(Manifest::kFormat);
        out["kind"] = manifest.kind;
        out["version"] = manifest.version;
        out["agency"] = manifest.agency;
        out["group"] = manifest.group;
        out["issued"] = manifest.issued;
        out["expires"] = manifest.expires;
        out["payload_sha256"] = manifest.payload_sha256;
        out["payload_bytes"] = manifest.payload_bytes;
        out["previous"] = manifest.previous;
        out["result"] = manifest.result;
        out["algorithm"] = manifest.algorithm;
        out["key"] = manifest.key;
        out["revoked"] = py::tuple(py::cast(manifest.revoked));
        out["encryption"] = manifest.encryption;
        out["encryption_key"] = manifest.encryption_key;
        out["nonce"] = manifest.nonce;
        return out;
    } catch (const ManifestError& error) {
        raise(make_error("BundleError", error.reason,
                         py::arg("field") = error.field.empty() ? "manifest" : error.field));
    }
}

std::shared_ptr<const Snapshot> read(const std::filesystem::path& path) {
    return std::make_shared<const Snapshot>(Snapshot::open(path.string(), SnapshotAccess::read));
}

void write_step(const std::filesystem::path& output, const std::filesystem::path& from,
                const std::filesystem::path& to, const py::bytes& manifest, const py::bytes& signature) {
    const AnswersSignals interruptible;
    const SignedManifest full{std::string(manifest), std::string(signature)};
    const py::gil_scoped_release nogil;
    translated([&] { write_delta(output.string(), read(from), read(to), full); });
}

void apply_step(const std::filesystem::path& output, const std::filesystem::path& from,
                const std::filesystem::path& delta) {
    const AnswersSignals interruptible;
    const py::gil_scoped_release nogil;
    translated([&] { write_applied(output.string(), read(from), read(delta)); });
}

py::tuple read_step(const std::filesystem::path& path) {
    const AnswersSignals interruptible;
    const Delta delta = [&] {
        const py::gil_scoped_release nogil;
        return translated([&] { return open_delta(read(path), path.string()); });
    }();
    return py::make_tuple(delta.payload.index.size(), delta.removed.size(), delta.entries,
                          py::bytes(delta.full.manifest), py::bytes(delta.full.signature));
}

}  // namespace

void register_bundle(py::module_& m) {
    m.def("read_manifest", &read_manifest, py::arg("json"),
          "The fields of a bundle's manifest, as a device reads them. Raises BundleError that names the "
          "field.");
    m.def("write_delta", &write_step, py::arg("output"), py::arg("before"), py::arg("after"),
          py::arg("manifest"), py::arg("signature"),
          "Write a delta's payload, from the payload of one full bundle to that of another, which has this "
          "manifest and signature. All are paths. Raises SnapshotError or OSError.");
    m.def("apply_delta", &apply_step, py::arg("output"), py::arg("before"), py::arg("delta"),
          "Write the payload that a delta leads to. All are paths. Raises SnapshotError or OSError.");
    m.def("read_delta", &read_step, py::arg("path"),
          "Of a delta's payload: how many entries are new or other, how many go, how many there are "
          "afterwards, "
          "and the full bundle's manifest and signature. Raises SnapshotError or OSError.");
}

}  // namespace platewatch
