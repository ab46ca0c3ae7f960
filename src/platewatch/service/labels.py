"""Labelled reads: what a confirmed hit was read as, beside the plate that its vehicle has, for `ChannelModel.fit`.

Only where the city allows it, and of confirmed hits only: of what was wrong nothing is kept. docs/outcomes.md.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from platewatch._core import region_mark
from platewatch.matching.reads import Read
from platewatch.notify.event import HitData
from platewatch.notify.outbox_file import open_to_read

_SECONDS_A_DAY: Final = 86400.0
_KEPT: Final = ("text", "chars", "candidates", "engine", "confidence", "camera_id")  # of a read, what fitting looks at

_LABEL: Final = "UPDATE hit_reads SET truth = ?2, labelled_at = ?3 WHERE hitid = ?1"
_UNLABEL: Final = "UPDATE hit_reads SET truth = NULL, labelled_at = NULL WHERE hitid = ?"
_FORGET: Final = "DELETE FROM hit_reads WHERE labelled_at < ?"
_FORGET_ALL: Final = "DELETE FROM hit_reads"
_COUNT: Final = "SELECT COUNT(labelled_at) FROM hit_reads"
_LABELLED: Final = (
    "SELECT entry_id, read, truth FROM hit_reads WHERE labelled_at IS NOT NULL ORDER BY labelled_at, hitid"
)


class OutcomeSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how many days a read whose hit was confirmed is kept with its plate, for fitting; 0: none is."""

    labelled_days: Annotated[float, Meta(ge=0, le=3660)] = 0.0


def kept(read: Read) -> bytes:
    """What is kept of a read: not when, and not its image."""
    values = msgspec.to_builtins(read)
    return msgspec.json.encode({name: values[name] for name in _KEPT if values.get(name)})


def label(connection: sqlite3.Connection, hitid: str, hit: HitData, now: float) -> None:
    """An operator has said that it was the wanted vehicle; as part of a write."""
    if hit.pattern or _may_lack_its_mark(hit):
        return
    connection.execute(_LABEL, (hitid, hit.wanted_plate, now))


def unlabel(connection: sqlite3.Connection, hitid: str) -> None:
    """Nobody can tell after all."""
    connection.execute(_UNLABEL, (hitid,))


def forget(connection: sqlite3.Connection, days: float, now: float) -> None:
    """Let go of what was labelled longer ago, with 0 days of all."""
    if days:
        connection.execute(_FORGET, (now - days * _SECONDS_A_DAY,))
    else:
        connection.execute(_FORGET_ALL)


def count(connection: sqlite3.Connection) -> int:
    """How many labelled reads there are."""
    (found,) = connection.execute(_COUNT).fetchone()
    return int(found)


def labelled(outbox: Path) -> list[str]:
    """The ids of the entries whose labelled reads `export` would give, each once. Raises OutboxError."""
    with open_to_read(outbox) as connection:
        return sorted({entry_id for entry_id, _, _ in connection.execute(_LABELLED)})


def export(outbox: Path) -> Iterator[bytes]:
    """The labelled reads, oldest first, each a JSON object as `platewatch fit` takes it. Raises OutboxError."""
    with open_to_read(outbox) as connection:
        for _, read, truth in connection.execute(_LABELLED):
            row: dict[str, Any] = json.loads(read)
            yield json.dumps(row | {"truth": truth}, ensure_ascii=False).encode()


def _may_lack_its_mark(hit: HitData) -> bool:
    """Clerks leave out region marks: then the plate of the list is not all that stood on the vehicle."""
    return bool(region_mark(hit.read_text)) and not region_mark(hit.wanted_plate)
