"""Hotlists from wherever people keep them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

from platewatch._core import is_pattern, parse, plate_symbols
from platewatch.errors import EntryError, HotlistError, PlatewatchError
from platewatch.lists import csv_file, dataframe, json_file, workbook
from platewatch.lists.columns import CHUNK, ENTRY_COLUMNS, Records, entries_of_cells
from platewatch.lists.csv_file import Table
from platewatch.lists.encoding import Decoded, decode
from platewatch.matching.hotlist import EntrySet, Row
from platewatch.matching.values import NOT_UTF8, Zone, zone_of

MAX_BAD_SHARE: Final = 0.01
"""The largest share of a list's rows that may be bad, unless set otherwise."""

_UNDECODED: Final = re.compile("[\udc80-\udcff]")
_OTHER_ENCODING: Final = "is the text in another encoding? Say which (encoding='cp1252', --encoding cp1252)"

ColumnNames: TypeAlias = "Mapping[str, str | int]"
"""For fields of an entry, the name of the column that is it, or its number from 1."""

Progress: TypeAlias = Callable[[int], None]
"""Called with the number of rows read so far, every 10,000 rows."""


_Through: TypeAlias = "Callable[[Iterable[Row]], Iterator[Row]]"


class Hotlist(EntrySet):
    """Wanted entries by id, and where they come from.

    What all loaders have in common: columns are known under the names that people use (docs/formats.md), and
    `columns` says which they are where they are not: `{"plate": "차량번호"}`. Where there is no id, it is the
    canonical plate. Dates and times without an offset are of `zone`, Korea's if left out.

    A bad row costs itself alone, and `report.errors` lists it. But a list is refused by HotlistError if it has rows
    and none is usable, or if more than `max_bad_share` of them are bad: unless `strict` is False.
    """

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        columns: ColumnNames | None = None,
        encoding: str | None = None,
        sheet: str | int | None = None,
        zone: Zone | None = None,
        strict: bool = True,
        max_bad_share: float = MAX_BAD_SHARE,
        progress: Progress | None = None,
    ) -> Self:
        """Entries from a file: a workbook (XLSX, XLS, ODS), JSON Lines, a JSON array, or else CSV.

        `encoding` is that of text, found out if left out; `sheet` is a workbook's, by name or number from 1, the first
        if left out. An empty file is refused, too. Raises PlatewatchError, or OSError if it cannot be read.
        """
        return cls.from_bytes(
            Path(path).read_bytes(),
            Path(path).name,
            columns=columns,
            encoding=encoding,
            sheet=sheet,
            zone=zone,
            strict=strict,
            max_bad_share=max_bad_share,
            progress=progress,
        )

    @classmethod
    def from_bytes(
        cls,
        data: bytes,
        name: str = "",
        *,
        columns: ColumnNames | None = None,
        encoding: str | None = None,
        sheet: str | int | None = None,
        zone: Zone | None = None,
        strict: bool = True,
        max_bad_share: float = MAX_BAD_SHARE,
        needed: Sequence[str] = (),
        progress: Progress | None = None,
    ) -> Self:
        """Entries from the contents of a file, of which the `name` may end in .json, .jsonl or .ndjson. As `load`.

        A row in which one of the `needed` fields is blank is a bad one.
        """
        through = partial(_through, needed=needed, progress=progress)
        finish = partial(cls._judged, strict=strict, max_bad_share=max_bad_share, is_file=True)
        if workbook.is_workbook(data):
            table = workbook.read(data, ENTRY_COLUMNS, columns, sheet)
            return finish(cls._from_cells(table, zone, through))
        decoded = decode(data, encoding)
        is_json = Path(name).suffix.lower() in {".jsonl", ".ndjson", ".json"} or json_file.is_json(decoded.text)
        read = cls._from_json if is_json else cls._from_csv
        return finish(read(decoded, columns, zone, through))

    @classmethod
    def from_csv(
        cls,
        path: str | Path,
        *,
        columns: ColumnNames | None = None,
        encoding: str | None = None,
        zone: Zone | None = None,
        strict: bool = True,
        max_bad_share: float = MAX_BAD_SHARE,
        progress: Progress | None = None,
    ) -> Self:
        """Entries from a file of cells between commas, semicolons, tabs or bars, in UTF-8, UTF-16, CP949 or `encoding`.

        There may be blank and title lines above the header. A file without a header is read if the plate's column can
        be told by what stands in it; where that is the second, the columns are Entry's fields in their order. Rows
        count from 1, the header included, as editors show them. Raises as `load` does.
        """
        data = Path(path).read_bytes()
        if workbook.is_workbook(data):
            raise PlatewatchError("a workbook and no CSV: Hotlist.load reads it")
        hotlist = cls._from_csv(decode(data, encoding), columns, zone, partial(_through, progress=progress))
        return cls._judged(hotlist, strict=strict, max_bad_share=max_bad_share, is_file=True)

    @classmethod
    def from_jsonl(
        cls,
        path: str | Path,
        *,
        columns: ColumnNames | None = None,
        encoding: str | None = None,
        zone: Zone | None = None,
        strict: bool = True,
        max_bad_share: float = MAX_BAD_SHARE,
        progress: Progress | None = None,
    ) -> Self:
        """Entries from a file of one JSON object a line, or of one array of them. Rows count from 1."""
        decoded = decode(Path(path).read_bytes(), encoding)
        hotlist = cls._from_json(decoded, columns, zone, partial(_through, progress=progress))
        return cls._judged(hotlist, strict=strict, max_bad_share=max_bad_share, is_file=True)

    @classmethod
    def from_records(
        cls,
        records: Iterable[Mapping[str, Any]],
        *,
        columns: ColumnNames | None = None,
        zone: Zone | None = None,
        strict: bool = True,
        max_bad_share: float = MAX_BAD_SHARE,
    ) -> Self:
        """Entries from mappings with the fields of Entry; values may be text. Rows count from 0."""
        if dataframe.is_table(records):
            raise TypeError(f"a {type(records).__name__} is a table: use Hotlist.from_table")
        if isinstance(records, str | bytes | Path):
            raise TypeError("records are mappings, not text or a path: for a file use Hotlist.load")
        if isinstance(records, Mapping):
            raise TypeError("records are several mappings, not one: put it into a list")
        understood = Records(columns, zone_of(zone))
        hotlist = cls._load(understood.entries(enumerate(records)))
        hotlist.report.notes = list(understood.notes)
        return cls._judged(hotlist, strict=strict, max_bad_share=max_bad_share)

    @classmethod
    def from_table(
        cls,
        table: object,
        *,
        columns: ColumnNames | None = None,
        zone: Zone | None = None,
        strict: bool = True,
        max_bad_share: float = MAX_BAD_SHARE,
    ) -> Self:
        """Entries from a pandas or polars DataFrame, a pyarrow Table, a DuckDB relation or a cursor of a database.

        Rows count from 0. Raises TypeError for what is no such table, and as `load` does.
        """
        hotlist = cls._from_cells(dataframe.read(table, ENTRY_COLUMNS, columns), zone, _through)
        return cls._judged(hotlist, strict=strict, max_bad_share=max_bad_share)

    # ------------------------------------------------------------------ what they share

    @classmethod
    def _from_csv(cls, decoded: Decoded, columns: ColumnNames | None, zone: Zone | None, through: _Through) -> Self:
        text, encoding, guessed = decoded
        if (other := _looks_like(text)) is not None:
            raise PlatewatchError(f"no CSV: it looks like {other}")
        if text.strip():
            hotlist = cls._from_cells(csv_file.read(text, ENTRY_COLUMNS, columns), zone, through, guessed=guessed)
        else:
            hotlist = cls()
        hotlist.report.encoding = encoding
        hotlist.report.notes += _doubts(hotlist, text)
        return hotlist

    @classmethod
    def _from_cells(cls, table: Table, zone: Zone | None, through: _Through, *, guessed: bool = False) -> Self:
        entries = entries_of_cells(table.rows, table.layout, zone_of(zone))
        hotlist = cls._load(through(_without_doubtful(entries) if guessed else entries))
        hotlist.report.notes = list(table.layout.notes)
        return hotlist

    @classmethod
    def _from_json(cls, decoded: Decoded, columns: ColumnNames | None, zone: Zone | None, through: _Through) -> Self:
        text, encoding, guessed = decoded
        records = Records(columns, zone_of(zone))
        entries = records.entries(json_file.rows(text))
        hotlist = cls._load(through(_without_doubtful(entries) if guessed else entries))
        hotlist.report.notes = [*records.notes, *_doubts(hotlist, text)]
        hotlist.report.encoding = encoding
        return hotlist

    @classmethod
    def _judged(cls, hotlist: Self, *, strict: bool, max_bad_share: float, is_file: bool = False) -> Self:
        if not 0 <= max_bad_share <= 1:
            raise ValueError("max_bad_share must be from 0 to 1")
        report = hotlist.report
        if strict and (is_file or report.rows) and (why := refusal(hotlist, max_bad_share)):
            told = [note for note in report.notes if note == _OTHER_ENCODING or not len(hotlist)]
            raise HotlistError("; ".join([why, *told]), report.errors)
        return hotlist


def refusal(hotlist: EntrySet, max_bad_share: float = MAX_BAD_SHARE) -> str | None:
    """Why a list as a whole is not usable; None if it is."""
    report = hotlist.report
    if not len(hotlist):
        return "no usable entry" + (f" in {report.rows:,} rows" if report.rows else "")
    bad = len(report.errors)
    if bad <= max_bad_share * report.rows:
        return None
    share = f"{100 * bad / report.rows:.3g} %"
    return f"{bad:,} of {report.rows:,} rows are bad, {share} where at most {100 * max_bad_share:.3g} % may be"


def _without_doubtful(rows: Iterable[Row]) -> Iterator[Row]:
    """Of a file whose encoding was guessed: a wrong guess makes letters that no Korean plate has."""
    known = frozenset(plate_symbols())
    for number, row in rows:
        if isinstance(row, EntryError) or _is_of_korea(row.plate, known):
            yield number, row
        else:
            reason = "has a letter that no Korean plate has, and the encoding was guessed to be CP949: say which it is"
            yield number, EntryError(reason, field="plate", value=row.plate)


def _doubts(hotlist: EntrySet, text: str) -> list[str]:
    """Whether rows are refused for bytes that are none of the encoding."""
    refused = any(error.reason == NOT_UTF8 for error in hotlist.report.errors)
    return [_OTHER_ENCODING] if refused and _UNDECODED.search(text) else []


def _is_of_korea(plate: str, known: frozenset[str]) -> bool:
    return (
        plate.isascii()
        or known.issuperset(symbol for symbol in plate if not symbol.isascii())
        or is_pattern(plate)
        or parse(plate).kind != "unknown"
    )


def _looks_like(text: str) -> str | None:
    start = text[:200].lstrip().lower()
    if start.startswith(("<!doctype html", "<html", "<table")):
        return "HTML, as some programs export instead of a workbook: save it as CSV or XLSX"
    if start.startswith("<"):
        return "XML"
    if start.startswith("%pdf"):
        return "a PDF"
    return None


def _through(rows: Iterable[Row], *, needed: Sequence[str] = (), progress: Progress | None = None) -> Iterator[Row]:
    return _with_progress(_with_needed(rows, needed) if needed else rows, progress)


def _with_needed(rows: Iterable[Row], needed: Sequence[str]) -> Iterator[Row]:
    for number, row in rows:
        missing = (
            None if isinstance(row, EntryError) else next((name for name in needed if not getattr(row, name)), None)
        )
        yield number, row if missing is None else EntryError("missing", field=missing)


def _with_progress(rows: Iterable[Row], progress: Progress | None) -> Iterator[Row]:
    if progress is None:
        yield from rows
        return
    done, source = 0, iter(rows)
    while chunk := list(islice(source, CHUNK)):
        yield from chunk
        done += len(chunk)
        progress(done)
