"""`platewatch fit`: from labelled reads to a model in a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import platewatch as pw
from benchmarks import few_labels
from platewatch.cli import app
from platewatch.evaluation.few_labels import FEW, HeldOut, held_out
from platewatch.evaluation.figures import Interval
from platewatch.evaluation.models import example
from platewatch.evaluation.sample import LabelledRead

pytestmark = pytest.mark.timeout(1200)  # against hanging, on the slowest machine


def fit(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["fit", *map(str, arguments)])


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
    return path


def rows(count: int, **more: Any) -> list[dict[str, Any]]:
    """Reads of as many plates; of every fifth, a 3 is read as 8."""
    plates = [f"{i % 90 + 10}가{i:03d}3" for i in range(count)]
    texts = [plate.replace("3", "8") if i % 5 == 0 else plate for i, plate in enumerate(plates)]
    return [{"text": text, "truth": plate} | more for text, plate in zip(texts, plates, strict=True)]


@pytest.fixture
def reads(tmp_path: Path) -> Path:
    return write(tmp_path / "reads.jsonl", rows(200, engine="a", camera_id="c1") + rows(90, engine="b", camera_id="c2"))


def test_a_model_is_written_that_has_learnt_of_the_reads(reads: Path, tmp_path: Path) -> None:
    output = tmp_path / "model.json"
    done = fit("--reads", reads, "--output", output, "--camera-reads", 100, "--iterations", 8)
    assert (done.exit_code, done.stdout) == (0, "")
    assert "fitted on 290 reads of 200 plates, 2 engines (a, b), 1 camera (c1) with rates of its own\n" in done.stderr
    assert f"{output}: give it to `match`" in done.stderr
    model = pw.ChannelModel.load(output)
    assert {"a", "b"} < set(model.engines)
    assert model.cameras == ["c1"]
    expected = pw.ChannelModel.fit(
        [
            (pw.Read(text=r["text"], engine=r["engine"], camera_id=r["camera_id"]), r["truth"])
            for r in map(json.loads, reads.read_text("utf-8").splitlines())
        ],
        iterations=8,
        camera_reads=100,
    )
    assert f"{100 * expected.error_rate:.1f} % of the plates" in done.stderr
    for read in ("12가8456", "12거3456"):
        ours, theirs = model.explain(read, "12가3456"), expected.explain(read, "12가3456")
        assert ours.probability == pytest.approx(theirs.probability, rel=0.05)
    assert model.explain("12가8456", "12가3456").log_likelihood > model.explain("12거3456", "12가3456").log_likelihood


def test_the_file_may_be_an_argument_and_rounds_change_the_model(reads: Path, tmp_path: Path) -> None:
    for iterations in (1, 6):
        output = tmp_path / f"{iterations}.json"
        assert fit(reads, "--output", output, "--iterations", iterations, "--from-scratch").exit_code == 0
    one, six = ((tmp_path / f"{iterations}.json").read_bytes() for iterations in (1, 6))
    assert one != six
    expected = "one file of reads is needed: READS, or --reads READS, or else --unlabelled READS\n"
    assert fit("--output", tmp_path / "x.json").stderr == expected


def test_what_is_left_out_is_told_by_reason(tmp_path: Path) -> None:
    odd: list[Any] = [
        {"text": None, "truth": "12가3456"},
        {"truth": "12가3456"},
        {"text": "--", "truth": "12가3456"},
        {"text": "1" * 17, "truth": "12가3456"},
        {"text": "12가3456"},
        {"text": "12가3456", "truth": "12가34?6"},
        "{",
        {"text": "AB123CD", "truth": "AB123CD", "country": "FR"},
    ]
    reads = write(
        tmp_path / "reads.jsonl",
        rows(30, country="KR")
        + [r | {"country": "KR"} if isinstance(r, dict) and "country" not in r else r for r in odd],
    )
    done = fit(reads, "--output", tmp_path / "model.json", "--iterations", 1, "--country", "KR")
    assert done.exit_code == 0
    assert "fitted on 30 reads of 30 plates, 0 engines, 0 cameras with rates of their own\n" in done.stderr
    assert (
        "\nleft out: no truth 1, a truth that cannot be matched 1, no read 1, nothing was read 3, "
        "what was read cannot be matched 1, not of the country KR 1\n"
    ) in done.stderr


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([], "no read to learn from"),
        ([{"text": "12가3456"}], "no read to learn from (left out: no truth 1)"),
        ([{"text": None, "truth": "12가3456"}], "no read to learn from (left out: nothing was read 1)"),
        (["{text"], "no read to learn from (left out: no read 1)"),
    ],
)
def test_what_cannot_be_fitted_is_refused(tmp_path: Path, content: list[Any], reason: str) -> None:
    reads = write(tmp_path / "reads.jsonl", content)
    done = fit(reads, "--output", tmp_path / "model.json")
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (2, f"{reads}: {reason}")
    assert not (tmp_path / "model.json").exists()


def test_where_it_cannot_be_written_is_said_before_the_work(reads: Path, tmp_path: Path) -> None:
    done = fit(reads, "--output", tmp_path / "nowhere" / "model.json", "--iterations", 10_000)
    assert (done.exit_code, done.stderr) == (2, f"{tmp_path}/nowhere/model.json: No such file or directory\n")
    bad = tmp_path / "population.json"
    bad.write_text("{}", "utf-8")
    done = fit(reads, "--output", tmp_path / "model.json", "--population", bad)
    assert (done.exit_code, done.stderr.startswith(f"{bad}: format: is not a platewatch population")) == (2, True)
    assert not (tmp_path / "model.json").exists()


def test_a_file_that_is_there_is_kept_until_there_is_a_model(reads: Path, tmp_path: Path) -> None:
    output = tmp_path / "model.json"
    output.write_text("before", "utf-8")
    assert fit(write(tmp_path / "none.jsonl", []), "--output", output).exit_code == 2
    assert output.read_text("utf-8") == "before"
    assert fit(reads, "--output", output, "--iterations", 1).exit_code == 0
    assert {"a", "b"} < set(pw.ChannelModel.load(output).engines)


def test_it_wonders_where_nothing_is_right_and_says_where_no_camera_has_enough(tmp_path: Path) -> None:
    shifted = [{"text": f"12가34{i + 1}", "truth": f"12가34{i}"} for i in range(10, 40)]
    done = fit(write(tmp_path / "reads.jsonl", shifted), "--output", tmp_path / "m.json", "--iterations", 1)
    assert "warning: not one read is its truth: are these the truths of these reads?" in done.stderr
    done = fit(write(tmp_path / "reads.jsonl", rows(9)), "--output", tmp_path / "m.json", "--camera-reads", 1)
    assert "no camera has 1 read: none has rates of its own" in done.stderr
    assert "not one read" not in done.stderr


def test_the_population_has_its_symbols_in_the_model(reads: Path, tmp_path: Path) -> None:
    population = tmp_path / "population.json"
    classes = [{"vehicles": 1000, "positions": ["ЖЩ", *["0123456789"] * 3]}]
    population.write_text(json.dumps({"format": "platewatch population 1", "classes": classes}), "utf-8")
    more = write(tmp_path / "more.jsonl", [{"text": f"Ж{i}", "truth": f"Ж{i}"} for i in range(100, 130)])
    done = fit(more, "--output", tmp_path / "m.json", "--population", population, "--iterations", 3)
    assert done.exit_code == 0
    assert f"of the plates of the population ({population}) are not read exactly" in done.stderr
    assert "Ж" in json.loads((tmp_path / "m.json").read_text("utf-8"))["symbols"]


def test_progress_is_told_of_every_round() -> None:
    told: list[int] = []
    pairs = [(pw.Read(text=r["text"], engine=r["engine"]), r["truth"]) for r in rows(30, engine="a")]
    pw.ChannelModel.fit(pairs, iterations=9, progress=told.append, from_scratch=True)
    assert told == list(range(1, 9 + 3 + 1))  # the general table's, and a third as many of the engine's
    told.clear()
    pw.ChannelModel.fit(pairs, iterations=9, progress=told.append)
    assert told == list(range(1, 3 + 3 + 1)), "what is refined starts near its end"


def test_help_teaches() -> None:
    text = " ".join(fit("--help").stdout.split())
    for word in ("truth", "--output", "--population", "--camera-reads", "--iterations", "evaluate --fit"):
        assert word in text


def sample(count: int, every: int) -> list[LabelledRead]:
    """Two reads of each plate; one read of one in `every` plates has an 8 for a 3."""
    plates = [f"{i % 90 + 10}가{i:03d}3" for i in range(count)]
    return [
        LabelledRead(pw.Read(text=plate.replace("3", "8") if i % every == 0 and frame else plate, engine="new"), plate)
        for i, plate in enumerate(plates)
        for frame in range(2)
    ]


def test_labels_tell_how_sure_they_are() -> None:
    base = pw.ChannelModel.default()
    reads = sample(40, 4)
    folds: list[set[str]] = []

    def fit(some: Sequence[LabelledRead]) -> pw.ChannelModel:
        folds.append({one.plate for one in some})
        return pw.ChannelModel.fit(map(example, some), base=base, iterations=6)

    sure = held_out(reads, base, fit)
    assert len(folds) == 10
    assert all(len(seen) == 36 for seen in folds), "each plate is judged by a model that has not seen it"
    assert set.intersection(*folds) == set()
    assert sure.plates == 40
    assert sure.misread.value == 10 / 80
    assert 0 < (sure.misread.low or 0) < 10 / 80 < (sure.misread.high or 0) < 0.25
    assert (sure.gain.low or 0) > 0, "an 8 for a 3 is soon learnt"
    assert "; of 40 plates, each held out in turn, it is better by " in sure.in_words()
    same = held_out(reads, base, lambda _: base)
    assert same.gain.value == 0
    worse = held_out(reads, base, lambda _: base.scaled(0.9))
    assert (worse.gain.high or 0) < 0
    assert "WORSE by " in worse.in_words()
    with pytest.raises(pw.PlatewatchError, match="needs 5 plates"):
        held_out(sample(4, 2), base, fit)


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        (Interval(0.2, 0.1, 0.3), "better by 0.20 nats a read (95 %: +0.10 to +0.30) than the model"),
        (Interval(-0.2, -0.3, -0.1), "WORSE by 0.20 nats a read (95 %: -0.30 to -0.10) than the model"),
        (Interval(0.2, -0.1, 0.5), "better by 0.20 nats a read (95 %: -0.10 to +0.50), but these are too few to tell"),
        (
            Interval(-0.2, -0.5, 0.1),
            "not better, but worse by 0.20 nats a read (95 %: -0.50 to +0.10): too few to tell",
        ),
    ],
)
def test_how_sure_it_is_is_told_in_words(gain: Interval, words: str) -> None:
    sure = HeldOut(plates=12, misread=Interval(0.25, 0.1, 0.4), gain=gain)
    told = sure.in_words()
    assert told.startswith("25 % of these reads are not their plate (95 %: 10 to 40); of 12 plates, ")
    assert words in told


def test_few_plates_say_more_the_fewer_they_are(tmp_path: Path) -> None:
    output = tmp_path / "model.json"
    for count, said in ((3, "3 plates cannot tell whether they have helped: label 5 or more\n"), (8, "how sure: ")):
        done = fit("--labelled", write(tmp_path / "few.jsonl", rows(count)), "--output", output, "--iterations", 2)
        assert (done.exit_code, said in done.stderr) == (0, True)
    assert "of 8 plates, each held out in turn" in done.stderr
    many = write(tmp_path / "many.jsonl", rows(FEW + 1))
    assert "how sure" not in fit(many, "--output", output, "--iterations", 1).stderr


@pytest.mark.parametrize("engine", ["slots-old", "tesseract-hangul"])
def test_few_labels_of_an_engine_that_is_not_known_do_no_harm(engine: str) -> None:
    reads = [one for one in few_labels.usable() if one.read.engine == engine or hash_of(one.plate) % 4 == 0]
    for trial in few_labels.trials(reads, engine, (10, 50), 2):
        assert trial.after < trial.before, trial


def hash_of(plate: str) -> int:
    return sum(map(ord, plate))
