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
from collections.abc import Callable, Collection, Iterable
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
    sync,
    write_owner,
)
from platewatch.notify.outbox_file import OutboxClosedError as OutboxClosedError
from platewatch.notify.outbox_file import OutboxError as OutboxError
from platewatch.notify.outbox_file import OutboxLockedError as OutboxLockedError
from platewatch.notify.outbox_file import OutboxLostError as OutboxLostError

GROUP_SIZE: Final = 256
"""Operations that share one commit, and so one sync of the disk."""

_LOOK_INTERVAL: Final = 0.4  # seconds between looks whether the file is still there
_TELL_INTERVAL: Final = 60.0  # seconds between two lines in the log that it is not

_log: Final = logging.getLogger(__name__)  # the command line, which has no structlog, uses this module, too

State = Literal["pending", "delivered", "dead", "cancelled"]
Kind = Literal["hit", "cancellation"]

T = TypeVar("T")

# Not INSERT OR IGNORE, which would drop an event without a word for any broken constraint, not only for a known id.
_APPEND: Final = """
    INSERT INTO events (event_id, route, kind, hitid, entry_id, urgent, body, created_at, queued_at, next_attempt_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?8)
    ON CONFLICT (event_id, route) DO NOTHING
"""
_DUE: Final = """
    SELECT seq, event_id, body, attempts, created_at, queued_at FROM events
    WHERE state = 'pending' AND route = ? AND urgent = ? AND next_attempt_at <= ?
        AND seq NOT IN (SELECT value FROM json_each(?))
    ORDER BY next_attempt_at, seq LIMIT ?
"""
_NEXT_DUE: Final = """
    SELECT next_attempt_at FROM events
    WHERE state = 'pending' AND route = ? AND urgent = ? AND seq NOT IN (SELECT value FROM json_each(?))
    ORDER BY next_attempt_at LIMIT 1
"""
_HASTEN: Final = """
    UPDATE events SET next_attempt_at = ?2 WHERE state = 'pending' AND route = ?1 AND next_attempt_at > ?2
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
    WHERE state = 'dead' AND body <> x'' AND (?2 IS NULL OR event_id IN (SELECT value FROM json_each(?2)))
"""
_RECENT_HITS: Final = """
    SELECT entry_id, body FROM (SELECT * FROM events ORDER BY seq DESC LIMIT 10000)
    WHERE kind = 'hit' AND created_at >= ? AND length(body) > 0
"""
_COUNTS: Final = "SELECT state, COUNT(*) FROM events GROUP BY state"
_COUNTS_BY_ROUTE: Final = """
    SELECT route, state, COUNT(*), MIN(created_at) FROM events WHERE state IN ('pending', 'dead') GROUP BY route, state
"""
_PRUNE: Final = """
    DELETE FROM events WHERE seq IN (
        SELECT seq FROM events WHERE state = 'delivered' AND delivered_at < ?1 AND (
            delivered_at < ?2 OR 'confirmed' IS NOT
            (SELECT outcome FROM outcomes WHERE outcomes.hitid = events.hitid ORDER BY outcomes.seq DESC LIMIT 1)
        )
        UNION ALL SELECT seq FROM events WHERE state = 'cancelled' AND queued_at < ?1
        LIMIT 1000
    )
"""
_TAKE_BACK: Final = """
    SELECT seq, event_id, route, hitid, entry_id, urgent, body, state, attempts FROM events
    WHERE kind = 'hit' AND body <> x'' AND state <> 'cancelled'
        AND (hitid IN (SELECT value FROM json_each(?1)) OR entry_id IN (SELECT value FROM json_each(?2)))
        AND (state <> 'delivered' OR delivered_at >= ?3)
        AND NOT EXISTS (
            SELECT 1 FROM events AS other
            WHERE other.hitid = events.hitid AND other.route = events.route AND other.kind = 'cancellation'
        )
    ORDER BY seq
"""
_CANCEL: Final = "UPDATE events SET state = 'cancelled', body = ?2, queued_at = ?3 WHERE seq = ?1"
_CANCELLED: Final = """
    SELECT route, entry_id, urgent, body FROM events WHERE seq = ? AND state = 'cancelled'
"""
_TALLY: Final = """
    INSERT INTO tallies (hour, category, agency, grade, count) VALUES (?, ?, ?, ?, 1)
    ON CONFLICT DO UPDATE SET count = count + 1
"""
_TALLY_ENTRY: Final = """
    INSERT INTO entry_tallies (entry_id, count, last_at) VALUES (?, 1, ?)
    ON CONFLICT DO UPDATE SET count = count + 1, last_at = excluded.last_at
"""
_PURGE: Final = "UPDATE events SET body = x'' WHERE kind = 'hit' AND state <> 'cancelled' AND hitid = ?"
_KEEP_READ: Final = """
    INSERT INTO hit_reads (hitid, entry_id, read) VALUES (?, ?, ?)
    ON CONFLICT (hitid) DO UPDATE SET read = excluded.read WHERE labelled_at IS NULL
"""
_PURGE_READ: Final = "DELETE FROM hit_reads WHERE hitid = ?"
_TAKE_BACK_READ: Final = "DELETE FROM hit_reads WHERE hitid = ? AND labelled_at IS NULL"
_PRUNE_READS: Final = """
    DELETE FROM hit_reads
    WHERE labelled_at IS NULL AND NOT EXISTS (SELECT 1 FROM events WHERE events.hitid = hit_reads.hitid)
"""

WASS: Final = "wass"
"""The route that everything takes, unless others are set."""


class Tally(NamedTuple):
    """What an event counts as in the statistics."""

    category: str
    agency: str
    grade: str


class NewEvent(NamedTuple):
    """An event to be queued, once for each of the routes that take it.

    `urgent` ones are delivered before all others of a route. A new one is counted by its `tally`. `read` is what it was
    read as, to be kept until an operator has said whether that was right, and for no longer than the event.
    """

    event_id: str
    body: bytes
    routes: tuple[str, ...] = (WASS,)
    entry_id: str = ""
    urgent: bool = False
    kind: Kind = "hit"
    tally: Tally | None = None
    read: bytes | None = None

    @property
    def hitid(self) -> str:
        """The hit that it tells of."""
        return self.event_id.partition(".")[0]


class PendingEvent(Struct, frozen=True):
    """An event to be delivered; `attempts` counts the failed ones."""

    seq: int
    event_id: str
    body: bytes
    attempts: int
    created_at: float
    queued_at: float


class Outbox:
    """The queue of notifications, owned by this process; open it with `Outbox.open`, call it from one event loop.

    Times are seconds since the epoch. Each method answers when its change is synced to disk, and raises OutboxError
    when that failed, OutboxClosedError when it is closed. To cancel a caller does not cancel its change.
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

    async def append(self, events: Iterable[NewEvent]) -> int:
        """Queue events, all or none, due at once; returns how many were new on some route.

        An event that the outbox holds already for a route, in any state, is not queued there again. Raises
        OutboxLostError, too.
        """
        now = self._clock()
        events = list(events)
        return await self._run(
            lambda connection: sum(_append(connection, event, now) for event in events), promises=True
        )

    async def due(
        self, now: float, limit: int, exclude: Collection[int] = (), *, route: str = WASS
    ) -> list[PendingEvent]:
        """At most `limit` events to be delivered now, urgent ones first, then the longest due, without the `exclude`d
        seqs.
        """
        excluded = json.dumps(list(exclude))

        def action(connection: sqlite3.Connection) -> list[PendingEvent]:
            found: list[PendingEvent] = []
            for urgent in (1, 0):
                rows = connection.execute(_DUE, (route, urgent, now, excluded, limit - len(found)))
                found += [PendingEvent(*row) for row in rows]
            return found

        return await self._run(action)

    async def next_due(self, exclude: Collection[int] = (), *, route: str = WASS) -> float | None:
        """When the next event is due, the `exclude`d seqs apart; None if nothing is pending."""
        excluded = json.dumps(list(exclude))

        def action(connection: sqlite3.Connection) -> float | None:
            times = [connection.execute(_NEXT_DUE, (route, urgent, excluded)).fetchone() for urgent in (1, 0)]
            return min((time for (time,) in filter(None, times)), default=None)

        return await self._run(action)

    async def hasten(self, route: str) -> int:
        """Make all that is pending on a route due now, as when its far end is back; returns how much was not."""
        return await self._change(_HASTEN, route, self._clock())

    async def cancel(
        self,
        withdraw: Callable[[bytes, int], NewEvent | None],
        *,
        hitids: Collection[str] = (),
        entry_ids: Collection[str] = (),
        since: float = 0.0,
    ) -> int:
        """Take back hits, by their ids or their entries', those delivered before `since` apart; returns how many.

        What waits is not sent; where it was, or may have been, the event goes out that `withdraw` makes of the hit's
        last body and the next sequence.
        """
        now = self._clock()
        return await self.write(
            lambda connection: take_back(connection, withdraw, now, hitids=hitids, entry_ids=entry_ids, since=since)
        )

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

    async def recent_hits(self, since: float) -> list[tuple[str, bytes]]:
        """(entry id, body) of the events that tell of hits and were queued since then, oldest first; of very many, the
        newest. Each as often as it has routes.
        """
        rows = await self._query(_RECENT_HITS, since)
        return [(entry_id, body) for entry_id, body in reversed(rows)]

    async def counts(self) -> dict[State, int]:
        """How many events are in each state."""
        counts: dict[State, int] = {"pending": 0, "delivered": 0, "dead": 0, "cancelled": 0}
        return counts | dict(await self._query(_COUNTS))

    async def backlog(self) -> dict[str, dict[str, tuple[int, float]]]:
        """By route and state, "pending" or "dead": how many events, and since when the oldest has been there."""
        found: dict[str, dict[str, tuple[int, float]]] = {}
        for route, state, count, oldest in await self._query(_COUNTS_BY_ROUTE):
            found.setdefault(route, {})[state] = count, oldest
        return found

    async def prune(self, before: float, confirmed_before: float | None = None) -> int:
        """Delete what was delivered or cancelled before this, confirmed hits if they were delivered before that, too;
        returns how many. In slices: no append waits long.
        """
        pruned = 0
        while deleted := await self._change(_PRUNE, before, before if confirmed_before is None else confirmed_before):
            pruned += deleted
        await self._change(_PRUNE_READS)
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

    async def write(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """What `action` returns, run in the next commit, and undone if it raises: for what is kept beside the queue."""
        return await self._run(action, promises=True)

    async def _settle(self, sql: str, seq: int, *parameters: object) -> None:
        now = self._clock()

        def action(connection: sqlite3.Connection) -> None:
            if not connection.execute(sql, (seq, *parameters)).rowcount:
                _follow_up(connection, seq, now)

        await self._run(action)

    async def _run(self, action: Callable[[sqlite3.Connection], T], *, promises: bool = False) -> T:
        """`promises`: whether the answer says that something new is safe in the file."""
        if self._closed:
            raise OutboxClosedError("the outbox is closed")
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


def _rows(event: NewEvent, now: float) -> list[tuple[object, ...]]:
    return [
        (event.event_id, route, event.kind, event.hitid, event.entry_id, event.urgent, event.body, now)
        for route in event.routes
    ]


def _append(connection: sqlite3.Connection, event: NewEvent, now: float) -> bool:
    """Whether it was new on some route."""
    is_new = connection.executemany(_APPEND, _rows(event, now)).rowcount > 0
    if is_new and event.tally is not None:
        connection.execute(_TALLY, (int(now // 3600), *event.tally))
        connection.execute(_TALLY_ENTRY, (event.entry_id, now))
    if is_new and event.read is not None:
        connection.execute(_KEEP_READ, (event.hitid, event.entry_id, event.read))
    return is_new


def purge(connection: sqlite3.Connection, hitid: str) -> None:
    """Delete what the events of a hit say, and leave their ids, so that repeats are recognised; as part of a write."""
    connection.execute(_PURGE, (hitid,))
    connection.execute(_PURGE_READ, (hitid,))


def take_back(
    connection: sqlite3.Connection,
    withdraw: Callable[[bytes, int], NewEvent | None],
    now: float,
    *,
    hitids: Collection[str] = (),
    entry_ids: Collection[str] = (),
    since: float = 0.0,
) -> int:
    """What `Outbox.cancel` does, as part of a write."""
    parameters = json.dumps(list(hitids)), json.dumps(list(entry_ids)), since
    by_hit: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for row in connection.execute(_TAKE_BACK, parameters).fetchall():
        by_hit.setdefault((row[2], row[3]), []).append(row)
    taken = set()
    for (route, hitid), rows in by_hit.items():
        _, event_id, *_, body, _, _ = rows[-1]
        event = withdraw(body, int(event_id.rpartition(".")[2]) + 1)
        if event is None:
            continue
        event = event._replace(routes=(route,), entry_id=rows[-1][4], urgent=bool(rows[-1][5]), kind="cancellation")
        taken.add(hitid)
        for seq, *_, state, _ in rows:
            if state == "pending":
                connection.execute(_CANCEL, (seq, event.body, now))
        if any(state == "delivered" or attempts for *_, state, attempts in rows):
            connection.executemany(_APPEND, _rows(event, now))
    connection.executemany(_TAKE_BACK_READ, [(hitid,) for hitid in taken])
    return len(taken)


def _follow_up(connection: sqlite3.Connection, seq: int, now: float) -> None:
    """An event was cancelled while it was being sent, and may have arrived: now it has to be taken back."""
    row = connection.execute(_CANCELLED, (seq,)).fetchone()
    if row is None:
        raise ValueError(f"event {seq} is not pending")
    route, entry_id, urgent, body = row
    event = NewEvent(json.loads(body)["id"], body, (route,), entry_id, bool(urgent), "cancellation")
    connection.executemany(_APPEND, _rows(event, now))


class _Operation(NamedTuple):
    action: Callable[[sqlite3.Connection], Any]
    future: Future[Any]
    promises: bool
