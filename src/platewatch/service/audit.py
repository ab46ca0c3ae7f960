"""The access log: who, when, from where, whose data, what was done and why; each line chained to the one before it.

A file a month in one folder, appended to by the service and by commands alike. Whose data it was is a keyed hash of the
entry's id: who has the key and the list can tell, nobody else. docs/threats.md.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import hmac
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from platewatch.errors import PlatewatchError

FOLDER: Final = "access"
"""Where the access log is, beside the outbox, unless set otherwise."""

KEPT_MONTHS: Final = 24
"""Whole months that are kept beside the current one, unless set otherwise."""

_NAME: Final = re.compile(r"access-(\d{4})-(\d{2})\.jsonl")
_START: Final = "0" * 64
_TAIL: Final = 64 * 1024  # bytes; few lines are longer


class AuditError(PlatewatchError):
    """The access log is not what was written: names the file and the line; or it cannot be written."""


class Access(Struct, frozen=True, kw_only=True):
    """What was done. `subjects` are keyed hashes of the entries whose data it was, see `Audit.subject`."""

    who: str
    where: str  # the address it came from, "local" for a command
    action: str
    subjects: tuple[str, ...] = ()
    count: int | None = None  # of what was read, where that is more than one
    reason: str = ""


class Line(Access, frozen=True, kw_only=True):
    """An access as it stands in the file. `hash` is SHA-256 of the line without it, `previous` that before it."""

    at: datetime
    previous: str
    hash: str = ""


_MENDED: Final = Access(who="platewatch", where="local", action="torn line removed")


class Audit:
    """Appends to the access log in `folder`, which is made; `key` hashes subjects. Raises OSError."""

    def __init__(
        self, folder: Path, key: bytes, *, kept_months: int = KEPT_MONTHS, clock: Callable[[], float] = time.time
    ) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._key = key
        self._kept_months = kept_months
        self._clock = clock

    def subject(self, entry_id: str) -> str:
        """The hash that stands for an entry: the same each time, and of no use without the key."""
        return subject(self._key, entry_id)

    async def note(self, access: Access) -> None:
        """Write a line, synced to the disk. Raises AuditError: then what was asked for must not be done."""
        try:
            await asyncio.to_thread(self.write, access)
        except OSError as error:
            raise AuditError(f"cannot be written: {error.strerror or error}") from None

    def write(self, access: Access) -> None:
        """As `note`, without an event loop. Raises OSError, too."""
        now = datetime.fromtimestamp(self._clock(), UTC)
        path = self._folder / f"access-{now:%Y-%m}.jsonl"
        # The lock is of the folder: the chain goes from one month's file to the next.
        lock = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            previous, mended = self._last()
            if mended:
                previous = _append(path, _MENDED, now, previous)
            is_new = not path.exists()
            _append(path, access, now, previous)
            if is_new:
                os.fsync(lock)
                self._prune(now)
        finally:
            os.close(lock)

    def _last(self) -> tuple[str, bool]:
        """The hash of the newest line, and whether part of one was cut off behind it: that of an access which was not
        noted when the power went, and so not granted either.
        """
        for path in reversed(_files(self._folder)):
            with path.open("r+b") as file:
                size = file.seek(0, os.SEEK_END)
                length = _TAIL
                while True:
                    file.seek(max(0, size - length))
                    whole, newline, torn = file.read().rpartition(b"\n")
                    if b"\n" in whole or length >= size:
                        break
                    length *= 4
                if torn:
                    file.truncate(size - len(torn))
            if newline:
                return _decode(whole.rpartition(b"\n")[2], str(path)).hash, bool(torn)
        return _START, False

    def _prune(self, now: datetime) -> None:
        oldest = now.year * 12 + now.month - 1 - self._kept_months
        for path in _files(self._folder):
            if _month(path) < oldest:
                path.unlink()


def key_of(hit_key: bytes) -> bytes:
    """The key of an access log, from that of the outbox, which it does not give away."""
    return hmac.digest(hit_key, b"access log", "sha256")


def subject(key: bytes, entry_id: str) -> str:
    """The hash that stands for an entry in the access log."""
    return hmac.digest(key, entry_id.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]


def verify(folder: Path) -> tuple[int, str]:
    """(lines, the newest hash): each line is whole and follows the one before it. Raises AuditError with file and line.

    What it cannot see is that the newest lines are gone: compare with a hash that was written down elsewhere. That the
    oldest files are gone is as it should be.
    """
    count = 0
    previous: str | None = None
    for place, line in lines(folder):
        if previous is not None and line.previous != previous:
            raise AuditError(f"{place}: does not follow the line before it: one was changed, removed or put in")
        if line.hash != _hash(line):
            raise AuditError(f"{place}: was changed after it was written")
        previous = line.hash
        count += 1
    return count, previous or _START


def lines(folder: Path, months: Iterable[str] | None = None) -> Iterator[tuple[str, Line]]:
    """(file and number, line), oldest first, of all months or these ("2026-11"). Raises AuditError for one that is
    none."""
    wanted = None if months is None else {f"access-{month}.jsonl" for month in months}
    for path in _files(folder):
        if wanted is not None and path.name not in wanted:
            continue
        with path.open("rb") as file:
            for number, data in enumerate(file, start=1):
                place = f"{path}, line {number}"
                if not data.endswith(b"\n"):
                    raise AuditError(f"{place}: is torn, as by a power cut, or was cut off")
                yield place, _decode(data, place)


def _decode(data: bytes, place: str) -> Line:
    try:
        line = msgspec.json.decode(data, type=Line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AuditError(f"{place}: is no line of an access log: {error}") from None
    if msgspec.json.encode(line) != data.removesuffix(b"\n"):
        raise AuditError(f"{place}: was changed after it was written")
    return line


def _append(path: Path, access: Access, at: datetime, previous: str) -> str:
    """Write a line, whole or not at all; returns its hash."""
    line = Line(**msgspec.structs.asdict(access), at=at, previous=previous)
    line = msgspec.structs.replace(line, hash=_hash(line))
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
        before = file.tell()
        try:
            file.write(msgspec.json.encode(line) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):  # the first failure is the one to tell
                os.ftruncate(file.fileno(), before)
            raise
    return line.hash


def _hash(line: Line) -> str:
    return hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(line, hash=""))).hexdigest()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def _month(path: Path) -> int:
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise AssertionError("only such files are listed")
    return int(match[1]) * 12 + int(match[2]) - 1
