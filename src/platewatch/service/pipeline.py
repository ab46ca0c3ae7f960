"""From reads to queued notifications. Only after `accept` returns may a source acknowledge its reads."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from platewatch._core import is_pattern
from platewatch.errors import ReadError
from platewatch.lists.feeds.base import MAIN, feed_and_id
from platewatch.matching.alignment import differences, own_edits
from platewatch.matching.hotlist import Entry, EntrySet
from platewatch.matching.matcher import Matcher
from platewatch.matching.reads import Read
from platewatch.notify.event import HitData, encode, hit_id, new_event
from platewatch.notify.outbox import NewEvent, Outbox, Tally
from platewatch.service import labels
from platewatch.service.budget import Budget
from platewatch.service.cameras import Cameras
from platewatch.service.look_back import LookBack
from platewatch.service.passes import Event, Frame, Pass, Passes
from platewatch.service.policy import Grade, Policy
from platewatch.service.quiet import Quiet
from platewatch.service.worker import Steps, Worker
from platewatch.sources import HTTP, Accepted, BusyError

URGENT: Final = 1
"""The priority of entries whose hits are delivered before all others."""

UNKNOWN: Final = "unknown"
"""The camera of a read without one."""

_LENGTH: Final = 60.0  # seconds: of one camera, what is read of an entry in such a time was one vehicle going by
_STEP: Final = 64  # reads matched at a time
_SMALL: Final = 1000  # reads of a call that has room apart: large ones, which wait long, must not keep it out
_MOST_WAITING: Final = 200_000  # reads of all small calls, and of all large ones; the last let in may have more


class Observer:
    """What is told of the pipeline's work, and by default is nobody's business."""

    def took(self, reads: Sequence[Read], source: str) -> None:
        """Reads of a source have come, with their cameras' own ids."""

    def matched(self, seconds: float) -> None:
        """What it took to match the reads of a call, waiting included."""

    def told(self, event: Event) -> None:
        """A hit is on disk; in the worker's thread."""


class _Match(NamedTuple):
    entry: Entry
    edits: int
    probability: float
    reads: int  # that were judged together


class _Call:
    """The reads of one call, and what becomes of them step by step."""

    def __init__(self, reads: Sequence[Read]) -> None:
        self.reads = reads
        self.now = datetime.now(UTC)
        self.errors: list[ReadError] = []
        self.not_lined_up = 0
        self.touched: dict[Pass, Frame] = {}  # with the first of these reads in it
        # All that may not be on disk yet, though another call has made it: either may fail, and neither may then be
        # acknowledged.
        self.unsent: list[tuple[Pass, str, Event]] = []


class Pipeline:
    """Matches reads and commits their hits to the outbox; `on_queued` is called when there is something to deliver.

    The reads of one pass are judged together, and a pass makes one hit of an entry: an event when it becomes one, and
    another if later reads raise its grade. While its vehicle just stands there, a hit is not told again (`quiet`).
    Matching and judging run in the `worker`'s thread, as may all that looks at `passes` and `quiet`. With
    `keeps_reads`, the read that a hit tells of is kept beside it, to be labelled.

    A read without a time gets the time of its arrival; so if its source sends it again, for want of an
    acknowledgement, after its pass has been forgotten, its hit is a new one. Sources should send the time.
    """

    def __init__(
        self,
        hotlist: EntrySet,
        matcher: Matcher,
        cameras: Cameras,
        outbox: Outbox,
        *,
        policy: Policy,
        routes_of: Callable[[HitData], tuple[str, ...]],
        observer: Observer | None = None,
        suppresses: Callable[[str, Iterable[str]], bool] = lambda _entry_id, _texts: False,
        source: str,
        on_queued: Callable[[], None],
        worker: Worker,
        passes: Passes | None = None,
        quiet: Quiet | None = None,
        budget: Budget | None = None,
        look_back: LookBack | None = None,
        keeps_reads: bool = False,
        most_waiting: int = _MOST_WAITING,
    ) -> None:
        self._hotlist = hotlist
        self._matcher = matcher
        self._cameras = cameras
        self._outbox = outbox
        self._passes = Passes() if passes is None else passes
        self._quiet = Quiet() if quiet is None else quiet
        self._policy = policy
        self._budget = Budget() if budget is None else budget
        self._look_back = look_back
        self._keeps_reads = keeps_reads
        self._routes_of = routes_of
        self._observer = observer or Observer()
        self._suppresses = suppresses
        self._source = source
        self._on_queued = on_queued
        self._worker = worker
        self._most_waiting = most_waiting
        self._waiting = {True: 0, False: 0}  # of small calls, and of others
        self.quieted = 0
        """Hits that were not told again."""

    async def accept(self, reads: Sequence[Read], source: str = HTTP) -> Accepted:
        """Returns when every hit is on disk. Raises OutboxError or BusyError: then none of the reads is accepted.

        `source` is the name of what they come from, by which cameras may have other ids.
        """
        is_small = len(reads) <= _SMALL
        if self._waiting[is_small] >= self._most_waiting:
            raise BusyError(f"{self._waiting[is_small]} reads are waiting already")
        self._waiting[is_small] += len(reads)
        try:
            call = _Call(self._cameras.resolved(reads, source))
            self._observer.took(call.reads, source)
            started = time.perf_counter()
            await self._worker.run(self._take(call))
            self._observer.matched(time.perf_counter() - started)
            queued = 0
            if call.unsent:
                # The outbox knows the events that it gets from two calls, so each counts for one of them.
                queued = await self._outbox.append(event.new for _, _, event in call.unsent)
                await self._worker.run(self._settle(call))
                if queued:
                    self._on_queued()
        finally:
            self._waiting[is_small] -= len(reads)
        return Accepted(len(reads) - len(call.errors), queued, call.errors, call.not_lined_up)

    @property
    def waiting(self) -> int:
        """Reads that wait to be matched, or for their hits to be on disk."""
        return sum(self._waiting.values())

    def use(self, hotlist: EntrySet, matcher: Matcher) -> None:
        """From now on, match with this list; in the worker's thread."""
        self._hotlist, self._matcher = hotlist, matcher

    async def forget(self) -> None:
        """Let go of what has ended, though no read comes."""
        await self._worker.run(self._forget(datetime.now(UTC)))

    def _forget(self, now: datetime) -> Steps:
        self._passes.forget(now)
        self._quiet.forget(now, self._policy.longest_quiet)
        yield

    def _take(self, call: _Call) -> Steps:
        joined: list[tuple[_Match, Pass, Frame]] = []
        for start in range(0, len(call.reads), _STEP):
            joined += self._match(call, start)
            yield
        # How probable the entries are by all reads of a pass, as one body of evidence.
        together: dict[Pass, dict[str, float]] = {}
        for passing, first in call.touched.items():
            if len(passing.frames) > 1:
                together[passing] = self._judge(passing, first, call.now)
                yield
        for match, passing, frame in joined:
            judged = together.get(passing)
            entry = match.entry
            if judged is not None and entry.id not in judged and match.edits and not is_pattern(entry.plate):
                continue  # by all reads it is no hit
            judged = judged or {}
            # Told already, but for patterns, and for what only a read says that its pass could not keep.
            judged_reads = len(passing.frames) if entry.id in judged else 1
            match = match._replace(probability=judged.get(entry.id, match.probability), reads=judged_reads)
            self._tell(passing, match, frame, call.touched[passing], call.now)
            yield
        call.unsent = [(passing, *event) for passing in call.touched for event in passing.unsent.items()]

    def _match(self, call: _Call, start: int) -> list[tuple[_Match, Pass, Frame]]:
        """Some reads: they join their passes, and those that match come back with them."""
        reads = call.reads[start : start + _STEP]
        batch = self._matcher.match_batch(
            reads,
            at=call.now,
            errors="report",
            alternatives=True,
            min_probability=self._policy.promising,
            keep_exact=True,
        )
        refused = {error.row for error in batch.errors if error.row is not None}
        call.errors += [
            ReadError(e.reason, row=start + (e.row or 0), field=e.field, camera_id=reads[e.row or 0].camera_id)
            for e in batch.errors
        ]
        call.not_lined_up += batch.not_lined_up
        if self._look_back is not None:
            self._look_back.add((read for row, read in enumerate(reads) if row not in refused), call.now)
        joined = self._passes.join(reads, call.now, promising=set(batch.read.tolist()), refused=refused)
        for passing, frame in joined.values():
            call.touched.setdefault(passing, frame)
        found = []
        for row, number, edits, probability in self._policy.candidates(batch):
            passing, frame = joined[row]
            entry = self._hotlist[batch.entry_ids[number]]
            edits = own_edits(frame.read, entry.plate, edits)
            found.append((_Match(entry, edits, probability, 1), passing, frame))
        return found

    def _settle(self, call: _Call) -> Steps:
        """What is on disk now."""
        for passing, event_id, event in call.unsent:
            if passing.unsent.pop(event_id, None) is not None:
                self._observer.told(event)
                self._budget.told(event.grade)
                self._quiet.told(event.new.entry_id, call.touched[passing].read.camera_id, event.grade, event.time)
        yield

    def _judge(self, passing: Pass, first: Frame, now: datetime) -> dict[str, float]:
        """Tell of the hits that the reads of a pass make together; returns the probabilities by entry id."""
        judged: dict[str, float] = {}
        reads = [frame.read for frame in passing.frames]
        least = self._policy.least
        for match in self._matcher.match_pass(reads, at=now, alternatives=True, min_probability=least, keep_exact=True):
            entry = self._hotlist[match.entry_id]
            edits = min(own_edits(read, entry.plate, match.edits) for read in reads)
            # A pattern is no one plate that all the reads could be of: the best of them counts, alone.
            if not is_pattern(entry.plate):
                judged[entry.id] = match.probability
                together = _Match(entry, edits, match.probability, len(passing.frames))
                self._tell(passing, together, None, first, now)
        return judged

    def _tell(self, passing: Pass, match: _Match, frame: Frame | None, first: Frame, now: datetime) -> None:
        """Make the event of a match, if the policy gives it a grade, and a higher one than it had.

        `frame` is the read that matches, None for the pass's best. The hit is named after `first`, the first of the
        pass's reads in this call: if the call is not acknowledged, it is these reads that come again.
        """
        entry, edits, probability, _ = match
        pattern = is_pattern(entry.plate)
        weighed = passing.weighed.get(entry.id)
        if (edits or pattern) and (weighed is None or probability > weighed):
            passing.weighed[entry.id] = probability
            self._budget.weighed(weighed, probability)
        grade = self._policy.grade(entry.category, edits, probability, pattern)
        if grade is None:
            return
        # Of a mistake that was made before, no read of the pass is told, but one that is the wanted plate.
        is_exact = edits == 0 and not pattern
        if not is_exact and self._suppresses(entry.id, (other.text for other in passing.frames)):
            return
        seconds = self._policy.quiet_for(entry.category)
        is_quiet = self._quiet.holds(entry.id, first.read.camera_id, grade, first.time, seconds)
        known = passing.hits.get(entry.id)
        if known is not None and (known[1] == grade or grade == "check"):
            return
        if is_quiet:
            self.quieted += known is None
            return
        if frame is None:
            frame, edits = self._best(passing, match, first, now)
        if known is None:
            hitid, sequence = self._hit_id(entry, first, grade if len(passing.frames) > 1 else None), 1
        else:
            hitid, sequence = known[0], 2
        new = self._event(match._replace(edits=edits), grade, frame, now, hitid, sequence)
        passing.unsent[new.event_id] = Event(new, grade, first.time)
        passing.hits[entry.id] = (hitid, grade)

    def _hit_id(self, entry: Entry, first: Frame, grade: Grade | None = None) -> str:
        camera_id = first.read.camera_id or UNKNOWN
        return hit_id(self._outbox.hit_key, entry.id, camera_id, first.time, first.text, grade)

    def _event(
        self,
        match: _Match,
        grade: Grade,
        frame: Frame,
        now: datetime,
        hitid: str,
        sequence: int = 1,
        *,
        retrospective: bool = False,
    ) -> NewEvent:
        """What tells of a hit, by the read that shows it best."""
        entry = match.entry
        camera = self._cameras.get(frame.read.camera_id)
        feed, own_id = feed_and_id(entry.id)
        data = HitData(
            entry_id=own_id,
            feed=None if feed == MAIN else feed,
            agency=entry.agency,
            category=entry.category,
            priority=entry.priority,
            grade=grade,
            probability=round(match.probability, 4),
            pattern=is_pattern(entry.plate),
            wanted_plate=entry.plate,
            read_text=frame.text,
            edits=match.edits,
            differences=differences(frame.text, entry.plate),
            camera=camera,
            time=frame.time,
            image_url=frame.read.image_url,
            late=frame.read.late,
            reads=match.reads,
            covert=entry.covert,
            retrospective=retrospective,
            approved_by=entry.approved_by or None,
            legal_basis=entry.legal_basis or None,
            ahead=self._cameras.ahead(camera),
        )
        event = new_event(self._outbox.hit_key, self._source, now, data, sequence, hitid=hitid)
        return NewEvent(
            event.id,
            encode(event),
            self._routes_of(data),
            entry.id,
            urgent=entry.priority == URGENT,
            tally=Tally(entry.category, entry.agency, grade),
            read=labels.kept(frame.read) if self._keeps_reads else None,
        )

    @property
    def looks_back(self) -> bool:
        """Whether the reads of the last minutes are kept."""
        return self._look_back is not None

    async def look_back(self, entries: Sequence[Entry]) -> int:
        """Search the reads of the last minutes for entries that have just come onto the list; returns how many hits
        that makes, each marked `retrospective`: of an entry and camera, the most probable read of a pass' time. Raises
        OutboxError.
        """
        if self._look_back is None or not entries:
            return 0
        found: list[NewEvent] = []
        await self._worker.run(self._search(self._look_back, entries, found))
        queued = await self._outbox.append(found)
        if queued:
            self._on_queued()
        return queued

    def _search(self, kept: LookBack, entries: Sequence[Entry], found: list[NewEvent]) -> Steps:
        now = datetime.now(UTC)
        wanted = {entry.id: entry for entry in entries}
        few = Matcher(EntrySet.from_checked(entries), max_edits=self._matcher.max_edits)
        best: dict[tuple[str, str | None, int], tuple[_Match, Frame]] = {}
        for reads in kept.reads(now):
            rows = few.match_batch(reads, at=now, errors="report", alternatives=True, score=False).read
            for row in sorted(set(rows.tolist())):
                frame = Frame(reads[row], now)
                # An entry holds from when it came; what it is looked for in was read before that.
                timeless = msgspec.structs.replace(frame.read, time=None)
                for one in self._matcher.match(
                    timeless, at=now, alternatives=True, min_probability=self._policy.least, keep_exact=True
                ):
                    if one.entry_id not in wanted or one.probability is None:
                        continue
                    match = _Match(
                        wanted[one.entry_id], own_edits(frame.read, one.plate, one.edits), one.probability, 1
                    )
                    place = one.entry_id, frame.read.camera_id, int(frame.time.timestamp() // _LENGTH)
                    if place not in best or match.probability > best[place][0].probability:
                        best[place] = match, frame
            yield
        for match, frame in best.values():
            entry = match.entry
            grade = self._policy.grade(entry.category, match.edits, match.probability, is_pattern(entry.plate))
            if grade is None or (match.edits and self._suppresses(entry.id, [frame.text])):
                continue
            hitid = self._hit_id(entry, frame)
            found.append(self._event(match, grade, frame, now, hitid, retrospective=True))

    def _best(self, passing: Pass, match: _Match, first: Frame, now: datetime) -> tuple[Frame, int]:
        """The read of a pass that matches an entry with the fewest edits, of those the likeliest; and its edits."""
        found = [
            (
                own_edits(frame.read, single.plate, single.edits),
                math.inf if single.log_likelihood is None else -single.log_likelihood,
                place,
            )
            for place, frame in enumerate(passing.frames)
            for single in self._matcher.match(frame.read, at=now, alternatives=True)
            if single.entry_id == match.entry.id
        ]
        if not found:  # the list has changed this very moment
            return first, match.edits
        edits, _, place = min(found)
        return passing.frames[place], edits
