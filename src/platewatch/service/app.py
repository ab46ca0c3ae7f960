"""The city's service: reads in by HTTP, matched, hits committed to the outbox, notifications out."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from itertools import islice
from typing import Any, Final, TypeAlias

import msgspec
import structlog
from msgspec import Struct

from platewatch.errors import ConfigError, PlatewatchError
from platewatch.matching.hotlist import EntrySet, HotlistDelta
from platewatch.matching.matcher import Matcher
from platewatch.matching.reads import Read, ReadDecoder
from platewatch.notify.outbox import Outbox, OutboxError, OutboxLostError
from platewatch.probability.channel_model import ChannelModel
from platewatch.probability.population import Population
from platewatch.service import cameras, log
from platewatch.service.alarms import Alarms
from platewatch.service.answers import Answers
from platewatch.service.asgi import (
    Bodies,
    BodyTooLargeError,
    DisconnectedError,
    EncodingError,
    Receive,
    Scope,
    Send,
    encodings,
    header,
    inflate,
    read_body,
    send_json,
    unread,
    without_body,
)
from platewatch.service.audit import Access, Audit, AuditError, key_of
from platewatch.service.budget import Budget
from platewatch.service.config import Settings, check_token
from platewatch.service.connections import Connections, room
from platewatch.service.delivery import Delivery
from platewatch.service.feed_endpoints import FeedEndpoints
from platewatch.service.feeds import Feeds
from platewatch.service.gate import Denied, Gate, address_of, principal_of, with_principal
from platewatch.service.keys import Action, Keys
from platewatch.service.learning import Learning
from platewatch.service.listeners import INGEST, OPEN_PATHS, Listener, Server, Side, action_of, listen
from platewatch.service.live_list import LiveList
from platewatch.service.look_back import LookBack, keep_from_dumps
from platewatch.service.metrics import Metrics
from platewatch.service.outcomes import Outcomes
from platewatch.service.passes import Passes
from platewatch.service.pipeline import URGENT, Pipeline
from platewatch.service.quiet import Quiet
from platewatch.service.routes import Routes
from platewatch.service.silence import Silence
from platewatch.service.source_endpoints import SourceEndpoints
from platewatch.service.systemd import Systemd
from platewatch.service.watching import Watching
from platewatch.service.worker import Worker
from platewatch.sources import Accepted, BusyError
from platewatch.sources.http import HttpReads, Refusals, TooManyReadsError
from platewatch.sources.push import Push

_PRUNE_INTERVAL: Final = 3600.0  # seconds
_FORGET_INTERVAL: Final = 5.0
_LEARN_INTERVAL: Final = 0.25
_SWITCH_INTERVAL: Final = 0.0002
_SECONDS_A_DAY: Final = 86400.0
_WITHDRAWN_FOR: Final = 3600.0  # seconds: whoever was told of a hit before has done with it
_MAX_RETRY_REQUEST_BYTES: Final = 1024 * 1024
_MOST_ALARMS: Final = 100  # in the status
_MAX_LOGGED: Final = 10  # refused reads of one request that are logged each
_RETRY_AFTER: Final = (b"retry-after", b"1")
_GRACE: Final = 10  # seconds for requests that are under way when the service is told to stop

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


Endpoint: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class RetryRequest(Struct, frozen=True):
    """Which dead letters to deliver again; without `event_ids` all of them."""

    event_ids: tuple[str, ...] | None = None


async def serve(settings: Settings, *, on_ready: Callable[[str], None] = lambda _: None) -> None:
    """Run until SIGTERM or SIGINT. `on_ready` is called with the service's base URL once it takes reads.

    Raises ConfigError, OutboxError, or what ended the dispatcher.
    """
    asyncio.get_running_loop().set_exception_handler(log.of_loop)
    model = _model(settings)
    alarms = Alarms()
    systemd = Systemd()
    places = cameras.Cameras(None if settings.cameras is None else cameras.load(settings.cameras))
    reload_cameras = asyncio.Event()
    routes = Routes(settings.routes)
    keys = None if settings.http.keys is None else Keys(settings.http.keys)
    # So that the event loop soon has the interpreter back while the worker's thread is busy.
    sys.setswitchinterval(_SWITCH_INTERVAL)
    with ExitStack() as listening, Worker() as worker:
        http = listening.enter_context(listen(settings.http, "http"))
        check_token(
            http.address, settings.http.token, settings.http.keys, "http", without_token=settings.http.without_token
        )
        admin = http
        if settings.admin is not None:
            admin = listening.enter_context(listen(settings.admin, "admin"))
            check_token(admin.address, settings.admin.token, settings.http.keys, "admin")
        async with (
            await Outbox.open(settings.outbox.path) as outbox,
            Delivery(outbox, routes, settings.retry) as delivery,
            await Feeds.open(settings.feeds, settings.list.store, settings.time_zone, alarms) as feeds,
        ):
            outbox.publish(admin.url)
            audit = _audit(settings, outbox)
            hotlist = feeds.hotlist()
            _warn_of_list(hotlist, model, settings)
            matcher = Matcher(hotlist, max_edits=settings.max_edits, model=model)
            live = LiveList(hotlist, matcher, worker)
            # What is loaded stays: to go through a large list again and again for garbage takes a good while each time.
            gc.freeze()
            outcomes = Outcomes(outbox, lambda entry_id: live.hotlist.get(entry_id))
            await outcomes.load()
            learning = _learning(settings, matcher)
            budget = Budget(settings.budget)
            passes = Passes(settings.passes.window, on_strange_ids=_warn_of_ids, sample=learning)
            silence = Silence(settings.silence, places, alarms)
            metrics = Metrics(places, silence, alarms, feeds)
            pipeline = Pipeline(
                hotlist,
                matcher,
                places,
                outbox,
                policy=settings.policy,
                routes_of=routes.of,
                observer=metrics,
                suppresses=outcomes.suppresses,
                source=settings.source,
                on_queued=delivery.wake,
                worker=worker,
                passes=passes,
                quiet=Quiet(settings.passes.gone),
                budget=budget,
                look_back=_look_back(settings),
            )
            live.follow(pipeline.use)
            if learning is not None:
                live.follow(learning.use)
            feeds.attach(live, partial(_follow_up, outcomes, delivery, pipeline, audit))
            connections = Connections(settings.http, room(settings.http, settings.retry.concurrency))
            app = _App(
                settings,
                pipeline,
                passes,
                learning,
                worker,
                outbox,
                delivery,
                outcomes,
                connections,
                feeds,
                places,
                alarms,
                metrics,
                budget,
                audit,
            )

            def ready() -> None:
                _log.info("listening", url=http.url, entries=len(hotlist))
                systemd.tell("READY=1")
                on_ready(http.url)

            servers = _servers(settings, app, connections, http, admin, keys, ready)
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, _stop, servers)
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, partial(_reload, feeds, reload_cameras))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(delivery.run())
                helpers = [
                    tasks.create_task(_prune(outbox, settings.outbox.retention_days * _SECONDS_A_DAY)),
                    tasks.create_task(_forget(pipeline)),
                    tasks.create_task(connections.watch()),
                    tasks.create_task(outbox.watch()),
                    tasks.create_task(delivery.escalate()),
                    tasks.create_task(feeds.follow()),
                    tasks.create_task(silence.watch()),
                    tasks.create_task(systemd.watch(pipeline.forget)),
                    tasks.create_task(outcomes.tidy()),
                ]
                if settings.cameras is not None:
                    helpers.append(tasks.create_task(cameras.watch(places, settings.cameras, alarms, reload_cameras)))
                if learning is not None:
                    helpers.append(tasks.create_task(_learn(learning, worker, settings.learning.interval)))
                certificates = [server.listener.tls for server in servers if server.listener.tls is not None]
                helpers += [tasks.create_task(tls.watch()) for tls in certificates]
                await asyncio.gather(*(server.serve(sockets=[server.listener.socket]) for server in servers))
                systemd.tell("STOPPING=1")
                delivery.stop()
                for helper in helpers:
                    helper.cancel()
                if learning is not None:
                    await _keep(learning, worker)
    _log.info("stopped")


def _warn_of_list(hotlist: EntrySet, model: ChannelModel, settings: Settings) -> None:
    if not len(hotlist):
        _log.warning("the hotlist is empty: nothing can be found")
        return
    for category in sorted(set(settings.policy.categories) - {entry.category for entry in hotlist}):
        _log.warning("the policy names a category that no entry has", category=category)
    coverage = model.population.coverage(entry.plate for entry in hotlist)
    if coverage.mostly_outside:
        _log.warning(
            "most of the list's plates are of no class of the population: probabilities will be wrong",
            share=round(coverage.share_outside, 4),
            population=coverage.population,
            setting="population",
        )


def _model(settings: Settings) -> ChannelModel:
    path, population, error_rate = settings.model, settings.population, settings.model_error_rate
    try:
        model = ChannelModel.default() if path is None else ChannelModel.load(path)
    except (PlatewatchError, OSError) as error:
        raise ConfigError(f"{path}: {error}", field="model") from None
    try:
        model = model if population is None else model.with_population(Population.find(population))
    except (PlatewatchError, OSError) as error:
        raise ConfigError(f"{population}: {error}", field="population") from None
    try:
        return model if error_rate is None else model.scaled(error_rate)
    except PlatewatchError as error:
        raise ConfigError(error.reason, field="model_error_rate") from None


def _learning(settings: Settings, matcher: Matcher) -> Learning | None:
    how = settings.learning
    if not how.enabled:
        return None
    try:
        learning = Learning(matcher, how.file, half_life=how.half_life, share=how.share)
    except PlatewatchError as error:
        reason = f"cannot refine the model, which {error.reason}: fit it anew, or set it to false"
        raise ConfigError(reason, field="learning.enabled") from None
    learning.load()
    return learning


class _App:
    """The ASGI application: who may ask, and who answers."""

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
        self._connections = connections
        self._bodies = Bodies(settings.http.max_bodies_bytes)
        self._feeds = feeds
        self._cameras = places
        self._alarms = alarms
        self._metrics = metrics
        self._max_body_bytes = settings.http.max_body_bytes
        self._decoder = ReadDecoder(settings.time_zone, zone_of_camera=places.zone)
        self._source = HttpReads(self._accept, decoder=self._decoder, on_refused=self._refuse)
        self._reads = self._hits = self._refused = self._not_lined_up = 0
        self._routes: dict[tuple[str, str], Endpoint] = {
            ("GET", "/v1/status"): self._status,
            ("POST", "/v1/outbox/retry"): self._retry,
            ("POST", "/v1/reads"): self._take,
        }
        self._sources = SourceEndpoints(
            {name: Push(name, how, self._accept) for name, how in settings.sources.items()}, self._bodies
        )
        pushed = FeedEndpoints(feeds, settings.feeds, self._bodies, settings.http.max_body_bytes, settings.time_zone)
        watching = Watching(metrics, outbox, feeds, delivery, pipeline, places, connections)
        self._routes |= pushed.routes | watching.routes
        self._pushed = {path: Gate(token, None) for path, token in pushed.tokens.items()}

    async def answer(self, side: Side, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that came to a listener."""
        method = scope["method"]
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
            await send_json(send, 404, {"reason": "no such path here"}, unread(scope))
        else:
            try:
                scope = await self._admitted(side, scope, method, path)
            except Denied as denied:
                await send_json(send, denied.status, {"reason": denied.reason}, unread(scope))
            except (AuditError, OSError) as error:
                _log.error("not done, as the access log cannot be written", reason=str(error))
                await send_json(
                    send, 503, {"reason": "the access log cannot be written"}, [_RETRY_AFTER, *unread(scope)]
                )
            else:
                await self._answer(endpoint, scope, receive, send)

    def _action(self, path: str) -> Action | None:
        """What is done there; None of what is open to everybody."""
        if path in OPEN_PATHS:
            return None
        return Action.reads if self._sources.source_of(path) is not None else action_of(path)

    async def _admitted(self, side: Side, scope: Scope, method: str, path: str) -> Scope:
        """The request with who asks, noted in the access log where it has to be. Raises Denied, AuditError, OSError."""
        action = self._action(path)
        if action is None:
            return scope
        source = self._sources.source_of(path)
        if source is not None and SourceEndpoints.admits(source, scope):
            return scope
        gate = self._pushed.get(path, side.gate)
        principal = gate.admit(scope, action)
        if action in (Action.list, Action.admin) and method != "GET":
            who = path.split("/")[3] if path in self._pushed else principal.name
            await self._audit.note(Access(who=who, where=address_of(scope), action=f"{method} {path}"))
        return with_principal(scope, principal)

    async def _answer(self, endpoint: Endpoint, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await endpoint(scope, receive, send)
        except BusyError as error:
            await send_json(send, 503, {"reason": error.reason}, [_RETRY_AFTER])
        except OutboxError as error:
            await send_json(send, 503, {"reason": str(error)}, [_RETRY_AFTER])
        except Exception as error:
            # Only its class: its text may quote the request, and a read that is no hit is nobody's business.
            _log.error("request failed", path=scope["path"], exc_info=error)
            await send_json(send, 500, {"reason": "internal error"}, unread(scope))

    async def _accept(self, reads: Sequence[Read]) -> Accepted:
        try:
            accepted = await self._pipeline.accept(reads)
        except OutboxError as error:
            _log.error("reads not accepted", count=len(reads), reason=error.reason)
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
                may_send = principal_of(scope).may_send
                status, answer = await self._source.take(body, header(scope, b"content-type"), may_send)
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

    def _refuse(self, refusals: Refusals) -> None:
        self._refused += refusals.count
        self._metrics.refused(refusals.kinds)
        for error in refusals.first[:_MAX_LOGGED]:
            about = {"source": "http", "camera_id": error.camera_id}
            _log.warning("read refused", row=error.row, field=error.field, reason=error.reason, **about)
        if refusals.count > _MAX_LOGGED:
            _log.warning("more reads refused", source="http", count=refusals.count - _MAX_LOGGED)

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
        try:
            request = msgspec.json.decode(await read_body(scope, receive, _MAX_RETRY_REQUEST_BYTES), type=RetryRequest)
        except DisconnectedError:
            return
        except (BodyTooLargeError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            await send_json(send, 400, {"reason": str(error) or "the body is too large"}, unread(scope))
            return
        retried = await self._outbox.retry(request.event_ids)
        self._delivery.wake()
        await send_json(send, 200, {"retried": retried})


def _servers(
    settings: Settings,
    app: _App,
    connections: Connections,
    http: Listener,
    admin: Listener,
    keys: Keys | None,
    on_ready: Callable[[], None],
) -> list[Server]:
    """One for everything, or one for reads and lists and one for the rest."""
    gate = Gate(settings.http.token, keys)
    if settings.admin is None:
        return [Server(partial(app.answer, Side(gate, frozenset(Action))), connections, http, on_ready)]
    others = Side(Gate(settings.admin.token, keys), frozenset(Action) - INGEST)
    return [
        Server(partial(app.answer, others), connections, admin, lambda: None),
        Server(partial(app.answer, Side(gate, INGEST)), connections, http, on_ready),
    ]


def _stop(servers: Sequence[Server]) -> None:
    for server in servers:
        server.stop()


def _warn_of_ids(camera_id: str | None) -> None:
    _log.warning("a camera's pass_id does not tell vehicles apart", camera_id=camera_id)


def _reload(feeds: Feeds, cameras: asyncio.Event) -> None:
    feeds.wake()
    cameras.set()


async def _follow_up(
    outcomes: Outcomes, delivery: Delivery, pipeline: Pipeline, audit: Audit, change: HotlistDelta
) -> None:
    """The list has changed: hits of late are taken back if their entries have left it, and what was read in the last
    minutes is searched for entries that are urgent, and that an officer has approved on a legal basis.
    """
    if change.removals and (taken := await outcomes.withdraw(change.removals, since=time.time() - _WITHDRAWN_FOR)):
        _log.info("hits of removed entries taken back", count=taken)
        delivery.wake()
    urgent = [one for one in change.upserts if one.priority == URGENT and one.approved_by and one.legal_basis]
    if urgent and pipeline.looks_back:
        try:
            for entry in urgent:  # every search is noted, those that find nothing, too
                await audit.note(
                    Access(
                        who=entry.approved_by,
                        where="list",
                        action="look back",
                        subjects=(audit.subject(entry.id),),
                        reason=entry.legal_basis,
                    )
                )
        except (AuditError, OSError) as error:
            _log.error("not looked back, as the access log cannot be written", reason=str(error))
            return
        found = await pipeline.look_back(urgent)
        _log.info("looked back", entries=len(urgent), hits=found)


def _audit(settings: Settings, outbox: Outbox) -> Audit:
    folder = settings.audit.folder
    try:
        return Audit(folder, key_of(outbox.hit_key), kept_months=settings.audit.kept_months)
    except OSError as error:
        raise ConfigError(f"cannot make {folder}: {error.strerror}", field="audit.folder") from None


def _look_back(settings: Settings) -> LookBack | None:
    if not settings.look_back.minutes:
        return None
    if refused := keep_from_dumps():
        _log.warning("the system keeps the memory from dumps only in part", refused=refused)
    return LookBack(settings.look_back)


async def _forget(pipeline: Pipeline) -> None:
    while True:
        await asyncio.sleep(_FORGET_INTERVAL)
        await pipeline.forget()


async def _learn(learning: Learning, worker: Worker, interval: float) -> None:
    """If it fails, matching goes on without it."""
    try:
        due = time.monotonic() + interval
        while True:
            await asyncio.sleep(_LEARN_INTERVAL)
            await worker.run(learning.learn())
            if time.monotonic() >= due:
                await worker.run(learning.refine())
                await _keep(learning, worker)
                due = time.monotonic() + interval
    except Exception as error:
        # Only its class: its text may quote a read.
        _log.error("learns no longer", exc_info=error)
        learning.stop()


async def _keep(learning: Learning, worker: Worker) -> None:
    encoded: list[bytes] = []
    await worker.run(learning.encoded(encoded))
    for data in encoded:
        try:
            await asyncio.to_thread(learning.write, data)
        except OSError as error:
            _log.error("what was learnt is not kept", reason=error.strerror)


async def _prune(outbox: Outbox, retention: float) -> None:
    while True:
        try:
            if pruned := await outbox.prune(time.time() - retention):
                _log.info("pruned delivered notifications", count=pruned)
        except OutboxError as error:
            _log.error("not pruned", reason=error.reason)
        await asyncio.sleep(_PRUNE_INTERVAL)
