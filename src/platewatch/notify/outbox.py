"""The durable queue between matching and delivery: once `append` has returned, the events survive a power cut.

An SQLite file with one owner process, and in it one connection on one thread that does every write and checkpoint:
SQLite before 3.51.3 can corrupt a WAL database when two connections do. docs/durability.md is the contract.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sqlite3
import sys
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Self, TypeVar

from msgspec import Struct

from platewatch.notify.outbox_file import (
    SAVED,
    Opened,
    Owner,
    open_file,
    open_to_read,
    sync,
    write_owner,
)
from platewatch.notify.outbox_file import OutboxError as OutboxError
from platewatch.notify.outbox_file import OutboxLockedError as OutboxLockedError
from platewatch.notify.outbox_file import OutboxLostError as OutboxLostError

GROUP_SIZE: Final = 256
"""Operations that share one commit, and so one sync of the disk."""

_LOOK_INTERVAL: Final = 0.4  # seconds between looks whether the file is still there
_TELL_INTERVAL: Final = 60.0  # seconds between two lines in the log that it is not

_log: Final = logging.getLogger(__name__)  # the command line, which has no structlog, uses this module, too

State = Literal["pending", "delivered", "dead"]

T = TypeVar("T")

# Not INSERT OR IGNORE, which would drop an event without a word for any broken constraint, not only for a known id.
_APPEND: Final = """
    INSERT INTO events (event_id, body, created_at, queued_at, next_attempt_at) VALUES (?1, ?2, ?3, ?3, ?3)
    ON CONFLICT (event_id) DO NOTHING
"""
_DUE: Final = """
    SELECT seq, event_id, body, attempts, created_at, queued_at FROM events
    WHERE state = 'pending' AND next_attempt_at <= ? AND seq NOT IN (SELECT value FROM json_each(?))
    ORDER BY next_attempt_at, seq LIMIT ?
"""
_NEXT_DUE: Final = """
    SELECT next_attempt_at FROM events
    WHERE state = 'pending' AND seq NOT IN (SELECT value FROM json_each(?))
    ORDER BY next_attempt_at LIMIT 1
"""
_DELIVERED: Final = """
    UPDATE events SET state = 'delivered', attempts = attempts + 1, delivered_at = ?2
    WHERE seq = ?1 AND state = 'pending'
"""
_FAILED: Final = """
    UPDATE events SET attempts = attempts + 1, last_error = ?2, next_attempt_at = ?3
    WHERE seq = ?1 AND state = 'pending'
"""
_DEAD: Final = """
    UPDATE events SET state = 'dead', attempts = attempts + 1, last_error = ?2
    WHERE seq = ?1 AND state = 'pending'
"""
_RETRY: Final = """
    UPDATE events SET state = 'pending', attempts = 0, queued_at = ?1, next_attempt_at = ?1
    WHERE state = 'dead' AND (?2 IS NULL OR event_id IN (SELECT value FROM json_each(?2)))
"""
_COUNTS: Final = "SELECT state, COUNT(*) FROM events GROUP BY state"
_PRUNE: Final = """
    DELETE FROM events WHERE seq IN (
        SELECT seq FROM events WHERE state = 'delivered' AND delivered_at < ? LIMIT 1000
    )
"""
_LIST: Final = """
    SELECT seq, event_id, state, attempts, created_at, next_attempt_at, delivered_at, last_error FROM events
    WHERE ?1 IS NULL OR state = ?1 ORDER BY seq DESC LIMIT ?2
"""
_EXPORT: Final = "SELECT body FROM events WHERE ?1 IS NULL OR state = ?1 ORDER BY seq"


class PendingEvent(Struct, frozen=True):
    """An event to be delivered; `attempts` counts the failed ones."""

    seq: int
    event_id: str
    body: bytes
    attempts: int
    created_at: float
    queued_at: float


class EventRecord(Struct, frozen=True):
    """What an operator sees of an event: everything but its body."""

    seq: int
    event_id: str
    state: State
    attempts: int
    created_at: float
    next_attempt_at: float
    delivered_at: float | None
    last_error: str | None


class Outbox:
    """The queue of notifications, owned by this process; open it with `Outbox.open`, call it from one event loop.

    Times are seconds since the epoch. Each method answers when its change is synced to disk, and raises OutboxError
    when that failed, RuntimeError when the outbox is closed. To cancel a caller does not cancel its change.
    """

    def __init__(self, writer: ThreadPoolExecutor, opened: Opened, clock: Callable[[], float]) -> None:
        self.hit_key = opened.hit_key
        """The key of this outbox's hit ids: 32 random bytes, made with the file."""
        self.lost: OutboxLostError | None = None
        """Why no event can be queued any more, until a new process opens the outbox; None while all is well."""
        self._writer = writer
        self._opened = opened
        self._connection = opened.connection
        self._clock = clock
        self._queue: deque[_Operation] = deque()
        self._closed = False
        self._usable = True

    @classmethod
    async def open(
        cls,
        path: str | Path,
        *,
        clock: Callable[[], float] = time.time,
        anew: bool = False,
        copy: Path | None = None,
    ) -> Self:
        """Open the file, or make it; in place of one that is gone only if it is to be begun `anew`, with the `copy`
        of an outbox if there is one, which is moved there.

        Raises OutboxLockedError if another process owns it, OutboxError if it is unusable, gone, or not gone.
        """
        writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="outbox")
        try:
            opened = await asyncio.wrap_future(writer.submit(open_file, Path(path), anew, copy))
        except BaseException:
            writer.shutdown(wait=False)
            raise
        return cls(writer, opened, clock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def append(self, events: Sequence[tuple[str, bytes]]) -> int:
        """Queue (event id, body) pairs, all or none, due at once; returns how many ids were new.

        An id that the outbox holds already, in any state, is not queued again. Raises OutboxLostError, too.
        """
        now = self._clock()
        rows = [(event_id, body, now) for event_id, body in events]
        return await self._run(lambda connection: connection.executemany(_APPEND, rows).rowcount, promises=True)

    async def due(self, now: float, limit: int, exclude: Collection[int] = ()) -> list[PendingEvent]:
        """At most `limit` events to be delivered now, the longest due first, without the `exclude`d seqs."""
        return [PendingEvent(*row) for row in await self._query(_DUE, now, json.dumps(list(exclude)), limit)]

    async def next_due(self, exclude: Collection[int] = ()) -> float | None:
        """When the next event is due, the `exclude`d seqs apart; None if nothing is pending."""
        rows = await self._query(_NEXT_DUE, json.dumps(list(exclude)))
        return rows[0][0] if rows else None

    async def delivered(self, seq: int, at: float) -> None:
        """The far end has acknowledged the event."""
        await self._settle(_DELIVERED, seq, at)

    async def failed(self, seq: int, error: str, next_attempt_at: float) -> None:
        """An attempt failed; `error` is its class ("timeout"), never what the event or the answer said."""
        await self._settle(_FAILED, seq, error, next_attempt_at)

    async def dead(self, seq: int, error: str) -> None:
        """The last attempt failed: the event stays, as a dead letter, until an operator retries it."""
        await self._settle(_DEAD, seq, error)

    async def retry(self, event_ids: Collection[str] | None = None) -> int:
        """Queue these dead letters again, or all of them, as if they were new; returns how many there were."""
        now = self._clock()
        return await self._change(_RETRY, now, None if event_ids is None else json.dumps(list(event_ids)))

    async def counts(self) -> dict[State, int]:
        """How many events are in each state."""
        counts: dict[State, int] = {"pending": 0, "delivered": 0, "dead": 0}
        return counts | dict(await self._query(_COUNTS))

    async def prune(self, before: float) -> int:
        """Delete what was delivered before this time; returns how many. In slices, so that no append waits long."""
        pruned = 0
        while deleted := await self._change(_PRUNE, before):
            pruned += deleted
        return pruned

    async def watch(self) -> None:
        """Notice within a second that the file is gone or another, and say so in the log; until cancelled."""
        next_telling = 0.0
        while True:
            await asyncio.sleep(_LOOK_INTERVAL)
            if self.lost is None:
                await asyncio.wrap_future(self._writer.submit(self._look))
                next_telling = time.monotonic() + _TELL_INTERVAL
            elif time.monotonic() >= next_telling:
                next_telling = time.monotonic() + _TELL_INTERVAL
                _log.error("no read is accepted: %s", self.lost.reason)

    def publish(self, url: str) -> None:
        """Tell whoever finds the outbox locked where its owner answers."""
        write_owner(self._opened.lock, Owner(pid=os.getpid(), url=url, queue=True))

    async def close(self) -> None:
        """Commit all that was called before, then let go of the file. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        closed = self._writer.submit(self._close)
        self._writer.shutdown(wait=False)
        await asyncio.shield(asyncio.wrap_future(closed))

    async def _query(self, sql: str, *parameters: object) -> list[Any]:
        return await self._run(lambda connection: connection.execute(sql, parameters).fetchall())

    async def _change(self, sql: str, *parameters: object) -> int:
        return await self._run(lambda connection: connection.execute(sql, parameters).rowcount)

    async def _settle(self, sql: str, seq: int, *parameters: object) -> None:
        if not await self._change(sql, seq, *parameters):
            raise ValueError(f"event {seq} is not pending")

    async def _run(self, action: Callable[[sqlite3.Connection], T], *, promises: bool = False) -> T:
        """`promises`: whether the answer says that something new is safe in the file."""
        if self._closed:
            raise RuntimeError("the outbox is closed")
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()  # from here on a cancelled caller cannot take its change back
        self._queue.append(_Operation(action, future, promises))
        self._writer.submit(self._commit_group)
        try:
            return await asyncio.wrap_future(future)
        except sqlite3.Error as error:
            raise OutboxError(f"the outbox failed: {error}") from error

    # What follows runs on the writer thread.

    def _commit_group(self) -> None:
        """Run what is queued in one transaction; the callers hear of it when it is committed."""
        group = [self._queue.popleft() for _ in range(min(len(self._queue), GROUP_SIZE))]
        if not group:
            return  # an earlier group took it along
        self._look()
        group = [operation for operation in group if self._may_run(operation)]
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            answers = [self._attempt(operation.action, operation.future) for operation in group]
            self._connection.execute("COMMIT")
        except Exception as error:
            for operation in group:
                operation.future.set_exception(error)
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._look(written=True)
        else:
            # What we wrote ourselves is no surprise, but it must be where the next start will look for it.
            self._look(written=True)
            for operation, answer in zip(group, answers, strict=True):
                if self._may_run(operation):
                    answer()

    def _may_run(self, operation: _Operation) -> bool:
        """Whether it may still be run, or answered; if not, its caller is told.

        What is pending in a file that has lost its name can still be delivered, but nothing new is safe there.
        """
        if self.lost is None or (self._usable and not operation.promises):
            return True
        operation.future.set_exception(self.lost)
        return False

    def _look(self, *, written: bool = False) -> None:
        """See whether the files are as we left them, but for what was `written` just now."""
        if self.lost is not None:
            return
        loss = self._opened.files.check(written=written)
        if loss is None:
            return
        self._usable = loss.orphaned
        path = self._opened.files.path
        hint = f"stop the service, put the file back or say `platewatch outbox new {path}`, and start the service"
        saved = self._save() if loss.orphaned else None
        if saved is not None:
            hint = (
                f"what it held is saved: stop the service, say `platewatch outbox new {path} --from {saved}`,"
                " and start the service"
            )
        self.lost = OutboxLostError(f"the outbox is lost: {loss.reason}; {hint}")
        _log.critical("no read is accepted: %s", self.lost.reason)

    def _save(self) -> Path | None:
        """A whole copy of a file that has lost its name, beside where it was; None if it cannot be made."""
        path = self._opened.files.path
        copy = path.with_name(f"{path.name}{SAVED}{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
        try:
            copy.touch(mode=0o600)
            self._connection.execute("VACUUM INTO ?", (str(copy),))
            sync(copy)
            sync(copy.parent)
        except (OSError, sqlite3.Error) as error:
            _log.critical("the outbox is lost, and cannot be saved: %s", error)
            return None
        return copy

    def _attempt(self, action: Callable[[sqlite3.Connection], T], future: Future[T]) -> Callable[[], None]:
        """Run one operation of a group, undone by itself if it fails; returns its answer, to be given after commit."""
        self._connection.execute("SAVEPOINT operation")
        answer: Callable[[], None]
        try:
            answer = partial(future.set_result, action(self._connection))
        except Exception as error:
            if not self._connection.in_transaction:
                raise  # SQLite has undone the whole group, as it does when the disk is full: all have failed
            self._connection.execute("ROLLBACK TO operation")
            answer = partial(future.set_exception, error)
        self._connection.execute("RELEASE operation")
        return answer

    def _close(self) -> None:
        if not self._usable and sys.version_info >= (3, 12):
            # What is in -wal is not of the file that lies there now.
            self._connection.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE)
        self._opened.close()


class _Operation(NamedTuple):
    action: Callable[[sqlite3.Connection], Any]
    future: Future[Any]
    promises: bool


def list_events(path: str | Path, state: State | None = None, limit: int = 100) -> list[EventRecord]:
    """The newest events, with or without an owner at work. Raises OutboxError."""
    with open_to_read(path) as connection:
        return [EventRecord(*row) for row in connection.execute(_LIST, (state, limit))]


def export_events(path: str | Path, state: State | None = None) -> Iterator[bytes]:
    """The bodies, oldest first, each one JSON event: personal data. Raises OutboxError."""
    with open_to_read(path) as connection:
        for (body,) in connection.execute(_EXPORT, (state,)):
            yield body
