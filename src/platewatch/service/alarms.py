"""What somebody should see to: raised once, told in the log, the status and the metrics, until it is over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

import structlog

MOST: Final = 10_000
"""Alarms at once that are told one by one; more are counted."""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class Alarm(NamedTuple):
    """What is wrong, with what, why, and since when."""

    kind: str
    about: str
    reason: str
    since: datetime


class Alarms:
    """Those that are on. An alarm is known by its kind and what it is about, such as a feed or a camera."""

    def __init__(self) -> None:
        self._on: dict[tuple[str, str], Alarm] = {}
        self.left_out = 0
        """Those that were not raised, as there were too many."""

    def set(self, kind: str, about: str, reason: str) -> None:
        """Raise one, unless it is on for the same reason."""
        known = self._on.get((kind, about))
        if known is not None and known.reason == reason:
            return
        if known is None and len(self._on) >= MOST:
            self.left_out += 1
            return
        since = datetime.now(UTC) if known is None else known.since
        self._on[kind, about] = Alarm(kind, about, reason, since)
        _log.error("alarm", alarm=kind, about=about, reason=reason)

    def clear(self, kind: str, about: str) -> None:
        """It is over, if it was on."""
        if self._on.pop((kind, about), None) is not None:
            _log.info("alarm over", alarm=kind, about=about)

    def __iter__(self) -> Iterator[Alarm]:
        return iter(list(self._on.values()))

    def __len__(self) -> int:
        return len(self._on)

    def of(self, kind: str) -> list[Alarm]:
        """Those of a kind."""
        return [alarm for alarm in self if alarm.kind == kind]
