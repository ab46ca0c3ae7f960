"""Where messages end that come one after the other over a connection."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, Literal, Protocol, TypeAlias

Name: TypeAlias = Literal["lines", "stx", "json", "xml", "milesight"]

_BLANKS: Final = b"\0 \t\r\n"
_STX: Final = b"\2"
_ETX: Final = b"\3"
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"|[{}"]', re.DOTALL)
_DECLARED: Final = rb"(?:<\?xml[^>]{0,200}\?>\s*)?"
_ROOT: Final = re.compile(_DECLARED + rb"<((?i:root|message|msg))[\s>]")
_LONGEST_TAG: Final = 256  # bytes in which one begins and ends
_BEGIN: Final = b"\xcc\xff"
_END: Final = b"\xff\xdd"
_HEAD_SIZE: Final = 8  # begin, command, size
_SMALLEST: Final = len(_END)


class Framing(Protocol):
    """Cuts what comes into messages, however it comes; what is over `most` bytes is dropped up to the next message."""

    too_large: int

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that have ended with these bytes."""

    def rest(self) -> bytes:
        """What has not ended, when the sender has."""


class _Buffered:
    def __init__(self, most: int) -> None:
        self.too_large = 0
        self._most = most
        self._data = bytearray()
        self._searched = 0  # bytes that hold no end

    def rest(self) -> bytes:
        return bytes(self._data).strip(_BLANKS)

    def _cut(self, end: int) -> bytes:
        message = bytes(self._data[:end])
        self._let_go(end)
        return message

    def _let_go(self, end: int) -> None:
        del self._data[:end]
        self._searched = 0


class Lines(_Buffered):
    """A message a line."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self._is_too_large = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._data += data
        while (end := self._data.find(b"\n", self._searched)) >= 0:
            line = self._cut(end + 1).strip(_BLANKS)
            if self._is_too_large or len(line) > self._most:
                self.too_large += 1
                self._is_too_large = False
            elif line:
                yield line
        self._searched = len(self._data)
        if len(self._data) > self._most:
            self._is_too_large = True
            self._let_go(len(self._data))

    def rest(self) -> bytes:
        return b"" if self._is_too_large else super().rest()


class Records(_Buffered):
    """What stands between STX and ETX, as on serial lines; one without its end is left out, as its plate may be cut."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._data += data
        while (end := self._data.find(_ETX, self._searched)) >= 0:
            _, begun, record = self._cut(end + len(_ETX)).removesuffix(_ETX).rpartition(_STX)
            if begun and (record := record.strip(_BLANKS)):
                yield record
        self._let_go(begin if (begin := self._data.rfind(_STX)) >= 0 else len(self._data))
        self._searched = len(self._data)
        if len(self._data) > self._most:
            self.too_large += 1
            self._let_go(len(self._data))

    def rest(self) -> bytes:
        return b""


class Objects(_Buffered):
    """JSON objects, on one line or on several; what stands between them is left out."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self._depth = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._data += data
        while (token := _TOKEN.search(self._data, self._searched)) is not None:
            if token[0] == b'"' and self._depth:  # it has not ended
                self._searched = token.start()
                break
            self._searched = token.end()
            if token[0] == b"{":
                if not self._depth:
                    self._let_go(token.start())
                    self._searched = 1
                self._depth += 1
            elif token[0] == b"}" and self._depth:
                self._depth -= 1
                if not self._depth:
                    yield self._cut(self._searched)
        if not self._depth:
            self._let_go(len(self._data))
        elif len(self._data) > self._most:
            self.too_large += 1
            self._depth = 0
            self._let_go(len(self._data))


class Documents(_Buffered):
    """XML documents whose root is root, MESSAGE or Msg; one that is cut off ends where the next begins."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._data += data
        while root := _ROOT.search(self._data):
            start = max(root.end(), self._searched)
            end = re.compile(rb"</" + root[1] + rb"\s*>").search(self._data, start)
            another = re.compile(_DECLARED + rb"<" + root[1] + rb"[\s>]").search(
                self._data, start, end.start() if end else len(self._data)
            )
            if another is None and end is None:
                break
            message = self._cut(another.start() if another else end.end() if end else 0)
            yield message[root.start() :]
        self._searched = max(0, len(self._data) - _LONGEST_TAG)
        if root is None:
            self._let_go(self._searched)
        elif len(self._data) > self._most:
            self.too_large += 1
            self._let_go(len(self._data))


class Packets(_Buffered):
    """Milesight's: CC FF, the command, the size of what follows, the data, FF DD. One that does not end as it says is
    left out, up to the next beginning.
    """

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._data += data
        while (begin := self._data.find(_BEGIN)) >= 0:
            self._let_go(begin)
            if len(self._data) < _HEAD_SIZE:
                return
            end = _HEAD_SIZE + int.from_bytes(self._data[4:_HEAD_SIZE], "little")
            if end > self._most or end < _HEAD_SIZE + _SMALLEST:
                self.too_large += end > self._most
                self._let_go(len(_BEGIN))
            elif len(self._data) < end:
                return
            elif self._data[end - len(_END) : end] != _END:
                self._let_go(len(_BEGIN))
            else:
                yield self._cut(end)
        self._let_go(max(0, len(self._data) - 1))


FRAMINGS: Final[dict[Name, Callable[[int], Framing]]] = {
    "lines": Lines,
    "stx": Records,
    "json": Objects,
    "xml": Documents,
    "milesight": Packets,
}
"""Of the most bytes of a message."""

OF_FORMATS: Final[dict[str, Name]] = {"tattile": "xml", "milesight": "milesight"}
"""Where it is not lines."""
