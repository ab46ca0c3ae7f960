"""JSON as programs write it: also NaN, halves of surrogate pairs, numbers of any size, a comma behind the last item,
and JSON Lines whose objects are on several lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

_LONGEST_NUMBER: Final = 400  # digits; no floating-point number has more
_MOST_LINES: Final = 1000  # of one object
_MARKS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"?|[{}\[\]]')  # strings end with their line
_OPENS: Final = {b"{": 1, b"[": 1, b"}": -1, b"]": -1}
_LAST_COMMA: Final = re.compile(r",\s*\]\s*\Z")


def parse(data: bytes) -> Any:
    """What stands there. Raises ValueError that says where what is wrong, and RecursionError."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _parse(data.decode())


def items(data: bytes) -> list[bytes]:
    """The JSON of each item of an array. Raises as `parse` does."""
    try:
        return list(map(bytes, msgspec.json.decode(data, type=list[msgspec.Raw])))
    except (msgspec.DecodeError, UnicodeDecodeError):
        array = _parse(_LAST_COMMA.sub("]", data.decode()))
    if not isinstance(array, list):
        raise ValueError("not an array")
    return [json.dumps(item).encode() for item in array]


def _parse(text: str) -> Any:
    return json.loads(text, parse_int=_int)


def _int(digits: str) -> int | float:
    return int(digits) if len(digits) < _LONGEST_NUMBER else float(digits)


class Objects:
    """Puts the lines of an object together that is on several of them, as programs print it for people.

    `as_utf8` makes UTF-8 of lines that may be in another encoding.
    """

    def __init__(self, as_utf8: Callable[[bytes], bytes] = bytes) -> None:
        self._as_utf8 = as_utf8
        self._held: list[tuple[int, bytes]] = []
        self._depth = 0  # of the brackets that are open

    def add(self, row: int, line: bytes) -> list[tuple[int, bytes]]:
        """What is whole now: lines, and objects with the row of their first line. A line has no blanks around it."""
        held = self._held
        if len(held) == 1 and not line.startswith((b'"', b"}")):  # a torn line, then
            return [*self.rest(), *self.add(row, line)]
        if not held and (not line.startswith(b"{") or line.endswith(b"}")):
            return [(row, line)]
        held.append((row, line))
        # Parsed once, where its brackets close: to try at every line takes the square of the lines.
        self._depth += sum(_OPENS.get(mark, 0) for mark in _MARKS.findall(line))
        if self._depth > 0:
            return self.rest() if len(held) == _MOST_LINES else []
        if self._is_object(whole := self._joined().removesuffix(b",")):
            self._held, self._depth = [], 0
            return [(held[0][0], whole)]
        return self.rest()

    def rest(self) -> list[tuple[int, bytes]]:
        """What is no object: as one, unless there are lines in it that may be."""
        held, joined = self._held, self._joined()
        self._held, self._depth = [], 0
        may_be = any(line.startswith(b"{") and line.endswith(b"}") for _, line in held)
        return held if may_be or not held else [(held[0][0], joined)]

    def _joined(self) -> bytes:
        return b"\n".join(line for _, line in self._held)

    def _is_object(self, text: bytes) -> bool:
        try:
            return isinstance(parse(self._as_utf8(text)), dict)
        except (ValueError, RecursionError):
            return False
