"""Lists as workbooks: XLSX, XLSM, XLSB, XLS and ODS, read by python-calamine (extra `excel`)."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from platewatch.errors import PlatewatchError, TableError
from platewatch.lists.csv_file import Table
from platewatch.lists.header import Columns, Layout, understand
from platewatch.matching.values import as_day

if TYPE_CHECKING:
    from platewatch.lists.sheet_reader import Sheet

_HALLMARKS = frozenset({"[Content_Types].xml", "xl/workbook.xml", "xl/workbook.bin", "mimetype", "content.xml"})
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def is_workbook(data: bytes) -> bool:
    """Whether a file begins as workbooks do, and if it is an archive, holds one."""
    if data.startswith(_ZIP):
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                return not _HALLMARKS.isdisjoint(archive.namelist())
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
            return True  # a damaged one, of which the reader tells
    return data.startswith(_OLE)


def read(data: bytes, columns: Columns, mapping: Mapping[str, str | int] | None, sheet: str | int | None) -> Table:
    """A sheet, by its name or its number from 1; the first if left out. Rows are numbered as the spreadsheet does.

    Raises PlatewatchError for what is no workbook or has no such sheet, TableError where the columns cannot be told.
    """
    names, cells = _sheet(data, sheet)
    rows = [(number, [_cell(cell) for cell in row]) for number, row in cells]
    try:
        layout = understand(rows, columns, mapping)
    except TableError as error:
        if sheet is not None or len(names) < 2:
            raise
        reason = (
            f"{error.reason}; only the first sheet, {names[0]!r}, is read, there are also"
            f" {', '.join(map(repr, names[1:]))}: say which it is (sheet=..., --sheet ...)"
        )
        raise TableError(reason, field=error.field, lines=error.lines) from None
    if sheet is None and len(names) > 1:
        layout.notes.append(f"of {len(names)} sheets, the first is read: {names[0]!r}")
    return Table(layout, _data(rows, layout))


def _sheet(data: bytes, sheet: str | int | None) -> Sheet:
    if find_spec("python_calamine") is None:
        raise PlatewatchError("workbooks need python-calamine: pip install 'platewatch[excel]'")
    reader = Path(__file__).with_name("sheet_reader.py")
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-P", str(reader)],
        input=pickle.dumps((data, sheet)),
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        check=False,
    )
    if done.returncode != 0:
        raise PlatewatchError("not a workbook that can be read: it is damaged, or takes too much memory")
    first, second = pickle.loads(done.stdout)  # noqa: S301 - of our own process
    if isinstance(first, str):
        raise PlatewatchError(first, field=second)
    return first, second


def _data(rows: list[tuple[int, list[object]]], layout: Layout) -> Iterator[tuple[int, list[object]]]:
    return ((number, cells) for number, cells in rows[layout.skip :] if cells not in layout.header)


def _cell(cell: object) -> object:
    """Spreadsheets have no dates without a time, nor whole numbers."""
    return float(cell) if type(cell) is int else as_day(cell)
