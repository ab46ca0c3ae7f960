"""Where cameras push what they read, each source on a path of its own: /v1/sources/<name>, or as it is set."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from platewatch.networks import is_in
from platewatch.service.asgi import (
    Bodies,
    BodyTooLargeError,
    DisconnectedError,
    Receive,
    Scope,
    Send,
    header,
    read_body,
    send_json,
    unread,
)
from platewatch.service.gate import Denied, address_of, principal_of
from platewatch.sources.source import Source, transport_of

_METHODS: Final = frozenset({"POST", "PUT", "GET"})  # GET of what stands in the query
_JSON: Final = (b"content-type", b"application/json")


class SourceEndpoints:
    """All sources, by name: those that are pushed have paths, the others are followed; in the folder `positions` is how
    far they have come. `id_of` says which camera it is that a source calls so. Raises ConfigError.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        bodies: Bodies,
        positions: Path,
        *,
        id_of: Callable[[str | None, str], str | None],
    ) -> None:
        self._id_of = id_of
        self._sources = sources
        transports = {name: transport_of(source, positions) for name, source in sources.items()}
        self._followed = {name: transport for name, transport in transports.items() if transport is not None}
        self._pushed = [source for name, source in sources.items() if name not in self._followed]
        self._bodies = bodies

    def source_of(self, path: str) -> Source | None:
        """Whose path it is: the longest, if it is below several."""
        below = [one for one in self._pushed if path == one.path or path.startswith(f"{one.path}/")]
        return max(below, key=lambda one: len(one.path), default=None)

    @staticmethod
    def admits(source: Source, scope: Scope) -> bool:
        """Whether the sender has shown the source's token, or needs none; False if what holds for reads holds.

        Raises Denied.
        """
        how = source.settings
        if how.addresses is not None and not is_in(address_of(scope), how.addresses):
            raise Denied(403, "not from here")
        if how.token is None:
            return how.without_token
        shown = (_in_path(source, scope), _shown(header(scope, b"authorization")))
        if not any(hmac.compare_digest(one.encode("utf-8", "replace"), how.token.encode()) for one in shown):
            raise Denied(401, "needs the source's token")
        return True

    async def take(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a message of a source."""
        source = self.source_of(scope["path"])
        if source is None:
            raise AssertionError("the path is a source's")
        if scope["method"] not in _METHODS:
            allowed = ", ".join(sorted(_METHODS)).encode()
            await send_json(send, 405, {"reason": "no such method"}, [(b"allow", allowed), *unread(scope)])
            return
        close: list[tuple[bytes, bytes]] = []
        with self._bodies.holding() as held:
            try:
                body = await read_body(scope, receive, source.settings.max_body_bytes, held)
                taken = await source.take(body, _headers(scope), _target(source, scope), self._may_send(source, scope))
                reply = source.settled(taken, body)
            except DisconnectedError:
                return
            except BodyTooLargeError:
                reply, close = source.settled(source.too_large(), b""), unread(scope)
        headers = [_JSON, (b"content-length", str(len(reply.body)).encode()), *close]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    def _may_send(self, source: Source, scope: Scope) -> Callable[[str | None], bool]:
        principal = principal_of(scope)
        return lambda camera_id: principal.may_send(self._id_of(camera_id, source.name))

    def status(self) -> dict[str, dict[str, Any]]:
        """Of each source what it understood, ignored, refused, and when it heard of each camera."""
        return {
            name: {
                **source.status(),
                **({"transport": self._followed[name].status()} if name in self._followed else {}),
            }
            for name, source in self._sources.items()
        }

    async def follow(self) -> None:
        """Follow what brings messages by itself, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for transport in self._followed.values():
                tasks.create_task(transport.follow())


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def _in_path(source: Source, scope: Scope) -> str:
    """The part of the path where a token may stand."""
    rest: str = scope["path"].removeprefix(source.path).lstrip("/")
    return rest.partition("/")[0]


def _target(source: Source, scope: Scope) -> str:
    """The path and the query, without a token."""
    path: str = scope["path"]
    token = source.settings.token
    if token is not None and _in_path(source, scope) == token:
        path = source.path + path.removeprefix(f"{source.path}/{token}")
    query = scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _shown(authorization: str) -> str:
    """A bearer's token, or Basic's password: cameras can often do no better."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(given.strip(), validate=True).decode("utf-8", "replace").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""
