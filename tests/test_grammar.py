"""parse() on an example of every class of Korean plates."""

from __future__ import annotations

import pytest

import platewatch as pw
from platewatch import _core

# text: kinds, vehicle, (region, city, code, syllable, serial)
EXAMPLES = {
    "123가4567": (("private", "electric", "corporate"), "car", (None, None, "123", "가", "4567")),
    "701하4567": (("private",), "van", (None, None, "701", "하", "4567")),
    "850나4567": (("private",), "truck", (None, None, "850", "나", "4567")),
    "990다4567": (("private",), "special", (None, None, "990", "다", "4567")),
    "998가4567": (("emergency",), None, (None, None, "998", "가", "4567")),
    "12가3456": (("private", "electric"), "car", (None, None, "12", "가", "3456")),
    "82호3456": (("private",), "truck", (None, None, "82", "호", "3456")),
    "서울12바3456": (("commercial", "construction_old", "legacy"), "car", ("서울", None, "12", "바", "3456")),
    "경기98배0100": (("commercial",), "special", ("경기", None, "98", "배", "0100")),
    "부산52가3456": (("regional", "legacy"), None, ("부산", None, "52", "가", "3456")),
    "부산2가3456": (("regional", "legacy"), None, ("부산", None, "2", "가", "3456")),
    "외교012345": (("diplomatic",), None, (None, None, "012", "외교", "345")),
    "임12345": (("temporary",), None, (None, None, None, "임", "12345")),
    "123456": (("temporary",), None, (None, None, None, None, "123456")),
    "강원서귀포카1234": (("motorcycle_old",), None, ("강원", "서귀포", None, "카", "1234")),
    "1가23456": (("motorcycle",), None, (None, None, "1", "가", "23456")),
    "12국3456": (("military",), None, (None, None, "12", "국", "3456")),
    "012가3456": (("construction",), None, (None, None, "012", "가", "3456")),
    "대구27가3456": (("regional", "construction_old", "legacy"), None, ("대구", None, "27", "가", "3456")),
    "대구28차3456": (("legacy",), None, ("대구", None, "28", "차", "3456")),
}


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples(text: str) -> None:
    plate = pw.parse(text)
    kinds, vehicle, parts = EXAMPLES[text]
    assert (plate.text, plate.kind, plate.kinds, plate.vehicle) == (text, kinds[0], kinds, vehicle)
    assert (plate.region, plate.city, plate.code, plate.syllable, plate.serial) == parts


def test_the_examples_show_every_kind() -> None:
    assert {kind for kinds, _, _ in EXAMPLES.values() for kind in kinds} == set(_core.plate_kinds())


@pytest.mark.parametrize("text", ["AB12CDE", "12바3456", "998허1234", "00가1234", "서울12가345", "1"])
def test_a_plate_of_no_class_is_unknown_and_has_no_parts(text: str) -> None:
    plate = pw.parse(text)
    assert (plate.text, plate.kind, plate.kinds) == (text, "unknown", ("unknown",))
    assert (plate.vehicle, plate.region, plate.city, plate.code, plate.syllable, plate.serial) == (None,) * 6


def test_text_is_normalized_first() -> None:
    plate = pw.parse("서울 １２\n바-3456")
    assert plate == pw.parse("서울12바3456")
    assert hash(plate) == hash(pw.parse("서울12바3456"))
    assert plate != pw.parse("서울12바3457")
    with pytest.raises(pw.PlatewatchError) as error:
        pw.parse("-")
    assert error.value.field == "text"
