"""Where operators and far ends answer: POST /v1/hits/{hitid}/outcome and /seen."""

from __future__ import annotations

from typing import Final

import msgspec
import structlog

from platewatch.service.asgi import (
    BodyTooLargeError,
    DisconnectedError,
    Receive,
    Scope,
    Send,
    read_body,
    send_json,
    unread,
)
from platewatch.service.outcomes import Answer, Outcomes, Seen

_PREFIX: Final = "/v1/hits/"
_MAX_BODY_BYTES: Final = 64 * 1024

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class Answers:
    """The endpoints. What they take is in the classes of `outcomes`; a field that is wrong is named, and costs all."""

    def __init__(self, outcomes: Outcomes) -> None:
        self._outcomes = outcomes

    @staticmethod
    def owns(path: str) -> bool:
        """Whether a path is one of these."""
        return path.startswith(_PREFIX) and path.removeprefix(_PREFIX).partition("/")[2] in ("outcome", "seen")

    async def take(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a POST."""
        hitid, _, what = scope["path"].removeprefix(_PREFIX).partition("/")
        try:
            body = await read_body(scope, receive, _MAX_BODY_BYTES)
            if what == "seen":
                seen = msgspec.json.decode(body, type=Seen)
                known = await self._outcomes.see(hitid, seen)
                answer: object = {"seen": True} if known else None
            else:
                given = msgspec.json.decode(body, type=Answer)
                answer = await self._outcomes.record(hitid, given)
                if answer is not None:
                    _log.info("outcome", hitid=hitid, outcome=given.outcome, by=given.by)
        except DisconnectedError:
            return
        except (BodyTooLargeError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            await send_json(
                send, 400, {"reason": str(error) or f"the body is over {_MAX_BODY_BYTES} bytes"}, unread(scope)
            )
            return
        if answer is None:
            await send_json(send, 404, {"reason": "no such hit, or it is no longer kept"})
        else:
            await send_json(send, 200, msgspec.to_builtins(answer))
