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
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from platewatch.notify.outbox import (
    NewEvent,
    Outbox,
    OutboxClosedError,
    OutboxError,
    OutboxLockedError,
    State,
)
from platewatch.notify.outbox_file import APPLICATION_ID, SCHEMA_VERSION
from platewatch.notify.outbox_reader import list_events
from tests.patience import PATIENCE

from .support import NOW, counts, message, messages, open_files, with_outbox


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

    with_outbox(test, path)


def test_a_repeated_id_is_queued_once(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        first, second, third = messages(3)
        assert await outbox.append([first, second, first]) == 2
        assert await outbox.append([second, third]) == 1
        assert await outbox.append([]) == 0
        await outbox.delivered(1, NOW)
        assert await outbox.append([first]) == 0
        assert await outbox.counts() == counts(pending=2, delivered=1)

    with_outbox(test, path)


def test_500_concurrent_appends_share_few_commits(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        statements: list[str] = []
        await outbox._run(lambda connection: connection.set_trace_callback(statements.append))
        async with one_group(outbox):
            appends = [asyncio.create_task(outbox.append([event])) for event in messages(500)]
        assert await asyncio.gather(*appends) == [1] * 500
        assert statements.count("COMMIT") <= 4  # the tracing itself, the blocker, 256 and 244
        assert [event.event_id for event in await outbox.due(NOW, 500)] == [event_id for event_id, *_ in messages(500)]

    with_outbox(test, path)


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

    with_outbox(test, path)


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

    with_outbox(test, path)
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

    with_outbox(test, path)


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

    with_outbox(test, path)
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

    with_outbox(test, path)
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

    with_outbox(test, path)


def test_a_settled_event_cannot_be_settled_again(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        await outbox.append(messages(1))
        await outbox.delivered(1, NOW)
        for settle in (outbox.delivered(1, NOW), outbox.failed(1, "timeout", NOW), outbox.dead(1, "timeout")):
            with pytest.raises(ValueError, match="event 1 is not pending"):
                await settle
        assert (await outbox.counts())["delivered"] == 1

    with_outbox(test, path)


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
        with_outbox(test, path)
    assert len(acknowledged) >= 144


def test_every_commit_is_synced_to_the_log(path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        assert await outbox._query("PRAGMA journal_mode") == [("wal",)]
        assert await outbox._query("PRAGMA synchronous") == [(2,)]  # FULL
        assert await outbox._query("PRAGMA mmap_size") in ([], [(0,)])  # no row where it was compiled out

    with_outbox(test, path)


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

    with_outbox(test, path)
    with_outbox(test, path)  # and a new owner does not answer at the old one's URL


def test_a_link_to_the_file_is_the_same_file(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(path)

    async def test(_: Outbox) -> None:
        with pytest.raises(OutboxLockedError):
            await Outbox.open(link)

    with_outbox(test, path)


def test_an_owner_caught_while_writing_its_name_is_unknown(path: Path) -> None:
    async def test(_: Outbox) -> None:
        Path(f"{path}.lock").write_bytes(b'{"pid":')  # noqa: ASYNC240
        with pytest.raises(OutboxLockedError, match="process unknown") as caught:
            await Outbox.open(path)
        assert caught.value.pid is None

    with_outbox(test, path)


def test_a_failed_open_lets_go_of_everything(path: Path) -> None:
    path.write_bytes(b"this is no database" * 100)
    before = open_files()
    with pytest.raises(OutboxError, match="not a database"):
        asyncio.run(Outbox.open(path))
    assert open_files() == before
    path.unlink()

    async def test(outbox: Outbox) -> None:
        assert await outbox.append(messages(1)) == 1

    with_outbox(test, path)


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

        with_outbox(test, path)
    finally:
        os.umask(previous)


def test_the_hit_key_stays_with_the_file(path: Path, tmp_path: Path) -> None:
    keys: list[bytes] = []

    async def test(outbox: Outbox) -> None:
        keys.append(outbox.hit_key)

    for file in (path, path, tmp_path / "other.db"):
        with_outbox(test, file)
    assert len(keys[0]) == 32
    assert keys[0] == keys[1] != keys[2]


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
