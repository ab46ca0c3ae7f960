"""The durable queue between matching and delivery: once `append` has returned, the events survive a power cut.

An SQLite file with one owner process, and in it one connection on one thread that does every write and checkpoint:
SQLite before 3.51.3 can corrupt a WAL database when two connections do. docs/durability.md is the contract.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeVar

import msgspec
from msgspec import Struct

from platewatch.errors import PlatewatchError

GROUP_SIZE: Final = 256
"""Operations that share one commit, and so one sync of the disk."""

SCHEMA_VERSION: Final = 1

APPLICATION_ID: Final = 0x706C7477  # "pltw": tells an outbox from any other SQLite file

State = Literal["pending", "delivered", "dead"]

T = TypeVar("T")

# queued_at is when the event last became pending: created_at, until an operator revives it. Times: see Outbox.
_SCHEMA: Final = (
    """
    CREATE TABLE events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        event_id TEXT NOT NULL UNIQUE,
        body BLOB NOT NULL,
        state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
        attempts INTEGER NOT NULL DEFAULT 0,
        created_at REAL NOT NULL,
        queued_at REAL NOT NULL,
        next_attempt_at REAL NOT NULL,
        delivered_at REAL,
        last_error TEXT
    )
    """,
    "CREATE INDEX events_by_schedule ON events (state, next_attempt_at)",
    "CREATE INDEX events_by_delivery ON events (delivered_at) WHERE state = 'delivered'",
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL)",
)

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


class OutboxError(PlatewatchError):
    """The outbox cannot be opened, written or read. What was being appended is not acknowledged."""


class OutboxLockedError(OutboxError):
    """Another process owns the outbox: `pid`, and the `url` it answers at, where it has made them known."""

    def __init__(self, path: Path, pid: int | None, url: str | None) -> None:
        self.pid = pid
        self.url = url
        owner = f"process {pid or 'unknown'}" + (f" at {url}" if url else "")
        super().__init__(f"{path} is in use by {owner}")


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


class _Owner(Struct, frozen=True):
    pid: int | None = None
    url: str | None = None


class Outbox:
    """The queue of notifications, owned by this process; open it with `Outbox.open`, call it from one event loop.

    Times are seconds since the epoch. Each method answers when its change is synced to disk, and raises OutboxError
    when that failed, RuntimeError when the outbox is closed. To cancel a caller does not cancel its change.
    """

    def __init__(
        self,
        writer: ThreadPoolExecutor,
        connection: sqlite3.Connection,
        lock: int,
        clock: Callable[[], float],
        hit_key: bytes,
    ) -> None:
        self.hit_key = hit_key
        """The key of this outbox's hit ids: 32 random bytes, made with the file."""
        self._writer = writer
        self._connection = connection
        self._lock = lock
        self._clock = clock
        self._queue: deque[tuple[Callable[[sqlite3.Connection], Any], Future[Any]]] = deque()
        self._closed = False

    @classmethod
    async def open(cls, path: str | Path, *, clock: Callable[[], float] = time.time) -> Self:
        """Open the file, or make it. Raises OutboxLockedError if another process owns it, OutboxError if unusable."""
        writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="outbox")
        try:
            opened = await asyncio.wrap_future(writer.submit(_open, Path(path)))
        except BaseException:
            writer.shutdown(wait=False)
            raise
        lock, connection, hit_key = opened
        return cls(writer, connection, lock, clock, hit_key)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def append(self, events: Sequence[tuple[str, bytes]]) -> int:
        """Queue (event id, body) pairs, all or none, due at once; returns how many ids were new.

        An id that the outbox holds already, in any state, is not queued again.
        """
        now = self._clock()
        rows = [(event_id, body, now) for event_id, body in events]
        return await self._run(lambda connection: connection.executemany(_APPEND, rows).rowcount)

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

    def publish(self, url: str) -> None:
        """Tell whoever finds the outbox locked where its owner answers."""
        _write_owner(self._lock, _Owner(pid=os.getpid(), url=url))

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

    async def _run(self, action: Callable[[sqlite3.Connection], T]) -> T:
        if self._closed:
            raise RuntimeError("the outbox is closed")
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()  # from here on a cancelled caller cannot take its change back
        self._queue.append((action, future))
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
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            answers = [self._attempt(action, future) for action, future in group]
            self._connection.execute("COMMIT")
        except Exception as error:
            for _, future in group:
                future.set_exception(error)
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        else:
            for answer in answers:
                answer()

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
        try:
            self._connection.close()
        finally:
            os.close(self._lock)


def list_events(path: str | Path, state: State | None = None, limit: int = 100) -> list[EventRecord]:
    """The newest events, with or without an owner at work. Raises OutboxError."""
    with _reader(path) as connection:
        return [EventRecord(*row) for row in connection.execute(_LIST, (state, limit))]


def export_events(path: str | Path, state: State | None = None) -> Iterator[bytes]:
    """The bodies, oldest first, each one JSON event: personal data. Raises OutboxError."""
    with _reader(path) as connection:
        for (body,) in connection.execute(_EXPORT, (state,)):
            yield body


@contextmanager
def _reader(path: str | Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(f"{Path(path).resolve().as_uri()}?mode=ro", uri=True)) as connection:
            _check_version(connection)
            yield connection
    except sqlite3.Error as error:
        raise OutboxError(f"cannot read {path}: {error}") from error


def _open(path: Path) -> tuple[int, sqlite3.Connection, bytes]:
    path = path.resolve()  # one lock, whatever link leads to the file
    try:
        lock = _take_lock(path)
        try:
            return lock, *_connect(path)
        except BaseException:
            os.close(lock)
            raise
    except (OSError, sqlite3.Error) as error:
        raise OutboxError(f"cannot open {path}: {error}") from error


def _take_lock(path: Path) -> int:
    # flock: the kernel lets go of it when the owner dies. The file stays, since to remove it would be a race.
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = _read_owner(lock)
        os.close(lock)
        raise OutboxLockedError(path, owner.pid, owner.url) from None
    _write_owner(lock, _Owner(pid=os.getpid()))
    return lock


def _read_owner(lock: int) -> _Owner:
    try:
        return msgspec.json.decode(os.pread(lock, 4096, 0), type=_Owner)
    except msgspec.DecodeError:
        return _Owner()  # caught in the middle of its writing


def _write_owner(lock: int, owner: _Owner) -> None:
    os.ftruncate(lock, os.pwrite(lock, msgspec.json.encode(owner), 0))


def _connect(path: Path) -> tuple[sqlite3.Connection, bytes]:
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        (tables,) = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        if tables:
            _check_version(connection)
        path.chmod(0o600)  # SQLite gives the -wal and -shm files the mode of the database
        if not tables:
            _create_schema(connection)
        (journal_mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if journal_mode != "wal":
            raise OutboxError(f"cannot open {path}: its file system does not support SQLite's WAL")
        connection.execute("PRAGMA synchronous = FULL")  # sync the log at every commit
        connection.execute("PRAGMA mmap_size = 0")  # an I/O error is an error, not a SIGBUS
        connection.execute("PRAGMA secure_delete = ON")  # a pruned event is overwritten, not only unlinked
        (hit_key,) = connection.execute("SELECT value FROM meta WHERE name = 'hit_key'").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection, hit_key


def _check_version(connection: sqlite3.Connection) -> None:
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    if application_id != APPLICATION_ID:
        raise OutboxError("the file is not an outbox")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise OutboxError(f"the outbox has schema version {version}, this platewatch knows up to {SCHEMA_VERSION}")


def _create_schema(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.execute("INSERT INTO meta (name, value) VALUES ('hit_key', ?)", (secrets.token_bytes(32),))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")
