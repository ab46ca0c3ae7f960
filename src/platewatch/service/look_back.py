"""Looking back: the reads of the last minutes, for an urgent entry that arrives a little late. Off unless set.

In memory only, compressed and encrypted with a key that is made at the start and dies with the process, so that what is
swapped out or dumped is of no use by itself. Who is root on the machine while it runs can read it all the same.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Annotated, Final, NamedTuple

import msgspec
import zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Meta, Struct

from platewatch.matching.reads import Read

_CHUNK: Final = 512  # reads that are sealed together; fewer lie open, in memory as those that are being matched
_OVERHEAD: Final = 200  # bytes of a chunk that are not its reads


class LookBackSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how many `minutes` reads are kept, 0 for none, and in how many bytes at the most: older ones make room."""

    minutes: Annotated[float, Meta(ge=0, le=60)] = 0.0
    max_bytes: Annotated[int, Meta(ge=1_000_000)] = 64 * 1024 * 1024


class _Chunk(NamedTuple):
    newest: datetime  # when the last of its reads came
    nonce: bytes
    sealed: bytes
    reads: int


class LookBack:
    """The reads that came in the last minutes. Made only where some are to be kept."""

    def __init__(self, settings: LookBackSettings) -> None:
        self._kept = timedelta(minutes=settings.minutes)
        self._max_bytes = settings.max_bytes
        self._cipher = AESGCM(AESGCM.generate_key(bit_length=256))
        self._compressor = zstandard.ZstdCompressor(level=1)
        self._decompressor = zstandard.ZstdDecompressor()
        self._decoder = msgspec.msgpack.Decoder(list[tuple[datetime, Read]])
        self._chunks: deque[_Chunk] = deque()
        self._open: list[tuple[datetime, Read]] = []
        self.nbytes = 0
        """Bytes that the sealed reads take."""

    def __len__(self) -> int:
        return len(self._open) + sum(chunk.reads for chunk in self._chunks)

    def add(self, reads: Iterable[Read], now: datetime) -> None:
        """Keep reads that came now and can be matched."""
        self._open += [(now, read) for read in reads]
        if len(self._open) >= _CHUNK:
            self._seal(now)
        self.forget(now)

    def forget(self, now: datetime) -> None:
        """Let go of what came too long ago, and of the oldest if there is too much."""
        while self._chunks and (now - self._chunks[0].newest > self._kept or self.nbytes > self._max_bytes):
            self.nbytes -= len(self._chunks.popleft().sealed) + _OVERHEAD
        self._open = [(came, read) for came, read in self._open if now - came <= self._kept]

    def reads(self, now: datetime) -> Iterator[list[Read]]:
        """Those that are kept, oldest first, some hundreds at a time."""
        for chunk in [*self._chunks]:
            data = self._cipher.decrypt(chunk.nonce, chunk.sealed, None)
            opened = self._decoder.decode(self._decompressor.decompress(data))
            yield [read for came, read in opened if now - came <= self._kept]
        yield [read for came, read in self._open if now - came <= self._kept]

    def _seal(self, now: datetime) -> None:
        nonce = secrets.token_bytes(12)
        packed = self._compressor.compress(msgspec.msgpack.encode(self._open))
        sealed = self._cipher.encrypt(nonce, packed, None)
        self._chunks.append(_Chunk(now, nonce, sealed, len(self._open)))
        self.nbytes += len(sealed) + _OVERHEAD
        self._open = []
