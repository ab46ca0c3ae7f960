"""What bounds a key, through the service: sources and cameras, feeds, agencies, and how often."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from platewatch.notify.simulator import WassSimulator
from platewatch.service.audit import lines
from platewatch.service.keys import hash_of
from platewatch.service.rates import Rates
from tests.feeds.test_service import wait_for
from tests.patience import PATIENCE
from tests.service import CAMERAS, Service, running

START = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)

KEYS = """
[keys.north]
may = ["reads"]
sources = ["north"]
cameras = ["GJ-*"]

[keys.everything]
may = ["reads", "answers", "export", "list", "status", "admin"]

[keys.seoul]
may = ["list"]
feeds = ["seoul"]

[keys.gwangju]
may = ["answers", "export"]
agencies = ["광주경찰"]

[keys.busan]
may = ["answers", "export", "status"]
agencies = ["부산경찰"]

[keys.slow]
may = ["status"]
requests_a_second = 0.001
"""

SETTINGS = """
[http]
port = 0
keys = "keys.toml"

[sources.north]
format = "platewatch"

[sources.south]
format = "platewatch"

[feeds.seoul]
kind = "push"

[feeds.busan]
kind = "push"
token = "0123456789abcdef"
agency = "부산경찰"
"""


@pytest.fixture
def service(config: Path) -> Any:
    text = KEYS
    for name in ("north", "everything", "seoul", "gwangju", "busan", "slow"):
        text = text.replace(f"[keys.{name}]", f'[keys.{name}]\nhash = "{hash_of(name)}"')
    config.with_name("keys.toml").write_text(text, "utf-8")
    config.write_text(config.read_text("utf-8").replace("http.port = 0\n", "") + SETTINGS, "utf-8")
    table = CAMERAS.replace("heading\n", "heading,aliases\n").replace("90\n", "90,north=1;south=1\n")
    config.with_name("cameras.csv").write_text(table + "BS-1,Harbour,35.1,129.0,90,north=2\n", "utf-8")
    with running(config) as service:
        yield service


def ask(service: Service, path: str, key: str, body: object = None) -> tuple[int, Any, Any]:
    """(status, answer, headers)."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(service.url + path, data=data)
    request.add_header("Authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            text = response.read().decode()
            is_lines = response.headers["content-type"] == "application/x-ndjson"
            answer = [*map(json.loads, text.splitlines())] if is_lines else json.loads(text)
            return response.status, answer, response.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error), error.headers


def read(camera_id: str | None, minutes: float = 0.0, text: str = "12가3456") -> dict[str, Any]:
    return {"text": text, "camera_id": camera_id, "time": (START + timedelta(minutes=minutes)).isoformat()}


def test_a_key_sends_reads_of_its_cameras_to_its_sources(service: Service) -> None:
    assert ask(service, "/v1/sources/north", "north", read("GJ-7"))[:2] == (
        200,
        {"accepted": 1, "hits": 1, "ignored": 0, "refused": 0, "errors": []},
    )
    denied = (403, {"reason": "this key may not send to this source"})
    assert ask(service, "/v1/sources/south", "north", read("GJ-7", 9))[:2] == denied
    assert ask(service, "/v1/reads", "north", read("GJ-7", 9))[:2] == denied
    assert ask(service, "/v1/sources/south", "everything", read("BS-7", 9))[0] == 200
    status, answer, _ = ask(service, "/v1/sources/north", "north", [read("BS-7", 20), read("GJ-8", 20), read(None, 20)])
    assert (status, answer["accepted"], answer["refused"]) == (200, 1, 2)
    told = {"field": "camera_id", "reason": "is not a camera whose reads this key may send"}
    assert [error["field"] for error in answer["errors"]] == ["camera_id", "camera_id"]
    assert {key: answer["errors"][0][key] for key in told} == told
    # By what the table says that a source means, not by what it says.
    assert ask(service, "/v1/sources/north", "north", read("1", 30))[1]["accepted"] == 1
    assert ask(service, "/v1/sources/north", "north", read("2", 30))[0] == 422


def test_a_key_changes_the_lists_of_its_feeds(service: Service, config: Path) -> None:
    entry = {"version": 1, "upserts": [{"id": "S1", "plate": "34나5678"}]}
    assert ask(service, "/v1/feeds/seoul/deltas", "seoul", entry)[:2] == (
        200,
        {"version": 1, "changed": True, "entries": 1},
    )
    assert ask(service, "/v1/feeds/seoul", "seoul")[0] == 200
    denied = (403, {"reason": "this key may not change this feed's list"})
    assert ask(service, "/v1/feeds/busan/deltas", "seoul", entry)[:2] == denied
    assert ask(service, "/v1/feeds/seoul/accept", "seoul", b"")[0] == 403, (
        "that a list is right is not its sender's to say"
    )
    for key in ("north", "gwangju"):
        assert ask(service, "/v1/feeds/seoul/deltas", key, entry)[:2] == (
            403,
            {"reason": "this key may not do this: it needs 'list'"},
        )
    assert ask(service, "/v1/feeds/seoul/deltas", "0123456789abcdef", entry)[0] == 401, "that is another feed's token"
    assert ask(service, "/v1/feeds/busan/deltas", "0123456789abcdef", entry)[0] == 200
    noted = [(line.who, line.action) for _, line in lines(config.with_name("access"))]
    assert noted == [("seoul", "POST /v1/feeds/seoul/deltas"), ("busan", "POST /v1/feeds/busan/deltas")]


def hits_of_two_agencies(service: Service, wass: WassSimulator) -> dict[str, str]:
    """Their ids, by agency."""
    entry = {"version": 1, "upserts": [{"id": "B1", "plate": "34나5678"}]}
    assert ask(service, "/v1/feeds/busan/deltas", "0123456789abcdef", entry)[0] == 200
    reads = [read("GJ-0001"), read("GJ-0001", 5, "34나5678")]
    assert ask(service, "/v1/reads", "everything", reads)[1]["hits"] == 2
    wait_for(lambda: len(wass.received) == 2)
    return {event.data.agency: event_id.partition(".")[0] for event_id, event in wass.received.items()}


def test_an_agency_answers_its_own_hits_and_does_not_hear_of_others(
    service: Service, config: Path, wass: WassSimulator
) -> None:
    hits = hits_of_two_agencies(service, wass)
    answer = {"outcome": "misread", "by": "Kim"}
    for what, body in (("outcome", answer), ("seen", {"by": "Kim"})):
        path = f"/v1/hits/{hits['부산경찰']}/{what}"
        assert ask(service, path, "gwangju", body)[:2] == ask(service, f"/v1/hits/0/{what}", "gwangju", body)[:2]
        assert ask(service, path, "gwangju", body)[0] == 404
    assert ask(service, "/v1/status", "everything")[1]["outcomes"]["counts"] == {}
    told = [line for line in service.log() if line["event"] == "request denied"]
    assert [(line["endpoint"], line["status"]) for line in told] == [("/v1/hits", 404)]
    assert ask(service, f"/v1/hits/{hits['부산경찰']}/outcome", "busan", answer)[0] == 200
    again = ask(service, f"/v1/hits/{hits['부산경찰']}/outcome", "gwangju", answer)
    assert again[0] == 404, "nor when nothing is left of it but whose it was"
    assert ask(service, f"/v1/hits/{hits['부산경찰']}/outcome", "busan", answer)[0] == 200
    assert ask(service, f"/v1/hits/{hits['광주경찰']}/seen", "gwangju", {"by": "Lee"})[0] == 200
    noted = [(line.who, line.action) for _, line in lines(config.with_name("access"))][1:]
    assert noted == [("busan: Kim", "misread"), ("busan: Kim", "misread"), ("gwangju: Lee", "seen")]


def test_an_agency_takes_out_its_own_hits_and_says_why(service: Service, config: Path, wass: WassSimulator) -> None:
    hits_of_two_agencies(service, wass)
    why = {"by": "Kim", "reason": "case 7"}
    for key, agencies in [("gwangju", ["광주경찰"]), ("busan", ["부산경찰"]), ("everything", ["부산경찰", "광주경찰"])]:
        status, events, headers = ask(service, "/v1/hits/export", key, why)
        assert (status, headers["cache-control"]) == (200, "no-store")
        assert sorted(event["data"]["agency"] for event in events) == sorted(agencies)
        assert all(event["data"]["wanted_plate"] for event in events)
        *_, (_, line) = lines(config.with_name("access"))
        assert (line.who, line.action, line.count, line.reason) == (f"{key}: Kim", "export", len(agencies), "case 7")
        assert len(line.subjects) == len(agencies)
    before = len(list(lines(config.with_name("access"))))
    bad: list[tuple[object, str | None]] = [(b"", None), ({"by": "Kim"}, None)]
    for body, field in [*bad, (why | {"reason": ""}, "reason"), (why | {"by": " "}, "by")]:
        status, answer, _ = ask(service, "/v1/hits/export", "gwangju", body)
        assert (status, answer["field"]) == (400, field), body
    assert ask(service, "/v1/hits/export", "slow", why)[0] == 403
    assert ask(service, "/v1/hits/export", "everything")[0] == 405
    assert len(list(lines(config.with_name("access")))) == before
    month = f"access-{datetime.now(UTC):%Y-%m}.jsonl"
    (config.with_name("access") / month).write_text("tampered with\n")
    assert ask(service, "/v1/hits/export", "gwangju", why)[:2] == (503, {"reason": "the access log cannot be written"})


def test_a_key_asks_no_more_often_than_it_may(service: Service) -> None:
    assert ask(service, "/v1/status", "slow")[0] == 200
    status, answer, headers = ask(service, "/v1/status", "slow")
    assert (status, answer) == (429, {"reason": "over 0.001 requests a second: ask again a little later"})
    assert 900 < int(headers["retry-after"]) <= 1000
    assert ask(service, "/v1/status", "everything")[0] == 200, "another key is not held up"
    text = ask(service, "/v1/status", "everything")
    assert text[0] == 200
    told = [line for line in service.log() if line["event"] == "request denied"]
    assert [line["status"] for line in told] == [429]


def test_the_settings_bound_all_that_have_no_bound_of_their_own(config: Path) -> None:
    text = 'http.requests_a_second = 0.001\nhttp.token = "t"\nadmin = {port = 0, token = "t"}\n'
    source = 'sources.gate = {format = "platewatch", token = "0123456789abcdef"}\n'
    config.write_text(text + source + config.read_text("utf-8"), "utf-8")
    with running(config) as service:
        for path, token in [("/v1/reads", "t"), ("/v1/sources/gate", "0123456789abcdef")]:
            assert ask(service, path, token, read("c"))[0] == 200, "each has its own"
            assert ask(service, path, token, read("c"))[0] == 429
            assert ask(service, path, "guess", read("c"))[0] == 401, "who is nobody is told so, and takes nothing"
        service.url = json.loads(config.with_name("outbox.db.lock").read_text())["url"]
        assert ask(service, "/v1/status", "t")[0] == 200, "operators are not held up by cameras"
        assert ask(service, "/healthz", "t")[0] == 200


def test_a_bucket_fills_as_time_goes_by() -> None:
    now = 0.0
    rates = Rates(clock=lambda: now)
    assert [rates.take("a", 3) for _ in range(3)] == [0, 0, 0], "a second's requests may come at once"
    assert rates.take("a", 3) == pytest.approx(1 / 3)
    assert rates.take("b", 3) == 0
    now = 0.3
    assert rates.take("a", 3) == pytest.approx(1 / 3 - 0.3)
    now = 0.34
    assert rates.take("a", 3) == 0
    assert rates.take("a", 3) > 0
    now = 1000.0
    assert [rates.take("a", 3) > 0 for _ in range(5)] == [False, False, False, True, True]
    assert [rates.take("c", 0.5), rates.take("c", 0.5)] == [0, pytest.approx(2)], "one, where it is less than one"
    allowed = 0
    for step in range(10_000):
        now = 2000 + step / 100
        allowed += not rates.take("d", 10)
    assert allowed == pytest.approx(1010, abs=1), "ten a second, for a hundred seconds"
