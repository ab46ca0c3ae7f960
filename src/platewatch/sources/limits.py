"""What a read may hold as it comes over a network: docs/limits.md."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import msgspec

from platewatch.errors import ReadError
from platewatch.matching.reads import Candidate, Character, Read

MAX_TEXT: Final = 1024
"""Bytes (of UTF-8) of a read's text, and of a candidate's."""

MAX_ID: Final = 256
"""Bytes of a camera's, a pass's and an engine's name."""

MAX_URL: Final = 4096
"""Bytes of an image's URL."""

MAX_CHARS: Final = 64
"""Characters that a read tells of, and alternatives of each."""

MAX_SYMBOL: Final = 64
"""Bytes of a character or an alternative."""

MAX_CANDIDATES: Final = 64
"""Whole-plate candidates."""


def within_limits(read: Read, row: int | None, dropped: Counter[str]) -> Read:
    """The read, without the optional fields that hold too much, which `dropped` counts by name. An image URL that is
    the image itself (data:) is one, however small.

    Raises ReadError if its text is too long.
    """
    if _longer(read.text, MAX_TEXT):
        raise ReadError(f"over {MAX_TEXT} bytes", row=row, field="text", camera_id=read.camera_id)
    without: dict[str, Any] = {}
    for name in ("camera_id", "pass_id", "engine"):
        value = getattr(read, name)
        if value is not None and _longer(value, MAX_ID):
            without[name] = None
    url = read.image_url
    if url is not None and (_longer(url, MAX_URL) or url.lstrip()[:5].lower() == "data:"):
        without["image_url"] = None
    if len(read.chars) > MAX_CHARS or any(map(_holds_too_much, read.chars)):
        without["chars"] = ()
    if len(read.candidates) > MAX_CANDIDATES or any(map(_is_too_long, read.candidates)):
        without["candidates"] = ()
    if not without:
        return read
    dropped.update(without.keys())
    return msgspec.structs.replace(read, **without)


def _longer(text: str, most: int) -> bool:
    # A code point has 1 to 4 bytes.
    return 4 * len(text) > most and (len(text) > most or len(text.encode("utf-8", "surrogatepass")) > most)


def _holds_too_much(character: Character) -> bool:
    return (
        len(character.alts) > MAX_CHARS
        or _longer(character.c, MAX_SYMBOL)
        or any(_longer(symbol, MAX_SYMBOL) for symbol, _ in character.alts)
    )


def _is_too_long(candidate: Candidate) -> bool:
    return _longer(candidate.text, MAX_TEXT)
