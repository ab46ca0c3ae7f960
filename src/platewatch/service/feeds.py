"""The feeds of the service: each is followed, its new lists are judged, and all together make the list."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, Self, TypeVar

import structlog
from msgspec.structs import replace

from platewatch.errors import ConfigError, EntryError, HotlistError, PlatewatchError
from platewatch.lists.feeds import FEEDS, Feed, FeedError, FeedSettings
from platewatch.lists.feeds.base import MAIN, key, refusal
from platewatch.lists.feeds.delta import Change, DeltaError, follows
from platewatch.lists.feeds.file import FileFeedSettings
from platewatch.lists.feeds.store import FeedState, FeedStore, StoreError
from platewatch.matching.hotlist import Entry, EntrySet, HotlistDelta
from platewatch.service.alarms import Alarms
from platewatch.service.garbage import garbage_stays
from platewatch.service.live_list import LiveList

REFUSED: Final = "list_refused"
STALE: Final = "list_stale"
NOT_KEPT: Final = "list_not_kept"

_LOOK_INTERVAL: Final = 1.0  # seconds between looks whether a list is stale
_MOST_LOGGED: Final = 10  # bad rows of a kind that are logged each

_T = TypeVar("_T")
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class _Part(NamedTuple):
    """What a feed adds to the list: its entries by their keys."""

    state: FeedState
    entries: dict[str, Entry]


class Feeds:
    """Open it with `Feeds.open`, give `hotlist` an index, and `follow` what changes."""

    def __init__(
        self, settings: Mapping[str, FeedSettings], zone: str | None, alarms: Alarms, executor: ThreadPoolExecutor
    ) -> None:
        self._settings = settings
        self._alarms = alarms
        self._executor = executor
        self._feeds: dict[str, Feed] = {
            name: FEEDS[type(how)](how, zone) for name, how in settings.items() if type(how) in FEEDS
        }
        self._parts = {name: _Part(FeedState(), {}) for name in settings}
        self._turns = {name: asyncio.Lock() for name in settings}
        self._woken = {name: asyncio.Event() for name in self._feeds}
        self._accepted: set[str] = set()
        self._store: FeedStore
        self._live: LiveList | None = None  # until it is made of what there is
        self._on_changed: Callable[[HotlistDelta], Awaitable[None]] = _ignore

    @classmethod
    async def open(cls, settings: Mapping[str, FeedSettings], store: Path, zone: str | None, alarms: Alarms) -> Self:
        """With what was kept, and what the feeds have now. Raises ConfigError if a file that is no list is all there
        is of a feed.
        """
        feeds = cls(settings, zone, alarms, ThreadPoolExecutor(1, thread_name_prefix="feeds"))
        try:
            feeds._store = await feeds._in_thread(FeedStore.open, store)
            await feeds._begin()
        except StoreError as error:
            feeds._executor.shutdown()
            raise ConfigError(error.reason, field="list.store") from None
        except BaseException:
            feeds._executor.shutdown()
            raise
        return feeds

    async def close(self) -> None:
        """Let go of what is kept."""
        await self._in_thread(self._store.close)
        self._executor.shutdown()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def hotlist(self) -> EntrySet:
        """One list of all feeds. Raises ConfigError if their plates have too many symbols."""
        try:
            return EntrySet.from_checked(entry for part in self._parts.values() for entry in part.entries.values())
        except EntryError as error:
            raise ConfigError(error.reason, field=MAIN) from None

    def attach(self, live: LiveList, on_changed: Callable[[HotlistDelta], Awaitable[None]]) -> None:
        """Where changes are made, and who is told of them when they are; before all that follows."""
        self._live = live
        self._on_changed = on_changed

    async def follow(self) -> None:
        """Keep the list current, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for name in self._feeds:
                tasks.create_task(self._follow(name))
            tasks.create_task(self._watch())

    def wake(self) -> None:
        """Look at all feeds now."""
        for woken in self._woken.values():
            woken.set()

    async def accept(self, name: str) -> None:
        """Take the feed's list whatever it has, as somebody has looked at it: the one that is there, or if it is
        pushed, the next whole one. Raises KeyError for no feed.
        """
        how = self._settings[name]
        self._accepted.add(name)
        if name in self._feeds:
            await self._look(name)
            self._accepted.discard(name)
        _log.warning("whatever the feed has is accepted", feed=name, kind=how.__struct_config__.tag)

    async def push(self, name: str, change: Change) -> bool:
        """Make a change that was pushed; False if it was made before. When this returns it is in effect, and kept.

        Raises OutOfOrderError, DeltaError, FeedError or StoreError, and then nothing has changed.
        """
        if self._live is None:
            raise RuntimeError("there is no list to change yet")
        async with self._turns[name]:
            state, entries = self._parts[name]
            if not follows(change, state.version, state.tag):
                return False
            upserts = self._own(name, change.upserts)
            if change.is_whole:
                self._judge(name, len(upserts))
                removals = tuple(entries.keys() - {entry.id for entry in upserts})
            else:
                removals = tuple({key(name, entry_id) for entry_id in change.removals} & entries.keys())
            upserts = tuple(entry for entry in upserts if entries.get(entry.id) != entry)
            delta = HotlistDelta(upserts=upserts, removals=removals)
            try:
                undo = await self._live.apply(delta)
            except EntryError as error:
                raise DeltaError(error.reason, field=error.field) from None
            state = FeedState(version=change.version, tag=change.digest, as_of=time.time())
            try:
                await self._in_thread(self._store.write, name, state, upserts, removals)
            except StoreError:
                await self._live.apply(undo)
                raise
            for entry_id in removals:
                del entries[entry_id]
            entries.update((entry.id, entry) for entry in upserts)
            self._parts[name] = _Part(state, entries)
            self._accepted.discard(name)
            self._alarms.clear(REFUSED, name)
        await self._told(name, delta)
        return True

    def status(self) -> list[dict[str, Any]]:
        """Of each feed how many entries it has, from when they are, and why a newer list is refused."""
        refused = {alarm.about: alarm.reason for alarm in self._alarms.of(REFUSED)}
        stale = {alarm.about for alarm in self._alarms.of(STALE)}
        return [
            {
                "feed": name,
                "kind": self._settings[name].__struct_config__.tag,
                "version": part.state.version,
                "entries": len(part.entries),
                "as_of": _moment(part.state.as_of),
                "stale": name in stale,
                "refused": refused.get(name),
            }
            for name, part in self._parts.items()
        ]

    def part(self, name: str) -> tuple[int, int, float]:
        """A feed's version, how many entries it has, and since when (seconds since the epoch; 0: it has had none)."""
        state, entries = self._parts[name]
        return state.version, len(entries), state.as_of

    # ------------------------------------------------------------------ one feed

    async def _begin(self) -> None:
        known = await self._in_thread(self._store.states)
        for name in known.keys() - self._settings.keys():
            await self._in_thread(self._store.forget, name)
            _log.warning("a feed is no longer set: its entries are forgotten", feed=name)
        for name in self._settings:
            if name in known:
                entries = await self._in_thread(self._store.entries, name)
                self._parts[name] = _Part(known[name], {entry.id: entry for entry in entries})
            if name not in self._feeds:
                continue
            try:
                await self._fetch(name)
            except (FeedError, HotlistError) as error:
                if isinstance(error, HotlistError):
                    _log_refused(name, error.errors)
                reason = _reason(error)
                if name not in known and isinstance(self._settings[name], FileFeedSettings):
                    hint = " (list.strict = false takes what is usable)" if isinstance(error, HotlistError) else ""
                    raise ConfigError(reason + hint, field=_setting(name)) from None
                self._alarms.set(REFUSED, name, reason)

    async def _follow(self, name: str) -> None:
        woken = self._woken[name]
        while True:
            changed = asyncio.create_task(self._feeds[name].changed())
            waiting = asyncio.create_task(woken.wait())
            try:
                done, _ = await asyncio.wait({changed, waiting}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                changed.cancel()
                waiting.cancel()
            woken.clear()
            if changed in done and (error := changed.exception()) is not None:
                _log.error("a feed is not watched for a while", feed=name, exc_info=error)
                await asyncio.sleep(_LOOK_INTERVAL)
            await self._look(name)

    async def _look(self, name: str) -> None:
        """Take what the feed has, or raise an alarm and go on with what there is."""
        try:
            async with self._turns[name]:
                with garbage_stays():
                    delta = await self._fetch(name)
        except HotlistError as error:
            _log_refused(name, error.errors)
            self._alarms.set(REFUSED, name, _reason(error))
        except PlatewatchError as error:
            self._alarms.set(REFUSED, name, _reason(error))
        except Exception as error:  # of a library that reads files: the list must stay, and the service go on
            _log.error("a feed failed", feed=name, exc_info=error)
            self._alarms.set(REFUSED, name, f"cannot be read: {type(error).__name__}")
        else:
            self._alarms.clear(REFUSED, name)
            if delta is not None:
                await self._told(name, delta)

    async def _fetch(self, name: str) -> HotlistDelta | None:
        """Take the feed's list if it is another one; returns what has changed. Raises FeedError, HotlistError."""
        state, entries = self._parts[name]
        fetched = await self._feeds[name].fetch(None if name in self._accepted else state.tag or None)
        if fetched.hotlist is None:
            if state.as_of != fetched.as_of:
                self._parts[name] = _Part(replace(state, as_of=fetched.as_of), entries)
                await self._keep(name, HotlistDelta())
            return None
        self._judge(name, len(fetched.hotlist))
        _log_report(name, fetched.hotlist)
        delta, listed = await asyncio.to_thread(self._difference, name, entries, fetched.hotlist)
        if self._live is not None:
            await self._live.apply(delta)
        state = FeedState(version=state.version + 1, tag=fetched.tag, as_of=fetched.as_of)
        self._parts[name] = _Part(state, listed)
        await self._keep(name, delta)
        return delta

    def _judge(self, name: str, listed: int) -> None:
        """Raises FeedError if a list of so many entries may not take over."""
        why = refusal(listed, len(self._parts[name].entries), self._settings[name])
        if why is not None and name not in self._accepted:
            raise FeedError(f"the new list is not taken: {why}")

    def _difference(
        self, name: str, entries: Mapping[str, Entry], hotlist: EntrySet
    ) -> tuple[HotlistDelta, dict[str, Entry]]:
        own = {entry.id: entry for entry in self._own(name, hotlist)}
        delta = HotlistDelta(
            upserts=tuple(entry for entry_id, entry in own.items() if entries.get(entry_id) != entry),
            removals=tuple(entry_id for entry_id in entries if entry_id not in own),
        )
        return delta, own

    def _own(self, name: str, entries: Collection[Entry] | EntrySet) -> tuple[Entry, ...]:
        """The entries with their keys. Raises FeedError for an id that may be none."""
        agency = self._settings[name].agency
        if name == MAIN and not agency and not any(key(MAIN, entry.id) != entry.id for entry in entries):
            return tuple(entries)
        return tuple(replace(entry, id=key(name, entry.id), agency=entry.agency or agency) for entry in entries)

    async def _keep(self, name: str, delta: HotlistDelta) -> None:
        """What is fetched can be fetched again: that it is not kept is no reason not to use it."""
        try:
            await self._in_thread(self._store.write, name, self._parts[name].state, delta.upserts, delta.removals)
        except StoreError as error:
            self._alarms.set(NOT_KEPT, name, error.reason)
        else:
            self._alarms.clear(NOT_KEPT, name)

    async def _told(self, name: str, delta: HotlistDelta) -> None:
        version, listed, _ = self.part(name)
        changed, removed = len(delta.upserts), len(delta.removals)
        _log.info("list changed", feed=name, version=version, entries=listed, changed=changed, removed=removed)
        try:
            await self._on_changed(delta)
        except PlatewatchError as error:
            _log.error("what follows from a change is not done", feed=name, reason=error.reason)

    async def _watch(self) -> None:
        """Notice that lists get stale."""
        while True:
            for name, how in self._settings.items():
                as_of = self._parts[name].state.as_of
                if how.stale_after is not None and time.time() - as_of > how.stale_after:
                    since = _moment(as_of) or "never"
                    self._alarms.set(STALE, name, f"the list is older than {how.stale_after:g} s: it is of {since}")
                else:
                    self._alarms.clear(STALE, name)
            await asyncio.sleep(_LOOK_INTERVAL)

    async def _in_thread(self, call: Callable[..., _T], *arguments: Any) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call, *arguments)


async def _ignore(_: HotlistDelta) -> None:
    pass


def _setting(name: str) -> str:
    return MAIN if name == MAIN else f"feeds.{name}"


def _reason(error: PlatewatchError) -> str:
    if isinstance(error, HotlistError):
        return error.judgement
    return error.reason if error.field is None else f"{error.field}: {error.reason}"


def _moment(seconds: float) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds") if seconds else None


def _log_report(name: str, hotlist: EntrySet) -> None:
    report = hotlist.report
    _log_refused(name, report.errors)
    for note in report.notes:
        _log.info("hotlist", feed=name, note=note)
    for repeat in report.repeats[:_MOST_LOGGED]:
        rows = repeat.rows[:_MOST_LOGGED]
        _log.warning("an id stands for several plates: the last is used", feed=name, rows=rows)
    if len(report.repeats) > _MOST_LOGGED:
        count = len(report.repeats)
        _log.warning("more ids stand for several plates: are these two lists in one file?", feed=name, count=count)


def _log_refused(name: str, errors: Sequence[EntryError]) -> None:
    """Which rows and why, ten of a kind; but not what stood there: logs travel further than the list may."""
    kinds = Counter((error.field, error.reason) for error in errors)
    told: Counter[tuple[str | None, str]] = Counter()
    for error in errors:
        kind = error.field, error.reason
        told[kind] += 1
        if told[kind] <= _MOST_LOGGED:
            _log.warning("hotlist row refused", feed=name, row=error.row, field=error.field, reason=error.reason)
    for (field, reason), count in kinds.items():
        if count > _MOST_LOGGED:
            _log.warning("more hotlist rows refused", feed=name, field=field, reason=reason, count=count - _MOST_LOGGED)
