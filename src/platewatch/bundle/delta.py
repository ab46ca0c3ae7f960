"""From one bundle to the next: what changed, and the next one made of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from platewatch import _core
from platewatch.bundle.container import Bundle
from platewatch.bundle.keys import encrypted, opened, sealed
from platewatch.bundle.manifest import FORMAT, Manifest, digest
from platewatch.errors import BundleError


def make(before: Bundle, after: Bundle, seal: bytes | None = None) -> Bundle:
    """The delta between two full bundles, not signed yet.

    Devices take it that have `before`, whichever way they came to it, and then have `after`. It says of itself what
    `after` says. Where `after` is encrypted, so is the delta, and `seal` opens both and `before`. Raises BundleError:
    one of them is a delta or not signed, since what is signed later is another bundle, or they are of different lists,
    or in the wrong order.
    """
    old, new = before.manifest, after.manifest
    for bundle, name in ((before, "the bundle before"), (after, "the bundle after")):
        if bundle.manifest.kind != "full":
            raise BundleError(f"{name} is a delta")
        if not bundle.signature:
            raise BundleError(f"{name} is not signed: devices will have another one")
    if (old.agency, old.group) != (new.agency, new.group):
        raise BundleError("the bundles are of different agencies or groups")
    if new.version <= old.version:
        raise BundleError(f"version {new.version} is not after version {old.version}")
    with TemporaryDirectory(prefix="platewatch-") as folder:
        start, end, output = (Path(folder, name) for name in ("start", "end", "delta"))
        start.write_bytes(opened(before, seal))
        end.write_bytes(opened(after, seal))
        _core.write_delta(output, start, end, after.text, after.signature)
        payload = output.read_bytes()
    manifest = Manifest(
        format=FORMAT,
        kind="delta",
        version=new.version,
        agency=new.agency,
        group=new.group,
        issued=new.issued,
        expires=new.expires,
        payload_sha256=hashlib.sha256(payload).hexdigest(),
        payload_bytes=len(payload),
        previous=before.digest,
        result=after.digest,
        revoked=new.revoked,
    )
    delta = Bundle(manifest.encoded(), b"", payload)
    return sealed(delta, seal, new.encryption_key) if new.encryption and seal is not None else delta


def applied(before: Bundle, delta: Bundle, seal: bytes | None = None) -> Bundle:
    """The full bundle that a delta leads to, with its signature, to the last byte. Raises BundleError."""
    if delta.manifest.kind != "delta":
        raise BundleError("is no delta")
    if delta.manifest.previous != before.digest:
        raise BundleError("is a delta from another bundle")
    with TemporaryDirectory(prefix="platewatch-") as folder:
        start, step, output = (Path(folder, name) for name in ("start", "delta", "end"))
        start.write_bytes(opened(before, seal))
        step.write_bytes(opened(delta, seal))
        told = Step.read(step)
        if digest(told.manifest) != delta.manifest.result:
            raise BundleError("leads to another bundle than its manifest says")
        _core.apply_delta(output, start, step)
        payload = output.read_bytes()
    manifest = Manifest.decoded(told.manifest)
    if manifest.encryption:
        if seal is None:
            raise BundleError(f"leads to a bundle that is encrypted with the key {manifest.encryption_key}")
        payload = encrypted(payload, seal, bytes.fromhex(manifest.nonce))
    full = Bundle(told.manifest, told.signature, payload)
    if hashlib.sha256(full.payload).hexdigest() != manifest.payload_sha256:
        raise BundleError("was made by another version of platewatch, which lays lists out differently")
    return full


@dataclass(frozen=True, slots=True)
class Step:
    """What a delta's payload says: numbers of entries, and the full bundle's manifest and signature."""

    changed: int
    removed: int
    entries: int
    manifest: bytes
    signature: bytes

    @classmethod
    def read(cls, payload: Path) -> Self:
        """Raises SnapshotError or OSError."""
        return cls(*_core.read_delta(payload))

    @classmethod
    def of(cls, payload: bytes) -> Self:
        """Raises SnapshotError or OSError."""
        with TemporaryDirectory(prefix="platewatch-") as folder:
            path = Path(folder, "delta")
            path.write_bytes(payload)
            return cls.read(path)
