"""Make a bundle of a matcher: the list, the model with its vehicles, and the policy, as a device needs them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

from platewatch.bundle.container import Bundle
from platewatch.bundle.manifest import FORMAT, Manifest
from platewatch.matching.matcher import Matcher
from platewatch.service.policy import Policy


def make(
    matcher: Matcher,
    *,
    version: int,
    agency: str,
    group: str,
    issued: int,
    expires: int,
    policy: Policy | None = None,
    previous: str = "",
    revoked: tuple[str, ...] = (),
) -> Bundle:
    """A bundle that is not signed yet; the arguments are the manifest's. Raises BundleError or OSError."""
    with TemporaryDirectory(prefix="platewatch-") as folder:
        path = Path(folder, "payload")
        matcher._save_payload(path, None if policy is None else _thresholds(policy))
        payload = path.read_bytes()
    manifest = Manifest(
        format=FORMAT,
        kind="full",
        version=version,
        agency=agency,
        group=group,
        issued=issued,
        expires=expires,
        payload_sha256=hashlib.sha256(payload).hexdigest(),
        payload_bytes=len(payload),
        previous=previous,
        revoked=revoked,
    )
    return Bundle(manifest.encoded(), b"", payload)


def listed(payload: bytes) -> Matcher:
    """The list of a payload in the clear, with the shipped model. Raises SnapshotError."""
    with TemporaryDirectory(prefix="platewatch-") as folder:
        path = Path(folder, "payload")
        path.write_bytes(payload)
        return Matcher.open(path, mapped=False)


def _thresholds(policy: Policy) -> dict[str, tuple[float, float, float]]:
    named = {name: (*policy.thresholds(name), policy.quiet_for(name)) for name in policy.categories}
    return {"": (policy.notify, policy.check, policy.quiet)} | named
