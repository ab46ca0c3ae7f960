"""What operators say of hits, through the service: what is taken back, suppressed, kept and counted."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from platewatch.cli import app
from platewatch.matching.values import KOREAN_TIME
from platewatch.notify.outbox_reader import export_events
from platewatch.notify.simulator import WassSimulator
from platewatch.service.report import of_year
from tests.patience import PATIENCE
from tests.service import Service, running

MISREAD = "12가3458"  # for 12가3456, which is wanted: the test policy takes the weakest matches
START = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)


@pytest.fixture
def service(config: Path) -> Any:
    with running(config) as service:
        yield service


def read(text: str, minutes: float = 0.0, camera_id: str = "GJ-0001") -> dict[str, Any]:
    return {"text": text, "camera_id": camera_id, "time": (START + timedelta(minutes=minutes)).isoformat()}


def hit_of(service: Service, wass: WassSimulator, text: str, minutes: float = 0.0) -> str:
    """The id of the hit that a read makes, once it is delivered."""
    known = set(wass.received)
    assert service.send(read(text, minutes))[1]["hits"] == 1
    service.wait_until_delivered()
    (event_id,) = set(wass.received) - known
    return event_id.partition(".")[0]


def answer(service: Service, hitid: str, **said: str) -> tuple[int, Any]:
    body = json.dumps({"by": "Kim", **said}).encode()
    return service.post(f"/v1/hits/{hitid}/outcome", body)


def test_a_misread_is_taken_back_and_the_same_mistake_is_not_told_again(
    service: Service, config: Path, wass: WassSimulator
) -> None:
    hitid = hit_of(service, wass, MISREAD)
    assert answer(service, hitid, outcome="misread", reason="an 8") == (200, {"suppressed": True, "withdrawn": True})
    service.wait_until_delivered()
    (withdrawn,) = wass.withdrawn.values()
    assert (withdrawn.id, withdrawn.data.entry_id, withdrawn.data.why) == (f"{hitid}.000002", "A1", "misread")
    assert service.send(read(MISREAD, 60), read(MISREAD, 61, "another"))[1]["hits"] == 0, "at any camera"
    assert service.send(read("12가3456", 62))[1]["hits"] == 1, "the plate itself always is"
    status = service.get("/v1/status")[1]["outcomes"]
    assert (status["counts"], status["suppressions"]) == ({"misread": 1}, 1)
    assert status["suppressed"] >= 2
    service.terminate()
    with running(config) as again:
        assert again.send(read(MISREAD, 120))[1]["hits"] == 0, "it is kept over a restart"


def test_nothing_of_an_innocent_s_plate_stays(service: Service, config: Path, wass: WassSimulator) -> None:
    hitid = hit_of(service, wass, MISREAD)
    outbox = config.with_name("outbox.db")
    assert MISREAD in b"".join(export_events(outbox)).decode()
    assert answer(service, hitid, outcome="right_read_wrong_vehicle", reason="a taxi")[0] == 200
    assert service.send(read(MISREAD, 60))[1]["hits"] == 0
    service.wait_until_delivered()
    service.terminate()
    for file in filter(Path.is_file, config.parent.rglob("*")):
        assert MISREAD.encode() not in file.read_bytes(), file
    assert MISREAD not in b"".join(export_events(outbox)).decode()


def test_an_exact_read_is_never_suppressed(service: Service, wass: WassSimulator) -> None:
    hitid = hit_of(service, wass, "12가3456")
    wrong = answer(service, hitid, outcome="right_read_wrong_vehicle", reason="a cloned plate")
    assert wrong == (200, {"suppressed": False, "withdrawn": True})
    hit_of(service, wass, "12가3456", 60)


def test_a_mistake_that_was_made_before_silences_its_pass_but_for_the_plate_itself(
    service: Service, wass: WassSimulator
) -> None:
    assert answer(service, hit_of(service, wass, MISREAD), outcome="misread")[1]["suppressed"]
    second = 1 / 60
    assert service.send(read(MISREAD, 60), read("12가3453", 60 + second))[1]["hits"] == 0, (
        "the same vehicle, read otherwise"
    )
    assert service.send(read("12가3453", 120))[1]["hits"] == 1, "another vehicle's read is not suppressed"
    assert service.send(read(MISREAD, 180), read("12가3456", 180 + second))[1]["hits"] == 1


def test_an_answer_may_be_corrected(service: Service, wass: WassSimulator) -> None:
    hitid = hit_of(service, wass, MISREAD)
    assert answer(service, hitid, outcome="misread")[1]["suppressed"]
    assert answer(service, hitid, outcome="cannot_tell", reason="too dark after all")[1]["suppressed"] is False
    status = service.get("/v1/status")[1]["outcomes"]
    assert status["suppressions"] == 0
    assert status["calibration"] == [], "of what nobody can tell nothing is learnt"
    hit_of(service, wass, MISREAD, 60)


def test_an_answer_that_is_sent_again_changes_nothing(service: Service, wass: WassSimulator) -> None:
    """As by a client that was cut off before it heard of the first time."""
    hitid = hit_of(service, wass, MISREAD)
    assert answer(service, hitid, outcome="misread")[1] == {"suppressed": True, "withdrawn": True}
    assert answer(service, hitid, outcome="misread")[1] == {"suppressed": True, "withdrawn": False}
    assert service.send(read(MISREAD, 60))[1]["hits"] == 0
    assert service.get("/v1/status")[1]["outcomes"]["counts"] == {"misread": 1}


def test_what_was_predicted_is_held_against_what_was_confirmed(service: Service, wass: WassSimulator) -> None:
    said = ["confirmed", "confirmed", "right_read_wrong_vehicle", "misread"]
    for number, outcome in enumerate(said):
        assert answer(service, hit_of(service, wass, "12가3456", 60 * number), outcome=outcome)[0] == 200
    status = service.get("/v1/status")[1]["outcomes"]
    predicted = {event.data.probability for event in wass.received.values()}
    assert len(predicted) == 1
    (bin_,) = status["calibration"]
    # A cloned plate was read rightly: the probability is of the plate.
    assert (bin_["hits"], bin_["right"]) == (4, 0.75)
    assert bin_["predicted"] == pytest.approx(predicted.pop(), abs=1e-4)
    assert status["cameras"]["GJ-0001"] == {key: bin_[key] for key in ("hits", "predicted", "right")}


BAD: list[tuple[bytes, str | None, str]] = [
    (b"", None, "the body is not JSON"),
    (b"{", None, "the body is not JSON"),
    (b'{"by": "\xff"}', None, "the body is not JSON"),
    (b"[]", None, "Expected `object`"),
    (b'{"outcome": "confirmed"}', None, "missing required field `by`"),
    (b'{"outcome": "maybe", "by": "Kim"}', "outcome", "Invalid enum value 'maybe'"),
    (b'{"outcome": "confirmed", "by": ""}', "by", "length >= 1"),
    (b'{"outcome": "confirmed", "by": " \\t"}', "by", "is blank"),
    (b'{"outcome": "confirmed", "by": 7}', "by", "Expected `str`"),
    (b'{"outcome": "confirmed", "by": "Kim", "reason": []}', "reason", "Expected `str`"),
    (b'{"outcome": "confirmed", "by": "Kim", "because": "x"}', None, "unknown field `because`"),
    (b'{"outcome": "confirmed", "by": "' + b"x" * 70_000 + b'"}', None, "over 65536 bytes"),
]


def test_a_bad_answer_says_which_field_and_changes_nothing(service: Service, wass: WassSimulator) -> None:
    hitid = hit_of(service, wass, MISREAD)
    for body, field, reason in BAD:
        for what in ("outcome", "seen") if b"outcome" not in body else ("outcome",):
            status, said = service.post(f"/v1/hits/{hitid}/{what}", body)
            assert (status, said["field"]) == (400, field), body
            assert reason in said["reason"], body
    assert service.get("/v1/status")[1]["outcomes"]["counts"] == {}


def test_a_bad_request_to_revive_dead_letters_revives_none(service: Service) -> None:
    """A misspelt field must not be taken for none, which means all."""
    for body, field, reason in [
        (b"", None, "the body is not JSON"),
        (b"[]", None, "Expected `object`"),
        (b'{"event_id": ["x"]}', None, "unknown field `event_id`"),
        (b'{"event_ids": "x"}', "event_ids", "Expected `array | null`"),
        (b'{"event_ids": [5]}', "event_ids[0]", "Expected `str`"),
    ]:
        status, said = service.post("/v1/outbox/retry", body)
        assert (status, said["field"]) == (400, field), body
        assert reason in said["reason"], body


def test_answers_to_no_hit_are_refused(service: Service) -> None:
    assert answer(service, "0" * 32, outcome="confirmed")[0] == 404
    assert service.post("/v1/hits/0/seen", b'{"by": "Kim"}')[0] == 404
    assert service.post("/v1/hits/0/liked", b"{}")[0] == 404
    assert service.get("/v1/hits/0/outcome")[0] == 405


def test_a_notify_that_nobody_has_seen_goes_on_to_another_route(
    config: Path, tmp_path: Path, wass: WassSimulator
) -> None:
    more = """
        [routes.police]
        agencies = []
        to = {kind = "file", path = "police.jsonl"}
        [routes.first]
        grades = ["notify"]
        to = {kind = "file", path = "first.jsonl"}
        unseen = {to = "police", after = 0.02}
    """
    config.write_text(config.read_text("utf-8") + more, "utf-8")
    with running(config) as service:
        seen = hit_of(service, wass, "12가3456")
        unseen = hit_of(service, wass, "서울52바3108")
        assert service.post(f"/v1/hits/{seen}/seen", b'{"by": "the room"}') == (200, {"seen": True})
        deadline = time.monotonic() + PATIENCE
        while not (tmp_path / "police.jsonl").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        service.wait_until_delivered()
        told, passed_on = (
            [json.loads(line)["hitid"] for line in (tmp_path / f"{name}.jsonl").read_text("utf-8").splitlines()]
            for name in ("first", "police")
        )
        assert (told, passed_on) == ([seen, unseen], [unseen])
        assert "nobody has seen hits in time" in [event["event"] for event in service.log()]


def test_events_are_counted_for_the_year_s_statistics(service: Service, config: Path, wass: WassSimulator) -> None:
    hit_of(service, wass, "12가3456")
    assert service.send(read("12가3456"))[1]["hits"] == 0, "a repeat is no other hit"
    hit_of(service, wass, "12가3456", 60)
    outbox = config.with_name("outbox.db")
    with closing(sqlite3.connect(outbox)) as connection:
        rows = connection.execute("SELECT category, agency, grade, SUM(count) FROM tallies").fetchall()
    assert rows == [("stolen", "광주경찰", "notify", 2)]


def test_the_report_of_a_year(service: Service, config: Path, wass: WassSimulator) -> None:
    hits = [hit_of(service, wass, "12가3456", 60 * number) for number in range(3)]
    other = hit_of(service, wass, "서울52바3108")
    for hitid in hits[:2]:
        answer(service, hitid, outcome="right_read_wrong_vehicle")
    answer(service, hits[1], outcome="misread", reason="corrected")
    answer(service, other, outcome="confirmed")
    outbox = config.with_name("outbox.db")
    now = datetime.now(KOREAN_TIME)
    found = of_year(outbox, now.year, KOREAN_TIME)
    assert sum(found.months) == found.months[now.month - 1] == 4
    assert [
        (line.category, line.notify, line.misread, line.right_read_wrong_vehicle, line.confirmed)
        for line in found.lines
    ] == [
        ("stolen", 3, 1, 1, 0),
        ("suicide risk", 1, 0, 0, 1),
    ]
    assert found.right == pytest.approx(1 / 3)
    assert found.seconds_to_seen is not None
    assert [(entry.entry_id, entry.rejected) for entry in found.doubtful_entries] == [("A1", 2)]
    assert of_year(outbox, now.year - 1, KOREAN_TIME).lines == []

    run = CliRunner().invoke(app, ["report", str(outbox)])
    assert run.exit_code == 0, run.output
    assert "entry A1 of 광주경찰: 2 wrong hits and none confirmed" in run.output
    as_json = json.loads(CliRunner().invoke(app, ["report", str(outbox), "--json"]).output)
    assert as_json["right"] == found.right
    assert "12가3456" not in json.dumps(as_json, ensure_ascii=False)
    assert CliRunner().invoke(app, ["report", str(outbox), "--time-zone", "Mars"]).exit_code != 0
