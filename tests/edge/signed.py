"""Bundles for the device of examples/edge, signed and encrypted by Python: `python -m tests.edge.signed FOLDER`.

Each key's public part is NAME.pub, the secret group.key. A device takes 1.bundle, 2.bundle ... in this order; in the
last version W1 is 12가3456. Those named refused-STATUS-... it refuses with that status of platewatch.h.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import platewatch as pw
from platewatch.bundle import delta as deltas
from platewatch.bundle.container import Bundle
from platewatch.bundle.keys import ALGORITHMS, Algorithm, SigningKey, sealed
from platewatch.bundle.make import make as made_of
from platewatch.bundle.manifest import Manifest
from platewatch.service.policy import Policy

UNSIGNED, WRONG_SIGNATURE, SEALED = 20, 21, 26  # as platewatch.h has them
SECRET = bytes(range(32))
GROUP = "group"


def make(folder: Path) -> None:
    """Write them."""
    folder.mkdir(parents=True, exist_ok=True)
    keys: dict[Algorithm, SigningKey] = {name: SigningKey.generate(name, name) for name in ALGORITHMS}
    ed25519, ecdsa = keys["ed25519"], keys["ecdsa-p256-sha256"]
    for name, key in keys.items():
        (folder / f"{name}.pub").write_bytes(key.public.pem())
    (folder / "group.key").write_bytes(SECRET)

    one = ed25519.signs(_bundle(1, "99하9999"))
    two = ecdsa.signs(sealed(_bundle(2, "99하9998"), SECRET, GROUP))
    three = ecdsa.signs(sealed(_bundle(3, "12가3456"), SECRET, GROUP))
    for number, bundle in enumerate((one, two, ecdsa.signs(deltas.make(two, three, SECRET))), 1):
        bundle.save(folder / f"{number}.bundle")

    for number, (status, bundle) in enumerate(_refused(keys)):
        bundle.save(folder / f"refused-{status}-{number}.bundle")


def _refused(keys: dict[Algorithm, SigningKey]) -> list[tuple[int, Bundle]]:
    plain = _bundle(9, "12가3456")
    found = [(UNSIGNED, plain)]
    for name, key in keys.items():
        signed = key.signs(plain)
        signature = signed.signature
        other: Algorithm = next(algorithm for algorithm in ALGORITHMS if algorithm != name)
        fields = {field: getattr(signed.manifest, field) for field in signed.manifest.__struct_fields__}
        found += [(WRONG_SIGNATURE, replace(signed, signature=wrong)) for wrong in _wrong(signature)]
        found += [
            (WRONG_SIGNATURE, SigningKey.generate(name, name).signs(plain)),
            (WRONG_SIGNATURE, SigningKey.generate(name, "unknown").signs(plain)),
            # By the other algorithm's word, and under the other key's name.
            (WRONG_SIGNATURE, signed.with_manifest(Manifest(**fields | {"algorithm": other}), signature)),
            (WRONG_SIGNATURE, signed.with_manifest(Manifest(**fields | {"key": other}), signature)),
            # The manifest is another one than was signed.
            (WRONG_SIGNATURE, signed.with_manifest(Manifest(**fields | {"version": 10}), signature)),
            (SEALED, key.signs(sealed(plain, bytes(32), GROUP))),
            (SEALED, key.signs(sealed(plain, SECRET, "unknown"))),
            (SEALED, key.signs(_with_other_nonce(sealed(plain, SECRET, GROUP)))),
        ]
    return found


def _wrong(signature: bytes) -> list[bytes]:
    flipped = [signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :] for at in (0, 8, len(signature) - 1)]
    return [*flipped, signature[:-1], signature + b"\0", b"\0" * len(signature), b"\0"]


def _with_other_nonce(bundle: Bundle) -> Bundle:
    fields = {field: getattr(bundle.manifest, field) for field in bundle.manifest.__struct_fields__}
    return bundle.with_manifest(Manifest(**fields | {"nonce": "00" * 12}))


def _bundle(version: int, plate: str) -> Bundle:
    now = int(time.time())
    matcher = pw.Matcher(pw.Hotlist([pw.Entry(id="W1", plate=plate), pw.Entry(id="W2", plate="34나5678")]))
    return made_of(
        matcher,
        version=version,
        agency="police",
        group="gates",
        issued=now,
        expires=now + 86_400,
        policy=Policy(),
    )


if __name__ == "__main__":
    make(Path(sys.argv[1]))
