"""Lists as JSON Lines: one object a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from platewatch.errors import EntryError
from platewatch.lists.columns import RecordRow


def rows(lines: Iterable[bytes]) -> Iterator[RecordRow]:
    """Rows count from 1."""
    return ((number, _json_row(line)) for number, line in enumerate(lines, 1) if line.strip())


def _json_row(line: bytes) -> Mapping[str, Any] | EntryError:
    try:
        row = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return EntryError(f"not JSON: {error}")
    except RecursionError:
        return EntryError("not JSON: nested too deeply")
    return row if isinstance(row, dict) else EntryError("not a JSON object")
