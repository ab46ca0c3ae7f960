"""Who gets in, through the service: keys and what each may do, listeners, and what the access log has of it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from platewatch.notify.simulator import WassSimulator
from platewatch.service.audit import lines
from platewatch.service.denials import Denials
from platewatch.service.gate import Denied
from platewatch.service.keys import hash_of
from tests.patience import PATIENCE
from tests.service import Service, running

START = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)


def more(config: Path, text: str) -> Path:
    config.write_text(text + config.read_text("utf-8"), "utf-8")
    return config


def read(text: str = "12가3456", minutes: float = 0.0, camera_id: str | None = "GJ-0001") -> bytes:
    return json.dumps(
        {"text": text, "camera_id": camera_id, "time": (START + timedelta(minutes=minutes)).isoformat()}
    ).encode()


def ask(url: str, path: str, key: str | None = None, body: bytes | None = None) -> tuple[int, Any]:
    request = urllib.request.Request(url + path, data=body, method="GET" if body is None else "POST")
    if key is not None:
        request.add_header("Authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


KEYS = f"""
[keys.gate]
hash = "{hash_of("gate")}"
may = ["reads"]
cameras = ["GJ-*"]
[keys.room]
hash = "{hash_of("room")}"
may = ["answers", "status"]
"""


def test_a_key_does_what_it_may_and_nothing_else(config: Path, wass: WassSimulator) -> None:
    config.with_name("keys.toml").write_text(KEYS)
    with running(more(config, 'http.keys = "keys.toml"\n')) as service:
        url = service.url
        assert ask(url, "/v1/reads", None, read())[0] == 401
        assert ask(url, "/v1/reads", "guess", read())[0] == 401
        assert ask(url, "/v1/reads", "room", read()) == (403, {"reason": "this key may not do this: it needs 'reads'"})
        assert ask(url, "/v1/reads", "gate", read())[0] == 200
        assert ask(url, "/v1/status", "gate")[0] == 403
        assert ask(url, "/v1/outbox/retry", "room", b"{}")[0] == 403
        status, answer = ask(
            url, "/v1/reads", "gate", read(camera_id="BS-1") + b"\n" + read(camera_id="GJ-7", minutes=9)
        )
        assert (status, answer["accepted"]) == (200, 1)
        assert answer["errors"] == [
            {"row": 1, "field": "camera_id", "reason": "is not a camera whose reads this key may send"}
        ]
        assert ask(url, "/v1/reads", "gate", read(camera_id=None))[0] == 422
        assert ask(url, "/healthz")[0] == 200
        (told,) = [line for line in service.log() if line["event"] == "request denied"]
        assert (told["address"], told["endpoint"], told["status"]) == ("127.0.0.1", "/v1/reads", 401), "once a minute"
        deadline = time.monotonic() + PATIENCE
        while ask(url, "/v1/status", "room")[1]["outbox"]["pending"]:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        hitid = next(iter(wass.received)).partition(".")[0]
        answered = ask(
            url, f"/v1/hits/{hitid}/outcome", "room", b'{"outcome": "confirmed", "by": "Kim", "reason": "seen"}'
        )
        assert answered[0] == 200
    (line,) = [line for _, line in lines(config.with_name("access"))]
    assert (line.who, line.where, line.action, line.reason) == ("room: Kim", "127.0.0.1", "confirmed", "seen")
    assert len(line.subjects) == 1


def test_the_administration_is_out_of_reach_of_who_sends_reads(config: Path) -> None:
    text = 'http.token = "cameras"\nadmin = {port = 0, token = "room"}\n'
    with running(more(config, text)) as service:
        owner = json.loads(config.with_name("outbox.db.lock").read_text())
        admin, ingest = owner["url"], service.url
        assert admin != ingest
        assert ask(ingest, "/v1/reads", "cameras", read())[0] == 200
        for path in ("/v1/status", "/v1/outbox/retry", "/v1/hits/0/outcome"):
            body = None if path == "/v1/status" else b"{}"
            assert ask(ingest, path, "cameras", body)[0] == 404, path
            assert ask(ingest, path, "room", body)[0] == 404, path
            assert ask(admin, path, "cameras", body)[0] == 401, path
        assert ask(admin, "/v1/status", "room")[0] == 200
        assert ask(admin, "/v1/reads", "room", read())[0] == 404
        assert ask(admin, "/v1/outbox/retry", "room", b"{}") == (200, {"retried": 0})
        assert [ask(url, "/readyz")[0] for url in (admin, ingest)] == [200, 200]
        assert service.terminate() == 0
    assert [line.action for _, line in lines(config.with_name("access"))] == ["POST /v1/outbox/retry"]


def test_who_is_denied_is_counted_and_told_now_and_then() -> None:
    now = 0.0
    counted: list[int] = []
    denials = Denials(counted.append, clock=lambda: now)
    with capture_logs() as told:
        for second in range(150):
            now = float(second)
            denials.note("10.0.0.7", "/v1/reads", Denied(401, "no such key"))
        denials.note("10.0.0.8", "/v1/hits", Denied(403, "this key may not"))
        for number in range(2000):
            denials.note(f"10.1.{number // 256}.{number % 256}", "/v1/reads", Denied(401, "no such key"))
    assert counted.count(401) == 2150
    of_seven = [line for line in told if line["address"] == "10.0.0.7"]
    assert [line.get("untold", 0) for line in of_seven] == [0, 59, 59]
    assert [(line["endpoint"], line["status"]) for line in told if line["address"] == "10.0.0.8"] == [("/v1/hits", 403)]
    assert len(denials._told) <= 1000


def test_a_token_in_a_path_is_not_in_the_log(config: Path) -> None:
    text = 'sources.gate = {format = "dahua", zone = "Asia/Seoul", token = "0123456789abcdef"}\n'
    with running(more(config, text)) as service:
        assert ask(service.url, "/v1/sources/gate/a-wrong-token-12", None, b"{}")[0] == 401
        (told,) = [line for line in service.log() if line["event"] == "request denied"]
    assert (told["endpoint"], told["reason"]) == ("/v1/sources/gate", "needs the source's token")
    assert "a-wrong-token" not in json.dumps(told)


def test_what_cannot_be_logged_is_not_done(config: Path, wass: WassSimulator) -> None:
    with running(config) as service:
        assert service.send(json.loads(read("12가3458")))[1]["hits"] == 1
        service.wait_until_delivered()
        hitid = next(iter(wass.received)).partition(".")[0]
        month = f"{datetime.now(UTC):%Y-%m}"
        (config.with_name("access") / f"access-{month}.jsonl").write_text("tampered with\n")
        status, answer = service.post(f"/v1/hits/{hitid}/outcome", b'{"outcome": "misread", "by": "Kim"}')
        assert (status, answer["reason"]) == (503, "the access log cannot be written")
        assert service.post("/v1/outbox/retry", b"{}")[0] == 503
        assert service.get("/v1/status")[1]["outcomes"]["counts"] == {}
        assert service.send(json.loads(read()))[0] == 200, "reads are not held up"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('http.keys = "missing.toml"', "http.keys: cannot read"),
        ('feeds.x = {kind = "push"}', "feeds.x.token: is not set, and there are no http.keys"),
        ('admin = {host = "0.0.0.0"}', "admin.token: is not set, and 0.0.0.0 is open to other machines"),
        ('audit.folder = "wanted.csv"', "audit.folder: cannot make"),
    ],
)
def test_a_setting_of_no_use_is_named(config: Path, text: str, said: str) -> None:
    command = [sys.executable, "-m", "platewatch", "serve", "--config", str(more(config, text + "\n"))]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert ended.returncode != 0
    assert said in ended.stderr


# --- looking back


FEED = """
look_back.minutes = 10
[feeds.police]
kind = "push"
token = "0123456789abcdef"
"""
APPROVED = {"priority": 1, "approved_by": "Inspector Lee", "legal_basis": "article 7"}


def push(service: Service, version: int, **entry: Any) -> tuple[int, Any]:
    body = {"version": version, "upserts": [entry]}
    request = urllib.request.Request(f"{service.url}/v1/feeds/police/deltas", json.dumps(body).encode(), method="POST")
    request.add_header("Authorization", "Bearer 0123456789abcdef")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_an_urgent_entry_finds_its_vehicle_among_the_reads_of_the_last_minutes(
    config: Path, wass: WassSimulator
) -> None:
    config.write_text(config.read_text("utf-8") + FEED, "utf-8")
    with running(config) as service:
        now = datetime.now(UTC)
        reads = [
            {"text": text, "camera_id": camera, "time": (now - timedelta(seconds=seconds)).isoformat()}
            for text, camera, seconds in [
                ("34나5678", "GJ-0001", 300),
                ("34나5678", "GJ-0001", 299.9),
                ("34나5678", "GJ-0002", 200),
                ("99다9999", "GJ-0001", 100),
            ]
        ]
        assert service.send(*reads)[1]["hits"] == 0
        assert push(service, 1, id="N1", plate="34나5678", priority=1)[0] == 200, "no officer has approved it"
        status, answer = push(service, 2, id="N2", plate="34나5678", category="suicide risk", **APPROVED)
        assert status == 200, answer
        deadline = time.monotonic() + PATIENCE
        while len(wass.received) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        found = sorted((event.data for event in wass.received.values()), key=lambda data: data.camera.id)
        assert [(data.entry_id, data.camera.id, data.retrospective) for data in found] == [
            ("N2", "GJ-0001", True),
            ("N2", "GJ-0002", True),
        ]
        assert found[0].approved_by == "Inspector Lee"
        push(service, 3, id="N3", plate="77라7777", **APPROVED)
        while sum(line.action == "look back" for _, line in lines(config.with_name("access"))) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    looked = [line for _, line in lines(config.with_name("access")) if line.action == "look back"]
    assert [(line.who, line.reason) for line in looked] == [("Inspector Lee", "article 7")] * 2, "empty ones, too"


def test_nothing_is_kept_unless_it_is_set(config: Path, wass: WassSimulator) -> None:
    config.write_text(config.read_text("utf-8") + FEED.replace("look_back.minutes = 10\n", ""), "utf-8")
    with running(config) as service:
        assert service.send({"text": "34나5678", "camera_id": "GJ-0001"})[1]["hits"] == 0
        assert push(service, 1, id="N2", plate="34나5678", **APPROVED)[0] == 200
        service.send({"text": "12가3456", "camera_id": "GJ-0001"})
        service.wait_until_delivered()
        assert [event.data.entry_id for event in wass.received.values()] == ["A1"]


def test_the_status_says_what_alarms_cost(config: Path) -> None:
    with running(more(config, "budget = {alarms_an_hour = 1}\n")) as service:
        for minutes in (0, 60):
            service.send(json.loads(read("12가3458", minutes)))
        budget = service.get("/v1/status")[1]["budget"]
        assert (budget["allowed_an_hour"], sum(budget["told"].values()), budget["overrun"]) == (1, 2, True)
        assert budget["at_threshold"][0]["alarms_an_hour"] > 0
        assert "more alarms in the last hour than operators can look at" in [event["event"] for event in service.log()]
