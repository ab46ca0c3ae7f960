"""Reads that a sender brings again with the new ones, as answers to polls do."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from platewatch.matching.reads import Read

MOST_KNOWN: Final = 100_000
"""Reads that are known, the newest."""


class Repeats:
    """Knows reads by a digest under a key that is never told, and only in memory."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(16)
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def has(self, read: Read, arrival: datetime) -> bool:
        """Whether it is known: the same pass, camera, time and text. One that does not say when it was has its
        `arrival` for a time, and then only a pass tells it from others.
        """
        digest = self._digest(read, arrival)
        return digest is not None and digest in self._known

    def add(self, reads: Iterable[Read], arrival: datetime) -> None:
        """Once they are accepted."""
        for read in reads:
            digest = self._digest(read, arrival)
            if digest is not None:
                self._known[digest] = None
                self._known.move_to_end(digest)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    def _digest(self, read: Read, arrival: datetime) -> bytes | None:
        when = None if read.time is None or read.time == arrival else read.time.timestamp()
        if when is None and read.pass_id is None:
            return None
        what = repr((read.pass_id, read.camera_id, when, read.text)).encode()
        return hashlib.blake2b(what, key=self._key, digest_size=16).digest()
