"""The wanted vehicles: entries, and the set of them that a matcher follows. Where they come from: platewatch.lists."""

from __future__ import annotations

import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import Any, NamedTuple, Self, TypeAlias

import msgspec

from platewatch._core import (
    PlateList,
    admits_everything,
    canonical_plates,
    is_pattern,
    normalize,
    normalize_pattern,
    parse,
    plate_list,
)
from platewatch.errors import EntryError, PlatewatchError
from platewatch.matching.values import NO_PLATE, MatchMode, converters, microseconds, plate
from platewatch.plural import plural

MAX_DISTINCT_SYMBOLS = 254  # an index codes a symbol in one byte

_REMEMBERED_CHANGES = 100_000  # ids; a matcher that is further behind indexes the list anew
_MAKING = threading.Lock()  # entries of plates that had none
if hasattr(os, "register_at_fork"):  # a fork copies only the thread that asked for it
    os.register_at_fork(before=_MAKING.acquire, after_in_parent=_MAKING.release, after_in_child=_MAKING.release)
_NO_PLATES = frozenset(normalize(word) for word in NO_PLATE)  # NaN, None and their like, or somebody's plate
_REPLACEMENT_CHARACTER = "\ufffd"
_TOO_MANY_SYMBOLS = (
    f"more than {MAX_DISTINCT_SYMBOLS} distinct symbols in one list: is this the column of the plates, and the right "
    "encoding? plates of several scripts go into several lists"
)

Row: TypeAlias = "tuple[int, Entry | EntryError]"
"""A row of a source: its number, and the entry or what is wrong with it."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One wanted vehicle.

    `valid_from` and `valid_until` bound when the entry holds (valid_from <= t < valid_until); one without an
    offset is Korean time. `weight` says how often the vehicle passes, relative to an ordinary one. An entry whose
    `match` is "exact" matches only reads without any edit. A `covert` entry is for its agency alone; `approved_by` is
    the officer who has approved it, on the `legal_basis`.
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
    match: MatchMode = "fuzzy"
    covert: bool = False
    approved_by: str = ""
    legal_basis: str = ""


COLUMNS = Entry.__struct_fields__
DEFAULTS = tuple(zip(COLUMNS, (None, None, *Entry.__struct_defaults__), strict=True))
CONVERTERS = converters()


class HotlistDelta(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a hotlist: entries to add or replace, ids to remove (an id not listed is no error)."""

    upserts: tuple[Entry, ...] = ()
    removals: tuple[str, ...] = ()


class Repeat(NamedTuple):
    """An id that stands in several rows with different plates, and these rows."""

    id: str
    rows: tuple[int, ...]


@dataclass(slots=True)
class LoadReport:
    """What became of the rows of a source."""

    rows: int = 0
    duplicates: int = 0  # rows whose id stood in an earlier row: the last wins
    patterns: int = 0  # entries whose plate is a pattern
    errors: list[EntryError] = field(default_factory=list)
    repeats: list[Repeat] = field(default_factory=list)  # of ids with different plates: were two lists joined?
    notes: list[str] = field(default_factory=list)  # how the source was understood, where that was not plain
    encoding: str | None = None  # of a file of text


class EntrySet:
    """Wanted entries by id: what a hotlist is, wherever it comes from.

    `version` counts the changes since it was made. `report` tells what became of the rows that it was loaded from.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._known: dict[str, Entry] = {}
        # A list of nothing but plates is kept as that until somebody asks for entries or changes some.
        self._texts: list[str] | None = None
        self._plates: PlateList | None = None
        # What the entries use, and perhaps some that entries used which are gone: once these are too many, `_uses`
        # counts in how many entries each symbol is.
        self._symbols: set[str] = set()
        self._uses: Counter[str] | None = None
        self._changes: deque[tuple[int, str]] = deque(maxlen=_REMEMBERED_CHANGES)  # (version, id), oldest first
        self._forgotten = 0  # changes of versions up to this one may have dropped out of _changes
        self.version = 0
        self.report = LoadReport()
        for entry in entries:
            self._put(check(entry))

    # ------------------------------------------------------------------ sources

    @classmethod
    def from_plates(cls, plates: Iterable[str], *, strict: bool = True) -> Self:
        """Entries with nothing but a plate; their id is the canonical plate, so repeats collapse.

        A bad plate raises EntryError (row from 0), or, unless `strict`, is listed in `report.errors`.
        """
        if isinstance(plates, str | bytes):
            raise TypeError("plates must be a sequence of plates, not one text")
        plates = list(plates)
        listed = plate_list(plates)
        if listed is not None and not any(map(listed.holds, _NO_PLATES)):
            hotlist = cls()
            hotlist._texts, hotlist._plates = plates, listed
            hotlist._symbols.update(listed.symbols)
            hotlist.report = LoadReport(rows=len(plates), duplicates=len(plates) - len(listed))
            return hotlist
        canonical, _, symbols = canonical_plates(plates)
        if len(symbols) > MAX_DISTINCT_SYMBOLS or not _NO_PLATES.isdisjoint(canonical):
            canonical = [None] * len(plates)  # a row is at fault: which?
        return cls._load(enumerate(map(_plate_row, plates, canonical)), stop_at_first=strict)

    @classmethod
    def from_checked(cls, entries: Iterable[Entry]) -> Self:
        """From entries of other lists, which have been checked there: of the same id the last.

        Raises EntryError (row from 0) for one with which there are more than 254 distinct symbols.
        """
        return cls._load(enumerate(entries), stop_at_first=True)

    @classmethod
    def _load(cls, rows: Iterable[Row], *, stop_at_first: bool = False) -> Self:
        """From rows whose entries are checked."""
        hotlist = cls()
        report, entries = hotlist.report, hotlist._known
        row_of: dict[str, int] = {}  # of the entries that are listed
        repeats: dict[str, list[int]] = {}
        patterns = 0
        for number, row in rows:
            report.rows += 1
            try:
                if isinstance(row, EntryError):
                    raise row
                known = entries.get(row.id)
                hotlist._put(row)
                patterns += is_pattern(row.plate)
            except EntryError as error:
                located = EntryError(error.reason, row=number, field=error.field, value=error.value)
                if stop_at_first:
                    raise located from None
                report.errors.append(located)
                continue
            if known is not None:
                report.duplicates += 1
                patterns -= is_pattern(known.plate)
                if known.plate != row.plate:
                    repeats.setdefault(row.id, [row_of[row.id]]).append(number)
            row_of[row.id] = number
        report.patterns = patterns
        report.repeats = [Repeat(entry_id, tuple(numbers)) for entry_id, numbers in repeats.items()]
        return hotlist

    # ------------------------------------------------------------------ changes

    def add(self, entry: Entry) -> None:
        """Add an entry, or replace the one with its id. Raises EntryError."""
        checked = check(entry)
        self._put(checked)
        self._changed([checked.id])

    def remove(self, entry_id: str) -> None:
        """Raises KeyError if the id is not listed."""
        self._take(entry_id)
        self._changed([entry_id])

    def apply(self, delta: HotlistDelta) -> None:
        """Apply a change as a whole: if one of its entries is bad, EntryError is raised and nothing changes."""
        before = self._entries, self._symbols, self._uses, self._plates
        self._known, self._symbols = dict(self._entries), set(self._symbols)
        self._uses = None if self._uses is None else Counter(self._uses)
        try:
            for entry_id in delta.removals:
                if entry_id in self._entries:
                    self._take(entry_id)
            for entry in delta.upserts:
                self._put(check(entry))
        except EntryError:
            self._known, self._symbols, self._uses, self._plates = before
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
        return {entry_id for _, entry_id in takewhile(lambda change: change[0] > version, reversed(self._changes))}

    def _put(self, entry: Entry) -> None:
        """Add a checked entry. Raises EntryError if the list would have too many symbols, and is as it was then."""
        if self._uses is None and not (self._symbols.issuperset(entry.plate) or is_pattern(entry.plate)):
            if len(self._symbols.union(entry.plate)) <= MAX_DISTINCT_SYMBOLS:
                self._symbols.update(entry.plate)
            else:
                self._uses = Counter(symbol for listed in self for symbol in _symbols(listed))
        if self._uses is not None:
            known = self._entries.get(entry.id)
            added = _symbols(entry)
            gone = _symbols(known) if known is not None else set()
            new = sum(not self._uses[symbol] for symbol in added - gone)
            last = sum(self._uses[symbol] == 1 for symbol in gone - added)
            if len(self._uses) + new - last > MAX_DISTINCT_SYMBOLS:
                raise EntryError(_TOO_MANY_SYMBOLS, field="plate", value=entry.plate)
            _count(self._uses, gone, -1)
            _count(self._uses, added, 1)
        self._entries[entry.id] = entry
        self._plates = None

    def _take(self, entry_id: str) -> None:
        entry = self._entries.pop(entry_id)
        self._plates = None
        if self._uses is not None:
            _count(self._uses, _symbols(entry), -1)

    # ------------------------------------------------------------------ contents

    @property
    def _entries(self) -> dict[str, Entry]:
        if self._texts is not None:
            with _MAKING:  # or what one thread adds would be lost in what another one makes
                if self._texts is not None:
                    canonical, _, _ = canonical_plates(self._texts)
                    self._known = {plate: Entry(id=plate, plate=plate) for plate in canonical if plate is not None}
                    self._texts = None
        return self._known

    @property
    def plate_list(self) -> PlateList | None:
        """All that there is to the list, where that is plates that are their own ids; else None."""
        return self._plates

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_known": self._entries, "_texts": None, "_plates": None}

    def __len__(self) -> int:
        return len(self._plates) if self._plates is not None else len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def __repr__(self) -> str:
        patterns = 0 if self._plates is not None else sum(is_pattern(entry.plate) for entry in self)
        counts = (
            plural(len(self), "entry", "entries"),
            plural(patterns, "pattern"),
            plural(len(self.report.errors), "error"),
        )
        return f"{type(self).__name__}({', '.join(counts)})"

    def __contains__(self, entry_id: object) -> bool:
        return entry_id in self._entries

    def get(self, entry_id: str) -> Entry | None:
        """The entry with this id, None if there is none."""
        try:
            return self[entry_id]
        except KeyError:
            return None

    def __getitem__(self, entry_id: str) -> Entry:
        return self._entries[entry_id]


def _symbols(entry: Entry) -> set[str]:
    """That an index has to code for an entry: none for a pattern."""
    return set() if is_pattern(entry.plate) else set(entry.plate)


def _count(uses: Counter[str], symbols: set[str], by: int) -> None:
    for symbol in symbols:
        uses[symbol] += by
        if not uses[symbol]:
            del uses[symbol]


def check(entry: Entry) -> Entry:
    """The entry with its canonical plate or pattern, and its other fields as an index holds them. Raises EntryError."""
    values = {name: value for name, default in DEFAULTS if (value := getattr(entry, name)) is not default}
    return from_values(values)


def from_values(values: Mapping[str, object], convert: Mapping[str, Callable[[object], Any]] = CONVERTERS) -> Entry:
    """An entry of what people have for its fields. Raises EntryError that names the field."""
    fields: dict[str, Any] = {}
    for name, value in values.items():
        try:
            converted = convert[name](value)
        except (TypeError, ValueError) as error:
            raise EntryError(str(error), field=name, value=value) from None
        if converted is not None:
            fields[name] = converted
    for name in ("id", "plate"):
        if name not in fields:
            raise EntryError("missing", field=name)
    check_window(fields.get("valid_from"), fields.get("valid_until"))
    fields["plate"] = canonical_plate(fields["plate"])
    return Entry(**fields)


def check_window(begin: datetime | None, end: datetime | None) -> None:
    """Raises EntryError if nothing is valid between them."""
    if begin is None or end is None:
        return
    first, last = microseconds(begin), microseconds(end)
    if first is not None and last is not None and first >= last:
        raise EntryError("is not after valid_from", field="valid_until", value=str(end))


def canonical_plate(plate: str) -> str:
    """The canonical plate or pattern. Raises EntryError."""
    try:
        if _REPLACEMENT_CHARACTER in plate:
            raise EntryError("holds U+FFFD: the text was decoded wrongly", field="plate", value=plate)
        if not is_pattern(plate):
            return normalize(plate)
        if admits_everything(plate):
            raise EntryError("a pattern that every plate fits", field="plate", value=plate)
        return normalize_pattern(plate)
    except EntryError:
        raise
    except PlatewatchError as error:
        raise EntryError(error.reason, field="plate", value=plate) from None


def _plate_row(value: object, canonical: str | None) -> Entry | EntryError:
    if canonical is not None:
        return Entry(id=canonical, plate=canonical)
    try:
        given = plate(value)
        if given is None:
            empty = isinstance(value, str) and value.strip() not in NO_PLATE
            return EntryError("no letter or digit" if empty else "missing", field="plate", value=value)
        canonical = canonical_plate(given)
    except EntryError as error:
        return error
    except (TypeError, ValueError) as error:
        return EntryError(str(error), field="plate", value=value)
    return Entry(id=canonical, plate=canonical)


def kinds(hotlist: EntrySet) -> Counter[str]:
    """How many entries there are of each kind of plate."""
    return Counter("pattern" if is_pattern(entry.plate) else parse(entry.plate).kind for entry in hotlist)
