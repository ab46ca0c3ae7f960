"""What the fields of an entry may be: the values that people's lists, tables and programs have for them.

A converter returns None for what is blank, and raises TypeError or ValueError that says what is wrong.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from platewatch.errors import ZoneError

KOREAN_TIME: Final = timezone(timedelta(hours=9), "KST")

MatchMode: TypeAlias = Literal["fuzzy", "exact"]
"""How an entry matches: reads within the edits that are asked for, or only reads without any."""

Zone: TypeAlias = "tzinfo | str"
"""A time zone, or its name in the IANA database, such as Asia/Seoul."""

NOT_UTF8: Final = "not valid UTF-8"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime.max.replace(tzinfo=UTC)
_MOST_PRIORITY = 2**31 - 1  # an index holds it in 32 bits

# What people, tables and databases write where there is nothing; some of it in capitals is somebody's plate.
NO_PLATE: Final = frozenset({"NaN", "nan", "NaT", "<NA>", "N/A", "n/a", "None", "null"})
_NOTHING = NO_PLATE | {"", "-", "NA", "NULL", "NONE"}
_NO_WEIGHT = _NOTHING - {"nan", "NaN"}  # written as a number
_URGENT = frozenset({"긴급", "urgent", "y", "yes", "o", "예", "true"})
_ORDINARY = frozenset({"일반", "보통", "ordinary", "normal", "n", "no", "x", "아니오", "아니요", "false"})
_MODES: dict[str, MatchMode] = {
    **dict.fromkeys(("fuzzy", "lenient", "유사", "유사일치"), "fuzzy"),
    **dict.fromkeys(("exact", "strict", "정확", "정확일치", "완전일치"), "exact"),
}

_COVERT = frozenset({"y", "yes", "o", "예", "true", "1", "비공개", "대외비", "비밀", "covert", "secret"})
_OPEN = frozenset({"n", "no", "x", "아니오", "아니요", "false", "0", "공개", "일반", "open"})

_LONGEST_NUMBER = 400  # digits; no floating-point number is greater
_WHOLE_TEXT = re.compile(r"(-?\d+)\.0+")  # a whole number that was a float, as pandas writes a column with gaps
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(?:(\d\d)(\d{3})?)?")
_LEAP_SECOND = re.compile(r"(:\d\d):60(?!\d)")
_END_OF_DAY = re.compile(r"(?<=[\d.일][ T])24(:00(?::00(?:\.0+)?)?)(?![\d:.])")
_DATE = re.compile(r"(\d{4})(?:-(\d{1,2})-(\d{1,2})|/(\d{1,2})/(\d{1,2})|\. ?(\d{1,2})\. ?(\d{1,2})\.?|(\d\d)(\d\d))")
_KOREAN_DATE = re.compile(r"(\d{4})년 ?(\d{1,2})월 ?(\d{1,2})일")
_KOREAN_CLOCK = re.compile(r"(\d{1,2})시 ?(\d{1,2})분(?: ?(\d{1,2})초)?$")
_HOUR = re.compile(r"(?:(오전|오후) ?)?(\d{1,2})(?=:)")

# What spreadsheets make of plates.
_ERROR_CELL = re.compile(r"#(N/A|REF!|VALUE!|NAME\?|DIV/0!|NULL!|NUM!|SPILL!|CALC!|GETTING_DATA|#+)")
_BROKEN_NUMBER = re.compile(r"\d+(?:[.,]\d+)?[eE]\+\d+|\d+\.0+")
_BROKEN_DATE = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?"
    r"|\d{1,2}-(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)(?:-\d{2,4})?"
    r"|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-\d{2,4}"
    r"|\d{1,2}월 \d{1,2}일"
)


def is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def is_blank(value: object) -> bool:
    """None, "", NaN, NaT, NA: what tables have where there is nothing."""
    if value is None:
        return True
    if isinstance(value, str):
        word = value.strip()
        return not word or word in NO_PLATE
    if type(value).__name__ in {"NAType", "MaskedConstant"}:  # pandas need not be installed
        return True
    try:
        return bool(value != value)  # NaN and NaT, also numpy's, are not equal to themselves
    except Exception:  # other people's types raise anything
        return False


def text(value: object) -> str | None:
    """Text in NFC without blanks around it; a number is the text of its digits."""
    if isinstance(value, str):
        stripped = _text(value)
        return None if stripped in _NOTHING else stripped
    if is_blank(value):
        return None
    number = _whole(value)
    if number is not None:
        return _digits(number)
    if (fraction := _float(value)) is not None:
        return repr(fraction)
    raise TypeError("not text")


def code(value: object) -> str | None:
    """Text, of which 1.0 is 1, as the number is."""
    word = _text(value) if isinstance(value, str) else text(value)
    if word is None or word in _NOTHING:
        return None
    return whole[1] if ".0" in word and (whole := _WHOLE_TEXT.fullmatch(word)) else word


def identifier(value: object) -> str | None:
    """Text, a whole number or a UUID; "1.0" is 1, as the number is."""
    if isinstance(value, str):
        return code(value)
    if isinstance(value, UUID):
        return str(value)
    if not is_blank(value) and _whole(value) is None:
        raise TypeError("neither text nor a whole number")
    return code(value)


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
        if word in _NOTHING or word.casefold() in _ORDINARY:
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
        number = float(value) if isinstance(value, str) else _float(value)
    except ValueError:
        number = None
    if number is None or not 0 < number < float("inf"):
        raise ValueError("not a positive number")
    return number


def match_mode(value: object) -> MatchMode | None:
    """fuzzy or exact, also in the words of other systems."""
    word = text(value)
    if word is None:
        return None
    mode = _MODES.get("".join(word.casefold().split()))
    if mode is None:
        raise ValueError("neither fuzzy nor exact")
    return mode


def covert(value: object) -> bool | None:
    """Yes or no, also in the words of other systems."""
    if _is_bool(value):
        return bool(value)
    word = code(value)
    if word is None:
        return None
    if word.casefold() in _COVERT:
        return True
    if word.casefold() in _OPEN:
        return False
    raise ValueError("neither yes nor no")


def moment(value: object, zone: tzinfo = KOREAN_TIME, *, ends: bool = False) -> datetime | None:
    """A date or a time with an offset, that of `zone` where none is given; a date that `ends` something holds its
    whole day.
    """
    if isinstance(value, str):
        value = value.strip()
        if value in _NOTHING:
            return None
        value = parse_moment(value)
    elif is_blank(value):
        return None
    elif isinstance(value, np.datetime64):
        value = _of_numpy(value)
    elif (number := _float(value)) is not None:  # 20260102, as spreadsheets have it
        value = parse_moment(str(int(number)) if number.is_integer() else str(number))
    if isinstance(value, datetime):
        return value if has_offset(value) else value.replace(tzinfo=zone)
    if not isinstance(value, date):
        raise TypeError(_NO_MOMENT)
    try:
        day = value + timedelta(days=1) if ends else value
    except OverflowError:
        return _LATEST
    return datetime.combine(day, time(), zone)


_NO_MOMENT = "not a date or time as 2026-11-23 or 2026-11-23T09:00:00+09:00"
_SERIAL_DATE = re.compile(r"[2-7]\d{4}(?:\.\d+)?")  # days since 1900, of 1954 to 2119
_FINER_THAN_PYTHON = frozenset({"ns", "ps", "fs", "as"})


def has_offset(when: datetime) -> bool:
    """Whether it is a moment, and not just what a clock shows. Raises ValueError for a zone that cannot tell."""
    if when.tzinfo is None:
        return False
    try:
        return when.utcoffset() is not None
    except Exception:  # other people's zones raise anything
        raise ValueError("has a time zone that gives no offset") from None


def _of_numpy(value: np.datetime64) -> object:
    exact = value.item()
    if isinstance(exact, int) and np.datetime_data(value.dtype)[0] in _FINER_THAN_PYTHON:
        return value.astype("datetime64[us]").item()
    return exact  # a number where it is beyond what Python has


def parse_moment(value: str) -> date | datetime:
    """A date, or a time with or without an offset. Raises ValueError."""
    value = _LEAP_SECOND.sub(r"\1:59", value)
    if value.endswith("z"):
        value = f"{value[:-1]}Z"
    before = _END_OF_DAY.sub(r"00\1", value, count=1)
    if before != value:  # 24:00 is the next day's 0:00
        try:
            return parse_moment(before) + timedelta(days=1)
        except OverflowError:
            return datetime.max  # noqa: DTZ901 - as it stands there
    found = _DATE.match(value) or _KOREAN_DATE.match(value)
    try:
        if value.isdecimal() and len(value) != 8:
            if (compact := _COMPACT.fullmatch(value)) is None:
                raise ValueError
            return parse_moment("{}-{}-{} {}:{}:{}.{}".format(*compact.groups("00")))
        if found is None:
            return datetime.fromisoformat(value)
        year, month, day = (int(part) for part in found.groups() if part)
        rest = value[found.end() :].strip()
        if not rest:
            return date(year, month, day)
        if not rest[0].isdecimal() and not rest.startswith(("오전", "오후")):  # T, or what else is written for it
            rest = rest[1:]
        rest = _KOREAN_CLOCK.sub(lambda clock: "{}:{:0>2}:{:0>2}".format(*clock.groups("0")), rest)
        if hour := _HOUR.match(rest):
            half, hours = hour[1], int(hour[2])
            if half is not None and hours <= 12:
                hours = hours % 12 + (12 if half == "오후" else 0)
            elif half == "오전":
                raise ValueError
            rest = f"{hours:02}{rest[hour.end() :]}"
        return datetime.fromisoformat(f"{year:04}-{month:02}-{day:02}T{rest}")
    except ValueError:
        if _SERIAL_DATE.fullmatch(value):
            raise ValueError("looks like an Excel serial date; format the column as a date") from None
        raise ValueError(_NO_MOMENT) from None


def as_day(value: object) -> object:
    """A date for a time at midnight without an offset, as tables have dates; anything else as it is."""
    if not isinstance(value, datetime) or value.tzinfo is not None or is_blank(value):  # NaT is one, without a time
        return value
    return value.date() if value.time() == time() else value


def zone_of(zone: Zone | None) -> tzinfo:
    """Korean time if there is none. Raises ZoneError, a ValueError, for what is no time zone."""
    if zone is None:
        return KOREAN_TIME
    try:
        found = ZoneInfo(zone) if isinstance(zone, str) else zone
        if isinstance(found, tzinfo) and has_offset(datetime(2026, 1, 1, tzinfo=found)):
            return found
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    raise ZoneError("not a time zone such as Asia/Seoul")


def microseconds(when: datetime | None) -> int | None:
    """Microseconds since 1970 UTC; a time without an offset is Korean."""
    if when is None:
        return None
    if not has_offset(when):
        when = when.replace(tzinfo=KOREAN_TIME)
    return (when - _EPOCH) // timedelta(microseconds=1)


def converters(zone: tzinfo = KOREAN_TIME) -> dict[str, Callable[[object], Any]]:
    """The converter of each field of an entry; times without an offset are of `zone`."""
    return {
        "id": identifier,
        "plate": plate,
        "category": code,
        "priority": priority,
        "valid_from": lambda value: moment(value, zone),
        "valid_until": lambda value: moment(value, zone, ends=True),
        "agency": code,
        "note": text,
        "weight": weight,
        "match": match_mode,
        "covert": covert,
        "approved_by": text,
        "legal_basis": text,
    }


def _text(value: str) -> str:
    if value.isascii():
        return str(value.strip())
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(NOT_UTF8) from None
    return unicodedata.normalize("NFC", value.strip())


def _is_bool(value: object) -> bool:
    return isinstance(value, bool) or type(value).__name__ in {"bool", "bool_"}


def _whole(value: object) -> int | None:
    """A number that is whole, whatever its type; None if it is none."""
    if isinstance(value, Integral) and not _is_bool(value):
        return int(value)
    number = _float(value)
    return int(number) if number is not None and number.is_integer() else None


def _float(value: object) -> float | None:
    """A number, whatever its type; None if it is none, or greater than any."""
    if not isinstance(value, Real | Decimal) or _is_bool(value):
        return None
    try:
        return float(value)
    except (OverflowError, ValueError):
        return None


def _digits(number: int) -> str:
    if abs(number) >= 10**_LONGEST_NUMBER:
        raise ValueError("a number of too many digits")
    return str(number)
