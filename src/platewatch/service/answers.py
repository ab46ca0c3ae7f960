"""Where operators and far ends answer: POST /v1/hits/{hitid}/outcome and /seen."""

from __future__ import annotations

from typing import Final

import structlog
from msgspec import to_builtins

from platewatch.errors import decode_request
from platewatch.service.asgi import (
    Receive,
    RequestError,
    Scope,
    Send,
    read_body,
    send_json,
)
from platewatch.service.audit import Access, Audit
from platewatch.service.gate import Denied, address_of, principal_of
from platewatch.service.outcomes import Answer, Outcomes, Seen

_PREFIX: Final = "/v1/hits/"
_MAX_BODY_BYTES: Final = 64 * 1024
_NO_SUCH_HIT: Final = "no such hit, or it is no longer kept"

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class Answers:
    """The endpoints. What they take is in the classes of `outcomes`; a field that is wrong is named, and costs all."""

    def __init__(self, outcomes: Outcomes, audit: Audit) -> None:
        self._outcomes = outcomes
        self._audit = audit

    @staticmethod
    def owns(path: str) -> bool:
        """Whether a path is one of these."""
        return path.startswith(_PREFIX) and path.removeprefix(_PREFIX).partition("/")[2] in ("outcome", "seen")

    async def take(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a POST. Raises Denied for a hit that is not the sender's business, RequestError, AuditError, and what
        read_body raises.
        """
        hitid, _, what = scope["path"].removeprefix(_PREFIX).partition("/")
        body = await read_body(scope, receive, _MAX_BODY_BYTES)
        given = (
            decode_request(body, Seen, RequestError) if what == "seen" else decode_request(body, Answer, RequestError)
        )
        if not given.by.strip():
            raise RequestError("is blank", field="by")
        whose = await self._outcomes.whose(hitid)
        if whose is not None and not principal_of(scope).may_know(whose.agency):
            raise Denied(404, _NO_SUCH_HIT)  # nor is it said that there is one
        answer: object = None
        if whose is not None:
            await self._note(scope, given, whose.entry_id)
            answer = await self._do(hitid, given)
        if answer is None:
            await send_json(send, 404, {"reason": _NO_SUCH_HIT})
        else:
            await send_json(send, 200, to_builtins(answer))

    async def _do(self, hitid: str, given: Seen | Answer) -> object:
        if isinstance(given, Seen):
            return {"seen": True} if await self._outcomes.see(hitid, given) else None
        recorded = await self._outcomes.record(hitid, given)
        if recorded is not None:
            _log.info("outcome", hitid=hitid, outcome=given.outcome, by=given.by)
        return recorded

    async def _note(self, scope: Scope, given: Seen | Answer, entry_id: str) -> None:
        """Raises AuditError."""
        await self._audit.note(
            Access(
                who=principal_of(scope).who(given.by),
                where=address_of(scope),
                action="seen" if isinstance(given, Seen) else given.outcome,
                subjects=(self._audit.subject(entry_id),),
                reason="" if isinstance(given, Seen) else given.reason,
            )
        )
