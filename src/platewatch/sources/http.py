"""Reads by HTTP: one JSON object, or a batch as NDJSON (Content-Type: application/x-ndjson).

The answer is JSON: `accepted` and `hits` count reads and hits, `errors` lists the refused reads by row (from 1),
field and reason. 200: every read is matched and every hit is on disk, but for the reads in `errors`; 422: no read
was usable; 503: the outbox failed, nothing is accepted, send it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec import Struct

from platewatch.errors import ReadError
from platewatch.matching.reads import Read, decode, decode_lines
from platewatch.sources import Accept

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

    def __init__(self, accept: Accept, *, on_refused: Callable[[Sequence[ReadError]], None]) -> None:
        self._accept = accept
        self._on_refused = on_refused

    async def take(self, body: bytes, content_type: str) -> Answered:
        """The reads of one request."""
        rows, reads, errors = _decode(body, content_type)
        accepted = await self._accept(reads)
        # The pipeline counts within `reads`, the client in what it sent.
        errors += [ReadError(error.reason, row=rows[error.row or 0], field=error.field) for error in accepted.errors]
        errors.sort(key=lambda error: error.row or 0)
        if errors:
            self._on_refused(errors)
        refused = [RefusedRead(error.row, error.field, error.reason) for error in errors]
        status = 422 if errors and not accepted.reads else 200
        return Answered(status, Answer(accepted.reads, accepted.hits, refused))


def _decode(body: bytes, content_type: str) -> tuple[list[int], list[Read], list[ReadError]]:
    """The rows of the good reads, these reads, and what is wrong with the others."""
    rows: list[int] = []
    reads: list[Read] = []
    errors: list[ReadError] = []
    if content_type.partition(";")[0].strip().lower() in _BATCH_TYPES:
        for row, read in decode_lines(body.splitlines()):
            if isinstance(read, ReadError):
                errors.append(read)
            else:
                rows.append(row)
                reads.append(read)
    else:
        try:
            reads.append(decode(body, 1))
            rows.append(1)
        except ReadError as error:
            errors.append(error)
    return rows, reads, errors
