"""What operators confirm, kept as labelled reads where the city allows it, and fitted."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import platewatch as pw
from platewatch.cli import app
from platewatch.notify.event import encode, new_event
from platewatch.notify.outbox import NewEvent, Outbox
from platewatch.notify.outbox_file import SCHEMA_VERSION
from platewatch.notify.simulator import WassSimulator
from platewatch.service import labels
from platewatch.service.audit import lines
from platewatch.service.outcomes import Answer, Outcomes
from tests.notify.support import READ_AT, hit_data
from tests.patience import PATIENCE
from tests.service import Service, running
from tests.test_outcomes import START, answer

A_DAY = 86400.0
NOW = READ_AT.timestamp()
READ = pw.Read(
    text="12가-3458",
    chars=[{"c": c, "p": 0.9, "alts": [["6", 0.05]] if c == "8" else []} for c in "12가-3458"],
    engine="lpr-3",
    camera_id="GJ-0001",
    time=READ_AT,
    pass_id="p1",
    image_url="https://camera/1.jpg",
)


def hit(service: Service, wass: WassSimulator, text: str, minutes: int, **more: object) -> str:
    known = set(wass.received)
    time = START.replace(hour=START.hour + minutes // 60, minute=minutes % 60)
    read = {"text": text, "camera_id": "GJ-0001", "engine": "lpr-3", "time": time.isoformat(), **more}
    assert service.send(read)[1]["hits"] == 1
    service.wait_until_delivered()
    (event_id,) = set(wass.received) - known
    return event_id.partition(".")[0]


def exported(outbox: Path, *more: str) -> list[dict[str, Any]]:
    run = CliRunner().invoke(app, ["outbox", "labelled", str(outbox), "--reason", "a new camera", *more])
    assert run.exit_code == 0, run.output
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_what_is_confirmed_is_exported_as_it_was_read_and_fitted(
    config: Path, wass: WassSimulator, tmp_path: Path
) -> None:
    outbox = config.with_name("outbox.db")
    chars = [{"c": c, "p": 0.9, "alts": [["6", 0.05]] if c == "8" else []} for c in "12가3458"]
    with running(config, {"PLATEWATCH_OUTCOMES__LABELLED_DAYS": "365"}) as service:
        exact = hit(service, wass, "12가3456", 0)
        misread = hit(service, wass, "12가3458", 60, chars=chars, image_url="https://camera/1.jpg", pass_id="7")
        unanswered = hit(service, wass, "서울52바3108", 0)
        wrong = hit(service, wass, "12가3453", 120)
        for hitid in (exact, misread):
            assert answer(service, hitid, outcome="confirmed")[0] == 200
        assert answer(service, wrong, outcome="misread")[0] == 200
        assert service.get("/v1/status")[1]["outcomes"]["labelled_reads"] == 2
        assert unanswered not in (exact, misread, wrong)
        rows = exported(outbox)
    assert [(row["text"], row["truth"]) for row in rows] == [("12가3456", "12가3456"), ("12가3458", "12가3456")]
    assert set(rows[1]) == {"text", "truth", "chars", "engine", "camera_id"}, "not when, not its image, not its pass"
    assert rows[1]["chars"][-1] == {"c": "8", "p": 0.9, "alts": [["6", 0.05]]}
    ((_, noted),) = [found for found in lines(tmp_path / "access") if found[1].action == "export labelled"]
    assert (noted.reason, noted.count, len(noted.subjects)) == ("a new camera", 1, 1)

    file, model = tmp_path / "labelled.jsonl", tmp_path / "model.json"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows * 10), "utf-8")
    run = CliRunner().invoke(app, ["fit", "--labelled", str(file), "--output", str(model), "--iterations", "1"])
    assert run.exit_code == 0, run.output
    assert "fitted on 20 reads of 1 plate, 1 engine (lpr-3)" in run.output.replace("\n", " ")
    assert pw.ChannelModel.load(model).error_rate > 0


def test_nothing_is_kept_unless_it_is_set_and_nothing_any_more_once_it_is_not(
    config: Path, wass: WassSimulator
) -> None:
    outbox = config.with_name("outbox.db")

    def kept() -> int:
        with closing(sqlite3.connect(outbox)) as connection:
            return int(connection.execute("SELECT COUNT(*) FROM hit_reads").fetchone()[0])

    with running(config) as service:
        assert answer(service, hit(service, wass, "12가3456", 0), outcome="confirmed")[0] == 200
        assert kept() == 0
        service.terminate()
    assert exported(outbox) == []
    with running(config, {"PLATEWATCH_OUTCOMES__LABELLED_DAYS": "1"}) as service:
        assert answer(service, hit(service, wass, "12가3456", 60), outcome="confirmed")[0] == 200
        assert kept() == 1
        service.terminate()
    assert len(exported(outbox)) == 1
    with running(config):
        assert kept() == 0


# ---------------------------------------------------------------------- what is kept for how long


def event(sequence: int = 1, text: str = "12가3458", **changes: object) -> NewEvent:

    one = new_event(bytes(32), "urn:x", READ_AT, hit_data(read_text=text, edits=1, **changes), sequence)
    read = labels.kept(pw.Read(text=text))
    return NewEvent(one.id, encode(one), entry_id=one.data.entry_id, read=read)


def run(test: Any, path: Path) -> None:
    async def opened() -> None:
        async with await Outbox.open(path, clock=lambda: NOW) as outbox:
            await asyncio.wait_for(test(outbox), PATIENCE)

    asyncio.run(opened())


def rows(path: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT json_extract(CAST(read AS TEXT), '$.text'), truth FROM hit_reads").fetchall()


def outcomes_of(outbox: Outbox, days: float = 30.0) -> Outcomes:
    return Outcomes(outbox, lambda _: None, labelled_days=days, clock=lambda: NOW)


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (["confirmed"], ["12가3456"]),
        (["misread"], None),
        (["right_read_wrong_vehicle"], None),
        (["cannot_tell"], [None]),
        (["confirmed", "misread"], None),
        (["confirmed", "cannot_tell"], [None]),
        (["confirmed", "cannot_tell", "confirmed"], ["12가3456"]),
        (["misread", "confirmed"], None),
    ],
)
def test_the_last_answer_decides(tmp_path: Path, said: list[Any], left: list[str | None] | None) -> None:
    path = tmp_path / "outbox.db"

    async def test(outbox: Outbox) -> None:
        new = event(wanted_plate="12가3456")
        await outbox.append([new])
        for outcome in said:
            await outcomes_of(outbox).record(new.hitid, Answer(outcome=outcome, by="Kim"))

    run(test, path)
    assert [truth for _, truth in rows(path)] == (left or [])
    if left is None:
        assert b"12\xea\xb0\x803458" not in path.read_bytes()


def test_a_read_without_an_answer_goes_with_its_hit(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"

    async def test(outbox: Outbox) -> None:
        new = event()
        await outbox.append([new])
        (due,) = await outbox.due(NOW, 1)
        await outbox.delivered(due.seq, NOW)
        await outbox.prune(NOW)
        assert len(rows(path)) == 1
        await outbox.prune(NOW + 1)
        assert rows(path) == []

    run(test, path)


def test_a_hit_that_is_taken_back_takes_its_read_with_it_unless_it_was_confirmed(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"

    async def test(outbox: Outbox) -> None:
        kept, gone = event(entry_id="A1", wanted_plate="12가3456"), event(entry_id="A2", text="12가3459")
        await outbox.append([kept, gone])
        outcomes = outcomes_of(outbox)
        await outcomes.record(kept.hitid, Answer(outcome="confirmed", by="Kim"))
        assert await outcomes.withdraw(["A1", "A2"]) == 2
        assert rows(path) == [("12가3458", "12가3456")]

    run(test, path)


def test_labels_are_kept_for_so_many_days(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"

    async def test(outbox: Outbox) -> None:
        new = event(wanted_plate="12가3456")
        await outbox.append([new])
        await outcomes_of(outbox).record(new.hitid, Answer(outcome="confirmed", by="Kim"))
        await Outcomes(outbox, lambda _: None, labelled_days=2, clock=lambda: NOW + 2 * A_DAY).load()
        assert len(rows(path)) == 1
        await Outcomes(outbox, lambda _: None, labelled_days=2, clock=lambda: NOW + 2 * A_DAY + 1).load()
        assert rows(path) == []

    run(test, path)


@pytest.mark.parametrize(
    "of_no_use",
    [
        {"wanted_plate": "12가34??", "pattern": True},
        {"wanted_plate": "12가3456", "read_text": "서울12가3458"},  # the list may lack the mark that the vehicle has
    ],
)
def test_what_does_not_say_what_stood_on_the_vehicle_is_no_label(tmp_path: Path, of_no_use: dict[str, Any]) -> None:
    path = tmp_path / "outbox.db"

    async def test(outbox: Outbox) -> None:
        new = event(**{"text": of_no_use.pop("read_text", "12가3458"), **of_no_use})
        await outbox.append([new])
        await outcomes_of(outbox).record(new.hitid, Answer(outcome="confirmed", by="Kim"))
        assert [truth for _, truth in rows(path)] == [None]

    run(test, path)
    assert exported(path) == []


def test_a_later_read_of_the_hit_takes_the_place_of_the_first_but_not_of_a_label(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"

    async def test(outbox: Outbox) -> None:
        await outbox.append([event(1, "12가3458", wanted_plate="12가3456")])
        first = event(1, "12가3458", wanted_plate="12가3456")
        second = first._replace(event_id=f"{first.hitid}.000002", read=labels.kept(pw.Read(text="12가3459")))
        third = first._replace(event_id=f"{first.hitid}.000003")
        await outbox.append([second])
        assert rows(path) == [("12가3459", None)]
        await outcomes_of(outbox).record(first.hitid, Answer(outcome="confirmed", by="Kim"))
        await outbox.append([third])
        assert rows(path) == [("12가3459", "12가3456")]

    run(test, path)


def test_what_is_kept_of_a_read_is_what_fitting_looks_at() -> None:
    kept = json.loads(labels.kept(READ))
    assert set(kept) == {"text", "chars", "engine", "camera_id"}
    assert json.loads(labels.kept(pw.Read(text="1"))) == {"text": "1"}


def test_an_export_needs_a_reason_and_the_access_log(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"

    async def test(outbox: Outbox) -> None:
        new = event(wanted_plate="12가3456")
        await outbox.append([new])
        await outcomes_of(outbox).record(new.hitid, Answer(outcome="confirmed", by="Kim"))

    run(test, path)
    for command in ("labelled", "export"):
        for reason in ([], ["--reason", " "]):
            done = CliRunner().invoke(app, ["outbox", command, str(path), *reason])
            assert (done.exit_code, done.stdout) == (2, ""), command
    assert not (tmp_path / "access").exists()
    (tmp_path / "access").write_text("no folder")
    done = CliRunner().invoke(app, ["outbox", "labelled", str(path), "--reason", "x"])
    assert (done.exit_code, done.stdout) == (2, "")


def test_an_outbox_of_schema_2_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"

    async def append(outbox: Outbox) -> None:
        await outbox.append([event()])

    run(append, path)
    with closing(sqlite3.connect(path)) as old:
        old.execute("DROP TABLE hit_reads")
        old.execute("DROP TABLE entry_tallies")
        old.execute("PRAGMA user_version = 2")
    run(append, path)
    with closing(sqlite3.connect(path)) as new:
        assert new.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        assert new.execute("SELECT entry_id, count FROM entry_tallies").fetchall() == [("W-1", 1)], "of what is there"
    assert rows(path) == []
