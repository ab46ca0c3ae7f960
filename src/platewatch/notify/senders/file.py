"""Events into a file, one a line: for a program of this machine, or to be carried elsewhere. It is personal data."""

from __future__ import annotations

import asyncio
import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Self

from msgspec import Struct

from platewatch.notify.senders.base import DeliveryError


class FileSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="file"):
    """`path` is appended to, one JSON event a line; an event is acknowledged when it is synced to the disk."""

    path: Path

    def check(self) -> None:
        """Nothing more than its types."""


class FileSender:
    """Appends to a file that only its owner may read; one that is moved away is begun anew."""

    def __init__(self, settings: FileSettings) -> None:
        self._path = settings.path
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def send(self, event_id: str, body: bytes) -> None:
        """Append the event. Raises DeliveryError, and then leaves no part of it."""
        del event_id  # it is in the body
        async with self._turn:
            try:
                await asyncio.to_thread(self._append, body + b"\n")
            except OSError as error:
                raise DeliveryError(errno.errorcode.get(error.errno or 0, "OSError")) from None

    def _append(self, line: bytes) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            before = os.fstat(file).st_size
            try:
                written = 0
                while written < len(line):
                    written += os.write(file, line[written:])
                os.fsync(file)
            except OSError:
                with suppress(OSError):  # the first failure is the one to tell
                    os.ftruncate(file, before)
                raise
        finally:
            os.close(file)
