"""The city's service: reads in by HTTP, matched, hits committed to the outbox, notifications out."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final

import structlog

from platewatch.errors import ConfigError, PlatewatchError
from platewatch.matching.hotlist import Entry, EntrySet, HotlistDelta
from platewatch.matching.matcher import Matcher
from platewatch.notify.event import EventError, decode
from platewatch.notify.outbox import Outbox, OutboxError
from platewatch.probability.channel_model import ChannelModel
from platewatch.probability.population import Population
from platewatch.service import cameras, log
from platewatch.service.alarms import Alarms
from platewatch.service.audit import Access, Audit, AuditError, key_of
from platewatch.service.budget import Budget
from platewatch.service.config import OutboxSettings, Settings, check_token
from platewatch.service.connections import Connections, room
from platewatch.service.delivery import Delivery
from platewatch.service.dumps import keep_from_dumps
from platewatch.service.endpoints import App
from platewatch.service.feeds import Feeds
from platewatch.service.gate import Gate
from platewatch.service.keys import Action, Keys
from platewatch.service.learning import Learning
from platewatch.service.listeners import INGEST, Listener, Server, Side, listen
from platewatch.service.live_list import LiveList
from platewatch.service.look_back import LookBack
from platewatch.service.metrics import Metrics
from platewatch.service.outcomes import Outcomes
from platewatch.service.passes import LENGTH, Passes
from platewatch.service.pipeline import URGENT, Pipeline
from platewatch.service.quiet import Quiet
from platewatch.service.routes import Routes
from platewatch.service.silence import Silence
from platewatch.service.systemd import Systemd
from platewatch.service.worker import Steps, Worker

_PRUNE_INTERVAL: Final = 3600.0  # seconds
_FORGET_INTERVAL: Final = 5.0
_LEARN_INTERVAL: Final = 0.25
_SWITCH_INTERVAL: Final = 0.0002
_SECONDS_A_DAY: Final = 86400.0
_WITHDRAWN_FOR: Final = 3600.0  # seconds: whoever was told of a hit before has done with it

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


async def serve(settings: Settings, *, on_ready: Callable[[str], None] = lambda _: None) -> None:
    """Run until SIGTERM or SIGINT. `on_ready` is called with the service's base URL once it takes reads.

    Raises ConfigError, OutboxError, or what ended the dispatcher.
    """
    asyncio.get_running_loop().set_exception_handler(log.of_loop)
    if refused := keep_from_dumps():
        _log.warning("the system keeps the memory from dumps only in part", refused=refused)
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
        check_token(http.address, settings, "http")
        admin = http
        if settings.admin is not None:
            admin = listening.enter_context(listen(settings.admin, "admin"))
            check_token(admin.address, settings, "admin")
        async with (
            await Outbox.open(settings.outbox.path) as outbox,
            Delivery(outbox, routes, settings.retry) as delivery,
            await Feeds.open(settings.feeds, settings.list.store, settings.time_zone, alarms) as feeds,
        ):
            outbox.publish(admin.url)
            audit = _audit(settings, outbox)
            hotlist = feeds.hotlist()
            _warn_of_list(hotlist, model, settings)
            _warn_of_routes(hotlist, routes)
            matcher = Matcher(hotlist, max_edits=settings.max_edits, model=model)
            live = LiveList(hotlist, matcher, worker)
            # What is loaded stays: to go through a large list again and again for garbage takes a good while each time.
            gc.freeze()
            labelled_days = settings.outcomes.labelled_days
            outcomes = Outcomes(outbox, lambda entry_id: live.hotlist.get(entry_id), labelled_days=labelled_days)
            await outcomes.load()
            learning = _learning(settings, matcher)
            rates = partial(_use_error_rates, places, live, model, learning, worker)
            await rates()
            budget = Budget(settings.budget)
            quiet = Quiet(settings.passes.gone)
            await _recall(quiet, outbox, max(settings.policy.longest_quiet, settings.passes.gone, LENGTH))
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
                quiet=quiet,
                budget=budget,
                look_back=_look_back(settings),
                keeps_reads=labelled_days > 0,
            )
            live.follow(pipeline.use)
            if learning is not None:
                live.follow(learning.use)
            feeds.attach(live, partial(_follow_up, outcomes, delivery, pipeline, audit, routes))
            connections = Connections(settings.http, room(settings.http, settings.retry.concurrency))
            app = App(
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
                keys,
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
                    tasks.create_task(_prune(outbox, settings.outbox)),
                    tasks.create_task(_forget(pipeline)),
                    tasks.create_task(connections.watch()),
                    tasks.create_task(outbox.watch()),
                    tasks.create_task(delivery.escalate()),
                    tasks.create_task(delivery.watch(alarms)),
                    tasks.create_task(feeds.follow()),
                    tasks.create_task(silence.watch()),
                    tasks.create_task(systemd.watch(pipeline.forget)),
                    tasks.create_task(outcomes.tidy()),
                    tasks.create_task(app.follow_sources()),
                ]
                if settings.cameras is not None:
                    helpers.append(
                        tasks.create_task(cameras.watch(places, settings.cameras, alarms, reload_cameras, rates))
                    )
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


def _warn_of_routes(entries: Iterable[Entry], routes: Routes) -> None:
    for category, agency, covert in sorted({(one.category, one.agency, one.covert) for one in entries}):
        if routes.taken_by_nobody(category, agency, covert=covert):
            _log.warning("nobody would be told of such entries", category=category, agency=agency, covert=covert)


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


async def _use_error_rates(
    places: cameras.Cameras, live: LiveList, model: ChannelModel, learning: Learning | None, worker: Worker
) -> None:
    """Weigh reads by what the cameras' table says of how often each misreads."""
    error_rates = places.error_rates()
    if learning is not None:
        await worker.run(learning.expect(error_rates))
        return

    def use() -> Steps:
        live.matcher.use(model.with_cameras(error_rates))
        yield

    await worker.run(use())


def _servers(
    settings: Settings,
    app: App,
    connections: Connections,
    http: Listener,
    admin: Listener,
    keys: Keys | None,
    on_ready: Callable[[], None],
) -> list[Server]:
    """One for everything, or one for reads and lists and one for the rest."""
    gate = Gate(settings.http.token, keys)
    if settings.admin is None:
        return [Server(partial(app.answer, Side("http", gate, frozenset(Action))), connections, http, on_ready)]
    others = Side("admin", Gate(settings.admin.token, keys), frozenset(Action) - INGEST)
    return [
        Server(partial(app.answer, others), connections, admin, lambda: None),
        Server(partial(app.answer, Side("http", gate, INGEST)), connections, http, on_ready),
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
    outcomes: Outcomes, delivery: Delivery, pipeline: Pipeline, audit: Audit, routes: Routes, change: HotlistDelta
) -> None:
    """The list has changed: hits of late are taken back if their entries have left it, and what was read in the last
    minutes is searched for entries that are urgent, and that an officer has approved on a legal basis.
    """
    _warn_of_routes(change.upserts, routes)
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
        except AuditError as error:
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


async def _recall(quiet: Quiet, outbox: Outbox, seconds: float) -> None:
    """What was told just before a restart: the same vehicle may be passing still, or be read again from the middle."""
    for entry_id, body in await outbox.recent_hits(time.time() - seconds):
        try:
            hit = decode(body).data
        except EventError as error:
            _log.warning("a hit cannot be read, and may be told again", reason=error.reason)
            continue
        quiet.recall(entry_id, hit.camera.id, hit.grade, hit.time)


def _look_back(settings: Settings) -> LookBack | None:
    if not settings.look_back.minutes:
        return None
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


async def _prune(outbox: Outbox, settings: OutboxSettings) -> None:
    while True:
        before, confirmed_before = (
            time.time() - days * _SECONDS_A_DAY for days in (settings.retention_days, settings.confirmed_days)
        )
        try:
            if pruned := await outbox.prune(before, confirmed_before):
                _log.info("pruned delivered notifications", count=pruned)
        except OutboxError as error:
            _log.error("not pruned", reason=error.reason)
        await asyncio.sleep(_PRUNE_INTERVAL)
