"""JSON as programs write it: also NaN, halves of surrogate pairs, numbers of any size, a comma behind the last item,
and JSON Lines whose objects are on several lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, Final

import msgspec

_LONGEST_NUMBER: Final = 400  # digits; no floating-point number has more
_MOST_LINES: Final = 1000  # of one object
_MARKS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"?|[{}\[\]]')  # strings end with their line
_OPENS: Final = {b"{": 1, b"[": 1, b"}": -1, b"]": -1}
_PIECE: Final = 16384  # bytes of an array that are taken apart at a time
_GUESSES: Final = 4
_CONTINUATION: Final = bytes(range(0x80, 0xC0))  # of a code point in UTF-8
_Piece = tuple[list[bytes], int | None]  # the next items, and where those behind them begin, if there are any
_NO_BLANK: Final = re.compile(r"[^ \t\n\r]")
# What items begin with: those of an array are mostly alike.
_BEGINNING: Final = rb'[ \t\n\r]*(\{[ \t\n\r]*"[^"\\]*"|[^ \t\n\r])'
_FIRST: Final = re.compile(_BEGINNING)
_NEXT: Final = re.compile(b"," + _BEGINNING)


def parse(data: bytes) -> Any:
    """What stands there. Raises ValueError that says where what is wrong, and RecursionError."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _parse(data.decode())


def items(data: bytes) -> Iterator[bytes]:
    """The JSON of each item of an array. Raises as `parse` does, before the first item."""
    for _ in pieces(data):  # it may be torn further on
        pass
    return chain.from_iterable(pieces(data))


def pieces(data: bytes) -> Iterator[list[bytes]]:
    """The items, some at a time: millions in one call would keep all other threads from running.

    Raises ValueError and RecursionError when it comes to what is wrong.
    """
    text = ""  # byte by byte, and only if it is needed
    start = len(data) - len(data.lstrip())
    if data[start : start + 1] != b"[":
        raise ValueError("not an array")
    at: int | None = start + 1
    while at is not None:
        if (piece := _strict_piece(data, at)) is None:
            text = text or data.decode("latin-1")
            piece = _lenient_piece(data, text, at)
        found, at = piece
        yield found


def _strict_piece(data: bytes, at: int) -> _Piece | None:
    """None if they are not strictly JSON.

    A comma is where an item ends if what is in front of it is whole items: so it is enough to guess it.
    """
    size = _PIECE
    while len(data) - at > 2 * size:
        first = _FIRST.match(data, at, at + size)
        guesses = 0
        for comma in _NEXT.finditer(data, at + size, at + size + _PIECE):
            if first is None or comma[1] != first[1]:
                continue
            if found := _strict_items(b"[%b]" % data[at : comma.start()]):
                return found, comma.start() + 1
            guesses += 1
            if guesses == _GUESSES:
                break
        if not _goes_on(b"[" + data[at : at + size]):
            return None
        size *= 2  # a long item
    found = _strict_items(b"[" + data[at:])
    return None if found is None else (found, None)


def _strict_items(array: bytes) -> list[bytes] | None:
    try:
        return list(map(bytes, msgspec.json.decode(array, type=list[msgspec.Raw])))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _goes_on(array: bytes) -> bool:
    """Whether an array is only torn. If msgspec comes to say so otherwise, arrays of long items take longer."""
    try:
        msgspec.json.decode(array, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return "truncated" in str(error)
    return False


def _lenient_piece(data: bytes, text: str, at: int) -> _Piece:
    """One by one."""
    found: list[bytes] = []
    last = at + _PIECE
    while at < last:
        start = _behind_blanks(text, at)
        if text.startswith("]", start):  # of none, or behind a comma
            _check_end(data, text, start)
            return found, None
        try:
            _, end = _STRUCTURE.raw_decode(text, start)
        except json.JSONDecodeError as error:
            raise _wrong(error.msg, data, error.pos) from None
        found.append(data[start:end])
        end = _behind_blanks(text, end)
        if not text.startswith(",", end):
            _check_end(data, text, end)
            return found, None
        at = end + 1
    return found, at


def _check_end(data: bytes, text: str, at: int) -> None:
    """Raises ValueError if there is anything but the array's end."""
    if not text.startswith("]", at):
        raise _wrong("Expecting ',' delimiter", data, at)
    if (end := _behind_blanks(text, at + 1)) < len(text):
        raise _wrong("Extra data", data, end)


def _wrong(what: str, data: bytes, at: int) -> ValueError:
    line = data.count(b"\n", 0, at) + 1
    begun = data[data.rfind(b"\n", 0, at) + 1 : at]
    return ValueError(f"{what}: line {line} column {len(begun.translate(None, _CONTINUATION)) + 1}")


def _behind_blanks(text: str, at: int) -> int:
    found = _NO_BLANK.search(text, at)
    return len(text) if found is None else found.start()


def _parse(text: str) -> Any:
    return json.loads(text, parse_int=_int)


# Where values end, whatever they are.
_STRUCTURE: Final = json.JSONDecoder(parse_int=str, parse_float=str)


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
