"""What the fields of an entry may be: the values that people's lists, tables and programs have for them.

A converter returns None for what is blank, and raises TypeError or ValueError that says what is wrong.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

KOREAN_TIME: Final = timezone(timedelta(hours=9), "KST")

MatchMode: TypeAlias = Literal["fuzzy", "exact"]
"""How an entry matches: reads within the edits that are asked for, or only reads without any."""

Zone: TypeAlias = "tzinfo | str"
"""A time zone, or its name in the IANA database, such as Asia/Seoul."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime.max.replace(tzinfo=UTC)
_MOST_PRIORITY = 2**31 - 1  # an index holds it in 32 bits

# What tables and databases write where there is nothing; some of it in capitals is somebody's plate.
_NO_VALUE = frozenset({"NaN", "nan", "NaT", "<NA>", "N/A", "n/a", "None", "null"})
_NO_NUMBER = _NO_VALUE | {"-", "NA", "NULL", "NONE"}
_NO_WEIGHT = (_NO_NUMBER - {"nan", "NaN"}) | {""}  # written as a number
_URGENT = frozenset({"긴급", "urgent", "y", "yes", "o", "예", "true"})
_ORDINARY = frozenset({"일반", "보통", "ordinary", "normal", "n", "no", "x", "아니오", "아니요", "false"})
_MODES: dict[str, MatchMode] = {
    **dict.fromkeys(("fuzzy", "lenient", "유사", "유사일치"), "fuzzy"),
    **dict.fromkeys(("exact", "strict", "정확", "정확일치", "완전일치"), "exact"),
}

_NOT_FINITE = re.compile(rb"[:\[,]\s*-?(?:NaN|Infinity)\b")

_DATE = re.compile(r"(\d{4})(?:-(\d{1,2})-(\d{1,2})|/(\d{1,2})/(\d{1,2})|\. ?(\d{1,2})\. ?(\d{1,2})\.?|(\d\d)(\d\d))")
_KOREAN_DATE = re.compile(r"(\d{4})년 ?(\d{1,2})월 ?(\d{1,2})일")
_CLOCK = re.compile(r"(오전|오후)? ?(\d{1,2}):(\d\d)(?::(\d\d))?")

# What spreadsheets make of plates.
_ERROR_CELL = re.compile(r"#(N/A|REF!|VALUE!|NAME\?|DIV/0!|NULL!|NUM!|SPILL!|CALC!|GETTING_DATA|#+)")
_BROKEN_NUMBER = re.compile(r"\d+(?:[.,]\d+)?[eE]\+\d+|\d+\.0+")
_BROKEN_DATE = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?"
    r"|\d{1,2}-(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)(?:-\d{2,4})?"
    r"|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-\d{2,4}"
    r"|\d{1,2}월 \d{1,2}일"
)


def is_blank(value: object) -> bool:
    """None, "", NaN, NaT, NA: what tables have where there is nothing."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value or value.isspace() or value in _NO_VALUE
    if type(value).__name__ in {"NAType", "MaskedConstant"}:  # pandas need not be installed
        return True
    try:
        return bool(value != value)  # NaN and NaT, also numpy's, are not equal to themselves
    except (TypeError, ValueError, ArithmeticError):
        return False


def text(value: object) -> str | None:
    """Text in NFC without blanks around it; a number, such as a code, is the text of its digits."""
    if isinstance(value, str):
        return _text(value) or None
    if is_blank(value):
        return None
    number = _whole(value)
    if number is not None:
        return str(number)
    if isinstance(value, Real | Decimal) and not _is_bool(value):
        return repr(float(value))
    raise TypeError("not text")


def identifier(value: object) -> str | None:
    """Text, a whole number or a UUID."""
    if isinstance(value, UUID):
        return str(value)
    if not isinstance(value, str) and not is_blank(value) and _whole(value) is None:
        raise TypeError("neither text nor a whole number")
    return text(value)


def plate(value: object) -> str | None:
    """Text that no spreadsheet has made something else of."""
    if is_blank(value):
        return None
    if isinstance(value, date):
        raise TypeError("a date, which is what spreadsheets make of some plates: format the column as text")
    if not isinstance(value, str):
        if isinstance(value, float):
            raise TypeError("a number, which is what spreadsheets make of some plates: format the column as text")
        raise TypeError("not text")
    stripped = _text(value)
    if stripped and (stripped[0] in "#0123456789" or stripped[0].isupper()):
        _refuse_what_spreadsheets_break(stripped)
    return stripped or None


def _refuse_what_spreadsheets_break(stripped: str) -> None:
    if _ERROR_CELL.fullmatch(stripped):
        raise ValueError("an error of the spreadsheet instead of a plate")
    if _BROKEN_NUMBER.fullmatch(stripped):
        raise ValueError("a number, which is what spreadsheets make of some plates: format the column as text")
    if _BROKEN_DATE.fullmatch(stripped):
        raise ValueError("a date, which is what spreadsheets make of some plates: format the column as text")


def priority(value: object) -> int | None:
    """A whole number of 32 bits; 긴급, urgent or yes is 1, 일반 or no is none."""
    if is_blank(value):
        return None
    number = _whole(value)
    if number is None and isinstance(value, str):
        word = value.strip()
        if word in _NO_NUMBER or word.casefold() in _ORDINARY:
            return None
        if word.casefold() in _URGENT:
            return 1
        try:
            number = int(word)
        except ValueError:
            try:
                number = _whole(float(word))
            except ValueError:
                number = None
    if number is None:
        raise ValueError("not a whole number")
    if abs(number) > _MOST_PRIORITY:
        raise ValueError(f"not a whole number from {-_MOST_PRIORITY} to {_MOST_PRIORITY}")
    return number


def weight(value: object) -> float | None:
    """A positive number."""
    if isinstance(value, str):
        if value.strip() in _NO_WEIGHT:
            return None
    elif is_blank(value):
        return None
    try:
        number = float(value) if isinstance(value, Real | Decimal | str) and not _is_bool(value) else None
    except (ValueError, OverflowError):
        number = None
    if number is None or not 0 < number < float("inf"):
        raise ValueError("not a positive number")
    return number


def match_mode(value: object) -> MatchMode | None:
    """fuzzy or exact, also in the words of other systems."""
    word = text(value)
    if word is None or word in _NO_NUMBER:
        return None
    mode = _MODES.get("".join(word.casefold().split()))
    if mode is None:
        raise ValueError("neither fuzzy nor exact")
    return mode


def moment(value: object, zone: tzinfo = KOREAN_TIME, *, ends: bool = False) -> datetime | None:
    """A date or a time with an offset, that of `zone` where none is given; a date that `ends` something holds its
    whole day.
    """
    if isinstance(value, str):
        value = value.strip()
        if not value or value in _NO_NUMBER:
            return None
        value = parse_moment(value)
    elif is_blank(value):
        return None
    elif (number := _whole(value)) is not None and 10**7 <= number < 10**8:  # 20260102, as spreadsheets have it
        value = parse_moment(str(number))
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=zone)
    if type(value).__name__ == "datetime64":  # numpy's; a count of something is none
        exact = value.item()  # type: ignore[attr-defined]
        if isinstance(exact, int):  # nanoseconds
            exact = value.astype("datetime64[us]").item()  # type: ignore[attr-defined]
        if isinstance(exact, datetime):
            return exact.replace(tzinfo=zone)
        value = exact
    if not isinstance(value, date):
        raise TypeError(_NO_MOMENT)
    try:
        day = value + timedelta(days=1) if ends else value
    except OverflowError:
        return _LATEST
    return datetime.combine(day, time(), zone)


_NO_MOMENT = "not a date or time as 2026-11-23 or 2026-11-23T09:00:00+09:00"


def parse_moment(value: str) -> date | datetime:
    """A date, or a time with or without an offset. Raises ValueError."""
    found = _DATE.match(value) or _KOREAN_DATE.match(value)
    try:
        if found is None:
            return datetime.fromisoformat(value)
        year, month, day = (int(part) for part in found.groups() if part)
        rest = value[found.end() :].strip()
        if not rest:
            return date(year, month, day)
        if clock := _CLOCK.fullmatch(rest):
            half, hour, minute, second = clock.groups()
            hours = int(hour) if half is None else int(hour) % 12 + (12 if half == "오후" else 0)
            return datetime(year, month, day, hours, int(minute), int(second or 0))  # noqa: DTZ001 - as it stands there
        return datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(_NO_MOMENT) from None


def without_nan(data: bytes) -> bytes:
    """JSON with null for each NaN and Infinity, which programs write though JSON has none."""
    if not _NOT_FINITE.search(data):
        return data
    try:
        return json.dumps(json.loads(data, parse_constant=lambda _: None)).encode()
    except (ValueError, RecursionError):
        return data


def as_day(value: object) -> object:
    """A date for a time at midnight without an offset, as tables have dates; anything else as it is."""
    return value.date() if isinstance(value, datetime) and value.tzinfo is None and value.time() == time() else value


def zone_of(zone: Zone | None) -> tzinfo:
    """Korean time if there is none. Raises ValueError for a name that is no time zone."""
    if zone is None:
        return KOREAN_TIME
    if not isinstance(zone, str):
        return zone
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("not a time zone such as Asia/Seoul") from None


def microseconds(when: datetime | None) -> int | None:
    """Microseconds since 1970 UTC; a time without an offset is Korean."""
    if when is None:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=KOREAN_TIME)
    return (when - _EPOCH) // timedelta(microseconds=1)


def converters(zone: tzinfo = KOREAN_TIME) -> dict[str, Callable[[object], Any]]:
    """The converter of each field of an entry; times without an offset are of `zone`."""
    return {
        "id": identifier,
        "plate": plate,
        "category": text,
        "priority": priority,
        "valid_from": lambda value: moment(value, zone),
        "valid_until": lambda value: moment(value, zone, ends=True),
        "agency": text,
        "note": text,
        "weight": weight,
        "match": match_mode,
    }


def _text(value: str) -> str:
    if value.isascii():
        return str(value.strip())
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("not valid UTF-8") from None
    return unicodedata.normalize("NFC", value.strip())


def _is_bool(value: object) -> bool:
    return isinstance(value, bool) or type(value).__name__ in {"bool", "bool_"}


def _whole(value: object) -> int | None:
    """A number that is whole, whatever its type; None if it is none."""
    if _is_bool(value):
        return None
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real | Decimal) and float(value).is_integer():
        return int(float(value))
    return None
