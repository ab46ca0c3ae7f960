"""Times as senders write them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

from platewatch.errors import ZoneError
from platewatch.matching.reads import FIRST_YEAR, MOST_YEARS_AHEAD, moment_of
from platewatch.matching.values import KOREAN_TIME, zone_of

# An offset that has lost its sign: 2024-01-22T11:46:3100:00, 20200424T1616270000.
_LOST_SIGN: Final = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+?)?)(\d\d):(\d\d)|(\d{8}T\d{6})(\d\d)(\d\d)")
_LOST_PLUS: Final = re.compile(r"([T ]\d\d:\d\d:\d\d(?:\.\d+)?) (\d\d:?\d\d)")  # a + of a query is a blank
_OFFSET_BEFORE_NAME: Final = re.compile(r"(?<=[\dZ])\[[\w/+-]{1,40}\]$")  # as Java writes ...+09:00[Asia/Seoul]
_KST: Final = re.compile(r"(?<=:\d\d) ?KST$|(?<=\.\d{3}) ?KST$", re.IGNORECASE)
_SHORT_HOUR: Final = re.compile(r"([T ])(\d)(?=:\d\d)")
_HALF_DAY: Final = re.compile(r"(?<!\d)(1[0-2]|0?[1-9])(:\d\d(?::\d\d(?:\.\d{1,9})?)?) ?([AaPp])\.?[Mm]\.?$")
_DAY_FIRST: Final = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})")
_HOURS: Final = re.compile(r"(?:UTC|GMT)? ?([+-])?(\d{1,2})(?::(\d\d))?", re.IGNORECASE)
_DASHES: Final = re.compile(r"(\d{1,2})-(\d\d)-(\d\d)(?:[-.](\d{1,6}))?")


def moment(value: object, zone: tzinfo | None) -> datetime:
    """A time as it stands in a message, without an offset if it has none: RFC 3339 and its relatives, 20261123090000,
    seconds to nanoseconds since 1970. `zone` only tells which sign an offset has lost.

    Raises ValueError.
    """
    if isinstance(value, str):
        value = value.strip()
        if lost := _LOST_SIGN.fullmatch(value):
            clock = datetime.fromisoformat(lost[1] or lost[4])
            return clock.replace(tzinfo=_offset(clock, int(lost[2] or lost[5]), int(lost[3] or lost[6]), zone))
        value = _OFFSET_BEFORE_NAME.sub("", value, count=1)
        value = _KST.sub("+09:00", value, count=1)
        value = _LOST_PLUS.sub(r"\1+\2", value, count=1)
        value = _HALF_DAY.sub(_of_day, value, count=1)
        value = _SHORT_HOUR.sub(r"\g<1>0\2", value, count=1)
    return moment_of(value)


def day(value: object, *, month_first: bool = False) -> str:
    """A date as 2026-11-23: 23/11/2026, 20261123; 11/23/2026 where that is the only way, or the `month_first`.

    Raises ValueError.
    """
    if not isinstance(value, str):
        raise ValueError("no date")
    value = value.strip()
    if found := _DAY_FIRST.fullmatch(value):
        first, second, year = (int(part) for part in found.groups())
        month, date = (first, second) if second > 12 or (month_first and first <= 12) else (second, first)
        return f"{year:04}-{month:02}-{date:02}"
    if value.isdecimal() and len(value) == 8:
        return f"{value[:4]}-{value[4:6]}-{value[6:]}"
    return value.replace("/", "-").replace(".", "-")


def clock(value: object) -> str:
    """A time of day as 09:00:00.123: 09-00-00-123, 090000, 9:00. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError("no time of day")
    value = value.strip()
    if found := _DASHES.fullmatch(value):
        return f"{found[1]:0>2}:{found[2]}:{found[3]}.{found[4] or 0}"
    if value.isdecimal() and len(value) in (6, 9):
        return f"{value[:2]}:{value[2:4]}:{value[4:6]}.{value[6:] or 0}"
    value = _HALF_DAY.sub(_of_day, value, count=1)
    return f"0{value}" if value[1:2] == ":" else value


def _of_day(half: re.Match[str]) -> str:
    hour = int(half[1]) % 12 + (12 if half[3] in "pP" else 0)
    return f"{hour:02}{half[2]}"


def plausible(when: datetime, received_at: datetime | None) -> bool:
    """Whether a clock may have shown it: neither before 2001 nor years ahead."""
    this_year = time.gmtime().tm_year if received_at is None else received_at.year
    return FIRST_YEAR <= when.year <= this_year + MOST_YEARS_AHEAD


def best(values: Iterable[object], zone: tzinfo | None, received_at: datetime | None) -> object:
    """The first of several that is a time; if none is, the first that is something; None if nothing is."""
    given = None
    for value in values:
        if value is None or value == "":
            continue
        given = value if given is None else given
        try:
            when = value if isinstance(value, datetime) else moment(value, zone)
        except (ValueError, OverflowError):
            continue
        if plausible(when, received_at):
            return when
    return given


def since_1970(seconds: object, millis: object = 0) -> datetime:
    """UTC of seconds, which may be text, and milliseconds of a field beside them. Raises ValueError."""
    when = moment_of(seconds)
    if isinstance(millis, str) and millis.strip().isdecimal():
        millis = int(millis)
    if type(millis) is int and 0 <= millis < 1000 and not when.microsecond:
        when += timedelta(milliseconds=millis)
    return when


def as_local(when: datetime) -> datetime:
    """What a clock shows that was counted as if it were UTC."""
    return when.astimezone(UTC).replace(tzinfo=None)


def _offset(clock: datetime, hours: int, minutes: int, zone: tzinfo | None) -> tzinfo:
    amount = timedelta(hours=hours, minutes=minutes)
    if not amount:
        return UTC
    of_zone = clock.replace(tzinfo=zone).utcoffset() if zone is not None else None
    if of_zone is None or abs(of_zone) != amount:
        raise ValueError("an offset without a sign")
    return timezone(of_zone)


def zone_of_text(text: str) -> tzinfo | None:
    """+09:00, +0900, Z, GMT+9, 9, KST or Asia/Seoul; None for what is none."""
    if text.strip().upper() == "KST":
        return KOREAN_TIME
    if hours := _HOURS.fullmatch(text.strip()):
        text = f"{hours[1] or '+'}{hours[2]:0>2}:{hours[3] or '00'}"
    try:
        return datetime.fromisoformat(f"2026-01-01T00:00:00{text.strip()}").tzinfo
    except ValueError:
        pass
    try:
        return zone_of(text.strip())
    except ZoneError:
        return None
