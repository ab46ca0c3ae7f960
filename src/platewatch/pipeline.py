"""From reads to queued notifications. Only after `accept` returns may a source acknowledge its reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from platewatch._core import is_pattern, normalize
from platewatch.alignment import differences
from platewatch.errors import ReadError
from platewatch.hotlist import Entry, Hotlist
from platewatch.matcher import Matcher
from platewatch.notify.event import Camera, HitData, encode, new_event
from platewatch.notify.outbox import Outbox
from platewatch.policy import Policy
from platewatch.reads import Read


class Accepted(Struct, frozen=True):
    """What became of a batch: reads matched, hits among them, and the reads refused (row: place in the batch)."""

    reads: int
    hits: int
    errors: Sequence[ReadError]


class Pipeline:
    """Matches reads and commits their hits to the outbox; `on_queued` is called when there is something to deliver.

    A read without a time gets the time of its arrival; so if its source sends it again, for want of an
    acknowledgement, its hit is a new one. Sources should send the time.
    """

    def __init__(
        self,
        hotlist: Hotlist,
        matcher: Matcher,
        cameras: Mapping[str, Camera],
        outbox: Outbox,
        *,
        policy: Policy,
        source: str,
        on_queued: Callable[[], None],
    ) -> None:
        self._hotlist = hotlist
        self._matcher = matcher
        self._cameras = cameras
        self._outbox = outbox
        self._policy = policy
        self._source = source
        self._on_queued = on_queued

    async def accept(self, reads: Sequence[Read]) -> Accepted:
        """Returns when every hit is on disk. Raises OutboxError, and then none of the reads is accepted."""
        now = datetime.now(UTC)
        batch = self._matcher.match_batch(reads, at=now, errors="report")
        events: list[tuple[str, bytes]] = []
        for row, number, edits, probability in self._policy.candidates(batch):
            entry = self._hotlist[batch.entry_ids[number]]
            data = self._hit(reads[row], entry, edits, probability, now)
            if data is not None:
                event = new_event(self._outbox.hit_key, self._source, now, data)
                events.append((event.id, encode(event)))
        if events and await self._outbox.append(events):
            self._on_queued()
        return Accepted(len(reads) - len(batch.errors), len(events), batch.errors)

    def _hit(self, read: Read, entry: Entry, edits: int, probability: float, now: datetime) -> HitData | None:
        """None for a match that the policy gives no grade."""
        pattern = is_pattern(entry.plate)
        grade = self._policy.grade(entry.category, edits, probability, pattern)
        if grade is None:
            return None
        camera_id = read.camera_id or "unknown"
        text = normalize(read.text, read=True)
        return HitData(
            entry_id=entry.id,
            agency=entry.agency,
            category=entry.category,
            priority=entry.priority,
            grade=grade,
            probability=round(probability, 4),
            pattern=pattern,
            wanted_plate=entry.plate,
            read_text=text,
            edits=edits,
            differences=differences(text, entry.plate),
            camera=self._cameras.get(camera_id) or Camera(id=camera_id),
            time=read.time or now,
            image_url=read.image_url,
            late=read.late,
        )
