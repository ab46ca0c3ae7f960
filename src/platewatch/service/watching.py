"""Whether the service is well: /healthz, /readyz, /metrics."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from platewatch.notify.outbox import Outbox, OutboxError
from platewatch.service.asgi import Receive, Scope, Send, send_json
from platewatch.service.cameras import Cameras
from platewatch.service.connections import Connections
from platewatch.service.delivery import Delivery
from platewatch.service.feeds import Feeds
from platewatch.service.metrics import CONTENT_TYPE, Metrics
from platewatch.service.pipeline import Pipeline

Endpoint: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_REMEMBERED: Final = 1.0  # seconds for which it is known whether the outbox can be written, as anybody may ask
_PROBE: Final = "INSERT INTO meta VALUES ('probe', ?1) ON CONFLICT (name) DO UPDATE SET value = ?1"


class Watching:
    """`routes`: the endpoints by method and path."""

    def __init__(
        self,
        metrics: Metrics,
        outbox: Outbox,
        feeds: Feeds,
        delivery: Delivery,
        pipeline: Pipeline,
        cameras: Cameras,
        connections: Connections,
    ) -> None:
        self._metrics = metrics
        self._outbox = outbox
        self._feeds = feeds
        self._delivery = delivery
        self._pipeline = pipeline
        self._cameras = cameras
        self._connections = connections
        self._probed = -_REMEMBERED
        self._unwritable: str | None = None
        self.routes: dict[tuple[str, str], Endpoint] = {
            ("GET", "/healthz"): self._health,
            ("GET", "/readyz"): self._readiness,
            ("GET", "/metrics"): self._expose,
        }

    async def _health(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send_json(send, 200, {"status": "ok"})

    async def _readiness(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        reasons = await self._reasons()
        if reasons:
            await send_json(send, 503, {"status": "not ready", "reason": "; ".join(reasons)})
        else:
            await send_json(send, 200, {"status": "ready"})

    async def _reasons(self) -> list[str]:
        """Why the service is not ready: reads would be refused, or matched with no list, or with one that is stale."""
        reasons = []
        now = time.monotonic()
        if now - self._probed >= _REMEMBERED:
            self._probed = now
            self._unwritable = await self._probe()
        if self._unwritable is not None:
            reasons.append(self._unwritable)
        feeds = self._feeds.status()
        if not any(feed["entries"] for feed in feeds):
            reasons.append("no feed has a list")
        reasons += [f"the list of the feed {feed['feed']} is stale" for feed in feeds if feed["stale"]]
        return reasons

    async def _probe(self) -> str | None:
        """Why no hit could be committed; None if one could."""

        def action(connection: sqlite3.Connection) -> None:
            connection.execute(_PROBE, (str(time.time()).encode(),))

        try:
            await self._outbox.write(action)
        except OutboxError as error:
            return error.reason
        return None

    async def _expose(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        routes: dict[str, dict[str, Any]] | None
        try:
            routes = await self._delivery.status()
        except OutboxError:
            routes = None
        now = {
            "waiting": self._pipeline.waiting,
            "unknown": self._cameras.unknown,
            "connections": len(self._connections),
        }
        body = await self._metrics.exposed(self._outbox, routes, now)
        headers = [(b"content-type", CONTENT_TYPE.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
