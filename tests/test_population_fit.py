"""Classes found in plates and in reads, compared with the true table."""

from __future__ import annotations

import json
import random
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import platewatch as pw
from platewatch.cli import app
from platewatch.evaluation import sample
from platewatch.evaluation.lists import plates_of_class, random_plates
from platewatch.probability.population import Population

READS = Path(__file__).parent.parent / "benchmarks" / "data" / "ocr_reads.jsonl.gz"
KOREA = Population.default()


@cache
def labelled() -> tuple[sample.LabelledRead, ...]:
    return tuple(one for one in sample.load(READS)[0] if one.country == "KR" and one.read.text)


def registered(population: Population, count: int, seed: int) -> list[str]:
    """Plates as vehicles have them, one as often as it is drawn."""
    rng = np.random.default_rng(seed)
    kinds = population.document["classes"]
    vehicles = np.array([kind["vehicles"] for kind in kinds])
    times = rng.multinomial(count, vehicles / vehicles.sum()).tolist()
    return [plate for kind, n in zip(kinds, times, strict=True) for plate in plates_of_class(rng, kind, n)]


@cache
def from_plates() -> Population:
    return Population.fit(registered(KOREA, 20_000, 1), vehicles=KOREA.vehicles, name="found")


def posteriors(population: Population) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    model = pw.ChannelModel.default().with_population(population)
    return np.array([model.explain(one.read, one.plate).probability for one in labelled()[::3]])


def test_from_plates_it_finds_the_classes_of_the_table() -> None:
    found = {kind["name"]: kind for kind in from_plates().document["classes"]}
    assert list(found)[:3] == ["000가0000", "00가0000", "a region mark, 00가0000"]
    assert set(found) <= {*list(found)[:3], "0가00000", "000000", "가00000", "a word, 000000"}
    assert from_plates().vehicles == pytest.approx(KOREA.vehicles, rel=1e-3)
    assert found["000가0000"]["vehicles"] == pytest.approx(21.8e6, rel=0.02)
    assert found["00가0000"]["vehicles"] == pytest.approx(2.65e6, rel=0.1)
    marked = found["a region mark, 00가0000"]
    assert marked["vehicles"] == pytest.approx(1.405e6, rel=0.1)
    assert (len(marked["words"]), marked["words_may_be_lost"]) == (17, True)
    assert found["000가0000"]["positions"][1] == {"0123456789": 1.0}
    first = found["000가0000"]["positions"][0]
    assert first["123456"] == pytest.approx(0.963, abs=0.01)
    assert set("".join(found["00가0000"]["positions"][2])) >= set("가나다허하호국합육")


def test_from_plates_the_probabilities_are_those_of_the_table() -> None:
    difference = np.abs(posteriors(from_plates()) - posteriors(KOREA))
    assert difference.mean() < 0.005
    assert np.quantile(difference, 0.95) < 0.02
    # Only of taxis it cannot know that few of their blocks are in use.
    assert np.mean(difference > 0.1) < 0.02


def test_from_unlabelled_reads_half_of_which_are_wrong_misreads_are_no_classes() -> None:
    reads = [one.read for one in labelled()]
    forms = Counter(len(read.text) for read in reads)
    assert len(forms) > 8  # what is read is of many forms
    found = Population.fit(reads, vehicles=KOREA.vehicles)
    names = [kind["name"] for kind in found.document["classes"]]
    assert names == ["000가0000", "00가0000", "a region mark, 00가0000"]
    shares = [kind["vehicles"] / found.vehicles for kind in found.document["classes"]]
    true = [2454 / 3330, 510 / 3330, 366 / 3330]  # what the truths have, which were not looked at
    assert shares == pytest.approx(true, abs=0.1)
    difference = np.abs(posteriors(found) - posteriors(KOREA))
    assert difference.mean() < 0.03
    assert np.quantile(difference, 0.9) < 0.06


def test_from_the_texts_of_reads_alone_most_misreads_are_no_classes() -> None:
    found = Population.fit([one.read.text for one in labelled()], vehicles=KOREA.vehicles)
    kinds = found.document["classes"]
    assert [kind["name"] for kind in kinds][:2] == ["000가0000", "00가0000"]
    assert len(kinds) <= 7


@pytest.mark.parametrize("name", ["germany", "uk", "netherlands", "japan"])
def test_other_countries_are_found_as_well(name: str) -> None:
    country = Population.named(name)
    found = Population.fit(registered(country, 5000, 3), vehicles=country.vehicles)
    assert len(found.document["classes"]) <= 40
    assert found.coverage(registered(country, 2000, 4)).share_outside < 0.03
    model = pw.ChannelModel.default()
    theirs, ours = model.with_population(country).scoring, model.with_population(found).scoring
    # As many vehicles have a plate, to a factor that differs little.
    plates = [plate for plate in registered(country, 300, 5) if not found.coverage([plate]).outside]
    logs = [np.log(ours.registered(plate) / theirs.registered(plate)) for plate in plates]
    assert abs(np.median(logs)) < 0.5
    assert np.quantile(np.abs(logs), 0.9) < 1.5


def test_the_same_items_give_the_same_population() -> None:
    plates = registered(KOREA, 3000, 2)
    assert Population.fit(plates, vehicles=1000) == Population.fit(iter(plates), vehicles=1000)


def test_a_few_odd_plates_are_no_class() -> None:
    plates = [*random_plates(np.random.default_rng(1), 2000), "XYZ", "A1B2"]
    names = [kind["name"] for kind in Population.fit(plates, vehicles=1000).document["classes"]]
    assert not any("A" in name for name in names)


def test_symbols_that_were_not_seen_may_stand_where_others_of_their_alphabet_do() -> None:
    generator = random.Random(1)
    plates = ["AB" + generator.choice("123") + generator.choice("0123456789") for _ in range(500)]
    (kind,) = Population.fit(plates, vehicles=1000).document["classes"]
    assert kind["positions"][0] == pytest.approx({"A": 0.999, "BCDEFGHIJKLMNOPQRSTUVWXYZ": 0.001}, abs=1e-4)
    assert kind["positions"][2]["123"] == pytest.approx(0.999, abs=1e-3)
    assert kind["positions"][3] == {"0123456789": 1.0}


def test_what_is_no_plate_is_left_out() -> None:
    plates = ["12가3456"] * 50 + ["", "--", "1" * 17, "12?3456", "1*"]
    found = Population.fit(plates, vehicles=1000)
    assert [kind["name"] for kind in found.document["classes"]] == ["00가0000"]
    with pytest.raises(pw.PlatewatchError, match="fewer than 3 plates of a form"):
        Population.fit(["12가3456", "AB12", ""], vehicles=1000)
    with pytest.raises(ValueError, match="vehicles"):
        Population.fit(plates, vehicles=0)


# ---------------------------------------------------------------------------------------- platewatch population


def run(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["population", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


def test_list_and_show() -> None:
    status, out, _ = run("list")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == ["name", *Population.names()]
    assert "60,996,100" in out
    status, out, _ = run("show", "uk")
    assert status == 0
    assert out.startswith("United Kingdom: about 41 million")
    assert "Northern Ireland" in out
    status, _, err = run("show", "nowhere")
    assert (status, "france, germany, japan" in err) == (2, True)


def test_fit_writes_what_the_other_commands_read(tmp_path: Path) -> None:
    plates = tmp_path / "permits.txt"
    plates.write_text("\n".join(registered(KOREA, 2000, 6)) + "\n-\n", "utf-8")
    town = tmp_path / "town.json"
    status, _, err = run("fit", plates, "-o", town, "--vehicles", 50_000)
    assert status == 0, err
    assert "left out: 1 row without" in err
    assert "000가0000" in err
    assert Population.load(town).vehicles == pytest.approx(50_000, rel=1e-3)
    assert "12가3456" not in town.read_text("utf-8")
    status, out, _ = run("show", town)
    assert (status, "00가0000" in out) == (0, True)
    explained = CliRunner().invoke(app, ["explain", "12거3456", "12가3456", "--population", str(town)])
    assert explained.exit_code == 0, explained.stderr


def test_fit_reads_what_cameras_write(tmp_path: Path) -> None:
    rows = [{"text": plate, "camera_id": "c"} for plate in registered(Population.named("uk"), 500, 7)]
    reads = tmp_path / "reads.jsonl"
    reads.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    status, _, err = run("fit", reads, "-o", tmp_path / "town.json", "--vehicles", 1e6)
    assert status == 0, err
    assert Population.load(tmp_path / "town.json").document["classes"][0]["name"] == "AA00AAA"


def test_fit_refuses_what_it_cannot_use(tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("-\n", "utf-8")
    out = tmp_path / "town.json"
    status, _, err = run("fit", empty, "-o", out, "--vehicles", 5)
    assert (status, "there is nothing to learn from" in err, out.exists()) == (2, True, False)
    status, _, err = run("fit", tmp_path / "missing.txt", "-o", out, "--vehicles", 5)
    assert (status, "missing.txt" in err) == (2, True)
    status, _, err = run("fit", empty, "-o", tmp_path / "no" / "town.json", "--vehicles", 5)
    assert (status, "town.json" in err) == (2, True)
