"""What feeds do when something fails: the list stays, whoever is at fault."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import platewatch as pw
from platewatch.lists.feeds import FEEDS, FeedSettings
from platewatch.lists.feeds.base import Fetched
from platewatch.lists.feeds.delta import Change, PushFeedSettings
from platewatch.lists.feeds.file import FileFeedSettings
from platewatch.lists.feeds.store import FeedStore, StoreError
from platewatch.matching.hotlist import HotlistDelta
from platewatch.service.alarms import Alarms
from platewatch.service.feeds import NOT_KEPT, REFUSED, Feeds
from platewatch.service.live_list import LiveList
from platewatch.service.worker import Worker
from tests.patience import PATIENCE

PUSHED = PushFeedSettings(token="0123456789abcdef")


@asynccontextmanager
async def feeding(
    settings: dict[str, FeedSettings], place: Path, alarms: Alarms
) -> AsyncIterator[tuple[Feeds, LiveList, list[HotlistDelta]]]:
    """Feeds with a list, and the changes that are told."""
    with Worker() as worker:
        async with await Feeds.open(settings, place / "feeds.db", None, alarms) as feeds:
            hotlist = feeds.hotlist()
            live = LiveList(hotlist, pw.Matcher(hotlist), worker)
            told: list[HotlistDelta] = []

            async def note(delta: HotlistDelta) -> None:
                told.append(delta)

            feeds.attach(live, note)
            yield feeds, live, told


async def until(what: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not what():
            await asyncio.sleep(0.01)


def change(version: int, *plates: str) -> Change:
    return Change(version, str(version), tuple(pw.Entry(id=plate, plate=plate) for plate in plates), (), False)


def test_a_push_that_cannot_be_kept_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with feeding({"a": PUSHED}, tmp_path, Alarms()) as (feeds, live, told):
            assert await feeds.push("a", change(1, "12가3456"))

            def full(*_: object) -> None:
                raise StoreError("the list cannot be written: database or disk is full")

            with monkeypatch.context() as broken:
                broken.setattr(FeedStore, "write", full)
                replaced = pw.Entry(id="12가3456", plate="99하9999")
                with pytest.raises(StoreError, match="disk is full"):
                    await feeds.push("a", Change(2, "2", (replaced, pw.Entry(id="B", plate="34나5678")), (), False))
            assert [entry.plate for entry in live.hotlist] == ["12가3456"]
            assert not live.matcher.match("34나5678", max_edits=0)
            assert feeds.part("a")[:2] == (1, 1)
            assert len(told) == 1
            assert await feeds.push("a", change(2, "34나5678"))
            assert len(live.hotlist) == 2

    asyncio.run(run())


def test_a_fetched_list_that_cannot_be_kept_is_used_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "wanted.csv"
    path.write_text("id,plate\nA1,12가3456\n", "utf-8")
    alarms = Alarms()

    def full(*_: object) -> None:
        raise StoreError("the list cannot be written: database or disk is full")

    async def run() -> None:
        async with feeding({"hotlist": FileFeedSettings(path=path)}, tmp_path, alarms) as (feeds, live, _):
            following = asyncio.create_task(feeds.follow())
            with monkeypatch.context() as broken:
                broken.setattr(FeedStore, "write", full)
                path.write_text("id,plate\nA1,12가3456\nA2,34나5678\n", "utf-8")
                await until(lambda: len(live.hotlist) == 2)
                await until(lambda: alarms.of(NOT_KEPT))
            path.write_text("id,plate\nA1,12가3456\nA2,34나5678\nA3,56다7890\n", "utf-8")
            await until(lambda: len(live.hotlist) == 3 and not alarms.of(NOT_KEPT))
            following.cancel()

    asyncio.run(run())


class BrokenFeed:
    """Has a list, and then is broken."""

    def __init__(self, _settings: object, _zone: str | None) -> None:
        self.what = "broken"
        self.watched = self.fetched = 0

    async def changed(self) -> None:
        self.watched += 1
        raise RuntimeError("12가3456")  # which must not get into the log

    async def fetch(self, tag: str | None) -> Fetched:
        self.fetched += 1
        if tag is None:
            return Fetched(pw.Hotlist([pw.Entry(id="A1", plate="12가3456")]), "tag", 1.0)
        raise RuntimeError("12가3456")


def test_a_feed_that_fails_as_none_should_costs_the_others_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FEEDS, FileFeedSettings, BrokenFeed)
    settings: dict[str, FeedSettings] = {"hotlist": FileFeedSettings(path=tmp_path), "a": PUSHED}
    alarms = Alarms()

    async def run() -> None:
        async with feeding(settings, tmp_path, alarms) as (feeds, live, _):
            following = asyncio.create_task(feeds.follow())
            await until(lambda: alarms.of(REFUSED))
            (alarm,) = alarms.of(REFUSED)
            assert (alarm.about, alarm.reason) == ("hotlist", "cannot be read: RuntimeError")
            assert await feeds.push("a", change(1, "34나5678"))
            assert len(live.hotlist) == 2
            broken = feeds._feeds["hotlist"]
            assert isinstance(broken, BrokenFeed)
            assert broken.watched <= 2, "it does not spin"
            assert not following.done()
            following.cancel()

    asyncio.run(run())


def test_an_accepted_feed_that_is_not_there_is_no_feed(tmp_path: Path) -> None:
    async def run() -> None:
        async with feeding({"a": PUSHED}, tmp_path, Alarms()) as (feeds, *_):
            with pytest.raises(KeyError):
                await feeds.accept("b")

    asyncio.run(run())
