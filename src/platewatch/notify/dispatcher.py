"""Delivers what the outbox holds, at least once each, until it is acknowledged or becomes a dead letter."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from random import Random
from typing import Annotated, Final

import structlog
from msgspec import Meta, Struct

from platewatch.notify.outbox import WASS, Outbox, OutboxError, PendingEvent
from platewatch.notify.senders.base import DeliveryError, Sender

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)

_STEPS: Final = (1.0, 2.5, 5.0)

Seconds = Annotated[float, Meta(gt=0)]


# The schedule lives in the outbox, so that it survives a restart: this is why no retry library is used.
class RetryPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a failed delivery is tried again. Times are in seconds.

    The delay grows from `first_delay` to `max_delay` in steps of 1, 2.5, 5, 10, 25, ..., less a random part of up to
    the share `jitter`: 0.2 s, 0.5, 1, 2, 5, 10, 20, 50 and 60 unless set. An event that fails when `give_up_after` has
    passed since it was queued becomes a dead letter. After `failures_in_a_row` the far end is taken to be down: then
    one event at a time is tried, by the same delays, up to `longest_probe` apart, until one is taken.
    """

    first_delay: Seconds = 0.2
    max_delay: Seconds = 60.0
    jitter: Annotated[float, Meta(ge=0, le=1)] = 0.5
    give_up_after: Seconds = 72 * 3600.0
    concurrency: Annotated[int, Meta(ge=1)] = 16
    failures_in_a_row: Annotated[int, Meta(ge=1)] = 5
    longest_probe: Seconds = 10.0

    def delay(self, attempts: int, random: Random) -> float:
        """Seconds to wait after this many failed attempts."""
        tens, step = divmod(min(attempts - 1, 64), 3)  # far more than any use, and 10.0**400 would overflow
        longest = self.first_delay * _STEPS[step] * 10.0**tens
        return min(longest, self.max_delay) * random.uniform(1 - self.jitter, 1)


class Dispatcher:
    """Gives a route's due events from the outbox to its sender, urgent ones first, then the longest due.

    `on_delivered` is called with the event id and the seconds from its creation to its acknowledgement.
    """

    def __init__(
        self,
        outbox: Outbox,
        sender: Sender,
        policy: RetryPolicy,
        *,
        route: str = WASS,
        clock: Callable[[], float] = time.time,
        random: Random | None = None,
        on_delivered: Callable[[str, float], None] | None = None,
    ) -> None:
        self._outbox = outbox
        self._sender = sender
        self._policy = policy
        self.route = route
        self._clock = clock
        self._random = random or Random()  # noqa: S311 - jitter, not a secret
        self._on_delivered = on_delivered
        self._failures = 0  # in a row
        self._next_probe = 0.0
        self._in_flight: dict[int, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._grace = 0.0

    @property
    def is_down(self) -> bool:
        """Whether the far end is taken to be down, as it has failed too often in a row."""
        return self._failures >= self._policy.failures_in_a_row

    async def run(self) -> None:
        """Deliver until `stop` is called.

        While the outbox cannot be read or written, as on a full disk, it says so in the log and tries again. Any other
        failure ends it with an ExceptionGroup; no event is lost by that, and it may be run again.
        """
        async with asyncio.TaskGroup() as deliveries:
            while not self._stopping.is_set():
                self._wake.clear()
                try:
                    now = self._clock()
                    for event in await self._outbox.due(now, self._free(now), self._in_flight, route=self.route):
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

    def _free(self, now: float) -> int:
        """How many events may be begun: while the far end is down, one, at its time, if no other is under way."""
        if self.is_down:
            return int(not self._in_flight and now >= self._next_probe)
        return self._policy.concurrency - len(self._in_flight)

    async def _rest(self) -> None:
        """Until an event may be due, or woken; while no more may be begun, only a finished delivery wakes us."""
        timeout = None
        if len(self._in_flight) < (1 if self.is_down else self._policy.concurrency):
            # Looks at least every max_delay, as the clock may be set forward meanwhile.
            timeout = self._policy.max_delay
            next_due = await self._outbox.next_due(self._in_flight, route=self.route)
            if next_due is not None:
                begin = max(next_due, self._next_probe) if self.is_down else next_due
                timeout = min(timeout, max(0.0, begin - self._clock()))
        await _wait(self._wake, timeout)

    async def _deliver(self, event: PendingEvent) -> None:
        try:
            await self._sender.send(event.event_id, event.body)
        except DeliveryError as error:
            if not error.permanent:
                self._count_failure(error)
            await self._failed(event, error)
            return
        now = self._clock()
        await self._count_success()
        await self._note(partial(self._outbox.delivered, event.seq, now))
        _log.info("delivered", route=self.route, event_id=event.event_id, attempts=event.attempts + 1)
        if self._on_delivered is not None:
            self._on_delivered(event.event_id, now - event.created_at)

    def _count_failure(self, error: DeliveryError) -> None:
        was_down = self.is_down
        self._failures += 1
        if self.is_down:
            probes = self._failures - self._policy.failures_in_a_row + 1
            delay = min(self._policy.delay(probes, self._random), self._policy.longest_probe)
            self._next_probe = self._clock() + max(delay, error.retry_after or 0.0)
            if not was_down:
                _log.error("route is down", route=self.route, error=error.reason)

    async def _count_success(self) -> None:
        was_down = self.is_down
        self._failures = 0
        if was_down:
            _log.info("route is back", route=self.route)
            # What has failed often would wait long though nothing is in the way any more.
            await self._note(partial(self._outbox.hasten, self.route))

    async def _failed(self, event: PendingEvent, error: DeliveryError) -> None:
        now = self._clock()
        attempts = event.attempts + 1
        if error.permanent or now - event.queued_at >= self._policy.give_up_after:
            await self._note(partial(self._outbox.dead, event.seq, error.reason))
            _log.error("dead letter", route=self.route, event_id=event.event_id, error=error.reason, attempts=attempts)
            return
        delay = max(self._policy.delay(attempts, self._random), error.retry_after or 0.0)
        await self._note(partial(self._outbox.failed, event.seq, error.reason, now + delay))
        _log.warning(
            "delivery failed",
            route=self.route,
            event_id=event.event_id,
            error=error.reason,
            attempts=attempts,
            retry_in=round(delay, 1),
        )

    async def _note(self, write: Callable[[], Awaitable[object]]) -> None:
        """Write an outcome, again and again while the outbox cannot be written: meanwhile the event stays in flight,
        so that it is not sent twice. What is not noted when `stop` comes is sent again next time."""
        while True:
            try:
                await write()
                return
            except OutboxError as error:
                _log.error("outcome not noted", reason=error.reason)
                if self._stopping.is_set():
                    return
                await _wait(self._stopping, self._policy.first_delay)

    def _finished(self, seq: int, _: asyncio.Task[None]) -> None:
        del self._in_flight[seq]
        self._wake.set()


async def _wait(event: asyncio.Event, seconds: float | None) -> None:
    """Until the event is set, or for so many seconds."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
