"""Reads by HTTP: one JSON object, an array of them, or one a line (NDJSON), under any content type.

The answer is JSON: `accepted` and `hits` count reads and hits, `errors` lists the first hundred refused reads by row
(from 1: of an array its place, of NDJSON the line), field and reason, and `more_errors` counts the others by field and
reason. 200: every read is matched and every hit is on disk, but for the reads refused; 422: no read was usable, or
nearly none was and the rows from `unread_from_row` on were not looked at; 503: the outbox failed, nothing is accepted,
send it again.
"""

from __future__ import annotations

import asyncio
import codecs
import io
import json
import re
import time
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from msgspec import UNSET, Struct, UnsetType

from platewatch.errors import PlatewatchError, ReadError
from platewatch.lists.encoding import other_than_text
from platewatch.matching import lenient_json
from platewatch.matching.reads import NOT_AN_OBJECT, Read, ReadDecoder, decode_lines, encoding_hint
from platewatch.sources import NOT_ITS_CAMERA, Accept
from platewatch.sources.limits import within_limits
from platewatch.sources.refusals import Refusals, RefusedReads

MAX_READS: Final = 500_000
"""Reads of one request."""

MAX_REFUSED: Final = 100_000
"""Refused reads of one request after which the rest is not looked at."""

_JUDGED_FROM: Final = 1000  # rows that are no reads at all: then one row in a hundred has to be one
_LARGE: Final = 65536  # bytes of a body that is taken apart beside the event loop
_SLICE: Final = 0.002  # seconds of reading a body before others have their turn
_BATCH_TYPES: Final = ("application/x-ndjson", "application/ndjson", "application/jsonl")
_NO_READS: Final = (NOT_AN_OBJECT, "Expected `object`")
_LOOKED_AT: Final = 1000  # bytes
_FORM: Final = re.compile(rb"[^\s=&,;{}\"]+=")


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
    more_errors: list[RefusedReads] | UnsetType = UNSET
    unread_from_row: int | UnsetType = UNSET


class Answered(NamedTuple):
    """An answer and its HTTP status."""

    status: int
    answer: Answer


class TooManyReadsError(PlatewatchError):
    """A request with more than MAX_READS reads; none is accepted."""


class _Decoded(NamedTuple):
    rows: list[int]  # of the good reads
    reads: list[Read]
    refusals: Refusals
    unread_from: int | None


class HttpReads:
    """Takes in the bodies of requests; what `accept` raises means "send it again" and is the caller's to answer.

    `on_refused` is called with the errors of the reads that cannot be used.
    """

    def __init__(self, accept: Accept, *, decoder: ReadDecoder, on_refused: Callable[[Refusals], None]) -> None:
        self._accept = accept
        self._decoder = decoder
        self._on_refused = on_refused

    async def take(
        self, body: bytes, content_type: str, may_send: Callable[[str | None], bool] = lambda _camera_id: True
    ) -> Answered:
        """The reads of one request. What type it says to have is asked only where its body does not tell. `may_send`
        says of which cameras the client's reads are taken.

        Raises TooManyReadsError.
        """
        rows, reads, refusals, unread_from = await self._decode(body, content_type, may_send)
        accepted = await self._accept(reads)
        if accepted.errors:  # the pipeline counts within `reads`, the client in what it sent
            refusals.merge(
                ReadError(error.reason, row=rows[error.row or 0], field=error.field, camera_id=error.camera_id)
                for error in accepted.errors
            )
        if refusals.count:
            self._on_refused(refusals)
        listed = [RefusedRead(error.row, error.field, error.reason) for error in refusals.first]
        answer = Answer(
            accepted.reads,
            accepted.hits,
            listed,
            refusals.more() or UNSET,
            UNSET if unread_from is None else unread_from,
        )
        unusable = refusals.count and not accepted.reads
        return Answered(422 if unusable or unread_from is not None else 200, answer)

    async def _decode(self, body: bytes, content_type: str, may_send: Callable[[str | None], bool]) -> _Decoded:
        """In slices, so that a large body holds up nobody else."""
        rows: list[int] = []
        reads: list[Read] = []
        refusals = Refusals()
        garbage = 0
        if len(body) < _LARGE:
            found = _rows(body, content_type, self._decoder)
        else:
            found = await asyncio.to_thread(_rows, body, content_type, self._decoder)
        slice_ends = time.perf_counter() + _SLICE
        for number, (row, read) in enumerate(found):
            if isinstance(read, ReadError):
                refusals.add(read)
                garbage += read.reason.startswith(_NO_READS)
                if refusals.count >= MAX_REFUSED or garbage >= max(_JUDGED_FROM, 99 * (row - garbage)):
                    return _Decoded(rows, reads, refusals, row + 1)
            elif read is not None:
                if len(reads) == MAX_READS:
                    raise TooManyReadsError(f"over {MAX_READS} reads in one request: send them in several")
                try:
                    if not may_send(read.camera_id):
                        raise ReadError(NOT_ITS_CAMERA, row=row, field="camera_id")
                    reads.append(within_limits(read, row, self._decoder.dropped))
                    rows.append(row)
                except ReadError as error:
                    refusals.add(error)
            if not number % 16 and time.perf_counter() > slice_ends:
                await asyncio.sleep(0)
                slice_ends = time.perf_counter() + _SLICE
        return _Decoded(rows, reads, refusals, None)


def _rows(body: bytes, content_type: str, decoder: ReadDecoder) -> Iterable[tuple[int, Read | ReadError | None]]:
    """Nothing in here is one call for millions of things: that would keep the event loop from running, too."""
    body = body.removeprefix(codecs.BOM_UTF8)
    if (encoding := json.detect_encoding(body)) != "utf-8":  # UTF-16 and 32 show by their zeros
        parts = (body[i : i + _LARGE] for i in range(0, len(body), _LARGE))
        body = "".join(codecs.iterdecode(parts, encoding, "replace")).encode()
    start = body.lstrip()
    if start.startswith(b"["):
        try:
            return decode_lines(lenient_json.items(body), decoder)
        except (ValueError, RecursionError):
            return decode_lines(io.BytesIO(body), decoder)
    media_type = content_type.partition(";")[0].strip().lower()
    if not start and media_type in _BATCH_TYPES:
        return []  # of no reads
    if not start.startswith(b"{"):
        hint = _surely(body, start, media_type)
        if hint is None and not any(_is_object(line.strip()) for line in io.BytesIO(body)):
            hint = _likely(start)
        if hint is not None:
            return [(1, ReadError(NOT_AN_OBJECT + hint, row=1))]
    return decode_lines(io.BytesIO(body), decoder)


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
    first = start.partition(b"\n")[0]
    if _FORM.match(first):
        return ": it looks like a form (application/x-www-form-urlencoded)"
    if any(mark in first for mark in (b",", b";", b"\t")):
        return ": it looks like CSV"
    try:
        start.decode()
    except UnicodeDecodeError:
        return encoding_hint(start)
    return ""
