"""The table of vehicles: what cannot be one is refused with the class and the field."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

import platewatch as pw
from platewatch.population import Population

Change = Callable[[dict[str, Any]], object]


def shipped() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        resources.files("platewatch").joinpath("models/population.json").read_text("utf-8")
    )
    return document


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


def test_where_few_blocks_are_in_use_numbers_in_them_are_as_many_times_likelier(tmp_path: Path) -> None:
    document = shipped()
    taxis = next(vehicles for vehicles in document["classes"] if vehicles["name"] == "taxis")
    dense = pw.ChannelModel.default().explain("서울52바3109", "서울52바3108").probability
    taxis["blocks_in_use"] = 1
    path = tmp_path / "population.json"
    path.write_text(json.dumps(document), "utf-8")
    model = pw.ChannelModel.default().with_population(Population.load(path))
    assert model.scoring.registered("서울52바3108") == pytest.approx(260_000 / 17 / 70 / 5 / 10_000)
    assert pw.ChannelModel.default().scoring.registered("서울52바3108") == pytest.approx(260_000 / 17 / 70 / 5 / 1_500)
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
        (lambda d: d["generic"].update(density="x"), "generic.density", "is not a number of 0 or more"),
        (lambda d: d["generic"].update(density=-1), "generic.density", "is not a number of 0 or more"),
        (lambda d: d["generic"].update(least=None), "generic.least", "is not a number of 0 or more"),
        (lambda d: d["generic"].update(most=True), "generic.most", "is not a number of 0 or more"),
        (lambda d: d.update(clutter=1), "clutter", "is not a share below 1"),
        (lambda d: d.update(clutter=-0.1), "clutter", "is not a number of 0 or more"),
        (lambda d: d.update(clutter=float("nan")), "clutter", "is not a number of 0 or more"),
        (lambda d: d.update(clutter=float("inf")), "clutter", "is not a number of 0 or more"),
    ],
)
def test_a_bad_field_is_named(tmp_path: Path, change: Change, field: str, reason: str) -> None:
    document = shipped()
    change(document)
    error = refusal(tmp_path / "bad.json", json.dumps(document))
    assert (error.row, error.field, error.reason) == (None, field, reason)


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        (lambda c: c.pop("vehicles"), "vehicles", "is not a number of 0 or more"),
        (lambda c: c.update(vehicles="many"), "vehicles", "is not a number of 0 or more"),
        (lambda c: c.update(vehicles=-1), "vehicles", "is not a number of 0 or more"),
        (lambda c: c.update(vehicles=float("inf")), "vehicles", "is not a number of 0 or more"),
        (lambda c: c.update(blocks_in_use=0), "blocks_in_use", "is not a share above 0 and at most 1"),
        (lambda c: c.update(blocks_in_use=1.5), "blocks_in_use", "is not a share above 0 and at most 1"),
        (lambda c: c.update(blocks_in_use="few"), "blocks_in_use", "is not a number of 0 or more"),
        (lambda c: c.update(words="nowhere"), "words", "is not a list of words of two symbols"),
        (lambda c: c.update(words="digit"), "words", "is not a list of words of two symbols"),
        (lambda c: c.update(words=["서울특별시"]), "words", "is not a list of words of two symbols"),
        (lambda c: c.update(words=[5]), "words", "is not a list of words of two symbols"),
        (lambda c: c.update(words=5), "words", "is not a list of words of two symbols"),
        (lambda c: c.pop("positions"), "positions", "is not a list of 1 to 14 positions"),
        (lambda c: c.update(positions=[]), "positions", "is not a list of 1 to 14 positions"),
        (lambda c: c.update(positions=["digit"] * 15), "positions", "is not a list of 1 to 14 positions"),
        (lambda c: c.update(positions="digit"), "positions", "is not a list of 1 to 14 positions"),
        (lambda c: c.update(positions=[5]), "positions", "is not an object"),
        (lambda c: c.update(positions=[""]), "positions", "'' is not a set of symbols"),
        (lambda c: c.update(positions=["regions"]), "positions", "'regions' is not a set of symbols"),
        (lambda c: c.update(positions=[{}]), "positions", "the shares of a position do not sum to 1"),
        (lambda c: c.update(positions=[{"1": 0.5}]), "positions", "the shares of a position do not sum to 1"),
        (lambda c: c.update(positions=[{"1": 0.5, "2": 0.6}]), "positions", "the shares of a position do not sum to 1"),
        (lambda c: c.update(positions=[{"1": "all"}]), "positions", "is not a number of 0 or more"),
        (lambda c: c.update(positions=[{"1": 2, "2": -1}]), "positions", "is not a number of 0 or more"),
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


def test_what_only_the_core_can_refuse_is_a_model_error_too() -> None:
    document = dict(Population.default().document)
    document["generic"] = document["generic"] | {"most": 17}
    with pytest.raises(pw.ModelError, match="at most 16 symbols"):
        pw.ChannelModel.default().with_population(Population(document))


def test_classes_without_vehicles_are_weighed_alike() -> None:
    document = dict(Population.default().document)
    document["classes"] = [vehicles | {"vehicles": 0.0} for vehicles in document["classes"]]
    model = pw.ChannelModel.default().with_population(Population(document))
    assert 0.4 < model.error_rate < 0.7
    assert model.explain("12가3456", "12가3456").probability > 0.9
