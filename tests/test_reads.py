from __future__ import annotations

from datetime import timedelta

import pytest

import platewatch as pw
from platewatch.matching.reads import ReadDecoder, decode, decode_lines

FULL = """{"text": "12가3456", "camera_id": "GJ-0117", "time": "2026-11-23T09:00:00+09:00", "confidence": 0.93,
"chars": [{"c": "1", "p": 0.97, "alts": [["1", 0.97], ["7", 0.02]]}], "candidates": [{"text": "72가3456", "p": 0.1}],
"pass_id": "p1", "image_url": "http://x/1.jpg", "late": true, "vendor": {"ignored": 1}}"""


def test_all_fields() -> None:
    read = decode(FULL.encode())
    assert (read.text, read.camera_id, read.confidence, read.late) == ("12가3456", "GJ-0117", 0.93, True)
    assert read.time is not None
    assert read.time.utcoffset() == timedelta(hours=9)
    assert read.chars == (pw.Character(c="1", p=0.97, alts=(("1", 0.97), ("7", 0.02))),)
    assert read.candidates == (pw.Candidate(text="72가3456", p=0.1),)


def test_only_text_is_needed() -> None:
    assert decode(b'{"text": "x"}') == pw.Read(text="x")


@pytest.mark.parametrize(
    ("line", "field", "reason"),
    [
        (b'{"text": 5}', "text", "Expected `str`, got `int`"),
        (b'{"camera_id": "x"}', None, "Object missing required field `text`"),
        (b'{"text": "x", "time": "2026-11-23T09:00:00"}', "time", "has no offset from UTC"),
        (b"{", None, "not a JSON object"),
        (b'{"text": "\xff"}', None, "not a JSON object"),
        (b'{"text": "x", "vendor": ' + b"[" * 100_000, None, "nested too deeply"),
        (b"[]", None, "Expected `object`, got `array`"),
    ],
)
def test_a_bad_read_names_the_field_and_never_the_text(line: bytes, field: str | None, reason: str) -> None:
    with pytest.raises(pw.ReadError) as caught:
        decode(line, 3)
    assert (caught.value.row, caught.value.field, caught.value.reason) == (3, field, reason)


def test_one_bad_line_does_not_lose_the_others() -> None:
    deep = b'{"text": "x", "vendor": ' + b"[" * 3000 + b"]" * 3000 + b"}"
    rows = list(decode_lines([b'{"text": "a"}\n', b"\n", b"{\n", b'{"text": "b"}', deep]))
    assert [(row, read.text if isinstance(read, pw.Read) else read.reason) for row, read in rows] == [
        (1, "a"),
        (3, "not a JSON object"),
        (4, "b"),
        (5, "nested too deeply"),
    ]


@pytest.mark.parametrize("time", ["-1", "-99999999999", "-9e10", "1e300"])
def test_a_time_that_cannot_be_costs_the_time(time: str) -> None:
    decoder = ReadDecoder()
    assert decoder.decode(f'{{"text": "x1", "time": {time}}}'.encode()) == pw.Read(text="x1")
    assert decoder.dropped == {"time": 1}


@pytest.mark.parametrize("offset", ["Z", "+09:00"])
def test_a_leap_second_is_the_one_before(offset: str) -> None:
    read = decode(f'{{"text": "x1", "time": "2026-11-23T09:00:60{offset}"}}'.encode())
    assert read.time is not None
    assert read.time.second == 59


def test_nan_is_no_value_though_json_has_none() -> None:
    decoder = ReadDecoder()
    line = b'{"text": "x1", "confidence": NaN, "chars": [{"c": "x", "p": -Infinity}, {"c": "1"}]}'
    assert decoder.decode(line) == pw.Read(text="x1", chars=(pw.Character("x"), pw.Character("1")))
    assert decoder.decode(b'{"text": ": NaN", "confidence": NaN}').text == ": NaN"
