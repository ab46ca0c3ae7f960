"""What is learnt of cameras and engines from passes whose plates nobody knows."""

from __future__ import annotations

import gzip
import json
import math
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import platewatch as pw
from platewatch.errors import ModelError
from platewatch.probability.drift import LEAST_PASSES, Change, Drift
from platewatch.probability.learning import CAMERA_FLOOR, ENGINE_FLOOR, CameraState, Learner

pytestmark = pytest.mark.timeout(1200)  # against hanging, on the slowest machine

READS = Path(__file__).parents[1] / "benchmarks" / "data" / "plate_reads.jsonl.gz"
CLEAN, DIRTY = 0.004, 0.12  # of symbols misread


def plate(rng: random.Random) -> str:
    digits = [str(rng.randrange(10)) for _ in range(7)]
    return "".join([*digits[:3], rng.choice("가나다라마거너더러머"), *digits[3:]])


def pass_of(rng: random.Random, camera: str | None, rate: float, engine: str | None = "ocr") -> list[pw.Read]:
    """Three frames of one vehicle, each symbol another digit at this rate."""
    true = plate(rng)
    texts = ["".join(str(rng.randrange(10)) if rng.random() < rate else c for c in true) for _ in range(3)]
    return [pw.Read(text=text, engine=engine, camera_id=camera) for text in texts]


def taught(learner: Learner, rng: random.Random, count: int, **cameras: float) -> Learner:
    for _ in range(count):
        for camera, rate in cameras.items():
            learner.learn(pass_of(rng, camera, rate))
    return refined(learner)


def refined(learner: Learner) -> Learner:
    for _ in learner.refine():
        pass
    return learner


@pytest.fixture(scope="module")
def city() -> Learner:
    learner, rng = Learner(pw.ChannelModel.default()), random.Random(17)
    for _ in range(3):
        taught(learner, rng, 40, clean=CLEAN, dirty=DIRTY)
    return learner


def probability(model: pw.ChannelModel, camera: str, engine: str = "ocr") -> float:
    """Of a wanted plate of which one symbol was read wrong."""
    read = pw.Read(text="123가4567", engine=engine, camera_id=camera)
    matcher = pw.Matcher(["123가4568"], model=model)
    (match,) = matcher.match(read)
    batch = matcher.match_batch([read]).probability
    assert match.probability == matcher.match_pass([read])[0].probability == batch[0]
    assert match.probability == pytest.approx(model.explain(read, "123가4568").probability)
    return match.probability


def test_each_cameras_quality_is_learnt_without_labels(city: Learner) -> None:
    states = {state.camera: state for state in city.cameras()}
    for camera, rate in (("clean", CLEAN), ("dirty", DIRTY)):
        true = 1 - (1 - rate * 0.9) ** 7 * (1 - rate)  # a digit may be taken for itself
        assert states[camera].misread == pytest.approx(true, abs=0.15)
        assert states[camera].reads == pytest.approx(360, rel=0.1)  # some of them are half forgotten
    model = city.model
    assert model.cameras == ["clean", "dirty"]
    assert probability(model, "dirty") > probability(model, "elsewhere") > probability(model, "clean")


def test_what_is_known_of_a_camera_is_where_learning_begins() -> None:
    """A thousand reads outweigh it, ten do not."""
    rng = random.Random(5)
    learner = Learner(pw.ChannelModel.default())
    before = probability(learner.model, "known")
    learner.expect({"known": 0.9})
    refined(learner)
    expected = probability(learner.model, "known")
    assert expected > 1.2 * before
    assert probability(learner.model, "other") == before
    refined(taught(learner, rng, 10, known=0.02))
    assert probability(learner.model, "known") == expected
    refined(taught(learner, rng, 1000, known=0.02))
    assert probability(learner.model, "known") < (before + expected) / 2


def test_explain_says_what_was_learnt_of_the_camera(city: Learner) -> None:
    def shares(camera: str) -> list[float]:
        read = pw.Read(text="123가4567", engine="ocr", camera_id=camera)
        return [frame.share for frame in city.model.explain(read, "123가4567").frames]

    assert shares("clean")[0] > shares("elsewhere")[0] > shares("dirty")[0]
    assert sum(shares("dirty")) == pytest.approx(1)


def test_what_was_learnt_can_be_saved_as_a_model(city: Learner, tmp_path: Path) -> None:
    city.model.save(tmp_path / "model.json")
    again = pw.ChannelModel.load(tmp_path / "model.json")
    assert again.cameras == ["clean", "dirty"]
    for camera in ("clean", "dirty", "elsewhere"):
        assert probability(again, camera) == pytest.approx(probability(city.model, camera), rel=0.02)


@pytest.mark.parametrize(
    ("levels", "reason"),
    [
        ({"nobody's": {"c": [1, 0, 0, 0]}}, 'levels of engine "nobody\'s": is not among the engines'),
        ({"": {"c": [1, 0]}}, "levels of camera 'c': is not 4 numbers"),
        ({"": {"c": [0.5, 0, 0, 0]}}, "level of levels of camera 'c', row [0]: does not sum to 1"),
        ({"": {"c": [2, -1, 0, 0]}}, "levels of camera 'c', row [0]: is out of range"),
        ({"": {"": [1, 0, 0, 0]}}, "an engine or a camera has no name"),
        ([], "levels: is not an object"),
    ],
)
def test_levels_of_a_model_file_are_checked(tmp_path: Path, levels: object, reason: str) -> None:
    pw.ChannelModel.default().save(tmp_path / "model.json")
    document = json.loads((tmp_path / "model.json").read_text("utf-8"))
    (tmp_path / "model.json").write_text(json.dumps(document | {"levels": levels}), "utf-8")
    with pytest.raises(ModelError) as error:
        pw.ChannelModel.load(tmp_path / "model.json")
    assert str(error.value) == reason


def rows() -> list[dict[str, Any]]:
    read = map(json.loads, gzip.decompress(READS.read_bytes()).decode().splitlines())
    return [row for row in read if row["text"]]


def read_of(row: dict[str, Any], engine: str) -> pw.Read:
    chars = tuple(pw.Character(c=char["c"], p=char["p"]) for char in row["chars"])
    return pw.Read(text=row["text"], chars=chars, engine=engine, camera_id=row["camera_id"])


def sample(count: int) -> list[tuple[list[pw.Read], str]]:
    """Passes of the project's reads, with their plates, of one engine, by a name that no model knows."""
    passes: dict[tuple[str, str], list[pw.Read]] = defaultdict(list)
    truths = {}
    for row in rows():
        if row["engine"] == "ctc":
            key = row["camera_id"], row["pass_id"]
            passes[key].append(read_of(row, "unheard of"))
            truths[key] = row["truth"]
    keys = sorted(passes)
    random.Random(3).shuffle(keys)
    return [(passes[key], truths[key]) for key in keys[:count]]


def log_posterior(model: pw.ChannelModel, passes: list[tuple[list[pw.Read], str]]) -> float:
    """Of the true plates, the mean over reads."""
    logs = [
        max(model.scoring.log_posterior_of_pass([read], pw.normalize(truth), 1.0), -20.0)
        for reads, truth in passes
        for read in reads
    ]
    return math.fsum(logs) / len(logs)


def test_on_real_reads_the_true_plates_become_likelier() -> None:
    # The shipped model has seen these reads with their plates, so here is one that has not.
    others = [(read_of(row, row["engine"]), row["truth"]) for row in rows() if row["engine"] != "ctc"]
    passes = sample(700)
    learner = Learner(pw.ChannelModel.fit(others, from_scratch=True, iterations=4))
    for place, (reads, _) in enumerate(passes[:450]):
        learner.learn(reads)
        if place % 150 == 149:
            refined(learner)
    judged = passes[450:]
    assert log_posterior(learner.model, judged) > log_posterior(learner.base, judged) + 0.005


def test_nothing_changes_below_the_floor_of_evidence(tmp_path: Path) -> None:
    rng = random.Random(1)
    learner = Learner(pw.ChannelModel.default())
    for _ in range(int(CAMERA_FLOOR) // 3 - 1):
        learner.learn(pass_of(rng, "gate", DIRTY))
    refined(learner)
    assert (learner.cameras(), learner.engines(), learner.model.cameras) == ([], [], [])
    learner.save(tmp_path / "learnt.json")
    kept = json.loads((tmp_path / "learnt.json").read_text("utf-8"))
    assert (kept["engines"], kept["cameras"]) == ([], [])
    before = probability(learner.model, "gate")
    assert before == probability(learner.base, "gate")

    for _ in range(6):  # the camera, but not yet the engine
        learner.learn(pass_of(rng, "gate", DIRTY))
    refined(learner)
    assert (learner.model.cameras, learner.model.engines) == (["gate"], learner.base.engines)
    assert probability(learner.model, "gate") != before
    assert probability(learner.model, "elsewhere") == before

    for _ in range(int(ENGINE_FLOOR) // 3):
        learner.learn(pass_of(rng, None, DIRTY))
    refined(learner)
    assert learner.model.engines == sorted([*learner.base.engines, "ocr"])
    assert probability(learner.model, "elsewhere") != before


def test_reads_without_an_engine_refine_the_general_table() -> None:
    rng = random.Random(2)
    learner = Learner(pw.ChannelModel.default())
    for _ in range(120):
        learner.learn(pass_of(rng, "gate", CLEAN, None))
    model = refined(learner).model
    assert model.error_rate < learner.base.error_rate
    assert [state.engine for state in learner.engines()] == [None]
    assert learner.engines()[0].assumed == pytest.approx(learner.base.error_rate)
    assert model.cameras == ["gate"]
    exact = pw.Read(text="123가4567", engine="unknown", camera_id="elsewhere")
    after, before = (m.explain(exact, "123가4567").log_likelihood for m in (model, learner.base))
    assert after > before, "reads without a name tell of all that the model does not know"


def test_what_was_long_ago_is_forgotten() -> None:
    rng = random.Random(5)
    learner = Learner(pw.ChannelModel.default(), half_life=400)
    before = probability(taught(learner, rng, 130, gate=CLEAN).model, "gate")
    assert taught(learner, rng, 300, gate=DIRTY).engines()[0].misread > 0.4
    assert learner.engines()[0].reads < 400 / math.log(2) * 1.05
    assert probability(learner.model, "gate") > 1.4 * before


def test_engines_and_cameras_are_bounded() -> None:
    rng = random.Random(7)
    learner = Learner(pw.ChannelModel.default(), most_engines=2, most_cameras=3)
    for _ in range(110):
        learner.learn(pass_of(rng, "gate", CLEAN, "much read"))
    for number in range(20):
        for _ in range(1 if number % 2 else 18):
            learner.learn(pass_of(rng, f"c{number}", CLEAN, f"e{number % 5}"))
    assert [state.engine for state in learner.engines()] == ["much read"]
    assert {state.camera for state in learner.cameras()} == {"c18"}  # c17 and c19 have too few reads
    for _ in range(110):
        learner.learn(pass_of(rng, "gate", CLEAN, "second"))
    learner.learn(pass_of(rng, "gate", CLEAN, "one too many"))
    assert [state.engine for state in learner.engines()] == ["much read", "second"]


def test_a_restart_loses_nothing(city: Learner, tmp_path: Path) -> None:
    city.save(tmp_path / "learnt.json")
    again = Learner(pw.ChannelModel.default())
    again.load(tmp_path / "learnt.json")
    assert again.cameras() == city.cameras()
    assert again.engines() == city.engines()
    for camera in ("clean", "dirty", "elsewhere"):
        assert probability(again.model, camera) == pytest.approx(probability(city.model, camera), rel=0.02)
    again.save(tmp_path / "again.json")
    assert json.loads((tmp_path / "again.json").read_text()) == json.loads((tmp_path / "learnt.json").read_text())
    assert not list(tmp_path.glob("*.new"))


def test_no_plate_and_no_read_is_kept(tmp_path: Path) -> None:
    rng = random.Random(11)
    learner, seen = Learner(pw.ChannelModel.default()), set()
    for _ in range(150):
        reads = pass_of(rng, "gate", DIRTY)
        seen |= {read.text for read in reads}
        learner.learn(reads)
    learner.save(tmp_path / "learnt.json")
    text = (tmp_path / "learnt.json").read_text("utf-8")
    assert '"gate"' in text
    assert not [read for read in seen if read in text]
    assert not [c for c in "가나다라마거너더러머" if c in text]


def broken(text: str, change: dict[str, Any]) -> str:
    return json.dumps(json.loads(text) | change)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"base": "0"}, "base: was learnt with another model"),
        ({"format": "other"}, "format: is not a platewatch learnt 1"),
        ({"cameras": [{"camera": "c"}]}, "missing required field"),
        ({"more": 1}, "unknown field"),
        ({"engines": [{"engine": "e", "misread": {}, "counts": {}}]}, "counts of engine 'e': is missing"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(
    city: Learner, tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    city.save(tmp_path / "learnt.json")
    text = (tmp_path / "learnt.json").read_text("utf-8")
    (tmp_path / "learnt.json").write_text(broken(text, change), "utf-8")
    learner = Learner(pw.ChannelModel.default())
    with pytest.raises(ModelError) as error:
        learner.load(tmp_path / "learnt.json")
    assert reason in str(error.value)
    assert (learner.cameras(), learner.engines(), learner.model) == ([], [], learner.base)
    for content in (b"", b"{", b"\xff", text.encode()[:-20]):
        (tmp_path / "learnt.json").write_bytes(content)
        with pytest.raises(ModelError):
            learner.load(tmp_path / "learnt.json")


def test_what_was_learnt_with_another_model_is_refused(city: Learner, tmp_path: Path) -> None:
    city.save(tmp_path / "learnt.json")
    with pytest.raises(ModelError, match="was learnt with another model"):
        Learner(pw.ChannelModel.default().scaled(0.05)).load(tmp_path / "learnt.json")


def test_a_scaled_model_is_refined_from_where_it_is() -> None:
    """And not from what the model was before that."""
    base = pw.ChannelModel.default().scaled(0.02)
    learner = Learner(base)
    rng = random.Random(13)
    for _ in range(int(ENGINE_FLOOR) // 3 + 1):
        learner.learn(pass_of(rng, None, 0.003, None))
    assert refined(learner).model is not base
    assert learner.model.error_rate == pytest.approx(0.02, abs=0.015)


def test_what_cannot_be_matched_or_is_no_plate_teaches_nothing() -> None:
    learner = Learner(pw.ChannelModel.default())
    for reads in ([], ["--"], ["1" * 17]):
        learner.learn(reads)
    assert learner.passes == 0
    for _ in range(400):
        learner.learn([pw.Read(text="???", camera_id="sign")])
    (engine,), (camera,) = learner.engines(), learner.cameras()
    assert engine.misread == camera.misread > 0.9
    refined(learner)
    read = pw.Read(text="123가4567", camera_id="sign")
    assert learner.model.explain(read, read.text).probability == pytest.approx(
        learner.base.explain(read, read.text).probability, rel=0.01
    )
    learner.learn(["--", "123가4567"])
    assert learner.passes == 401


def shares(rng: random.Random, rate: float, count: int) -> Iterator[float]:
    for _ in range(count):
        yield 0.98 if rng.random() < rate else 0.01


def changes(drift: Drift, values: Iterator[float]) -> list[Change]:
    return [change for value in values if (change := drift.learn(value)) is not None]


def test_a_camera_that_goes_bad_is_told_once_and_so_is_that_it_recovers() -> None:
    rng = random.Random(19)
    drift = Drift()
    assert changes(drift, shares(rng, 0.05, 1000)) == []
    assert changes(drift, shares(rng, 0.5, 100)) == ["bad"]
    usual = drift.usual.mean
    assert changes(drift, shares(rng, 0.5, 3000)) == []
    assert drift.usual.mean == usual < 0.1  # it does not become what is usual
    assert drift.now.mean == pytest.approx(0.5, abs=0.15)
    assert changes(drift, shares(rng, 0.05, 400)) == ["recovered"]
    assert changes(drift, shares(rng, 0.5, 100)) == ["bad"]


def test_a_camera_that_gets_worse_by_and_by_is_told_once() -> None:
    """What it usually is has gone along, so it is its best stretch that tells, also after a restart."""
    rng = random.Random(37)
    drift = Drift()
    told: list[tuple[int, Change]] = []
    for number in range(200_000):
        if number == 100_000:
            drift = msgspec.json.decode(msgspec.json.encode(drift), type=Drift)
        rate = 0.03 + 0.2 * number / 200_000
        if change := drift.learn(0.98 if rng.random() < rate else 0.01):
            told.append((number, change))
    ((number, change),) = told
    assert change == "bad"
    assert 20_000 < number < 160_000
    assert 1.3 * drift.reference.mean < drift.usual.mean, "what is usual had gone along"
    assert changes(drift, shares(rng, 0.03, 2000)) == ["recovered"]


def test_a_camera_of_many_stretches_is_not_told_of_for_its_luckiest() -> None:
    rng = random.Random(41)
    for rate in (0.01, 0.05, 0.3):
        drift = Drift()
        assert changes(drift, shares(rng, rate, 60_000)) == []
        assert drift.best.count > 0


def test_what_a_camera_always_was_is_no_change() -> None:
    """A thousand cameras, good and bad ones, a thousand passes each: none is told of."""
    rng = random.Random(23)
    for number in range(300):
        assert changes(Drift(), shares(rng, (0.01, 0.1, 0.5)[number % 3], 1000)) == []


def test_a_new_camera_is_not_judged_by_its_first_passes() -> None:
    drift = Drift()
    assert changes(drift, shares(random.Random(29), 0.05, LEAST_PASSES // 2)) == []
    assert changes(drift, shares(random.Random(29), 0.9, LEAST_PASSES // 4)) == []


def test_the_learner_tells_of_a_camera_that_went_dirty() -> None:
    told: list[tuple[str, Change]] = []

    def on_change(camera: CameraState, change: Change) -> None:
        assert camera.engine == "ocr"
        assert camera.is_bad == (change == "bad")
        told.append((camera.camera, change))

    learner = Learner(pw.ChannelModel.default(), on_change=on_change)
    rng = random.Random(31)
    taught(learner, rng, LEAST_PASSES + 20, gate=CLEAN, bridge=CLEAN)
    assert told == []
    taught(learner, rng, 60, gate=0.25, bridge=CLEAN)
    assert told == [("gate", "bad")]
    assert [(state.camera, state.is_bad) for state in learner.cameras()] == [("gate", True), ("bridge", False)]
    taught(learner, rng, 200, gate=CLEAN)
    assert told == [("gate", "bad"), ("gate", "recovered")]
