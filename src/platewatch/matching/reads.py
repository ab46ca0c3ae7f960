"""What cameras report: reads, and platewatch's own JSON for them."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import msgspec

from platewatch.errors import ReadError, at_fault


class Character(msgspec.Struct, frozen=True):
    """One non-whitespace code point of a read's raw text: the symbol, its probability, and its alternatives."""

    c: str
    p: float | None = None
    alts: tuple[tuple[str, float], ...] = ()


class Candidate(msgspec.Struct, frozen=True):
    """Another reading of the whole plate, with its probability if the recogniser gives one."""

    text: str
    p: float | None = None


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What a camera's recogniser reported of one vehicle in one frame.

    `time` has an offset from UTC. `late` marks a read that the camera sends after an outage.
    """

    text: str
    chars: tuple[Character, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    engine: str | None = None
    confidence: float | None = None
    camera_id: str | None = None
    time: datetime | None = None
    pass_id: str | None = None
    image_url: str | None = None
    late: bool = False


_decoder = msgspec.json.Decoder(Read)


def decode(line: bytes, row: int | None = None) -> Read:
    """A read from its JSON object. Unknown fields are ignored.

    Raises ReadError with the row and the field, and never with what stood there.
    """
    try:
        read = _decoder.decode(line.removeprefix(codecs.BOM_UTF8))
    except msgspec.ValidationError as error:
        reason, field = at_fault(error)
        raise ReadError(reason, row=row, field=field) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ReadError("not a JSON object", row=row) from None
    except RecursionError:
        raise ReadError("nested too deeply", row=row) from None
    if read.time is not None:
        if read.time.tzinfo is None:
            raise ReadError("has no offset from UTC", row=row, field="time")
        try:
            read.time.astimezone(UTC)
        except OverflowError:
            raise ReadError("is out of range", row=row, field="time") from None
    return read


def decode_text(line: bytes, row: int | None = None) -> Read:
    """A read from a line that is its JSON object or just its text. Raises ReadError."""
    line = line.removeprefix(codecs.BOM_UTF8)
    if line.lstrip().startswith((b"[", b'"')) or b"{" in line:
        return decode(line, row)
    try:
        return Read(text=line.decode())
    except UnicodeDecodeError:
        raise ReadError("not valid UTF-8", row=row, field="text") from None


def decode_lines(lines: Iterable[bytes]) -> Iterator[tuple[int, Read | ReadError]]:
    """(row from 1, read or what is wrong with it) of each line that is not blank."""
    for row, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield row, decode(line, row)
        except ReadError as error:
            yield row, error
