"""The alarm budget: how many hits operators are told of, and how many they would be at other thresholds.

It counts and says; it never changes a threshold. Counts only, in memory: no plate, no read.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from typing import Annotated, Any, Final

import structlog
from msgspec import Meta, Struct

from platewatch.service.policy import Grade

_MINUTES: Final = 60
THRESHOLDS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class BudgetSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many alarms an hour one of so many operators can look at: published figures say ten."""

    alarms_an_hour: Annotated[float, Meta(gt=0, le=1e6)] = 10.0
    operators: Annotated[int, Meta(ge=1)] = 1


_DEFAULT: Final = BudgetSettings()


class _Minute:
    __slots__ = ("number", "told", "weighed")

    def __init__(self, number: int) -> None:
        self.number = number
        self.told = {"notify": 0, "check": 0}
        self.weighed = [0] * (len(THRESHOLDS) + 1)  # by how many thresholds the probability reaches


class Budget:
    """What the last hour cost. `clock` is monotonic, in seconds."""

    def __init__(self, settings: BudgetSettings = _DEFAULT, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.allowed: Final = settings.alarms_an_hour * settings.operators
        self._clock = clock
        self._begun = clock()
        self._minutes: deque[_Minute] = deque()
        self._warned = False

    def weighed(self, before: float | None, probability: float) -> None:
        """A listed plate is now this probable in a pass, and was `before` by fewer of its reads."""
        weighed = self._now().weighed
        if before is not None:
            weighed[bisect_right(THRESHOLDS, before)] -= 1
        weighed[bisect_right(THRESHOLDS, probability)] += 1

    def told(self, grade: Grade) -> None:
        """A hit was told. Says so in the log, once an overrun, if it was one too many."""
        self._now().told[grade] += 1
        told = self._told()
        if told <= self.allowed:
            self._warned = False
        elif not self._warned:
            self._warned = True
            _log.warning("more alarms in the last hour than operators can look at", told=told, allowed=self.allowed)

    def status(self, least: float = 0.0) -> dict[str, Any]:
        """Told in the last hour beside what is allowed; and at which threshold, from the `least` that is looked at, how
        many it would have been, an hour, exact reads apart, which are always told: from so many minutes.
        """
        self._now()
        minutes = min(_MINUTES, max(1.0, (self._clock() - self._begun) / 60))
        by_reach = [sum(column) for column in zip(*(minute.weighed for minute in self._minutes), strict=True)]
        return {
            "allowed_an_hour": self.allowed,
            "told": {grade: sum(minute.told[grade] for minute in self._minutes) for grade in ("notify", "check")},
            "overrun": self._told() > self.allowed,
            "minutes": round(minutes, 1),
            "at_threshold": [
                {"probability": threshold, "alarms_an_hour": round(_MINUTES * sum(by_reach[place + 1 :]) / minutes, 1)}
                for place, threshold in enumerate(THRESHOLDS)
                if threshold >= least
            ],
        }

    def _told(self) -> int:
        return sum(sum(minute.told.values()) for minute in self._minutes)

    def _now(self) -> _Minute:
        number = int(self._clock() // 60)
        if not self._minutes or self._minutes[-1].number != number:
            self._minutes.append(_Minute(number))
        while self._minutes[0].number <= number - _MINUTES:
            self._minutes.popleft()
        return self._minutes[-1]
