"""What each feed gave last, kept over restarts: an SQLite file of one process, used by one thread.

It holds the list, so only its owner may read it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, Self

import msgspec
from msgspec import Struct

from platewatch.errors import PlatewatchError
from platewatch.matching.hotlist import Entry

_APPLICATION_ID: Final = 0x706C7466
_VERSION: Final = 1
_SCHEMA: Final = (
    "CREATE TABLE feeds (name TEXT PRIMARY KEY, state BLOB NOT NULL)",
    "CREATE TABLE entries (feed TEXT, id TEXT, body BLOB NOT NULL, PRIMARY KEY (feed, id)) WITHOUT ROWID",
)


class StoreError(PlatewatchError):
    """The store cannot be opened, read or written; nothing of what was to be written is there."""


class FeedState(Struct, frozen=True, kw_only=True):
    """Where a feed stands: its version, what tells its list from others, and when it was so, in seconds since 1970."""

    version: int = 0
    tag: str = ""
    as_of: float = 0.0


class FeedStore:
    """Opened by `open`, for one thread at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the file, or make it. Raises StoreError."""
        try:
            path.touch(mode=0o600)
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"cannot open {path}: {error}") from None
        try:
            (tables,) = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if (tables and application != _APPLICATION_ID) or version > _VERSION:
                raise StoreError(f"{path} is no store of feeds of this version")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = ON")  # who is no longer wanted is not to be found there
            if not tables:
                connection.execute("BEGIN IMMEDIATE")
                for statement in _SCHEMA:
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {_VERSION}")
                connection.execute("COMMIT")
        except StoreError:
            connection.close()
            raise
        except sqlite3.Error as error:
            connection.close()
            raise StoreError(f"cannot open {path}: {error}") from None
        return cls(connection)

    @staticmethod
    def copy(path: Path, to: Path) -> None:
        """A whole copy, of a store that may be in use. Raises StoreError."""
        try:
            with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
                connection.execute("VACUUM INTO ?", (str(to),))
        except sqlite3.Error as error:
            raise StoreError(f"cannot copy {path}: {error}") from None

    @staticmethod
    def read(path: Path) -> list[tuple[str, Entry]]:
        """The entries of a store that may be in use, each with its feed's name. Raises StoreError."""
        decoder = msgspec.msgpack.Decoder(Entry)
        with (
            FeedStore._errors("read"),
            closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection,
        ):
            rows = connection.execute("SELECT feed, body FROM entries ORDER BY feed, id")
            return [(feed, decoder.decode(body)) for feed, body in rows]

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def states(self) -> dict[str, FeedState]:
        """Of all feeds, by name."""
        with self._errors("read"):
            rows = self._connection.execute("SELECT name, state FROM feeds").fetchall()
            return {name: msgspec.msgpack.decode(state, type=FeedState) for name, state in rows}

    def entries(self, feed: str) -> list[Entry]:
        """Those of a feed, as they were written."""
        decoder = msgspec.msgpack.Decoder(Entry)
        with self._errors("read"):
            rows = self._connection.execute("SELECT body FROM entries WHERE feed = ?", (feed,))
            return [decoder.decode(body) for (body,) in rows]

    def write(self, feed: str, state: FeedState, upserts: Iterable[Entry] = (), removals: Iterable[str] = ()) -> None:
        """A change, as a whole: on disk when this returns."""
        encoder = msgspec.msgpack.Encoder()
        with self._errors("written"), self._transaction() as connection:
            connection.executemany("DELETE FROM entries WHERE feed = ? AND id = ?", ((feed, gone) for gone in removals))
            connection.executemany(
                "INSERT OR REPLACE INTO entries VALUES (?, ?, ?)",
                ((feed, entry.id, encoder.encode(entry)) for entry in upserts),
            )
            connection.execute("INSERT OR REPLACE INTO feeds VALUES (?, ?)", (feed, encoder.encode(state)))

    def forget(self, feed: str) -> None:
        """A feed that is no longer set."""
        with self._errors("written"), self._transaction() as connection:
            connection.execute("DELETE FROM entries WHERE feed = ?", (feed,))
            connection.execute("DELETE FROM feeds WHERE name = ?", (feed,))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @staticmethod
    @contextmanager
    def _errors(what: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, msgspec.DecodeError) as error:
            raise StoreError(f"the list cannot be {what}: {error}") from None
