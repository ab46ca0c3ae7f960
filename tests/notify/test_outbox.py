from __future__ import annotations

import asyncio
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from platewatch.notify.event import cancellation, decode, decode_any, encode
from platewatch.notify.outbox import (
    _DUE,
    _NEXT_DUE,
    NewEvent,
    Outbox,
    OutboxClosedError,
    OutboxError,
    OutboxLockedError,
    State,
    purge,
)
from platewatch.notify.outbox_file import APPLICATION_ID, SCHEMA_VERSION
from platewatch.notify.outbox_reader import export_events, list_events
from tests.patience import PATIENCE

from .support import READ_AT, counts, hit_event, message, messages, open_files

NOW = 1_795_400_000.0


def run(test: Callable[[Outbox], Awaitable[None]], path: Path, now: float = NOW) -> None:
    """Run the test on the outbox at this path, whose clock stands still."""

    async def body() -> None:
        async with await Outbox.open(path, clock=lambda: now) as outbox:
            await test(outbox)

    asyncio.run(body())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@asynccontextmanager
async def one_group(outbox: Outbox) -> AsyncIterator[None]:
    """Keep the writer busy, so that what is called within the block is committed as one group after it."""
    started, finish = threading.Event(), threading.Event()

    def wait(_: sqlite3.Connection) -> None:
        started.set()
        finish.wait()

    blocker = asyncio.create_task(outbox._run(wait))
    await asyncio.to_thread(started.wait)
    try:
        yield
        await asyncio.sleep(0)  # lets the tasks of the block call the outbox
    finally:
        finish.set()
        await blocker


# --- what append promises


def test_appended_events_are_due_at_once_in_order(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        assert await outbox.append(messages(3)) == 3
        due = await outbox.due(NOW, 10)
        assert [(event.event_id, event.body) for event in due] == [message[:2] for message in messages(3)]
        assert [(event.attempts, event.created_at, event.queued_at) for event in due] == [(0, NOW, NOW)] * 3
        assert await outbox.due(NOW - 1, 10) == []

    run(test, path)


def test_a_repeated_id_is_queued_once(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        first, second, third = messages(3)
        assert await outbox.append([first, second, first]) == 2
        assert await outbox.append([second, third]) == 1
        assert await outbox.append([]) == 0
        await outbox.delivered(1, NOW)
        assert await outbox.append([first]) == 0
        assert await outbox.counts() == counts(pending=2, delivered=1)

    run(test, path)


def test_500_concurrent_appends_share_few_commits(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        statements: list[str] = []
        await outbox._run(lambda connection: connection.set_trace_callback(statements.append))
        async with one_group(outbox):
            appends = [asyncio.create_task(outbox.append([event])) for event in messages(500)]
        assert await asyncio.gather(*appends) == [1] * 500
        assert statements.count("COMMIT") <= 4  # the tracing itself, the blocker, 256 and 244
        assert [event.event_id for event in await outbox.due(NOW, 500)] == [event_id for event_id, *_ in messages(500)]

    run(test, path)


def test_a_cancelled_append_is_committed_all_the_same(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        async with one_group(outbox):
            append = asyncio.create_task(outbox.append(messages(2)))
            other = asyncio.create_task(outbox.append([message("other")]))
            await asyncio.sleep(0)
            append.cancel()
        with pytest.raises(asyncio.CancelledError):
            await append
        assert await asyncio.wait_for(other, PATIENCE) == 1  # nor do those in its group go without an answer
        assert (await outbox.counts())["pending"] == 3

    run(test, path)


def test_close_commits_what_was_called_before(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        async with one_group(outbox):
            appends = [asyncio.create_task(outbox.append([event])) for event in messages(600)]
            await asyncio.sleep(0)
            closing_task = asyncio.create_task(outbox.close())
        assert await asyncio.gather(*appends) == [1] * 600
        await closing_task
        await outbox.close()
        with pytest.raises(OutboxClosedError, match="closed"):
            await outbox.append(messages(1))

    run(test, path)
    assert len(list_events(path, limit=1000)) == 600


# --- failures


def test_one_bad_operation_fails_alone_and_whole(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        no_body: Any = None
        bad = [message("bad-1"), message("bad-2")._replace(body=no_body)]
        async with one_group(outbox):
            before = asyncio.create_task(outbox.append([message("before")]))
            failing = asyncio.create_task(outbox.append(bad))
            after = asyncio.create_task(outbox.append([message("after")]))
        assert await before == await after == 1
        with pytest.raises(OutboxError, match=r"NOT NULL constraint failed: events\.body"):
            await failing
        assert [event.event_id for event in await outbox.due(NOW, 10)] == [message("before")[0], message("after")[0]]

    run(test, path)


def test_a_full_disk_fails_the_group_and_the_next_one_goes_on(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        ((pages,),) = await outbox._query("PRAGMA page_count")
        await outbox._query(f"PRAGMA max_page_count = {pages}")
        async with one_group(outbox):
            small = asyncio.create_task(outbox.append([message("small")]))
            large = asyncio.create_task(outbox.append([NewEvent("large", bytes(1_000_000))]))
            late = asyncio.create_task(outbox.append([message("late")]))
        for append in (small, large, late):  # SQLite undoes all of the transaction: none may think it is safe
            with pytest.raises(OutboxError, match="full"):
                await append
        assert (await outbox.counts())["pending"] == 0
        await outbox._query(f"PRAGMA max_page_count = {pages + 1000}")
        assert await outbox.append([message("small"), NewEvent("large", bytes(1_000_000)), message("late")]) == 3

    run(test, path)
    assert len(list_events(path)) == 3


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Make writes beyond this size fail, as a full disk does; Python ignores the signal that goes with it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_failed_commit_reaches_every_caller_of_the_group(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        await outbox.append([message("first")])
        wal_size = Path(f"{path}-wal").stat().st_size  # noqa: ASYNC240
        with file_size_limit(wal_size + 1000):
            async with one_group(outbox):
                appends = [asyncio.create_task(outbox.append([event])) for event in messages(3)]
            for append in appends:
                with pytest.raises(OutboxError, match="disk"):
                    await append
        assert await outbox.append(messages(3)) == 3

    run(test, path)
    assert len(list_events(path)) == 4


def test_a_group_that_cannot_be_committed_is_rolled_back(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        async with one_group(outbox):
            append = asyncio.create_task(outbox.append(messages(1)))
            # Takes away the group's savepoint: a failure after which SQLite itself leaves the transaction open.
            breaking = asyncio.create_task(outbox._query("RELEASE operation"))
        for operation in (append, breaking):
            with pytest.raises(OutboxError, match="no such savepoint"):
                await operation
        assert (await outbox.counts())["pending"] == 0
        assert await outbox.append(messages(1)) == 1

    run(test, path)


def test_a_settled_event_cannot_be_settled_again(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        await outbox.append(messages(1))
        await outbox.delivered(1, NOW)
        for settle in (outbox.delivered(1, NOW), outbox.failed(1, "timeout", NOW), outbox.dead(1, "timeout")):
            with pytest.raises(ValueError, match="event 1 is not pending"):
                await settle
        assert (await outbox.counts())["delivered"] == 1

    run(test, path)


# --- crashes


CRASHING = """
import asyncio, sys
from platewatch.notify.outbox import NewEvent, Outbox

async def main(path, start):
    outbox = await Outbox.open(path)
    for number in range(start, start + 1_000_000):
        await outbox.append([NewEvent(str(number), b"body %d" % number)])
        print(number, flush=True)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def test_what_was_acknowledged_survives_kill_9(path: Path) -> None:
    acknowledged: dict[str, bytes] = {}

    async def test(outbox: Outbox) -> None:
        kept = {event.event_id: event.body for event in await outbox.due(1e12, 100_000)}
        assert acknowledged.items() <= kept.items()

    for appends in (1, 3, 10, 30, 100):
        command = [sys.executable, "-c", CRASHING, str(path), str(1000 * len(acknowledged))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(appends)]
            process.send_signal(signal.SIGKILL)
            lines += process.stdout.readlines()
        acknowledged |= {line.strip(): f"body {line.strip()}".encode() for line in lines}
        assert acknowledged.keys() <= {event.event_id for event in list_events(path, limit=100_000)}
        run(test, path)
    assert len(acknowledged) >= 144


def test_every_commit_is_synced_to_the_log(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        assert await outbox._query("PRAGMA journal_mode") == [("wal",)]
        assert await outbox._query("PRAGMA synchronous") == [(2,)]  # FULL
        assert await outbox._query("PRAGMA mmap_size") in ([], [(0,)])  # no row where it was compiled out

    run(test, path)


# --- owning the file


def test_a_second_owner_is_told_of_the_first(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        with pytest.raises(OutboxLockedError, match=f"process {os.getpid()}$") as caught:
            await Outbox.open(path)
        assert (caught.value.pid, caught.value.url) == (os.getpid(), None)
        outbox.publish("http://127.0.0.1:8080")
        with pytest.raises(OutboxLockedError, match="8080") as caught:
            await Outbox.open(path)
        assert caught.value.url == "http://127.0.0.1:8080"

    run(test, path)
    run(test, path)  # and a new owner does not answer at the old one's URL


def test_a_link_to_the_file_is_the_same_file(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(path)

    async def test(_: Outbox) -> None:
        with pytest.raises(OutboxLockedError):
            await Outbox.open(link)

    run(test, path)


def test_an_owner_caught_while_writing_its_name_is_unknown(path: Path) -> None:
    async def test(_: Outbox) -> None:
        Path(f"{path}.lock").write_bytes(b'{"pid":')  # noqa: ASYNC240
        with pytest.raises(OutboxLockedError, match="process unknown") as caught:
            await Outbox.open(path)
        assert caught.value.pid is None

    run(test, path)


def test_a_failed_open_lets_go_of_everything(path: Path) -> None:
    path.write_bytes(b"this is no database" * 100)
    before = open_files()
    with pytest.raises(OutboxError, match="not a database"):
        asyncio.run(Outbox.open(path))
    assert open_files() == before
    path.unlink()

    async def test(outbox: Outbox) -> None:
        assert await outbox.append(messages(1)) == 1

    run(test, path)


def test_a_missing_directory_is_an_outbox_error(tmp_path: Path) -> None:
    with pytest.raises(OutboxError, match="cannot open"):
        asyncio.run(Outbox.open(tmp_path / "absent" / "outbox.db"))
    with pytest.raises(OutboxError, match="cannot read"):
        list_events(tmp_path / "absent.db")


def test_a_newer_schema_is_refused_and_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        connection.execute("CREATE TABLE of_the_future (x)")
    before = path.read_bytes()
    with pytest.raises(OutboxError, match=f"schema version {SCHEMA_VERSION + 1}"):
        asyncio.run(Outbox.open(path))
    with pytest.raises(OutboxError, match=f"schema version {SCHEMA_VERSION + 1}"):
        list_events(path)
    assert path.read_bytes() == before


def test_only_the_owner_may_read_the_files(path: Path) -> None:
    path.touch(mode=0o644)
    previous = os.umask(0)
    try:

        async def test(outbox: Outbox) -> None:
            await outbox.append(messages(1))
            files = list(path.parent.iterdir())
            assert {file.name.removeprefix("outbox.db") for file in files} == {"", "-wal", "-shm", ".lock"}
            assert {file.stat().st_mode & 0o777 for file in files} == {0o600}

        run(test, path)
    finally:
        os.umask(previous)


def test_the_hit_key_stays_with_the_file(path: Path, tmp_path: Path) -> None:
    keys: list[bytes] = []

    async def test(outbox: Outbox) -> None:
        keys.append(outbox.hit_key)

    for file in (path, path, tmp_path / "other.db"):
        run(test, file)
    assert len(keys[0]) == 32
    assert keys[0] == keys[1] != keys[2]


# --- the schedule


def test_due_takes_the_longest_due_first_and_skips_what_is_in_flight(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        await outbox.append(messages(4))
        await outbox.failed(1, "timeout", NOW + 5)
        await outbox.failed(3, "timeout", NOW - 5)
        assert [event.seq for event in await outbox.due(NOW, 10)] == [3, 2, 4]
        assert [event.seq for event in await outbox.due(NOW, 2, exclude={3})] == [2, 4]
        assert [event.seq for event in await outbox.due(NOW + 5, 10)] == [3, 2, 4, 1]
        assert await outbox.next_due() == NOW - 5
        assert await outbox.next_due(exclude={2, 3, 4}) == NOW + 5
        assert await outbox.next_due(exclude={1, 2, 3, 4}) is None

    run(test, path)


def test_due_and_next_due_use_the_index(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        for sql, parameters in ((_DUE, ("wass", 0, NOW, "[]", 1)), (_NEXT_DUE, ("wass", 0, "[]"))):
            plan = [row[3] for row in await outbox._query(f"EXPLAIN QUERY PLAN {sql}", *parameters)]
            assert any("events_by_schedule" in step for step in plan)
            assert not any("TEMP B-TREE" in step or step.startswith("SCAN events") for step in plan)

    run(test, path)


def test_the_schedule_survives_a_restart(path: Path) -> None:
    async def fail(outbox: Outbox) -> None:
        await outbox.append(messages(1))
        await outbox.failed(1, "HTTP 500", NOW + 60)

    async def look(outbox: Outbox) -> None:
        assert await outbox.due(NOW + 59, 10) == []
        (event,) = await outbox.due(NOW + 60, 10)
        assert event.attempts == 1

    run(fail, path)
    run(look, path)


def test_retry_revives_dead_letters_as_if_new(path: Path) -> None:
    async def bury(outbox: Outbox) -> None:
        await outbox.append(messages(4))
        for seq in (1, 2, 3):
            await outbox.dead(seq, "HTTP 422")

    async def revive(outbox: Outbox) -> None:
        later = NOW + 1000
        ids = [event_id for event_id, *_ in messages(4)]
        assert await outbox.retry([ids[1], ids[3], "unknown"]) == 1  # the fourth is not dead
        (fourth, second) = await outbox.due(later, 10)
        assert (fourth.event_id, fourth.queued_at) == (ids[3], NOW)
        assert (second.event_id, second.attempts, second.created_at, second.queued_at) == (ids[1], 0, NOW, later)
        assert await outbox.retry([]) == 0
        assert await outbox.retry() == 2
        assert await outbox.counts() == counts(pending=4)

    run(bury, path)
    run(revive, path, NOW + 1000)


def test_prune_deletes_only_old_deliveries(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        await outbox.append([*messages(1501), NewEvent("new", b"-"), NewEvent("dead", b"-"), NewEvent("wait", b"-")])
        await outbox._query("UPDATE events SET state = 'delivered', delivered_at = ? WHERE seq <= 1501", NOW - 1)
        await outbox.delivered(1502, NOW)
        await outbox.dead(1503, "HTTP 422")
        assert await outbox.prune(NOW) == 1501
        assert await outbox.prune(NOW) == 0

    run(test, path)
    assert [event.event_id for event in list_events(path)] == ["wait", "dead", "new"]


def test_a_confirmed_hit_is_kept_for_longer(path: Path) -> None:
    """By the last answer: of W-2 it was another at first, of W-3 it is another now."""
    answer = "INSERT INTO outcomes VALUES (NULL, ?, ?, 'Kim', '', 0, '', '', '', '', 'notify', 0.9, 0)"

    async def test(outbox: Outbox) -> None:
        hits = [message(f"W-{number}") for number in range(5)]
        await outbox.append(hits)
        for seq in range(1, 6):
            await outbox.delivered(seq, NOW - (100 if seq == 5 else 10))
        for number, outcome in [(1, "confirmed"), (2, "misread"), (2, "confirmed"), (3, "confirmed")]:
            await outbox._query(answer, hits[number].hitid, outcome)
        await outbox._query(answer, hits[3].hitid, "cannot_tell")
        await outbox._query(answer, hits[4].hitid, "confirmed")
        assert await outbox.prune(NOW, NOW - 50) == 3
        assert await outbox.prune(NOW, NOW - 50) == 0

    run(test, path)
    assert [event.event_id for event in list_events(path)] == [message(entry).event_id for entry in ("W-2", "W-1")]


def test_what_is_pruned_is_overwritten(path: Path) -> None:
    async def deliver(outbox: Outbox) -> None:
        await outbox.append([NewEvent(str(number), b"secret body " * 100) for number in range(20)])
        for seq in range(1, 21):
            await outbox.delivered(seq, NOW)

    async def prune(outbox: Outbox) -> None:
        assert await outbox.prune(NOW + 1) == 20

    run(deliver, path)
    assert b"secret body" in path.read_bytes()
    run(prune, path)
    assert b"secret body" not in path.read_bytes()


# --- the command line's view


def test_events_are_listed_newest_first_without_their_bodies(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        await outbox.append(messages(3))
        await outbox.delivered(1, NOW + 1)
        await outbox.failed(2, "HTTP 500", NOW + 2)
        await outbox.dead(3, "HTTP 422")
        listed = list_events(path)  # while the owner is at work
        assert [(event.seq, event.state, event.attempts, event.last_error) for event in listed] == [
            (3, "dead", 1, "HTTP 422"),
            (2, "pending", 1, "HTTP 500"),
            (1, "delivered", 1, None),
        ]
        assert (listed[2].event_id, listed[2].delivered_at) == (message("W-0")[0], NOW + 1)
        assert listed[1].next_attempt_at == NOW + 2
        assert "12가3456" not in str(listed)
        assert [event.seq for event in list_events(path, "dead")] == [3]
        assert [event.seq for event in list_events(path, limit=1)] == [3]

    run(test, path)


def test_export_gives_the_bodies_oldest_first(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        await outbox.append(messages(3))
        await outbox.dead(2, "HTTP 422")

    run(test, path)
    assert list(export_events(path)) == [message.body for message in messages(3)]
    assert list(export_events(path, "dead")) == [messages(3)[1][1]]


# --- hits that are taken back


def withdraw(body: bytes, sequence: int) -> NewEvent:
    event = cancellation(decode(body), READ_AT, "entry_removed", sequence)
    return NewEvent(event.id, encode(event))


def test_a_hit_that_waits_is_cancelled_and_a_delivered_one_is_taken_back(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        both = ("wass", "112")
        await outbox.append([message("W-1")._replace(routes=both), message("W-1", 2), message("W-2"), message("W-3")])
        await outbox.delivered(1, NOW)  # W-1 to wass; 2 is for 112, 3 its rise for wass
        await outbox.delivered(4, NOW)  # W-2
        await outbox.failed(5, "timeout", NOW + 1)  # W-3, which may have arrived
        assert await outbox.cancel(withdraw, entry_ids=["W-1", "W-3", "W-9"]) == 2
        assert await outbox.counts() == counts(pending=2, delivered=2, cancelled=3)
        taken_back = [decode_any(event.body) for event in await outbox.due(NOW, 10)]
        assert [(event.id, event.data.entry_id) for event in taken_back] == [
            (hit_event("W-1", 3).id, "W-1"),
            (hit_event("W-3", 2).id, "W-3"),
        ]
        assert await outbox.due(NOW, 10, route="112") == [], "nobody there had heard of it"
        assert await outbox.cancel(withdraw, entry_ids=["W-1", "W-3"]) == 0, "once"
        assert await outbox.cancel(withdraw, hitids=[hit_event("W-2").hitid], since=NOW + 1) == 0, "too long ago"
        assert await outbox.cancel(withdraw, hitids=[hit_event("W-2").hitid], since=NOW) == 1
        await outbox.append([message("W-1")])
        assert await outbox.counts() == counts(pending=3, delivered=2, cancelled=3), "a repeat of it is known"

    run(test, path)


def test_a_payload_that_is_purged_leaves_its_id(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        await outbox.append([message("W-1"), message("W-2")])
        for seq in (1, 2):
            await outbox.dead(seq, "HTTP 422")
        await outbox.write(lambda connection: purge(connection, hit_event("W-1").hitid))
        assert await outbox.append([message("W-1")]) == 0
        assert await outbox.retry() == 1, "what is purged cannot be sent"

    run(test, path)
    assert list(export_events(path)) == [message("W-2").body]


def test_what_was_cancelled_is_pruned_in_time(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        await outbox.append(messages(2))
        assert await outbox.cancel(withdraw, entry_ids=["W-0"]) == 1
        assert await outbox.prune(NOW) == 0
        assert await outbox.prune(NOW + 1) == 1
        assert await outbox.counts() == counts(pending=1)

    run(test, path)


def test_an_outbox_of_schema_1_is_brought_up_to_date(path: Path) -> None:
    """Nothing of it is lost: what waits is delivered, and what is known stays known."""
    with closing(sqlite3.connect(path)) as old:
        old.executescript(
            """
            CREATE TABLE events (
                seq INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE, body BLOB NOT NULL,
                state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
                attempts INTEGER NOT NULL DEFAULT 0, created_at REAL NOT NULL, queued_at REAL NOT NULL,
                next_attempt_at REAL NOT NULL, delivered_at REAL, last_error TEXT
            );
            CREATE INDEX events_by_schedule ON events (state, next_attempt_at);
            CREATE INDEX events_by_delivery ON events (delivered_at) WHERE state = 'delivered';
            CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL);
            PRAGMA user_version = 1;
            """
        )
        old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        old.execute("INSERT INTO meta VALUES ('hit_key', ?)", (bytes(range(32)),))
        for seq, (event_id, body, *_) in enumerate([*messages(2), NewEvent("no.1", b"no JSON")], start=1):
            state, at = ("pending", None) if seq != 2 else ("delivered", NOW - 5)
            old.execute(
                "INSERT INTO events VALUES (?, ?, ?, ?, 3, ?, ?, ?, ?, NULL)",
                (seq, event_id, body, state, NOW - 9, NOW - 8, NOW - 7, at),
            )
        old.commit()
    with pytest.raises(OutboxError, match="start the service once"):
        list_events(path)

    async def test(outbox: Outbox) -> None:
        assert outbox.hit_key == bytes(range(32))
        assert await outbox.append([message("W-1"), message("new")]) == 1
        first, other, new = await outbox.due(NOW, 10)
        assert (first.event_id, first.body, first.attempts, first.created_at) == (*messages(1)[0][:2], 3, NOW - 9)
        assert (other.body, other.seq, new.event_id) == (b"no JSON", 3, message("new").event_id)
        assert await outbox.cancel(withdraw, entry_ids=["W-0", "W-1"]) == 2, "their entries are known"

    run(test, path)


# --- against a model

IDS = [f"event-{number}" for number in range(6)]


class OutboxMachine(RuleBasedStateMachine):
    """Any sequence of calls and restarts leaves in the outbox what it leaves in a dict: id → (state, attempts, due)."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.path = Path(self.directory.name) / "outbox.db"
        self.now = NOW
        self.model: dict[str, tuple[State, int, float]] = {}
        self.runner = asyncio.Runner()
        self.outbox = self.runner.run(Outbox.open(self.path, clock=lambda: self.now))

    def teardown(self) -> None:
        self.runner.run(self.outbox.close())
        self.runner.close()
        self.directory.cleanup()

    def due_ids(self) -> list[str]:
        return [key for key, (state, _, due) in self.model.items() if state == "pending" and due <= self.now]

    @rule(ids=st.lists(st.sampled_from(IDS), max_size=4))
    def append(self, ids: list[str]) -> None:
        new = dict.fromkeys(event_id for event_id in ids if event_id not in self.model)
        added = self.runner.run(self.outbox.append([NewEvent(event_id, event_id.encode()) for event_id in ids]))
        assert added == len(new)
        self.model |= dict.fromkeys(new, ("pending", 0, self.now))

    @precondition(lambda self: self.due_ids())
    @rule(pick=st.integers(0, 5), outcome=st.sampled_from(["delivered", "failed", "dead"]))
    def settle(self, pick: int, outcome: str) -> None:
        due = self.runner.run(self.outbox.due(self.now, 10))
        event = due[pick % len(due)]
        _, attempts, due_at = self.model[event.event_id]
        assert event.attempts == attempts
        if outcome == "delivered":
            self.runner.run(self.outbox.delivered(event.seq, self.now))
            self.model[event.event_id] = ("delivered", attempts + 1, due_at)
        elif outcome == "failed":
            self.runner.run(self.outbox.failed(event.seq, "timeout", self.now + 10))
            self.model[event.event_id] = ("pending", attempts + 1, self.now + 10)
        else:
            self.runner.run(self.outbox.dead(event.seq, "timeout"))
            self.model[event.event_id] = ("dead", attempts + 1, due_at)

    @rule(ids=st.none() | st.sets(st.sampled_from(IDS)))
    def retry(self, ids: set[str] | None) -> None:
        dead = [key for key, (state, _, _) in self.model.items() if state == "dead" and (ids is None or key in ids)]
        assert self.runner.run(self.outbox.retry(ids)) == len(dead)
        self.model |= dict.fromkeys(dead, ("pending", 0, self.now))

    @rule()
    def prune(self) -> None:
        delivered = [event_id for event_id, (state, _, _) in self.model.items() if state == "delivered"]
        assert self.runner.run(self.outbox.prune(self.now + 1)) == len(delivered)
        for event_id in delivered:
            del self.model[event_id]

    @rule(seconds=st.sampled_from([1, 10]))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def restart(self) -> None:
        self.runner.run(self.outbox.close())
        self.outbox = self.runner.run(Outbox.open(self.path, clock=lambda: self.now))

    @invariant()
    def same_as_model(self) -> None:
        listed = list_events(self.path)
        assert {event.event_id: (event.state, event.attempts, event.next_attempt_at) for event in listed} == self.model
        due = self.runner.run(self.outbox.due(self.now, 10))
        assert sorted(event.event_id for event in due) == sorted(self.due_ids())
        assert [self.model[event.event_id][2] for event in due] == sorted(self.model[key][2] for key in self.due_ids())
        pending = [due_at for state, _, due_at in self.model.values() if state == "pending"]
        assert self.runner.run(self.outbox.next_due()) == min(pending, default=None)


TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
