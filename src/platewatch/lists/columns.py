"""The columns of a list: what the values of each may look like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, time
from typing import Any, TypeAlias

from platewatch.errors import EntryError
from platewatch.matching.hotlist import KOREAN_TIME, Entry, Row, priority, text

COLUMNS = Entry.__struct_fields__

RecordRow: TypeAlias = "tuple[int, Mapping[str, Any] | EntryError]"
"""A row of a source: its number, and its values by column or what is wrong with it."""


def entries(rows: Iterable[RecordRow]) -> Iterator[Row]:
    """Each row's entry, or what is wrong with it."""
    for number, row in rows:
        try:
            if isinstance(row, EntryError):
                yield number, row
            elif isinstance(row, Mapping):
                yield number, to_entry(row)
            else:
                yield number, EntryError("not a mapping of fields", value=row)
        except EntryError as error:
            yield number, error


def to_entry(record: Mapping[str, Any]) -> Entry:
    """The entry of a record with the columns of a list. Raises EntryError."""
    values: dict[str, Any] = {}
    for name, convert in _CONVERTERS.items():
        value = record.get(name)
        if value is None or value == "":
            continue
        try:
            values[name] = convert(value)
        except (TypeError, ValueError) as error:
            raise EntryError(str(error), field=name, value=value) from None
    for name in ("id", "plate"):
        if name not in values:
            raise EntryError("missing", field=name)
    return Entry(**values)


def _identifier(value: object) -> str:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else text(value)


def _weight(value: object) -> float:
    try:
        weight = float(value) if isinstance(value, int | float | str) else None
    except ValueError:
        weight = None
    if weight is None or not 0 < weight < float("inf"):
        raise ValueError("not a positive number")
    return weight


def _time(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time(), KOREAN_TIME)
    try:
        return datetime.fromisoformat(text(value))
    except ValueError:
        raise ValueError("not a date or time as 2026-11-23 or 2026-11-23T09:00:00+09:00") from None


_CONVERTERS: dict[str, Callable[[object], Any]] = {
    "id": _identifier,
    "plate": text,
    "category": text,
    "priority": priority,
    "valid_from": _time,
    "valid_until": _time,
    "agency": text,
    "note": text,
    "weight": _weight,
}
