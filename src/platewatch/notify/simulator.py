"""A stand-in for WASS that receives notifications and, on demand, misbehaves: for tests, demos and trials.

    POST   /events   a signed notification; answers 202, 401 (signature), 400 (not a hit event), or a fault
    GET    /events   what was received, as a Summary
    DELETE /events   forget it
    PUT    /faults   a Faults object, in force from then on

It keeps everything in memory and guards only POST: not for the open network.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import Random
from typing import Annotated, Final, Literal, Self, get_args

import msgspec
from aiohttp import web
from msgspec import Meta, Struct
from yarl import URL

from platewatch.notify.event import CancellationData, CancellationEvent, EventError, HitData, HitEvent, decode_any
from platewatch.notify.signing import SignatureError, Verifier

Fault = Literal["refuse", "delay", "error", "cut", "twice"]
Probability = Annotated[float, Meta(ge=0, le=1)]

_ACCEPTED: Final = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


class Faults(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The probability of each fault; at most one befalls a notification, so that they sum to at most 1.

    `refuse` answers 403 and `error` 500, and neither keeps the event. The others keep it: `delay` answers only after
    `delay_seconds`, `cut` drops the connection without an answer, `twice` answers twice.
    """

    refuse: Probability = 0.0
    delay: Probability = 0.0
    error: Probability = 0.0
    cut: Probability = 0.0
    twice: Probability = 0.0
    delay_seconds: Annotated[float, Meta(ge=0)] = 5.0

    def __post_init__(self) -> None:
        if sum(self._weights()) > 1 + 1e-9:
            raise ValueError("the probabilities of the faults sum to more than 1")

    def draw(self, random: Random) -> Fault | None:
        """The fault of the next notification, None for an honest answer."""
        outcomes: list[Fault | None] = [*get_args(Fault), None]
        weights = self._weights()
        return random.choices(outcomes, [*weights, max(0.0, 1 - sum(weights))])[0]

    def _weights(self) -> list[float]:
        return [self.refuse, self.delay, self.error, self.cut, self.twice]  # in the order of Fault


class Received(Struct, kw_only=True):
    """An event, when it first came and how often."""

    id: str
    deliveries: int
    received_at: datetime
    data: HitData


class Withdrawn(Struct, kw_only=True):
    """An event that takes a hit back, when it first came and how often."""

    id: str
    deliveries: int
    received_at: datetime
    data: CancellationData


class Summary(Struct, kw_only=True):
    """`received` deliveries of `distinct` events, so `duplicates` too many; `rejected` had no good signature. Hits that
    were taken back again are apart, in `withdrawn`.
    """

    received: int
    distinct: int
    duplicates: int
    rejected: int
    events: list[Received]
    withdrawn: list[Withdrawn] = []


class WassSimulator:
    """The simulated far end; `async with WassSimulator(secrets).start() as simulator:` serves at `simulator.url`.

    `on_received` is called with each event that was not received before.
    """

    def __init__(
        self,
        secrets: Sequence[str],
        *,
        faults: Faults | None = None,
        random: Random | None = None,
        clock: Callable[[], float] = time.time,
        on_received: Callable[[Received], None] = lambda _: None,
    ) -> None:
        self.faults = faults or Faults()
        self.received: dict[str, Received] = {}
        self.withdrawn: dict[str, Withdrawn] = {}
        self.rejected = 0
        self.url = ""
        """The base URL while it serves: notifications go to `<url>/events`."""
        self._verifier = Verifier(secrets)
        self._random = random or Random()  # noqa: S311 - faults, not secrets
        self._clock = clock
        self._on_received = on_received

    @asynccontextmanager
    async def start(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Self]:
        """Serve until the end of the block; port 0 takes a free one. Raises OSError if the address is taken."""
        app = web.Application()
        app.add_routes(
            [
                web.post("/events", self._post_event),
                web.get("/events", self._get_events),
                web.delete("/events", self._delete_events),
                web.put("/faults", self._put_faults),
            ]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            self.url = str(URL.build(scheme="http", host=host, port=runner.addresses[0][1]))
            yield self
        finally:
            await runner.cleanup()

    def summary(self) -> Summary:
        """What was received since the start or the last DELETE."""
        received = sum(event.deliveries for event in self.received.values())
        distinct = len(self.received)
        return Summary(
            received=received,
            distinct=distinct,
            duplicates=received - distinct,
            rejected=self.rejected,
            events=list(self.received.values()),
            withdrawn=list(self.withdrawn.values()),
        )

    async def _post_event(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            self._verifier.verify(request.headers, body, self._clock())
        except SignatureError as error:
            self.rejected += 1
            return web.Response(status=401, text=str(error))
        try:
            event = decode_any(body)
        except EventError as error:
            return web.Response(status=400, text=str(error))
        if event.id != request.headers["webhook-id"]:
            return web.Response(status=400, text="webhook-id is not the event's id")
        return await self._answer(request, event)

    async def _answer(self, request: web.Request, event: HitEvent | CancellationEvent) -> web.Response:
        fault = self.faults.draw(self._random)
        if fault == "refuse":
            return web.Response(status=403)
        if fault == "error":
            return web.Response(status=500)
        self._record(event)
        if fault == "delay":
            await asyncio.sleep(self.faults.delay_seconds)
        elif fault == "cut" and request.transport is not None:
            request.transport.abort()
        elif fault == "twice" and request.transport is not None:
            request.transport.write(_ACCEPTED)
        return web.Response(status=202)

    def _record(self, event: HitEvent | CancellationEvent) -> None:
        if known := self.received.get(event.id) or self.withdrawn.get(event.id):
            known.deliveries += 1
            return
        received_at = datetime.fromtimestamp(self._clock(), UTC)
        if isinstance(event, CancellationEvent):
            self.withdrawn[event.id] = Withdrawn(id=event.id, deliveries=1, received_at=received_at, data=event.data)
            return
        received = Received(id=event.id, deliveries=1, received_at=received_at, data=event.data)
        self.received[event.id] = received
        self._on_received(received)

    async def _get_events(self, _: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(self.summary()), content_type="application/json")

    async def _delete_events(self, _: web.Request) -> web.Response:
        self.received.clear()
        self.withdrawn.clear()
        self.rejected = 0
        return web.Response(status=204)

    async def _put_faults(self, request: web.Request) -> web.Response:
        try:
            self.faults = msgspec.json.decode(await request.read(), type=Faults)
        except msgspec.DecodeError as error:
            return web.Response(status=400, text=str(error))
        return web.Response(status=204)
