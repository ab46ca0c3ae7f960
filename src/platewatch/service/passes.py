"""Which reads are of one vehicle going by one camera. They are held in memory only, for a while, and then forgotten.

Reads belong together if they have the same camera and `pass_id`, unless they are clearly of two plates; or, without a
`pass_id`, if they are of the same camera, near in time and alike. A read with neither a camera nor a `pass_id` is
always by itself. What is held is bounded, in reads, in bytes and in time.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence, Set
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol, TypeAlias

from platewatch._core import alike, normalize
from platewatch.matching.reads import Read
from platewatch.notify.outbox import NewEvent
from platewatch.service.policy import Grade

WINDOW: Final = 2.0
"""Seconds between reads of one pass that have no `pass_id`, unless set otherwise."""

LIFE: Final = 30
"""Seconds for which a read is held. With the same `pass_id` reads farther apart are of two passes, too: cameras count
from 1 again after a restart."""

LENGTH: Final = 60
"""The most seconds from the first read of a pass to the last: ids that never change must not make it endless."""

MOST_READS: Final = 5
"""Reads that a pass holds: what they cost together grows faster than their number."""

MOST_PASSES: Final = 32
"""Passes under way of one camera, or of one of its ids."""

_LIFE: Final = timedelta(seconds=LIFE)
_LENGTH: Final = timedelta(seconds=LENGTH)
_UNSENT_LIFE: Final = timedelta(hours=1)  # for a source to send a read again that could not be acknowledged
_MOST_HELD: Final = 100_000  # reads of all cameras
_MOST_BYTES: Final = 128 * 1024 * 1024  # about so much of them
_MOST_NOTED: Final = 128  # reads of one camera
_MOST_STRANGE: Final = 10_000  # cameras whose ids make no sense, each told once

_Place: TypeAlias = tuple[str | None, str | None]
"""Where reads may belong together: a camera, and a `pass_id` or None."""


class Frame:
    """A read in a pass, and when it arrived."""

    __slots__ = ("_text", "arrived", "is_told", "nbytes", "read", "time")

    def __init__(self, read: Read, arrived: datetime) -> None:
        self.read = read
        self.arrived = arrived
        self.time = read.time or arrived
        """When the plate was read; if that is not known, when the read arrived."""
        self.nbytes = _nbytes(read)
        self.is_told = False  # in a pass that was over
        self._text: str | None = None  # most are never asked for it

    @property
    def text(self) -> str:
        """The canonical text."""
        if self._text is None:
            self._text = normalize(self.read.text, read=True)
        return self._text


def _nbytes(read: Read) -> int:
    """About what a read takes in memory."""
    size = 1000 + len(read.text) + len(read.image_url or "")
    for character in read.chars:
        size += 200 + 150 * len(character.alts)
    for candidate in read.candidates:
        size += 200 + len(candidate.text)
    return size


class Event(NamedTuple):
    """What a pass tells of an entry, until it is known to be on disk."""

    new: NewEvent
    grade: Grade
    time: datetime


class Pass:
    """The reads of one vehicle going by one camera, and what has been told of it."""

    __slots__ = ("arrived", "first", "frames", "hits", "last", "unsent", "weighed")

    def __init__(self, frame: Frame) -> None:
        self.frames = [frame]
        self.hits: dict[str, tuple[str, Grade]] = {}
        """The id and the grade of its hit, by entry id."""
        self.unsent: dict[str, Event] = {}
        """Those of its events that are not known to be on disk, by event id, in order."""
        self.weighed: dict[str, float] = {}
        """How probable it was at most, by entry id."""
        self.first = self.last = frame.time
        self.arrived = frame.arrived  # the last of them

    def reaches(self, frame: Frame, reach: timedelta) -> bool:
        """Is it near enough in time? Within `reach` of the reads, and of no longer a pass than there may be."""
        time = frame.time
        if self.first - time > reach or time - self.last > reach:
            return False
        return max(self.last, time) - min(self.first, time) <= _LENGTH

    def add(self, frame: Frame) -> None:
        """Take a read in, unless it is a repeat: the same text at the same time."""
        self.arrived = max(self.arrived, frame.arrived)
        if any(frame.read.time == known.read.time and frame.text == known.text for known in self.frames):
            return
        self.frames.append(frame)
        self.first, self.last = min(self.first, frame.time), max(self.last, frame.time)
        if len(self.frames) > MOST_READS:
            # The least confident one, of equals the oldest: as a vehicle comes nearer, its reads get better.
            self.frames.remove(min(self.frames, key=lambda known: known.read.confidence or 0.0))

    def has_ended(self, now: datetime) -> bool:
        """May it be forgotten? While a hit is not known to be on disk, its source may send a read again, and the
        others that made the hit must still be here then.
        """
        return now - self.arrived > (_UNSENT_LIFE if self.unsent else _LIFE)


class _Reads:
    """What is held of a place."""

    __slots__ = ("arrived", "began", "count", "nbytes", "noted", "passes")

    def __init__(self, arrived: datetime) -> None:
        # Of no pass yet, until a read comes that may make a hit with them.
        self.noted: deque[Frame] = deque()
        self.passes: list[Pass] = []
        self.began = self.arrived = arrived  # the first of them, and the last
        self.count = self.nbytes = 0  # as the sums of all places have them

    def has_ended(self, now: datetime) -> bool:
        return now - self.arrived > _LIFE and all(passing.has_ended(now) for passing in self.passes)


class Sample(Protocol):
    """Who takes passes that are over, but not all of them."""

    def wants(self) -> bool:
        """Another one? Most are looked for only then."""

    def add(self, reads: list[Read]) -> None:
        """The reads of one."""


class Passes:
    """The passes under way. `window`: seconds between reads of one pass that have no `pass_id`; 0 leaves those alone.

    At most `most` reads are held, but for those of one call. `on_strange_ids` is called with a camera, once for each,
    whose ids do not tell vehicles apart; `strange_ids` counts the reads in which that showed.
    `sample` gets the reads of passes that are over, while it wants any.
    """

    def __init__(
        self,
        window: float = WINDOW,
        *,
        most: int = _MOST_HELD,
        most_bytes: int = _MOST_BYTES,
        on_strange_ids: Callable[[str | None], None] = lambda _: None,
        sample: Sample | None = None,
    ) -> None:
        self._window = timedelta(seconds=window)
        self._most = most
        self._most_bytes = most_bytes
        self._places: OrderedDict[_Place, _Reads] = OrderedDict()  # where nothing has arrived for longest first
        self._count = self._nbytes = 0
        self._on_strange_ids = on_strange_ids
        self._sample = sample
        self._strange: set[str | None] = set()
        self.strange_ids = 0

    def __len__(self) -> int:
        """How many reads are held."""
        return self._count

    @property
    def nbytes(self) -> int:
        """About what they take in memory."""
        return self._nbytes

    def join(
        self, reads: Sequence[Read], now: datetime, *, promising: Set[int], refused: Set[int]
    ) -> dict[int, tuple[Pass, Frame]]:
        """Take in what arrives now: by place in `reads`, the passes they belong to, and they themselves in them.

        Only those in whose pass there is a read that may be part of a hit, which `promising` says of these reads;
        the others are but noted. `refused` ones are left out, and a repeat changes nothing.
        """
        self.forget(now)
        joined: dict[int, tuple[Pass, Frame]] = {}
        for row, read in enumerate(reads):
            if row in refused:
                continue
            frame = Frame(read, now)
            if read.pass_id is None and (read.camera_id is None or not self._window):
                if row in promising:
                    joined[row] = Pass(frame), frame
                self._is_over([frame])
                continue
            place = (read.camera_id, read.pass_id)
            held = self._places.get(place)
            if held is None:
                held = self._places[place] = _Reads(now)
            elif held.arrived is not now:
                held.arrived = now
                self._places.move_to_end(place)
            if held.passes or row in promising:
                passing = self._pass(held, frame, now, row in promising)
                self._weigh(held)
                if passing is not None:
                    joined[row] = passing, frame
                    continue
            # Most reads come here, and nowhere else: to note them has to be cheap.
            if read.pass_id is not None and held.noted and now - held.began > _LENGTH:
                self._doubt(held, frame)
            self._note(held, frame, now)
        return joined

    def forget(self, now: datetime) -> None:
        """Let go of what has ended, and of the oldest if too much is held."""
        for _ in range(len(self._places)):
            place, held = next(iter(self._places.items()))
            too_many = self._count > self._most or self._nbytes > self._most_bytes
            if now - held.arrived <= _LIFE and not too_many:
                return
            # What is not on disk is the last to go: its source will send it again, but perhaps not all of a pass.
            far_too_many = self._count > 2 * self._most or self._nbytes > 2 * self._most_bytes
            unsent = any(passing.unsent for passing in held.passes)
            if held.has_ended(now) or (too_many and not unsent) or far_too_many:
                del self._places[place]
                for passing in held.passes:
                    self._is_over(passing.frames)
                for frame in held.noted:
                    self._ends(frame, held)
                self._count -= held.count
                self._nbytes -= held.nbytes
            else:
                self._places.move_to_end(place)

    def _note(self, held: _Reads, frame: Frame, now: datetime) -> None:
        noted = held.noted
        noted.append(frame)
        count, nbytes = 1, frame.nbytes
        while now - noted[0].arrived > _LIFE or len(noted) > _MOST_NOTED:
            self._ends(noted[0], held)
            count -= 1
            nbytes -= noted.popleft().nbytes
        held.count += count
        held.nbytes += nbytes
        self._count += count
        self._nbytes += nbytes

    def _weigh(self, held: _Reads) -> None:
        """Count anew what is held of a place."""
        self._count -= held.count
        self._nbytes -= held.nbytes
        frames = [*held.noted, *(frame for passing in held.passes for frame in passing.frames)]
        held.count, held.nbytes = len(frames), sum(frame.nbytes for frame in frames)
        self._count += held.count
        self._nbytes += held.nbytes

    def _pass(self, held: _Reads, frame: Frame, now: datetime, promising: bool) -> Pass | None:
        has_id = frame.read.pass_id is not None
        reach = _LIFE if has_id else self._window
        for passing in held.passes:
            if passing.has_ended(now):
                self._is_over(passing.frames)
        held.passes = [passing for passing in held.passes if not passing.has_ended(now)]
        near = [passing for passing in reversed(held.passes) if passing.reaches(frame, reach)]
        owners = [passing for passing in near for _ in passing.frames]
        texts = [known.text for passing in near for known in passing.frames]
        # Fragments, such as the last digits, may be of any vehicle: there the id decides.
        if places := alike(frame.text, texts, fragments=has_id):
            passing = owners[places[0]]
            passing.add(frame)
            return passing
        if has_id and near:
            self._is_strange(frame)
        return self._begin(held, frame, reach) if promising else None

    def _begin(self, held: _Reads, frame: Frame, reach: timedelta) -> Pass:
        """A new pass, with what has been noted of it."""
        passing = Pass(frame)
        noted = list(held.noted)
        places = alike(frame.text, [other.text for other in noted], fragments=frame.read.pass_id is not None)
        taken: set[int] = set()
        # From the nearest on: each that belongs to the pass may reach the next.
        for place in sorted(places, key=lambda place: abs(noted[place].time - frame.time)):
            if passing.reaches(noted[place], reach):
                passing.add(noted[place])
                taken.add(place)
        if taken:
            held.noted = deque(other for place, other in enumerate(noted) if place not in taken)
        if len(held.passes) >= MOST_PASSES:
            oldest = next((place for place, other in enumerate(held.passes) if not other.unsent), 0)
            self._is_over(held.passes.pop(oldest).frames)
        held.passes.append(passing)
        return passing

    def _ends(self, frame: Frame, held: _Reads) -> None:
        """A read of no pass is let go: it and those that would have been of one with it are over."""
        if frame.is_told or self._sample is None or not self._sample.wants():
            return
        passing = Pass(frame)
        has_id = frame.read.pass_id is not None
        reach = _LIFE if has_id else self._window
        others = [other for other in held.noted if other is not frame and not other.is_told]
        near = [other for other in others if passing.reaches(other, reach)]
        mates = [near[place] for place in alike(frame.text, [other.text for other in near], fragments=has_id)]
        for mate in mates:
            passing.add(mate)
        self._is_over(passing.frames)
        for mate in mates:  # a pass does not keep all
            mate.is_told = True

    def _is_over(self, frames: list[Frame]) -> None:
        if self._sample is None or not self._sample.wants() or any(frame.is_told for frame in frames):
            return
        for frame in frames:
            frame.is_told = True
        self._sample.add([frame.read for frame in frames])

    def _doubt(self, held: _Reads, frame: Frame) -> None:
        """An id that lasts longer than a pass: of one vehicle that stands there, or of none?"""
        if not alike(frame.text, [other.text for other in held.noted], fragments=True):
            self._is_strange(frame)

    def _is_strange(self, frame: Frame) -> None:
        self.strange_ids += 1
        camera_id = frame.read.camera_id
        if camera_id not in self._strange and len(self._strange) < _MOST_STRANGE:
            self._strange.add(camera_id)
            self._on_strange_ids(camera_id)
