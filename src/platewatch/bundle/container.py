"""A bundle's file: a header, a manifest, its signature, a payload; as cpp/include/platewatch/bundle/bundle.hpp."""

from __future__ import annotations

import hashlib
import os
import struct
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final, Self

from platewatch.bundle.manifest import Manifest, digest
from platewatch.errors import BundleError

_MAGIC: Final = b"PLTWBNDL"
_VERSION: Final = 1
_HEADER: Final = struct.Struct("<8sIIIIQQQII")  # the last of it is the checksum of all before, and of the texts
_ALIGNMENT: Final = 4096
_SIGNED_AS: Final = b"platewatch bundle 1\n"


@dataclass(frozen=True, slots=True)
class Bundle:
    """`text` is the manifest as it is signed; the signature is empty until it is."""

    text: bytes
    signature: bytes
    payload: bytes

    @property
    def manifest(self) -> Manifest:
        """Raises BundleError."""
        return Manifest.decoded(self.text)

    @property
    def digest(self) -> str:
        return digest(self.text)

    @property
    def signed_bytes(self) -> bytes:
        return _SIGNED_AS + self.text

    def with_manifest(self, manifest: Manifest, signature: bytes = b"") -> Self:
        """The same with another manifest, of which the old signature is none."""
        return replace(self, text=manifest.encoded(), signature=signature)

    def encoded(self) -> bytes:
        text_end = _HEADER.size + len(self.text) + len(self.signature)
        offset = -(-text_end // _ALIGNMENT) * _ALIGNMENT
        sizes = len(self.text), len(self.signature), 0, offset, len(self.payload), offset + len(self.payload), 0
        front = _HEADER.pack(_MAGIC, _VERSION, *sizes, 0)[:-4]
        checksum = struct.pack("<I", crc32c(front + self.text + self.signature))
        head = front + checksum + self.text + self.signature
        return head.ljust(offset, b"\0") + self.payload

    @classmethod
    def decoded(cls, file: bytes) -> Self:
        """All but the signature is checked. Raises BundleError: no bundle, of a newer version, torn or damaged."""
        if not file.startswith(_MAGIC):
            raise BundleError("is no bundle")
        if len(file) < _HEADER.size:
            raise BundleError("is torn: it ends in its header")
        _, version, manifest, signature, zero, offset, payload, size, zero_too, checksum = _HEADER.unpack_from(file)
        if version != _VERSION:
            raise BundleError("is of a version that this platewatch does not read")
        if size != len(file):
            raise BundleError("is torn: it has not the size that its header says")
        text_end = _HEADER.size + manifest + signature
        if (
            offset != -(-text_end // _ALIGNMENT) * _ALIGNMENT
            or offset + payload != size
            or zero
            or zero_too
            or any(file[text_end:offset])
            or checksum != crc32c(file[: _HEADER.size - 4] + file[_HEADER.size : text_end])
        ):
            raise BundleError("is damaged: its checksum differs")
        bundle = cls(file[_HEADER.size : _HEADER.size + manifest], file[text_end - signature : text_end], file[offset:])
        told = bundle.manifest
        if told.payload_bytes != payload or told.payload_sha256 != hashlib.sha256(bundle.payload).hexdigest():
            raise BundleError("is damaged: its payload is not what its manifest says")
        return bundle

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises BundleError or OSError."""
        return cls.decoded(path.read_bytes())

    def save(self, path: Path) -> None:
        """In place of what is there, once it is whole and on disk. Raises OSError."""
        beside = path.with_name(f"{path.name}.new")
        with beside.open("wb") as file:
            file.write(self.encoded())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)


@cache
def _table() -> tuple[int, ...]:
    def entry(value: int) -> int:
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        return value

    return tuple(map(entry, range(256)))


def crc32c(data: bytes) -> int:
    """Castagnoli's, of some hundred bytes."""
    table, value = _table(), 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ table[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF
