"""Sources by a file that grows: a message a line (NDJSON), read on as lines are added."""

from __future__ import annotations

import asyncio
import glob
import os
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final, Literal, NamedTuple

import structlog
from msgspec import Meta, Struct

from platewatch.sources.positions import Position
from platewatch.sources.transport import Health, Takes

_CHUNK: Final = 1 << 20  # bytes that are read at once
_MOST_LINES: Final = 256  # that are taken side by side
_LAST_LOOKS: Final = 3  # at a file that has another in its place, before it is left: its writer may not know yet

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class TailSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lines of `path` are taken as they are added; it is looked at each `interval` seconds. The first time it is read
    from its `begin`: its start, or its end.
    """

    path: Path
    interval: Annotated[float, Meta(gt=0, le=3600)] = 1.0
    begin: Literal["start", "end"] = "start"

    def check(self) -> None:
        """Nothing more than its types: the file may come later."""


class _Line(NamedTuple):
    text: bytes
    end: int  # where the next begins


class Tail:
    """Follows a file through its rotations. The position, a file's number and an offset, is kept once all before it is
    done with.
    """

    def __init__(self, settings: TailSettings, source: Takes, position: Position, most_bytes: int) -> None:
        self._settings = settings
        self._source = source
        self._position = position
        self._most_bytes = most_bytes
        self._health = Health()
        self._file: BinaryIO | None = None
        self._offset = 0
        self._is_too_large = False  # the line that is being read
        self._is_new = False  # there was no file at first
        self._looks = 0
        self._waiting = 0
        self._too_large = 0

    def status(self) -> dict[str, Any]:
        """How many bytes wait, how many lines were too large, and why the file cannot be read, if it cannot."""
        return {"waiting": self._waiting, "failure": self._health.failure, "too_large": self._too_large}

    async def follow(self) -> None:
        """Until cancelled."""
        try:
            while True:
                try:
                    lines = await asyncio.to_thread(self._next)
                    if self._file is not None:
                        self._health.is_well()
                except OSError as error:
                    reason = error.strerror or type(error).__name__
                    if reason != self._health.failure:
                        _log.error("file not read", source=self._source.name, reason=reason)
                    self._health.is_lost(reason)
                    lines = []
                if lines:
                    await self._take(lines)
                else:
                    await asyncio.sleep(self._settings.interval)
        finally:
            if self._file is not None:
                self._file.close()

    async def _take(self, lines: list[_Line]) -> None:
        async with asyncio.TaskGroup() as tasks:
            for line in lines:
                if line.text:
                    tasks.create_task(self._health.taken(self._source, line.text, {}, ""))
        self._offset = lines[-1].end
        try:
            await asyncio.to_thread(self._keep)
        except OSError as error:  # which costs nothing but that lines are read again
            _log.error("position not kept", source=self._source.name, reason=error.strerror)

    def _next(self) -> list[_Line]:
        """The lines that have been added, none if there are none. Raises OSError."""
        if self._file is None:
            self._file = self._opened()
        lines = self._added(self._file)
        if lines or not self._is_rotated(self._file):
            self._looks = 0
            return lines
        self._looks += 1
        if self._looks < _LAST_LOOKS:
            return []
        self._looks = 0
        return self._last(self._file)

    def _opened(self) -> BinaryIO:
        path = self._settings.path
        saved = self._position.load()
        if not saved:
            try:
                file = path.open("rb")
            except FileNotFoundError:
                self._is_new = True
                raise
            self._offset = _behind_last_line(file) if self._settings.begin == "end" and not self._is_new else 0
            self._position.save({"file": _number(_identity(file)), "offset": self._offset})
            return file
        for candidate in [path, *self._siblings()]:
            if candidate.exists() and _number(_identity(candidate)) == saved.get("file"):
                file = candidate.open("rb")
                self._offset = _checked(file, saved.get("offset"))
                return file
        self._offset = 0
        return path.open("rb")

    def _siblings(self) -> list[Path]:
        """What rotation has made of the file."""
        path = self._settings.path
        return sorted(one for one in path.parent.glob(f"{glob.escape(path.name)}?*") if one.is_file())

    def _added(self, file: BinaryIO) -> list[_Line]:
        size = os.fstat(file.fileno()).st_size
        if self._offset > size or not (self._is_too_large or _checked(file, self._offset) == self._offset):
            _log.info("file truncated", source=self._source.name)
            self._offset, self._is_too_large = 0, False
        file.seek(self._offset)
        data = file.read(_CHUNK)
        while b"\n" not in data and len(data) <= self._most_bytes and (more := file.read(_CHUNK)):
            data += more
        lines: list[_Line] = []
        start = 0
        while len(lines) < _MOST_LINES and (end := data.find(b"\n", start)) >= 0:
            line = data[start:end].strip(b"\0 \t\r")
            if self._is_too_large or len(line) > self._most_bytes:
                self._too_large += 1
                self._is_too_large, line = False, b""
            start = end + 1
            lines.append(_Line(line, self._offset + start))
        if not lines and len(data) > self._most_bytes:
            self._is_too_large = True
            self._offset += len(data)  # not kept: it is the middle of a line
        self._waiting = size - (lines[-1].end if lines else self._offset)
        return lines

    def _is_rotated(self, file: BinaryIO) -> bool:
        path = self._settings.path
        return path.exists() and _identity(path) != _identity(file)

    def _last(self, file: BinaryIO) -> list[_Line]:
        """Leave a file that has another in its place; a last line that has no end is whole now."""
        file.seek(self._offset)
        rest = b"" if self._is_too_large else file.read(self._most_bytes + 1).strip(b"\0 \t\r\n")
        self._too_large += self._is_too_large or len(rest) > self._most_bytes
        following = self._following(os.fstat(file.fileno()).st_mtime_ns, _identity(file))
        file.close()
        self._file, self._offset, self._is_too_large = following, 0, False
        return [_Line(rest, 0)] if 0 < len(rest) <= self._most_bytes else [_Line(b"", 0)]

    def _following(self, changed: int, identity: tuple[int, int]) -> BinaryIO:
        """The file that was begun next: the oldest of those that were written to later."""
        found = []
        for path in [*self._siblings(), self._settings.path]:
            when = path.stat().st_mtime_ns
            if when > changed and _identity(path) != identity:
                found.append((when, path))
        return min(found)[1].open("rb") if found else self._settings.path.open("rb")

    def _keep(self) -> None:
        if self._file is not None:
            self._position.save({"file": _number(_identity(self._file)), "offset": self._offset})


def _identity(file: BinaryIO | Path) -> tuple[int, int]:
    stat = file.stat() if isinstance(file, Path) else os.fstat(file.fileno())
    return stat.st_dev, stat.st_ino


def _number(identity: tuple[int, int]) -> str:
    return "{}:{}".format(*identity)


def _checked(file: BinaryIO, offset: object) -> int:
    """The offset if a line ends there: else it is another file under the same number, and is read from its start."""
    if not isinstance(offset, int) or not 0 < offset <= os.fstat(file.fileno()).st_size:
        return 0
    file.seek(offset - 1)
    return offset if file.read(1) == b"\n" else 0


def _behind_last_line(file: BinaryIO) -> int:
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - _CHUNK)
        file.seek(start)
        if (found := file.read(end - start).rfind(b"\n")) >= 0:
            return start + found + 1
        end = start
    return 0
