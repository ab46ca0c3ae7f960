"""Where the service listens: one address for reads and lists, and another for operators, if that is set."""

from __future__ import annotations

import math
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final, NamedTuple, TypeAlias, cast

import uvicorn

from platewatch.errors import ConfigError
from platewatch.service.asgi import Receive, Scope, Send
from platewatch.service.config import AdminSettings, HttpSettings
from platewatch.service.connections import Connection, Connections
from platewatch.service.gate import Gate
from platewatch.service.keys import Action
from platewatch.tls import Tls

OPEN_PATHS: Final = frozenset({"/healthz", "/readyz"})
"""Those that need no token, on every listener."""

EXPORT: Final = "/v1/hits/export"

_GRACE: Final = 10  # seconds for requests that are under way when the service is told to stop

App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class Listener(NamedTuple):
    """An address that is listened at."""

    socket: socket.socket
    url: str
    address: str
    tls: Tls | None


class Side(NamedTuple):
    """What a listener lets in, and which actions it is for; its name is the section of its settings."""

    name: str
    gate: Gate
    actions: frozenset[Action]

    def has(self, action: Action | None) -> bool:
        """Whether that is done there; what is open to everybody is."""
        return action is None or action in self.actions


INGEST: Final = frozenset({Action.reads, Action.list})
"""What cameras and agencies do."""


def action_of(path: str) -> Action:
    """What is done there."""
    if path == "/v1/reads":
        return Action.reads
    if path == EXPORT:
        return Action.export
    if path.startswith("/v1/hits/"):
        return Action.answers
    if path.startswith("/v1/feeds/"):
        # That a list is right although it looks wrong is not for its sender to say.
        return Action.admin if path.endswith("/accept") else Action.list
    return Action.status if path in ("/v1/status", "/metrics") else Action.admin


def tls_of(settings: HttpSettings | AdminSettings, section: str) -> Tls | None:
    """A listener's certificates, if it has some. Raises ConfigError."""
    try:
        return None if settings.tls is None else Tls(settings.tls)
    except ConfigError as error:
        raise ConfigError(error.reason, field=f"{section}.tls.{error.field}") from None


@contextmanager
def listen(settings: HttpSettings | AdminSettings, section: str) -> Iterator[Listener]:
    """Listen while the block lasts. Raises ConfigError."""
    tls = tls_of(settings, section)
    host, port = settings.host, settings.port
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise ConfigError(f"cannot listen at {host}:{port}: {error.strerror}", field=section) from None
    with listener:
        address, port = listener.getsockname()[:2]
        scheme = "http" if tls is None else "https"
        yield Listener(listener, f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}", address, tls)


class Server(uvicorn.Server):
    """uvicorn, but told when to stop by `serve`, which has more to close than the HTTP server."""

    def __init__(self, app: App, connections: Connections, listener: Listener, on_ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                interface="asgi3",
                loop="none",
                http=cast(type[Connection], partial(Connection, connections=connections)),
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                timeout_keep_alive=math.ceil(connections.settings.idle_timeout),
                timeout_graceful_shutdown=_GRACE,
            )
        )
        self.listener: Final = listener
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self.listener.tls is not None:
            self.config.ssl = self.listener.tls.context  # which is renewed as its files are
        await super().startup(sockets)
        self._on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        """End after the requests under way, at the second call without them."""
        self.force_exit = self.should_exit
        self.should_exit = True
