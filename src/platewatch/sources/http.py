"""Reads by HTTP: one JSON object, an array of them, or one a line (NDJSON), under any content type.

The answer is JSON: `accepted` and `hits` count reads and hits, `errors` lists the refused reads by row (from 1: of an
array its place, of NDJSON the line), field and reason. 200: every read is matched and every hit is on disk, but for the
reads in `errors`; 422: no read was usable; 503: the outbox failed, nothing is accepted, send it again.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from msgspec import Struct

from platewatch.errors import ReadError
from platewatch.lists.encoding import other_than_text
from platewatch.matching import lenient_json
from platewatch.matching.reads import NOT_AN_OBJECT, Read, ReadDecoder, decode_lines, encoding_hint
from platewatch.sources import Accept

_LOOKED_AT: Final = 1000  # bytes
_FORM: Final = re.compile(rb"[^\s=&,;{}\"]+=")
_BATCH_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl")


class RefusedRead(Struct, frozen=True):
    """A read that cannot be used; `row` counts from 1 in the request."""

    row: int | None
    field: str | None
    reason: str


class Answer(Struct, frozen=True):
    """What the client is told of its reads."""

    accepted: int
    hits: int
    errors: list[RefusedRead]


class Answered(NamedTuple):
    """An answer and its HTTP status."""

    status: int
    answer: Answer


class HttpReads:
    """Takes in the bodies of requests; what `accept` raises means "send it again" and is the caller's to answer.

    `on_refused` is called with the errors of the reads that cannot be used.
    """

    def __init__(
        self, accept: Accept, *, decoder: ReadDecoder, on_refused: Callable[[Sequence[ReadError]], None]
    ) -> None:
        self._accept = accept
        self._decoder = decoder
        self._on_refused = on_refused

    async def take(self, body: bytes, content_type: str) -> Answered:
        """The reads of one request. What type it says to have is asked only where its body does not tell."""
        rows, reads, errors = _decode(body, content_type, self._decoder)
        accepted = await self._accept(reads)
        # The pipeline counts within `reads`, the client in what it sent.
        errors += [ReadError(error.reason, row=rows[error.row or 0], field=error.field) for error in accepted.errors]
        errors.sort(key=lambda error: error.row or 0)
        if errors:
            self._on_refused(errors)
        refused = [RefusedRead(error.row, error.field, error.reason) for error in errors]
        status = 422 if errors and not accepted.reads else 200
        return Answered(status, Answer(accepted.reads, accepted.hits, refused))


def _decode(body: bytes, content_type: str, decoder: ReadDecoder) -> tuple[list[int], list[Read], list[ReadError]]:
    """The rows of the good reads, these reads, and what is wrong with the others."""
    rows: list[int] = []
    reads: list[Read] = []
    errors: list[ReadError] = []
    for row, read in _rows(body, content_type, decoder):
        if isinstance(read, ReadError):
            errors.append(read)
        else:
            rows.append(row)
            reads.append(read)
    return rows, reads, errors


def _rows(body: bytes, content_type: str, decoder: ReadDecoder) -> Iterable[tuple[int, Read | ReadError]]:
    body = body.removeprefix(codecs.BOM_UTF8)
    if (encoding := json.detect_encoding(body)) != "utf-8":  # UTF-16 and 32 show by their zeros
        body = body.decode(encoding, "replace").encode()
    lines = body.split(b"\n")
    start = body.lstrip()
    if start.startswith(b"["):
        try:
            return decode_lines(lenient_json.items(body), decoder)
        except (ValueError, RecursionError):
            return decode_lines(lines, decoder)
    media_type = content_type.partition(";")[0].strip().lower()
    if not start and media_type in _BATCH_TYPES:
        return []  # of no reads
    if not start.startswith(b"{"):
        hint = _surely(body, start, media_type)
        if hint is None and not any(_is_object(line.strip()) for line in lines):
            hint = _likely(start)
        if hint is not None:
            return [(1, ReadError(NOT_AN_OBJECT + hint, row=1))]
    return decode_lines(lines, decoder)


def _is_object(line: bytes) -> bool:
    """Whether a line looks like a whole object of NDJSON, behind lines that are none."""
    return line.startswith(b"{") and line.endswith(b"}")


def _surely(body: bytes, start: bytes, media_type: str) -> str | None:
    """What a body is that is no JSON though it may hold some, without a word of it."""
    if (looks := other_than_text(body)) is not None:
        return f": it looks {looks}"
    if start.startswith(b"<"):
        return ": it looks like XML or HTML"
    if start.startswith(b"--") and (media_type.startswith("multipart/") or b"content-" in start[:_LOOKED_AT].lower()):
        return ": it looks like multipart/form-data"
    return None


def _likely(start: bytes) -> str:
    """What a body looks like in which no line is JSON, without a word of it."""
    if not start:
        return ": the body is empty"
    first = start.split(b"\n")[0]
    if _FORM.match(first):
        return ": it looks like a form (application/x-www-form-urlencoded)"
    if any(mark in first for mark in (b",", b";", b"\t")):
        return ": it looks like CSV"
    try:
        start.decode()
    except UnicodeDecodeError:
        return encoding_hint(start)
    return ""
