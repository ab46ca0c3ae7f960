"""Which reads are of one vehicle going by one camera. They are held in memory only, for a while, and then forgotten.

Reads belong together if they have the same camera and `pass_id`; or, without a `pass_id`, if they are of the same
camera, near in time and similar. A read with neither a camera nor a `pass_id` is always by itself.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence, Set
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeAlias

from platewatch._core import normalize
from platewatch.matching.reads import Read
from platewatch.service.policy import Grade

WINDOW: Final = 2.0
"""Seconds between reads of one pass that have no `pass_id`, unless set otherwise."""

LIFE: Final = 30
"""Seconds for which a read is held. With the same `pass_id` reads farther apart are of two passes, too: cameras count
from 1 again after a restart."""

MOST_READS: Final = 5
"""Reads that a pass holds: what they cost together grows faster than their number."""

_LIFE: Final = timedelta(seconds=LIFE)
_UNSENT_LIFE: Final = timedelta(hours=1)  # for a source to send a read again that could not be acknowledged
_MOST_HELD: Final = 100_000  # reads of all cameras: some kilobytes each if their characters have alternatives
_MOST_NOTED: Final = 256  # reads of one camera

# Reads of one plate rarely differ more; two vehicles in a row rarely have so much in common.
_MOST_EDITS: Final = 3
_LEAST_COMMON: Final = 5

_Place: TypeAlias = tuple[str | None, str | None]
"""Where reads may belong together: a camera, and a `pass_id` or None."""


class Frame(NamedTuple):
    """A read in a pass, and when it arrived."""

    read: Read
    arrived: datetime

    @property
    def time(self) -> datetime:
        """When the plate was read; if that is not known, when the read arrived."""
        return self.read.time or self.arrived

    @property
    def text(self) -> str:
        """The canonical text."""
        return normalize(self.read.text, read=True)


class Pass:
    """The reads of one vehicle going by one camera, and what has been told of it."""

    __slots__ = ("arrived", "first", "frames", "hits", "last", "unsent")

    def __init__(self, frame: Frame) -> None:
        self.frames = [frame]
        self.hits: dict[str, tuple[str, Grade]] = {}
        """The id and the grade of its hit, by entry id."""
        self.unsent: dict[str, bytes] = {}
        """Those of its events that are not known to be on disk, by event id, in order."""
        self.first = self.last = frame.time
        self.arrived = frame.arrived  # the last of them

    def may_hold(self, frame: Frame, reach: timedelta) -> bool:
        """Is it of this vehicle? Within `reach` of its other reads and, unless a `pass_id` says so, similar to one."""
        if self.first - frame.time > reach or frame.time - self.last > reach:
            return False
        if frame.read.pass_id is not None:
            return True
        text = frame.text
        return any(_alike(text, known.text) for known in self.frames)

    def add(self, frame: Frame) -> int:
        """Take a read in, unless it is a repeat: the same text at the same time. Returns how many more are held."""
        self.arrived = max(self.arrived, frame.arrived)
        if any(frame.read.time == known.read.time and frame.text == known.text for known in self.frames):
            return 0
        self.frames.append(frame)
        self.first, self.last = min(self.first, frame.time), max(self.last, frame.time)
        if len(self.frames) <= MOST_READS:
            return 1
        # The least confident one, of equals the oldest: as a vehicle comes nearer, its reads get better.
        self.frames.remove(min(self.frames, key=lambda known: known.read.confidence or 0.0))
        return 0

    def has_ended(self, now: datetime) -> bool:
        """May it be forgotten? While a hit is not known to be on disk, its source may send a read again, and the
        others that made the hit must still be here then.
        """
        return now - self.arrived > (_UNSENT_LIFE if self.unsent else _LIFE)


class _Reads:
    """What is held of a place."""

    __slots__ = ("arrived", "noted", "passes")

    def __init__(self, arrived: datetime) -> None:
        # With their arrival: of no pass yet, until a read comes that may make a hit with them.
        self.noted: deque[tuple[Read, datetime]] = deque()
        self.passes: list[Pass] = []
        self.arrived = arrived  # the last of them

    def __len__(self) -> int:
        return len(self.noted) + sum(len(passing.frames) for passing in self.passes)

    def has_ended(self, now: datetime) -> bool:
        return now - self.arrived > _LIFE and all(passing.has_ended(now) for passing in self.passes)


class Passes:
    """The passes under way. `window`: seconds between reads of one pass that have no `pass_id`; 0 leaves those alone.

    At most `most` reads are held, but for those of one call.
    """

    def __init__(self, window: float = WINDOW, *, most: int = _MOST_HELD) -> None:
        self._window = timedelta(seconds=window)
        self._most = most
        self._places: OrderedDict[_Place, _Reads] = OrderedDict()  # where nothing has arrived for longest first
        self._count = 0

    def __len__(self) -> int:
        """How many reads are held."""
        return self._count

    def join(
        self, reads: Sequence[Read], now: datetime, *, promising: Set[int], refused: Set[int]
    ) -> dict[int, tuple[Pass, Frame]]:
        """Take in what arrives now: by place in `reads`, the passes they belong to, and they themselves in them.

        Only those in whose pass there is a read that may be part of a hit, which `promising` says of these reads;
        the others are but noted. `refused` ones are left out, and a repeat changes nothing.
        """
        self._forget(now)
        joined: dict[int, tuple[Pass, Frame]] = {}
        for row, read in enumerate(reads):
            if row in refused:
                continue
            if read.pass_id is None and (read.camera_id is None or not self._window):
                if row in promising:
                    frame = Frame(read, now)
                    joined[row] = Pass(frame), frame
                continue
            place = (read.camera_id, read.pass_id)
            held = self._places.get(place)
            if held is None:
                held = self._places[place] = _Reads(now)
            elif held.arrived is not now:
                held.arrived = now
                self._places.move_to_end(place)
            if (held.passes or row in promising) and (passing := self._pass(held, read, now, row in promising)):
                joined[row] = passing
                continue
            # Most reads come here, and nowhere else: to note them has to be cheap.
            noted = held.noted
            noted.append((read, now))
            self._count += 1
            while now - noted[0][1] > _LIFE or len(noted) > _MOST_NOTED:
                noted.popleft()
                self._count -= 1
        return joined

    def _pass(self, held: _Reads, read: Read, now: datetime, promising: bool) -> tuple[Pass, Frame] | None:
        reach = self._window if read.pass_id is None else _LIFE
        frame = Frame(read, now)
        while held.passes and held.passes[0].has_ended(now):
            self._count -= len(held.passes.pop(0).frames)
        for passing in reversed(held.passes):
            if passing.may_hold(frame, reach):
                self._count += passing.add(frame)
                return passing, frame
        return (self._begin(held, frame, reach), frame) if promising else None

    def _begin(self, held: _Reads, frame: Frame, reach: timedelta) -> Pass:
        """A new pass, with what has been noted of it."""
        self._count -= len(held)
        passing = Pass(frame)
        others: list[Frame] = []
        # From the nearest on: each that belongs to the pass may reach the next.
        noted = [Frame(read, arrived) for read, arrived in held.noted]
        for other in sorted(noted, key=lambda other: abs(other.time - frame.time)):
            if passing.may_hold(other, reach):
                passing.add(other)
            else:
                others.append(other)
        held.noted = deque((other.read, other.arrived) for other in sorted(others, key=lambda other: other.arrived))
        held.passes.append(passing)
        self._count += len(held)
        return passing

    def _forget(self, now: datetime) -> None:
        """Let go of what has ended, and of the oldest if too many reads are held."""
        for _ in range(len(self._places)):
            place, held = next(iter(self._places.items()))
            too_many = self._count > self._most
            if now - held.arrived <= _LIFE and not too_many:
                return
            if held.has_ended(now) or (too_many and not any(passing.unsent for passing in held.passes)):
                del self._places[place]
                self._count -= len(held)
            else:
                self._places.move_to_end(place)


def _alike(a: str, b: str) -> bool:
    """May two canonical texts be of one plate?"""
    if a == b:
        return True
    most = min(_MOST_EDITS, max(len(a), len(b)) - _LEAST_COMMON)
    # The first is cheap, and rules out most texts of two plates.
    return sum(map(b.__contains__, a)) >= _LEAST_COMMON and _edits(a, b) <= most


def _edits(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, ours in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, theirs in enumerate(b, 1):
            diagonal, row[j] = row[j], min(diagonal + (ours != theirs), row[j] + 1, row[j - 1] + 1)
    return row[-1]
