"""The table of vehicles: what cannot be one is refused with the class and the field."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

import platewatch as pw
from platewatch.probability import population_file
from platewatch.probability.population import Population
from platewatch.probability.population_file import FORMAT

Change = Callable[[dict[str, Any]], object]


MODELS = resources.files("platewatch.probability").joinpath("models")


def shipped(name: str = "korea") -> dict[str, Any]:
    document: dict[str, Any] = json.loads(MODELS.joinpath(f"populations/{name}.json").read_text("utf-8"))
    return document


def with_generic() -> dict[str, Any]:
    """Korea's, with a generic class of its own."""
    world: dict[str, Any] = json.loads(MODELS.joinpath("world.json").read_text("utf-8"))
    return shipped() | {"generic": {name: value for name, value in world.items() if name != "format"}}


def refusal(path: Path, text: str | bytes) -> pw.ModelError:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(pw.ModelError) as caught:
        Population.load(path)
    return caught.value


def test_the_shipped_one_can_be_loaded_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "population.json"
    path.write_text(json.dumps(shipped()), "utf-8")
    assert Population.load(path) == Population.default()


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    path = tmp_path / "population.json"
    classes = [{"vehicles": 1000, "positions": ["AB", {"12": 0.9, "3": 0.1}]}]
    path.write_text(json.dumps({"format": "platewatch population 1", "classes": classes}), "utf-8")
    model = pw.ChannelModel.default().with_population(Population.load(path))
    assert model.scoring.registered("A1") == pytest.approx(1000 * 0.5 * 0.45)
    assert model.scoring.registered("B3") == pytest.approx(1000 * 0.5 * 0.1)
    assert model.scoring.registered("C1") == 0


def population(*classes: dict[str, Any]) -> Population:
    """One of such classes, each a thousand vehicles if it does not say, as from a file."""
    items = [{"vehicles": 1000} | item for item in classes]
    return Population(population_file.read({"format": FORMAT, "classes": items}), "a town's")


@pytest.mark.parametrize(
    "plate",
    [
        "12가3456",
        "123가4567",
        "52허1234",
        "서울52바3108",
        "52바3108",
        "경기70아1234",
        "외교123456",
        "임12345",
        "123456",
    ],
)
def test_a_plate_of_a_class_is_covered(plate: str) -> None:
    coverage = Population.default().coverage([plate])
    assert (coverage.plates, coverage.outside, coverage.mostly_outside) == (1, 0, False)


@pytest.mark.parametrize(
    "plate",
    [
        "AB123CD",  # of the generic class, which is none
        "AB12CDE",
        "12가345",
        "12A3456",
        "1234567",
        "가123456",
        "서울12345678",
        "서울외교123456",
        "123456가",
        "12가34567",
        "뷁12가3456",
        "京A12345",
    ],
)
def test_a_plate_of_no_class_is_not(plate: str) -> None:
    coverage = Population.default().coverage([plate])
    assert (coverage.plates, coverage.outside, coverage.mostly_outside) == (1, 1, True)
    assert coverage.told() == "the list's plate is of no class of the population (Korea's)"


def test_only_a_region_mark_may_be_omitted() -> None:
    town = population(
        {"words": ["서울"], "positions": ["12", "A"]},
        {"words": ["AB"], "words_may_be_lost": True, "positions": ["3"]},
    )
    covered = [plate for plate in ("서울1A", "1A", "AB3", "3") if not town.coverage([plate]).outside]
    assert covered == ["서울1A", "1A", "AB3"]


def test_symbols_and_classes_that_nobody_has_cover_nothing() -> None:
    town = population({"positions": [{"A": 1.0, "B": 0.0}]}, {"vehicles": 0, "positions": ["C"]})
    assert [town.coverage([plate]).outside for plate in "ABC"] == [0, 1, 1]
    assert population({"vehicles": 0, "positions": ["C"]}).coverage(["C"]).outside == 1


def test_a_share_is_told_of_many_plates_and_a_number_of_few() -> None:
    ours, theirs = "12가3456", "AB123CD"
    default = Population.default()
    few, many = default.coverage([theirs] * 3 + [ours]), default.coverage(iter([theirs] * 93 + [ours] * 7))
    assert few.told() == "3 of the list's 4 plates are of no class of the population (Korea's)"
    assert many.told("the sample's") == "93 % of the sample's plates are of no class of the population (Korea's)"
    assert (many.share_outside, many.mostly_outside) == (0.93, True)
    half = default.coverage([theirs, ours])
    assert (half.share_outside, half.mostly_outside) == (0.5, False)
    nothing = default.coverage([])
    assert (nothing.share_outside, nothing.mostly_outside) == (0, False)


def test_patterns_are_no_plates() -> None:
    coverage = Population.default().coverage(["A?3", "AB*", "[가거]1", "12가3456"])
    assert (coverage.plates, coverage.outside) == (1, 0)


def test_of_a_million_plates_some_are_looked_at_wherever_they_stand() -> None:
    # Two lists one after the other, and two that alternate.
    for plates in (["12가3456"] * 700_000 + ["AB123CD"] * 300_000, (["12가3456"] * 7 + ["AB123CD"] * 3) * 100_000):
        coverage = Population.default().coverage(plates)
        assert coverage.plates == 100_000
        assert coverage.share_outside == pytest.approx(0.3, abs=0.01)
        assert coverage == Population.default().coverage(plates)


def test_it_says_whose_it_is(tmp_path: Path) -> None:
    path = tmp_path / "town.json"
    path.write_text(json.dumps(shipped()), "utf-8")
    assert (Population.default().name, Population.load(path).name) == ("Korea's", str(path))
    assert Population.default().vehicles == pytest.approx(25_940_000)
    assert pw.ChannelModel.default().population == Population.default()
    other = Population.load(path)
    assert pw.ChannelModel.default().with_population(other).scaled(0.1).population is other


def test_where_few_blocks_are_in_use_numbers_in_them_are_as_many_times_likelier(tmp_path: Path) -> None:
    document = shipped()
    taxis = next(vehicles for vehicles in document["classes"] if vehicles["name"].startswith("taxis"))
    dense = pw.ChannelModel.default().explain("서울52바3109", "서울52바3108").probability
    taxis["blocks_in_use"] = 1
    path = tmp_path / "population.json"
    path.write_text(json.dumps(document), "utf-8")
    model = pw.ChannelModel.default().with_population(Population.load(path))
    spread = model.scoring.registered("서울52바3108")
    assert spread == pytest.approx(280_000 * 0.933 / 17 / 70 / 5 / 10_000)
    assert pw.ChannelModel.default().scoring.registered("서울52바3108") == pytest.approx(spread / 0.15)
    assert dense < 0.05 < model.explain("서울52바3109", "서울52바3108").probability


@pytest.mark.parametrize("text", ["", "{", "[]", "5", "null", '{"format": "platewatch population 2"}', b"\xff\xfe{"])
def test_other_files_are_none(tmp_path: Path, text: str | bytes) -> None:
    assert "is not a platewatch population 1" in refusal(tmp_path / "bad.json", text).reason


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Population.load(tmp_path / "nowhere.json")


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        (lambda d: d.update(format="platewatch channel model 1"), "format", "is not a platewatch population 1"),
        (lambda d: d.pop("format"), "format", "is not a platewatch population 1"),
        (lambda d: d.update(sets=[]), "sets", "is not an object"),
        (lambda d: d.pop("classes"), "classes", "is not a list of classes"),
        (lambda d: d.update(classes=[]), "classes", "is not a list of classes"),
        (lambda d: d.update(classes={"a": 1}), "classes", "is not a list of classes"),
        (lambda d: d.update(generic=5), "generic", "is not an object"),
        (lambda d: d.update(generic="the world"), "generic", 'is neither an object nor "world"'),
        (lambda d: d["generic"].update(forms=["AA00"]), "generic.forms", "is not an object"),
        (lambda d: d["generic"].update(forms={"": 1}), "generic.forms", "'' is not a form: 1 to 16 of A, 0 and ?"),
        (
            lambda d: d["generic"].update(forms={"AB1": 1}),
            "generic.forms",
            "'AB1' is not a form: 1 to 16 of A, 0 and ?",
        ),
        (
            lambda d: d["generic"].update(forms={"A" * 17: 1}),
            "generic.forms",
            "'AAAAAAAAAAAAAAAAA' is not a form: 1 to 16 of A, 0 and ?",
        ),
        (lambda d: d["generic"].update(forms={"A0": -1}), "generic.forms.A0", "is not a number from 0 to 1e+12"),
        (lambda d: d["generic"].update(letters="Aa"), "generic.letters", "'Aa' is not a set of canonical symbols"),
        (lambda d: d["generic"].update(digits="0A"), "generic.digits", "'A' is there more than once"),
        (lambda d: d.update(cluter=0.1), "cluter", "is unknown"),
        (lambda d: d["generic"].update(densty=1), "generic.densty", "is unknown"),
        (lambda d: d["generic"].update(density="x"), "generic.density", "is not a number from 0 to 1"),
        (lambda d: d["generic"].update(density=-1), "generic.density", "is not a number from 0 to 1"),
        (lambda d: d["generic"].update(density=10**400), "generic.density", "is not a number from 0 to 1"),
        (lambda d: d["generic"].update(least=None), "generic.least", "is not a whole number from 0 to 16"),
        (lambda d: d["generic"].update(least=5.7), "generic.least", "is not a whole number from 0 to 16"),
        (lambda d: d["generic"].update(most=True), "generic.most", "is not a whole number from 0 to 16"),
        (lambda d: d["generic"].update(most=17), "generic.most", "is not a whole number from 0 to 16"),
        (lambda d: d["generic"].update(most=-1), "generic.most", "is not a whole number from 0 to 16"),
        (lambda d: d["generic"].update(symbols=5), "generic.symbols", "5 is not a set of canonical symbols"),
        (
            lambda d: d["generic"].update(symbols="digit"),
            "generic.symbols",
            "'digit' is not a set of canonical symbols",
        ),
        (lambda d: d["generic"].update(symbols="A1A"), "generic.symbols", "'A' is there more than once"),
        (lambda d: d["sets"].update(digit={"0": 1}), "sets.digit", "is not a list of canonical words of two symbols"),
        (lambda d: d["sets"].update(digit="012-"), "sets.digit", "'012-' is not a set of canonical symbols"),
        (lambda d: d["sets"].update(digit="００"), "sets.digit", "'００' is not a set of canonical symbols"),
        (lambda d: d["sets"].update(digit="0120"), "sets.digit", "'0' is there more than once"),
        (lambda d: d["sets"].update(regions=["서울", "서울"]), "sets.regions", "'서울' is there more than once"),
        (lambda d: d["sets"].update({"숫자": "0"}), "sets", "the name '숫자' could be taken for symbols"),
        (lambda d: d["sets"].update({"": "0"}), "sets", "the name '' could be taken for symbols"),
        (lambda d: d["generic"].pop("symbols"), "generic.symbols", "is missing"),
        (lambda d: d["generic"].update(least=8, most=5), "generic.most", "is less than `least`, or than 1"),
        (lambda d: d.update(clutter=1), "clutter", "is not a share below 1"),
        (lambda d: d.update(clutter=-0.1), "clutter", "is not a number from 0 to 1"),
        (lambda d: d.update(clutter=float("nan")), "clutter", "is not a number from 0 to 1"),
        (lambda d: d.update(clutter=float("inf")), "clutter", "is not a number from 0 to 1"),
    ],
)
def test_a_bad_field_is_named(tmp_path: Path, change: Change, field: str, reason: str) -> None:
    document = with_generic()
    change(document)
    error = refusal(tmp_path / "bad.json", json.dumps(document))
    assert (error.row, error.field, error.reason) == (None, field, reason)


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        (lambda c: c.update(block_in_use=0.15), "block_in_use", "is unknown"),
        (lambda c: c.update(name=["taxis"]), "name", "is not a text"),
        (lambda c: c.pop("vehicles"), "vehicles", "is not a number from 0 to 1e+12"),
        (lambda c: c.update(vehicles="many"), "vehicles", "is not a number from 0 to 1e+12"),
        (lambda c: c.update(vehicles=-1), "vehicles", "is not a number from 0 to 1e+12"),
        (lambda c: c.update(vehicles=True), "vehicles", "is not a number from 0 to 1e+12"),
        (lambda c: c.update(vehicles=float("inf")), "vehicles", "is not a number from 0 to 1e+12"),
        (lambda c: c.update(vehicles=1e13), "vehicles", "is not a number from 0 to 1e+12"),
        (lambda c: c.update(vehicles=10**400), "vehicles", "is not a number from 0 to 1e+12"),
        (lambda c: c.update(blocks_in_use=0), "blocks_in_use", "is less than 1e-06"),
        (lambda c: c.update(blocks_in_use=1e-7), "blocks_in_use", "is less than 1e-06"),
        (lambda c: c.update(blocks_in_use=1.5), "blocks_in_use", "is not a number from 0 to 1"),
        (lambda c: c.update(blocks_in_use="few"), "blocks_in_use", "is not a number from 0 to 1"),
        (lambda c: c.update(words="nowhere"), "words", "is not a list of canonical words of two symbols"),
        (lambda c: c.update(words="digit"), "words", "is not a list of canonical words of two symbols"),
        (lambda c: c.update(words=["서울특별시"]), "words", "is not a list of canonical words of two symbols"),
        (lambda c: c.update(words=["ab"]), "words", "is not a list of canonical words of two symbols"),
        (lambda c: c.update(words=["\ud800가"]), "words", "is not a list of canonical words of two symbols"),
        (lambda c: c.update(words=[5]), "words", "is not a list of canonical words of two symbols"),
        (lambda c: c.update(words=5), "words", "is not a list of canonical words of two symbols"),
        (lambda c: c.update(words=["서울", "부산", "서울"]), "words", "'서울' is there more than once"),
        (lambda c: c.update(words_may_be_lost="false"), "words_may_be_lost", "is neither true nor false"),
        (lambda c: c.update(words_may_be_lost=0), "words_may_be_lost", "is neither true nor false"),
        (lambda c: c.pop("positions"), "positions", "is not a list of 1 to 14 positions"),
        (lambda c: c.update(positions=[]), "positions", "is not a list of 1 to 14 positions"),
        (lambda c: c.update(positions=["digit"] * 15), "positions", "is not a list of 1 to 14 positions"),
        (lambda c: c.update(positions="digit"), "positions", "is not a list of 1 to 14 positions"),
        (lambda c: c.update(positions=[5]), "positions", "is not an object"),
        (lambda c: c.update(positions=[""]), "positions", "'' is not a set of canonical symbols"),
        (lambda c: c.update(positions=["regions"]), "positions", "'regions' is not a set of canonical symbols"),
        (lambda c: c.update(positions=["digits"]), "positions", "'digits' is not a set of canonical symbols"),
        (lambda c: c.update(positions=["Digit"]), "positions", "'Digit' is not a set of canonical symbols"),
        (lambda c: c.update(positions=["digit "]), "positions", "'digit ' is not a set of canonical symbols"),
        (lambda c: c.update(positions=["12-"]), "positions", "'12-' is not a set of canonical symbols"),
        (lambda c: c.update(positions=["\ud800"]), "positions", "'\\ud800' is not a set of canonical symbols"),
        (lambda c: c.update(positions=["0012"]), "positions", "'0' is there more than once"),
        (lambda c: c.update(positions=[{"digit": 0.9, "2": 0.1}]), "positions", "'2' is there more than once"),
        (lambda c: c.update(positions=[{"digit": 0.5, "0123456789": 0.5}]), "positions", "'0' is there more than once"),
        (lambda c: c.update(positions=[{}]), "positions", "the shares of a position do not sum to 1"),
        (lambda c: c.update(positions=[{"1": 0.5}]), "positions", "the shares of a position do not sum to 1"),
        (lambda c: c.update(positions=[{"1": 0.5, "2": 0.6}]), "positions", "the shares of a position do not sum to 1"),
        (lambda c: c.update(positions=[{"1": "all"}]), "positions", "is not a number from 0 to 1"),
        (lambda c: c.update(positions=[{"1": 2, "2": -1}]), "positions", "is not a number from 0 to 1"),
    ],
)
def test_a_bad_class_is_named(tmp_path: Path, change: Change, field: str, reason: str) -> None:
    document = shipped()
    change(document["classes"][2])
    error = refusal(tmp_path / "bad.json", json.dumps(document))
    assert (error.row, error.field, error.reason) == (3, field, reason)
    assert str(error) == f"row 3, {field}: {reason}"
    document["classes"][2] = "private"
    error = refusal(tmp_path / "bad.json", json.dumps(document))
    assert (error.row, error.field, error.reason) == (3, "classes", "is not an object")


def test_symbols_that_no_table_has_room_for_are_refused(tmp_path: Path) -> None:
    document = shipped()
    document["classes"][0]["positions"][0] = "".join(chr(0xAC00 + i) for i in range(300))
    error = refusal(tmp_path / "bad.json", json.dumps(document))
    assert str(error) == "the plates of a population have more than 250 distinct symbols"


def test_a_key_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    text = json.dumps(shipped()).replace('"clutter": 0.01', '"clutter": 0.01, "clutter": 1')
    assert str(refusal(tmp_path / "bad.json", text)) == "clutter: is there more than once"


def test_text_that_is_not_unicode_is_refused(tmp_path: Path) -> None:
    document = shipped()
    document["classes"][0]["name"] = "\ud800"
    assert str(refusal(tmp_path / "bad.json", json.dumps(document))) == "name: is not valid Unicode"


def test_nesting_without_end_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "bad.json", "[" * 200_000).reason == f"is not a {FORMAT}: it is nested too deeply"


def test_everything_may_say_what_it_is_about(tmp_path: Path) -> None:
    document = with_generic()
    for part in (document, document["generic"], *document["classes"]):
        part["about"] = ["anything"]
    path = tmp_path / "population.json"
    path.write_text(json.dumps(document), "utf-8")
    assert Population.load(path) == Population.default()


def test_the_example_of_the_documentation_is_one(tmp_path: Path) -> None:
    section = (Path(__file__).parent.parent / "docs" / "formats.md").read_text("utf-8").partition("## Populations")[2]
    path = tmp_path / "population.json"
    path.write_text(section.partition("```json\n")[2].partition("```")[0], "utf-8")
    model = pw.ChannelModel.default().with_population(Population.load(path))
    assert model.scoring.registered("12가3456") == pytest.approx(1_000_000 * 0.1 * 0.1 * 0.9 / 4 / 10_000)
    assert model.scoring.registered("서울12바3456") == pytest.approx(20_000 / 0.2 / 2 / 100 / 10_000)
    assert model.scoring.registered("AB12") == 0.0002
    assert model.scoring.registered("AB123") == pytest.approx(0.0002 + 2000 / 26**2 / 10**3)


def test_what_only_the_core_can_refuse_is_a_model_error_too() -> None:
    document = dict(Population.default().document)
    document["generic"] = document["generic"] | {"most": 17}
    with pytest.raises(pw.ModelError, match="at most 16 symbols"):
        pw.ChannelModel.default().with_population(Population(document))


def test_classes_without_vehicles_are_weighed_alike() -> None:
    document = dict(Population.default().document)
    document["classes"] = [vehicles | {"vehicles": 0.0} for vehicles in document["classes"]]
    model = pw.ChannelModel.default().with_population(Population(document))
    assert 0.2 < model.error_rate < 0.5
    assert model.explain("12가3456", "12가3456").probability > 0.9
