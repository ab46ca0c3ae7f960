"""What a bundle says of itself. The core reads it, here as on a device (cpp/include/platewatch/bundle/manifest.hpp)."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Final, Literal, Self

import msgspec

from platewatch import _core
from platewatch.errors import BundleError

FORMAT: Final = "platewatch bundle 1"
LARGEST: Final = 1 << 53  # number, as JSON's readers agree on
_KEY_NAME: Final = re.compile(r"[!-~]{1,64}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_NONCE: Final = re.compile(r"[0-9a-f]{24}")


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`issued` and `expires` are seconds since 1970 UTC, digests SHA-256 in hexadecimal.

    `version` is of the list: a device takes no bundle whose key has signed a later one. `agency` and `group` say whose
    list it is and which devices it is for. `previous` is the digest of the full bundle before this one, which a delta
    goes on from, and `result` that of the full bundle that a delta leads to; `revoked` are ids of keys that are valid
    no longer. Raises BundleError that names the field.
    """

    format: str
    kind: Literal["full", "delta"]
    version: int
    agency: str
    group: str
    issued: int
    expires: int
    payload_sha256: str
    payload_bytes: int
    previous: str = ""
    result: str = ""
    algorithm: str = ""
    key: str = ""
    revoked: tuple[str, ...] = ()
    encryption: str = ""
    encryption_key: str = ""
    nonce: str = ""

    def __post_init__(self) -> None:
        for field, fault in self._faults():
            raise BundleError(fault, field=field)

    def _faults(self) -> list[tuple[str, str]]:
        found = []
        if self.format != FORMAT:
            found.append(("format", f"is not {FORMAT!r}"))
        for field, least in (("version", 1), ("issued", 0), ("payload_bytes", 0), ("expires", self.issued + 1)):
            if not least <= getattr(self, field) <= LARGEST:
                found.append((field, "is not after issued" if field == "expires" else "is out of range"))
        if not _DIGEST.fullmatch(self.payload_sha256):
            found.append(("payload_sha256", "is no SHA-256 in hexadecimal"))
        if (self.kind == "delta" or self.previous) and not _DIGEST.fullmatch(self.previous):
            found.append(("previous", "is no SHA-256 in hexadecimal"))
        if (self.kind == "delta" or self.result) and not _DIGEST.fullmatch(self.result):
            found.append(("result", "is no SHA-256 in hexadecimal"))
        if self.kind != "delta" and self.result:
            found.append(("result", "belongs to a delta"))
        if bool(self.algorithm) != bool(self.key):
            found.append(("key", "belongs to an algorithm"))
        for field, names in (("key", [self.key] if self.key else []), ("revoked", list(self.revoked))):
            if not all(map(_KEY_NAME.fullmatch, names)):
                found.append((field, "is no name of a key: 1 to 64 printable ASCII characters without spaces"))
        if self.key and self.key in self.revoked:
            found.append(("revoked", "names the key that signs"))
        if self.encryption and not (self.encryption_key and _NONCE.fullmatch(self.nonce)):
            found.append(("encryption", "needs a key and a nonce of 12 bytes"))
        return found

    def encoded(self) -> bytes:
        """The JSON that is signed."""
        return msgspec.json.encode(self)

    @classmethod
    def decoded(cls, text: bytes) -> Self:
        """Raises BundleError that names the field."""
        return cls(**_core.read_manifest(text))


def digest(manifest: bytes) -> str:
    """Of a bundle: that of its manifest, which has the payload's."""
    return hashlib.sha256(manifest).hexdigest()


def moment(seconds: int) -> str:
    """As people read it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
