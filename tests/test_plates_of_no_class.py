"""Plates of no class: what a match with one is worth, who is told that a list has many of them, and how to name the
population that has a class for them."""

from __future__ import annotations

import itertools
import json
import math
import random
import statistics
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import platewatch as pw
from platewatch.cli import app
from platewatch.evaluation import sample
from platewatch.notify.signing import generate_secret
from platewatch.probability import population_file
from platewatch.probability.population import Population
from platewatch.probability.population_file import FORMAT, NOTHING
from platewatch.service.app import _model
from platewatch.service.config import load
from tests import service

DATA = Path(__file__).parents[1] / "benchmarks" / "data"


def probability(read: str, listed: str) -> float:
    """By the models that are shipped, of the text alone."""
    return pw.ChannelModel.default().explain(read, listed).probability


EXACT = (
    "AB12 12AB ABC1 AB1C A1BC 1ABC AB123 ABC12 123AB 12ABC A12BC AB12C ABC123 123ABC AB1234 AB12CD 1234AB 12AB34 "
    "ABC12D A123BC ABCDEF A1B2C3 ABC1234 AB123CD AB12CDE 1234ABC 12ABC34 ABC1D23 1ABC234 AB12345 ABCD123 AB123456 "
    "ABCD1234 A123BC77 AB12CD34 12ABC345 A123BC777 AB12C3456 AB12CD3456"
)


@pytest.mark.parametrize("plate", EXACT.split())
def test_a_listed_plate_of_no_class_that_is_read_exactly_is_the_wanted_one(plate: str) -> None:
    assert probability(plate, plate) >= 0.9


@pytest.mark.parametrize("length", range(4, 9))
def test_so_it_is_of_every_form_that_has_a_letter(length: int) -> None:
    rng = random.Random(length)
    symbols = {"A": string.ascii_uppercase, "0": string.digits}
    for form in itertools.product("A0", repeat=length):
        if "A" not in form:
            continue
        plates = ["".join(rng.choice(symbols[kind]) for kind in form) for _ in range(4)]
        assert statistics.fmean(probability(plate, plate) for plate in plates) >= 0.9, plates


def forms_of_one_letter(length: int) -> set[str]:
    """And at most one syllable, and else digits."""
    return {
        "".join("A" if i == letter else "가" if i == syllable else "0" for i in range(length))
        for letter, syllable in itertools.product(range(length), repeat=2)
    }


@pytest.mark.parametrize(
    ("forms_of", "longest"), [(forms_of_one_letter, 8), (lambda length: {"0" * length}, 6)], ids=["letter", "digits"]
)
def test_the_bundled_reads_of_korean_plates_have_as_many_of_such_forms_as_the_model_says(
    forms_of: Callable[[int], set[str]], longest: int
) -> None:
    sets = [sample.load(DATA / name)[0] for name in ("ocr_reads.jsonl.gz", "plate_reads.jsonl.gz")]
    texts_read = [one.read.text for one in itertools.chain(*sets) if not one.plate.isascii()]
    reads = [pw.normalize(text) for text in texts_read if any(map(str.isalnum, text))]
    assert len(reads) > 10_000
    # Of plates of no class there are hardly any among them.
    population = Population(dict(Population.default().document) | {"generic": NOTHING})
    model = pw.ChannelModel.default().with_population(population)
    rng = random.Random(7)
    syllables = "".join(sorted(population.symbols - set(string.digits)))
    kinds = {"A": string.ascii_uppercase, "0": string.digits, "가": syllables}
    seen = said = 0.0
    for length in range(4, longest + 1):
        forms = forms_of(length)
        seen += sum("".join(map(_kind, text)) in forms for text in reads)
        for form in forms:
            texts = ["".join(rng.choice(kinds[kind]) for kind in form) for _ in range(100 // len(form) ** 2 + 4)]
            each = statistics.fmean(math.exp(model.explain(text, text).log_background) for text in texts)
            said += each * math.prod(len(kinds[kind]) for kind in form) / population.vehicles * len(reads)
    assert seen >= 10
    assert 0.5 < said / seen < 2, (said, seen)


def _kind(symbol: str) -> str:
    return "0" if symbol.isdigit() else "A" if symbol.isascii() else "가"


@pytest.mark.parametrize(
    ("read", "listed", "most"),
    [
        # Where a symbol is another, a plate of the same form is as good an explanation ...
        ("AB123", "AB12", 0.02),
        ("AB13", "AB12", 0.05),
        ("AB124", "AB123", 0.03),
        ("ABC124", "ABC123", 0.1),
        ("ABC1235", "ABC1234", 0.2),
        ("AB12CDF", "AB12CDE", 0.05),
        ("AB12CD", "AB12CDE", 0.4),
        ("A12", "AB12", 0.03),
        # ... and where there is hardly another plate like it, it is not sure yet.
        ("A1B2C3E", "A1B2C3D", 0.95),
        ("A1B2C3D4", "A1B2C3D5", 0.999),
        ("AB12CD3457", "AB12CD3456", 0.9),
        # Digits only are what is left of Korea's plates.
        ("1234", "1235", 0.001),
        ("12346", "12345", 0.01),
        ("1234568", "1234567", 0.01),
        ("12345678", "12345679", 0.1),
        ("12/345", "12가345", 0.05),
    ],
)
def test_a_listed_plate_of_no_class_that_is_not_read_exactly_is_not_sure(read: str, listed: str, most: float) -> None:
    assert probability(read, listed) <= most


def test_plates_of_no_class_change_nothing_for_those_of_a_class() -> None:
    model = pw.ChannelModel.default()
    alone = model.with_population(Population(dict(Population.default().document) | {"generic": NOTHING}))
    for read in ("12가3456", "123거4567", "서울52바3108", "12/가3456", "1234567", "123456", "12345", "12345678"):
        both = [one.explain(read, read).log_background for one in (model, alone)]
        assert both[0] == pytest.approx(both[1], abs=0.01), read


def test_a_form_has_its_vehicles() -> None:
    def town(**generic: Any) -> pw.ChannelModel:
        document = {"format": FORMAT, "generic": generic, "classes": [{"vehicles": 5, "positions": ["가"]}]}
        return pw.ChannelModel.default().with_population(Population(population_file.read(document)))

    forms = {"A0": 520, "000": 50, "?0": 360}
    assert town(forms=forms).scoring.registered("A1") == pytest.approx(520 / 260 + 1)
    assert town(forms=forms).scoring.registered("123") == pytest.approx(50 / 1000)
    assert town(forms=forms).scoring.registered("A12") == 0
    few = town(letters="ABC", digits="012", forms={"A0": 90}).scoring
    assert [few.registered(plate) for plate in ("A0", "C2", "D0", "A3")] == pytest.approx([10, 10, 0, 0])
    both = town(forms={"A0": 520}, density=0.25, symbols="A1", least=1, most=2).scoring
    assert both.registered("A1") == pytest.approx(2.25)
    assert Population.default().vehicles == pytest.approx(25_940_000)  # of classes only


OURS, THEIRS = "12가3456", "AB123CD"


def command(*arguments: str) -> str:
    """What `platewatch ...` says on the standard error."""
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code in (0, 1), done.output
    return done.stderr


@pytest.fixture
def lists(tmp_path: Path) -> dict[str, str]:
    """Files: a list of each country, labelled reads of each, and the other country's population."""
    found = {}
    for name, plates in (
        ("ours", [f"12가34{i}" for i in range(10, 30)]),
        ("theirs", [f"AB1{i}CD" for i in range(10, 30)]),
    ):
        found[name] = str(tmp_path / f"{name}.csv")
        Path(found[name]).write_text("id,plate\n" + "".join(f"{i},{p}\n" for i, p in enumerate(plates)), "utf-8")
        found[f"{name} read"] = str(tmp_path / f"{name}.jsonl")
        rows = (json.dumps({"text": plate, "truth": plate}) + "\n" for plate in plates)
        Path(found[f"{name} read"]).write_text("".join(rows), "utf-8")
    classes = [{"vehicles": 1_000_000, "positions": ["AB", "AB", *["0123456789"] * 3, "CD", "CD"]}]
    found["population"] = str(tmp_path / "population.json")
    Path(found["population"]).write_text(json.dumps({"format": FORMAT, "classes": classes}), "utf-8")
    return found


@pytest.mark.parametrize(
    ("name", "whose"),
    [("match", "list"), ("hotlist check", "list"), ("evaluate", "sample"), ("fit", "sample"), ("explain", None)],
)
def test_every_command_warns_of_plates_of_no_class(
    lists: dict[str, str], tmp_path: Path, name: str, whose: str | None
) -> None:
    def arguments(country: str) -> list[str]:
        return {
            "match": ["match", lists[f"{country} read"], "--hotlist", lists[country]],
            "hotlist check": ["hotlist", "check", lists[country]],
            "evaluate": ["evaluate", lists[f"{country} read"], "--hotlist-size", "15", "--draws", "1"],
            "fit": ["fit", lists[f"{country} read"], "--output", str(tmp_path / "model.json"), "--iterations", "1"],
            "explain": ["explain", *[OURS if country == "ours" else THEIRS] * 2],
        }[name]

    subject = "the wanted plate is" if whose is None else f"100 % of the {whose}'s plates are"
    warning = f"warning: {subject} of no class of the population"
    use = "probabilities will be wrong; use --population\n"
    assert command(*arguments("theirs")).count(f"{warning} (Korea's): {use}") == 1
    assert "warning" not in command(*arguments("ours"))
    theirs = ("--population", lists["population"])
    assert command(*arguments("ours"), *theirs).count(f"{warning} ({lists['population']}): {use}") == 1
    assert "warning" not in command(*arguments("theirs"), *theirs)


def test_a_list_that_is_half_of_our_country_is_not_warned_of(lists: dict[str, str]) -> None:
    both = Path(lists["ours"]).read_text("utf-8") + Path(lists["theirs"]).read_text("utf-8").partition("\n")[2].replace(
        ",", "x,"
    )
    Path(lists["ours"]).write_text(both, "utf-8")
    assert "warning" not in command("hotlist", "check", lists["ours"])
    Path(lists["ours"]).write_text(f"{both}more,ZZ999ZZ\n", "utf-8")
    assert "warning: 51 % of the list's plates are of no class" in command("hotlist", "check", lists["ours"])


def test_the_service_warns_with_shares_and_no_plates(tmp_path: Path) -> None:
    config = service.prepare(tmp_path, wass="http://127.0.0.1:9", secret=generate_secret())
    rows = [f"{i},{plate},stolen" for i, plate in enumerate([OURS, *[f"AB1{i}CD" for i in range(10, 13)]])]
    (tmp_path / "wanted.csv").write_text("id,plate,category\n" + "\n".join(rows), "utf-8")
    with service.running(config) as it:
        (warning,) = [event for event in it.log() if event["level"] == "warning"]
    assert warning["event"].startswith("most of the list's plates are of no class of the population")
    assert (warning["share"], warning["population"], warning["setting"]) == (0.75, "Korea's", "population")
    assert "AB1" not in it.log_path.read_text("utf-8")


@pytest.mark.parametrize("name", ["match", "hotlist check", "evaluate", "fit", "explain"])
def test_every_command_takes_a_name(lists: dict[str, str], tmp_path: Path, name: str) -> None:
    arguments = {
        "match": ["match", lists["theirs read"], "--hotlist", lists["theirs"]],
        "hotlist check": ["hotlist", "check", lists["theirs"]],
        "evaluate": ["evaluate", lists["theirs read"], "--hotlist-size", "15", "--draws", "1"],
        "fit": ["fit", lists["theirs read"], "--output", str(tmp_path / "model.json"), "--iterations", "1"],
        "explain": ["explain", THEIRS, THEIRS],
    }[name]
    assert "warning" not in command(*arguments, "--population", "france")
    assert "no class of the population (the UK's)" in command(*arguments, "--population", "uk")
    refused = CliRunner().invoke(app, [*arguments, "--population", "frnce"])
    assert refused.exit_code == 2
    assert refused.stderr == (
        "frnce: 'frnce' is none of the populations that are shipped: "
        "france, germany, japan, korea, netherlands, uk, us\n"
    )


def test_the_service_takes_a_name_or_a_path_beside_its_settings(tmp_path: Path, lists: dict[str, str]) -> None:
    config = service.prepare(tmp_path, wass="http://127.0.0.1:9", secret=generate_secret())
    text = config.read_text("utf-8")
    for population, known in (("uk", "uk"), ("population.json", str(tmp_path / "population.json")), ("frnce", "frnce")):
        config.write_text(f'population = "{population}"\n{text}', "utf-8")
        assert load(config).population == known
    with pytest.raises(pw.ConfigError, match=r"frnce: 'frnce' is none of the populations .*france, germany") as caught:
        _model(load(config))
    assert caught.value.field == "population"
    config.write_text(f'population = "uk"\n{text}', "utf-8")
    assert _model(load(config)).population == Population.named("uk")
    config.write_text(f'population = "nowhere.json"\n{text}', "utf-8")
    with pytest.raises(pw.ConfigError, match=r"nowhere\.json"):
        _model(load(config))
