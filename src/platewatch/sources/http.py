"""Reads by HTTP: one JSON object, or a batch as NDJSON (Content-Type: application/x-ndjson).

The answer is JSON: `accepted` and `hits` count reads and hits, `errors` lists the refused reads by row (from 1),
field and reason. 200: every read is matched and every hit is on disk, but for the reads in `errors`; 422: no read
was usable; 503: the outbox failed, nothing is accepted, send it again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from platewatch.asgi import BodyTooLargeError, DisconnectedError, Receive, Scope, Send, header, read_body, send_json
from platewatch.errors import ReadError
from platewatch.pipeline import Accepted
from platewatch.reads import Read, decode, decode_lines

_BATCH_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl")


class ReadsEndpoint:
    """The ASGI endpoint that feeds `accept`; what that raises means "send it again" and is the caller's to answer.

    `on_refused` is called with the errors of the reads that cannot be used.
    """

    def __init__(
        self,
        accept: Callable[[Sequence[Read]], Awaitable[Accepted]],
        *,
        max_body_bytes: int,
        on_refused: Callable[[Sequence[ReadError]], None],
    ) -> None:
        self._on_refused = on_refused
        self._accept = accept
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            body = await read_body(receive, self._max_body_bytes)
        except DisconnectedError:
            return
        except BodyTooLargeError:
            await send_json(send, 413, {"reason": f"the body is over {self._max_body_bytes} bytes"})
            return
        rows, reads, errors = _decode(body, header(scope, b"content-type"))
        accepted = await self._accept(reads)
        # The pipeline counts within `reads`, the client in what it sent.
        errors += [ReadError(error.reason, row=rows[error.row or 0], field=error.field) for error in accepted.errors]
        errors.sort(key=lambda error: error.row or 0)
        if errors:
            self._on_refused(errors)
        answer = {
            "accepted": accepted.reads,
            "hits": accepted.hits,
            "errors": [{"row": error.row, "field": error.field, "reason": error.reason} for error in errors],
        }
        await send_json(send, 422 if errors and not accepted.reads else 200, answer)


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
