"""The little that plain ASGI endpoints share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import msgspec

Scope: TypeAlias = Mapping[str, Any]
Message: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


class BodyTooLargeError(Exception):
    """The request's body is larger than allowed."""


class DisconnectedError(Exception):
    """The client went away in the middle of its request."""


async def read_body(receive: Receive, max_bytes: int) -> bytes:
    """The whole body of a request. Raises BodyTooLargeError or DisconnectedError."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        body += message.get("body", b"")
        if len(body) > max_bytes:
            raise BodyTooLargeError
        if not message.get("more_body", False):
            return bytes(body)


async def send_json(send: Send, status: int, value: object) -> None:
    """Answer with a JSON value."""
    body = msgspec.json.encode(value)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def header(scope: Scope, name: bytes) -> str:
    """A request header, or "" (names are lower-case in ASGI)."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")
