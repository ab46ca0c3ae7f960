"""The service's endpoints: who may ask, and who answers."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any, Final, TypeAlias

import structlog
from msgspec import Struct

from platewatch.errors import decode_request
from platewatch.matching.reads import Read, ReadDecoder
from platewatch.notify.outbox import Outbox, OutboxClosedError, OutboxError, OutboxLostError
from platewatch.service import cameras
from platewatch.service.alarms import Alarms
from platewatch.service.answers import Answers
from platewatch.service.asgi import (
    Bodies,
    BodyTooLargeError,
    DisconnectedError,
    EncodingError,
    Receive,
    RequestError,
    Scope,
    Send,
    encodings,
    header,
    inflate,
    no_store,
    read_body,
    send_json,
    unread,
    without_body,
)
from platewatch.service.audit import Access, Audit, AuditError
from platewatch.service.budget import Budget
from platewatch.service.config import Settings
from platewatch.service.connections import Connections
from platewatch.service.delivery import Delivery
from platewatch.service.denials import Denials
from platewatch.service.exports import Exports
from platewatch.service.feed_endpoints import FeedEndpoints
from platewatch.service.feeds import Feeds
from platewatch.service.gate import Denied, Gate, address_of, principal_of, with_principal
from platewatch.service.keys import ANYBODY, Action, Keys, Principal
from platewatch.service.learning import Learning
from platewatch.service.listeners import EXPORT, OPEN_PATHS, Side, action_of
from platewatch.service.metrics import Metrics
from platewatch.service.outcomes import Outcomes
from platewatch.service.passes import Passes
from platewatch.service.pipeline import Pipeline
from platewatch.service.rates import Rates
from platewatch.service.source_endpoints import SourceEndpoints
from platewatch.service.watching import Watching
from platewatch.service.worker import Worker
from platewatch.sources import HTTP, Accepted, BusyError
from platewatch.sources.http import HttpReads, TooManyReadsError
from platewatch.sources.refusals import Refusals
from platewatch.sources.source import Source

_MAX_RETRY_REQUEST_BYTES: Final = 1024 * 1024
_MOST_ALARMS: Final = 100  # in the status
_MAX_LOGGED: Final = 10  # refused reads of one request that are logged each
_RETRY_AFTER: Final = (b"retry-after", b"1")
_FEED: Final = "feeds."  # begins the name of who has shown a feed's own token

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)

Endpoint: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class RetryRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Which dead letters to deliver again; without `event_ids` all of them."""

    event_ids: tuple[str, ...] | None = None


async def answered(endpoint: Endpoint, where: str, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer by the endpoint, or say that it fails: 503 where the same request may succeed later. `where` stands in the
    log for the path, which may hold a token. Raises Denied, AuditError.
    """
    try:
        await endpoint(scope, receive, send)
    except (Denied, AuditError):
        raise  # who asks may not know of it; or it must not be done
    except DisconnectedError:
        return
    except BodyTooLargeError as error:
        await send_json(send, 400, {"reason": str(error), "field": None}, unread(scope))
    except RequestError as error:
        await send_json(send, 400, {"reason": error.reason, "field": error.field})
    except BusyError as error:
        await send_json(send, 503, {"reason": error.reason}, [_RETRY_AFTER])
    except (OutboxError, OutboxClosedError) as error:
        await send_json(send, 503, {"reason": str(error)}, [_RETRY_AFTER])
    except Exception as error:
        # Only its class: its text may quote the request, and a read that is no hit is nobody's business.
        _log.error("request failed", endpoint=where, exc_info=error)
        await send_json(send, 500, {"reason": "internal error"}, unread(scope))


class App:
    """The ASGI application, of all listeners."""

    def __init__(
        self,
        settings: Settings,
        pipeline: Pipeline,
        passes: Passes,
        learning: Learning | None,
        worker: Worker,
        outbox: Outbox,
        delivery: Delivery,
        outcomes: Outcomes,
        connections: Connections,
        feeds: Feeds,
        places: cameras.Cameras,
        alarms: Alarms,
        metrics: Metrics,
        budget: Budget,
        audit: Audit,
        keys: Keys | None,
    ) -> None:
        self._pipeline = pipeline
        self._passes = passes
        self._learning = learning
        self._worker = worker
        self._outbox = outbox
        self._delivery = delivery
        self._outcomes = outcomes
        self._answers = Answers(outcomes, audit)
        self._budget = budget
        self._least = settings.policy.least
        self._audit = audit
        self._denials = Denials(metrics.denied)
        self._connections = connections
        self._bodies = Bodies(settings.http.max_bodies_bytes)
        self._feeds = feeds
        self._cameras = places
        self._alarms = alarms
        self._metrics = metrics
        self._max_body_bytes = settings.http.max_body_bytes
        self._decoder = ReadDecoder(settings.time_zone, zone_of_camera=places.zone)
        self._source = HttpReads(self._accept, decoder=self._decoder, on_refused=partial(self._refuse, HTTP))
        self._reads = self._hits = self._refused = self._not_lined_up = 0
        self._routes: dict[tuple[str, str], Endpoint] = {
            ("GET", "/v1/status"): self._status,
            ("POST", "/v1/outbox/retry"): self._retry,
            ("POST", "/v1/reads"): self._take,
            ("POST", EXPORT): Exports(outbox, audit).take,
        }
        self._sources = SourceEndpoints(
            {
                name: Source(
                    name,
                    how,
                    partial(self._accept, source=name),
                    on_refused=partial(self._refuse, name),
                    zone_of_camera=partial(places.zone, source=name),
                )
                for name, how in settings.sources.items()
            },
            self._bodies,
            settings.positions,
            id_of=places.id_of,
        )
        pushed = FeedEndpoints(feeds, settings.feeds, self._bodies, settings.http.max_body_bytes, settings.time_zone)
        watching = Watching(metrics, outbox, feeds, delivery, pipeline, places, connections)
        self._routes |= pushed.routes | watching.routes
        self._pushed = {path: (feed, Gate(token, keys)) for path, (feed, token) in pushed.pushed.items()}
        self._rates = Rates()
        self._requests_a_second = settings.http.requests_a_second

    async def follow_sources(self) -> None:
        """Take what comes by other ways than HTTP, until cancelled."""
        await self._sources.follow()

    async def answer(self, side: Side, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that came to a listener."""
        method, send = scope["method"], no_store(send)
        if method == "HEAD":
            method, send = "GET", without_body(send)
        path = scope["path"]
        endpoint = self._routes.get((method, path))
        if endpoint is None and Answers.owns(path):
            endpoint = self._answers.take if method == "POST" else None
        if endpoint is None and self._sources.source_of(path) is not None:
            endpoint = self._sources.take
        if endpoint is None:
            known = ["POST"] if Answers.owns(path) else [known for known, other in self._routes if other == path]
            if known and side.has(self._action(path)):
                allowed = ", ".join([*known, *(["HEAD"] if "GET" in known else [])])
                await send_json(send, 405, {"reason": "no such method"}, [(b"allow", allowed.encode()), *unread(scope)])
            else:
                await send_json(send, 404, {"reason": "no such path"}, unread(scope))
        elif not side.has(self._action(path)):
            await self._deny(scope, send, Denied(404, "no such path here"))
        else:
            try:
                scope = await self._admitted(side, scope, method, path)
                await answered(endpoint, self._endpoint(path), scope, receive, send)
            except Denied as denied:
                await self._deny(scope, send, denied)
            except AuditError as error:
                _log.error("not done, as the access log cannot be written", reason=str(error))
                await send_json(
                    send, 503, {"reason": "the access log cannot be written"}, [_RETRY_AFTER, *unread(scope)]
                )

    async def _deny(self, scope: Scope, send: Send, denied: Denied) -> None:
        self._denials.note(address_of(scope), self._endpoint(scope["path"]), denied)
        headers = unread(scope)
        if denied.retry_after is not None:
            headers.append((b"retry-after", str(math.ceil(denied.retry_after)).encode()))
        await send_json(send, denied.status, {"reason": denied.reason}, headers)

    def _endpoint(self, path: str) -> str:
        """What there is at a path, without what the client may have put into it."""
        source = self._sources.source_of(path)
        if source is not None:
            return source.path
        return "/v1/hits" if Answers.owns(path) else path

    def _action(self, path: str) -> Action | None:
        """What is done there; None of what is open to everybody."""
        if path in OPEN_PATHS:
            return None
        return Action.reads if self._sources.source_of(path) is not None else action_of(path)

    async def _admitted(self, side: Side, scope: Scope, method: str, path: str) -> Scope:
        """The request with who asks, noted in the access log where it has to be. Raises Denied, AuditError."""
        action = self._action(path)
        if action is None:
            return scope
        principal = self._principal(side, scope, path, action)
        rate = principal.requests_a_second or self._requests_a_second
        if rate is not None:
            name = f"{side.name}.token" if principal is ANYBODY else principal.name
            if seconds := self._rates.take(name, rate):
                raise Denied(429, f"over {rate:g} requests a second: ask again a little later", retry_after=seconds)
        if action in (Action.list, Action.admin) and method != "GET":
            who = principal.name.removeprefix(_FEED)
            await self._audit.note(Access(who=who, where=address_of(scope), action=f"{method} {path}"))
        return with_principal(scope, principal)

    def _principal(self, side: Side, scope: Scope, path: str, action: Action) -> Principal:
        """Who asks, if they may. Raises Denied."""
        source = self._sources.source_of(path)
        to = HTTP if source is None else source.name
        if source is not None and SourceEndpoints.admits(source, scope):
            return Principal(name=f"sources.{to}", may=frozenset({Action.reads}))
        feed, gate = self._pushed.get(path, (None, side.gate))
        principal = gate.admit(scope, action)
        if feed is not None:
            if principal is ANYBODY:
                return Principal(name=f"{_FEED}{feed}", may=frozenset({Action.list}))
            if principal.feeds is not None and feed not in principal.feeds:
                raise Denied(403, "this key may not change this feed's list")
        if action is Action.reads and principal.sources is not None and to not in principal.sources:
            raise Denied(403, "this key may not send to this source")
        return principal

    async def _accept(self, reads: Sequence[Read], source: str = HTTP) -> Accepted:
        try:
            accepted = await self._pipeline.accept(reads, source)
        except OutboxError as error:
            _log.error("reads not accepted", source=source, count=len(reads), reason=error.reason)
            raise
        self._reads += accepted.reads
        self._hits += accepted.hits
        self._not_lined_up += accepted.not_lined_up
        return accepted

    async def _take(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._outbox.lost is not None:
            await send_json(send, 503, {"reason": self._outbox.lost.reason}, [_RETRY_AFTER, *unread(scope)])
            return
        with self._bodies.holding() as held:
            try:
                body = await read_body(scope, receive, self._max_body_bytes, held)
                if names := encodings(body, header(scope, b"content-encoding")):
                    body = await asyncio.to_thread(inflate, body, names, self._max_body_bytes)
                    held.grow(len(body))
                principal = principal_of(scope)
                status, answer = await self._source.take(
                    body,
                    header(scope, b"content-type"),
                    lambda camera_id: principal.may_send(self._cameras.id_of(camera_id, HTTP)),
                )
            except DisconnectedError:
                return
            except BodyTooLargeError:
                await send_json(send, 413, {"reason": f"the body is over {self._max_body_bytes} bytes"}, unread(scope))
            except TooManyReadsError as error:
                await send_json(send, 413, {"reason": error.reason})
            except BusyError as error:
                await send_json(send, 503, {"reason": error.reason}, [_RETRY_AFTER, *unread(scope)])
            except EncodingError as error:
                await send_json(send, error.status, {"reason": str(error)})
            else:
                await send_json(send, status, answer)

    def _refuse(self, source: str, refusals: Refusals) -> None:
        self._refused += refusals.count
        self._metrics.refused(source, refusals.kinds)
        for error in refusals.first[:_MAX_LOGGED]:
            about = {"source": source, "camera_id": error.camera_id}
            _log.warning("read refused", row=error.row, field=error.field, reason=error.reason, **about)
        if refusals.count > _MAX_LOGGED:
            _log.warning("more reads refused", source=source, count=refusals.count - _MAX_LOGGED)

    async def _status(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        counts = routes = outcomes = None
        with suppress(OutboxLostError):
            counts = await self._outbox.counts()
            routes = await self._delivery.status()
            outcomes = await self._outcomes.status()
        learnt: dict[str, Any] | None = None
        if self._learning is not None:
            await self._worker.run(self._learning.status(learnt := {}))
        feeds = self._feeds.status()
        status = {
            "entries": sum(feed["entries"] for feed in feeds),
            "feeds": feeds,
            "cameras": {"known": len(self._cameras), "reads_of_unknown": self._cameras.unknown},
            "alarms": [
                {"alarm": alarm.kind, "about": alarm.about, "reason": alarm.reason, "since": alarm.since.isoformat()}
                for alarm in islice(self._alarms, _MOST_ALARMS)
            ],
            "reads": self._reads,
            "hits": self._hits,
            "quieted": self._pipeline.quieted,
            "refused": self._refused,
            "strange_pass_ids": self._passes.strange_ids,
            "not_lined_up": self._not_lined_up,
            "dropped_fields": dict(self._decoder.dropped),
            "connections": {
                "open": len(self._connections),
                "closed": dict(self._connections.closed),
                "bodies_bytes": self._bodies.held,
            },
            "budget": self._budget.status(self._least),
            "sources": self._sources.status(),
            "learning": learnt,
            "outbox": counts,
            "routes": routes,
            "outcomes": outcomes,
            "outbox_lost": None if self._outbox.lost is None else self._outbox.lost.reason,
        }
        await send_json(send, 200, status)

    async def _retry(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = decode_request(await read_body(scope, receive, _MAX_RETRY_REQUEST_BYTES), RetryRequest, RequestError)
        retried = await self._outbox.retry(request.event_ids)
        self._delivery.wake()
        await send_json(send, 200, {"retried": retried})
