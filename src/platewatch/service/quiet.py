"""Hits that are not told again while their vehicle just stands there: a parked car is read every few seconds."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from platewatch.service.passes import LENGTH
from platewatch.service.policy import Grade

GONE: Final = 10.0
"""A vehicle that has not been read for so many seconds had gone, and if it is read again, it has come back; unless set
otherwise."""

_MOST: Final = 100_000  # hits


class _Sighting(NamedTuple):
    told: datetime
    last: datetime
    grade: Grade
    least: timedelta = timedelta()  # for which it is not told again, whatever is asked


class Quiet:
    """What was told a little while ago, by entry and camera. It is known by time of reading, in memory only; at a
    start, from the outbox.

    `gone`: seconds without a read after which a vehicle has gone.
    """

    def __init__(self, gone: float = GONE, *, most: int = _MOST) -> None:
        self._gone = timedelta(seconds=gone)
        self._sightings: OrderedDict[tuple[str, str], _Sighting] = OrderedDict()  # told longest ago first
        self._most = most

    def __len__(self) -> int:
        return len(self._sightings)

    def holds(self, entry_id: str, camera_id: str | None, grade: Grade, time: datetime, seconds: float) -> bool:
        """Has this hit been told within `seconds`, with no worse a grade, and has its vehicle been there since?

        Notes that the vehicle is there now. A read of no known camera is told.
        """
        if camera_id is None:
            return False
        key = (entry_id, camera_id)
        known = self._sightings.get(key)
        if known is None or not known.told - self._gone < time < known.last + self._gone:
            return False
        self._sightings[key] = known._replace(last=max(known.last, time))
        is_better = grade == "notify" and known.grade == "check"
        return not is_better and time - known.told < max(timedelta(seconds=seconds), known.least)

    def told(self, entry_id: str, camera_id: str | None, grade: Grade, time: datetime) -> None:
        """A hit is on disk."""
        if camera_id is None:
            return
        key = (entry_id, camera_id)
        known = self._sightings.pop(key, None)
        last = time if known is None else max(known.last, time)
        self._sightings[key] = _Sighting(time, last, grade)
        if len(self._sightings) > self._most:
            self._sightings.popitem(last=False)

    def recall(self, entry_id: str, camera_id: str, grade: Grade, time: datetime) -> None:
        """A hit was told before a start, maybe in the middle of a pass, which is then known no more."""
        self.told(entry_id, camera_id, grade, time)
        key = (entry_id, camera_id)
        self._sightings[key] = self._sightings[key]._replace(least=timedelta(seconds=LENGTH))

    def forget(self, now: datetime, seconds: float) -> None:
        """Let go of what was told longer ago than any hit is quiet for, by the clock of what is read."""
        while self._sightings:
            key, oldest = next(iter(self._sightings.items()))
            if now - max(oldest.last, oldest.told) <= max(timedelta(seconds=seconds), self._gone, oldest.least):
                return
            del self._sightings[key]
