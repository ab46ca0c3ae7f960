"""Evaluation: figures that can be worked out by hand, and the command from end to end."""

from __future__ import annotations

import gzip
import json
import math
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import platewatch as pw
from platewatch._core import region_mark
from platewatch.evaluation import Evaluation, LabelledRead, Models, Settings, cross_validated, evaluate, plots, report
from platewatch.evaluation.figures import Bootstrap, Calibration, Calibrator, Rates, Scores, by_pass
from platewatch.evaluation.lists import LookAlikes, look_alike_key, random_plates
from platewatch.evaluation.sample import decode_labelled, fold_of_plates, group_passes, load

READS = Path(__file__).parents[1] / "benchmarks" / "data" / "ocr_reads.jsonl.gz"
SMALL = Settings(hotlist_size=300, draws=6, replicates=50, seed=3)
SHIPPED = Models([pw.ChannelModel.default()], None, "the shipped one")


def labelled(text: str, plate: str, passing: str | None = None) -> LabelledRead:
    return LabelledRead(pw.Read(text=text), plate, passing)


def sample_plates(count: int) -> list[str]:
    return random_plates(np.random.default_rng(0), count)


def rule(evaluation: Evaluation, name: str, view: int = 0) -> tuple[float | None, float | None]:
    found = next(r for r in evaluation.views[view].rules if r.name == name)
    return found.recall.value, found.alarmed.value


def test_a_perfect_recogniser_finds_everything_and_alarms_nobody() -> None:
    evaluation = evaluate([labelled(p, p) for p in sample_plates(40)], SHIPPED, SMALL)
    for name in ("exact", "within 1 edit", "within 2 edits", "look-alikes"):
        assert rule(evaluation, name)[0] == 1
    assert rule(evaluation, "exact") == (1, 0)
    (model,) = evaluation.views[0].models
    assert [point.recall.value for point in model.at_alarm_rates] == [1] * len(model.at_alarm_rates)
    assert model.at_thresholds[0].recall.value == 1
    assert evaluation.listed_plates == 20


def test_recall_of_the_rules_by_hand() -> None:
    # Four plates, all read once: right, one symbol wrong, a look-alike syllable, unreadable. Two are listed in each
    # draw, so that over all draws each is wanted as often as chance has it: the shares are counted the same way here.
    reads = [
        labelled("12가3456", "12가3456"),
        labelled("98나7655", "98나7654"),
        labelled("345라1111", "345다1111"),  # 라 and 다 share their vowel: one edit, and look-alikes
        labelled("--", "56무2222"),
    ]
    settings = Settings(hotlist_size=2, draws=60, replicates=20)
    evaluation = evaluate(reads, SHIPPED, settings)
    plates = sorted(r.plate for r in reads)
    wanted = np.zeros(4)
    for draw in range(settings.draws):
        wanted[np.random.default_rng([settings.seed, 1, draw]).choice(4, 2, replace=False)] += 1
    times = dict(zip(plates, wanted, strict=True))
    exact = times["12가3456"] / wanted.sum()
    alike = exact + times["345다1111"] / wanted.sum()
    one = alike + times["98나7654"] / wanted.sum()
    assert wanted.sum() == 120
    for name, recall in (("exact", exact), ("look-alikes", alike), ("within 1 edit", one)):
        found, alarmed = rule(evaluation, name)
        assert found == pytest.approx(recall)
        assert alarmed == 0


def test_an_innocent_read_that_looks_like_a_listed_plate_is_an_alarm() -> None:
    # Whichever of the two is listed, the other is innocent and one edit away from it.
    reads = [labelled("12가3456", "12가3456"), labelled("12가3457", "12가3457")]
    evaluation = evaluate(reads, SHIPPED, Settings(hotlist_size=1, draws=5, replicates=20))
    assert rule(evaluation, "exact") == (1, 0)
    assert rule(evaluation, "within 1 edit") == (1, 1)
    assert rule(evaluation, "look-alikes") == (1, 0)


def test_passes_are_found_by_any_of_their_reads() -> None:
    reads = []
    for i, plate in enumerate(sample_plates(20)):
        reads += [labelled("9999", plate, f"pass {i}"), labelled(plate, plate, f"pass {i}")]
    evaluation = evaluate(reads, SHIPPED, SMALL, passes=True)
    assert [view.unit for view in evaluation.views] == ["read", "pass"]
    assert [view.units for view in evaluation.views] == [40, 20]
    assert (rule(evaluation, "exact")[0], rule(evaluation, "exact", 1)[0]) == (0.5, 1)
    assert [model.name for model in evaluation.views[1].models] == ["model, best read", "model, fused"]


def test_passes_are_fused_where_the_matcher_can(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def match_pass(self: pw.Matcher, reads: list[pw.Read]) -> list[pw.Match]:
        asked.append(len(reads))
        return self.match(reads[-1])

    monkeypatch.setattr(pw.Matcher, "match_pass", match_pass, raising=False)
    reads = []
    for i, plate in enumerate(sample_plates(20)):
        reads += [labelled("--", plate, f"{i}"), labelled("9999", plate, f"{i}"), labelled(plate, plate, f"{i}")]
    evaluation = evaluate(reads, SHIPPED, SMALL, passes=True)
    fused = evaluation.views[1].models[-1]
    assert fused.name == "model, fused"
    assert fused.at_thresholds[0].recall.value == 1
    assert asked == [2] * 20 * SMALL.draws  # without the read that cannot be matched
    assert evaluation.notes == []


def test_folds_never_share_a_plate() -> None:
    plates = sample_plates(23)
    fold = fold_of_plates(plates * 3, 5, seed=1)
    assert sorted(fold) == sorted(plates)
    sizes = [list(fold.values()).count(f) for f in range(5)]
    assert sorted(sizes) == [4, 4, 5, 5, 5]
    with pytest.raises(pw.PlatewatchError, match="2 plates do not make 3 folds"):
        fold_of_plates(["12가3456", "12가3457"], 3, seed=1)


def test_a_model_has_not_seen_the_plates_it_is_tested_on(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = [labelled(p, p) for p in sample_plates(20) for _ in range(3)]
    learnt: list[set[str]] = []

    def fit(pairs: Any) -> pw.ChannelModel:
        learnt.append({plate for _, plate in pairs})
        return pw.ChannelModel.default()

    monkeypatch.setattr(pw.ChannelModel, "fit", fit)
    models = cross_validated(reads, Settings(folds=4))
    for one in reads:
        assert one.plate not in learnt[models.fold_of(one.plate)]
    assert [len(seen) for seen in learnt] == [15] * 4


def calibrate(p: Any, right: Any, weight: Any = None) -> Calibration:
    count = len(p)
    calibrator = Calibrator(count, floor=0.01)
    weights = np.ones(count) if weight is None else np.asarray(weight, dtype=np.float64)
    calibrator.add(np.asarray(p, dtype=np.float64), np.asarray(right, dtype=np.bool_), weights, np.arange(count))
    return calibrator.result(Bootstrap(count, 50, seed=0))


def test_calibration_of_a_calibrated_toy_and_of_an_overconfident_one() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.01, 1, 20_000)
    right = rng.random(20_000) < p
    honest = calibrate(p, right)
    assert honest.error.value is not None
    assert honest.error.value < 0.015
    assert sum(b.matches for b in honest.bins) == 20_000
    assert {round(b.share, 2) for b in honest.bins} == {0.1}
    # Always 0.9, right in 6 of 10: off by 0.3.
    boastful = calibrate([0.9] * 100, [True] * 60 + [False] * 40)
    assert boastful.error.value == pytest.approx(0.3)
    assert boastful.log_loss.value == pytest.approx(-(0.6 * math.log(0.9) + 0.4 * math.log(0.1)))
    assert boastful.base_rate == pytest.approx(0.6)
    # Innocents weigh ten times: 60 right and 400 wrong.
    weighed = calibrate([0.9] * 100, [True] * 60 + [False] * 40, [1.0] * 60 + [10.0] * 40)
    assert weighed.error.value == pytest.approx(0.9 - 60 / 460)


def test_a_model_that_always_says_0_fails_the_log_loss() -> None:
    right = [True] * 10 + [False] * 990
    silent = calibrate([0.0] * 1000, right)
    assert silent.error.value is None  # nothing said, nothing to be wrong about
    assert silent.matches == 0
    assert silent.log_loss_ratio.value is not None
    assert silent.log_loss_ratio.value > 2
    assert silent.log_loss.value == pytest.approx(silent.zero_log_loss)
    good = calibrate([0.9] * 10 + [0.001] * 990, right)
    assert good.log_loss_ratio.value is not None
    assert good.log_loss_ratio.value < 0.05


def rates(found: list[float], top: list[float]) -> Rates:
    """Of wanted units and innocent ones, each of its own plate, in one draw."""
    units = len(found) + len(top)
    scores = Scores(np.array([found + [0.0] * len(top)]), np.array([[0.0] * len(found) + top]))
    listed = np.array([[True] * len(found) + [False] * len(top)])
    return Rates(scores, listed, np.arange(units), Bootstrap(units, 50, seed=0))


def test_recall_at_an_alarm_rate_by_hand() -> None:
    some = rates([0.9, 0.6, 0.4, 0.0], [0.8, 0.5, 0.5, 0.1, *[0.0] * 6])
    # At most 1 of 10 alarmed: the threshold is the second score, which is not let through itself.
    point = some.at_alarm_rate(0.1)
    assert (point.threshold, point.recall.value, point.alarmed.value) == (0.5, 0.5, 0.1)
    # Of the two scores of 0.5 both are let through, or none.
    assert some.at_alarm_rate(0.2).alarmed.value == 0.1
    assert some.at_alarm_rate(0.3).alarmed.value == 0.3
    assert some.at_alarm_rate(0.3).recall.value == 0.75
    assert some.at_alarm_rate(0.0).recall.value == 0.25
    everything = some.at_alarm_rate(1.0)
    assert (everything.threshold, everything.recall.value, everything.alarmed.value) == (0, 0.75, 0.4)
    at = some.at_threshold(0.5)
    assert (at.recall.value, at.alarmed.value) == (0.5, 0.3)
    curve = some.curve()
    assert curve.alarmed == sorted(curve.alarmed)
    assert (curve.alarmed[0], curve.recall[0], curve.threshold[0]) == (0, 0.25, 0.8)
    assert (curve.alarmed[-1], curve.recall[-1], curve.threshold[-1]) == (0.4, 0.75, 0)


def test_intervals_come_from_plates_not_from_reads() -> None:
    bootstrap = Bootstrap(2, 400, seed=0)
    # One plate always found, the other never: a replicate may hold either twice, however many reads there are.
    interval = bootstrap.ratio(np.array([1000.0, 0.0]), np.array([1000.0, 1000.0]))
    assert (interval.value, interval.low, interval.high) == (0.5, 0, 1)
    assert bootstrap.ratio(np.zeros(2), np.zeros(2)).value is None


def test_by_pass_takes_the_best() -> None:
    scores = Scores(np.array([[0.1, 0.2, 0.3]]), np.array([[0.6, 0.5, 0.4]]))
    best = by_pass(scores, [[0, 2], [1]])
    assert best.found.tolist() == [[0.3, 0.2]]
    assert best.top.tolist() == [[0.6, 0.5]]


def test_random_plates_resemble_the_population() -> None:
    plates = random_plates(np.random.default_rng(5), 20_000)
    assert len(set(plates)) == 20_000
    assert all(pw.normalize(p) == p and pw.parse(p).kind != "unknown" for p in plates)
    marked = sum(bool(region_mark(p)) for p in plates) / 20_000
    eight = sum(len(p) == 8 and not region_mark(p) for p in plates) / 20_000
    assert marked == pytest.approx(0.07, abs=0.01)
    assert eight == pytest.approx(0.75, abs=0.02)
    again = random_plates(np.random.default_rng(5), 20_000, never=set(plates[:5000]))
    assert not set(plates[:5000]) & set(again)


def test_look_alikes() -> None:
    for alike in ("0OQD", "1IL7", "2Z", "5S", "8B3", "6G", "가나강", "주무"):
        assert len({look_alike_key(c) for c in alike}) == 1
    for a, b in combinations("0125869", 2):
        assert look_alike_key(a) != look_alike_key(b)
    assert look_alike_key("가") != look_alike_key("거")
    rule = LookAlikes(["12가3456", "서울52바3108"])
    assert rule.alarms("72나8456")
    assert not rule.alarms("12거3456")
    assert rule.alarms("52바3108")  # the mark was lost
    assert rule.alarms("경기12가3456")  # a mark was read that is not listed
    assert not rule.alarms("경기52바3108")


def test_labelled_reads_and_what_is_wrong_with_the_others() -> None:
    lines = [
        '{"text": "12가3456", "truth": "12 가 3456", "image": "i1", "country": "KR"}',
        "",
        '{"text": "12가3456"}',
        '{"text": "x", "truth": "--"}',
        '{"text": "12거3456", "truth": "99거3456", "image": "i1"}',
        '{"text": "1", "truth": "12가3456", "pass_id": "p", "camera_id": "c1"}',
        '{"text": "2", "truth": "12가3457", "pass_id": "p", "camera_id": "c2"}',
        '{"text": "3", "truth": "12가3457", "pass_id": "p", "camera_id": "c2", "image": "i1"}',
        "{",
    ]
    found, errors = decode_labelled(line.encode() for line in lines)
    assert [(r.plate, r.country) for r in found[:1]] == [("12가3456", "KR")]
    assert [error.row for error in errors] == [3, 4, 5, 9]
    assert "truth" in str(errors[0])
    assert str(errors[1]) == "row 4, truth: no letter or digit"
    assert str(errors[2]) == "row 5, truth: another plate than the other reads of its pass"
    assert group_passes(found) == [[0], [1], [2, 3]]


def reasons(*lines: str | bytes) -> list[str]:
    return [str(error) for error in decode_labelled(as_bytes(line) for line in lines)[1]]


def as_bytes(line: str | bytes) -> bytes:
    return line.encode() if isinstance(line, str) else line


def test_labelled_rows_with_a_byte_order_mark_white_space_or_faults_of_encoding() -> None:
    good = '{"text": "12가3456", "truth": "12가3456"}'
    found, errors = decode_labelled(map(as_bytes, ("\ufeff" + good, f" {good} \r\n", "\ufeff\r\n", good)))
    assert ([r.plate for r in found], errors) == (["12가3456"] * 3, [])
    deep = "[" * 100_000
    assert reasons(b'{"text": "1", "truth": "1\xff"}', b'{"text": "1\xff", "truth": "1"}', f"{deep}", good) == [
        "row 1: not valid UTF-8",
        "row 2: not a JSON object",
        "row 3: Expected `object`, got `array`",
    ]
    assert reasons(f'{{"text": "1", "truth": "1", "x": {deep}') == ["row 1: nested too deeply"]
    assert reasons(
        '{"text": "1", "truth": 5}', '{"text": 5, "truth": "1"}', '{"text": "1", "truth": "1", "image": 5}'
    ) == [
        "row 1, truth: Expected `str`, got `int`",
        "row 2, text: Expected `str`, got `int`",
        "row 3, image: Expected `str | null`, got `int`",
    ]


@pytest.mark.parametrize("mark", ["?", "？", "*", "_", "#", "□", "\ufffd", "…", "[", "(", "½", "①", "ⅷ"])
def test_a_truth_that_somebody_could_not_read_is_no_truth(mark: str) -> None:
    line = json.dumps({"text": "12가3456", "truth": f"12가34{mark}6"}).encode()
    found, errors = decode_labelled([line, b'{"text": "1", "truth": "12-3456"}'])
    assert [str(error) for error in errors] == ["row 1, truth: has a character that is no letter, digit or separator"]
    assert len(found) == 1


@pytest.mark.parametrize(
    "truth", ["12 가-3456", "12.가·3456", "12\t가\u200b3456\n", "１２가－３４５６", "12\u1100\u11613456", "12–가・3456"]
)
def test_separators_and_other_forms_of_characters_are_fine_in_a_truth(truth: str) -> None:
    found, errors = decode_labelled([json.dumps({"text": "1", "truth": truth}).encode()])
    assert ([r.plate for r in found], errors) == (["12가3456"], [])


def seen(second: int | None, plate: str, pass_id: str | None = "7", camera_id: str | None = "c") -> bytes:
    at = None if second is None else f"2026-11-23T09:{second // 60:02}:{second % 60:02}+09:00"
    return json.dumps(
        {"text": "1", "truth": plate, "pass_id": pass_id, "camera_id": camera_id, "time": at, "image": "i"}
    ).encode()


def test_a_pass_id_that_is_used_again_later_is_another_pass() -> None:
    one, other, third = "12가3456", "98나7654", "345다1111"
    rows = [seen(100, other), seen(0, one), seen(30, one), seen(60, one), seen(130, other), seen(161, one)]
    found, errors = decode_labelled(rows)
    assert errors == []
    assert group_passes(found) == [[0, 4], [1, 2, 3], [5]], "each at most 30 s from the next"
    # As before within 30 s, in other cameras, and where a time is missing.
    found, errors = decode_labelled([seen(0, one), seen(20, other), seen(100, third), seen(100, one, camera_id="d")])
    assert [str(error) for error in errors] == ["row 2, truth: another plate than the other reads of its pass"]
    assert group_passes(found) == [[0], [1], [2]]
    found, errors = decode_labelled([seen(0, one), seen(100, other), seen(None, one)])
    assert [error.row for error in errors] == [2]
    assert group_passes(found) == [[0, 1]]
    # An image is one frame, whatever its times.
    found, errors = decode_labelled([seen(0, one, None), seen(100, one, None)])
    assert (errors, group_passes(found)) == ([], [[0, 1]])


def test_bad_rows_are_told_in_their_order() -> None:
    one, other = "12가3456", "98나7654"
    assert [reason[:5] for reason in reasons(seen(0, one), seen(1, other), "{", seen(2, other))] == [
        "row 2",
        "row 3",
        "row 4",
    ]


def test_chars_that_are_ignored_are_told() -> None:
    def with_chars(plate: str, p: float, count: int) -> LabelledRead:
        return LabelledRead(pw.Read(text=plate, chars=tuple(pw.Character(c=c, p=p) for c in plate[:count])), plate)

    plates = sample_plates(4)
    good = [with_chars(plate, 0.9, 99) for plate in plates]
    bad = [with_chars(plates[0], 90, 99), with_chars(plates[1], 0.9, 5)]
    (note,) = evaluate(good + bad, SHIPPED, SMALL).notes
    assert note.startswith("Of 2 of these reads, `chars` do not line up with the text, and were ignored")
    assert evaluate(good, SHIPPED, SMALL).notes == []


def test_too_few_reads_are_an_error() -> None:
    with pytest.raises(pw.PlatewatchError, match="at least two plates"):
        evaluate([labelled("12가3456", "12가3456")], SHIPPED, SMALL)
    with pytest.raises(pw.PlatewatchError, match="all vehicles"):
        evaluate([labelled("12가3456", "12가3456")], SHIPPED, Settings(hotlist_size=10, vehicles=10))
    with pytest.raises(pw.PlatewatchError, match="no read can be matched"):
        evaluate([labelled("-", "12가3456"), labelled("-", "12가3457")], SHIPPED, SMALL)


def test_the_same_seed_gives_the_same_figures() -> None:
    reads = [labelled(p[:-1] + "0", p) for p in sample_plates(30)]
    first, second = (evaluate(reads, SHIPPED, SMALL) for _ in range(2))
    assert first == second
    assert first != evaluate(reads, SHIPPED, msgspec.structs.replace(SMALL, seed=4))


def test_foreign_plates_are_noted() -> None:
    evaluation = evaluate([labelled(p, p) for p in ("AB123CD", "EF456GH", "IJ789KL")], SHIPPED, SMALL)
    assert any("not Korean" in note for note in evaluation.notes)


def test_alarms_per_day_by_hand() -> None:
    point = rates([0.9, 0.9, 0.9, 0.1], [0.9] + [0.0] * 999).at_threshold(0.5)
    wanted, innocent = report.alarms_per_day(point, 1_000_000, 0.01)
    assert wanted == pytest.approx(7500)
    assert innocent == pytest.approx(990)


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "find_spec", lambda name: None)
    with pytest.raises(pw.PlatewatchError, match=re.escape('pip install "platewatch[evaluate]"')):
        plots.require()


def run(*arguments: str, status: int = 0) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "platewatch", "evaluate", *arguments], capture_output=True, check=False
    )
    assert done.returncode == status, done.stderr.decode()
    return done.stdout.decode(), done.stderr.decode()


@pytest.fixture(scope="module")
def some_reads(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("evaluation") / "some.jsonl.gz"
    with gzip.open(READS) as lines, gzip.open(path, "wb") as out:
        out.writelines(line for i, line in enumerate(lines) if i % 10 == 0)
    return str(path)


def test_command_from_end_to_end(some_reads: str, tmp_path: Path) -> None:
    size = ("--hotlist-size", "2000", "--draws", "5", "--country", "KR")
    output = tmp_path / "out"
    out, err = run("--reads", some_reads, "--fit", "--folds", "2", *size, "--passes", "--output", str(output))
    assert "cross-validated in 2 folds of plates" in out
    assert "within 2 edits" in out
    assert "by pass" in out
    assert "expected calibration error" in out
    assert "report.html and 7 more files" in err
    names = ["recall_by_pass", "recall_by_read", "reliability"]
    files = ["report.html", "result.json", *(f"{name}.{kind}" for name in names for kind in ("png", "svg"))]
    assert sorted(path.name for path in output.iterdir()) == sorted(files)
    page = (output / "report.html").read_text("utf-8")
    assert page.count("<svg") == 3
    assert not re.search(r'(src|href)="(?!#)', page)  # nothing is fetched
    assert (output / "reliability.png").read_bytes().startswith(b"\x89PNG")
    result = msgspec.json.decode((output / "result.json").read_bytes(), type=Evaluation)
    found = {rule.name: rule.recall.value for rule in result.views[0].rules}
    assert 0.3 < (found["exact"] or 0) < (found["within 1 edit"] or 0) < (found["within 2 edits"] or 0) < 1
    assert result.calibration.log_loss_ratio.value is not None
    assert result.calibration.log_loss_ratio.value < 0.5


def test_command_as_json_with_a_model_of_ones_own(some_reads: str, tmp_path: Path) -> None:
    model = tmp_path / "model.json"
    pw.ChannelModel.default().save(model)
    few = ("--hotlist-size", "500", "--draws", "2")
    result = json.loads(run("--reads", some_reads, "--model", str(model), *few, "--json")[0])
    assert result["model"] == str(model)
    assert result["settings"]["draws"] == 2
    assert result["reads"] == len(load(Path(some_reads))[0])


def test_command_says_what_is_wrong(some_reads: str, tmp_path: Path) -> None:
    assert "no read of the country 'XX'" in run("--reads", some_reads, "--country", "XX", status=2)[1]
    for option in (("--model", "m.json"), ("--error-rate", "0.1")):
        assert "--fit excludes" in run("--reads", some_reads, "--fit", *option, status=2)[1]
    assert "No such file" in run("--reads", str(tmp_path / "none.jsonl"), status=2)[1]
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"text": "12가3456"}\n' * 12, "utf-8")
    out, err = run("--reads", str(bad), status=2)
    assert "row 1, truth" in err
    assert "12 bad rows left out" in err
    assert "no usable read" in err
    assert "가" not in out + err


@pytest.mark.parametrize("fault", ["cut off", "no such block", "wrong check sum", "no gzip file"])
def test_command_names_a_file_that_cannot_be_unpacked(tmp_path: Path, fault: str) -> None:
    line = b'{"text": "1", "truth": "1"}\n'
    data = bytearray(gzip.compress(line))
    if fault == "cut off":
        del data[-9:]
    elif fault == "no such block":
        data[10] = 0xFF  # the first byte behind the header
    elif fault == "wrong check sum":
        data[-8] ^= 1
    else:
        data = bytearray(line)
    path = tmp_path / "reads.jsonl.gz"
    path.write_bytes(data)
    reason = "the gzip file is cut off" if fault == "cut off" else "no gzip file, or a damaged one"
    assert run("--reads", str(path), status=2) == ("", f"{path}: {reason}\n")


def test_an_output_that_cannot_be_written_is_refused_before_the_run(
    some_reads: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, reason in (("/dev/null", "Not a directory"), (f"{some_reads}/out", "Not a directory")):
        out, err = run("--reads", some_reads, "--draws", "10000", "--output", place, status=2)
        assert (out, err) == ("", f"{place}: {reason}\n")
    out_of_reads = tmp_path / "out"
    assert "no usable read" in run("--reads", "/dev/null", "--output", str(out_of_reads), status=2)[1]
    assert not out_of_reads.exists()
    # That of root, as whom the tests may run, is never refused.
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(PermissionError):
        report.prepare(tmp_path / "made")


def test_command_shows_what_is_left_out_and_what_is_ignored(tmp_path: Path) -> None:
    reads = tmp_path / "reads.jsonl"
    lines = [{"text": plate, "truth": plate, "chars": [{"c": "1", "p": 97}]} for plate in sample_plates(4)]
    lines.append({"text": "12가3456", "truth": "12가34?6"})
    reads.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8-sig")
    out, err = run("--reads", str(reads), "--hotlist-size", "10", "--draws", "1", "--output", str(tmp_path / "out"))
    assert "row 5, truth: has a character that is no letter, digit or separator\n1 bad row left out\n" in err
    assert out.startswith("4 reads of 4 plates")
    note = "Of 4 of these reads, `chars` do not line up with the text, and were ignored: docs/formats.md."
    assert out.endswith(f"{note}\n")
    assert note in (tmp_path / "out" / "report.html").read_text("utf-8")
