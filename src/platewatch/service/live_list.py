"""The list that is matched with, while it changes: entries and index always go together.

They are looked at in the worker's thread, and changed there, between its steps. A small change is made in one step; for
a large one another index is built beside the worker, which then takes the old one's place in one step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeAlias

from platewatch.matching.hotlist import Entry, EntrySet, HotlistDelta
from platewatch.matching.matcher import Matcher
from platewatch.service.worker import Steps, Worker

_SMALL: Final = 1000  # entries that are changed in one step: some milliseconds

Use: TypeAlias = Callable[[EntrySet, Matcher], None]
"""Takes a new list and its index into use; called in the worker's thread."""


class LiveList:
    """A list and its index. Who looks at either says so by `follow`."""

    def __init__(self, hotlist: EntrySet, matcher: Matcher, worker: Worker) -> None:
        self.hotlist = hotlist
        self.matcher = matcher
        self._worker = worker
        self._users: list[Use] = []
        self._building = asyncio.Lock()
        self._since: list[HotlistDelta] | None = None  # small changes since another index is being built

    def follow(self, use: Use) -> None:
        """Call `use` with every new pair; before the first change."""
        self._users.append(use)

    async def apply(self, delta: HotlistDelta) -> HotlistDelta:
        """Make a change, as a whole; returns the one that undoes it.

        Raises EntryError, and then nothing has changed.
        """
        undo: list[HotlistDelta] = []
        if len(delta.upserts) + len(delta.removals) <= _SMALL:
            await self._worker.run(self._change(delta, undo))
            return undo[0]
        async with self._building:
            listed: list[Entry] = []
            await self._worker.run(self._begin(listed))
            try:
                hotlist, matcher, inverse = await asyncio.to_thread(self._build, listed, delta)
                old: list[object] = []
                await self._worker.run(self._swap(hotlist, matcher, old))
            finally:
                self._since = None
            await asyncio.to_thread(old.clear)  # that takes a while, too
            return inverse

    # What follows runs in the worker's thread, but for _build.

    def _change(self, delta: HotlistDelta, undo: list[HotlistDelta]) -> Steps:
        inverse = _inverse(
            {entry_id: self.hotlist[entry_id] for entry_id in _ids(delta) if entry_id in self.hotlist}, delta
        )
        self.hotlist.apply(delta)
        self.matcher.update(self.hotlist)
        if self._since is not None:
            self._since.append(delta)
        undo.append(inverse)
        yield

    def _begin(self, listed: list[Entry]) -> Steps:
        self._since = []
        listed += self.hotlist
        yield

    def _build(self, listed: list[Entry], delta: HotlistDelta) -> tuple[EntrySet, Matcher, HotlistDelta]:
        entries = {entry.id: entry for entry in listed}
        known = {entry_id: entries[entry_id] for entry_id in _ids(delta) if entry_id in entries}
        for entry_id in delta.removals:
            entries.pop(entry_id, None)
        entries.update((entry.id, entry) for entry in delta.upserts)
        hotlist = EntrySet.from_checked(entries.values())
        matcher = Matcher(hotlist, max_edits=self.matcher.max_edits, model=self.matcher.model)
        return hotlist, matcher, _inverse(known, delta)

    def _swap(self, hotlist: EntrySet, matcher: Matcher, old: list[object]) -> Steps:
        for delta in self._since or ():
            hotlist.apply(delta)
        matcher.update(hotlist)
        if matcher.model is not self.matcher.model:
            matcher.use(self.matcher.model)
        old += (self.hotlist, self.matcher)
        self.hotlist, self.matcher = hotlist, matcher
        for use in self._users:
            use(hotlist, matcher)
        yield


def _ids(delta: HotlistDelta) -> list[str]:
    return [*delta.removals, *(entry.id for entry in delta.upserts)]


def _inverse(known: dict[str, Entry], delta: HotlistDelta) -> HotlistDelta:
    """What makes of the list with the change the one with the `known` entries."""
    added = tuple(entry.id for entry in delta.upserts if entry.id not in known)
    return HotlistDelta(upserts=tuple(known.values()), removals=added)
