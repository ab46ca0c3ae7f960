"""Tables as text: cells between commas, semicolons, tabs or bars."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

from platewatch.errors import EntryError, TableError
from platewatch.lists.columns import CellRow
from platewatch.lists.header import SAMPLE, Columns, Layout, understand

DELIMITERS: Final = ",;\t|"
_SEPARATOR: Final = re.compile(r'"?sep=(.)"?[,;\t|]*\s*', re.IGNORECASE)  # as Excel writes in a first line


class Table(NamedTuple):
    """What stands where, and the rows of data. They are numbered from 1, the header included, as editors show them."""

    layout: Layout
    rows: Iterator[CellRow]


def read(text: str, columns: Columns, mapping: Mapping[str, str | int] | None = None) -> Table:
    """Raises TableError where the columns cannot be told."""
    lines = list(io.StringIO(text, newline=""))
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    if lines and (separator := _SEPARATOR.fullmatch(lines[first])):
        delimiter, first = separator[1], first + 1
        layout = understand(_sample(lines, first, delimiter), columns, mapping)
    else:
        delimiter, layout = _delimited(lines, first, columns, mapping)
    return Table(layout, _data(lines, first, delimiter, layout))


def _delimited(
    lines: list[str], first: int, columns: Columns, mapping: Mapping[str, str | int] | None
) -> tuple[str, Layout]:
    """By the delimiter with which the table makes most sense."""
    present = [d for d in DELIMITERS if any(d in line for line in lines[first : first + SAMPLE])] or [","]
    best: tuple[tuple[int, int], str, Layout] | None = None
    failed: TableError | None = None
    for delimiter in present:
        sample = _sample(lines, first, delimiter)
        try:
            layout = understand(sample, columns, mapping)
        except TableError as error:
            failed = failed or error
            continue
        widths = [len(cells) for _, cells in sample]
        alike = widths.count(max(set(widths), key=widths.count)) if max(widths) > 1 else 0
        score = (len(layout.places) if layout.header else 0, alike)
        if best is None or score > best[0]:
            best = score, delimiter, layout
    if best is not None:
        return best[1:]
    raise failed or TableError("the table is empty")


def _sample(lines: list[str], first: int, delimiter: str) -> list[tuple[int, Sequence[object]]]:
    rows = _cells(lines, first, delimiter)
    good = ((number, cells) for number, cells in rows if not isinstance(cells, EntryError))
    return list(islice(good, SAMPLE))


def _data(lines: list[str], first: int, delimiter: str, layout: Layout) -> Iterator[CellRow]:
    skip, width = layout.skip, layout.width
    for number, cells in _cells(lines, first, delimiter):
        if isinstance(cells, EntryError):
            yield number, cells
            continue
        if skip > 0:
            skip -= 1
            continue
        if width and len(cells) > width:
            while len(cells) > width and not cells[-1].strip():
                cells.pop()  # delimiters that a spreadsheet puts behind short rows
            if len(cells) > width:
                yield number, EntryError(f"{len(cells)} cells for {width} columns")
                continue
        if cells in layout.header:
            continue
        yield number, cells


def _cells(lines: list[str], first: int, delimiter: str) -> Iterator[tuple[int, list[str] | EntryError]]:
    """Each row that is not blank."""
    done = first
    while done < len(lines):
        reader = csv.reader(map(lines.__getitem__, range(done, len(lines))), delimiter=delimiter, strict=True)
        before = 0  # lines of this reader that are used up
        try:
            for cells in reader:
                row, before = done + before + 1, reader.line_num
                if any(map(str.strip, cells)):
                    yield row, cells
            return
        except csv.Error as error:
            # A quote that is not closed would swallow the rows behind it: go on with the next line.
            done += before + 1
            yield done, EntryError(f"not CSV: {error}")
