"""Lists as JSON: objects one a line or on several lines, an array of objects or plates, or a document that has one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from platewatch.errors import EntryError, PlatewatchError
from platewatch.lists.columns import ENTRY_COLUMNS, RecordRow
from platewatch.lists.header import plain
from platewatch.matching import lenient_json


def is_json(text: str) -> bool:
    """Whether a file begins as one of these does."""
    start = text[:100].lstrip()
    return start.startswith("{") or (start.startswith("[") and start[1:].lstrip().startswith(("{", "]", '"')))


def rows(text: str) -> Iterator[RecordRow]:
    """Rows are lines, or the items of the array, from 1. Raises PlatewatchError for an array that is torn."""
    start = text[:100].lstrip()
    if start.startswith("["):
        return _of_array(text)
    if start.startswith("{") and (entries := _of_document(text)) is not None:
        return ((number, _record(item)) for number, item in enumerate(entries, 1))
    return ((number, _object(line)) for number, line in _of_lines(text))


def _of_lines(text: str) -> Iterator[tuple[int, bytes]]:
    objects = lenient_json.Objects()
    for number, line in enumerate(text.split("\n"), 1):
        if bare := line.strip():
            yield from objects.add(number, _bytes(bare))
    yield from objects.rest()


def _of_array(text: str) -> Iterator[RecordRow]:
    try:
        items = lenient_json.items(_bytes(text))
    except RecursionError:
        raise PlatewatchError("not a JSON array: nested too deeply") from None
    except ValueError as error:
        raise PlatewatchError(f"not a JSON array: {error}") from None
    return ((number, _object(item)) for number, item in enumerate(items, 1))


def _of_document(text: str) -> Iterable[object] | None:
    """The items of an object's only array, or an object on several lines; None where lines are what counts."""
    first, _, rest = text.strip().partition("\n")
    if rest and _is_object(first):
        return None
    try:
        document = lenient_json.parse(_bytes(text))
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    if not any(ENTRY_COLUMNS.known.get(plain(name), ("",))[0] == ENTRY_COLUMNS.needed for name in document):
        arrays = [value for value in document.values() if isinstance(value, list)]
        if len(arrays) == 1:
            return arrays[0]
    return [document]


def _is_object(line: str) -> bool:
    try:
        return isinstance(lenient_json.parse(_bytes(line)), dict)
    except (ValueError, RecursionError):
        return False


def _bytes(text: str) -> bytes:
    """In UTF-8; bytes that are none become halves of surrogate pairs, which cost no more than the field."""
    return text.encode("utf-8", "backslashreplace")


def _object(line: bytes) -> Mapping[str, Any] | EntryError:
    try:
        return _record(lenient_json.parse(line))
    except RecursionError:
        return EntryError("not JSON: nested too deeply")
    except ValueError as error:
        return EntryError(f"not JSON: {error}")


def _record(item: object) -> Mapping[str, Any] | EntryError:
    """Of an entry, or of nothing but its plate."""
    if isinstance(item, str):
        return {ENTRY_COLUMNS.needed: item}
    return item if isinstance(item, dict) else EntryError("not a JSON object")
