"""What operators say of hits, and what follows: the same mistake is not told again, wrong hits are taken back, and what
was predicted is held against what was confirmed.

No innocent's plate is kept: of a hit that was wrong its payload is deleted, and what not to tell again is a keyed hash
of entry and read text. docs/outcomes.md.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias

import msgspec
import structlog
from msgspec import Meta, Struct

from platewatch.lists.feeds.base import MAIN, key
from platewatch.matching.hotlist import Entry
from platewatch.notify.event import HitEvent, Why, cancellation, decode, encode
from platewatch.notify.outbox import NewEvent, Outbox, OutboxError, purge, take_back
from platewatch.service import labels

Outcome: TypeAlias = Literal["confirmed", "misread", "right_read_wrong_vehicle", "cannot_tell"]

_WRONG: Final[dict[str, Why]] = {"misread": "misread", "right_read_wrong_vehicle": "right_read_wrong_vehicle"}
_TIDY_INTERVAL: Final = 60.0  # seconds
_BINS: Final = (0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 0.9, 0.95, 0.99)  # of probabilities, where calibration is told
_CAMERAS: Final = 100  # those with the most outcomes are told

_LAST_BODY: Final = """
    SELECT body FROM events WHERE hitid = ? AND kind = 'hit' AND state <> 'cancelled' AND body <> x''
    ORDER BY event_id DESC LIMIT 1
"""
_IS_KNOWN: Final = "SELECT 1 FROM events WHERE hitid = ? LIMIT 1"
_WHOSE: Final = "SELECT entry_id, body FROM events WHERE hitid = ? ORDER BY body = x'' LIMIT 1"
_LAST_OUTCOME: Final = """
    SELECT entry_id, agency, category, camera_id, grade, probability, edits FROM outcomes
    WHERE hitid = ? ORDER BY seq DESC LIMIT 1
"""
_RECORD: Final = """
    INSERT INTO outcomes
        (hitid, outcome, by, reason, at, entry_id, agency, category, camera_id, grade, probability, edits)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_SUPPRESS: Final = """
    INSERT INTO suppressions (hash, hitid, entry_id, made_at, expires_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (hash) DO UPDATE SET hitid = excluded.hitid, expires_at = excluded.expires_at
"""
_IS_SUPPRESSED: Final = "SELECT 1 FROM suppressions WHERE hitid = ?"
_SEEN: Final = "INSERT INTO seen (hitid, by, at) VALUES (?, ?, ?) ON CONFLICT (hitid) DO NOTHING"
# Of each hit, what was said of it last.
_JUDGED: Final = """
    SELECT camera_id, probability, outcome = 'confirmed' OR (outcome = 'right_read_wrong_vehicle' AND edits = 0)
    FROM outcomes WHERE outcome <> 'cannot_tell' AND seq IN (SELECT MAX(seq) FROM outcomes GROUP BY hitid)
"""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)

Name = Annotated[str, Meta(min_length=1, max_length=200)]


class Answer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator says of a hit, who it is, and why."""

    outcome: Outcome
    by: Name
    reason: Annotated[str, Meta(max_length=2000)] = ""


class Seen(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who has seen a hit."""

    by: Name


class Recorded(Struct, frozen=True, kw_only=True):
    """What followed from an answer: whether the same mistake will not be told again, and whether the hit was taken back
    from those who had been told.
    """

    suppressed: bool
    withdrawn: bool


class Whose(NamedTuple):
    """Whose a hit is: the entry's id among those of all feeds, and its agency."""

    entry_id: str
    agency: str


class _Facts(NamedTuple):
    """Of a hit, what may be kept whatever becomes of it."""

    entry_id: str
    agency: str
    category: str
    camera_id: str
    grade: str
    probability: float
    edits: int


class Outcomes:
    """Answers to hits, kept in the outbox's file. Times are seconds since the epoch.

    `entry_of` finds the entry that is listed under an id, or None. What was confirmed is kept as a labelled read for
    `labelled_days`.
    """

    def __init__(
        self,
        outbox: Outbox,
        entry_of: Callable[[str], Entry | None],
        *,
        labelled_days: float = 0.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._outbox = outbox
        self._entry_of = entry_of
        self._labelled_days = labelled_days
        self._clock = clock
        self._suppressed: dict[bytes, float | None] = {}  # when it ends
        self._met: Counter[bytes] = Counter()  # since they were last counted on disk
        self.suppressed = 0
        """Hits that were not told, as the same mistake had been made before."""

    async def load(self) -> None:
        """Know what is not to be told again, and forget what may be kept no longer. Raises OutboxError."""

        def action(connection: sqlite3.Connection) -> list[Any]:
            labels.forget(connection, self._labelled_days, self._clock())
            return connection.execute("SELECT hash, expires_at FROM suppressions").fetchall()

        self._suppressed = dict(await self._outbox.write(action))

    def suppresses(self, entry_id: str, read_texts: Iterable[str]) -> bool:
        """Has an operator said that the entry, read as any of these, is a mistake? From any thread."""
        if not self._suppressed:
            return False
        now = self._clock()
        for text in read_texts:
            known = self._hash(entry_id, text)
            ends = self._suppressed.get(known, 0.0)
            if ends is None or ends > now:
                self._met[known] += 1
                self.suppressed += 1
                return True
        return False

    async def whose(self, hitid: str) -> Whose | None:
        """Whose a hit is; None if there is no such hit."""

        def action(connection: sqlite3.Connection) -> Whose | None:
            row = connection.execute(_WHOSE, (hitid,)).fetchone()
            if row is None:
                return None
            entry_id, body = row
            if body:
                return Whose(entry_id, agency_in(body))
            told = connection.execute(_LAST_OUTCOME, (hitid,)).fetchone()  # its body went with that
            return Whose(entry_id, "" if told is None else told[1])

        return await self._outbox.write(action)

    async def see(self, hitid: str, seen: Seen) -> bool:
        """Note that a hit has been seen, so that it does not go on to others; False if there is no such hit."""

        def action(connection: sqlite3.Connection) -> bool:
            if connection.execute(_IS_KNOWN, (hitid,)).fetchone() is None:
                return False
            connection.execute(_SEEN, (hitid, seen.by, self._clock()))
            return True

        return await self._outbox.write(action)

    async def record(self, hitid: str, answer: Answer) -> Recorded | None:
        """Keep an answer and do what follows, all or nothing; None if there is no such hit.

        The last answer counts: one that was a mistake may be corrected, though what was deleted stays so.
        """
        recorded, suppression = await self._outbox.write(
            lambda connection: self._record(connection, hitid, answer) or (None, None)
        )
        if recorded is not None:
            await self.load() if suppression is None else self._suppressed.update([suppression])
        return recorded

    def _record(
        self, connection: sqlite3.Connection, hitid: str, answer: Answer
    ) -> tuple[Recorded, tuple[bytes, float | None] | None] | None:
        """On the outbox's thread."""
        now = self._clock()
        row = connection.execute(_LAST_BODY, (hitid,)).fetchone()
        hit = None if row is None else decode(row[0])
        facts = _facts(hit) if hit is not None else connection.execute(_LAST_OUTCOME, (hitid,)).fetchone()
        if facts is None:
            return None
        connection.execute(_RECORD, (hitid, answer.outcome, answer.by, answer.reason, now, *facts))
        why = _WRONG.get(answer.outcome)
        if why is None or hit is not None:
            connection.execute("DELETE FROM suppressions WHERE hitid = ?", (hitid,))
        connection.execute(_SEEN, (hitid, answer.by, now))
        if hit is not None and answer.outcome == "confirmed":
            labels.label(connection, hitid, hit.data, now)
        elif why is None:
            labels.unlabel(connection, hitid)
        if why is None:
            return Recorded(suppressed=False, withdrawn=False), None
        if hit is None:  # said again, as by a client that did not hear of the first time: nothing is left to be done
            known = connection.execute(_IS_SUPPRESSED, (hitid,)).fetchone() is not None
            return Recorded(suppressed=known, withdrawn=False), None
        suppression = None
        # A read that is the wanted plate is never kept back: the next one may be the vehicle itself.
        if hit.data.edits or hit.data.pattern:
            entry_id = key(hit.data.feed or MAIN, hit.data.entry_id)
            entry = self._entry_of(entry_id)
            ends = entry.valid_until.timestamp() if entry is not None and entry.valid_until is not None else None
            suppression = self._hash(entry_id, hit.data.read_text), ends
            connection.execute(_SUPPRESS, (suppression[0], hitid, entry_id, now, ends))
        withdrawn = take_back(connection, _withdrawing(why, now), now, hitids=[hitid])
        purge(connection, hitid)
        return Recorded(suppressed=suppression is not None, withdrawn=bool(withdrawn)), suppression

    async def withdraw(self, entry_ids: Collection[str], *, since: float = 0.0) -> int:
        """Take back the hits of entries that have left the list, those delivered before `since` apart, and forget what
        was not to be told of these entries; returns how many hits.
        """
        now = self._clock()
        ids = msgspec.json.encode(list(entry_ids)).decode()

        def action(connection: sqlite3.Connection) -> int:
            connection.execute("DELETE FROM suppressions WHERE entry_id IN (SELECT value FROM json_each(?))", (ids,))
            connection.execute("DELETE FROM entry_tallies WHERE entry_id IN (SELECT value FROM json_each(?))", (ids,))
            return take_back(connection, _withdrawing("entry_removed", now), now, entry_ids=entry_ids, since=since)

        taken = await self._outbox.write(action)
        await self.load()
        return taken

    async def status(self) -> dict[str, Any]:
        """Counts by outcome, what was suppressed, and the predicted beside what was right, in all and by camera."""

        def action(connection: sqlite3.Connection) -> tuple[list[Any], list[Any], int]:
            counts = "SELECT outcome, COUNT(DISTINCT hitid) FROM outcomes GROUP BY outcome"
            counted, judged = connection.execute(counts).fetchall(), connection.execute(_JUDGED).fetchall()
            return counted, judged, labels.count(connection)

        counts, judged, labelled = await self._outbox.write(action)
        by_camera: dict[str, list[tuple[float, int]]] = {}
        for camera_id, probability, right in judged:
            by_camera.setdefault(camera_id, []).append((probability, right))
        most = sorted(by_camera, key=lambda camera_id: -len(by_camera[camera_id]))[:_CAMERAS]
        return {
            "counts": dict(counts),
            "suppressed": self.suppressed,
            "suppressions": len(self._suppressed),
            "labelled_reads": labelled,
            "calibration": [
                {"from": low, "to": high, **_predicted_and_right(found)}
                for low, high in zip((0.0, *_BINS), (*_BINS, 1.0), strict=True)
                if (found := [(p, right) for _, p, right in judged if low <= p < high or p == high == 1.0])
            ],
            "cameras": {camera_id: _predicted_and_right(by_camera[camera_id]) for camera_id in most},
        }

    async def tidy(self) -> None:
        """Count on disk what was met, and let go of what has ended or may be kept no longer, until cancelled."""
        while True:
            await asyncio.sleep(_TIDY_INTERVAL)
            try:
                await self._tidy()
            except OutboxError as error:
                _log.error("suppressions not counted", reason=error.reason)

    async def _tidy(self) -> None:
        met, self._met = self._met, Counter()
        now = self._clock()
        ended = [known for known, ends in self._suppressed.items() if ends is not None and ends <= now]

        def action(connection: sqlite3.Connection) -> None:
            labels.forget(connection, self._labelled_days, now)
            connection.executemany(
                "UPDATE suppressions SET count = count + ? WHERE hash = ?",
                [(count, known) for known, count in met.items()],
            )
            connection.executemany("DELETE FROM suppressions WHERE hash = ?", [(known,) for known in ended])

        await self._outbox.write(action)
        for known in ended:
            self._suppressed.pop(known, None)

    def _hash(self, entry_id: str, read_text: str) -> bytes:
        fields = msgspec.json.encode([entry_id, read_text])
        return hashlib.blake2b(fields, key=self._outbox.hit_key, person=b"suppression", digest_size=16).digest()


class _Data(Struct, frozen=True):
    agency: str = ""


class _Event(Struct, frozen=True):
    data: _Data = _Data()


_event_decoder: Final = msgspec.json.Decoder(_Event)


def agency_in(body: bytes) -> str:
    """The agency of the entry that an event in the outbox is of."""
    return _event_decoder.decode(body).data.agency


def _facts(hit: HitEvent) -> _Facts:
    data = hit.data
    return _Facts(data.entry_id, data.agency, data.category, data.camera.id, data.grade, data.probability, data.edits)


def _withdrawing(why: Why, now: float) -> Callable[[bytes, int], NewEvent]:
    """What makes the event that takes a hit back."""

    def withdraw(body: bytes, sequence: int) -> NewEvent:
        event = cancellation(decode(body), datetime.fromtimestamp(now, UTC), why, sequence)
        return NewEvent(event.id, encode(event))

    return withdraw


def _predicted_and_right(found: list[tuple[float, int]]) -> dict[str, float]:
    return {
        "hits": len(found),
        "predicted": round(sum(p for p, _ in found) / len(found), 4),
        "right": round(sum(right for _, right in found) / len(found), 4),
    }
