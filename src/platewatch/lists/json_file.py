"""Lists as JSON: one object a line, or one array of objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from platewatch.errors import EntryError
from platewatch.lists.columns import RecordRow
from platewatch.matching.values import without_nan


def is_json(text: str) -> bool:
    """Whether a file begins as one of these does."""
    start = text[:100].lstrip()
    return start.startswith("{") or (start.startswith("[") and start[1:].lstrip().startswith(("{", "]")))


def rows(text: str) -> Iterator[RecordRow]:
    """Rows are lines, or the objects of the array, from 1."""
    if text[:100].lstrip().startswith("["):
        try:
            array = msgspec.json.decode(without_nan(_bytes(text)), type=list[msgspec.Raw])
        except (msgspec.DecodeError, RecursionError):
            pass  # lines, then, of which the first is no object
        else:
            return ((number, _object(bytes(item))) for number, item in enumerate(array, 1))
    return ((number, _object(_bytes(line))) for number, line in enumerate(text.split("\n"), 1) if line.strip())


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")  # what was not valid is not valid again


def _object(line: bytes) -> Mapping[str, Any] | EntryError:
    try:
        row = msgspec.json.decode(without_nan(line))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return EntryError(f"not JSON: {error}")
    except RecursionError:
        return EntryError("not JSON: nested too deeply")
    return row if isinstance(row, dict) else EntryError("not a JSON object")
