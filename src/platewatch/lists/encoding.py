"""Bytes of a file to text, and what bytes are that are none."""

from __future__ import annotations

import codecs
import re
from typing import Final, NamedTuple

from platewatch.errors import PlatewatchError

_MARKS = (  # the longer ones first
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LOOKED_AT = 4096  # bytes
_NO_TEXT: Final = (
    (re.compile(rb"\x1f\x8b"), "compressed (gzip)"),
    (re.compile(rb"\x28\xb5\x2f\xfd"), "compressed (zstd)"),
    (re.compile(rb"PK(?:\x03\x04|\x05\x06)"), "compressed (ZIP)"),
    (re.compile(rb"BZh[1-9]1AY&SY"), "compressed (bzip2)"),
    (re.compile(rb"\xfd7zXZ\0"), "compressed (xz)"),
    (re.compile(rb"7z\xbc\xaf\x27\x1c"), "compressed (7z)"),
    (re.compile(rb"\xff\xd8\xff|\x89PNG\r\n|GIF8[79]a|BM.{4}\0\0\0\0", re.DOTALL), "like an image"),
    (re.compile(rb"%PDF-"), "like a PDF"),
    (re.compile(rb"\xd0\xcf\x11\xe0"), "like a workbook"),
)


def other_than_text(data: bytes) -> str | None:
    """What a file looks (like) that is no text; None if it may be text."""
    return next((looks for begins, looks in _NO_TEXT if begins.match(data)), None)


def wide(data: bytes) -> str | None:
    """The encoding of a text of which a character has two or four bytes, by its first bytes; None if it has not."""
    if other_than_text(data) is not None:
        return None
    return next((name for mark, name in _MARKS[1:] if data.startswith(mark)), None) or _without_mark(data)


class Decoded(NamedTuple):
    """Text, the encoding that it was in, and whether that was a guess that may be wrong."""

    text: str
    encoding: str
    guessed: bool


def decode(data: bytes, encoding: str | None = None) -> Decoded:
    """By the encoding given, or a byte order mark, or as UTF-8; what is no UTF-8 is taken for CP949, in which Korean
    offices export, if that has fewer faults.

    Bytes that are none become lone surrogates, so that the rows that hold them can be refused. Raises PlatewatchError
    for an unknown encoding, and for what is no text.
    """
    if (looks := other_than_text(data)) is not None:
        raise PlatewatchError(f"no text: it looks {looks}" + (": unpack it first" if "compressed" in looks else ""))
    if encoding is not None:
        return Decoded(_decode(data, _known(encoding, data)), encoding, False)
    for mark, name in _MARKS:
        if data.startswith(mark):
            return Decoded(_decode(data, name), name.removesuffix("-sig"), False)
    if (wide := _without_mark(data)) is not None:
        return Decoded(_decode(data, wide), wide, True)
    utf8 = data.decode("utf-8", "surrogateescape")
    if utf8.isascii() or not (faults := _surrogates(utf8)):
        return Decoded(utf8, "utf-8", False)
    cp949 = data.decode("cp949", "surrogateescape")
    return Decoded(cp949, "cp949", True) if _surrogates(cp949) < faults else Decoded(utf8, "utf-8", False)


def _known(encoding: str, data: bytes) -> str:
    try:
        name = codecs.lookup(encoding).name
        b"\xff1".decode(name, "surrogateescape")  # some codecs are not of text, or not of any bytes
    except (LookupError, ValueError):
        raise PlatewatchError(f"no encoding is named {encoding!r}", field="encoding") from None
    return "utf-8-sig" if name == "utf-8" and data.startswith(codecs.BOM_UTF8) else name


def _decode(data: bytes, encoding: str) -> str:
    # Of the wide encodings, what cannot be decoded becomes U+FFFD, which no plate may hold.
    errors = "replace" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
    try:
        return data.decode(encoding, errors)
    except UnicodeError:  # of one that knows no such way with errors
        raise PlatewatchError(f"cannot be decoded as {encoding}", field="encoding") from None


def _without_mark(data: bytes) -> str | None:
    """UTF-16 of mostly ASCII has a zero in every other byte."""
    start = data[:_LOOKED_AT]
    zeros = start.count(0)
    if zeros < max(1, len(start) // 4):
        return None
    return "utf-16-le" if start[1::2].count(0) >= start[::2].count(0) else "utf-16-be"


def _surrogates(text: str) -> int:
    return len(text) - len(text.encode("utf-8", "ignore").decode())
