"""The service's settings: a TOML file, and environment variables that override it.

`PLATEWATCH_<SECTION>__<NAME>` (or `PLATEWATCH_<NAME>` at the top) holds one setting as a TOML value; what is not
TOML is taken as text: `PLATEWATCH_HTTP__PORT=9000`, `PLATEWATCH_WASS__SECRETS='["whsec_..."]'`.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from platewatch import networks, toml
from platewatch.errors import ConfigError
from platewatch.lists.feeds import FeedSettings
from platewatch.lists.feeds.base import MAIN, ListSettings
from platewatch.lists.feeds.delta import PushFeedSettings
from platewatch.lists.feeds.file import FileFeedSettings
from platewatch.lists.feeds.http import HttpFeedSettings
from platewatch.matching.values import zone_of
from platewatch.notify.dispatcher import RetryPolicy
from platewatch.notify.outbox import WASS
from platewatch.notify.senders import HttpsSettings
from platewatch.probability.learning import HALF_LIFE
from platewatch.probability.population import Population
from platewatch.service.audit import FOLDER, KEPT_MONTHS
from platewatch.service.budget import BudgetSettings
from platewatch.service.keys import RequestsASecond
from platewatch.service.labels import OutcomeSettings
from platewatch.service.learning import SHARE
from platewatch.service.look_back import LookBackSettings
from platewatch.service.passes import LIFE, WINDOW
from platewatch.service.policy import Policy
from platewatch.service.quiet import GONE
from platewatch.service.routes import Route, Routes
from platewatch.service.silence import SilenceSettings
from platewatch.sources import HTTP
from platewatch.sources.source import SourceSettings, TransportSettings
from platewatch.tls import TlsSettings

_Placed = TypeVar("_Placed", bound=Struct)

_PREFIX = "PLATEWATCH_"
_NAME = re.compile("[a-z0-9_-]+")
_TEXTS = frozenset({"host", "token", "url"})  # settings of sections that are text whatever they look like


Seconds = Annotated[float, Meta(gt=0, le=86400)]


class HttpSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where reads come in. With a `token`, requests need the header `Authorization: Bearer <token>`; without one, other
    machines are only let in where `without_token` says that this is meant. `keys` is a file of further ones, each with
    what it may do. With `tls`, it is HTTPS. `requests_a_second` bounds each token and key that has no such bound of its
    own, here and on the side of operators: more are refused.

    A connection is closed if the headers of a request take longer than `header_timeout` seconds, its body longer than
    `body_timeout`, the client longer than `answer_timeout` to take what it is answered, or than `idle_timeout` to ask
    again. There are at most `max_connections`: the longest idle makes room for a new one. `max_bodies_bytes` bounds
    what all bodies over 64 KiB hold together, as they came or inflated.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8080
    token: Annotated[str, Meta(min_length=1)] | None = None
    keys: Path | None = None
    without_token: bool = False
    requests_a_second: RequestsASecond | None = None
    tls: TlsSettings | None = None
    max_body_bytes: Annotated[int, Meta(ge=1)] = 16 * 1024 * 1024
    max_bodies_bytes: Annotated[int, Meta(ge=1)] = 256 * 1024 * 1024
    max_header_bytes: Annotated[int, Meta(ge=1024)] = 16 * 1024
    max_connections: Annotated[int, Meta(ge=1)] = 1000
    header_timeout: Seconds = 10.0
    body_timeout: Seconds = 60.0
    answer_timeout: Seconds = 30.0
    idle_timeout: Seconds = 75.0


class AdminSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A listener of its own for what operators and administrators do; `http` then takes reads and lists and nothing
    else, and its token opens nothing here.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8081
    token: Annotated[str, Meta(min_length=1)] | None = None
    tls: TlsSettings | None = None


class AuditSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the access log is, and for how many whole months it is kept."""

    folder: Path = Path(FOLDER)
    kept_months: Annotated[int, Meta(ge=1)] = KEPT_MONTHS


class HotlistSettings(ListSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the hotlist is read and judged, whether its file is watched, and where what all feeds gave last is kept."""

    watch: bool = True
    store: Path = Path("feeds.db")


class PassSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which reads are judged together. Those without a `pass_id` if one camera reads similar plates within `window`
    seconds; 0 judges them one by one. A vehicle that one camera has not read for `gone` seconds has gone: while it has
    not, what was told of it is not told again (`policy.quiet`).
    """

    window: Annotated[float, Meta(ge=0, le=LIFE)] = WINDOW
    gone: Annotated[float, Meta(ge=0, le=3600)] = GONE


class OutboxSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The durable queue. Delivered notifications are deleted after `retention_days`, those of hits that were confirmed
    after `confirmed_days`.
    """

    path: Path = Path("outbox.db")
    retention_days: Annotated[float, Meta(gt=0)] = 30.0
    confirmed_days: Annotated[float, Meta(gt=0)] = 730.0


class LearningSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is learnt of the cameras from their reads, without labels: kept in `file`, sums only, no plate and no read.
    Of an engine, a read counts half after `half_life` further ones; of a camera, after a fiftieth of that. It takes no
    more than this `share` of the time, and each `interval` seconds what is new is put to use and into the file.
    """

    enabled: bool = True
    file: Path = Path("learnt.json")
    half_life: Annotated[float, Meta(ge=1000, le=1e9)] = HALF_LIFE
    share: Annotated[float, Meta(gt=0, le=1)] = SHARE
    interval: Seconds = 300.0


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings of `platewatch serve`. Relative paths are relative to the settings' file.

    `hotlist` is a file or a folder, and `list` says how it is read; `feeds` are further lists. `sources` are cameras
    that send what they read in formats of their own; in the folder `positions` is how far those have come that are read
    on from somewhere.
    `time_zone` is that of times without an offset, such as Asia/Seoul: without it, those of lists are Korean, and
    reads that have such are refused.
    `source` is the URI that this service signs its events with. `model` is the channel model; without it, the one
    that is shipped; `population`, whose vehicles matches are weighed against: a name of those that are shipped, or a
    file; without it, Korea's. The model is scaled to `model_error_rate`, the share of plates that the cameras do not
    read exactly. `learning` refines it as reads flow.
    `max_edits` bounds what is looked for, and of what is found `policy` says what is a hit. `wass` is the far end of
    the route of that name, which takes every hit; `routes` are others. `budget` says how many alarms operators can look
    at; `look_back` for how long reads are kept, in memory, for urgent entries that come late;
    `outcomes`, for how long what operators confirm is kept as labelled reads.
    """

    hotlist: Path | None = None
    feeds: dict[str, FeedSettings] = {}
    sources: dict[str, SourceSettings] = {}
    positions: Path = Path("positions")
    wass: HttpsSettings | None = None
    routes: dict[str, Route] = {}
    list: HotlistSettings = HotlistSettings()
    cameras: Path | None = None
    time_zone: str | None = None
    source: str = "urn:platewatch"
    model: Path | None = None
    population: str | None = None
    model_error_rate: Annotated[float, Meta(gt=0, lt=1)] | None = None
    max_edits: Annotated[int, Meta(ge=0, le=3)] = 2
    policy: Policy = Policy()
    passes: PassSettings = PassSettings()
    learning: LearningSettings = LearningSettings()
    budget: BudgetSettings = BudgetSettings()
    look_back: LookBackSettings = LookBackSettings()
    outcomes: OutcomeSettings = OutcomeSettings()
    http: HttpSettings = HttpSettings()
    silence: SilenceSettings = SilenceSettings()
    admin: AdminSettings | None = None
    audit: AuditSettings = AuditSettings()
    outbox: OutboxSettings = OutboxSettings()
    retry: RetryPolicy = RetryPolicy()


def load(path: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Raises ConfigError that names the setting."""
    values = toml.read(path)
    _override(values, environment)
    settings = toml.convert(values, Settings)
    http = settings.http
    check_token(http.host, settings, "http")
    if settings.admin is not None:
        check_token(settings.admin.host, settings, "admin")
    if http.max_bodies_bytes < http.max_body_bytes:
        raise ConfigError("is less than http.max_body_bytes", field="http.max_bodies_bytes")
    try:
        zone_of(settings.time_zone)
    except ValueError as error:
        raise ConfigError(str(error), field="time_zone") from None
    here = path.resolve().parent
    return msgspec.structs.replace(
        settings,
        hotlist=None if settings.hotlist is None else here / settings.hotlist,
        feeds=_feeds(settings, here),
        sources=_sources(settings, here),
        positions=here / settings.positions,
        list=msgspec.structs.replace(settings.list, store=here / settings.list.store),
        routes=_routes(settings, here),
        cameras=None if settings.cameras is None else here / settings.cameras,
        model=None if settings.model is None else here / settings.model,
        population=_population(settings.population, here),
        http=_with_paths(http, here),
        admin=None if settings.admin is None else _with_paths(settings.admin, here),
        audit=_with_paths(settings.audit, here),
        outbox=msgspec.structs.replace(settings.outbox, path=here / settings.outbox.path),
        learning=msgspec.structs.replace(settings.learning, file=here / settings.learning.file),
    )


def _feeds(settings: Settings, here: Path) -> dict[str, FeedSettings]:
    """All of them, that of the hotlist among them, their files found. Raises ConfigError."""
    feeds = dict(settings.feeds)
    if settings.hotlist is not None:
        if MAIN in feeds:
            raise ConfigError("is the feed of the setting hotlist", field=f"feeds.{MAIN}")
        how = {name: getattr(settings.list, name) for name in ListSettings.__struct_fields__}
        feeds = {MAIN: FileFeedSettings(path=settings.hotlist, watch=settings.list.watch, **how), **feeds}
    if not feeds:
        raise ConfigError("is missing, and there are no feeds: there is no list", field=MAIN)
    for name, feed in feeds.items():
        if not _NAME.fullmatch(name):
            raise ConfigError("has a name that is not of a-z, 0-9, - and _", field=f"feeds.{name}")
        if isinstance(feed, HttpFeedSettings):
            try:
                feed.check()
            except ConfigError as error:
                raise ConfigError(error.reason, field=f"feeds.{name}.{error.field}") from None
        if isinstance(feed, PushFeedSettings) and feed.token is None and settings.http.keys is None:
            raise ConfigError("is not set, and there are no http.keys: who could push?", field=f"feeds.{name}.token")
        if isinstance(feed, FileFeedSettings):
            feeds[name] = msgspec.structs.replace(feed, path=here / feed.path)
    return feeds


def _sources(settings: Settings, here: Path) -> dict[str, SourceSettings]:
    """Raises ConfigError."""
    paths: dict[str, str] = {}
    for name, source in settings.sources.items():
        if not _NAME.fullmatch(name):
            raise ConfigError("has a name that is not of a-z, 0-9, - and _", field=f"sources.{name}")
        if name == HTTP:
            raise ConfigError("is the name of what comes to /v1/reads", field=f"sources.{name}")
        try:
            source.check()
        except ConfigError as error:
            raise ConfigError(error.reason, field=f"sources.{name}.{error.field}") from None
        networks.check(source.addresses or (), f"sources.{name}.addresses")
        if source.path is not None and (source.path in paths or source.path.startswith(("/v1", "/metrics"))):
            raise ConfigError(f"{source.path} is another's", field=f"sources.{name}.path")
        if source.path is not None:
            paths[source.path] = name
    return {name: _with_paths(source, here) for name, source in settings.sources.items()}


def _routes(settings: Settings, here: Path) -> dict[str, Route]:
    """All of them, that of WASS among them, their files found. Raises ConfigError."""
    routes = dict(settings.routes)
    if settings.wass is not None:
        if WASS in routes:
            raise ConfigError("is the route of the table [wass]", field=f"routes.{WASS}")
        routes = {WASS: Route(to=settings.wass), **routes}
    for name, route in routes.items():
        where = WASS if route.to is settings.wass else f"routes.{name}.to"
        try:
            route.to.check()
        except ConfigError as error:
            raise ConfigError(error.reason, field=f"{where}.{error.field}") from None
    Routes(routes)
    return {name: msgspec.structs.replace(route, to=_with_paths(route.to, here)) for name, route in routes.items()}


def _with_paths(settings: _Placed, here: Path) -> _Placed:
    """With paths that do not depend on where the service is started."""
    placed: dict[str, object] = {}
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if isinstance(value, Path):
            placed[name] = here / value
        elif isinstance(value, TlsSettings | TransportSettings):
            placed[name] = _with_paths(value, here)
    return msgspec.structs.replace(settings, **placed)


def _population(name_or_path: str | None, here: Path) -> str | None:
    """A name stays one, as the command line takes it."""
    if name_or_path is None or name_or_path in Population.names():
        return name_or_path
    path = here / name_or_path
    return str(path) if path.exists() or Path(name_or_path).suffix else name_or_path


def check_token(address: str, settings: Settings, section: str) -> None:
    """Raises ConfigError if other machines could get in at this address, of "http" or "admin", without a token, a key
    or a certificate, and nothing says that they may. What a name stands for is known when it is listened at.
    """
    how = settings.admin if section == "admin" else settings.http
    if how is None or how.token is not None or settings.http.keys is not None:
        return
    if how.tls is not None and how.tls.clients is not None:
        return
    try:
        given = ipaddress.ip_address(address)
    except ValueError:
        return
    mapped = given.ipv4_mapped if isinstance(given, ipaddress.IPv6Address) else None
    without_token = section == "http" and settings.http.without_token
    if not without_token and not (mapped or given).is_loopback:
        otherwise = ", or http.without_token = true if all of them may send reads" if section == "http" else ""
        raise ConfigError(
            f"is not set, and {address} is open to other machines: set one, or http.keys, or {section}.tls.clients"
            f"{otherwise}",
            field=f"{section}.token",
        )


def strange_variables(environment: Mapping[str, str] = os.environ) -> Iterator[tuple[str, str]]:
    """Variables that look as if they were to override a setting, and do not; and what may be meant."""
    for variable in environment:
        section, separator, name = variable.removeprefix(_PREFIX).lower().partition("__")
        if variable.startswith(_PREFIX) and section not in Settings.__struct_fields__:
            near = difflib.get_close_matches(section, Settings.__struct_fields__, 1)
            if near:
                yield variable, f"{_PREFIX}{near[0].upper()}{separator}{name.upper()}"


def _override(values: dict[str, Any], environment: Mapping[str, str]) -> None:
    for variable, text in environment.items():
        section, _, name = variable.removeprefix(_PREFIX).lower().partition("__")
        if not variable.startswith(_PREFIX) or section not in Settings.__struct_fields__:
            continue
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        if name:
            table = values.setdefault(section, {})
            if not isinstance(table, dict):
                raise ConfigError("is not a table of settings", field=section)
            table[name] = text if name in _TEXTS else value
        else:
            values[section] = value
