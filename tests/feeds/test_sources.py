"""Feeds by themselves: files and folders that change, lists by HTTP, what agencies push, and what is kept."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

import platewatch as pw
from platewatch.errors import HotlistError
from platewatch.lists.feeds.base import MAIN, FeedError, JudgedSettings, feed_and_id, key, refusal
from platewatch.lists.feeds.delta import Change, DeltaError, OutOfOrderError, decode, follows
from platewatch.lists.feeds.file import FileFeed, FileFeedSettings
from platewatch.lists.feeds.http import HttpFeed, HttpFeedSettings
from platewatch.lists.feeds.store import FeedState, FeedStore, StoreError
from tests.far_end import far_end
from tests.patience import PATIENCE

ONE = "id,plate\nA1,12가3456\n"
TWO = "id,plate\nA1,12가3456\nA2,34나5678\n"


def ids(hotlist: pw.Hotlist | None) -> list[str]:
    assert hotlist is not None
    return [entry.id for entry in hotlist]


# ---------------------------------------------------------------------- files


def replace(path: Path, text: str) -> None:
    """As people are told to: written beside it, and renamed."""
    beside = path.with_name(f".{path.name}")
    beside.write_text(text, "utf-8")
    beside.rename(path)


def test_a_file_is_fetched_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "wanted.csv"
    path.write_text(ONE, "utf-8")

    async def run() -> None:
        feed = FileFeed(FileFeedSettings(path=path))
        first = await feed.fetch(None)
        assert (ids(first.hotlist), first.as_of) == (["A1"], path.stat().st_mtime)
        assert (await feed.fetch(first.tag)).hotlist is None
        changed = asyncio.create_task(feed.changed())
        await asyncio.sleep(0.5)
        assert not changed.done()
        replace(path, TWO)
        await asyncio.wait_for(changed, PATIENCE)
        assert ids((await feed.fetch(first.tag)).hotlist) == ["A1", "A2"]

    asyncio.run(run())


def test_a_file_that_is_not_watched_changes_for_nobody(tmp_path: Path) -> None:
    path = tmp_path / "wanted.csv"
    path.write_text(ONE, "utf-8")

    async def run() -> None:
        feed = FileFeed(FileFeedSettings(path=path, watch=False))
        first = await feed.fetch(None)
        replace(path, TWO)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(feed.changed(), 1.0)
        assert len((await feed.fetch(first.tag)).hotlist or ()) == 2  # when told to

    asyncio.run(run())


def test_the_files_of_a_folder_are_one_list(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(ONE, "utf-8")
    (tmp_path / "b.json").write_text('[{"id": "B1", "plate": "34나5678"}]', "utf-8")
    (tmp_path / ".c.csv").write_text(TWO, "utf-8")
    (tmp_path / "notes.md").write_text("no list", "utf-8")
    feed = FileFeed(FileFeedSettings(path=tmp_path))
    assert ids(asyncio.run(feed.fetch(None)).hotlist) == ["A1", "B1"]
    (tmp_path / "b.json").write_text('[{"id": "A1", "plate": "34나5678"}]', "utf-8")
    with pytest.raises(pw.PlatewatchError, match="id: stands in two files of the folder"):
        asyncio.run(feed.fetch(None))


def test_a_file_that_is_no_list_is_named(tmp_path: Path) -> None:
    path = tmp_path / "wanted.csv"
    feed = FileFeed(FileFeedSettings(path=path))
    with pytest.raises(FeedError, match=r"wanted\.csv: No such file"):
        asyncio.run(feed.fetch(None))
    path.write_text("<html>", "utf-8")
    with pytest.raises(FeedError, match=r"wanted\.csv: no CSV: it looks like HTML"):
        asyncio.run(feed.fetch(None))
    path.write_text("id,plate\nA1,--\n", "utf-8")
    with pytest.raises(HotlistError, match=r"wanted\.csv: no usable entry"):
        asyncio.run(feed.fetch(None))
    empty = tmp_path / "folder"
    empty.mkdir()
    with pytest.raises(FeedError, match="a folder without a list"):
        asyncio.run(FileFeed(FileFeedSettings(path=empty)).fetch(None))


def test_entries_that_nobody_has_approved_are_bad_where_approval_is_needed(tmp_path: Path) -> None:
    text = "id,plate,승인자,법적근거\n"
    text += "A1,12가3456,김 경감,형사소송법\nA2,34나5678,,형사소송법\nA3,56다7890,김 경감,\n"
    path = tmp_path / "wanted.csv"
    path.write_text(text, "utf-8")
    assert len(asyncio.run(FileFeed(FileFeedSettings(path=path)).fetch(None)).hotlist or ()) == 3
    settings = FileFeedSettings(path=path, needs_approval=True)
    with pytest.raises(HotlistError, match="2 of 3 rows are bad") as caught:
        asyncio.run(FileFeed(settings).fetch(None))
    told = [(error.row, error.field, error.reason) for error in caught.value.errors]
    assert told == [(3, "approved_by", "missing"), (4, "legal_basis", "missing")]
    path.with_suffix(".json").write_text('[{"id": "A1", "plate": "12가3456"}]', "utf-8")
    with pytest.raises(HotlistError, match="approved_by: missing"):
        asyncio.run(FileFeed(FileFeedSettings(path=path.with_suffix(".json"), needs_approval=True)).fetch(None))


# ---------------------------------------------------------------------- HTTP

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    async with far_end(handler) as url:
        yield f"{url}/wanted.csv"


def test_a_list_is_pulled_once_for_each_etag() -> None:
    asked: list[tuple[str | None, str | None]] = []
    served = {"text": ONE, "tag": '"1"'}

    async def handler(request: web.Request) -> web.StreamResponse:
        asked.append((request.headers.get("If-None-Match"), request.headers.get("Authorization")))
        if request.headers.get("If-None-Match") == served["tag"]:
            return web.Response(status=304)
        return web.Response(text=served["text"], headers={"ETag": served["tag"]})

    async def run() -> None:
        async with serving(handler) as url:
            feed = HttpFeed(HttpFeedSettings(url=f"{url}?key=secret", token="t", interval=0.01))
            assert feed.what == url  # what may be a secret is not told
            await asyncio.wait_for(feed.changed(), PATIENCE)
            first = await feed.fetch(None)
            again = await feed.fetch(first.tag)
            assert (ids(first.hotlist), again.hotlist, again.as_of >= first.as_of) == (["A1"], None, True)
            served.update(text=TWO, tag='"2"')
            assert ids((await feed.fetch(first.tag)).hotlist) == ["A1", "A2"]

    asyncio.run(run())
    assert asked == [(None, "Bearer t"), ('"1"', "Bearer t"), ('"1"', "Bearer t")]


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (503, ONE, "answered 503"),
        (302, ONE, "answered 302"),
        (304, "", "answered 304"),  # nobody asked with a tag
        (200, "<html>", "it looks like HTML"),
        (200, ONE * 100, "over 200 bytes"),
    ],
)
def test_an_answer_that_is_no_list_is_told(status: int, body: str, why: str) -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=body or None, headers={"Location": "/elsewhere"})

    async def run() -> None:
        async with serving(handler) as url:
            with pytest.raises(FeedError, match=why):
                await HttpFeed(HttpFeedSettings(url=url, max_bytes=200)).fetch(None)

    asyncio.run(run())


def test_a_server_that_is_down_or_slow_is_told() -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(PATIENCE)
        raise AssertionError

    async def run() -> None:
        async with serving(handler) as url:
            with pytest.raises(FeedError, match=r"no answer within 0\.2 s"):
                await HttpFeed(HttpFeedSettings(url=url, timeout=0.2)).fetch(None)
        with pytest.raises(FeedError) as caught:
            await HttpFeed(HttpFeedSettings(url=f"{url}?key=secret")).fetch(None)
        assert "secret" not in str(caught.value)

    asyncio.run(run())


# ---------------------------------------------------------------------- what is pushed


def test_a_change_is_decoded() -> None:
    body = '{"version": 8, "upserts": [{"id": 7, "plate": "12 가 3456", "covert": "예"}], "removals": [5, "A2"]}'
    change = decode(body.encode(), "Asia/Seoul", is_whole=False)
    assert change.upserts == (pw.Entry(id="7", plate="12가3456", covert=True),)
    assert (change.version, change.removals, change.is_whole) == (8, ("5", "A2"), False)
    assert decode(b'{"version": 1, "entries": []}', None, is_whole=True).is_whole


@pytest.mark.parametrize(
    ("body", "field", "why"),
    [
        (b"{", None, "the body is not JSON"),
        (b"\xff", None, "the body is not JSON"),
        (b'{"version": 1, "upserts": [' + b'{"x": [' * 100_000, None, "the body is not JSON"),
        (b"[]", None, "Expected `object`"),
        (b"{}", None, "missing required field `version`"),
        (b'{"version": 0}', "version", "Expected `int` >= 1"),
        (b'{"version": 1, "upsert": []}', None, "unknown field `upsert`"),
        (b'{"version": 1, "upserts": [], "removals": [true]}', "removals[0]", "Expected"),
        (b'{"version": 1, "upserts": [], "removals": ["A1", " "]}', "removals[1]", "is blank"),
        (
            b'{"version": 1, "upserts": [{"id": "1", "plate": "12"}], "removals": ["1"]}',
            "removals",
            "among the upserts",
        ),
    ],
)
def test_a_request_that_is_no_change_is_told(body: bytes, field: str | None, why: str) -> None:
    with pytest.raises(DeltaError) as caught:
        decode(body, None, is_whole=False)
    assert (caught.value.field, why in caught.value.reason) == (field, True), caught.value.reason


def test_bad_entries_of_a_change_are_told_by_row_and_field() -> None:
    body = (
        '{"version": 1, "upserts": [{"id": "1", "plate": "12가3456"}, {"id": "2"}, {"id": "3", "plate": "--"},'
        ' {"id": "1", "plate": "1"}, {"id": "5", "plate": "1", "valid_untl": "2026-01-01"}]}'
    )
    with pytest.raises(DeltaError, match="4 of 5 entries are bad") as caught:
        decode(body.encode(), None, is_whole=False)
    told = [(error.row, error.field) for error in caught.value.errors]
    assert told == [(1, "plate"), (2, "plate"), (3, "id"), (4, "valid_untl")]
    assert all(error.value is None for error in caught.value.errors)


def test_a_pushed_entry_may_need_approval() -> None:
    body = '{"version": 1, "upserts": [{"id": "1", "plate": "12가3456", "approved_by": "김 경감"}]}'.encode()
    assert len(decode(body, None, is_whole=False).upserts) == 1
    with pytest.raises(DeltaError) as caught:
        decode(body, None, is_whole=False, needed=("approved_by", "legal_basis"))
    assert [(error.row, error.field) for error in caught.value.errors] == [(0, "legal_basis")]


def test_versions_follow_each_other() -> None:
    def change(version: int, digest: str = "d", is_whole: bool = False) -> Change:
        return Change(version, digest, (), (), is_whole)

    assert follows(change(1), 0, "")
    assert not follows(change(7), 7, "d")  # sent again
    assert follows(change(9, is_whole=True), 7, "c")  # how one goes on after a gap
    for wrong in (change(7, "other"), change(6), change(9), change(7, "other", True), change(3, is_whole=True)):
        with pytest.raises(OutOfOrderError) as caught:
            follows(wrong, 7, "d")
        assert caught.value.known == 7


# ---------------------------------------------------------------------- judgement, keys, store


@pytest.mark.parametrize(
    ("listed", "before", "is_refused"),
    [
        (0, 1, True),
        (0, 0, False),
        (49, 100, True),
        (50, 100, False),
        (200, 100, False),
        (201, 100, True),
        (1, 99, False),
        (999, 99, False),
    ],
)
def test_a_list_that_has_shrunk_or_grown_too_much_is_refused(listed: int, before: int, is_refused: bool) -> None:
    assert (refusal(listed, before, JudgedSettings()) is not None) == is_refused


def test_the_same_id_of_two_feeds_has_two_keys() -> None:
    assert key(MAIN, "A1") == "A1"
    assert feed_and_id("A1") == (MAIN, "A1")
    other = key("seoul", "A1")
    assert (other != "A1", feed_and_id(other)) == (True, ("seoul", "A1"))
    for name in (MAIN, "seoul"):
        with pytest.raises(FeedError, match="control character"):
            key(name, other)


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "feeds.db"
    store = FeedStore.open(path)
    entries = [
        pw.Entry(
            id="A1", plate="12가3456", covert=True, approved_by="김", legal_basis="law", weight=2.0, match="exact"
        ),
        pw.Entry(id="A2", plate="34나5678"),
    ]
    store.write("hotlist", FeedState(version=1, tag="t", as_of=5.0), entries)
    store.write("other", FeedState(version=3), [pw.Entry(id="A1", plate="99가9999")])
    store.write("hotlist", FeedState(version=2), removals=["A2"])
    store.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    store = FeedStore.open(path)
    assert store.states() == {"hotlist": FeedState(version=2), "other": FeedState(version=3)}
    assert store.entries("hotlist") == entries[:1]
    store.forget("other")
    assert set(store.states()) == {"hotlist"}
    assert not store.entries("other")
    store.close()


def test_a_store_that_is_none_or_in_use_is_told(tmp_path: Path) -> None:
    path = tmp_path / "feeds.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE t (x)")
    other.close()
    with pytest.raises(StoreError, match="is no store of feeds"):
        FeedStore.open(path)
    path.write_text("no database " * 100, "utf-8")
    with pytest.raises(StoreError, match="cannot open"):
        FeedStore.open(path)
    with pytest.raises(StoreError, match="cannot open"):
        FeedStore.open(tmp_path / "nowhere" / "feeds.db")


def test_a_change_that_cannot_be_kept_is_kept_in_no_part(tmp_path: Path) -> None:
    store = FeedStore.open(tmp_path / "feeds.db")
    store.write("hotlist", FeedState(version=1), [pw.Entry(id="A1", plate="12가3456")])

    def entries() -> list[pw.Entry]:
        return store.entries("hotlist")

    class Broken:
        def __iter__(self) -> Broken:
            return self

        def __next__(self) -> pw.Entry:
            raise sqlite3.OperationalError("disk I/O error")

    with pytest.raises(StoreError, match="disk I/O error"):
        store.write("hotlist", FeedState(version=2), Broken(), ["A1"])
    assert (store.states()["hotlist"].version, len(entries())) == (1, 1)
    store.close()


def test_umask_does_not_open_the_store(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        FeedStore.open(tmp_path / "feeds.db").close()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "feeds.db").stat().st_mode) == 0o600
