"""The file of a bundle: what lies where, as the core reads it (cpp/include/platewatch/bundle/bundle.hpp)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache
from os import PathLike, fsdecode
from typing import Final, Self

from platewatch.errors import PlatewatchError
from platewatch.matching.matcher import Matcher
from platewatch.service.policy import Policy

FORMAT: Final = "platewatch bundle 1"
"""What a manifest says that it is of."""

SIGNED_AS: Final = b"platewatch bundle 1\n"
"""A signature is of this, and then the manifest."""

_MAGIC: Final = b"PLTWBNDL"
_VERSION: Final = 1
_HEADER: Final = struct.Struct("<8sIIIIQQQII")  # magic, version, sizes, 0, payload, file, 0, checksum
_ALIGNMENT: Final = 4096
_POLYNOMIAL: Final = 0x82F63B78  # of CRC-32C, its bits reversed


@dataclass(frozen=True, slots=True)
class BundleFile:
    """The parts of a bundle: the manifest's JSON, its signature, empty where there is none, and the payload."""

    manifest: bytes
    signature: bytes
    payload: bytes

    @property
    def signed_bytes(self) -> bytes:
        """What the signature is of."""
        return SIGNED_AS + self.manifest

    def to_bytes(self) -> bytes:
        """The file."""
        text = self.manifest + self.signature
        end = _HEADER.size + len(text)
        offset = -(-end // _ALIGNMENT) * _ALIGNMENT
        fields = (_MAGIC, _VERSION, len(self.manifest), len(self.signature), 0)
        sizes = (offset, len(self.payload), offset + len(self.payload), 0)
        front = _HEADER.pack(*fields, *sizes, 0)[:-4]
        header = front + struct.pack("<I", _crc32c(front + text))
        return (header + text).ljust(offset, b"\0") + self.payload

    @classmethod
    def of(cls, data: bytes) -> Self:
        """The parts of a file, of which all but the payload is checked. Raises PlatewatchError."""
        if not data.startswith(_MAGIC):
            raise PlatewatchError("is not a bundle")
        if len(data) < _HEADER.size:
            raise PlatewatchError("is torn: it ends in its header")
        _, version, manifest, signature, _, offset, payload, size, _, _ = _HEADER.unpack_from(data)
        if version != _VERSION:
            raise PlatewatchError(f"is of version {version}, which this platewatch does not read")
        if size != len(data):
            raise PlatewatchError("is torn: it has not the size that its header says")
        end = _HEADER.size + manifest
        parts = cls(data[_HEADER.size : end], data[end : end + signature], data[offset:])
        if len(parts.payload) != payload or parts.to_bytes()[:offset] != data[:offset]:
            raise PlatewatchError("is damaged: its checksum differs")
        return parts


def write_payload(matcher: Matcher, path: str | PathLike[str], policy: Policy | None = None) -> None:
    """Write what a device matches with: the list as it is now, the model, the population, and the policy if any.

    The file is a snapshot with more in it: `Matcher.open` reads it, too. Raises OSError.
    """
    matcher._save_payload(fsdecode(path), None if policy is None else _thresholds(policy))


def _thresholds(policy: Policy) -> dict[str, tuple[float, float, float]]:
    """By category, "" in general: notify, check, quiet."""
    return {
        category: (*policy.thresholds(category), policy.quiet_for(category)) for category in ("", *policy.categories)
    }


@cache
def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


def _crc32c(data: bytes) -> int:
    crc, table = 0xFFFFFFFF, _table()
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF
