"""The service end to end: real processes, real HTTP over loopback, real SQLite."""

from __future__ import annotations

import gzip
import json
import random
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import zlib
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
import zstandard

import platewatch as pw
from platewatch.notify.simulator import Faults, WassSimulator
from platewatch.service.app import _model
from platewatch.service.audit import lines
from platewatch.service.config import load
from platewatch.service.policy import Policy
from tests.feeds.test_service import alarms
from tests.notify.support import counts
from tests.patience import PATIENCE, until
from tests.service import SECRET, Service, running

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
EXACT, FUZZY = "12가3456", "12거3456"


def moment(number: float) -> datetime:
    """When the vehicle with this number passes: none is near enough to the next to be taken for it."""
    return START + timedelta(seconds=10 * number)


def read(number: float, text: str = EXACT) -> dict[str, Any]:
    return {"text": text, "camera_id": "GJ-0001", "time": moment(number).isoformat()}


@pytest.fixture
def service(config: Path) -> Iterator[Service]:
    with running(config) as running_service:
        yield running_service


def test_a_hit_reaches_wass_with_all_it_needs(tmp_path: Path, service: Service, wass: WassSimulator) -> None:
    line = {**read(0, FUZZY), "image_url": "http://camera/1.jpg", "late": True}
    assert service.post("/v1/reads", json.dumps(line).encode()) == (200, {"accepted": 1, "hits": 1, "errors": []})
    service.wait_until_delivered()
    (event,) = wass.received.values()
    data = event.data
    assert (data.entry_id, data.category, data.priority, data.agency) == ("A1", "stolen", 2, "광주경찰")
    assert (data.grade, data.edits, data.read_text, data.wanted_plate) == ("check", 1, FUZZY, EXACT)
    (match,) = pw.Matcher(pw.Hotlist.from_csv(tmp_path / "wanted.csv"), max_edits=2).match(FUZZY)
    assert (data.probability, data.pattern) == (round(match.probability, 4), False)
    assert [(d.op, d.read_position, d.read, d.wanted) for d in data.differences] == [("substitute", 2, "거", "가")]
    assert (data.camera.name, data.camera.latitude, data.camera.longitude, data.camera.heading) == (
        "City Hall",
        35.16,
        126.85,
        90,
    )
    assert (data.time, data.image_url, data.late) == (START, "http://camera/1.jpg", True)


def test_a_batch_keeps_its_good_reads(service: Service, wass: WassSimulator) -> None:
    lines = [
        json.dumps(read(0)),
        "{oops",
        "",
        json.dumps({"text": "--"}),
        '{"text": 5}',
        json.dumps(read(1, "52바3108")),
    ]
    status, answer = service.post("/v1/reads", "\n".join(lines).encode(), "application/x-ndjson")
    assert (status, answer["accepted"], answer["hits"]) == (200, 2, 2)
    assert answer["errors"] == [
        {"row": 2, "field": None, "reason": "not a JSON object"},
        {"row": 4, "field": "text", "reason": "no letter or digit"},
        {"row": 5, "field": "text", "reason": "Expected `str`, got `int`"},
    ]
    service.wait_until_delivered()
    assert sorted(event.data.entry_id for event in wass.received.values()) == ["A1", "A2"]
    assert {event.data.grade for event in wass.received.values()} == {"notify"}


def test_requests_that_cannot_be_served(service: Service) -> None:
    status, answer = service.post("/v1/reads", b'{"camera_id": "x"}')
    assert (status, answer["errors"]) == (
        422,
        [{"row": 1, "field": None, "reason": "Object missing required field `text`"}],
    )
    assert service.post("/v1/nothing", b"{}")[0] == 404
    assert service.get("/v1/reads")[0] == 405
    assert service.get("/healthz") == (200, {"status": "ok"})
    assert service.post("/v1/outbox/retry", b"[]")[0] == 400
    assert service.post("/v1/outbox/retry", b'{"x": ' + b"[" * 100_000)[0] == 400
    assert service.post("/v1/outbox/retry", b'{"event_ids": ["\xff"]}')[0] == 400
    assert service.post("/v1/reads", b'\xef\xbb\xbf{"text": "1"}')[0] == 200
    assert service.send() == (200, {"accepted": 0, "hits": 0, "errors": []})


ONE = json.dumps({"text": "12가3456"}).encode()
MULTIPART = b'--x\r\nContent-Disposition: form-data; name="json"\r\n\r\n' + ONE + b"\r\n--x--\r\n"


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(ONE, mtime=0), "gzip"),
        (gzip.compress(ONE, mtime=0), None),
        (gzip.compress(ONE, mtime=0) + gzip.compress(b"\n" + ONE, mtime=0), "x-gzip"),
        (zlib.compress(ONE), "deflate"),
        (zlib.compress(ONE)[2:-4], "deflate"),  # as some clients understand it
        (zstandard.compress(ONE), "zstd"),
        (gzip.compress(zstandard.compress(ONE), mtime=0), "zstd, gzip"),
        (ONE, "identity"),
    ],
)
def test_bodies_may_be_compressed(service: Service, body: bytes, encoding: str | None) -> None:
    headers = {} if encoding is None else {"Content-Encoding": encoding}
    status, answer = service.post("/v1/reads", body, **headers)
    assert (status, answer["errors"]) == (200, [])
    assert answer["accepted"] >= 1


def test_bodies_that_cannot_be_inflated(tmp_path: Path, config: Path) -> None:
    with running(config, {"PLATEWATCH_HTTP__MAX_BODY_BYTES": "10000"}) as service:
        for bomb, encoding in (
            (gzip.compress(b"0" * 10_001), "gzip"),
            (zlib.compress(b"0" * 10**7), "deflate"),
            (zstandard.compress(b"0" * 10**8), "zstd"),
        ):
            assert service.post("/v1/reads", bomb, **{"Content-Encoding": encoding})[0] == 413
        assert service.post("/v1/reads", ONE, **{"Content-Encoding": "br"})[0] == 415
        for encoding in ("gzip", "deflate", "zstd"):
            assert service.post("/v1/reads", b"no such thing", **{"Content-Encoding": encoding})[0] == 400
        assert service.post("/v1/reads", gzip.compress(ONE)[:-9], **{"Content-Encoding": "gzip"})[0] == 400
        assert service.get("/healthz")[0] == 200


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/x-ndjson", "image/png"])
def test_arrays_lines_and_objects_under_any_content_type(service: Service, content_type: str) -> None:
    for body, accepted, rows in (
        (ONE, 1, []),
        (b"[" + ONE + b', {"text": 5},\n' + ONE + b"]", 2, [2]),
        (b"[]", 0, []),
        (ONE + b"\n\n" + ONE + b"\r\n{\n", 2, [4]),
        (b"junk\n" + ONE, 1, [1]),
        (b'{\n "text": "12\xea\xb0\x803456"\n}\n', 1, []),
        (b'{\n "text": "12\xea\xb0\x803456"\n}\n{\n "text": 5\n}\n' + ONE, 2, [4]),
        (b"\xef\xbb\xbf" + ONE, 1, []),
        (ONE.decode().encode("utf-16"), 1, []),
        (ONE.decode().encode("utf-16-le"), 1, []),
        (ONE.decode().encode("utf-16-be"), 1, []),
        (b"[" + ONE + b", " + ONE + b",\n]", 2, []),
        (b"[" + ONE + b', {"text": "12\xea\xb0\x803456", "camera_id": "\\ud800", "confidence": NaN}]', 2, []),
    ):
        status, answer = service.post("/v1/reads", body, content_type)
        assert (status, answer["accepted"]) == (200, accepted)
        assert [error["row"] for error in answer["errors"]] == rows


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (b"", "the body is empty"),
        (b"--x\r\nContent-Disposition: form-data\r\n\r\n12\r\n", "multipart/form-data"),
        (b"<?xml version='1.0'?><plate>12</plate>", "XML"),
        (b"plate,camera\n12,G1\n", "CSV"),
        (b"plate=12&camera=G1", "a form"),
        (MULTIPART, "multipart/form-data"),
        (b"<html>\n<script>\n" + ONE + b"\n</script>", "XML or HTML"),
        (b"plate,chars\n{12,x\n", "CSV"),
        (b"payload=" + ONE, "a form"),
        (b"PK\x03\x04\n" + ONE, "compressed (ZIP)"),
        (b"\x28\xb5\x2f\xfd\n" + ONE, "compressed (zstd)"),
        ('{"text": "12가3456"}'.encode("cp949"), "not UTF-8, and looks like CP949"),
        ('[{"text": "12가3456"}]'.encode("cp949"), "not UTF-8, and looks like CP949"),
        ("12가3456".encode("cp949"), "not UTF-8, and looks like CP949"),
        (b"\xff\xd8\xff\xe0", "an image"),
        (b"12345", "not a JSON object"),
    ],
)
def test_a_body_that_is_no_json_is_told_what_it_looks_like(service: Service, body: bytes, hint: str) -> None:
    status, answer = service.post("/v1/reads", body)
    assert (status, len(answer["errors"])) == (422, 1)
    assert hint in answer["errors"][0]["reason"]


def test_head_is_get_without_a_body(service: Service) -> None:
    for path, status in (("/healthz", 200), ("/v1/status", 200), ("/v1/nothing", 404), ("/v1/reads", 405)):
        request = urllib.request.Request(service.url + path, method="HEAD")
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                assert (response.status, response.read()) == (status, b"")
        except urllib.error.HTTPError as error:
            with error:
                assert (error.code, error.read()) == (status, b"")
                assert error.headers["Allow"] == ("POST" if status == 405 else None)


def test_times_without_an_offset_have_the_zone_that_is_set(config: Path) -> None:
    with running(config, {"PLATEWATCH_TIME_ZONE": "Asia/Seoul"}) as service:
        assert service.send({**read(0), "time": "2026-11-23T09:00:00"}) == (
            200,
            {"accepted": 1, "hits": 1, "errors": []},
        )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no usable entry"),
        ("id,plate\n", "no usable entry"),
        ("id,plate\nA1,12가3456\nA2,--\n", "1 of 2 rows are bad, 50 % where at most 1 % may be"),
        ("one,two\nthree,four\n", "no column can be told to be the plate"),
    ],
)
def test_it_does_not_start_with_a_list_that_is_none(config: Path, text: str, message: str) -> None:
    config.with_name("wanted.csv").write_text(text, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "platewatch", "serve", "--config", str(config)],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert message in done.stderr.decode()
    assert "three" not in done.stderr.decode()  # what stands in a list is not told to a log


def test_a_list_is_read_as_the_settings_say(config: Path) -> None:
    config.with_name("wanted.csv").write_bytes("a;b\nx;34나5678\ny;--\n".encode("cp949"))
    config.write_text(
        'list.columns = { id = "a", plate = "b" }\nlist.strict = false\n' + config.read_text("utf-8"), "utf-8"
    )
    with running(config) as service:
        assert service.get("/v1/status")[1]["entries"] == 1
        assert [event["row"] for event in service.log() if event["event"] == "hotlist row refused"] == [3]


def test_token_and_body_limit(tmp_path: Path, config: Path) -> None:
    environment = {"PLATEWATCH_HTTP__TOKEN": "12345", "PLATEWATCH_HTTP__MAX_BODY_BYTES": "100"}
    with running(config, environment) as service:
        assert service.get("/healthz")[0] == 200
        assert service.get("/v1/status")[0] == 401
        assert service.post("/v1/reads", b'{"text": "1"}', Authorization="Bearer wrong")[0] == 401
        assert service.post("/v1/reads", b'{"text": "1"}', Authorization="Bearer 12345")[0] == 200
        assert service.post("/v1/reads", b" " * 101, Authorization="Bearer 12345")[0] == 413


@pytest.mark.parametrize(
    "faults",
    [
        Faults(refuse=0.5),
        Faults(error=0.5),
        Faults(cut=0.5),
        Faults(twice=0.5),
        Faults(delay=0.3, delay_seconds=60),  # beyond the service's time-out
    ],
    ids=["refuse", "error", "cut", "twice", "delay"],
)
def test_every_hit_is_delivered_though_wass_misbehaves(config: Path, wass: WassSimulator, faults: Faults) -> None:
    wass.faults = faults
    with running(config, {"PLATEWATCH_WASS__TIMEOUT": "2"} if faults.delay else None) as service:
        status, answer = service.send(*(read(i, [EXACT, FUZZY][i % 2]) for i in range(20)))
        assert (status, answer["hits"]) == (200, 20)
        time.sleep(0.3)
        wass.faults = Faults()
        service.wait_until_delivered()
    assert {event.data.time for event in wass.received.values()} == {moment(i) for i in range(20)}
    assert len(wass.received) == 20, "a hit came under two ids"
    assert wass.rejected == 0


def test_an_outcome_that_cannot_be_noted_is_noted_later(tmp_path: Path, service: Service, wass: WassSimulator) -> None:
    wass.faults = Faults(delay=1.0, delay_seconds=2)  # time enough to take hold of the outbox
    assert service.send(read(0))[0] == 200
    while not wass.received:
        time.sleep(0.01)
    blocker = sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")  # for longer than the service waits for it (5 s)
    deadline = time.monotonic() + PATIENCE
    while not any(event["event"] == "outcome not noted" for event in service.log()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    blocker.rollback()
    blocker.close()
    service.wait_until_delivered()
    assert [event.deliveries for event in wass.received.values()] == [1], "sent again though it was acknowledged"


def test_refused_reads_are_counted_and_logged_without_their_text(service: Service) -> None:
    bad: list[dict[str, Any]] = [
        {"text": "7777무" * 5},
        {"text": 7777777},
        {**read(0), "time": "2026-11-23T09:00:00"},  # and no zone is set
    ]
    status, answer = service.send(read(0), *bad)
    assert (status, answer["accepted"], answer["hits"]) == (200, 1, 1)
    assert [(error["row"], error["field"]) for error in answer["errors"]] == [(2, "text"), (3, "text"), (4, "time")]
    assert service.get("/v1/status")[1]["refused"] == 3
    logged = [event for event in service.log() if event["event"] == "read refused"]
    assert [(event["row"], event["field"]) for event in logged] == [(2, "text"), (3, "text"), (4, "time")]
    log = service.log_path.read_text("utf-8")
    assert not any(text in log for text in ("7777무", "7777\\u", "7777777"))


def test_optional_fields_that_are_not_usable_cost_themselves_and_are_counted(service: Service) -> None:
    trifles: list[dict[str, Any]] = [
        {**read(0), "chars": None, "confidence": "0.70", "candidates": 5},
        {**read(1), "time": ""},
        {**read(2), "time": "1970-01-01T00:00:00Z"},
        {**read(3), "time": "9999-12-31T23:59:59-09:00"},
        {**read(4), "chars": [{"c": c, "alts": None} for c in EXACT]},
    ]
    status, answer = service.send(*trifles)
    assert (status, answer["accepted"], answer["errors"]) == (200, 5, [])
    dropped = {"chars": 1, "chars.alts": len(EXACT), "confidence": 1, "candidates": 1, "time": 3}
    assert service.get("/v1/status")[1]["dropped_fields"] == dropped


def test_reads_whose_chars_do_not_line_up_are_counted(service: Service) -> None:
    of_another_text = {**read(0), "chars": [{"c": c, "p": 0.97} for c in EXACT[1:]]}
    assert service.get("/v1/status")[1]["not_lined_up"] == 0
    assert service.send(of_another_text, read(1))[1]["hits"] == 2
    assert service.send({**of_another_text, "time": moment(2).isoformat()})[1]["hits"] == 1
    assert service.get("/v1/status")[1]["not_lined_up"] == 2


def test_it_stops_though_a_client_never_ends_its_request(service: Service) -> None:
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"POST /v1/reads HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert service.get("/healthz")[0] == 200
        service.process.terminate()
        time.sleep(0.5)
        assert service.terminate() == 0  # the second signal does not wait for requests


def test_a_read_sent_twice_is_one_hit(service: Service, wass: WassSimulator) -> None:
    for _ in range(3):
        assert service.send(read(0))[0] == 200
    service.wait_until_delivered()
    assert [event.deliveries for event in wass.received.values()] == [1]


def test_reads_of_one_pass_are_judged_together(tmp_path: Path, config: Path, wass: WassSimulator) -> None:
    texts = "12나3456", "12가3455"
    matcher = pw.Matcher(pw.Hotlist.from_csv(tmp_path / "wanted.csv"), max_edits=2)
    alone = max(matcher.match(text)[0].probability for text in texts)
    together = matcher.match_pass(texts)[0].probability
    check = {"PLATEWATCH_POLICY__CATEGORIES": f"{{stolen = {{check = {(alone + together) / 2}}}}}"}
    with running(config, check) as service:
        one, other = ({**read(number, text), "pass_id": "7"} for number, text in enumerate(texts))
        assert service.send(one)[1]["hits"] == 0
        assert service.post("/v1/reads", json.dumps(other).encode())[1]["hits"] == 1
        assert service.send(other, one)[1]["hits"] == 0
        assert service.send(read(5), read(5.1))[1]["hits"] == 1, "another vehicle, for all that the service knows"
        service.wait_until_delivered()
    first, second = wass.received.values()
    grade = "notify" if together >= Policy().notify else "check"
    assert (first.data.grade, first.data.reads, first.data.probability) == (grade, 2, round(together, 4))
    assert (first.data.read_text, first.data.time) == (texts[1], moment(1))
    assert (second.data.grade, second.data.reads, second.data.edits) == ("notify", 2, 0)


def test_passes_without_an_id_can_be_switched_off(config: Path, wass: WassSimulator) -> None:
    with running(config, {"PLATEWATCH_PASSES__WINDOW": "0"}) as service:
        assert service.send(read(0), read(0.1))[1]["hits"] == 2
        service.wait_until_delivered()
    assert [event.data.reads for event in wass.received.values()] == [1, 1]


def test_kill_9_between_match_and_delivery(config: Path, wass: WassSimulator) -> None:
    wass.faults = Faults(error=1.0)
    with running(config) as service:
        assert service.send(*(read(i) for i in range(50)))[1]["hits"] == 50
        service.kill()
    assert not wass.received
    wass.faults = Faults()
    with running(config) as service:
        service.wait_until_delivered()
        service.send(*(read(i) for i in range(50)))  # the source, unsure, sends them again
        service.wait_until_delivered()
    assert len(wass.received) == 50
    assert {event.data.time for event in wass.received.values()} == {moment(i) for i in range(50)}


def test_kill_9_at_any_moment_loses_nothing(config: Path, wass: WassSimulator) -> None:
    """A source sends reads one by one, and again until acknowledged, while the service is killed over and over."""
    wass.faults = Faults(cut=0.2, error=0.2)
    rng = random.Random(1)
    count, number = 300, 0
    for _ in range(4):
        with running(config) as service:
            killer = threading.Timer(rng.uniform(0.0, 0.3), service.kill)
            killed_from = number + 1  # there is something to lose
            while number < count:
                try:
                    status, _ = service.send(read(number))
                except (OSError, HTTPException):
                    break  # not acknowledged: the same read goes to the next service
                assert status == 200
                number += 1
                if number == killed_from:
                    killer.start()
            if killer.is_alive():
                killer.join()
    assert number >= 4
    wass.faults = Faults()
    with running(config) as service:
        for left in range(number, count):
            assert service.send(read(left))[0] == 200
        service.wait_until_delivered()
    ids = defaultdict(set)
    for event in wass.received.values():
        ids[event.data.time].add(event.id)
    assert set(ids) == {moment(i) for i in range(count)}, "a hit was lost"
    assert all(len(one) == 1 for one in ids.values()), "a hit was delivered under two ids"


def test_an_outbox_that_fails_acknowledges_nothing(tmp_path: Path, config: Path, wass: WassSimulator) -> None:
    with running(config) as service:
        # Another process holds the write lock for longer than the service waits (5 s).
        blocker = sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        status, answer = service.send(read(0))
        assert status == 503
        assert "outbox failed" in answer["reason"]
        blocker.rollback()
        blocker.close()
        assert service.send({"text": "77무7777"})[0] == 200, "reads without hits need no outbox"


def test_dead_letters_are_kept_listed_and_revived(tmp_path: Path, config: Path, wass: WassSimulator) -> None:
    with running(config, {"PLATEWATCH_RETRY__GIVE_UP_AFTER": "0.1"}) as service:
        wass.faults = Faults(error=1.0)
        service.send(read(0))
        service.wait_until_delivered()
        assert service.get("/v1/status")[1]["outbox"] == counts(dead=1)
        assert any(event["event"] == "dead letter" and event["level"] == "error" for event in service.log())
        until(lambda: alarms(service) == [("dead_letters", "wass")])
        assert "HTTP 500" in outbox("list", tmp_path, "--state", "dead")
        wass.faults = Faults()
        assert "1 dead letter queued again" in outbox("retry", tmp_path)  # asks the service, which owns the file
        service.wait_until_delivered()
        assert len(wass.received) == 1
        until(lambda: alarms(service) == [])
    assert "0 dead letters queued again" in outbox("retry", tmp_path)  # no service: it opens the file itself
    assert [line.action for _, line in lines(tmp_path / "access")] == ["POST /v1/outbox/retry", "outbox retry"]
    (event,) = outbox("export", tmp_path, "--reason", "a test").splitlines()
    assert json.loads(event)["data"]["entry_id"] == "A1"


def serve_in_vain(config: Path) -> subprocess.CompletedProcess[str]:
    """`platewatch serve` that is expected to refuse."""
    arguments = [sys.executable, "-m", "platewatch", "serve", "--config", str(config)]
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


def outbox(command: str, place: Path, *options: str) -> str:
    arguments = [sys.executable, "-m", "platewatch", "outbox", command, str(place / "outbox.db"), *options]
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout


def test_a_read_without_a_hit_leaves_no_trace(tmp_path: Path, service: Service, wass: WassSimulator) -> None:
    innocent, broken = "77무7777", "77무7777" * 3
    near = "서울92바3108"  # one edit from a wanted plate, but very probably the plate that it says
    service.send(read(0), {"text": innocent, "camera_id": "GJ-0001"}, {"text": broken}, read(1, near))
    service.send({**read(0.1, near), "pass_id": "7"}, {**read(0.2, innocent), "pass_id": "7"})
    _, answer = service.send({"text": broken}, {"text": innocent, "time": innocent})
    service.wait_until_delivered()
    assert service.get("/v1/status")[1]["hits"] == 1
    service.terminate()
    traces = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    traces.append(json.dumps(answer, ensure_ascii=False).encode())
    traces += [json.dumps(event.data.read_text, ensure_ascii=False).encode() for event in wass.received.values()]
    assert any(EXACT.encode() in trace for trace in traces), "the hit is there, so a trace would be found"
    for trace in traces:
        for form in (innocent, json.dumps(innocent)[1:-1], near, json.dumps(near)[1:-1], near[2:]):
            assert form.encode() not in trace


def test_a_category_that_only_the_policy_knows_is_told(config: Path) -> None:
    with running(config, {"PLATEWATCH_POLICY__CATEGORIES": "{stolen = {notify = 0.9}, stoln = {notify = 0.9}}"}) as it:
        warnings = [event for event in it.log() if event["level"] == "warning"]
    assert [(warning["event"], warning["category"]) for warning in warnings] == [
        ("the policy names a category that no entry has", "stoln")
    ]


def test_it_stops_when_told_and_two_cannot_run(config: Path, service: Service) -> None:
    second = serve_in_vain(config)
    assert second.returncode == 2
    assert f"in use by process {service.process.pid} at {service.url}" in second.stderr
    assert service.terminate() == 0
    assert service.log()[-1]["event"] == "stopped"


def test_the_model_is_scaled_to_the_cameras_error_rate(config: Path) -> None:
    assert _model(load(config, {"PLATEWATCH_MODEL_ERROR_RATE": "0.03"})).error_rate == pytest.approx(0.03)
    assert _model(load(config, {})) is pw.ChannelModel.default()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("max_edit = 2", "Object contains unknown field `max_edit`"),
        ("max_edits = 9", "max_edits: Expected `int` <= 3"),
        ("policy.check = 0.6", "policy.check: is not above 0 and at most notify, which is 0.5"),
        ("model = 'wanted.csv'", "wanted.csv: is not a platewatch channel model 4"),
        ("model = 'nowhere.json'", "No such file"),
        ("passes.window = 60", "passes.window: Expected `float` <= 30"),
        ("http.host = 5", "http.host: Expected `str`, got `int`"),
        ("http.host = '256.0.0.1'", "http: cannot listen at 256.0.0.1"),
        ("[oops", "is not TOML"),
    ],
)
def test_bad_settings_are_named(tmp_path: Path, more: str, message: str) -> None:
    text = f'hotlist = "wanted.csv"\nwass.url = "http://127.0.0.1:1/"\nwass.secrets = ["{SECRET}"]\n'
    config = tmp_path / "platewatch.toml"
    config.write_text(text + more, "utf-8")
    (tmp_path / "wanted.csv").write_text("id,plate\nA1,12가3456\n", "utf-8")
    run = serve_in_vain(config)
    assert (run.returncode, message in run.stderr) == (2, True), run.stderr
