"""Genetec AutoVu. Date and time stand apart, in UTC; a date has its day first, its month first, or its year."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from platewatch.errors import FormatError
from platewatch.formats import times
from platewatch.formats.confidences import PERCENT
from platewatch.formats.frame import Findings
from platewatch.formats.messages import Message
from platewatch.formats.shapes import first, paths, shape

READ: Final = shape(
    "Plate", time="DateUtc", camera="CameraName", confidence="ConfidenceScore", scale=PERCENT, engine="genetec"
)
CLOCK: Final = paths("TimeUtc")


def parse(message: Message, found: Findings) -> None:
    for read in found.objects():
        if "Plate" in read:
            found.read(read, READ, time=_time(read, message))
        elif "CameraName" in read:
            found.ignore("no_plate", read["CameraName"])
        else:
            found.reject(FormatError("missing", field="Plate"))


def _time(read: dict[str, Any], message: Message) -> object:
    day, clock = first(read, READ.time)[0], first(read, CLOCK)[0]
    if day is None or clock is None:
        return day if clock is None else clock
    found: list[datetime] = []
    for month_first in (False, True):
        try:
            when = times.moment(f"{times.day(day, month_first=month_first)} {times.clock(clock)}", UTC)
        except ValueError:
            continue
        found.append(when if when.tzinfo is not None else when.replace(tzinfo=UTC))
    if not found:
        return day
    arrived = message.received_at
    if arrived is None:
        return found[0]
    # The later of two readings would often be one of the future.
    return min(found, key=lambda when: (when > arrived + timedelta(days=1), abs(arrived - when)))
