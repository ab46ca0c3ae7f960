"""What is delivered on each route, and what goes on to another as nobody has seen it."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, Final, Self

import structlog

from platewatch.errors import ConfigError
from platewatch.notify.dispatcher import Dispatcher, RetryPolicy
from platewatch.notify.event import EventError, decode
from platewatch.notify.outbox import WASS, NewEvent, Outbox, OutboxError
from platewatch.notify.senders import open_sender
from platewatch.service.alarms import Alarms
from platewatch.service.routes import NOBODY, Escalation, Routes

DEAD: Final = "dead_letters"
DOWN: Final = "route_down"
NO_ROUTE: Final = "no_route"
"""Alarms, each about a route."""

_LOOK_INTERVAL: Final = 1.0  # seconds
_LOOK_BACK: Final = 86400.0  # seconds: what was unseen for longer when the service starts is no news

# Of hits that have neither been seen nor answered, and that the other route does not have yet.
_UNSEEN: Final = """
    SELECT event_id, entry_id, urgent, body FROM events
    WHERE route = ?1 AND kind = 'hit' AND state <> 'cancelled' AND body <> x'' AND created_at > ?2 AND created_at <= ?3
        AND NOT EXISTS (SELECT 1 FROM seen WHERE seen.hitid = events.hitid)
        AND NOT EXISTS (SELECT 1 FROM outcomes WHERE outcomes.hitid = events.hitid)
        AND NOT EXISTS (
            SELECT 1 FROM events AS other WHERE other.event_id = events.event_id AND other.route = ?4
        )
"""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class Delivery:
    """A dispatcher for each route, each with its own sender: one that is down delays no other.

    To be entered inside a running event loop: raises ConfigError for a far end whose settings are of no use.
    """

    def __init__(
        self, outbox: Outbox, routes: Routes, policy: RetryPolicy, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._outbox = outbox
        self._routes = routes
        self._policy = policy
        self._clock = clock
        self._senders = AsyncExitStack()
        self._dispatchers: dict[str, Dispatcher] = {}
        self._looked = {name: clock() - _LOOK_BACK for name in routes.by_name}

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as senders:
            for name, route in self._routes.by_name.items():
                try:
                    sender = await senders.enter_async_context(open_sender(route.to))
                except ConfigError as error:
                    where = WASS if name == WASS else f"routes.{name}.to"
                    raise ConfigError(error.reason, field=f"{where}.{error.field}") from None
                self._dispatchers[name] = Dispatcher(self._outbox, sender, self._policy, route=name)
            self._senders = senders.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._senders.aclose()

    async def run(self) -> None:
        """Deliver until `stop` is called. Raises what a dispatcher does."""
        for name, waiting in (await self._outbox.backlog()).items():
            if name not in self._dispatchers and name != NOBODY and "pending" in waiting:
                _log.error("events wait for a route that is not set", route=name, count=waiting["pending"][0])
        async with asyncio.TaskGroup() as tasks:
            for dispatcher in self._dispatchers.values():
                tasks.create_task(dispatcher.run())

    def wake(self) -> None:
        """Something may be due now."""
        for dispatcher in self._dispatchers.values():
            dispatcher.wake()

    def stop(self) -> None:
        """Let `run` return."""
        for dispatcher in self._dispatchers.values():
            dispatcher.stop()

    async def status(self) -> dict[str, dict[str, Any]]:
        """By route: how much waits, the age of the oldest in seconds, how many dead letters, and whether it is down."""
        backlog = await self._outbox.backlog()
        now = self._clock()
        return {
            name: {
                "pending": of_route.get("pending", (0, 0.0))[0],
                "oldest": max(0.0, round(now - of_route["pending"][1], 1)) if "pending" in of_route else None,
                "dead": of_route.get("dead", (0, 0.0))[0],
                "down": name in self._dispatchers and self._dispatchers[name].is_down,
            }
            for name, of_route in [
                *((name, backlog.pop(name, {})) for name in self._dispatchers),
                *backlog.items(),
            ]
        }

    async def watch(self, alarms: Alarms) -> None:
        """Raise an alarm of each route that does not answer, has dead letters, or is not set though events wait for it;
        until cancelled.
        """
        while True:
            await asyncio.sleep(_LOOK_INTERVAL)
            try:
                status = await self.status()
            except OutboxError as error:
                _log.error("routes not looked at", reason=error.reason)
                continue
            for name, route in status.items():
                for kind, is_on, reason in (
                    (DEAD, route["dead"], "could not be delivered: platewatch outbox list --state dead"),
                    (DOWN, route["down"], "does not answer: hits wait"),
                    (NO_ROUTE, name not in self._dispatchers and route["pending"], "no route takes what waits there"),
                ):
                    if is_on:
                        alarms.set(kind, name, reason)
                    else:
                        alarms.clear(kind, name)
            for alarm in alarms:
                if alarm.kind in (DEAD, NO_ROUTE) and alarm.about not in status:
                    alarms.clear(alarm.kind, alarm.about)

    async def escalate(self) -> None:
        """Pass on what nobody has seen in time, until cancelled."""
        escalations = {name: route.unseen for name, route in self._routes.by_name.items() if route.unseen is not None}
        while escalations:
            await asyncio.sleep(_LOOK_INTERVAL)
            for name, escalation in escalations.items():
                try:
                    if passed_on := await self._pass_on(name, escalation):
                        _log.warning("nobody has seen hits in time", route=name, count=passed_on, to=escalation.to)
                        self._dispatchers[escalation.to].wake()
                except OutboxError as error:
                    _log.error("not passed on", route=name, reason=error.reason)

    async def _pass_on(self, name: str, escalation: Escalation) -> int:
        until = self._clock() - 60 * escalation.after
        since = self._looked[name]

        def unseen(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
            return connection.execute(_UNSEEN, (name, since, until, escalation.to)).fetchall()

        found = []
        for event_id, entry_id, urgent, body in await self._outbox.write(unseen):
            try:
                hit = decode(body).data
            except EventError:
                continue  # of an earlier version, and no hit that could be judged
            if hit.grade == "notify" and self._routes.by_name[escalation.to].may_know(hit):
                found.append(NewEvent(event_id, body, (escalation.to,), entry_id, bool(urgent)))
        passed_on = await self._outbox.append(found)
        self._looked[name] = max(since, until)
        return passed_on
