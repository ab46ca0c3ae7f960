"""The service learns its cameras as reads flow: end to end, and within its share of the time."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

import platewatch as pw
from platewatch.notify.simulator import WassSimulator
from platewatch.probability.learning import ENGINE_FLOOR, Learner
from platewatch.service.app import _learn
from platewatch.service.learning import Learning
from platewatch.service.passes import LIFE, Passes
from platewatch.service.worker import Steps, Worker
from tests.patience import PATIENCE, until
from tests.service import Service, running

QUICK = "\npasses.window = 0\nlearning.share = 1\nlearning.interval = 0.3\n"
NEAR = "12가3457"  # of A1, which is 12가3456
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def plates(rng: random.Random, count: int) -> list[str]:
    """Of no listed vehicle, nor of one that is near to one."""
    return [f"{rng.randrange(300, 1000)}{rng.choice('다라머버')}{rng.randrange(10_000):04d}" for _ in range(count)]


def learning(service: Service) -> dict[str, Any]:
    status = service.get("/v1/status")[1]["learning"]
    assert isinstance(status, dict)
    return status


def has_learnt(service: Service, passes: int) -> bool:
    return int(learning(service)["passes"]) >= passes


def teach(service: Service, texts: Sequence[str]) -> None:
    """As many at a time as wait to be learnt of."""
    known = learning(service)["passes"]
    for start in range(0, len(texts), 50):
        reads = [{"text": text, "camera_id": "GJ-0001", "engine": "gate ocr"} for text in texts[start : start + 50]]
        assert service.send(*reads)[0] == 200
        known += len(reads)
        until(partial(has_learnt, service, known))


def probability(service: Service, wass: WassSimulator, camera: str) -> float:
    """Of the wanted vehicle, by a read of its plate with one symbol wrong."""
    wass.received.clear()
    read = {"text": NEAR, "camera_id": camera, "engine": "gate ocr", "time": NOW.isoformat()}
    assert service.send(read)[1]["hits"] == 1
    service.wait_until_delivered()
    (event,) = wass.received.values()
    return event.data.probability


@pytest.fixture
def eager(config: Path) -> Path:
    config.write_text(config.read_text("utf-8") + QUICK, "utf-8")
    return config


def test_it_learns_keeps_what_it_has_learnt_and_keeps_no_read(tmp_path: Path, eager: Path, wass: WassSimulator) -> None:
    texts = plates(random.Random(41), int(ENGINE_FLOOR) + 50)
    with running(eager) as service:
        before = probability(service, wass, "GJ-0002")
        assert (learning(service)["engines"], learning(service)["cameras"]) == ([], [])
        teach(service, texts)
        until(lambda: learning(service)["engines"])
        until((tmp_path / "learnt.json").exists)
        status = learning(service)
        ((engine,), (camera,)) = status["engines"], status["cameras"]
        assert (engine["engine"], camera["camera_id"], camera["engine"]) == ("gate ocr", "GJ-0001", "gate ocr")
        assert engine["reads"] == pytest.approx(len(texts), abs=5)
        assert engine["misread"] < engine["misread_assumed"]
        assert (camera["gone_bad"], status["cameras_gone_bad"], status["stopped"]) == (False, 0, False)
        until(lambda: probability(service, wass, f"GJ-{time.monotonic_ns()}") < before)
        assert service.terminate() == 0
    with running(eager) as service:
        again = learning(service)
        assert again["engines"][0]["reads"] == pytest.approx(engine["reads"], abs=5)
        assert again["cameras"][0]["reads"] == pytest.approx(camera["reads"], abs=5)
        assert probability(service, wass, "GJ-0003") < before
        assert service.terminate() == 0
        assert any(event["event"] == "goes on with what was learnt before" for event in service.log())
    traces = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"gate ocr" in traces
    assert not [text for text in texts if text.encode() in traces or json.dumps(text)[1:-1].encode() in traces]


def test_it_can_be_switched_off(tmp_path: Path, eager: Path) -> None:
    eager.write_text(eager.read_text("utf-8") + "learning.enabled = false\n", "utf-8")
    with running(eager) as service:
        reads = [{"text": text, "camera_id": "GJ-0001"} for text in plates(random.Random(43), 100)]
        assert service.send(*reads)[1]["accepted"] == 100
        assert service.get("/v1/status")[1]["learning"] is None
        assert service.terminate() == 0
    assert not (tmp_path / "learnt.json").exists()


def test_what_cannot_be_used_is_told_and_learning_begins_anew(tmp_path: Path, eager: Path) -> None:
    (tmp_path / "learnt.json").write_text("{}", "utf-8")
    with running(eager) as service:
        teach(service, plates(random.Random(47), 60))
        until(lambda: learning(service)["cameras"])
        assert service.terminate() == 0
    (told,) = [event for event in service.log() if event["level"] == "warning"]
    assert told["event"] == "what was learnt before cannot be used: learning begins anew"
    assert "format" in told["reason"]
    assert json.loads((tmp_path / "learnt.json").read_text("utf-8"))["cameras"]


def test_a_file_that_cannot_be_written_is_told_and_the_service_goes_on(tmp_path: Path, eager: Path) -> None:
    (tmp_path / "learnt.json.new").mkdir()
    with running(eager) as service:
        teach(service, plates(random.Random(53), 60))
        until(lambda: any(event["event"] == "what was learnt is not kept" for event in service.log()))
        assert service.send({"text": "12가3456"})[1]["hits"] == 1


def test_a_model_that_cannot_be_refined_is_told(tmp_path: Path, eager: Path) -> None:
    pw.ChannelModel.default().save(tmp_path / "model.json")
    document = json.loads((tmp_path / "model.json").read_text("utf-8"))
    del document["general"]["counts"]
    (tmp_path / "model.json").write_text(json.dumps(document), "utf-8")
    eager.write_text('model = "model.json"\n' + eager.read_text("utf-8"), "utf-8")
    command = [sys.executable, "-m", "platewatch", "serve", "--config", str(eager)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert run.returncode == 2
    assert "learning.enabled: cannot refine the model" in run.stderr
    eager.write_text(eager.read_text("utf-8") + "learning.enabled = false\n", "utf-8")
    with running(eager) as service:
        assert service.terminate() == 0


class Clock:
    def __init__(self) -> None:
        self.now = 100.0
        self.a_look = 0.0  # seconds that pass from one look to the next

    def __call__(self) -> float:
        self.now += self.a_look
        return self.now


def done(steps: Steps) -> int:
    return sum(1 for _ in steps)


def learner(place: Path, clock: Clock, share: float = 0.02) -> Learning:
    return Learning(pw.Matcher(["12가3456"]), place / "learnt.json", share=share, clock=clock)


def test_it_takes_no_more_than_its_share_of_the_time(tmp_path: Path) -> None:
    clock = Clock()
    it = learner(tmp_path, clock)
    while it.wants():
        it.add([pw.Read(text="345다6789", camera_id="c")])
    assert done(it.learn()) == 0  # no time has passed yet
    clock.now += 1
    clock.a_look = 0.005  # what learning of a pass takes
    assert 3 <= done(it.learn()) <= 5  # of 20 milliseconds
    assert it.wants()
    clock.a_look = 0.0
    assert done(it.learn()) == 0
    clock.now += 3600  # what is saved up is bounded
    clock.a_look = 0.02
    assert done(it.learn()) <= 26


def test_it_holds_few_passes_and_none_once_it_is_stopped(tmp_path: Path) -> None:
    it = learner(tmp_path, Clock())
    held = 0
    while it.wants():
        it.add([pw.Read(text="345다6789")])
        held += 1
    assert held == 64
    it.stop()
    assert not it.wants()
    into: dict[str, Any] = {}
    done(it.status(into))
    assert (into["stopped"], into["passes"]) == (True, 0)
    assert done(it.learn()) == 0


def test_matching_goes_on_without_learning_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(learner: Learner, reads: Sequence[pw.Read]) -> None:
        raise ZeroDivisionError(reads)

    monkeypatch.setattr(Learner, "learn", fail)
    it = Learning(pw.Matcher(["12가3456"]), tmp_path / "learnt.json", share=1.0)
    it.add([pw.Read(text="345다6789")])

    async def body() -> None:
        with Worker() as worker:
            await asyncio.wait_for(_learn(it, worker, 300.0), PATIENCE)

    with capture_logs() as log:
        asyncio.run(body())
    assert [event["event"] for event in log] == ["learns no longer"]
    assert not it.wants()


def test_a_camera_that_goes_bad_is_logged_once_and_is_in_the_status(tmp_path: Path) -> None:
    clock = Clock()
    it = learner(tmp_path, clock, share=1.0)
    rng = random.Random(59)

    def learn(texts: Sequence[str]) -> None:
        for text in texts:
            it.add([pw.Read(text=text, camera_id="gate")])
            clock.now += 1
            done(it.learn())

    def gone_bad() -> tuple[int, bool]:
        into: dict[str, Any] = {}
        done(it.status(into))
        (camera,) = into["cameras"]
        assert camera["misread"] > camera["misread_usually"] or not camera["gone_bad"]
        return into["cameras_gone_bad"], camera["gone_bad"]

    with capture_logs() as log:
        learn(plates(rng, 220))
        assert (log, gone_bad()) == ([], (0, False))
        learn([text[:3] + text[5:] for text in plates(rng, 100)])  # no plates, as symbols are lost
        assert gone_bad() == (1, True)
        learn(plates(rng, 300))
        assert gone_bad() == (0, False)
    assert [(event["log_level"], event["camera_id"]) for event in log] == [("warning", "gate"), ("info", "gate")]
    assert "dirty" in log[0]["event"]


class Taken(list[list[str]]):
    """Passes that are over, by their texts."""

    def __init__(self, most: int = 1000) -> None:
        super().__init__()
        self.most = most

    def wants(self) -> bool:
        return len(self) < self.most

    def add(self, reads: list[pw.Read]) -> None:
        self.append([read.text for read in reads])


def over(
    reads: Sequence[pw.Read], promising: set[int] | None = None, window: float = 2.0, most: int = 1000
) -> Iterator[list[str]]:
    """The passes of reads that arrive one by one, and then no more."""
    taken = Taken(most)
    passes = Passes(window, sample=taken)
    for place, read in enumerate(reads):
        now = read.time or NOW
        passes.join([read], now, promising={0} if place in (promising or ()) else set(), refused=set())
    last = max(read.time or NOW for read in reads)
    passes.forget(last + timedelta(seconds=2 * LIFE))
    assert len(passes) == 0
    return iter(taken)


def seen(text: str, at: float, **more: Any) -> pw.Read:
    return pw.Read(text=text, time=NOW + timedelta(seconds=at), camera_id="c", **more)


@pytest.mark.parametrize("promising", [set(), {0}, {1, 2}])
def test_passes_are_over_once_whether_or_not_they_may_be_hits(promising: set[int]) -> None:
    reads = [seen("345다6789", 0), seen("345다6789", 0.5), seen("345다6788", 1), seen("777라1111", 1.2)]
    reads += [seen("345다6789", 200), seen("345다6789", 201)]
    assert sorted(map(sorted, over(reads, promising))) == [
        ["345다6788", "345다6789", "345다6789"],
        ["345다6789", "345다6789"],
        ["777라1111"],
    ]


def test_reads_of_a_camera_that_is_never_quiet_are_over_too() -> None:
    reads = [seen(text, 2 * i + j) for i, text in enumerate(plates(random.Random(61), 100)) for j in range(2)]
    passes = list(over(reads))
    assert [len(texts) for texts in passes] == [2] * 100


def test_reads_with_an_id_are_over_with_those_of_their_pass() -> None:
    reads = [seen("345다6789", i, pass_id="a") for i in range(3)] + [seen("777라1111", 1, pass_id="b")]
    assert sorted(map(len, over(reads))) == [1, 3]


def test_a_read_that_is_always_by_itself_is_over_at_once() -> None:
    assert list(over([seen("345다6789", 0), seen("345다6789", 0.1)], window=0)) == [["345다6789"]] * 2
    assert list(over([pw.Read(text="345다6789")], {0})) == [["345다6789"]]


def test_of_more_passes_than_are_wanted_a_sample_is_taken() -> None:
    reads = [seen(f"345다{1000 + i * 37}", i * 5) for i in range(50)]
    assert len(list(over(reads, most=7))) == 7
