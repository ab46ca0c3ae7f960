"""Reads one sheet of a workbook as a process of its own: a damaged workbook makes the reader's library abort, and one
that claims to be huge takes all memory. It imports nothing of platewatch, whose import would take longest.

Standard input: pickled, the bytes of the workbook and the sheet (name, number from 1, or None). Standard output:
pickled, the names of the sheets and the rows that are not empty, by number, or a SheetError's reason and field.
"""

from __future__ import annotations

import contextlib
import io
import pickle
import sys
from typing import Any, Final, TypeAlias

import python_calamine

Sheet: TypeAlias = tuple[list[str], list[tuple[int, list[Any]]]]

_MOST_BYTES: Final = 8 * 1024**3  # of memory, all in all


class SheetError(Exception):
    """Why a workbook, or a sheet of it, cannot be read."""

    def __init__(self, reason: str, field: str | None = None) -> None:
        self.reason = reason
        self.field = field
        super().__init__(reason)


def read(data: bytes, sheet: str | int | None) -> Sheet:
    """The sheets' names and a sheet's rows. Raises SheetError."""
    try:
        book = python_calamine.load_workbook(io.BytesIO(data))
        names = book.sheet_names
        if isinstance(sheet, str) and sheet not in names and sheet.isdecimal():
            sheet = int(sheet)
        if isinstance(sheet, str):
            if sheet not in names:
                raise SheetError(f"there is no such sheet; there are {', '.join(map(repr, names))}", "sheet")
            chosen = book.get_sheet_by_name(sheet)
        else:
            number = 1 if sheet is None else sheet
            if not 1 <= number <= len(names):
                raise SheetError(f"there is no such sheet; there are {len(names)}", "sheet")
            chosen = book.get_sheet_by_index(number - 1)
        cells = chosen.to_python(skip_empty_area=False)
    except python_calamine.PasswordError:
        raise SheetError("the workbook is encrypted: save it without a password") from None
    except python_calamine.CalamineError as error:
        raise SheetError(f"not a workbook that can be read: {error}") from None
    return names, [(number, row) for number, row in enumerate(cells, 1) if any(c is not None and c != "" for c in row)]


def main() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # where the system has no such limits
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, hard))
    data, sheet = pickle.load(sys.stdin.buffer)  # noqa: S301 - the caller's own
    answer: Sheet | tuple[str, str | None]
    try:
        answer = read(data, sheet)
    except SheetError as error:
        answer = (error.reason, error.field)
    pickle.dump(answer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
