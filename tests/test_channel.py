"""The channel model: learnt from reads, kept as JSON, and able to say why."""

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import platewatch as pw
from platewatch import _core
from platewatch.probability.population import Population


def character(c: str, p: float, *alts: tuple[str, float]) -> pw.Character:
    return pw.Character(c=c, p=p, alts=((c, p), *alts))


@pytest.fixture(scope="module")
def model() -> pw.ChannelModel:
    return pw.ChannelModel.default()


def test_default_knows_its_engines_and_prefers_what_was_read(model: pw.ChannelModel) -> None:
    assert "tesseract-kor" in model.engines
    plates = ("12가3456", "12거3456", "12거3465")
    right, near, far = (model.scoring.log_likelihood("12가3456", plate, "tesseract-kor") for plate in plates)
    assert far < near < right < 0


def test_an_engine_nobody_fitted_gets_the_general_table(model: pw.ChannelModel) -> None:
    general = model.scoring.log_likelihood("12거3456", "12가3456")
    assert model.scoring.log_likelihood("12거3456", "12가3456", "brand-new") == general
    assert model.scoring.log_likelihood("12거3456", "12가3456", "ppocr-v6") != general


def test_an_engines_own_model_says_of_its_reads_what_the_whole_one_says(model: pw.ChannelModel) -> None:
    own = model.of_engine("ctc")
    assert own.engines == []
    read = pw.Read(text="12거3456", chars=tuple(character(c, 0.8) for c in "12거3456"), engine="ctc")
    plates = ["12가3456", "12거3466"]
    assert pw.Matcher(plates, model=own).match(read) == pw.Matcher(plates, model=model).match(read)
    general = pw.Read(text=read.text, chars=read.chars)
    assert pw.Matcher(plates, model=own).match(general) != pw.Matcher(plates, model=model).match(general)
    with pytest.raises(pw.ModelError, match="nobody: is not among the model's engines: ctc"):
        model.of_engine("nobody")


def test_a_lost_region_mark_is_one_event(model: pw.ChannelModel) -> None:
    explanation = model.explain("12바3456", "서울12바3456")
    assert explanation.events[0].kind == "region loss"
    assert (explanation.events[0].plate, explanation.events[0].read) == ("서울", "")
    assert [event.kind for event in explanation.events[1:]] == ["right"] * 7


def test_explanation_adds_up(model: pw.ChannelModel) -> None:
    explanation = model.explain("12거3456", "12가3456")
    assert "".join(event.plate for event in explanation.events) == "12가3456"
    assert "".join(event.read for event in explanation.events) == "12거3456"
    assert [event.kind for event in explanation.events].count("wrong") == 1
    # The likeliest way has a part in all ways together, and here most of it.
    way = explanation.log_frame + sum(event.log_probability for event in explanation.events)
    assert explanation.log_likelihood - 0.5 < way < explanation.log_likelihood


@pytest.mark.parametrize("read", ["12가3456", "12거3456", "1234567", "12바3456", "9999999999", "서울12바3456"])
@pytest.mark.parametrize("plate", ["12가3456", "서울12바3456", "12바3457"])
def test_explanation_weighs_as_the_matcher_does(model: pw.ChannelModel, read: str, plate: str) -> None:
    explanation = model.explain(read, plate)
    odds = math.exp(explanation.log_likelihood - explanation.log_others)
    assert explanation.probability == pytest.approx(odds / (1 + odds), rel=1e-9)
    if matches := pw.Matcher(pw.Hotlist.from_plates([plate]), max_edits=3, model=model).match(read):
        assert explanation.probability == matches[0].probability
        assert explanation.log_likelihood == matches[0].log_likelihood
    if read.startswith("서울") and not plate.startswith("서울"):
        return
    own = model.scoring.registered(plate) * math.exp(explanation.log_likelihood)
    background = math.exp(explanation.log_background)
    assert math.exp(explanation.log_others) == pytest.approx(background - own, rel=1e-6)


def test_a_mark_that_the_list_lacks_is_explained(model: pw.ChannelModel) -> None:
    omitted = model.explain("서울12바3456", "12바3456")
    assert (omitted.events[0].kind, omitted.events[0].log_probability) == ("mark omitted", -math.log(2))
    assert "".join(event.plate for event in omitted.events) == "서울12바3456"
    way = omitted.log_frame + sum(event.log_probability for event in omitted.events)
    assert omitted.log_likelihood - 0.5 < way < omitted.log_likelihood
    assert omitted.probability > 0.9


def test_no_error_of_a_wrong_plate_quotes_the_read(model: pw.ChannelModel) -> None:
    calls: list[Callable[[], object]] = [
        lambda: model.explain("99하9999", 1),  # type: ignore[arg-type]
        lambda: model.scoring.weigh("99하9999", 1),
        lambda: model.scoring.log_likelihood("99하9999", 1),
        lambda: model.scoring.log_posterior_of_pass(["99하9999"], 1, 0.5),
        lambda: pw.ChannelModel.fit([("99하9999", 1)]),  # type: ignore[list-item]
    ]
    for call in calls:
        with pytest.raises((TypeError, pw.PlatewatchError)) as caught:
            call()
        assert "9999" not in str(caught.value)


def test_a_pattern_is_not_explained(model: pw.ChannelModel) -> None:
    with pytest.raises(pw.PlatewatchError, match="plate: is a pattern"):
        model.explain("12가3456", "12?3456")


def test_what_is_weighed_against_a_plate_by_hand(model: pw.ChannelModel) -> None:
    # Of an exact read, most of the background is the plate itself.
    explanation = model.explain("12가3456", "12가3456")
    assert explanation.log_others < explanation.log_background - 1
    assert model.explain("12거3456", "12가3456").log_others == pytest.approx(
        model.explain("12거3456", "12가3456").log_background, abs=0.01
    )


def test_a_frame_is_the_noisier_the_more_is_wrong(model: pw.ChannelModel) -> None:
    right, near, far = (model.explain(read, "12가3456") for read in ("12가3456", "12거3456", "72거345"))
    assert 0 < right.noisy < near.noisy < far.noisy < 1
    assert (right.frame, far.frame) == ("clear", "bad")
    assert [frame.quality for frame in right.frames] == ["clear", "fair", "poor", "bad"]
    for explanation in (right, near, far):
        assert math.fsum(frame.share for frame in explanation.frames) == pytest.approx(1, abs=0.001)
        assert math.fsum(frame.probability for frame in explanation.frames) == pytest.approx(1)
    rates = [frame.error_rate for frame in right.frames]
    assert rates == sorted(rates)
    # The shipped shares are rounded to four digits.
    of_all = math.fsum(frame.share * frame.error_rate for frame in right.frames)
    assert model.error_rate == pytest.approx(of_all, rel=1e-3)


def test_an_exact_read_is_near_certain_and_a_possible_neighbour_is_not(model: pw.ChannelModel) -> None:
    assert model.explain("123가4567", "123가4567").probability > 0.9
    assert model.explain("123가4567", "123가4568").probability < 0.01
    # No vehicle can have this read as its plate, so its neighbour explains it well.
    impossible = model.explain("123차4567", "123자4567")
    assert impossible.probability > model.explain("123가4567", "123자4567").probability


def test_a_read_without_its_syllable_is_shared_by_the_plates_that_may_have_lost_it(model: pw.ChannelModel) -> None:
    assert 0.01 < model.explain("1234567", "123가4567").probability < 0.5


def test_doubt_and_alternatives_speak_for_another_plate(model: pw.ChannelModel) -> None:
    def read(p: float, *alts: tuple[str, float]) -> pw.Read:
        sure = [character(c, 0.98) for c in "12"]
        rest = [character(c, 0.98) for c in "3456"]
        return pw.Read(text="12거3456", chars=(*sure, character("거", p, *alts), *rest), engine="tesseract-kor")

    sure = model.explain(read(0.98), "12가3456").probability
    doubtful = model.explain(read(0.3), "12가3456").probability
    alternative = model.explain(read(0.3, ("가", 0.25)), "12가3456").probability
    assert sure < doubtful < alternative


def test_a_syllable_listed_for_the_next_character_speaks_for_the_one_before(model: pw.ChannelModel) -> None:
    def read(at_9: str) -> pw.Read:
        """As 4 in place of the syllable, and something among the alternatives of the 9 behind it."""
        chars = [character(c, 0.97) for c in "12349876"]
        chars[3:5] = character("4", 0.8), character("9", 0.95, (at_9, 0.02))
        return pw.Read(text="12349876", chars=tuple(chars), engine="tesseract-hangul")

    def gain(plate: str) -> float:
        return model.scoring.log_likelihood(read("나"), plate) - model.scoring.log_likelihood(read("8"), plate)

    assert gain("123나9876") > 1
    assert gain("123나9876") > gain("123너9876") + 1


def test_chars_that_do_not_line_up_are_ignored() -> None:
    read = pw.Read(text="12가3456", chars=(character("1", 0.9), character("2", 0.9)))
    assert _core.read_evidence(read) == [(c, None, None) for c in "12가3456"]
    thousandths = pw.Read(text="1A", chars=(character("1", 930.0), character("A", 950.0)))
    assert _core.read_evidence(thousandths) == [("1", None, None), ("A", None, None)]


def test_percent_are_shares(model: pw.ChannelModel) -> None:
    def read(whole: float) -> pw.Read:
        return pw.Read(
            text="12거3456",
            chars=tuple(character(c, 0.96 * whole, ("가", 0.03 * whole)) for c in "12거3456"),
        )

    assert model.explain(read(100), "12가3456") == model.explain(read(1), "12가3456")
    sure = [pw.Read(text="12거3456", confidence=p) for p in (0.75, 75)]
    assert model.explain(sure[0], "12가3456") == model.explain(sure[1], "12가3456")
    listed = [
        pw.Read(text="12거3456", candidates=(pw.Candidate("12가3456", 0.5 * p), pw.Candidate("12거3456", 0.01 * p)))
        for p in (1, 100)
    ]
    assert model.explain(listed[0], "12가3456") == model.explain(listed[1], "12가3456")


def test_a_confidence_in_the_whole_is_explained(model: pw.ChannelModel) -> None:
    read = pw.Read(text="12가3456", confidence=0.999)
    told = model.explain(read, "12가3456")
    assert told.events[0].kind == "confidence"
    assert told.probability > model.explain("12가3456", "12가3456").probability
    way = told.log_frame + math.fsum(event.log_probability for event in told.events)
    assert way <= told.log_likelihood < way + 0.7  # the other ways add to it


def test_evidence_keeps_the_marks_that_normalisation_drops() -> None:
    read = pw.Read(text="1- 2", chars=(character("1", 0.5, ("7", 0.25)), character("-", 0.5), character("2", 0.75)))
    assert _core.read_evidence(read) == [("1", 0.5, [("7", 0.25)]), ("-", 0.5, []), ("2", 0.75, [])]
    assert _core.read_evidence("1-２ ?") == [("1", None, None), ("-", None, None), ("2", None, None), ("?", None, None)]
    assert _core.read_evidence("-" * 40 + "12") == [("1", None, None), ("2", None, None)]


def test_a_mark_in_place_of_the_syllable_tells_where_it_was_lost(model: pw.ChannelModel) -> None:
    lost, marked = (model.explain(read, "123가4567").probability for read in ("1234567", "123=4567"))
    assert marked > lost


def test_the_error_rate_is_the_share_of_plates_not_read_exactly() -> None:
    # A fifth of the plates have an error. With no other smoothed in, that is what the model must say.
    rng = random.Random(7)
    plates = [f"{rng.randrange(100):02d}가{rng.randrange(10_000):04d}" for _ in range(2000)]
    pairs = [(p[:-1] + str((int(p[-1]) + 1) % 10) if i % 5 == 0 else p, p) for i, p in enumerate(plates)]
    everyone = {"name": "all", "vehicles": 1, "words": [], "words_may_be_lost": False, "blocks_in_use": 1}
    positions = [{"0123456789": 1.0}] * 2 + [{"가": 1.0}] + [{"0123456789": 1.0}] * 4
    nothing = {"density": 0, "symbols": "", "least": 1, "most": 0}
    population = Population({"clutter": 0.01, "generic": nothing, "classes": [everyone | {"positions": positions}]})
    model = pw.ChannelModel.fit(pairs, from_scratch=True).with_population(population)
    assert model.error_rate == pytest.approx(0.2, abs=0.05)
    # All ways to read the plate exactly, summed by the core: the one that counts is the one without an error.
    exact = [math.exp(model.scoring.log_likelihood(p, p)) for p in plates]
    assert 1 - math.fsum(exact) / len(exact) == pytest.approx(model.error_rate, abs=0.01)


@pytest.mark.parametrize("rate", [1e-4, 0.02, 0.3, 0.9])
def test_a_scaled_model_has_the_error_rate(model: pw.ChannelModel, rate: float, tmp_path: Path) -> None:
    scaled = model.scaled(rate)
    assert scaled.error_rate == pytest.approx(rate, rel=1e-6)
    assert (scaled.engines, scaled.frame_weight) == (model.engines, model.frame_weight)
    scaled.save(tmp_path / "scaled.json")
    assert pw.ChannelModel.load(tmp_path / "scaled.json").error_rate == pytest.approx(rate, rel=0.01)


def test_scaling_to_its_own_rate_changes_nothing(model: pw.ChannelModel) -> None:
    same = model.scaled(model.error_rate)
    back = model.scaled(0.02).scaled(model.error_rate)
    for engine in ("", *model.engines):
        for plate in ("12가3456", "12거3456", "서울12거3456", "123가4567"):
            expected = model.scoring.log_likelihood("12가3456", plate, engine)
            # The shipped rates are rounded to four digits.
            assert same.scoring.log_likelihood("12가3456", plate, engine) == pytest.approx(expected, abs=0.002)
            assert back.scoring.log_likelihood("12가3456", plate, engine) == pytest.approx(expected, abs=0.002)


def test_the_better_a_camera_the_less_does_one_edit_say(model: pw.ChannelModel) -> None:
    rates = (0.005, 0.02, 0.1, 0.3)
    for engine in (None, "tesseract-kor"):
        read = pw.Read(text="12거3456", engine=engine)
        near = [model.scaled(rate).explain(read, "12가3456").probability for rate in rates]
        assert near == sorted(near)
        assert near[-1] > 10 * near[0]
    exact = [model.scaled(rate).explain("12가3456", "12가3456").probability for rate in rates]
    assert exact == sorted(exact, reverse=True)


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, 1.5, math.nan])
def test_an_error_rate_that_cannot_be_is_refused(model: pw.ChannelModel, rate: float) -> None:
    with pytest.raises(pw.ModelError, match="error_rate: is not above 0 and below 1"):
        model.scaled(rate)


def test_fit_learns_what_a_camera_confuses(tmp_path: Path) -> None:
    # This camera reads every fourth 가 as 하, and 나 always right.
    pairs = [(f"{i:02d}{'하' if i % 4 == 0 else '가'}34{i:02d}", f"{i:02d}가34{i:02d}") for i in range(100)]
    pairs += [(f"{i:02d}나34{i:02d}", f"{i:02d}나34{i:02d}") for i in range(100)]
    learnt = pw.ChannelModel.fit(pairs, from_scratch=True)
    scoring = learnt.scoring
    assert scoring.log_likelihood("12하3412", "12가3412") > scoring.log_likelihood("12하3412", "12나3412") + 2
    learnt.save(tmp_path / "model.json")
    again = pw.ChannelModel.load(tmp_path / "model.json").scoring.log_likelihood("12하3412", "12가3412")
    assert again == pytest.approx(scoring.log_likelihood("12하3412", "12가3412"), abs=0.01)


def test_fit_needs_reads() -> None:
    with pytest.raises(pw.PlatewatchError, match="no read"):
        pw.ChannelModel.fit([("---", "12가3456")])


def changed(path: Path, model: pw.ChannelModel, change: Callable[[dict[str, Any]], object]) -> pw.ModelError:
    """What is said of the model's file after such a change."""
    model.save(path)
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(pw.ModelError) as caught:
        pw.ChannelModel.load(path)
    return caught.value


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"format": 1}', '{"format": "platewatch channel model 1"}', b"\xff\xfe{"]
)
def test_other_files_are_refused(tmp_path: Path, text: str | bytes) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(pw.ModelError, match="is not a platewatch channel model 4"):
        pw.ChannelModel.load(path)
    with pytest.raises(FileNotFoundError):
        pw.ChannelModel.load(tmp_path / "nowhere.json")


def test_nesting_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("[" * 200_000, encoding="utf-8")
    with pytest.raises(pw.ModelError, match="is not a platewatch channel model 4: it is nested too deeply"):
        pw.ChannelModel.load(tmp_path / "bad.json")


def test_a_key_that_is_there_twice_is_refused(model: pw.ChannelModel, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    model.save(path)
    path.write_text(path.read_text(encoding="utf-8")[:-1] + ', "frame_weight": 0.5}', encoding="utf-8")
    with pytest.raises(pw.ModelError, match="frame_weight: is there more than once"):
        pw.ChannelModel.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(frame_weight=0), "frame_weight: is not above 0 and at most 1"),
        (lambda d: d.update(frame_weight=1.01), "frame_weight: is not above 0 and at most 1"),
        (lambda d: d.update(frame_weight=math.nan), "frame_weight: is not above 0 and at most 1"),
        (lambda d: d.update(frame_weight="1"), "frame_weight: is not above 0 and at most 1"),
        (lambda d: d.update(frame_weight=True), "frame_weight: is not above 0 and at most 1"),
        (lambda d: d.pop("frame_weight"), "frame_weight: is not above 0 and at most 1"),
        (lambda d: d.pop("symbols"), "symbols: is not a text"),
        (lambda d: d.update(symbols=5), "symbols: is not a text"),
        (lambda d: d.update(symbols=d["symbols"][:-1] + "\udfff"), "symbols: is not valid Unicode"),
        (lambda d: d["engines"].update({"\ud800": {}}), "the key '\\ud800' is not valid Unicode"),
        (lambda d: d.update(cameras={"\ud800": {}}), "the key '\\ud800' is not valid Unicode"),
        (lambda d: d.update(symbols=d["symbols"][::-1]), "the general table: symbols and bin edges of a channel"),
        (lambda d: d.pop("general"), "the general table: is not an object"),
        (lambda d: d.pop("engines"), "engines: is not an object"),
        (lambda d: d["engines"].update(x=5), "engine 'x': is not an object"),
        (lambda d: d["engines"].update(x={"bin_edges": [0.5]}), "engine 'x': ratio_right has not the right shape"),
        (lambda d: d.update(cameras=5), "cameras: is not an object"),
        (lambda d: d.update(cameras={"G1": {"engine": "x"}}), "engine of camera 'G1': is not among the engines"),
        (lambda d: d.update(cameras={"G1": {"engine": []}}), "engine of camera 'G1': is not among the engines"),
        (
            lambda d: d.update(cameras={"G1": {"level": [0.5, 0.3, 0.2, 0.1]}}),
            "level of camera 'G1', row [0]: does not sum to 1",
        ),
    ],
)
def test_a_bad_file_says_what_is_wrong(
    model: pw.ChannelModel, tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    assert message in str(changed(tmp_path / "bad.json", model, change))


def put(value: object, *place: str | int) -> Callable[[dict[str, Any]], None]:
    """Puts a value at a place of the general table."""

    def change(document: dict[str, Any]) -> None:
        table = document["general"]
        for step in place[:-1]:
            table = table[step]
        table[place[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put(0.9, "level", 0), "level of the general table, row [0]: does not sum to 1"),
        (put(0.9, "confusion", 3, 5), "confusion of the general table, row [3]: does not sum to 1"),
        (put(0.9, "inserted", 3), "inserted of the general table, row [0]: does not sum to 1"),
        (put(0.9, "split_first", 2, 7), "split_first of the general table, row [2]: does not sum to 1"),
        (put(0.9, "split_second", 1, 7), "split_second of the general table, row [1]: does not sum to 1"),
        (put(0.9, "merged_as", 2, 1, 0), "merged_as of the general table, row [2, 1]: does not sum to 1"),
        (put(0.9, "wrong", 1, 4), "right + wrong of the general table, row [1, 4]: does not sum to 1"),
        (put(0.9, "split", 1, 2, 0), "one + deletion + split of the general table, row [1, 2, 0]: does not sum"),
        (put(math.nan, "right", 0, 3), "right of the general table, row [0, 3]: is not a number"),
        (put(math.inf, "ratio_right", 0, 3), "ratio_right of the general table, row [0, 3]: is not a number"),
        (put(None, "insertion", 1, 0), "insertion of the general table, row [1, 0]: is not a number"),
        (put(-0.1, "insertion", 1, 0), "insertion of the general table, row [1, 0]: is out of range"),
        (put(1.1, "region_loss", 1), "region_loss of the general table, row [1]: is out of range"),
        (put(1.001, "region_loss", 1), "region_loss of the general table, row [1]: is out of range"),
        (put([1.001, 0], "level"), "level of the general table, row [0]: is out of range"),
        (put(1.001, "merge", 1, 2, 3), "merge of the general table, row [1, 2, 3]: is out of range"),
        (put(1, "insertion", 1, 0), "insertion of the general table, row [1, 0]: is out of range"),
        (put(-1, "ratio_rank", 0, 2), "ratio_rank of the general table, row [0, 2]: is out of range"),
        (put(5, "alternative", 0, 2), "alternative of the general table, row [0, 2]: is out of range"),
        (put(0, "alternative", 0, 2), "alternative of the general table, row [0, 2]: is out of range"),
        (put(1, "alternative", 0, 2), "alternative of the general table, row [0, 2]: is out of range"),
        (put(1e-7, "alternative", 0, 2), "alternative of the general table, row [0, 2]: is out of range"),
        (put(1 - 1e-7, "alternative", 0, 2), "alternative of the general table, row [0, 2]: is out of range"),
        (put(1e-300, "syllable_listed", 4), "syllable_listed of the general table, row [4]: is out of range"),
        (put(0, "syllable_listed", 4), "syllable_listed of the general table, row [4]: is out of range"),
        (put(1, "syllable_listed", 4), "syllable_listed of the general table, row [4]: is out of range"),
        (put(1e7, "ratio_wrong", 0, 0), "ratio_wrong of the general table, row [0, 0]: is out of range"),
        (put(1e6, "ratio_rank", 0, 2), "ratio_rank of the general table, row [0, 2]: is out of range"),
        (put(1e6, "ratio_lost", 3, 8), "ratio_lost of the general table, row [3, 8]: is out of range"),
        (put(1e308, "likeness", 5), "likeness of the general table, row [5]: is out of range"),
        (put(10**400, "ratio_rank", 0, 2), "ratio_rank of the general table: has a number that is out of range"),
        (put("0.5", "ratio_rank", 0, 2), "ratio_rank of the general table, row [0, 2]: is not a number"),
        (put(True, "ratio_rank", 0, 2), "ratio_rank of the general table, row [0, 2]: is not a number"),
        (put(["0.5", "0.5"], "level"), "level of the general table, row [0]: is not a number"),
        (put([0.5, False], "bin_edges"), "bin_edges of the general table, row [1]: is not a number"),
        (put("0.5", "bin_edges"), "bin_edges of the general table, row [0]: is not a number"),
        (put([0.5], "right", 0), "right of the general table: is not an array of numbers, or not of its shape"),
        (put("x", "right", 0, 0), "right of the general table: is not an array of numbers"),
        (put([[1.0]], "merge"), "the general table: merge has not the right shape"),
        (put([0.2, 0.3, 0.5], "level"), "the general table: level has not the right shape"),
        (put([0.5], "bin_edges"), "the general table: ratio_right has not the right shape"),
        (put([[0.5]], "bin_edges"), "bin_edges of the general table: is not a list of numbers"),
        (put([1.0], "ratio_rigth"), "ratio_rigth of the general table: is unknown"),
        (lambda d: d["engines"].update({"": {}}), "an engine or a camera has no name"),
        (lambda d: d["general"]["bin_edges"].reverse(), "symbols and bin edges of a channel model must ascend"),
    ],
)
def test_a_bad_array_is_named_with_its_row(
    model: pw.ChannelModel, tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    assert message in str(changed(tmp_path / "bad.json", model, change))


@pytest.mark.parametrize("factor", [1e-6, 9e5])
def test_rates_at_their_bounds_give_probabilities(model: pw.ChannelModel, tmp_path: Path, factor: float) -> None:
    path = tmp_path / "extreme.json"
    model.save(path)
    document = json.loads(path.read_text(encoding="utf-8"))
    listed = ("alternative", "syllable_listed")
    factors = ("likeness", "ratio_right", "ratio_wrong", "ratio_inserted", "ratio_merged", "ratio_rank", "ratio_lost")
    general = document["general"]
    general |= {name: np.full_like(general[name], 1e-6).tolist() for name in listed}
    general |= {name: np.full_like(general[name], factor, dtype=float).tolist() for name in factors}
    general |= {"merge": np.ones((4, 4, 4)).tolist(), "region_loss": [1] * 4}
    path.write_text(json.dumps(document | {"engines": {}}), encoding="utf-8")
    extreme = pw.ChannelModel.load(path)
    read = pw.Read(text="12거345쀍", chars=tuple(character(c, 0.9, ("가", 0.05)) for c in "12거345쀍"))
    plates = ["12가3456", "12거3456", "12거345*", "서울12바3456"]
    for match in pw.Matcher(pw.Hotlist.from_plates(plates), max_edits=3, model=extreme).match(read):
        assert 0 <= match.probability <= 1
        assert match.log_likelihood is not None
        assert math.isfinite(match.log_likelihood)
    for plate in plates[:2]:
        assert 0 <= extreme.explain(read, plate).probability <= 1
    assert 0 <= extreme.error_rate <= 1


def test_shares_that_sum_to_a_bit_more_than_one_give_error_rates(model: pw.ChannelModel, tmp_path: Path) -> None:
    path = tmp_path / "rounded.json"
    model.save(path)
    document = json.loads(path.read_text(encoding="utf-8"))
    general = document["general"]
    # Nearly everywhere a mark is inserted, and nothing but marks.
    general["inserted"] = [0.0] * (len(general["inserted"]) - 1) + [1.0]
    general["inserted"][document["symbols"].index("-")] = 0.009
    general["insertion"] = [[0.999, 0.999]] * 4
    # By one engine, a syllable is always lost.
    lost = {name: json.loads(json.dumps(general[name])) for name in ("one", "deletion", "split")}
    for name, rate in (("one", 0.0), ("deletion", 0.609), ("split", 0.4)):
        for level in range(4):
            lost[name][level][2] = [rate, rate]
    path.write_text(json.dumps(document | {"engines": {"blind": lost}}), encoding="utf-8")
    rounded = pw.ChannelModel.load(path)
    assert 0.2 < rounded.error_rate < 0.9
    rounded.scaled(0.02).save(path)
    assert pw.ChannelModel.load(path).error_rate == pytest.approx(0.02, rel=0.01)
    path.write_text(json.dumps(document | {"general": general | lost}), encoding="utf-8")
    assert 0.9 < pw.ChannelModel.load(path).error_rate <= 1


def test_every_array_of_the_general_table_is_needed(model: pw.ChannelModel, tmp_path: Path) -> None:
    model.save(tmp_path / "good.json")
    general = json.loads((tmp_path / "good.json").read_text(encoding="utf-8"))["general"]
    for name in general.keys() - {"counts"}:
        error = changed(tmp_path / "bad.json", model, lambda d, name=name: d["general"].pop(name))  # type: ignore[misc]
        assert str(error) == f"{name} of the general table: is missing"
