"""Multipart as cameras write it, which no library reads: boundaries twice, in another form than the header says, or
without a line end in front; LF, CR LF and LF CR; parts without headers, and parts cut off by the next.

A part ends where the next boundary begins, whatever its Content-Length says. Nothing of an image is copied.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from platewatch.errors import FormatError

MAX_PARTS: Final = 20_000
"""Parts of one message."""

_MAX_HEADERS: Final = 64  # lines of a part
_PEEK: Final = 64  # bytes in which a text shows what it is
_BOUNDARY: Final = re.compile(r"boundary\s*=\s*(?:\"([^\"]{1,200})\"|([^\s;,\"]{1,200}))", re.IGNORECASE)
_FIRST_LINE: Final = re.compile(rb"\s{0,16}--([^\r\n]{1,200}?)(?:--)?[ \t]*(?:[\r\n]|$)")
_LAST: Final = re.compile(rb"--[ \t]*(?:[\r\n]|\Z)")
_HEADER: Final = re.compile(rb"([A-Za-z][A-Za-z0-9-]{0,60})[ \t]*:[ \t]*(.*)")
_FIELD: Final = re.compile(r"\bname\s*=\s*(?:\"([^\"]*)\"|([^\s;]+))", re.IGNORECASE)
_LINE_ENDS: Final = b"\r\n"
_BLANKS: Final = b" \t\r\n"
_TEXT_BEGINS: Final = (b"<", b"{", b"[", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


_IMAGE_BEGINS: Final = (b"\xff\xd8", b"\x89PNG", b"BM", b"GIF8")


class Part(NamedTuple):
    """One part; `start` and `end` say where its content lies in the body."""

    body: bytes
    headers: Mapping[str, str]
    start: int
    end: int

    @property
    def name(self) -> str:
        """Of the form's field, "" if it has none."""
        found = _FIELD.search(self.headers.get("content-disposition", ""))
        return (found[1] or found[2] or "") if found else ""

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")

    @property
    def content(self) -> bytes:
        return self.body[self.start : self.end]

    @property
    def is_text(self) -> bool:
        """Whether it may be a message: by its first byte, or by not being said to be something else."""
        begins = self.body[self.start : min(self.end, self.start + _PEEK)].lstrip(_BLANKS)
        if not begins:
            return False
        if begins.startswith(_TEXT_BEGINS):
            return True
        kind = self.content_type.strip().lower()
        if not kind:
            is_file = "filename" in self.headers.get("content-disposition", "")
            return not is_file and not begins.startswith(_IMAGE_BEGINS)
        return kind.startswith("text/") or "json" in kind or "xml" in kind


def is_multipart(body: bytes, content_type: str) -> bool:
    """By its type or by its first line; what begins as XML or JSON is none, whatever its type."""
    start = body[:_PEEK].lstrip(_BLANKS)
    if start.startswith(_TEXT_BEGINS):
        return False
    if content_type.strip().lower().startswith("multipart/"):
        return True
    return start.startswith(b"--") and _FIRST_LINE.match(body[:1024]) is not None


def parts(body: bytes, content_type: str) -> Iterator[Part]:
    """The parts that are not empty. Raises FormatError if there is no boundary, or there are too many."""
    delimiter = _delimiter(body, content_type)
    at, count = body.find(delimiter), 0
    while at >= 0:
        begin = at + len(delimiter)
        is_last = _LAST.match(body, begin) is not None
        at = _next(body, delimiter, begin)
        count += 1
        if count > MAX_PARTS:
            raise FormatError(f"over {MAX_PARTS} parts")
        if body.startswith(b"--", begin):
            begin += 2
        end = len(body) if at < 0 else at
        part = _part(body, begin, end)
        is_epilogue = is_last and not part.headers and not body.startswith(_TEXT_BEGINS, part.start)
        if part.start < part.end and not is_epilogue:
            yield part


def _next(body: bytes, delimiter: bytes, start: int) -> int:
    """Where the delimiter stands next, and is not the beginning of a longer word; -1 if nowhere."""
    while (at := body.find(delimiter, start)) >= 0:
        behind = body[at + len(delimiter) : at + len(delimiter) + 2]
        if not behind or behind[:1] in _BLANKS or behind.startswith(b"-"):
            return at
        start = at + len(delimiter)
    return -1


def _delimiter(body: bytes, content_type: str) -> bytes:
    said = _BOUNDARY.search(content_type)
    if said is not None:
        boundary = (said[1] or said[2]).encode("utf-8", "replace")
        for delimiter in (b"--" + boundary, boundary):  # some say the dashes, too
            if _next(body, delimiter, 0) >= 0:
                return delimiter
    shown = _FIRST_LINE.match(body[:1024])
    if shown is None:
        raise FormatError("no boundary of its multipart body is found")
    return b"--" + shown[1]


def _part(body: bytes, start: int, end: int) -> Part:
    headers: dict[str, str] = {}
    name = ""
    start = _behind(body, start, end)
    for _ in range(_MAX_HEADERS):
        if start >= end or body.startswith(_TEXT_BEGINS, start, end):
            break
        stop = body.find(b"\n", start, end)
        whole = body[start : end if stop < 0 else min(stop, start + 4096)]
        line = whole.strip(_BLANKS)
        if not line:  # the blank line
            start = _behind(body, start, end)
            break
        header = _HEADER.fullmatch(line)
        if header is None and not headers:  # it has none
            break
        if header is not None:
            name = header[1].decode().lower()
            headers[name] = header[2].decode("utf-8", "replace")
        elif whole[:1] in b" \t":  # folded
            headers[name] += " " + line.decode("utf-8", "replace")
        if stop < 0:
            start = end
            break
        start = stop + 1
    while end > start and body[end - 1] in _LINE_ENDS:
        end -= 1
    return Part(body, headers, start, end)


def _behind(body: bytes, start: int, end: int) -> int:
    """Behind the blanks there."""
    while start < end and body[start] in _BLANKS:
        start += 1
    return start
