"""What others see of an outbox, with or without an owner at work. All raise OutboxError."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from platewatch.notify.outbox import Kind, State
from platewatch.notify.outbox_file import open_to_read

_LIST: Final = """
    SELECT seq, event_id, route, kind, state, attempts, created_at, next_attempt_at, delivered_at, last_error
    FROM events WHERE ?1 IS NULL OR state = ?1 ORDER BY seq DESC LIMIT ?2
"""
_EXPORT: Final = """
    SELECT body FROM events WHERE (?1 IS NULL OR state = ?1) AND state <> 'cancelled' AND body <> x'' ORDER BY seq
"""
_EXPORTED: Final = """
    SELECT DISTINCT entry_id FROM events
    WHERE (?1 IS NULL OR state = ?1) AND state <> 'cancelled' AND body <> x'' ORDER BY entry_id
"""


class EventRecord(Struct, frozen=True):
    """What an operator sees of an event: everything but its body."""

    seq: int
    event_id: str
    route: str
    kind: Kind
    state: State
    attempts: int
    created_at: float
    next_attempt_at: float
    delivered_at: float | None
    last_error: str | None


def list_events(path: str | Path, state: State | None = None, limit: int = 100) -> list[EventRecord]:
    """The newest events."""
    with open_to_read(path) as connection:
        return [EventRecord(*row) for row in connection.execute(_LIST, (state, limit))]


def export_events(path: str | Path, state: State | None = None) -> Iterator[bytes]:
    """The bodies, oldest first, each one JSON event: personal data."""
    with open_to_read(path) as connection:
        for (body,) in connection.execute(_EXPORT, (state,)):
            yield body


def entries_of(path: str | Path, state: State | None = None) -> list[str]:
    """The ids of the entries whose events `export_events` would give."""
    with open_to_read(path) as connection:
        return [entry_id for (entry_id,) in connection.execute(_EXPORTED, (state,))]


def hit_key(path: str | Path) -> bytes:
    """The key of an outbox's hit ids."""
    with open_to_read(path) as connection:
        (key,) = connection.execute("SELECT value FROM meta WHERE name = 'hit_key'").fetchone()
        return bytes(key)
