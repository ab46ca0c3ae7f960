from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from platewatch.errors import ConfigError
from platewatch.notify import Verifier
from platewatch.notify.senders.base import DeliveryError
from platewatch.notify.senders.https import HttpsSender, HttpsSettings
from tests.certificates import Authority
from tests.far_end import far_end

from .support import OTHER_SECRET, SECRET

NOW = 1_795_400_000.0
BODY = '{"plate":"12가3456"}'.encode()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """The head of the next request, after its body; empty when the client has closed the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    return head


@asynccontextmanager
async def raw_far_end(answer: bytes) -> AsyncIterator[str]:
    """Answer every request with these bytes, then close the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/events"


async def failure(url: str, *, timeout: float = 5.0) -> DeliveryError:  # noqa: ASYNC109 - the sender's own
    async with HttpsSender(HttpsSettings(url=url, secrets=(SECRET,), timeout=timeout)) as sender:
        with pytest.raises(DeliveryError) as caught:
            await sender.send("id.1", BODY)
    error = caught.value
    assert error.__cause__ is None
    assert "12가3456" not in str(error)
    return error


async def failure_by_status(status: int, headers: dict[str, str] | None = None) -> DeliveryError:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, headers=headers, body=await request.read())  # quotes the event

    async with far_end(answer) as url:
        return await failure(url)


def test_the_request_is_a_signed_cloudevent() -> None:
    requests: list[tuple[web.Request, bytes]] = []

    async def answer(request: web.Request) -> web.Response:
        requests.append((request, await request.read()))
        return web.Response(status=204)

    async def body() -> None:
        async with (
            far_end(answer) as url,
            HttpsSender(HttpsSettings(url=f"{url}/events", secrets=(SECRET,)), clock=lambda: NOW) as sender,
        ):
            await sender.send("id.1", BODY)

    asyncio.run(body())
    ((request, received),) = requests
    assert request.method == "POST"
    assert request.path_qs == "/events"
    assert received == BODY
    assert request.headers["Content-Type"] == "application/cloudevents+json"
    assert request.headers["webhook-id"] == "id.1"
    assert "Content-Encoding" not in request.headers
    assert not any("12" in value and "가" in value for value in request.headers.values())
    Verifier([SECRET]).verify(request.headers, received, NOW)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_acknowledges(status: int) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status)

    async def body() -> None:
        async with far_end(answer) as url, HttpsSender(HttpsSettings(url=url, secrets=(SECRET,))) as sender:
            await sender.send("id.1", BODY)

    asyncio.run(body())


@pytest.mark.parametrize(
    ("status", "permanent"),
    [
        *((status, True) for status in (400, 410, 413, 415, 422)),
        *((status, False) for status in (304, 401, 403, 404, 408, 409, 429, 500, 502, 503)),
    ],
)
def test_only_a_refusal_of_the_event_itself_is_permanent(status: int, permanent: bool) -> None:
    error = asyncio.run(failure_by_status(status))
    assert (error.reason, error.permanent, error.retry_after) == (f"HTTP {status}", permanent, None)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        ("86400", 300.0),
        ("9" * 5000, 300.0),
        ("-1", None),
        ("soon", None),
        ("Mon, 23 Nov 2026 09:30:15 GMT", None),
    ],
)
def test_retry_after_is_honoured_within_bounds(value: str, seconds: float | None) -> None:
    assert asyncio.run(failure_by_status(503, {"Retry-After": value})).retry_after == seconds


def test_a_redirect_is_not_followed() -> None:
    paths: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    async def body() -> None:
        async with far_end(answer) as url:
            assert (await failure(f"{url}/events")).reason == "HTTP 307"

    asyncio.run(body())
    assert paths == ["/events"]


def test_a_slow_answer_is_a_timeout() -> None:
    async def answer(_: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    async def body() -> None:
        async with far_end(answer) as url:
            error = await failure(url, timeout=0.05)
            assert (error.reason, error.permanent) == ("timeout", False)

    asyncio.run(body())


def test_nobody_listening_is_worth_a_retry() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/events"
    error = asyncio.run(failure(url))
    assert (error.reason, error.permanent) == ("ClientConnectorError", False)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1",
        b"\x00\xff\xfe garbage\r\n\r\n",
        b"HTTP/1.1 abc 12\xea\xb0\x803456\r\n\r\n",
        b"HTTP/1.1 99999 X\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ],
)
def test_garbage_and_cut_answers_are_worth_a_retry(answer: bytes) -> None:
    async def body() -> None:
        async with raw_far_end(answer) as url:
            assert not (await failure(url, timeout=1)).permanent

    asyncio.run(body())


def test_a_late_second_answer_to_one_event_does_not_acknowledge_the_next() -> None:
    accepted, refused = (f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode() for status in ("202 OK", "500 No"))
    served: list[bytes] = []
    connections: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Accept the first event, and once more when its connection is idle; refuse every other event."""
        connections.append(writer)
        while head := await read_request(reader):
            served.append(head)
            if len(served) == 1:
                writer.write(accepted)
                await asyncio.sleep(0.02)
                writer.write(accepted)
            else:
                await asyncio.sleep(0.02)
                writer.write(refused)
        writer.close()

    async def body() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/events"
        async with server, HttpsSender(HttpsSettings(url=url, secrets=(SECRET,))) as sender:
            await sender.send("id.1", BODY)
            await asyncio.sleep(0.05)
            with pytest.raises(DeliveryError, match="HTTP 500"):
                await sender.send("id.2", BODY)
        assert len(served) == 2
        for connection in connections:
            await connection.wait_closed()

    asyncio.run(body())


# --- who we are, and whom we believe


def test_a_token_is_shown_and_secrets_come_from_a_file(tmp_path: Path) -> None:
    """Two while one is being replaced: a receiver that knows either is content."""
    secrets = tmp_path / "secrets"
    secrets.write_text(f"{SECRET}\n{OTHER_SECRET}\n")
    requests: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        for secret in (SECRET, OTHER_SECRET):
            Verifier([secret]).verify(request.headers, await request.read(), NOW)
        requests.append(request)
        return web.Response()

    async def body() -> None:
        async with far_end(answer) as url:
            settings = HttpsSettings(url=url, secrets_file=secrets, token="t0ken")
            async with HttpsSender(settings, clock=lambda: NOW) as sender:
                await sender.send("id.1", BODY)

    asyncio.run(body())
    assert [request.headers["Authorization"] for request in requests] == ["Bearer t0ken"]


@pytest.mark.parametrize("shows", [True, False])
def test_a_far_end_that_asks_who_we_are(tmp_path: Path, shows: bool) -> None:
    authority = Authority()
    ca = authority.write(tmp_path / "ca.pem")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=ca)
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_cert_chain(authority.issue(tmp_path / "far.pem", "far end"))
    us = authority.issue(tmp_path / "us.pem", "us") if shows else None

    async def answer(_: web.Request) -> web.Response:
        return web.Response()

    async def body() -> None:
        async with far_end(answer, tls) as url:
            settings = HttpsSettings(url=url, secrets=(SECRET,), ca=ca, certificate=us)
            async with HttpsSender(settings) as sender:
                await sender.send("id.1", BODY)

    if shows:
        asyncio.run(body())
    else:
        with pytest.raises(DeliveryError):
            asyncio.run(body())


def test_a_far_end_that_nobody_vouches_for_is_told_nothing(tmp_path: Path) -> None:
    told = []

    async def answer(_: web.Request) -> web.Response:
        told.append(1)
        return web.Response()

    async def body() -> None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(Authority("impostor").issue(tmp_path / "far.pem", "far end"))
        async with far_end(answer, tls) as url:
            settings = HttpsSettings(url=url, secrets=(SECRET,), ca=Authority().write(tmp_path / "ca.pem"))
            async with HttpsSender(settings) as sender:
                with pytest.raises(DeliveryError, match="Certificate"):
                    await sender.send("id.1", BODY)

    asyncio.run(body())
    assert told == []


@pytest.mark.parametrize("field", ["secrets_file", "ca", "certificate"])
def test_a_file_of_no_use_is_named(tmp_path: Path, field: str) -> None:
    garbage = tmp_path / "garbage"
    garbage.write_text("그 무엇도 아님", "utf-8")
    for path in (garbage, tmp_path / "missing"):
        rest = {} if field == "secrets_file" else {"secrets": (SECRET,)}
        settings = msgspec.convert({"url": "https://x", "kind": "https", field: path, **rest}, HttpsSettings)

        async def body(settings: HttpsSettings = settings) -> None:
            HttpsSender(settings)

        with pytest.raises(ConfigError) as caught:
            asyncio.run(body())
        assert caught.value.field in (field, "secrets" if field == "secrets_file" else field)
