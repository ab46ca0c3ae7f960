"""Lists as CSV: commas, semicolons or tabs."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from itertools import islice

from platewatch.errors import EntryError, PlatewatchError
from platewatch.lists.columns import COLUMNS, RecordRow


def rows(text: str) -> Iterator[RecordRow]:
    """Rows count from 1, the header included, as editors show them.

    Raises PlatewatchError for a header that lacks `id` or `plate`.
    """
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


def decode(data: bytes) -> str:
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
