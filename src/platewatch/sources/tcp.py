"""Sources by TCP, plain or in TLS: cameras that connect and tell of each vehicle, or that are connected to."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections import Counter
from typing import Annotated, Any, Final
from urllib.parse import quote

import structlog
from msgspec import Meta, Struct

from platewatch.errors import ConfigError
from platewatch.networks import is_in
from platewatch.sources.framing import FRAMINGS, OF_FORMATS, Name
from platewatch.sources.transport import Health, Takes
from platewatch.tls import Tls, TlsSettings

_PIECE: Final = 65536
_PATIENCE: Final = 10.0  # seconds to connect, and for a sender to take what it is answered

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class TcpSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`listen` is the address and port at which cameras connect, or `connect` those of a camera that is the server.
    `framing` says where a message ends; without it, as the format has it, else at the end of a line. After each message
    that is done with, `acknowledge` is sent back, if set. A connection on which nothing comes for `idle` seconds is
    closed. With `tls`, what cameras connect to is TLS.
    """

    listen: str | None = None
    connect: str | None = None
    tls: TlsSettings | None = None
    framing: Name | None = None
    acknowledge: str | None = None
    idle: Annotated[float, Meta(gt=0, le=86400)] = 300.0
    max_connections: Annotated[int, Meta(ge=1)] = 256

    def check(self) -> None:
        """Raises ConfigError that names the setting."""
        if (self.listen is None) == (self.connect is None):
            raise ConfigError("is needed, or connect, and not both", field="listen")
        name, given = ("listen", self.listen) if self.connect is None else ("connect", self.connect)
        try:
            host, _ = address(given or "")
        except ValueError:
            raise ConfigError("is not an address and a port, as 10.1.0.9:5000", field=name) from None
        if not host and name == "connect":
            raise ConfigError("has no host", field=name)
        if self.tls is not None and self.listen is None:
            raise ConfigError("is for listen: what is connected to is plain TCP", field="tls")

    @property
    def is_open(self) -> bool:
        """Whether other machines can connect, without a certificate of theirs."""
        if self.listen is None or (self.tls is not None and self.tls.clients is not None):
            return False
        host, _ = address(self.listen)
        try:
            return not ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host != "localhost"


def address(text: str) -> tuple[str, int]:
    """Of host:port, or [host]:port. Raises ValueError."""
    host, separator, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("no brackets")
    number = int(port)
    if not separator or not 0 <= number <= 65535:
        raise ValueError("no port")
    return host, number


class Tcp:
    """Takes what comes over connections: of each one message after the other, and no more is read until it is done
    with. Raises ConfigError.
    """

    def __init__(
        self,
        settings: TcpSettings,
        source: Takes,
        *,
        format_name: str,
        names_camera: bool,
        addresses: tuple[str, ...] | None,
        most_bytes: int,
    ) -> None:
        self._settings = settings
        try:
            self._tls = None if settings.tls is None else Tls(settings.tls)
        except ConfigError as error:
            raise ConfigError(error.reason, field=f"tls.{error.field}") from None
        self._source = source
        self._framing = FRAMINGS[settings.framing or OF_FORMATS.get(format_name, "lines")]
        self._names_camera = names_camera
        self._addresses = addresses
        self._most_bytes = most_bytes
        self._health = Health()
        self._connections: set[asyncio.Task[None]] = set()
        self._counts: Counter[str] = Counter()
        self.port: int | None = None
        """At which it listens."""

    def status(self) -> dict[str, Any]:
        """Whether it listens or is connected, why not, how many connections there are, and what became of others and
        of what was no message.
        """
        return {
            "connected": self._health.connected,
            "failure": self._health.failure,
            "port": self.port,
            "connections": len(self._connections),
            **{name: self._counts[name] for name in ("too_large", "cut_off", "idle", "not_from_here", "no_room")},
        }

    async def follow(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await (self._listen() if self._settings.connect is None else self._connect())
                failure = "ended"
            except TimeoutError:
                failure = "no connection"
            except OSError as error:
                failure = error.strerror or type(error).__name__
            delay = self._health.is_lost(failure)
            _log.warning("connection lost", source=self._source.name, error=failure, retry_in=delay)
            await asyncio.sleep(delay)

    async def _listen(self) -> None:
        host, port = address(self._settings.listen or "")
        context, patience = (None, None) if self._tls is None else (self._tls.context, _PATIENCE)
        server = await asyncio.start_server(
            self._connected, host or None, port, limit=_PIECE, ssl=context, ssl_handshake_timeout=patience
        )
        try:
            self.port = server.sockets[0].getsockname()[1]
            self._health.is_well()
            _log.info("listening for cameras", source=self._source.name, port=self.port)
            await (asyncio.get_running_loop().create_future() if self._tls is None else self._tls.watch())
        finally:
            self.port = None
            server.close()
            for task in self._connections:
                task.cancel()

    async def _connect(self) -> None:
        host, port = address(self._settings.connect or "")
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await asyncio.open_connection(host, port, limit=_PIECE)
        self._health.is_well()
        _log.info("camera connected to", source=self._source.name)
        await self._talk(reader, writer)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("a connection is a task")
        peer = writer.get_extra_info("peername")
        if self._addresses is not None and not is_in(peer[0] if peer else "", self._addresses):
            self._refuse("not_from_here", writer)
            return
        if len(self._connections) >= self._settings.max_connections:
            self._refuse("no_room", writer)
            return
        self._connections.add(task)
        try:
            await self._talk(reader, writer)
        except OSError:
            pass  # it is gone; what it has not sent whole is counted
        except asyncio.CancelledError:
            # The server is being closed. asyncio would report a connection that ends so as an error.
            pass
        except Exception as error:
            # Only its class: its text may quote a read.
            _log.error("connection failed", source=self._source.name, exc_info=error)
        finally:
            self._connections.discard(task)

    def _refuse(self, why: str, writer: asyncio.StreamWriter) -> None:
        self._counts[why] += 1
        writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock: socket.socket | None = writer.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        peer = writer.get_extra_info("peername")
        target = "" if self._names_camera or not peer else f"?camera_id={quote(peer[0])}"
        framing = self._framing(self._most_bytes)
        has_ended = False
        try:
            while data := await asyncio.wait_for(reader.read(_PIECE), self._settings.idle):
                for message in framing.feed(data):
                    await self._take(message, target, writer)
            has_ended = True
            if rest := framing.rest():
                await self._take(rest, target, writer)
        except TimeoutError:
            self._counts["idle"] += 1
        finally:
            self._counts["cut_off"] += not has_ended and bool(framing.rest())
            self._counts["too_large"] += framing.too_large
            if has_ended:
                writer.close()
            else:
                writer.transport.abort()

    async def _take(self, message: bytes, target: str, writer: asyncio.StreamWriter) -> None:
        await self._health.taken(self._source, message, {}, target)
        if self._settings.acknowledge is not None:
            writer.write(self._settings.acknowledge.encode())
            await asyncio.wait_for(writer.drain(), _PATIENCE)
