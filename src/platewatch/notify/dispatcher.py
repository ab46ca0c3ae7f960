"""Delivers what the outbox holds, at least once each, until it is acknowledged or becomes a dead letter."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from random import Random
from typing import Annotated

import structlog
from msgspec import Meta, Struct

from platewatch.notify.outbox import Outbox, OutboxError, PendingEvent
from platewatch.notify.sender import DeliveryError, Sender

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)

Seconds = Annotated[float, Meta(gt=0)]


# The schedule lives in the outbox, so that it survives a restart: this is why no retry library is used.
class RetryPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a failed delivery is tried again. Times are in seconds.

    The delay doubles from `first_delay` to `max_delay`, less a random part of up to the share `jitter`. An event that
    fails when `give_up_after` has passed since it was queued becomes a dead letter.
    """

    first_delay: Seconds = 1.0
    max_delay: Seconds = 60.0
    jitter: Annotated[float, Meta(ge=0, le=1)] = 0.5
    give_up_after: Seconds = 72 * 3600.0
    concurrency: Annotated[int, Meta(ge=1)] = 16

    def delay(self, attempts: int, random: Random) -> float:
        """Seconds to wait after this many failed attempts."""
        doublings = min(attempts - 1, 64)  # far more than any use, and 2.0**1024 would overflow
        return min(self.first_delay * 2.0**doublings, self.max_delay) * random.uniform(1 - self.jitter, 1)


class Dispatcher:
    """Takes due events from the outbox, the longest due first, and hands them to the sender.

    `on_delivered` is called with the event id and the seconds from its creation to its acknowledgement.
    """

    def __init__(
        self,
        outbox: Outbox,
        sender: Sender,
        policy: RetryPolicy,
        *,
        clock: Callable[[], float] = time.time,
        random: Random | None = None,
        on_delivered: Callable[[str, float], None] | None = None,
    ) -> None:
        self._outbox = outbox
        self._sender = sender
        self._policy = policy
        self._clock = clock
        self._random = random or Random()  # noqa: S311 - jitter, not a secret
        self._on_delivered = on_delivered
        self._in_flight: dict[int, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._grace = 0.0

    async def run(self) -> None:
        """Deliver until `stop` is called.

        While the outbox cannot be read or written, as on a full disk, it says so in the log and tries again. Any other
        failure ends it with an ExceptionGroup; no event is lost by that, and it may be run again.
        """
        async with asyncio.TaskGroup() as deliveries:
            while not self._stopping.is_set():
                self._wake.clear()
                try:
                    free = self._policy.concurrency - len(self._in_flight)
                    for event in await self._outbox.due(self._clock(), free, exclude=self._in_flight):
                        task = deliveries.create_task(self._deliver(event))
                        self._in_flight[event.seq] = task
                        task.add_done_callback(partial(self._finished, event.seq))
                    await self._rest()
                except OutboxError as error:
                    _log.error("outbox unusable", reason=error.reason)
                    await _wait(self._stopping, self._policy.first_delay)
            if self._in_flight:
                _, unfinished = await asyncio.wait(self._in_flight.values(), timeout=self._grace)
                for task in unfinished:
                    task.cancel()

    def wake(self) -> None:
        """Look for due events now: to be called after an append or a retry."""
        self._wake.set()

    def stop(self, grace: float = 10.0) -> None:
        """Let `run` return, at the latest after `grace` seconds; what is then unfinished is sent again next time."""
        self._grace = grace
        self._stopping.set()
        self._wake.set()

    async def _rest(self) -> None:
        """Until an event may be due, or woken; while all slots are taken, only a finished delivery wakes us."""
        timeout = None
        if len(self._in_flight) < self._policy.concurrency:
            # Looks at least every max_delay, as the clock may be set forward meanwhile.
            timeout = self._policy.max_delay
            next_due = await self._outbox.next_due(exclude=self._in_flight)
            if next_due is not None:
                timeout = min(timeout, max(0.0, next_due - self._clock()))
        await _wait(self._wake, timeout)

    async def _deliver(self, event: PendingEvent) -> None:
        try:
            await self._sender.send(event.event_id, event.body)
        except DeliveryError as error:
            await self._failed(event, error)
            # A failure keeps its slot for a moment: however many events wait, a far end that is down is tried at
            # most `concurrency` times per `first_delay`, and its return is noticed as soon.
            await _wait(self._stopping, self._policy.first_delay)
            return
        now = self._clock()
        await self._note(partial(self._outbox.delivered, event.seq, now))
        _log.info("delivered", event_id=event.event_id, attempts=event.attempts + 1)
        if self._on_delivered is not None:
            self._on_delivered(event.event_id, now - event.created_at)

    async def _failed(self, event: PendingEvent, error: DeliveryError) -> None:
        now = self._clock()
        attempts = event.attempts + 1
        if error.permanent or now - event.queued_at >= self._policy.give_up_after:
            await self._note(partial(self._outbox.dead, event.seq, error.reason))
            _log.error("dead letter", event_id=event.event_id, error=error.reason, attempts=attempts)
            return
        delay = max(self._policy.delay(attempts, self._random), error.retry_after or 0.0)
        await self._note(partial(self._outbox.failed, event.seq, error.reason, now + delay))
        _log.warning(
            "delivery failed", event_id=event.event_id, error=error.reason, attempts=attempts, retry_in=round(delay, 1)
        )

    async def _note(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write an outcome, again and again while the outbox cannot be written: meanwhile the event stays in flight,
        so that it is not sent twice. What is not noted when `stop` comes is sent again next time."""
        while True:
            try:
                return await write()
            except OutboxError as error:
                _log.error("outcome not noted", reason=error.reason)
                if self._stopping.is_set():
                    return None
                await _wait(self._stopping, self._policy.first_delay)

    def _finished(self, seq: int, _: asyncio.Task[None]) -> None:
        del self._in_flight[seq]
        self._wake.set()


async def _wait(event: asyncio.Event, seconds: float | None) -> None:
    """Until the event is set, or for so many seconds."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
