"""Sources by files: a folder into which recognisers put one message a file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import structlog
from msgspec import Meta, Struct

from platewatch.sources.transport import Health, Takes

_UNFINISHED: Final = (".tmp", ".part", ".partial", ".crdownload", ".filepart")

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class FolderSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Files of `path` whose names fit the `pattern` are taken, the oldest first, once they have not changed for
    `interval` seconds. One that was understood is deleted, or with `keep` moved into the folder `done`; one that was
    not is moved into `failed`. Names that begin with a dot, or end as unfinished downloads do, are left alone.
    """

    path: Path
    pattern: Annotated[str, Meta(min_length=1)] = "*"
    interval: Annotated[float, Meta(gt=0, le=3600)] = 1.0
    keep: bool = False

    def check(self) -> None:
        """Nothing more than its types: the folder may come later."""


class _Seen(NamedTuple):
    size: int
    changed: int


class Folder:
    """Takes the files of a folder. One that was being taken when the service died is taken again."""

    def __init__(self, settings: FolderSettings, source: Takes) -> None:
        self._settings = settings
        self._source = source
        self._seen: dict[Path, _Seen] = {}
        self._health = Health()
        self._waiting = 0

    def status(self) -> dict[str, Any]:
        """How many files wait, and why the folder cannot be read, if it cannot."""
        return {"waiting": self._waiting, "failure": self._health.failure}

    async def follow(self) -> None:
        """Until cancelled."""
        while True:
            try:
                finished = await asyncio.to_thread(self._finished)
                self._health.is_well()
                for path in finished:
                    await self._take(path)
            except OSError as error:
                reason = error.strerror or type(error).__name__
                if reason != self._health.failure:
                    _log.error("folder not read", source=self._source.name, reason=reason)
                self._health.is_lost(reason)
            await asyncio.sleep(self._settings.interval)

    def _finished(self) -> list[Path]:
        """The files that have not changed since the last look, the oldest first."""
        now: dict[Path, _Seen] = {}
        for path in self._settings.path.glob(self._settings.pattern):
            if path.name.startswith(".") or path.name.endswith(_UNFINISHED) or path.is_symlink() or not path.is_file():
                continue
            stat = path.stat()
            now[path] = _Seen(stat.st_size, stat.st_mtime_ns)
        finished = [path for path, seen in now.items() if self._seen.get(path) == seen]
        self._seen = now
        self._waiting = len(now)
        return sorted(finished, key=lambda path: (now[path].changed, path.name))

    async def _take(self, path: Path) -> None:
        body = await asyncio.to_thread(path.read_bytes)
        reply = await self._health.taken(self._source, body, {}, path.name)
        await asyncio.to_thread(self._put_away, path, not reply.is_refused)
        self._seen.pop(path, None)
        self._waiting -= 1

    def _put_away(self, path: Path, is_understood: bool) -> None:
        if is_understood and not self._settings.keep:
            path.unlink()
            return
        folder = path.parent / ("done" if is_understood else "failed")
        folder.mkdir(exist_ok=True)
        target, number = folder / path.name, 1
        while target.exists():
            target, number = folder / f"{path.stem}-{number}{path.suffix}", number + 1
        path.rename(target)
