"""The populations that are shipped, and the letters of their plates."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

import platewatch as pw
from platewatch.evaluation.lists import random_plates
from platewatch.probability import accents, population_file
from platewatch.probability.population import Population
from platewatch.probability.tables import Tables

NAMES = ["france", "germany", "japan", "korea", "netherlands", "uk", "us"]


@cache
def among(name: str) -> pw.ChannelModel:
    return pw.ChannelModel.default().with_population(Population.named(name))


def probability(country: str, read: str, listed: str) -> float:
    return among(country).explain(read, listed).probability


def test_their_names() -> None:
    assert Population.names() == NAMES
    assert Population.named("korea") == Population.default()
    assert [Population.named(name).name for name in ("germany", "uk", "netherlands")] == [
        "Germany's",
        "the UK's",
        "the Netherlands'",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_each_says_where_it_is_from_and_covers_its_own_plates(name: str) -> None:
    population = Population.named(name)
    assert len(Population.about(name)) > 100
    assert 10e6 < population.vehicles < 300e6
    plates = random_plates(np.random.default_rng(1), 500, population=population)
    assert population.coverage(plates).outside == 0
    assert all(pw.normalize(plate) == plate for plate in plates)
    assert 0.1 < among(name).error_rate < 0.7


@pytest.mark.parametrize("name", NAMES)
def test_most_plates_that_are_read_exactly_are_the_wanted_ones(name: str) -> None:
    plates = random_plates(np.random.default_rng(2), 60, population=Population.named(name))
    assert np.mean([probability(name, plate, plate) >= 0.9 for plate in plates]) >= 0.75


@pytest.mark.parametrize(
    ("name", "ours", "not_ours"),
    [
        (
            "germany",
            ["MÜAB123", "BOO1", "HHAB1234", "KÖLAB123", "BAB123E", "MUC1234H", "Y123456"],
            ["AB012", "ABCDEF1"],
        ),
        ("france", ["AB123CD", "GZ999ZZ", "1234AB75"], ["AI123CD", "ZZ123AB", "AB123CO", "AB12CDE"]),
        ("uk", ["AB12CDE", "A123BCD", "AIG1234", "ABZ1234", "ABC123D"], ["AB12CDI", "AB92CDE", "IB12CDE"]),
        ("netherlands", ["12BBVX", "1ZNX80", "HK016R", "VH016R", "62BBVX"], ["12ABVX", "1ANX80", "123456"]),
        ("us", ["ABC1234", "7ABC123", "123ABC", "ABC123"], ["AB12CDE", "A1"]),
        ("japan", ["品川330あ1234", "品川330さ12", "練馬58さ1234"], ["品川330お1234", "品川330あ0123", "330あ1234"]),
    ],
)
def test_what_the_country_issues_is_of_a_class(name: str, ours: list[str], not_ours: list[str]) -> None:
    population = Population.named(name)
    assert [plate for plate in ours if population.coverage([plate]).outside] == []
    assert [plate for plate in not_ours if not population.coverage([plate]).outside] == []


def test_of_a_neighbour_the_own_country_knows_and_another_does_not() -> None:
    # One letter wrong: in the country that number is most likely somebody's.
    for name, read, listed in [
        ("france", "AB123CE", "AB123CD"),
        ("germany", "BAB124", "BAB123"),
        ("uk", "AB12CDF", "AB12CDE"),
    ]:
        assert probability(name, read, listed) < 0.01 < probability("korea", read, listed) * 2


def test_the_grammar_tells_a_letter_from_a_digit() -> None:
    # A 0 where the UK has letters only: it is an O, as no other plate is read so.
    letter_lost = probability("uk", "AB12CD0", "AB12CDO")
    assert letter_lost > 0.9
    # Where a digit may stand there as well, somebody's may be just that.
    document = dict(Population.named("uk").document)
    classes = [dict(kind) for kind in document["classes"]]
    classes[0]["positions"] = [*classes[0]["positions"][:6], {"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ": 1.0}]
    either = pw.ChannelModel.default().with_population(Population(document | {"classes": classes}))
    assert either.explain("AB12CD0", "AB12CDO").probability < letter_lost - 0.3
    # And an I where digits stand is a 1.
    assert probability("uk", "ABI2CDE", "AB12CDE") > 0.4 > 0.1 > probability("uk", "AB22CDE", "AB12CDE")


@pytest.mark.parametrize("name", ["korea", "germany"])
def test_an_umlaut_that_is_lost_is_no_other_letter(name: str) -> None:
    lost, whole, other = (probability(name, read, "MÜAB123") for read in ("MUAB123", "MÜAB123", "MXAB123"))
    assert 0.8 < lost < whole
    assert other < 0.1
    assert probability(name, "MUAB123", "MUAB123") > 0.9  # and it may be none


def test_tables_that_know_accents_stay_as_they_are() -> None:
    tables = accents.known(Tables.shipped(), set())
    assert set(tables.symbols) >= accents.LETTERS.keys()
    assert accents.known(tables, set()) is tables
    for table in (tables.general, *tables.engines.values()):
        tables.core(table)  # checks the shapes
        for name in ("confusion", "inserted", "split_first", "split_second"):
            assert np.allclose(table.rates[name].sum(axis=-1), 1, atol=0.01), name
        assert np.allclose(table.rates["right"] + table.rates["wrong"], 1)


def test_accents_take_only_the_room_that_is_left() -> None:
    tables = Tables.shipped()
    others = {chr(0x4E00 + i) for i in range(250 - len(tables.symbols) - 2)}
    some = accents.known(tables, others | {"Ü"})
    assert set(some.symbols) - set(tables.symbols) == {"Ü", "Ä"}
    assert accents.known(tables, others | {"一", "龍", "龜", "龝"}) is tables


def test_a_name_or_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Population.find("uk") == Population.named("uk")
    path = tmp_path / "town"
    Population.named("uk").save(path)
    assert Population.find("town") == Population.find(path) == Population.named("uk")
    with pytest.raises(pw.ModelError, match=r"'germny' is none of the populations that are shipped: france, germany,"):
        Population.find("germny")
    for missing in ("germny.json", "./germny", tmp_path / "germany2"):
        with pytest.raises(FileNotFoundError):
            Population.find(missing)
    path.with_name("uk").write_text("{", "utf-8")
    assert Population.find("uk") == Population.named("uk")
    with pytest.raises(pw.ModelError, match="is not a platewatch population 1"):
        Population.find("./uk")


@pytest.mark.parametrize("name", NAMES)
def test_what_is_saved_is_loaded(tmp_path: Path, name: str) -> None:
    path = tmp_path / "population.json"
    Population.named(name).save(path, about="again")
    assert Population.load(path) == Population.named(name)
    assert '"about": "again"' in path.read_text("utf-8")


def test_a_generic_class_of_its_own_is_saved(tmp_path: Path) -> None:
    generic = {"letters": "ABC", "digits": "12", "forms": {"A0": 5, "?": 2}, "density": 0.1, "symbols": "X", "most": 3}
    document = {
        "format": population_file.FORMAT,
        "generic": generic,
        "classes": [{"vehicles": 5, "blocks_in_use": 0.5, "words": ["AB"], "positions": [{"1": 0.25, "가나": 0.75}]}],
    }
    population = Population(population_file.read(document))
    population.save(tmp_path / "town.json")
    assert Population.load(tmp_path / "town.json") == population


def test_the_mix_of_plates_beside_that_of_the_vehicles() -> None:
    korea = Population.default()
    rng = np.random.default_rng(1)
    as_they_are = korea.mix(random_plates(rng, 2000))
    assert as_they_are.plates == 2000
    assert (as_they_are.distance < 0.02, as_they_are.is_another) == (True, False)
    taxis = [f"서울3{n % 10}바{n:04d}" for n in range(60)] + ["12가3456"] * 40 + ["ABC123"] * 500
    mix = korea.mix(taxis)
    assert (mix.plates, mix.is_another) == (100, True)
    assert mix.distance == pytest.approx(0.6 + 0.4 - 2.65 / 25.94 - 0.28 / 25.94, abs=1e-3)
    assert mix.told("the sample's") == (
        '0 % of the sample\'s plates are of the class "private, emergency and construction machines, 8 symbols", '
        "as 84 % of the vehicles of the population (Korea's)"
    )
    assert not korea.mix(taxis[:20]).is_another  # too few to say
    assert (korea.mix([]).plates, korea.mix([]).distance) == (0, 0)
