"""What a request is answered when its endpoint fails."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from platewatch.notify.outbox import OutboxClosedError, OutboxError
from platewatch.service.asgi import Message, Receive, Scope, Send
from platewatch.service.endpoints import answered
from platewatch.sources import BusyError


def answer_of(failure: Exception) -> tuple[int, Any, dict[bytes, bytes]]:
    sent: list[Message] = []

    async def endpoint(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise failure

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "method": "POST", "path": "/v1/sources/gate/t0ken", "headers": []}
    asyncio.run(answered(endpoint, "/v1/sources/gate", scope, receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"]), dict(sent[0]["headers"])


@pytest.mark.parametrize(
    "failure",
    [
        OutboxError("the outbox failed"),
        OutboxClosedError("the outbox is closed"),
        BusyError("reads are waiting already"),
    ],
)
def test_what_may_succeed_later_is_to_be_sent_again(failure: Exception) -> None:
    """A service that is ending closes its outbox while requests are under way."""
    status, answer, headers = answer_of(failure)
    assert (status, answer) == (503, {"reason": str(failure)})
    assert b"retry-after" in headers


def test_a_defect_is_told_without_what_was_sent() -> None:
    with capture_logs() as log:
        status, answer, _ = answer_of(ValueError("12가3456"))
    assert (status, answer) == (500, {"reason": "internal error"})
    (entry,) = log
    assert entry["endpoint"] == "/v1/sources/gate"
    assert "t0ken" not in repr({name: value for name, value in entry.items() if name != "exc_info"})
