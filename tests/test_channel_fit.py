"""What a model learns: of a camera, of an engine, of the frames of one pass."""

from __future__ import annotations

import json
import math
import random
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import platewatch as pw

Pairs = list[tuple[pw.Read | str, str]]

CLEAN, DIRTY = 0.01, 0.2

learnt = partial(pw.ChannelModel.fit, from_scratch=True)


def plate(rng: random.Random) -> str:
    digits = [str(rng.randrange(10)) for _ in range(6)]
    return "".join([*digits[:2], rng.choice("가나다라마거너더러머"), *digits[2:]])


def misread(rng: random.Random, text: str, rate: float, twin: dict[str, str] | None = None) -> str:
    """Each symbol is another with this probability: its twin, or any digit."""
    twin = twin or {}
    return "".join((twin.get(c) or str(rng.randrange(10))) if rng.random() < rate else c for c in text)


def reads_of(rng: random.Random, camera: str, rate: float, count: int, twin: dict[str, str] | None = None) -> Pairs:
    plates = [plate(rng) for _ in range(count)]
    return [(pw.Read(text=misread(rng, p, rate, twin), engine="ocr", camera_id=camera), p) for p in plates]


@pytest.fixture(scope="module")
def city() -> tuple[pw.ChannelModel, Pairs]:
    """Two cameras with one engine, one of them dirty, and a third with but a few reads."""
    rng = random.Random(2019)
    pairs = reads_of(rng, "clean", CLEAN, 400) + reads_of(rng, "dirty", DIRTY, 400) + reads_of(rng, "new", CLEAN, 20)
    return learnt(pairs, camera_reads=100), pairs


def probability(model: pw.ChannelModel, camera: str | None, engine: str | None = "ocr") -> float:
    """Of a wanted plate that the camera read with one symbol wrong."""
    read = pw.Read(text="12가3457", engine=engine, camera_id=camera)
    (match,) = pw.Matcher(pw.Hotlist.from_plates(["12가3456"]), model=model).match(read)
    assert match.probability == pytest.approx(model.explain(read, "12가3456").probability)
    return match.probability


def test_each_camera_has_a_probability_of_its_own(city: tuple[pw.ChannelModel, Pairs]) -> None:
    model, _ = city
    assert model.cameras == ["clean", "dirty"]
    assert probability(model, "dirty") > 2 * probability(model, "clean")
    assert probability(model, "dirty") > probability(model, None) > probability(model, "clean")


def test_a_camera_that_is_not_known_has_its_engines(city: tuple[pw.ChannelModel, Pairs]) -> None:
    model, pairs = city
    engine = probability(model, None)
    assert probability(model, "new") == probability(model, "elsewhere") == engine
    assert probability(model, None, None) == probability(model, None, "other")
    plain = learnt(pairs)
    assert plain.cameras == []
    assert probability(plain, "dirty") == pytest.approx(engine)


def test_batches_and_passes_take_the_cameras_rates_too(city: tuple[pw.ChannelModel, Pairs]) -> None:
    model, _ = city
    matcher = pw.Matcher(pw.Hotlist.from_plates(["12가3456"]), model=model)
    reads = [pw.Read(text="12가3457", engine="ocr", camera_id=camera) for camera in ("clean", "dirty", "new")]
    expected = [probability(model, read.camera_id) for read in reads]
    found = matcher.match_batch(reads).probability
    assert found is not None
    assert found.tolist() == expected
    fused = [matcher.match_pass([read, read])[0].probability for read in reads]
    assert fused[1] > fused[2] > fused[0]


def test_cameras_are_saved(city: tuple[pw.ChannelModel, Pairs], tmp_path: Path) -> None:
    model, _ = city
    model.save(tmp_path / "model.json")
    again = pw.ChannelModel.load(tmp_path / "model.json")
    assert again.cameras == model.cameras
    for camera in ("clean", "dirty", None):
        assert probability(again, camera) == pytest.approx(probability(model, camera), rel=0.01)
    again.save(tmp_path / "again.json")
    first, second = (json.loads((tmp_path / name).read_text("utf-8")) for name in ("model.json", "again.json"))
    assert first == second
    # What is the engine's is not repeated.
    assert "right" in first["cameras"]["dirty"]
    assert not {"bin_edges", "confusion", "alternative", "ratio_right"} & first["cameras"]["dirty"].keys()


def test_a_cameras_table_explains_its_other_reads_better() -> None:
    # The second camera loses whole strokes of 8 and of 가, as no other does.
    rng = random.Random(229)
    habits = {"8": "3", "가": "기"}

    def reads(camera: str, count: int) -> Pairs:
        rate, twin = (0.3, habits | {c: c for c in "012345679나다라마거너더러머"}) if camera == "odd" else (0.05, None)
        return reads_of(rng, camera, rate, count, twin)

    model = learnt(reads("plain", 800) + reads("odd", 200), camera_reads=100)
    for camera in ("plain", "odd"):
        gain = [
            model.scoring.log_likelihood(read, p, "ocr", camera) - model.scoring.log_likelihood(read, p, "ocr")
            for read, p in reads(camera, 300)
        ]
        assert math.fsum(gain) / len(gain) > {"plain": 0.0, "odd": 0.1}[camera]


def test_what_cannot_be_matched_is_left_out() -> None:
    good = [("12거3456", "12가3456"), ("12가3456", "12가3456")]
    bad = [("---", "12가3456"), ("12가3456", "---"), ("12가3456", "1" * 17), ("12가3456", "")]
    expected = learnt(good).scoring.log_likelihood("12거3456", "12가3456")
    assert learnt(bad + good).scoring.log_likelihood("12거3456", "12가3456") == expected
    with pytest.raises(pw.PlatewatchError, match="no read of a plate to learn from"):
        learnt(bad)


def signs_and_plates() -> list[tuple[pw.Read, str]]:
    """Of a street with a shop whose telephone number is read in all weathers, and some plates."""
    signs = [(pw.Read(text=f"대한{i:04d}", engine="lpr"), "") for i in range(100)]
    plates = [(pw.Read(text=f"{i:02d}가34{i:02d}", engine="lpr"), f"{i:02d}가34{i:02d}") for i in range(100)]
    return signs + plates


def test_clutter_is_what_is_read_where_no_plate_is() -> None:
    pairs = signs_and_plates()
    without = learnt(pairs[100:]).scoring
    model = learnt(pairs)
    # 대한1234 may be a sign; 한대1234 may too, but seldom; 12가3456 is a plate as before.
    gain = {
        text: model.scoring.weigh(text, "99거9999")[1] - without.weigh(text, "99거9999")[1]
        for text in ("대한1234", "한1대234", "12가3456")
    }
    assert gain["대한1234"] > 3
    assert gain["한1대234"] < gain["대한1234"] - 2
    assert gain["12가3456"] == pytest.approx(0, abs=0.01)
    assert model.engines == ["lpr"]


def test_clutter_is_learnt_again_by_a_model_that_refines(tmp_path: Path) -> None:
    model = learnt(signs_and_plates())
    model.save(tmp_path / "model.json")
    again = pw.ChannelModel.fit(signs_and_plates()[100:], base=pw.ChannelModel.load(tmp_path / "model.json"))
    for read in (pw.Read(text="대한1234", engine="lpr"), "대한1234"):
        kept, first = (m.scoring.weigh(read, "99거9999")[1] for m in (again, model))
        assert kept == pytest.approx(first, abs=0.5)


def test_signs_alone_are_no_reads_of_plates() -> None:
    with pytest.raises(pw.PlatewatchError, match="no read of a plate to learn from"):
        learnt(signs_and_plates()[:100])


def test_a_confidence_in_the_whole_tells_a_good_frame_from_a_bad_one() -> None:
    # This one is unsure of the whole where it misreads a symbol or two, and gives no confidences to characters.
    def read(i: int) -> tuple[pw.Read, str]:
        plate = f"{i % 90 + 10}가{i * 37 % 9000 + 1000}"
        bad = i % 5 == 0
        text = plate[:3] + str((int(plate[3]) + 5) % 10) + str((int(plate[4]) + 5) % 10) + plate[5:] if bad else plate
        return pw.Read(text=text, confidence=0.4 if bad else 0.99), plate

    scoring = learnt([read(i) for i in range(400)]).scoring
    sure, unsure, unsaid = (
        scoring.weigh(pw.Read(text="12가3456", confidence=p), "12가3456")[3] for p in (0.99, 0.4, None)
    )
    assert unsure < unsaid < sure


def test_of_too_many_symbols_the_commonest_are_known(tmp_path: Path) -> None:
    # Each syllable of 300 is one in two plates, but for two thirds, which are in one.
    syllables = [chr(0xB098 + 28 * i) for i in range(300)]
    plates = [f"{i % 100:02d}{c}3456" for i, c in enumerate(syllables * 2) if i < 400]
    model = learnt([(plate, plate) for plate in plates])
    model.save(tmp_path / "model.json")
    known = json.loads((tmp_path / "model.json").read_text("utf-8"))["symbols"]
    assert set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") | set(syllables[:100]) <= set(known)
    assert 200 < len(known) <= 250
    pw.ChannelModel.load(tmp_path / "model.json")


@pytest.mark.parametrize("name", ["\ud800", "", None])
def test_a_name_that_is_none_gets_no_table(name: Any) -> None:
    reads = [pw.Read(text="12가3456", engine=name, camera_id=name, pass_id="1")] * 5
    model = learnt([(read, "12가3456") for read in reads], camera_reads=1)
    assert (model.engines, model.cameras) == ([], [])


@pytest.mark.parametrize("number", [0, -1])
def test_numbers_below_one_are_refused(number: int) -> None:
    pairs = [("12가3456", "12가3456")]
    with pytest.raises(ValueError, match="iterations must be 1 or more"):
        learnt(pairs, iterations=number)
    with pytest.raises(ValueError, match="camera_reads must be 1 or more"):
        learnt(pairs, camera_reads=number)


def passes(rng: random.Random, *, independent: bool) -> Pairs:
    """Three frames of each vehicle: each misread by itself, or all with the same mistakes."""
    pairs: Pairs = []
    for number in range(60):
        wanted = plate(rng)
        same = misread(rng, wanted, DIRTY)
        for _ in range(3):
            text = misread(rng, wanted, DIRTY) if independent else same
            pairs.append((pw.Read(text=text, camera_id="G1", pass_id=str(number)), wanted))
    return pairs


def test_frames_that_fail_by_themselves_count_in_full_and_those_that_fail_together_little() -> None:
    rng = random.Random(3)
    assert learnt(passes(rng, independent=True)).frame_weight >= 0.9
    repeated = learnt(passes(rng, independent=False))
    assert repeated.frame_weight == 0.6
    # One mistake in three frames then says about as much as in one.
    wanted, read = "12가3456", "12거3456"
    one, three = (repeated.scoring.log_posterior_of_pass([read] * n, wanted, repeated.frame_weight) for n in (1, 3))
    full = repeated.scoring.log_posterior_of_pass([read] * 3, wanted, 1.0)
    assert full < three
    assert abs(three - one) < 0.7 * abs(full - one)


def test_without_passes_a_frame_counts_in_full() -> None:
    rng = random.Random(4)
    assert learnt(reads_of(rng, "G1", DIRTY, 50)).frame_weight == 1
    # Of a pass of one read, and of two cameras' passes of one name, nothing can be learnt.
    single = [(pw.Read(text=p, camera_id=f"G{i}", pass_id="1"), p) for i, p in enumerate(plate(rng) for _ in range(20))]
    assert learnt(single).frame_weight == 1


def with_evidence(text: str, confidence: dict[int, float], listed: dict[int, str]) -> pw.Read:
    """A read that is 0.9 sure of its characters, but for some places, and that lists a doubtful one at some."""
    chars = []
    for i, c in enumerate(text):
        others = ((listed[i], 0.02),) if i in listed else ()
        p = confidence.get(i, 0.9)
        chars.append(pw.Character(c=c, p=p, alts=((c, p), *others)))
    return pw.Read(text=text, chars=tuple(chars), engine="ocr")


def test_fit_learns_whether_a_misread_syllable_is_listed_behind() -> None:
    def gain(echoing: bool) -> float:
        """How much it speaks for a plate that its syllable, read as a digit, is listed for the next one."""
        rng = random.Random(11)
        pairs: Pairs = []
        for i in range(900):
            true = text = plate(rng)
            # Some reads list any syllable somewhere behind their own.
            listed = {rng.randrange(3, 7): plate(rng)[2]} if i % 5 == 0 else {}
            if i % 3 == 0:
                text = text[:2] + str(rng.randrange(10)) + text[3:]
            if i % 6 == 0 and echoing:
                listed = {3: true[2]}
            pairs.append((with_evidence(text, {}, listed), true))
        scoring = learnt(pairs).scoring
        with_it, without = (with_evidence("1273456", {}, listed) for listed in ({3: "나"}, {}))
        return scoring.log_likelihood(with_it, "12나3456", "ocr") - scoring.log_likelihood(without, "12나3456", "ocr")

    assert gain(echoing=False) < 1.5
    assert gain(echoing=True) > 3


def test_fit_learns_a_confidence_for_each_class_of_character() -> None:
    # Digits are wrong where they are doubtful; syllables are doubtful, right or wrong.
    rng = random.Random(12)
    pairs: Pairs = []
    for i in range(900):
        true = text = plate(rng)
        confidence = {2: rng.uniform(0.2, 0.9)}
        if i % 3 == 0:
            text = text[:4] + str((int(text[4]) + rng.randrange(1, 10)) % 10) + text[5:]
            confidence[4] = rng.uniform(0.2, 0.5)
        if i % 3 == 1:
            text = text[:2] + rng.choice("가나다라마거너더러머".replace(true[2], "")) + text[3:]
        pairs.append((with_evidence(text, confidence, {}), true))
    model = learnt(pairs)

    def doubt(place: int, true: str) -> float:
        """How much a low confidence at a place adds to this plate, read 12나3456."""
        sure, doubtful = (with_evidence("12나3456", {place: p}, {}) for p in (0.85, 0.3))
        return model.scoring.log_likelihood(doubtful, true, "ocr") - model.scoring.log_likelihood(sure, true, "ocr")

    of_digit = doubt(4, "12나3856") - doubt(4, "12나3456")
    of_syllable = doubt(2, "12다3456") - doubt(2, "12나3456")
    assert of_digit > of_syllable + 2
    assert abs(of_syllable) < 0.7
