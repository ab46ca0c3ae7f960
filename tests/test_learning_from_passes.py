"""What a model learns of few labels and of none, from a model that does not know the engine."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

import platewatch as pw
from platewatch.cli import app
from platewatch.evaluation.sample import LabelledRead, group_passes, load

pytestmark = pytest.mark.timeout(1200)  # against hanging, on the slowest machine

DATA = Path(__file__).parents[1] / "benchmarks" / "data"


def unnamed(labelled: LabelledRead) -> pw.Read:
    return msgspec.structs.replace(labelled.read, engine=None, camera_id=None, pass_id=labelled.passing)


@pytest.fixture(scope="module")
def networks() -> list[LabelledRead]:
    """Reads of networks that were trained on plates: of one in two passes, to be quick."""
    reads, errors = load(DATA / "plate_reads.jsonl.gz")
    assert not errors
    return [reads[place] for places in group_passes(reads)[::2] for place in places]


@pytest.fixture(scope="module")
def readers() -> pw.ChannelModel:
    """A model that knows readers of any text, and no network."""
    reads, _ = load(DATA / "ocr_reads.jsonl.gz")
    return pw.ChannelModel.fit([(unnamed(r), r.plate) for r in reads], from_scratch=True, iterations=12)


def surprise(model: pw.ChannelModel, reads: list[LabelledRead]) -> float:
    """The mean of -log P(plate | read), if no plate is listed."""
    logs = [
        model.scoring.log_posterior_of_pass([unnamed(r)], r.plate, 1.0)
        for r in reads
        if any(map(str.isalnum, r.read.text))
    ]
    return -math.fsum(max(log, -30.0) for log in logs) / len(logs)


def test_unlabelled_passes_teach_an_engine_that_the_model_does_not_know(
    networks: list[LabelledRead], readers: pw.ChannelModel
) -> None:
    passes = [[unnamed(networks[i]) for i in places] for places in group_passes(networks)]
    half = len(passes) // 2
    others = [networks[i] for places in group_passes(networks)[half:] for i in places][:600]
    before = surprise(readers, others)
    learnt = pw.ChannelModel.fit(passes=passes[:half], base=readers)
    assert surprise(learnt, others) < 0.95 * before
    assert learnt.error_rate < 0.7 * readers.error_rate, "they are far better than what it knew"


def test_a_few_labelled_plates_teach_it_and_do_no_harm(networks: list[LabelledRead], readers: pw.ChannelModel) -> None:
    plates = sorted({r.plate for r in networks})
    order = np.random.default_rng(3).permutation(len(plates))
    few = {plates[i] for i in order[:40].tolist()}
    others = [r for r in networks if r.plate not in few][:600]
    before = surprise(readers, others)
    learnt = pw.ChannelModel.fit([(unnamed(r), r.plate) for r in networks if r.plate in few], base=readers)
    assert surprise(learnt, others) < before


def test_a_mistake_that_all_frames_share_is_not_taken_for_the_truth() -> None:
    model = pw.ChannelModel.default()
    # No plate has 차: all three frames lost the same thing in the same way.
    (most, probability), *_ = model.scoring.likely_plates(["12차3456"] * 3, model.frame_weight, 0.001)
    assert most != "12차3456"
    assert probability < 0.9
    right = model.scoring.likely_plates(["12가3456"] * 3, model.frame_weight, 0.001)
    assert (right[0][0], right[0][1] > 0.9) == ("12가3456", True)
    assert [p for _, p in right] == sorted((p for _, p in right), reverse=True)
    assert math.fsum(p for _, p in right) <= 1 + 1e-9


def test_an_unlabelled_file_is_learnt_of(networks: list[LabelledRead], tmp_path: Path) -> None:
    file, output = tmp_path / "day.jsonl", tmp_path / "model.json"
    rows = [{"text": r.read.text, "engine": "new", "image": r.passing} for r in networks[:300]]
    file.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in [*rows, {"text": 5}]))
    done = CliRunner().invoke(app, ["fit", "--unlabelled", str(file), "--output", str(output), "--iterations", "6"])
    assert done.exit_code == 0, done.stderr
    assert "fitted on 300 unlabelled reads of " in done.stderr
    assert "1 engine (new)" in done.stderr
    assert "left out: no read 1" in done.stderr
    assert "new" in pw.ChannelModel.load(output).engines
    done = CliRunner().invoke(
        app, ["fit", "--unlabelled", str(file), "--output", str(output), "--from-scratch", "--iterations", "6"]
    )
    assert (done.exit_code, "--from-scratch refines no model" in done.stderr) == (2, True)


def test_what_cannot_be_learnt_of_is_refused() -> None:
    with pytest.raises(ValueError, match="need a model to start from"):
        pw.ChannelModel.fit(passes=[["12가3456"]], from_scratch=True)
    with pytest.raises(pw.PlatewatchError, match="no read to learn from"):
        pw.ChannelModel.fit(passes=[["--"], []])


def test_a_base_has_to_say_what_was_counted_for_it(tmp_path: Path) -> None:
    pw.ChannelModel.default().save(tmp_path / "model.json")
    document = msgspec.json.decode((tmp_path / "model.json").read_bytes())
    del document["general"]["counts"]
    (tmp_path / "bare.json").write_bytes(msgspec.json.encode(document))
    bare = pw.ChannelModel.load(tmp_path / "bare.json")
    with pytest.raises(pw.ModelError, match="counts: does not say what was counted"):
        pw.ChannelModel.fit([("12가3456", "12가3456")], base=bare)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"level": [[4], [0], [1.0]]}, "gap of counts of the general table: is missing"),
        ({"level": [[4], [4], [1.0]]}, "level of counts of the general table: has a place outside of its shape"),
        ({"level": [[4], [0], [-1.0]]}, "level of counts of the general table: is not a shape, places and numbers"),
        ({"level": [[4], [0]]}, "level of counts of the general table: is not a shape, places and numbers"),
        ({"levels": [[4], [0], [1.0]]}, "levels of counts of the general table: is unknown"),
        (5, "counts of the general table: is not an object"),
    ],
)
def test_bad_counts_are_named(tmp_path: Path, counts: object, message: str) -> None:
    pw.ChannelModel.default().save(tmp_path / "model.json")
    document = msgspec.json.decode((tmp_path / "model.json").read_bytes())
    if isinstance(counts, dict) and "gap" in message:
        counts = {k: v for k, v in document["general"]["counts"].items() if k != "gap"}
    document["general"]["counts"] = counts
    (tmp_path / "bad.json").write_bytes(msgspec.json.encode(document))
    with pytest.raises(pw.ModelError) as caught:
        pw.ChannelModel.load(tmp_path / "bad.json")
    assert message in str(caught.value)


def test_symbols_that_the_base_does_not_know_get_columns(tmp_path: Path) -> None:
    pairs = [(f"Ж{i}", f"Ж{i}") for i in range(100, 200)]
    learnt = pw.ChannelModel.fit(pairs)
    learnt.save(tmp_path / "model.json")
    assert "Ж" in msgspec.json.decode((tmp_path / "model.json").read_bytes())["symbols"]
    shipped = pw.ChannelModel.default()
    assert learnt.engines == shipped.engines
    # What has nothing to do with them stays about as it was.
    for plate in ("12가3456", "12거3456"):
        before, after = (m.explain("12가3456", plate).log_likelihood for m in (shipped, learnt))
        assert after == pytest.approx(before, abs=0.7)


def test_a_few_passes_do_not_change_what_a_frame_counts() -> None:
    one = [(pw.Read(text="12가3456", camera_id="G1", pass_id="1"), "12가3456")] * 3
    assert pw.ChannelModel.fit(one).frame_weight == pw.ChannelModel.default().frame_weight
