"""Where hits are taken out: POST /v1/hits/export, of the agencies whose hits are one's business."""

from __future__ import annotations

import sqlite3
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from platewatch.errors import decode_request
from platewatch.notify.outbox import Outbox
from platewatch.service.asgi import (
    Receive,
    RequestError,
    Scope,
    Send,
    read_body,
)
from platewatch.service.audit import Access, Audit
from platewatch.service.gate import address_of, principal_of
from platewatch.service.keys import Principal
from platewatch.service.outcomes import Name, agency_in

_MAX_BODY_BYTES: Final = 64 * 1024
_SLICE: Final = 500  # events that are looked at, or answered, at once
_FOUND: Final = """
    SELECT seq, event_id, entry_id, body FROM events WHERE seq > ? AND state <> 'cancelled' AND body <> x''
    ORDER BY seq LIMIT ?
"""
# What was deleted since it was found stays so.
_BODIES: Final = """
    SELECT body FROM events
    WHERE seq IN (SELECT value FROM json_each(?)) AND state <> 'cancelled' AND body <> x'' ORDER BY seq
"""


class Export(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who takes hits out, and why."""

    by: Name
    reason: Annotated[str, Meta(min_length=1, max_length=2000)]


class Exports:
    """The endpoint: one JSON event a line, the oldest first, after who, why and whose went into the access log."""

    def __init__(self, outbox: Outbox, audit: Audit) -> None:
        self._outbox = outbox
        self._audit = audit

    async def take(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a POST. Raises what read_body raises, RequestError and AuditError."""
        principal = principal_of(scope)
        export = decode_request(await read_body(scope, receive, _MAX_BODY_BYTES), Export, RequestError)
        for field in ("by", "reason"):
            if not getattr(export, field).strip():
                raise RequestError("is blank", field=field)
        seqs, entry_ids = await self._found(principal)
        await self._audit.note(
            Access(
                who=principal.who(export.by),
                where=address_of(scope),
                action="export",
                subjects=tuple(map(self._audit.subject, entry_ids)),
                count=len(entry_ids),
                reason=export.reason,
            )
        )
        headers = [(b"content-type", b"application/x-ndjson")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for start in range(0, len(seqs), _SLICE):
            lines = b"".join(body + b"\n" for body in await self._bodies(seqs[start : start + _SLICE]))
            await send({"type": "http.response.body", "body": lines, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _found(self, principal: Principal) -> tuple[list[int], list[str]]:
        """The events that are its business, each once though several routes have it, and their entries."""
        seqs: list[int] = []
        entry_ids: set[str] = set()
        known: set[str] = set()
        last = 0
        while rows := await self._rows(_FOUND, last, _SLICE):
            for seq, event_id, entry_id, body in rows:
                if event_id not in known and principal.may_know(agency_in(body)):
                    known.add(event_id)
                    seqs.append(seq)
                    entry_ids.add(entry_id)
            last = rows[-1][0]
        return seqs, sorted(entry_ids)

    async def _bodies(self, seqs: list[int]) -> list[bytes]:
        return [body for (body,) in await self._rows(_BODIES, msgspec.json.encode(seqs).decode())]

    async def _rows(self, sql: str, *parameters: object) -> list[Any]:
        def action(connection: sqlite3.Connection) -> list[Any]:
            return connection.execute(sql, parameters).fetchall()

        return await self._outbox.write(action)
