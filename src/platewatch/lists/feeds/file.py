"""A file that is watched, or a folder whose files make one list.

It is looked at, and not listened to: network file systems and mounts into containers tell nothing of changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from platewatch.errors import EntryError, HotlistError, PlatewatchError
from platewatch.lists.feeds.base import FeedError, Fetched, ListSettings
from platewatch.lists.hotlist import Hotlist, refusal
from platewatch.matching.hotlist import Entry

_LOOK_INTERVAL: Final = 0.1  # seconds
_SUFFIXES: Final = frozenset({".csv", ".tsv", ".txt", ".xlsx", ".xls", ".ods", ".json", ".jsonl", ".ndjson"})


class FileFeedSettings(
    ListSettings, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="file"
):
    """`path` is a file, or a folder of such; it is read again when it changes, unless `watch` is false."""

    path: Path
    watch: bool = True


class FileFeed:
    """A file that is not written any more when two looks at it show the same: best is to write beside it and rename."""

    def __init__(self, settings: FileFeedSettings, zone: str | None = None) -> None:
        self.what = str(settings.path)
        self._settings = settings
        self._zone = zone
        self._fetched: str | None = None  # how it looked

    async def changed(self) -> None:
        """Never returns if it is not to be watched."""
        last = self._fetched
        while True:
            await asyncio.sleep(_LOOK_INTERVAL)
            now = await asyncio.to_thread(self._look) if self._settings.watch else self._fetched
            if now == last != self._fetched:
                return
            last = now

    async def fetch(self, tag: str | None) -> Fetched:
        """See Feed."""
        return await asyncio.to_thread(self._fetch, tag)

    def _look(self) -> str:
        """What tells the files from others that had, or get, their names; nothing if they cannot be looked at."""
        try:
            looks = [(path, path.stat()) for path in self._files()]
        except OSError:
            return ""
        return " ".join(
            f"{path.name}:{look.st_dev}:{look.st_ino}:{look.st_size}:{look.st_mtime_ns}" for path, look in looks
        )

    def _files(self) -> list[Path]:
        path = self._settings.path
        if not path.is_dir():
            return [path]
        return sorted(
            file for file in path.iterdir() if file.suffix.lower() in _SUFFIXES and not file.name.startswith((".", "~"))
        )

    def _fetch(self, tag: str | None) -> Fetched:
        self._fetched = look = self._look()
        try:
            files = self._files()
            as_of = max((file.stat().st_mtime for file in files), default=0.0)
            if look == tag:
                return Fetched(None, tag, as_of)
            if not files:
                raise FeedError(f"{self.what}: a folder without a list")
            lists = [self._read(file) for file in files]
        except OSError as error:
            raise FeedError(f"{error.filename or self.what}: {error.strerror or error}") from None
        return Fetched(lists[0] if len(lists) == 1 else self._together(lists), look, as_of)

    def _read(self, file: Path) -> Hotlist:
        """Raises what says which file is wrong."""
        try:
            return self._settings.read(file.read_bytes(), file.name, self._zone)
        except HotlistError as error:
            raise HotlistError(f"{file}: {error.judgement}", error.errors) from None
        except PlatewatchError as error:
            raise FeedError(f"{file}: {error.reason}", field=error.field) from None

    def _together(self, lists: Iterable[Hotlist]) -> Hotlist:
        """One list of several files. Raises FeedError if an id stands in two of them."""
        lists = list(lists)
        together = Hotlist.from_checked(_each_once(lists))
        for listed in lists:
            together.report.errors += listed.report.errors
            together.report.notes += listed.report.notes
            together.report.repeats += listed.report.repeats
        together.report.rows = sum(listed.report.rows for listed in lists)
        if self._settings.strict and (why := refusal(together, self._settings.max_bad_share)):
            raise HotlistError(f"{self.what}: {why}", together.report.errors)
        return together


def _each_once(lists: Iterable[Hotlist]) -> Iterator[Entry]:
    seen: dict[str, Entry] = {}
    for listed in lists:
        for entry in listed:
            if seen.setdefault(entry.id, entry) != entry:
                raise EntryError(
                    "stands in two files of the folder, with different entries", field="id", value=entry.id
                )
            yield entry
