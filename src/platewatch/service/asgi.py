"""The little that plain ASGI endpoints share."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import msgspec
import zstandard

from platewatch.errors import PlatewatchError
from platewatch.sources import BusyError

Scope: TypeAlias = Mapping[str, Any]
Message: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


class BodyTooLargeError(Exception):
    """The request's body is larger than allowed."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"the body is over {max_bytes} bytes")


class RequestError(PlatewatchError):
    """What a request asks for is not usable: why, and which field."""


class DisconnectedError(Exception):
    """The client went away in the middle of its request."""


_SMALL_BODY: Final = 65536  # bytes that are always let in: what all connections can hold of them is little


class Held:
    """The bytes that one request holds of those that all may."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self._bytes = 0

    def grow(self, to: int) -> None:
        """Raises BusyError if there is no room for that many."""
        if to <= _SMALL_BODY or to <= self._bytes:
            return
        if self._bodies.held + to - self._bytes > self._bodies.most:
            raise BusyError("too many large bodies at once")
        self._bodies.held += to - self._bytes
        self._bytes = to

    def release(self) -> None:
        """The request is answered."""
        self._bodies.held -= self._bytes
        self._bytes = 0


class Bodies:
    """The bodies of all requests under way: at most so many bytes, small ones apart."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0

    @contextmanager
    def holding(self) -> Iterator[Held]:
        """For the time of one request."""
        held = Held(self)
        try:
            yield held
        finally:
            held.release()


async def read_body(scope: Scope, receive: Receive, max_bytes: int, held: Held | None = None) -> bytes:
    """The whole body of a request. Raises BodyTooLargeError, BusyError or DisconnectedError."""
    length = header(scope, b"content-length")
    if length.isdecimal() and int(length) > max_bytes:
        raise BodyTooLargeError(max_bytes)  # before any of it is read
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        body += message.get("body", b"")
        if len(body) > max_bytes:
            raise BodyTooLargeError(max_bytes)
        if held is not None:
            held.grow(len(body))
        if not message.get("more_body", False):
            return bytes(body)


def unread(scope: Scope) -> list[tuple[bytes, bytes]]:
    """The headers of an answer before the body was read: then it is not, and the connection is closed."""
    has_body = header(scope, b"content-length") not in ("", "0") or header(scope, b"transfer-encoding")
    return [(b"connection", b"close")] if has_body else []


class EncodingError(Exception):
    """The body is not in the Content-Encoding that its header says, or in one that is not known here."""

    def __init__(self, reason: str, status: int) -> None:
        self.status = status
        super().__init__(reason)


_GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_MOST_ENCODINGS: Final = 3  # each costs up to a whole body
_MOST_MEMBERS: Final = 1000  # of a gzip or zstd body, which may be many bodies in a row
_ZLIB_CHUNK: Final = 65536
_ZSTD_CHUNK: Final = 1024  # becomes 32 MiB at most, and zstd cannot be told to stop before
_MOST_WINDOW: Final = 32 * 1024 * 1024  # bytes that a zstd frame may have us hold


def encodings(body: bytes, encoding: str) -> list[str]:
    """The names in a Content-Encoding, or gzip where no header says so. Raises EncodingError."""
    names = [name.strip().lower() for name in encoding.split(",") if name.strip()]
    names = [name for name in names if name != "identity"]
    if len(names) > _MOST_ENCODINGS:
        raise EncodingError(f"more than {_MOST_ENCODINGS} encodings", 415)
    if not {"gzip", "x-gzip", "deflate", "zstd"}.issuperset(names):
        raise EncodingError("this Content-Encoding is not known: gzip, deflate and zstd are", 415)
    return names if names or not body.startswith(_GZIP_MAGIC) else ["gzip"]


def inflate(body: bytes, names: Sequence[str], max_bytes: int) -> bytes:
    """A body without these encodings.

    Raises EncodingError, or BodyTooLargeError if there are more than `max_bytes` in it.
    """
    for name in reversed(names):
        if name == "zstd":
            body = _inflate_zstd(body, max_bytes)
        elif name == "deflate":  # zlib's format by the standard, raw by custom
            looks_like_zlib = len(body) > 1 and body[0] & 15 == 8 and (body[0] << 8 | body[1]) % 31 == 0
            body = _inflate_zlib(body, _ZLIB if looks_like_zlib else _RAW, max_bytes)
        else:
            body = _inflate_zlib(body, _GZIP, max_bytes)
    return body


def _inflate_zlib(body: bytes, format_bits: int, max_bytes: int) -> bytes:
    inflated = bytearray()
    place = members = 0
    try:
        while place < len(body):
            members = _one_more(members)
            inflater = zlib.decompressobj(format_bits)
            while not inflater.eof:
                chunk = _chunk(body, place, _ZLIB_CHUNK)
                inflated += inflater.decompress(chunk, max_bytes + 1 - len(inflated))
                if len(inflated) > max_bytes:
                    raise BodyTooLargeError(max_bytes)
                place += len(chunk) - len(inflater.unconsumed_tail) - len(inflater.unused_data)
            if format_bits != _GZIP:
                break
    except zlib.error:
        raise EncodingError("the body is not in its Content-Encoding", 400) from None
    return bytes(inflated)


def _inflate_zstd(body: bytes, max_bytes: int) -> bytes:
    # Not by its stream reader, which takes a body that is cut off for a whole one.
    inflated = bytearray()
    place = members = 0
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW)
    try:
        while place < len(body):
            members = _one_more(members)
            inflater = decompressor.decompressobj()
            while not inflater.eof:
                chunk = _chunk(body, place, _ZSTD_CHUNK)
                inflated += inflater.decompress(chunk)
                if len(inflated) > max_bytes:
                    raise BodyTooLargeError(max_bytes)
                place += len(chunk) - len(inflater.unused_data)
    except zstandard.ZstdError:
        raise EncodingError("the body is not in its Content-Encoding", 400) from None
    return bytes(inflated)


def _chunk(body: bytes, place: int, size: int) -> bytes:
    if place >= len(body):
        raise EncodingError("the body is cut off", 400)
    return body[place : place + size]


def _one_more(members: int) -> int:
    if members >= _MOST_MEMBERS:
        raise EncodingError(f"the body is more than {_MOST_MEMBERS} compressed ones", 400)
    return members + 1


async def send_json(send: Send, status: int, value: object, more: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """Answer with a JSON value, and `more` headers."""
    body = msgspec.json.encode(value)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def no_store(send: Send) -> Send:
    """For every answer: no cache on the way may keep it."""

    async def send_with_header(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], (b"cache-control", b"no-store")]}
        await send(message)

    return send_with_header


def without_body(send: Send) -> Send:
    """For the answer to HEAD: the headers of GET's, and nothing more."""

    async def send_headers(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return send_headers


def header(scope: Scope, name: bytes) -> str:
    """A request header, or "" (names are lower-case in ASGI)."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return ""
