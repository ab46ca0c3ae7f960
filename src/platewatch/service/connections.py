"""HTTP connections that cannot hold the service hostage: uvicorn's, with bounds on time, number and memory.

uvicorn bounds neither how long a client takes, nor its headers, nor what it asks before it reads what it is answered.
So its protocol is told when to read, and each connection has a moment by which it must have done its part.
docs/limits.md lists the bounds.
"""

from __future__ import annotations

import asyncio
import heapq
import http
import resource
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

import httptools
import msgspec
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from platewatch.errors import ConfigError
from platewatch.service.asgi import Receive, Scope, Send, send_json
from platewatch.service.config import HttpSettings
from platewatch.service.gate import CERTIFICATE
from platewatch.tls import common_name

_PIECE: Final = 4096  # bytes that are parsed at once, and no more of them than one request's headers
_END_OF_HEADERS: Final = b"\r\n\r\n"
_LINGER: Final = 2.0  # seconds to read on after a refusal, unheeded: a reset would take it from the client
_SPARE: Final = 16  # connections beyond the most, for /healthz
_OTHER_FILES: Final = 64  # that are neither a client's connection nor a delivery's
_FEWEST: Final = 16  # connections without which there is no service
_SWEEP: Final = 0.5  # seconds between looks at who is late
_TELL: Final = 10.0  # seconds between two lines in the log about it
_FRAMING: Final = 8  # bytes of framing (chunk sizes and the like) a byte of a body, beyond what headers may have

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


def room(settings: HttpSettings, deliveries: int) -> int:
    """How many connections there may be: as many as set, or as the limit on open files leaves beside the rest.

    Raises that limit as far as the system lets us. Raises ConfigError if it leaves too few.
    """
    others = _OTHER_FILES + _SPARE + deliveries
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.max_connections + others
    if resource.RLIM_INFINITY != soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    most = settings.max_connections if soft == resource.RLIM_INFINITY else soft - others
    if most < min(_FEWEST, settings.max_connections):
        raise ConfigError(
            f"the limit on open files (ulimit -n) is {soft}: it leaves no connections", field="http.max_connections"
        )
    if most < settings.max_connections:
        _log.warning("fewer connections than set, for the limit on open files", connections=most, open_files=soft)
    return min(most, settings.max_connections)


class Connections:
    """All connections, and what became of those that were refused or closed for being late."""

    def __init__(self, settings: HttpSettings, most: int) -> None:
        self.settings = settings
        self.most = most
        self.closed: Counter[str] = Counter()
        """By the reason why: late headers, ..."""
        self._open: set[Connection] = set()
        self._untold: Counter[str] = Counter()
        self._peers: Counter[str] = Counter()
        self._next_telling = 0.0

    def __len__(self) -> int:
        return len(self._open)

    async def watch(self) -> None:
        """Close those that are late, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP)
            now = loop.time()
            for connection in list(self._open):
                connection.expire(now)
            if self._untold and now >= self._next_telling:
                self._next_telling = now + _TELL
                # Their most frequent peers, as it may be a camera that is at fault.
                _log.warning("connections refused or closed", **self._untold, peers=dict(self._peers.most_common(3)))
                self._untold.clear()
                self._peers.clear()

    def admit(self, connection: Connection) -> bool:
        """Whether there is room for it; the longest idle make room, of whoever has most."""
        self._open.add(connection)
        if len(self._open) <= self.most:
            return True
        self._make_room(connection)
        return len(self._open) <= self.most

    def spare(self) -> bool:
        """Whether it may stay, though there is no room, to ask for its health."""
        return len(self._open) <= self.most + _SPARE

    def forget(self, connection: Connection) -> None:
        """It is closed."""
        self._open.discard(connection)

    def note(self, reason: str, connection: Connection) -> None:
        """Count why one was refused or closed."""
        self.closed[reason] += 1
        self._untold[reason] += 1
        self._peers[connection.peer] += 1

    def _make_room(self, newcomer: Connection) -> None:
        idle = [connection for connection in self._open if connection is not newcomer and not connection.busy]
        if not idle:
            return
        by_peer = Counter(connection.peer for connection in idle)
        most = max(by_peer.values())
        greedy = [connection for connection in idle if by_peer[connection.peer] == most]
        # A few at once, as looking through them all takes its time.
        for connection in heapq.nsmallest(max(1, self.most // 64), greedy, key=lambda one: one.since):
            self.note("made room", connection)
            connection.abort()


# What a client is to send next.
_REQUEST: Final = 0
_HEADERS: Final = 1
_BODY: Final = 2


class Connection(HttpToolsProtocol):
    """One client's connection."""

    def __init__(self, *, connections: Connections, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self.peer = ""
        self._certificate: str | None = None
        self.since = self.loop.time()
        """When its last request was answered, or it was made."""
        self._connections = connections
        self._settings = connections.settings
        self._phase = _REQUEST
        settings = self._settings
        self._waits = settings.idle_timeout, settings.header_timeout, settings.body_timeout
        self._deadline = self.since + self._settings.header_timeout
        self._write_deadline: float | None = None
        self._socket: asyncio.Transport
        self._unread = b""  # has come, and is not parsed yet, from `_place` on
        self._place = 0
        self._head_bytes = self._wire_bytes = self._body_bytes = 0
        self._reading = True
        self._look_again = False  # is scheduled
        self._deaf = False  # what comes is of no interest: there will be no next request
        self._closing = False

    # The transport's events.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = cast(asyncio.Transport, transport)  # uvloop's own class is as good as one
        super().connection_made(_Reins(self, self._socket))
        self.peer = self.client[0] if self.client else ""
        self._certificate = common_name(transport.get_extra_info("peercert"))
        if self._connections.admit(self):
            return
        if not self._connections.spare():
            self._connections.note("no room", self)
            self.abort()
            return
        self._deadline = self.since + min(_LINGER, self._settings.header_timeout)
        self.app = _only_health(self.app)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._unread = b""
        self._connections.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._deaf or self._closing:
            return
        if self._unread:
            data = self._unread[self._place :] + data
        self._unread, self._place = data, 0
        self._parse()

    def eof_received(self) -> bool:  # type: ignore[override]
        """A client that is done with asking may still wait for an answer."""
        if self._closing or not self.busy:
            return False
        self._deaf = True
        self.cycle.keep_alive = False
        return True

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_deadline = self.loop.time() + self._settings.answer_timeout
        self._read_or_not()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._write_deadline = None
        self._look_soon()

    # The parser's events.

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._certificate is not None:
            cast(dict[str, Any], self.scope)[CERTIFICATE] = self._certificate
        self._phase = _HEADERS
        self._head_bytes = 0
        self._deadline = self.loop.time() + self._settings.header_timeout

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._phase == _HEADERS:  # and no trailer
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # _without_upgrade
        super().on_headers_complete()
        self._phase = _BODY
        self._wire_bytes = self._body_bytes = 0
        self._deadline = self.loop.time() + self._settings.body_timeout

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._phase == _HEADERS:
            return  # _without_upgrade
        super().on_message_complete()
        self._phase = _REQUEST

    def on_response_complete(self) -> None:
        now = self.since = self.loop.time()
        super().on_response_complete()
        if self._closing:
            return
        self._deadline = now + self._waits[self._phase]
        if self._unread or not self._reading:
            self._look_soon()

    # Reading, as far as what was asked is answered and what was answered is read.

    @property
    def _held(self) -> bool:
        return bool(self.pipeline) or self.flow.read_paused or self.flow.write_paused

    def _parse(self) -> None:
        while self._unread and not (self._held or self._deaf or self._closing):
            piece = self._next_piece()
            self._unset_keepalive_if_required()
            try:
                self.parser.feed_data(piece)
            except httptools.HttpParserUpgrade as upgrade:
                rest = piece[upgrade.args[0] :] + self._unread[self._place :]
                self._unread, self._place = self._without_upgrade() + rest, 0
                continue
            except httptools.HttpParserError:
                self._refuse(400, "is not HTTP", "malformed")
            if self._phase == _HEADERS:
                self._head_bytes += len(piece)
                if self._head_bytes > self._settings.max_header_bytes:
                    self._refuse(431, f"the headers are over {self._settings.max_header_bytes} bytes", "large headers")
            elif self._phase == _BODY:
                self._wire_bytes += len(piece)
                if self._wire_bytes > _FRAMING * self._body_bytes + self._settings.max_header_bytes + _PIECE:
                    self._refuse(400, "the body is mostly framing", "malformed")
        if self._deaf or self._closing:
            self._unread = b""
        self._read_or_not()

    def _next_piece(self) -> bytes:
        """So little that it begins one request more at most: a client that sends thousands has its turn with others."""
        data, place = self._unread, self._place
        if not place and len(data) <= _PIECE and data.count(_END_OF_HEADERS) <= 1:
            self._unread = b""
            return data
        end = min(place + _PIECE, len(data))
        found = data.find(_END_OF_HEADERS, place, end)
        if found >= 0:
            end = found + len(_END_OF_HEADERS)
        self._place = end
        if end == len(data):
            self._unread, self._place = b"", 0
        return data[place:end]

    def _without_upgrade(self) -> bytes:
        """What was asked, but for the wish to change to another protocol, which a server may ignore.

        The parser would take what follows, even a body, for the other protocol.
        """
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        if method == b"CONNECT":
            self._refuse(405, "no such method", "malformed")
            return b""
        self.parser = httptools.HttpRequestParser(self)
        lines = [b"%s %s HTTP/%s" % (method, self.url, version)]
        lines += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    def _read_or_not(self) -> None:
        reading = self._closing or self._deaf or not (self._unread or self._held)
        if reading != self._reading:
            self._reading = reading
            if reading:
                self._socket.resume_reading()
            else:
                self._socket.pause_reading()

    def _look_soon(self) -> None:
        # Not at once: uvicorn is in the middle of something when it allows to read on.
        if not self._look_again and not self._closing:
            self._look_again = True
            self.loop.call_soon(self._look)

    def _look(self) -> None:
        self._look_again = False
        if not self._closing:
            self._parse()

    # The end.

    @property
    def busy(self) -> bool:
        """Whether it is us that it waits for."""
        cycle = self.cycle
        answering = cycle is not None and not cycle.response_complete and not cycle.more_body
        return (bool(self.pipeline) or answering) and not self.flow.write_paused and not self._closing

    def expire(self, now: float) -> None:
        """Close it if its time is over."""
        if self._closing:
            if now >= self._deadline:
                self.abort()
        elif self._write_deadline is not None:
            if now >= self._write_deadline:
                self._connections.note("answer not taken", self)
                self.abort()
        elif now < self._deadline or self.busy:
            return
        elif self._phase == _HEADERS:
            self._refuse(408, "the headers took too long", "late headers")
        elif self._phase == _BODY:
            self._refuse(408, "the body took too long", "late body")
        else:
            self.close()

    def abort(self) -> None:
        """Close it now, whatever is under way."""
        self._closing = True
        self._connections.forget(self)
        self._socket.abort()

    def close(self) -> None:
        """Close it once what was written is sent; where a request is cut off, the client may first finish sending."""
        if self._closing:
            return
        self._closing = True
        self._unread = b""
        self._unset_keepalive_if_required()
        if self._phase == _REQUEST:
            self._deadline = self.loop.time() + self._settings.answer_timeout
            self._socket.close()
        else:
            self._deadline = self.loop.time() + _LINGER
            self._socket.write_eof()
            self._read_or_not()

    @property
    def closing(self) -> bool:
        """Whether there will be no further answer."""
        return self._closing or self._socket.is_closing()

    def _refuse(self, status: int, reason: str, kind: str) -> None:
        """Answer that what came is of no use, and close; after the answers that are still to be given."""
        self._connections.note(kind, self)
        self._deaf = True
        cycle = self.cycle
        if self.busy:
            cycle.keep_alive = False
            return
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self.close()
                return
        body = msgspec.json.encode({"reason": reason})
        self._socket.write(
            b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
            % (status, http.HTTPStatus(status).phrase.encode(), len(body), body)
        )
        self.close()


class _Reins(asyncio.Transport):
    """The transport as uvicorn's protocol sees it: when to read and how to close is the connection's to decide."""

    def __init__(self, connection: Connection, transport: asyncio.Transport) -> None:
        super().__init__()
        self._connection = connection
        self.write = transport.write  # type: ignore[method-assign]
        self.get_extra_info = transport.get_extra_info  # type: ignore[method-assign]

    def is_closing(self) -> bool:
        return self._connection.closing

    def close(self) -> None:
        self._connection.close()

    def pause_reading(self) -> None:
        """Parsing stops at the end of the piece, for `flow.read_paused`; and so does reading."""

    def resume_reading(self) -> None:
        self._connection._look_soon()


def _only_health(app: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_last(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await send(message)

        if scope["path"] == "/healthz":
            await app(scope, receive, send_last)
        else:
            await send_json(send_last, 503, {"reason": "too many connections"}, [(b"retry-after", b"1")])

    return answer
