"""Clients that take their time, memory or connections from others: real sockets to a real service."""

from __future__ import annotations

import gzip
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import zstandard

from platewatch.notify.simulator import WassSimulator
from platewatch.service.asgi import Bodies
from platewatch.sources import BusyError, limits
from platewatch.sources import http as source
from tests.hostile.clients import HEALTH, answer, connect, fill, is_closed, last_answer, post
from tests.patience import PATIENCE
from tests.service import Service, running

READ = b'{"text": "77\xeb\xac\xb47777"}'
HIT = b'{"text": "12\xea\xb0\x803456", "camera_id": "GJ-0001", "time": "2026-11-23T09:00:00Z"}'


def memory(service: Service) -> int:
    """Bytes that the service has in memory."""
    status = Path(f"/proc/{service.process.pid}/status").read_text("utf-8")
    return 1024 * int(status.partition("VmRSS:")[2].split()[0])


def waiting(condition: Callable[[], bool]) -> bool:
    """Whether it comes true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


# --- answers that nobody reads


@pytest.mark.parametrize("request_", [HEALTH, b"GET /v1/status HTTP/1.1\r\n\r\n", post(READ)])
def test_who_does_not_read_is_not_read(config: Path, request_: bytes) -> None:
    with running(config, {"PLATEWATCH_HTTP__ANSWER_TIMEOUT": "3"}) as service, connect(service.url) as client:
        before = memory(service)
        most = 100_000_000
        assert fill(client, request_ * 1000, most, seconds=1.0) < most
        assert memory(service) - before < 100_000_000
        assert service.get("/healthz")[0] == 200
        assert waiting(lambda: "answer not taken" in service.get("/v1/status")[1]["connections"]["closed"])
        assert is_closed(client)


def test_what_is_pipelined_is_answered_in_order(config: Path) -> None:
    with running(config) as service, connect(service.url) as client:
        count = 3000
        client.sendall(b"".join(post(READ) if i % 3 else b"GET /nothing HTTP/1.1\r\n\r\n" for i in range(count)))
        with client.makefile("rb") as answers:
            for i in range(count):
                status = int(answers.readline().split()[1])
                assert status == (200 if i % 3 else 404)
                headers = iter(answers.readline, b"\r\n")
                length = next(int(line.split()[1]) for line in list(headers) if line.startswith(b"content-length"))
                answers.read(length)
        assert service.get("/v1/status")[1]["reads"] == count * 2 // 3


def test_who_shuts_down_after_asking_is_answered(config: Path) -> None:
    with running(config) as service, connect(service.url) as client:
        client.sendall(post(READ))
        client.shutdown(socket.SHUT_WR)
        assert answer(client)[0] == 200
        assert is_closed(client)


# --- clients that take their time


@pytest.mark.parametrize(
    ("first", "dribble", "reason"),
    [
        (b"POST /v1/reads HTTP/1.1\r\n", b"X-Y: z\r\n", "the headers took too long"),
        (b"GET /", b"x", "the headers took too long"),
        (b"POST /v1/reads HTTP/1.1\r\nContent-Length: 100000\r\n\r\n", b" ", "the body took too long"),
        (b"POST /v1/reads HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", "the body took too long"),
        (HEALTH, b"\r\n", None),
        (b"", b"\r\n", None),
    ],
)
def test_who_dribbles_is_closed(config: Path, first: bytes, dribble: bytes, reason: str | None) -> None:
    settings = {f"PLATEWATCH_HTTP__{name}": "0.6" for name in ("HEADER_TIMEOUT", "BODY_TIMEOUT", "IDLE_TIMEOUT")}
    with running(config, settings) as service, connect(service.url) as client:
        client.sendall(first)
        client.settimeout(0.1)
        got = b""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                client.sendall(dribble)
                more = client.recv(65536)
            except TimeoutError:
                continue
            except ConnectionError:
                break
            if not more:
                break
            got += more
        else:
            raise AssertionError("it was never closed")
        if reason:
            assert got.startswith(b"HTTP/1.1 408 ")
            assert json.loads(got.partition(b"\r\n\r\n")[2]) == {"reason": reason}
        assert waiting(lambda: service.get("/v1/status")[1]["connections"]["open"] == 1)


@pytest.mark.parametrize("first", [b"", b"GET /heal", b"POST /v1/reads HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"])
def test_those_who_hang_on_lock_nobody_out(config: Path, first: bytes) -> None:
    with running(config, open_files=256) as service, ExitStack() as stack:
        for _ in range(600):
            client = stack.enter_context(connect(service.url))
            with suppress(ConnectionError):  # it may have had to make room already
                client.sendall(first)
        for _ in range(20):
            assert service.post("/v1/reads", READ)[0] == 200
        assert service.get("/healthz")[0] == 200
        assert service.get("/v1/status")[1]["connections"]["open"] < 256
        events = [event["event"] for event in service.log()]
        assert "fewer connections than set, for the limit on open files" in events
        assert waiting(lambda: any(event["event"] == "connections refused or closed" for event in service.log()))
        assert service.terminate() == 0


def test_a_connection_in_use_is_not_the_one_to_make_room(config: Path) -> None:
    with running(config, {"PLATEWATCH_HTTP__MAX_CONNECTIONS": "8"}) as service, ExitStack() as stack:
        used = stack.enter_context(connect(service.url))
        for _ in range(50):
            stack.enter_context(connect(service.url))
            used.sendall(HEALTH)
            assert answer(used)[0] == 200


def test_its_health_is_told_when_all_connections_are_busy(tmp_path: Path, config: Path) -> None:
    with running(config, {"PLATEWATCH_HTTP__MAX_CONNECTIONS": "3"}) as service:
        blocker = sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")  # so that requests with a hit wait
        deadline = time.monotonic() + PATIENCE
        number, refused = 0, None
        while refused is None and time.monotonic() < deadline:
            with ExitStack() as stack:
                for _ in range(3):
                    number += 1
                    hit = HIT.replace(b"09:00:00", b"%02d:%02d:00" % (number // 60 % 24, number % 60))
                    stack.enter_context(connect(service.url)).sendall(post(hit))
                time.sleep(0.3)
                assert service.get("/healthz") == (200, {"status": "ok"})
                with connect(service.url) as client:
                    client.sendall(post(READ))
                    status, headers, told = last_answer(client)
                    if status == 503:
                        refused = headers["retry-after"], told
        blocker.rollback()
        blocker.close()
        assert refused == ("1", {"reason": "too many connections"})
        assert waiting(lambda: service.post("/v1/reads", READ)[0] == 200)


# --- what is refused by its headers


@pytest.mark.parametrize("length", ["Content-Length: 9000000", "Transfer-Encoding: chunked"])
def test_the_body_of_who_may_not_ask_is_not_read(config: Path, length: str) -> None:
    with running(config, {"PLATEWATCH_HTTP__TOKEN": "12345"}) as service:
        with connect(service.url) as client:
            client.sendall(f"POST /v1/reads HTTP/1.1\r\n{length}\r\n\r\n".encode())
            status, headers, _ = last_answer(client)  # without a byte of the body
            assert (status, headers["connection"]) == (401, "close")
        # Nor is the answer lost on a client that sends all before it reads.
        assert service.post("/v1/reads", b" " * 9_000_000)[0] == 401
        assert service.post("/v1/reads", READ, Authorization="Bearer 12345")[0] == 200


def test_a_body_that_is_too_large_is_not_waited_for(config: Path) -> None:
    with running(config, {"PLATEWATCH_HTTP__MAX_BODY_BYTES": "1000"}) as service, connect(service.url) as client:
        client.sendall(b"POST /v1/reads HTTP/1.1\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n")
        assert last_answer(client)[0] == 413
        assert service.post("/v1/reads", b" " * 5_000_000)[0] == 413


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /" + b"x" * 20_000,
        b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000,
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 4000,
    ],
)
def test_headers_without_an_end(config: Path, request_: bytes) -> None:
    with running(config) as service, connect(service.url) as client:
        client.sendall(request_)
        status, _, told = last_answer(client)
        assert (status, told) == (431, {"reason": "the headers are over 16384 bytes"})


@pytest.mark.parametrize(
    "framing", [b"1;" + b"x" * 5000 + b"\r\n \r\n", b"0\r\n" + b"X: y\r\n" * 1000, b"0\r\nX: " + b"x" * 5000]
)
def test_a_body_of_framing(config: Path, framing: bytes) -> None:
    with running(config) as service, connect(service.url) as client:
        client.sendall(b"POST /v1/reads HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        fill(client, framing, 10_000_000)
        assert last_answer(client)[0] == 400


def test_a_body_in_the_smallest_chunks(config: Path) -> None:
    with running(config) as service, connect(service.url) as client:
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in b" " * 50_000 + READ)
        client.sendall(
            b"POST /v1/reads HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n" + HEALTH
        )
        assert answer(client) == (200, {"accepted": 1, "hits": 0, "errors": []})
        assert answer(client)[0] == 200


# --- what is not HTTP/1.1


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"12345\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\n\r\n", 400),
        (b"POST /v1/reads HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST /v1/reads HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"CONNECT example:443 HTTP/1.1\r\n\r\n", 405),
        (HEALTH + b"\0\0\0", 200),  # the answer that is due comes first
    ],
)
def test_what_is_not_understood_is_refused_in_json(config: Path, data: bytes, status: int) -> None:
    with running(config) as service, connect(service.url) as client:
        client.sendall(data)
        assert (answer(client) if status == 200 else last_answer(client))[0] == status
        assert is_closed(client)
        assert waiting(lambda: any(event["event"] == "connections refused or closed" for event in service.log()))
        assert service.get("/v1/status")[1]["connections"]["closed"] == {"malformed": 1}


WEBSOCKET = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n"
)


def test_no_answer_may_be_kept_by_a_cache(config: Path) -> None:
    with running(config) as service:
        for path, body in [("/v1/status", None), ("/metrics", None), ("/v1/nothing", None), ("/v1/reads", b"[]")]:
            try:
                answer = urllib.request.urlopen(urllib.request.Request(service.url + path, body), timeout=PATIENCE)
            except urllib.error.HTTPError as error:
                answer = error
            with answer:
                assert answer.headers["Cache-Control"] == "no-store", path


@pytest.mark.parametrize("upgrade", [WEBSOCKET, "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"])
def test_a_wish_to_upgrade_is_not_met(config: Path, upgrade: str) -> None:
    with running(config) as service, connect(service.url) as client:
        for path, status in (("/healthz", 200), ("/v1/status", 200), ("/", 404)):
            client.sendall(f"GET {path} HTTP/1.1\r\n{upgrade}\r\n".encode())
            assert answer(client)[0] == status
        client.sendall(
            f"POST /v1/reads HTTP/1.1\r\n{upgrade}Content-Length: {len(READ)}\r\n\r\n".encode() + READ + HEALTH
        )
        assert answer(client) == (200, {"accepted": 1, "hits": 0, "errors": []})
        assert answer(client) == (200, {"status": "ok"})
        assert service.terminate() == 0
        assert {event["level"] for event in service.log()} == {"info"}  # all of it JSON


# --- who may be let in


def test_other_machines_are_not_let_in_without_a_token(config: Path) -> None:
    for setting in ({"HOST": "0.0.0.0"}, {"HOST": ""}, {"HOST": "0"}, {"HOST": "0.0.0.0", "TOKEN": ""}):
        environment = {f"PLATEWATCH_HTTP__{name}": value for name, value in setting.items()}
        done = subprocess.run(
            [sys.executable, "-m", "platewatch", "serve", "--config", str(config)],
            env={**os.environ, **environment},
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        assert (done.returncode, b"http.token: " in done.stderr) == (2, True)
    for meant in ({"PLATEWATCH_HTTP__WITHOUT_TOKEN": "true"}, {"PLATEWATCH_HTTP__TOKEN": "12345"}):
        with running(config, {"PLATEWATCH_HTTP__HOST": "0.0.0.0", **meant}) as service:
            assert service.get("/healthz")[0] == 200


# --- bodies


def test_large_bodies_wait_for_each_other_and_small_ones_for_none(config: Path) -> None:
    settings = {"PLATEWATCH_HTTP__MAX_BODY_BYTES": "1000000", "PLATEWATCH_HTTP__MAX_BODIES_BYTES": "1000000"}
    with running(config, settings) as service, connect(service.url) as client:
        large = READ + b"\n" + b" " * 700_000
        request = post(large)
        client.sendall(request[:-1])
        assert waiting(lambda: service.get("/v1/status")[1]["connections"]["bodies_bytes"] > 700_000)
        assert service.post("/v1/reads", large) == (503, {"reason": "too many large bodies at once"})
        compressed = gzip.compress(large)
        assert service.post("/v1/reads", compressed)[0] == 503
        assert service.post("/v1/reads", READ)[0] == 200
        client.sendall(request[-1:])
        assert answer(client)[0] == 200
        assert service.post("/v1/reads", compressed)[0] == 200


def test_what_bodies_hold_is_given_back() -> None:
    bodies = Bodies(200_000)
    with bodies.holding() as one, bodies.holding() as other:
        one.grow(150_000)
        other.grow(60_000)  # small
        with pytest.raises(BusyError):
            other.grow(100_000)
        one.grow(140_000)
        assert bodies.held == 150_000
    assert bodies.held == 0


def test_compressed_bodies_of_no_good(config: Path) -> None:
    with running(config) as service:
        for body, encoding, status in (
            (zstandard.compress(READ * 1000)[:-1], "zstd", 400),
            (zstandard.compress(READ + b"\n") + zstandard.compress(READ), "zstd", 200),
            (gzip.compress(b"") * 700_000, "gzip", 400),
            (READ, ", ".join(["gzip"] * 3000)[:15_000], 415),
            (gzip.compress(gzip.compress(gzip.compress(READ))), "gzip, gzip, gzip", 200),
        ):
            assert service.post("/v1/reads", body, **{"Content-Encoding": encoding})[0] == status


# --- errors


@pytest.mark.parametrize(
    ("body", "unread_from"),
    [
        (READ + b"\n" + b"1\n" * 2_000_000, 1002),
        (b"1\n" * 2_000_000 + READ, 1001),
        (b"[" + b"1," * 2_000_000 + b"1]", 1001),
        (b'{"text": 5}\n' * 300_000, 100_001),
        (b'{"text": "--"}\n' * 150_000 + READ, None),
    ],
)
def test_a_body_of_errors_is_not_answered_at_length(config: Path, body: bytes, unread_from: int | None) -> None:
    with running(config) as service:
        before = memory(service)
        status, told = service.post("/v1/reads", body)
        assert told.get("unread_from_row") == unread_from
        assert status == (200 if unread_from is None else 422)
        assert len(told["errors"]) == 100
        (more,) = told["more_errors"]
        expected = 150_000 if unread_from is None else unread_from - 1 - told["accepted"]
        assert more["count"] == expected - 100
        assert (more["field"], more["reason"]) == (told["errors"][0]["field"], told["errors"][0]["reason"])
        assert memory(service) - before < 600_000_000
        assert service.get("/v1/status")[1]["refused"] == expected
        assert len(service.log()) < 20


def test_good_reads_among_errors_are_matched(config: Path) -> None:
    lines = [b"junk", b'{"text": null}', READ] * 3000
    with running(config) as service:
        status, told = service.post("/v1/reads", b"\n".join(lines))
        assert (status, told["accepted"]) == (200, 3000)
        assert {(more["field"], more["reason"]): more["count"] for more in told["more_errors"]} == {
            (None, "not a JSON object"): 2950,
            ("text", "Expected `str`, got `null`"): 2950,
        }
        assert [error["row"] for error in told["errors"][:4]] == [1, 2, 4, 5]


def test_too_many_reads_are_none(config: Path) -> None:
    body = b'{"text":"1"}\n' * (source.MAX_READS + 1)
    with running(config) as service:
        status, told = service.post("/v1/reads", body)
        assert (status, told) == (413, {"reason": "over 500000 reads in one request: send them in several"})
        assert service.get("/v1/status")[1]["reads"] == 0


# --- what one read holds


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("image_url", "data:image/jpeg;base64," + "A" * 1_000_000),
        ("image_url", " DATA:,"),
        ("image_url", "http://camera/" + "x" * limits.MAX_URL),
        ("pass_id", "가" * 86),
        ("engine", "x" * 257),
        ("chars", [{"c": c} for c in "12가3456"] * 10),
        ("chars", [{"c": c, "alts": [["1", 0.1]] * 65} for c in "12가3456"]),
        ("chars", [{"c": "1" * 65}] * 7),
        ("candidates", [{"text": "12가3456"}] * 65),
        ("candidates", [{"text": "12가3456" * 500}]),
    ],
)
def test_a_field_that_holds_too_much_never_costs_the_hit(
    config: Path, wass: WassSimulator, field: str, value: object
) -> None:
    read = json.loads(HIT) | {field: value}
    with running(config) as service:
        assert service.send(read) == (200, {"accepted": 1, "hits": 1, "errors": []})
        assert service.get("/v1/status")[1]["dropped_fields"] == {field: 1}
        service.wait_until_delivered()
    (event,) = wass.received.values()
    assert event.data.image_url is None


def test_a_field_at_its_limit_is_kept(config: Path, wass: WassSimulator) -> None:
    url = "http://camera/".ljust(limits.MAX_URL, "x")
    read = json.loads(HIT) | {
        "image_url": url,
        "pass_id": "가" * 85,
        "engine": "x" * 256,
        "chars": [{"c": c, "alts": [["ㄱ" * 21, 0.0]] * 64} for c in "12가3456"],
        "candidates": [{"text": "12가3456"}] * 64,
    }
    with running(config) as service:
        assert service.send(read) == (200, {"accepted": 1, "hits": 1, "errors": []})
        assert service.get("/v1/status")[1]["dropped_fields"] == {}
        service.wait_until_delivered()
    (event,) = wass.received.values()
    assert event.data.image_url == url


def test_a_text_that_is_too_long_is_refused(config: Path) -> None:
    with running(config) as service:
        status, told = service.send({"text": "가" * 342})
        assert (status, told["errors"]) == (422, [{"row": 1, "field": "text", "reason": "over 1024 bytes"}])
