"""The list of wanted vehicles: entries, where they come from, and what is wrong with the rows that are not."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import islice
from pathlib import Path
from typing import Any, Self, TypeAlias

import msgspec

from platewatch._core import admits_everything, canonical_plates, is_pattern, normalize, normalize_pattern, parse
from platewatch.errors import EntryError, PlatewatchError

KOREAN_TIME = timezone(timedelta(hours=9), "KST")
MAX_DISTINCT_SYMBOLS = 254  # an index codes a symbol in one byte

_MOST_PRIORITY = 2**31 - 1  # an index holds it in 32 bits
_REMEMBERED_CHANGES = 100_000  # ids; a matcher that is further behind indexes the list anew
_REPLACEMENT_CHARACTER = "\ufffd"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Its number, and what stands there; an Entry is checked already.
Row: TypeAlias = "tuple[int, Mapping[str, Any] | Entry | EntryError]"


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One wanted vehicle.

    `valid_from` and `valid_until` bound when the entry holds (valid_from <= t < valid_until); one without an
    offset is Korean time. `weight` says how often the vehicle passes, relative to an ordinary one.
    """

    id: str
    plate: str
    category: str = ""
    priority: int | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    agency: str = ""
    note: str = ""
    weight: float = 1.0


COLUMNS = Entry.__struct_fields__


class HotlistDelta(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a hotlist: entries to add or replace, ids to remove (an id not listed is no error)."""

    upserts: tuple[Entry, ...] = ()
    removals: tuple[str, ...] = ()


@dataclass(slots=True)
class LoadReport:
    """What became of the rows of a source."""

    rows: int = 0
    duplicates: int = 0  # rows whose id stood in an earlier row: the last wins
    patterns: int = 0  # entries whose plate is a pattern
    errors: list[EntryError] = field(default_factory=list)


class Hotlist:
    """Wanted entries by id.

    `version` counts the changes since it was made. `report` tells what became of the rows that it was loaded from.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._entries: dict[str, Entry] = {}
        self._symbols: set[str] = set()
        self._changes: deque[tuple[int, str]] = deque(maxlen=_REMEMBERED_CHANGES)  # (version, id), oldest first
        self._forgotten = 0  # changes of versions up to this one may have dropped out of _changes
        self.version = 0
        self.report = LoadReport()
        for entry in entries:
            checked = self._checked(entry)
            self._entries[checked.id] = checked

    # ------------------------------------------------------------------ sources

    @classmethod
    def from_plates(cls, plates: Iterable[str], *, strict: bool = True) -> Self:
        """Entries with nothing but a plate; their id is the canonical plate, so repeats collapse.

        A bad plate raises EntryError (row from 0), or, unless `strict`, is listed in `report.errors`.
        """
        if isinstance(plates, str | bytes):
            raise TypeError("plates must be a sequence of plates, not one text")
        plates = list(plates)
        canonical, others, symbols = canonical_plates(plates)
        if len(symbols) > MAX_DISTINCT_SYMBOLS:
            canonical = [None] * len(plates)  # a row is at fault: which?
        if others or len(symbols) > MAX_DISTINCT_SYMBOLS:
            rows: Iterator[Row] = (
                (row, {"plate": plate} if good is None else Entry(id=good, plate=good))
                for row, (plate, good) in enumerate(zip(plates, canonical, strict=True))
            )
            return cls._load(rows, strict=strict, id_from_plate=True)
        hotlist = cls()
        hotlist._entries = {plate: Entry(id=plate, plate=plate) for plate in canonical if plate is not None}
        hotlist._symbols.update(symbols)
        hotlist.report = LoadReport(rows=len(plates), duplicates=len(plates) - len(hotlist))
        return hotlist

    @classmethod
    def from_records(cls, records: Iterable[Mapping[str, Any]], *, strict: bool = False) -> Self:
        """Entries from mappings with the fields of Entry; values may be text. Rows count from 0."""
        return cls._load(enumerate(records), strict=strict)

    @classmethod
    def from_csv(cls, path: str | Path, *, strict: bool = False, progress: Callable[[int], None] | None = None) -> Self:
        """Entries from a CSV file in UTF-8, CP949, or UTF-16 with a byte order mark; commas, semicolons or tabs.

        With a header the columns may be in any order, and unknown ones are ignored; a file without one has Entry's
        fields in their order. Rows count from 1, the header included, as editors show them.
        `progress` is called with the number of rows read so far, every 10,000 rows.
        Raises PlatewatchError if the header lacks `id` or `plate`.
        """
        return cls._load(_with_progress(_csv_rows(_decode(Path(path).read_bytes())), progress), strict=strict)

    @classmethod
    def from_jsonl(
        cls, path: str | Path, *, strict: bool = False, progress: Callable[[int], None] | None = None
    ) -> Self:
        """Entries from a file of one JSON object a line. Rows count from 1."""
        with Path(path).open("rb") as lines:
            rows = ((number, _json_row(line)) for number, line in enumerate(lines, 1) if line.strip())
            return cls._load(_with_progress(rows, progress), strict=strict)

    @classmethod
    def load(cls, path: str | Path, *, strict: bool = False, progress: Callable[[int], None] | None = None) -> Self:
        """from_jsonl for *.jsonl and *.ndjson, else from_csv."""
        read = cls.from_jsonl if Path(path).suffix.lower() in {".jsonl", ".ndjson"} else cls.from_csv
        return read(path, strict=strict, progress=progress)

    @classmethod
    def _load(cls, rows: Iterable[Row], *, strict: bool, id_from_plate: bool = False) -> Self:
        hotlist = cls()
        report = hotlist.report
        for number, row in rows:
            report.rows += 1
            try:
                if isinstance(row, EntryError):
                    raise row
                if isinstance(row, Entry):
                    entry = row
                    hotlist._note_symbols(entry.plate)
                elif isinstance(row, Mapping):
                    entry = hotlist._checked(_entry(_with_plate_as_id(row) if id_from_plate else row))
                else:
                    raise EntryError("not a mapping of fields", value=row)
            except EntryError as error:
                _refuse(error, number, report, strict)
            else:
                report.duplicates += entry.id in hotlist._entries
                report.patterns += is_pattern(entry.plate)
                hotlist._entries[entry.id] = entry
        return hotlist

    # ------------------------------------------------------------------ changes

    def add(self, entry: Entry) -> None:
        """Add an entry, or replace the one with its id. Raises EntryError."""
        checked = self._checked(entry)
        self._entries[checked.id] = checked
        self._changed([checked.id])

    def remove(self, entry_id: str) -> None:
        """Raises KeyError if the id is not listed."""
        del self._entries[entry_id]
        self._changed([entry_id])

    def apply(self, delta: HotlistDelta) -> None:
        """Apply a change as a whole: if one of its entries is bad, EntryError is raised and nothing changes."""
        before = self._entries, self._symbols
        self._entries, self._symbols = dict(self._entries), set(self._symbols)
        try:
            for entry_id in delta.removals:
                self._entries.pop(entry_id, None)
            for entry in delta.upserts:
                checked = self._checked(entry)
                self._entries[checked.id] = checked
        except EntryError:
            self._entries, self._symbols = before
            raise
        self._changed([*delta.removals, *(entry.id for entry in delta.upserts)])

    def _changed(self, ids: Iterable[str]) -> None:
        self.version += 1
        for entry_id in ids:
            if len(self._changes) == _REMEMBERED_CHANGES:
                self._forgotten = self._changes[0][0]
            self._changes.append((self.version, entry_id))

    def changed_since(self, version: int) -> set[str] | None:
        """The ids that were added, replaced or removed after a version; None if that is too long ago to tell."""
        if version < self._forgotten:
            return None
        return {entry_id for at, entry_id in self._changes if at > version}

    def _checked(self, entry: Entry) -> Entry:
        """The entry with its canonical plate; takes note of its symbols."""
        checked = check(entry)
        if not is_pattern(checked.plate):
            self._note_symbols(checked.plate)
        return checked

    def _note_symbols(self, plate: str) -> None:
        if self._symbols.issuperset(plate):
            return
        if len(self._symbols.union(plate)) > MAX_DISTINCT_SYMBOLS:
            # Entries that were replaced or removed may have been the last to use a symbol.
            self._symbols = {symbol for entry in self if not is_pattern(entry.plate) for symbol in entry.plate}
        if len(self._symbols.union(plate)) > MAX_DISTINCT_SYMBOLS:
            raise EntryError(
                f"its symbols would be more than {MAX_DISTINCT_SYMBOLS} distinct ones in the list",
                field="plate",
                value=plate,
            )
        self._symbols.update(plate)

    # ------------------------------------------------------------------ contents

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def __contains__(self, entry_id: object) -> bool:
        return entry_id in self._entries

    def __getitem__(self, entry_id: str) -> Entry:
        return self._entries[entry_id]


def check(entry: Entry) -> Entry:
    """The entry with its canonical plate or pattern. Raises EntryError."""
    if not entry.id:
        raise EntryError("missing", field="id")
    for name in ("id", "plate", "category", "agency", "note"):
        try:
            _text(getattr(entry, name))
        except (TypeError, ValueError) as error:
            raise EntryError(str(error), field=name, value=getattr(entry, name)) from None
    if entry.priority is not None:
        try:
            _priority(entry.priority)
        except (TypeError, ValueError) as error:
            raise EntryError(str(error), field="priority", value=entry.priority) from None
    begin, end = microseconds(entry.valid_from), microseconds(entry.valid_until)
    if begin is not None and end is not None and begin >= end:
        raise EntryError("is not after valid_from", field="valid_until", value=str(entry.valid_until))
    text = entry.plate
    if _REPLACEMENT_CHARACTER in text:
        raise EntryError("holds U+FFFD: the text was decoded wrongly", field="plate", value=text)
    plate = _canonical(text)
    return entry if plate == text else msgspec.structs.replace(entry, plate=plate)


def microseconds(moment: datetime | None) -> int | None:
    """Microseconds since 1970 UTC; a time without an offset is Korean."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=KOREAN_TIME)
    return (moment - _EPOCH) // timedelta(microseconds=1)


# ---------------------------------------------------------------------- rows


def _refuse(error: EntryError, row: int, report: LoadReport, strict: bool) -> None:
    located = EntryError(error.reason, row=row, field=error.field, value=error.value)
    if strict:
        raise located
    report.errors.append(located)


def _canonical(plate: str) -> str:
    try:
        if not is_pattern(plate):
            return normalize(plate)
        if admits_everything(plate):
            raise EntryError("a pattern that every plate fits", field="plate", value=plate)
        return normalize_pattern(plate)
    except EntryError:
        raise
    except PlatewatchError as error:
        raise EntryError(error.reason, field="plate", value=plate) from None


def _with_plate_as_id(record: Mapping[str, Any]) -> Mapping[str, Any]:
    plate = record["plate"]
    if not isinstance(plate, str):
        raise EntryError("not text", field="plate", value=plate)
    return {**record, "id": _canonical(plate)}


def _entry(record: Mapping[str, Any]) -> Entry:
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


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("not valid UTF-8") from None
    return value.strip()


def _identifier(value: object) -> str:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(value)


def _priority(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError("not a whole number")
    try:
        number = int(value)
    except ValueError:
        raise ValueError("not a whole number") from None
    if abs(number) > _MOST_PRIORITY:
        raise ValueError(f"not a whole number from {-_MOST_PRIORITY} to {_MOST_PRIORITY}")
    return number


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
        return datetime.fromisoformat(_text(value))
    except ValueError:
        raise ValueError("not a date or time as 2026-11-23 or 2026-11-23T09:00:00+09:00") from None


_CONVERTERS: dict[str, Callable[[object], Any]] = {
    "id": _identifier,
    "plate": _text,
    "category": _text,
    "priority": _priority,
    "valid_from": _time,
    "valid_until": _time,
    "agency": _text,
    "note": _text,
    "weight": _weight,
}


# ---------------------------------------------------------------------- files


def _decode(data: bytes) -> str:
    """The text in the encoding that has the fewest faults; bytes that are none of it become lone surrogates, which
    the row that holds them is refused for."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # what Excel calls Unicode text
        return data.decode("utf-16", "surrogatepass")
    utf8 = data.decode("utf-8-sig", "surrogateescape")
    if utf8.isascii() or not (faults := _surrogates(utf8)):
        return utf8
    cp949 = data.decode("cp949", "surrogateescape")  # what Korean offices export
    return cp949 if _surrogates(cp949) < faults else utf8


def _surrogates(text: str) -> int:
    return len(text) - len(text.encode("utf-8", "ignore").decode())


def _csv_rows(text: str) -> Iterator[Row]:
    lines = list(io.StringIO(text, newline=""))
    delimiter = max(",;\t", key=lines[0].count) if lines else ","
    columns: list[str] | None = None
    done = 0  # lines
    while done < len(lines):
        reader = csv.reader(islice(lines, done, None), delimiter=delimiter, strict=True)
        before = 0  # lines of this reader that are used up
        try:
            for cells in reader:
                row, before = done + before + 1, reader.line_num
                if not any(cell.strip() for cell in cells):
                    continue
                if columns is None:
                    columns = _header(cells)
                    if columns is not None:
                        continue
                    columns = list(COLUMNS)
                    if not any(map(str.isdecimal, "".join(cells[1:2]))):
                        yield row, EntryError("no digit in the plate: is it a header without id and plate?")
                        continue
                while len(cells) > len(columns) and not cells[-1].strip():
                    cells.pop()  # commas that a spreadsheet puts behind short rows
                if len(cells) > len(columns):
                    yield row, EntryError(f"{len(cells)} cells for {len(columns)} columns")
                else:
                    yield row, dict(zip(columns, cells, strict=False))
            return
        except csv.Error as error:
            # A quote that is not closed would swallow the rows behind it: go on with the next line.
            done += before + 1
            yield done, EntryError(f"not CSV: {error}")


def _header(cells: list[str]) -> list[str] | None:
    """The column names if the cells are a header, None if they are an entry."""
    names = [cell.strip().lower() for cell in cells]
    if not {"id", "plate"} & set(names):
        return None
    for required in ("id", "plate"):
        if names.count(required) != 1:
            raise PlatewatchError(f"the header needs one column named {required!r}", row=1)
    return names


def _json_row(line: bytes) -> Mapping[str, Any] | EntryError:
    try:
        row = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return EntryError(f"not JSON: {error}")
    except RecursionError:
        return EntryError("not JSON: nested too deeply")
    return row if isinstance(row, dict) else EntryError("not a JSON object")


def _with_progress(rows: Iterable[Row], progress: Callable[[int], None] | None) -> Iterator[Row]:
    done, source = 0, iter(rows)
    while chunk := list(islice(source, 10_000)):
        yield from chunk
        done += len(chunk)
        if progress is not None:
            progress(done)


def kinds(hotlist: Hotlist) -> Counter[str]:
    """How many entries there are of each kind of plate."""
    return Counter("pattern" if is_pattern(entry.plate) else parse(entry.plate).kind for entry in hotlist)
