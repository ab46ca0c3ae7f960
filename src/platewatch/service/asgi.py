"""The little that plain ASGI endpoints share."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

import msgspec
import zstandard

Scope: TypeAlias = Mapping[str, Any]
Message: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


class BodyTooLargeError(Exception):
    """The request's body is larger than allowed."""


class DisconnectedError(Exception):
    """The client went away in the middle of its request."""


async def read_body(receive: Receive, max_bytes: int) -> bytes:
    """The whole body of a request. Raises BodyTooLargeError or DisconnectedError."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        body += message.get("body", b"")
        if len(body) > max_bytes:
            raise BodyTooLargeError
        if not message.get("more_body", False):
            return bytes(body)


class EncodingError(Exception):
    """The body is not in the Content-Encoding that its header says, or in one that is not known here."""

    def __init__(self, reason: str, status: int) -> None:
        self.status = status
        super().__init__(reason)


_GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


def inflate(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """A body without its Content-Encoding: gzip, deflate, zstd, or none; gzip also where no header says so.

    Raises EncodingError, or BodyTooLargeError if there are more than `max_bytes` in it.
    """
    names = [name.strip().lower() for name in encoding.split(",") if name.strip()]
    if not names and body.startswith(_GZIP_MAGIC):
        names = ["gzip"]
    for name in reversed(names):
        if name in ("gzip", "x-gzip"):
            body = _inflate_zlib(body, _GZIP, max_bytes)
        elif name == "deflate":  # zlib's format by the standard, raw by custom
            looks_like_zlib = len(body) > 1 and body[0] & 15 == 8 and (body[0] << 8 | body[1]) % 31 == 0
            body = _inflate_zlib(body, _ZLIB if looks_like_zlib else _RAW, max_bytes)
        elif name == "zstd":
            body = _inflate_zstd(body, max_bytes)
        elif name != "identity":
            raise EncodingError("this Content-Encoding is not known: gzip, deflate and zstd are", 415)
    return body


def _inflate_zlib(body: bytes, format_bits: int, max_bytes: int) -> bytes:
    inflated = bytearray()
    try:
        while body:  # gzip may have several members
            inflater = zlib.decompressobj(format_bits)
            inflated += inflater.decompress(body, max_bytes + 1 - len(inflated))
            if len(inflated) > max_bytes:
                raise BodyTooLargeError
            if not inflater.eof:
                raise EncodingError("the body is cut off", 400)
            body = inflater.unused_data if format_bits == _GZIP else b""
    except zlib.error:
        raise EncodingError("the body is not in its Content-Encoding", 400) from None
    return bytes(inflated)


def _inflate_zstd(body: bytes, max_bytes: int) -> bytes:
    try:
        with zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True) as reader:
            inflated = reader.read(max_bytes + 1)
    except zstandard.ZstdError:
        raise EncodingError("the body is not in its Content-Encoding", 400) from None
    if len(inflated) > max_bytes:
        raise BodyTooLargeError
    return inflated


async def send_json(send: Send, status: int, value: object, more: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """Answer with a JSON value, and `more` headers."""
    body = msgspec.json.encode(value)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def without_body(send: Send) -> Send:
    """For the answer to HEAD: the headers of GET's, and nothing more."""

    async def send_headers(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return send_headers


def header(scope: Scope, name: bytes) -> str:
    """A request header, or "" (names are lower-case in ASGI)."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")
