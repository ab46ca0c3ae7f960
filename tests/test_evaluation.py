"""Evaluation: figures that can be worked out by hand."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import numpy as np
import pytest

import platewatch as pw
from platewatch._core import region_mark
from platewatch.evaluation import Evaluation, LabelledRead, Models, Settings, cross_validated, evaluate, plots
from platewatch.evaluation.figures import (
    Traffic,
)
from platewatch.evaluation.learning import with_learning
from platewatch.evaluation.lists import LookAlikes, look_alike_key, random_plates
from platewatch.evaluation.results import Confidences
from platewatch.evaluation.sample import folds_of, group_passes, load
from platewatch.probability.population import Population
from tests.evaluations import SHIPPED, SMALL, labelled, rule, sample_plates, town

pytestmark = pytest.mark.timeout(1200)  # against hanging, on the slowest machine

DATA = Path(__file__).parents[1] / "benchmarks" / "data"


def test_a_perfect_recogniser_finds_everything_and_alarms_nobody() -> None:
    evaluation = evaluate([labelled(p, p) for p in sample_plates(40)], SHIPPED, SMALL)
    for name in ("exact", "within 1 edit", "within 2 edits", "look-alikes"):
        assert rule(evaluation, name)[0] == 1
    assert rule(evaluation, "exact") == (1, 0)
    (model,) = evaluation.views[0].models
    assert [point.recall.value for point in model.at_alarm_rates] == [1] * len(model.at_alarm_rates)
    assert model.at_thresholds[0].recall.value == 1
    assert evaluation.listed_plates == 20
    assert (evaluation.missed, evaluation.left_out) == ({}, {})


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

    def match_pass(self: pw.Matcher, reads: list[pw.Read], min_probability: float) -> list[pw.Match]:
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
    fold = folds_of(plates * 3, 5, seed=1)
    assert sorted(fold) == sorted(plates)
    sizes = [list(fold.values()).count(f) for f in range(5)]
    assert sorted(sizes) == [4, 4, 5, 5, 5]
    with pytest.raises(pw.PlatewatchError, match="3 folds need as many plates, and there are 2"):
        folds_of(["12가3456", "12가3457"], 3, seed=1)


def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folds are fitted in order."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0}, raising=False)


def test_when_a_fit_fails_nobody_waits_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1}, raising=False)
    plates = sample_plates(20)
    fold = folds_of(plates, 2, Settings().seed)
    other_has_begun, told = Event(), Event()

    def fit(pairs: Any, population: Population | None, from_scratch: bool, progress: Any) -> pw.ChannelModel:
        if 0 not in {fold[plate] for _, plate in pairs}:
            assert other_has_begun.wait(60)
            raise pw.PlatewatchError("this one fails")
        other_has_begun.set()
        try:
            while True:
                progress(1)
        except CancelledError:
            told.set()
            raise

    monkeypatch.setattr(pw.ChannelModel, "fit", fit)
    with pytest.raises(pw.PlatewatchError, match="this one fails"):
        cross_validated([labelled(p, p) for p in plates], Settings(folds=2))
    assert told.is_set()


def test_a_model_has_not_seen_the_plates_it_is_tested_on(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = [labelled(p, p) for p in sample_plates(20) for _ in range(3)]
    learnt: list[set[str]] = []

    def fit(pairs: Any, population: Population | None, from_scratch: bool, progress: Any) -> pw.ChannelModel:
        assert from_scratch, "the shipped model has seen the project's own reads"
        learnt.append({plate for _, plate in pairs})
        return pw.ChannelModel.default()

    one_by_one(monkeypatch)
    monkeypatch.setattr(pw.ChannelModel, "fit", fit)
    models = cross_validated(reads, Settings(folds=4))
    for one in reads:
        assert one.plate not in learnt[models.fold_of(one)]
    assert [len(seen) for seen in learnt] == [15] * 4


def test_random_plates_resemble_the_population() -> None:
    plates = random_plates(np.random.default_rng(5), 20_000)
    assert len(set(plates)) == 20_000
    assert all(pw.normalize(p) == p for p in plates)
    marked = sum(bool(region_mark(p)) for p in plates) / 20_000
    eight = sum(len(p) == 8 and not region_mark(p) for p in plates) / 20_000
    vehicles = Population.default().vehicles
    assert marked == pytest.approx((1_125_000 + 280_000) / vehicles, abs=0.01)
    assert eight == pytest.approx(21_800_000 / vehicles, abs=0.02)
    assert Population.default().coverage(plates).outside == 0
    again = random_plates(np.random.default_rng(5), 20_000, never=set(plates[:5000]))
    assert not set(plates[:5000]) & set(again)


def test_random_plates_are_those_of_the_population_in_use(tmp_path: Path) -> None:
    population = town(tmp_path)
    plates = random_plates(np.random.default_rng(1), 6000, {"AQ00000"}, population)
    assert len(set(plates)) == 6000
    assert population.coverage(plates).outside == 0
    words = sum(len(plate) == 8 for plate in plates)
    assert words == pytest.approx(2000, abs=200)
    assert sum(plate.startswith("TX") and len(plate) == 8 for plate in plates) == pytest.approx(words / 2, abs=150)
    assert sum(plate[1] == "Q" for plate in plates) == pytest.approx(2000, abs=200)


def test_a_list_cannot_hold_more_plates_than_the_population_has(tmp_path: Path) -> None:
    few = town(tmp_path, classes=[{"vehicles": 5, "positions": ["digit", "AB"]}])
    rng = np.random.default_rng(1)
    assert sorted(random_plates(rng, 20, (), few)) == sorted(f"{a}{b}" for a in "0123456789" for b in "AB")
    with pytest.raises(pw.PlatewatchError, match=r"the population \(.*town.json\) has no more than about 19 plates"):
        random_plates(rng, 20, {"0A"}, few)


def test_classes_without_vehicles_are_drawn_alike(tmp_path: Path) -> None:
    none = town(tmp_path, classes=[{"vehicles": 0, "positions": ["digit"] * 4 + [c]} for c in "AB"])
    plates = random_plates(np.random.default_rng(1), 1000, (), none)
    assert sum(plate.endswith("A") for plate in plates) == pytest.approx(500, abs=100)


def test_the_lists_are_of_the_population_that_matches_are_weighed_against(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    population = town(tmp_path)
    listed: set[str] = set()

    class Listing(LookAlikes):
        def __init__(self, plates: Any) -> None:
            listed.update(plates)
            super().__init__(plates)

    monkeypatch.setattr("platewatch.evaluation.trial.LookAlikes", Listing)
    reads = [labelled(p, p) for p in random_plates(np.random.default_rng(0), 20, (), population)]
    model = pw.ChannelModel.default().with_population(population)
    evaluation = evaluate(reads, Models([model], None, "of the town"), SMALL)
    assert len(listed) > 1000
    assert population.coverage(listed).outside == 0
    assert evaluation.population == population.name
    assert evaluation.notes == []
    look_alikes = next(rule for rule in evaluation.views[0].rules if rule.name == "look-alikes")
    assert look_alikes.explanation == "Equal after folding 0OQD, 1IL7, 2Z, 5S, 8B3, 6G"
    korean = evaluate([labelled(p, p) for p in sample_plates(20)], SHIPPED, SMALL)
    assert korean.views[0].rules[3].explanation.endswith("6G, and every Hangul syllable to its vowel")
    foreign = evaluate([labelled(p, p) for p in sample_plates(20)], Models([model], None, "of the town"), SMALL)
    assert foreign.notes[0].startswith("As 100 % of the sample's plates are of no class of the population (")


def test_models_that_are_fitted_have_the_population(tmp_path: Path) -> None:
    population = town(tmp_path)
    reads = [labelled(p, p) for p in random_plates(np.random.default_rng(0), 12, (), population)]
    models = cross_validated(reads, Settings(folds=2), population=population)
    assert [model.population for model in models.by_fold] == [population] * 2
    assert models.name.endswith(f"in 2 folds of plates, among the vehicles of {population.name}")


def test_reads_that_show_nothing_count_as_missed() -> None:
    plates = sample_plates(40)
    texts = [*plates[:18], *[""] * 20, "1" * 17, "--"]  # 18 of 40 are read
    reads = [LabelledRead(pw.Read(text=text), plate) for text, plate in zip(texts, plates, strict=True)]
    evaluation = evaluate(reads, SHIPPED, msgspec.structs.replace(SMALL, draws=200), left_out={"no truth": 3})
    assert (evaluation.reads, evaluation.plates) == (40, 40)
    assert rule(evaluation, "exact")[0] == pytest.approx(0.45, abs=0.01)
    assert evaluation.missed == {"nothing was read": 21, "what was read cannot be matched": 1}
    assert evaluation.left_out == {"no truth": 3}


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


def test_chars_that_are_ignored_are_told() -> None:
    def with_chars(plate: str, p: float, count: int) -> LabelledRead:
        return LabelledRead(pw.Read(text=plate, chars=tuple(pw.Character(c=c, p=p) for c in plate[:count])), plate)

    plates = sample_plates(4)
    good = [with_chars(plate, 0.9, 99) for plate in plates]
    bad = [with_chars(plates[0], 900, 99), with_chars(plates[1], 0.9, 5)]
    (note,) = evaluate(good + bad, SHIPPED, SMALL).notes
    assert note.startswith("Of 2 of these reads, `chars` do not line up with the text, and were ignored")
    assert evaluate(good, SHIPPED, SMALL).notes == []


def grades(evaluation: Evaluation, view: int = 0) -> dict[str, tuple[float | None, float | None]]:
    by_grade = evaluation.views[view].models[-1].by_grade
    return {name: (point.recall.value, point.alarmed.value) for name, point in by_grade.items()}


def test_grades_are_those_of_the_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    # Of forty plates a half is read exactly, and nothing is as probable as the policy asks: what is exact is a check.
    plates = sample_plates(40)
    reads = [labelled(p if i % 2 else "9999", p, f"{i}") for i, p in enumerate(plates)]
    many = msgspec.structs.replace(SMALL, draws=100)
    strict = msgspec.structs.replace(many, notify=1.0, check=1.0)
    found = grades(evaluate(reads, SHIPPED, strict, passes=True))
    assert found["notify"] == (0, 0)
    assert found["check"] == found["notify or check"]
    assert found["check"][0] == pytest.approx(0.5, abs=0.05)
    assert found["check"][1] == 0
    # As shipped, an exact read is near certain.
    evaluation = evaluate(reads, SHIPPED, many, passes=True)
    assert grades(evaluation)["notify"] == grades(evaluation)["notify or check"] == found["check"]
    assert grades(evaluation)["check"] == (0, 0)
    assert grades(evaluation, 1) == grades(evaluation)
    by_grade = evaluation.views[0].models[0].by_grade
    assert {name: point.threshold for name, point in by_grade.items()} == {
        "notify": many.notify,
        "check": many.check,
        "notify or check": many.check,
    }


def test_traffic_is_as_said_or_as_vehicles_are() -> None:
    reads = [labelled(p, p, f"{i // 2}") for i, p in enumerate(p for p in sample_plates(20) for _ in range(2))]
    settings = Settings(hotlist_size=300, draws=2, replicates=20, vehicles=30_000, reads_per_day=50_000)
    evaluation = evaluate(reads, SHIPPED, settings, passes=True)
    assert [(v.traffic.wanted, v.traffic.innocent) for v in evaluation.views] == [(500, 49_500), (250, 24_750)]
    by_read, by_pass = (view.models[-1].by_grade["notify"].alarms for view in evaluation.views)
    assert (by_read.right.value, by_pass.right.value) == (500, 250)
    exact = evaluation.views[0].rules[0].alarms
    assert (exact.right.value, exact.wrong.value, exact.precision.value) == (500, 0, 1)
    rare = evaluate(reads, SHIPPED, msgspec.structs.replace(settings, wanted_per_day=5))
    assert rare.views[0].traffic == Traffic(5, 49_995)
    assert rare.views[0].rules[0].alarms.right.value == 5
    # Calibration is of the same traffic: of two plates that are alike, one is innocent.
    alike = [labelled("12가3456", "12가3456"), labelled("12가3457", "12가3457")]
    two = msgspec.structs.replace(settings, hotlist_size=1, vehicles=100)
    assert evaluate(alike, SHIPPED, two).calibration.base_rate == pytest.approx(1 / 100)
    two = msgspec.structs.replace(two, wanted_per_day=5)
    assert evaluate(alike, SHIPPED, two).calibration.base_rate == pytest.approx(5 / 50_000)
    for bad in (0, 50_000):
        with pytest.raises(pw.PlatewatchError, match="are not some of 50,000 a day"):
            evaluate(reads, SHIPPED, msgspec.structs.replace(settings, wanted_per_day=bad))
    with pytest.raises(pw.ConfigError, match="check"):
        evaluate(reads, SHIPPED, msgspec.structs.replace(settings, check=0.9))


def of_engine(engine: str | None, plate: str, text: str, image: int | None = None) -> LabelledRead:
    passing = None if image is None else str(image)
    return LabelledRead(pw.Read(text=text, engine=engine, camera_id=f"c{plate[-1]}"), plate, passing)


def test_an_engine_that_is_left_out_is_judged_as_unknown_by_what_others_do(monkeypatch: pytest.MonkeyPatch) -> None:
    plates = sample_plates(12)
    engines = ["a", "b", None]
    reads = [of_engine(engine, plate, plate, i) for i, plate in enumerate(plates) for engine in engines]
    learnt: list[list[str | None]] = []

    def fit(pairs: Any, population: Population | None, from_scratch: bool, progress: Any) -> pw.ChannelModel:
        learnt.append([read.engine for read, _ in pairs])
        return pw.ChannelModel.default()

    one_by_one(monkeypatch)
    monkeypatch.setattr(pw.ChannelModel, "fit", fit)
    models = cross_validated(reads, Settings(), leave_out="engine")
    assert models.name.startswith("fitted on these reads, cross-validated in 3 folds of engines: each read is judged")
    for one in reads:
        seen = learnt[models.fold_of(one)]
        assert one.read.engine not in seen
        assert set(seen) | {one.read.engine} == set(engines)
    asked: list[str | None] = []
    match_batch = pw.Matcher.match_batch

    def watched(self: pw.Matcher, reads: Any, **options: Any) -> Any:
        asked.extend(read.engine for read in reads)
        return match_batch(self, reads, **options)

    monkeypatch.setattr(pw.Matcher, "match_batch", watched)
    evaluation = evaluate(reads, models, SMALL, passes=True)
    assert set(asked) == {None}
    assert evaluation.passes == 36, "of an image, what other engines read is another pass"
    with pytest.raises(pw.PlatewatchError, match="2 folds need as many engines, and there are 1"):
        cross_validated(reads[::3], Settings(), leave_out="engine")


def misread_by(engine: str, plates: list[str]) -> list[LabelledRead]:
    """Three frames of each vehicle; every third vehicle's second frame has an 8 for a 3."""
    return [
        LabelledRead(
            pw.Read(text=plate.replace("3", "8") if i % 3 == 0 and frame == 1 else plate, engine=engine, camera_id="c"),
            plate,
            f"{engine}{i}",
        )
        for i, plate in enumerate(plates)
        for frame in range(3)
    ]


def test_what_unlabelled_reads_teach_is_judged_beside_what_was_known() -> None:
    plates = sample_plates(60)
    sample = misread_by("new", plates[:40]) + misread_by("other", plates[40:])
    known = msgspec.structs.replace(evaluate(sample, SHIPPED, SMALL, passes=True), notes=["kept"])
    evaluation = with_learning(known, sample, SHIPPED, [1000, 60, 5000])
    assert (evaluation.notes, evaluation.views) == (["kept"], known.views)
    none, some, every = evaluation.learnt
    assert [(learnt.asked, learnt.reads, learnt.passes) for learnt in evaluation.learnt] == [
        (0, 0, 0),
        (60, 60, 20),
        (1000, 180, 60),
    ], "there are no 1,000, and 5,000 would be the same again"
    assert none.log_loss_ratio == known.calibration.log_loss_ratio
    assert [rates.name for rates in none.rates] == ["model", "model, best read", "model, fused"]
    by_read = known.views[0].models[0]
    assert none.rates[0].at_alarm_rates == by_read.at_alarm_rates[:2]
    assert [point.threshold for point in none.rates[0].at_thresholds] == [0.5, 0.9]
    # It has found out how seldom they misread, and what.
    losses = [learnt.log_loss_ratio.value or 0 for learnt in (none, some, every)]
    assert losses[2] < losses[0]


def test_no_truth_is_looked_at_in_learning(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = misread_by("new", sample_plates(10))
    seen: list[Any] = []

    def fit(passes: Any, base: pw.ChannelModel, population: Population, camera_reads: int | None) -> pw.ChannelModel:
        seen.append((passes, base, camera_reads))
        return base

    known = evaluate(sample, SHIPPED, SMALL)
    monkeypatch.setattr(pw.ChannelModel, "fit", fit)
    with_learning(known, sample, replace(SHIPPED, unnamed=True), [30], camera_reads=7)
    ((passes, base, camera_reads),) = seen
    assert (base, camera_reads) == (pw.ChannelModel.default(), 7)
    assert sorted(map(len, passes)) == [3] * 10
    assert {(read.engine, read.pass_id) for one in passes for read in one} == {(None, None)}
    assert Counter(read.text for one in passes for read in one) == Counter(one.read.text for one in sample)


def test_each_fold_learns_of_the_traffic_that_it_is_judged_on(monkeypatch: pytest.MonkeyPatch) -> None:
    plates = sample_plates(20)
    sample = misread_by("a", plates[:10]) + misread_by("b", plates[10:])
    models = Models([pw.ChannelModel.default()] * 2, {"a": 0, "b": 1}, "two", left_out="engine")
    seen: list[set[str]] = []

    def fit(passes: Any, base: pw.ChannelModel, **options: Any) -> pw.ChannelModel:
        seen.append({read.text for one in passes for read in one})
        return base

    known = evaluate(sample, models, SMALL)
    one_by_one(monkeypatch)
    monkeypatch.setattr(pw.ChannelModel, "fit", fit)
    (_, learnt) = with_learning(known, sample, models, [1000]).learnt
    assert learnt.reads == 60
    assert seen == [{one.read.text for one in part} for part in (sample[:30], sample[30:])]


def test_what_confidences_are_worth_is_told_of_each_engine_that_is_left_out() -> None:
    """Of one engine they tell which symbols are wrong; another says of right and wrong ones what the first does not."""
    plates = sample_plates(60)

    def reads(engine: str, doubt: Callable[[bool], float], in_whole: bool = False) -> list[LabelledRead]:
        found = []
        for i, plate in enumerate(plates):
            text = plate[:-1] + ("8" if i % 2 else plate[-1])
            chars = [pw.Character(c=c, p=doubt(c == of_plate)) for c, of_plate in zip(text, plate, strict=True)]
            whole = doubt(text == plate) if in_whole else None
            found.append(LabelledRead(pw.Read(text=text, chars=tuple(chars), engine=engine, confidence=whole), plate))
        return found

    def telling(is_right: bool) -> float:
        return 0.99 if is_right else 0.3

    def rows(in_whole: bool = False, **options: Callable[[bool], float]) -> list[Confidences]:
        sample = [read for engine, doubt in options.items() for read in reads(engine, doubt, in_whole)]
        models = cross_validated(sample, SMALL, leave_out="engine")
        return evaluate(sample, models, SMALL).confidences

    both = rows(a=telling, b=telling)
    assert [(one.engine, one.reads) for one in both] == [("a", 60), ("b", 60), ("all", 120)]
    for one in both:
        assert one.log_loss.value is not None
        assert one.without.value is not None
        assert one.log_loss.value < 0.9 * one.without.value
        assert one.ratio.value == pytest.approx(one.log_loss.value / one.without.value)
    assert rows(in_whole=True, a=telling, b=telling) == both, "and what is said of the whole does not count without"
    deceived = rows(a=telling, b=lambda is_right: 0.3 if is_right else 0.99)
    assert (deceived[1].ratio.value or 0) > 1, "it is told where they hurt"
    assert evaluate(reads("a", telling), SHIPPED, SMALL).confidences == [], "no engine was left out"


@pytest.mark.parametrize("name", ["plate_reads", "ocr_reads"])
def test_confidences_hurt_no_engine_that_the_model_does_not_know(name: str) -> None:
    reads, _ = load(DATA / f"{name}.jsonl.gz")
    chosen = [reads[place] for places in group_passes(reads)[::3] for place in places]
    settings = msgspec.structs.replace(SMALL, hotlist_size=3000)
    *engines, every = evaluate(chosen, cross_validated(chosen, settings, leave_out="engine"), settings).confidences
    assert len(engines) >= 5
    assert (every.ratio.value or 1) < 0.9
    for one in engines:  # of few reads, nothing more can be said
        assert (one.ratio.low or 1) < 1, one.engine


def test_cameras_that_are_left_out_share_folds_and_keep_their_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = [of_engine("a", f"12가345{i % 8}", "12가3456") for i in range(24)]
    learnt: list[set[str | None]] = []

    def fit(pairs: Any, population: Population | None, from_scratch: bool, progress: Any) -> pw.ChannelModel:
        learnt.append({read.camera_id for read, _ in pairs})
        return pw.ChannelModel.default()

    one_by_one(monkeypatch)
    monkeypatch.setattr(pw.ChannelModel, "fit", fit)
    models = cross_validated(reads, Settings(folds=4), leave_out="camera")
    assert [len(cameras) for cameras in learnt] == [6] * 4
    assert all(one.read.camera_id not in learnt[models.fold_of(one)] for one in reads)
    assert models.asked(reads[0]).engine == "a"
    assert models.name == "fitted on these reads, cross-validated in 4 folds of cameras"


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
    (note,) = evaluation.notes
    assert note.startswith("As 3 of the sample's 3 plates are of no class of the population (Korea's), and the random ")
    assert evaluate([labelled(p, p) for p in sample_plates(3)], SHIPPED, SMALL).notes == []


def test_a_sample_of_another_mix_is_noted() -> None:
    taxis = [f"서울3{n % 10}바{1000 + n}" for n in range(40)]
    (note,) = evaluate([labelled(p, p) for p in taxis], SHIPPED, SMALL).notes
    assert note.startswith("As 100 % of the sample's plates are of the class \"taxis, and old regional plates of their")
    assert note.endswith("List, reads and population should be of one mix.")
    assert evaluate([labelled(p, p) for p in sample_plates(40)], SHIPPED, SMALL).notes == []


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "find_spec", lambda name: None)
    with pytest.raises(pw.PlatewatchError, match=re.escape('pip install "platewatch[evaluate]"')):
        plots.require()
