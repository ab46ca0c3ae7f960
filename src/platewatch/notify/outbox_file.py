"""The outbox's file: whose it is, whether it is still the one that was opened, and what is in it.

One process owns it, by a lock file, by its name in the kernel, and by the file itself, however its path is spelt.
docs/durability.md is the contract.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import hashlib
import logging
import os
import secrets
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from platewatch.errors import PlatewatchError

SCHEMA_VERSION: Final = 3

APPLICATION_ID: Final = 0x706C7477  # "pltw": tells an outbox from any other SQLite file

SAVED: Final = ".saved-"  # in the names of copies of an outbox that is lost

_log: Final = logging.getLogger(__name__)  # the command line, which has no structlog, uses this module, too

# An event is queued once for each route that takes it. queued_at is when it last became pending: created_at, until an
# operator revives it. The body of a cancelled one is the event that takes it back, in case it was being sent. A kind is
# what the event says: there is a hit, or there is none after all. Times: see Outbox.
_EVENTS: Final = (
    """
    CREATE TABLE events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        event_id TEXT NOT NULL,
        route TEXT NOT NULL,
        kind TEXT NOT NULL DEFAULT 'hit' CHECK (kind IN ('hit', 'cancellation')),
        hitid TEXT NOT NULL,
        entry_id TEXT NOT NULL DEFAULT '',
        urgent INTEGER NOT NULL DEFAULT 0,
        body BLOB NOT NULL,
        state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead', 'cancelled')),
        attempts INTEGER NOT NULL DEFAULT 0,
        created_at REAL NOT NULL,
        queued_at REAL NOT NULL,
        next_attempt_at REAL NOT NULL,
        delivered_at REAL,
        last_error TEXT,
        UNIQUE (event_id, route)
    )
    """,
    "CREATE INDEX events_by_schedule ON events (route, urgent, next_attempt_at) WHERE state = 'pending'",
    "CREATE INDEX events_by_delivery ON events (delivered_at) WHERE state = 'delivered'",
    "CREATE INDEX events_by_state ON events (state)",
    "CREATE INDEX events_by_hit ON events (hitid)",
    "CREATE INDEX events_by_entry ON events (entry_id)",
    "CREATE INDEX events_by_creation ON events (created_at)",
)
# What operators and far ends have said of hits. No plate: of a hit that was rejected, the payload is deleted, and of
# what not to tell again there is but a keyed hash.
_ANSWERS: Final = (
    "CREATE TABLE seen (hitid TEXT PRIMARY KEY, by TEXT NOT NULL, at REAL NOT NULL)",
    """
    CREATE TABLE outcomes (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        hitid TEXT NOT NULL,
        outcome TEXT NOT NULL,
        by TEXT NOT NULL,
        reason TEXT NOT NULL,
        at REAL NOT NULL,
        entry_id TEXT NOT NULL,
        agency TEXT NOT NULL,
        category TEXT NOT NULL,
        camera_id TEXT NOT NULL,
        grade TEXT NOT NULL,
        probability REAL NOT NULL,
        edits INTEGER NOT NULL
    )
    """,
    "CREATE INDEX outcomes_by_hit ON outcomes (hitid)",
    # How many events were queued in which hour since the epoch: it outlives them.
    """
    CREATE TABLE tallies (
        hour INTEGER NOT NULL,
        category TEXT NOT NULL,
        agency TEXT NOT NULL,
        grade TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (hour, category, agency, grade)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE suppressions (
        hash BLOB PRIMARY KEY,
        hitid TEXT NOT NULL,
        entry_id TEXT NOT NULL,
        made_at REAL NOT NULL,
        expires_at REAL,
        count INTEGER NOT NULL DEFAULT 0
    )
    """,
)
# How many hits there were of an entry that is listed: it outlives them, for who wants to know which have none.
_ENTRY_TALLIES: Final = """
    CREATE TABLE entry_tallies (entry_id TEXT PRIMARY KEY, count INTEGER NOT NULL, last_at REAL NOT NULL) WITHOUT ROWID
"""
# The reads that hits tell of, where the city keeps labels: with a truth once an operator has confirmed the hit, and
# without one for as long as the hit itself is kept.
_LABELS: Final = (
    """
    CREATE TABLE hit_reads (
        hitid TEXT PRIMARY KEY,
        entry_id TEXT NOT NULL,
        read BLOB NOT NULL,
        truth TEXT,
        labelled_at REAL
    )
    """,
)
_SCHEMA: Final = (
    *_EVENTS,
    *_ANSWERS,
    *_LABELS,
    _ENTRY_TALLIES,
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL)",
)

_TO_VERSION_2: Final = (
    "DROP INDEX events_by_schedule",
    "DROP INDEX events_by_delivery",
    "ALTER TABLE events RENAME TO events_1",
    *_EVENTS,
    """
    INSERT INTO events (seq, event_id, route, hitid, entry_id, body, state, attempts, created_at, queued_at,
        next_attempt_at, delivered_at, last_error)
    SELECT seq, event_id, 'wass', substr(event_id, 1, instr(event_id || '.', '.') - 1),
        CASE WHEN json_valid(CAST(body AS TEXT)) THEN coalesce(json_extract(CAST(body AS TEXT), '$.data.entry_id'), '')
        ELSE '' END, body, state, attempts, created_at, queued_at,
        next_attempt_at, delivered_at, last_error
    FROM events_1
    """,
    "DROP TABLE events_1",
    *_ANSWERS,
)
_TO_VERSION_3: Final = (
    *_LABELS,
    _ENTRY_TALLIES,
    """
    INSERT INTO entry_tallies SELECT entry_id, COUNT(DISTINCT hitid), MAX(created_at) FROM events
    WHERE kind = 'hit' AND entry_id <> '' GROUP BY entry_id
    """,
)
_UPGRADES: Final = {1: _TO_VERSION_2, 2: _TO_VERSION_3}  # by the version that they start from


class OutboxError(PlatewatchError):
    """The outbox cannot be opened, written or read. What was being appended is not acknowledged."""


class OutboxLockedError(OutboxError):
    """Another process owns the outbox: `pid`, and the `url` it answers at, where it has made them known."""

    def __init__(self, path: Path, pid: int | None, url: str | None) -> None:
        self.pid = pid
        self.url = url
        owner = f"process {pid or 'unknown'}" + (f" at {url}" if url else "")
        super().__init__(f"{path} is in use by {owner}")


class OutboxLostError(OutboxError):
    """The file that was opened is not where it was, or not as it was: what is written to it would be lost with it."""


class OutboxClosedError(RuntimeError):
    """Who closed the outbox is ending; to go on with it would be a defect."""


class Owner(Struct, frozen=True):
    """What the lock file says. `pid` stays if the owner dies; `queue`: whether there was one beside the lock, which
    earlier versions do not say.
    """

    pid: int | None = None
    url: str | None = None
    queue: bool | None = None


class Loss(NamedTuple):
    reason: str
    orphaned: bool  # whether the file that is open is nobody else's, though it has lost its name


class Files:
    """The files of an open database as this process has last left them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known = {suffix: Path(f"{path}{suffix}").stat() for suffix in ("", "-wal", "-shm")}

    def check(self, *, written: bool) -> Loss | None:
        """What has become of them, but for what was `written` by us just now; None if nothing has."""
        found = {}
        for suffix, was in self._known.items():
            name = f"{self.path}{suffix}"
            try:
                now = os.stat(name)  # noqa: PTH116 - several times a commit, and Path takes longer
            except FileNotFoundError:
                return Loss(f"{name} was deleted or moved", orphaned=True)
            except OSError as error:
                return Loss(f"{name} cannot be looked at: {error.strerror}", orphaned=True)
            if (now.st_dev, now.st_ino) != (was.st_dev, was.st_ino):
                return Loss(f"{name} was replaced by another file", orphaned=True)
            # SQLite shortens neither while it is open.
            if suffix != "-shm" and now.st_size < was.st_size:
                return Loss(f"{name} was truncated", orphaned=False)
            if not suffix and not written and now.st_mtime_ns != was.st_mtime_ns:
                return Loss(f"{name} was written by another process", orphaned=False)
            found[suffix] = now
        self._known = found
        return None


class Opened(NamedTuple):
    connection: sqlite3.Connection
    hit_key: bytes
    files: Files
    lock: int
    locks: ExitStack

    def close(self) -> None:
        with self.locks:
            self.connection.close()
            write_owner(self.lock, Owner(queue=True))


@contextmanager
def open_to_read(path: str | Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(f"{Path(path).resolve().as_uri()}?mode=ro", uri=True)) as connection:
            if _check_version(connection) < SCHEMA_VERSION:
                raise OutboxError(
                    f"{path} was left by an earlier platewatch: start the service once to bring it up to date"
                )
            yield connection
    except sqlite3.Error as error:
        raise OutboxError(f"cannot read {path}: {error}") from error


def open_file(path: Path, anew: bool, copy: Path | None) -> Opened:
    path = path.resolve()  # one lock, whatever link leads to the file
    try:
        with ExitStack() as locks:
            lock, before = _take_lock(path, locks)
            try:
                connection, hit_key, files = _take_database(path, _read_owner(before), locks, anew, copy)
            except BaseException:
                os.ftruncate(lock, os.pwrite(lock, before, 0))
                raise
            write_owner(lock, Owner(pid=os.getpid(), queue=True))
            return Opened(connection, hit_key, files, lock, locks.pop_all())
    except (OSError, sqlite3.Error) as error:
        raise OutboxError(f"cannot open {path}: {error}") from error


def _take_lock(path: Path, locks: ExitStack) -> tuple[int, bytes]:
    """The lock file's descriptor and what it said before; all that is taken goes to `locks`."""
    # flock: the kernel lets go of it when the owner dies. The file stays, since to remove it would be a race.
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    locks.callback(os.close, lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = _read_owner(os.pread(lock, 4096, 0))
        raise OutboxLockedError(path, owner.pid, owner.url) from None
    # The lock file may be deleted while its owner is at work: so the name is taken, too, in the kernel alone, ...
    folder = path.parent.stat()
    name = f"{folder.st_dev} {folder.st_ino} {hashlib.sha256(os.fsencode(path.name)).hexdigest()[:32]}"
    taken = locks.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    try:
        taken.bind(f"\0platewatch {name}".encode())
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise OutboxLockedError(path, None, None) from None
    before = os.pread(lock, 4096, 0)
    write_owner(lock, msgspec.structs.replace(_read_owner(before), pid=os.getpid(), url=None))
    return lock, before


def _take_database(
    path: Path, before: Owner, locks: ExitStack, anew: bool, copy: Path | None
) -> tuple[sqlite3.Connection, bytes, Files]:
    may_begin = anew or before.queue is False
    if anew:
        _put_aside(path, copy)
    elif not _size(path) and (not may_begin or _is_told_of(path)):
        raise _gone(path)
    elif before.pid is not None and before.queue and not Path(f"{path}-wal").exists():
        _log.error(
            "the last service to use %s did not end by itself, and its -wal is missing: unless SQLite's own tools were"
            " used on it, hits are lost",
            path,
        )
    _take_file(path, locks)
    return _connect(path, may_begin=may_begin)


def _is_told_of(path: Path) -> bool:
    """Whether files beside it hold what an outbox held."""
    saved = path.parent.glob(f"{glob.escape(path.name)}{SAVED}*")
    return bool(_size(f"{path}-wal")) or any(True for _ in saved)


def _take_file(path: Path, locks: ExitStack) -> None:
    # ... and the file itself, as it may have several names. SQLite's locks are of another kind (POSIX), and to close
    # this descriptor would drop them: it is closed last.
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    locks.callback(os.close, file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OutboxLockedError(path, None, None) from None
    if (names := os.fstat(file).st_nlink) > 1:
        raise OutboxError(f"{path} has {names} names (hard links), each with a -wal of its own: leave it one")


def _size(path: str | Path) -> int:
    try:
        return Path(path).stat().st_size
    except FileNotFoundError:
        return 0


def _gone(path: Path) -> OutboxError:
    what = "is missing" if not path.exists() else "holds no queue" if _size(path) else "is empty"
    return OutboxError(
        f"{path} {what}, but the files beside it tell of one, and what waited there would be lost: put the file back"
        f" (with its -wal, if that is elsewhere, too), or begin anew by `platewatch outbox new {path}`"
    )


def _put_aside(path: Path, copy: Path | None) -> None:
    """What is left of a queue that is gone, so that it is neither used nor lost; and put the copy into its place."""
    if _size(path):
        raise OutboxError(f"{path} is there, and not empty: to begin anew all the same, first move it elsewhere")
    if copy is not None:
        with open_to_read(copy):
            pass  # it is an outbox
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    for suffix in ("", "-wal", "-shm"):
        left = Path(f"{path}{suffix}")
        if left.exists():
            left.rename(f"{left}.left-{now}")
    if copy is not None:
        copy.rename(path)


def _read_owner(text: bytes) -> Owner:
    if not text.strip():
        return Owner(queue=False)  # it has just been made
    try:
        return msgspec.json.decode(text, type=Owner)
    except msgspec.DecodeError:
        return Owner()  # caught in the middle of its writing


def write_owner(lock: int, owner: Owner) -> None:
    os.ftruncate(lock, os.pwrite(lock, msgspec.json.encode(owner), 0))


def _connect(path: Path, *, may_begin: bool) -> tuple[sqlite3.Connection, bytes, Files]:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        (tables,) = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        if not tables and not may_begin:
            raise _gone(path)
        path.chmod(0o600)  # SQLite gives the -wal and -shm files the mode of the database
        if not tables:
            _create_schema(connection)
        else:
            _upgrade(connection)
        (journal_mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if journal_mode != "wal":
            raise OutboxError(f"cannot open {path}: its file system does not support SQLite's WAL")
        connection.execute("PRAGMA synchronous = FULL")  # sync the log at every commit
        connection.execute("PRAGMA mmap_size = 0")  # an I/O error is an error, not a SIGBUS
        connection.execute("PRAGMA secure_delete = ON")  # a pruned event is overwritten, not only unlinked
        (hit_key,) = connection.execute("SELECT value FROM meta WHERE name = 'hit_key'").fetchone()
        sync(path.parent)  # so that what -wal holds has a name after a power cut
        return connection, hit_key, Files(path)
    except BaseException:
        connection.close()
        raise


def sync(path: Path) -> None:
    """A file, or the names in a folder."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _check_version(connection: sqlite3.Connection) -> int:
    version: int
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    if application_id != APPLICATION_ID:
        raise OutboxError("the file is not an outbox")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise OutboxError(f"the outbox has schema version {version}, this platewatch knows up to {SCHEMA_VERSION}")
    return version


def _upgrade(connection: sqlite3.Connection) -> None:
    """What an earlier version left, whole or not at all."""
    version = _check_version(connection)
    if version == SCHEMA_VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    for before in range(version, SCHEMA_VERSION):
        for statement in _UPGRADES[before]:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")
    _log.info("the outbox's schema is now version %d", SCHEMA_VERSION)


def _create_schema(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.execute("INSERT INTO meta (name, value) VALUES ('hit_key', ?)", (secrets.token_bytes(32),))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")
