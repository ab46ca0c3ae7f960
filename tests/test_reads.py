from __future__ import annotations

import json
import math
import re
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.pretty import pretty_repr

import platewatch as pw
from platewatch.matching import lenient_json
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
    assert [(row, getattr(read, "text", getattr(read, "reason", None))) for row, read in rows] == [
        (1, "a"),
        (2, None),
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


BLANK = [None, "", "  "]
OPTIONAL = pw.Read.__struct_fields__[1:]


@pytest.mark.parametrize("blank", BLANK, ids=repr)
@pytest.mark.parametrize("field", OPTIONAL)
def test_what_is_blank_costs_the_field(field: str, blank: str | None) -> None:
    decoder = ReadDecoder()
    assert decoder.decode(json.dumps({"text": "x1", field: blank}).encode()) == pw.Read(text="x1")
    counted = {} if blank is None and field not in ("chars", "candidates", "late") else {field: 1}
    assert decoder.dropped == counted
    assert decoder.decode(f'{{"text": "x1", "{field}": NaN}}'.encode()) == pw.Read(text="x1")
    assert decoder.dropped == (Counter({field: 2}) if field in ("chars", "candidates", "late") else counted)
    for nothing in (blank, math.nan):
        assert pw.Read(**{"text": "x1", field: nothing}) == pw.Read(text="x1")  # type: ignore[arg-type]


@pytest.mark.parametrize("blank", BLANK, ids=repr)
def test_what_is_blank_in_chars_and_candidates_costs_the_field(blank: str | None) -> None:
    fields: dict[str, Any] = {
        "chars": [{"c": "x", "p": blank, "alts": blank}],
        "candidates": [{"text": "x2", "p": blank}],
    }
    plain = pw.Read(text="x", chars=(pw.Character("x"),), candidates=(pw.Candidate("x2"),))
    decoder = ReadDecoder()
    assert decoder.decode(json.dumps({"text": "x", **fields}).encode()) == plain == pw.Read(text="x", **fields)
    given = {} if blank is None else {"chars.p": 1, "candidates.p": 1}
    assert decoder.dropped == {"chars.alts": 1, **given}


UNUSABLE: list[tuple[str, str, str]] = [  # a field, the JSON of its value, and what is counted
    *((field, "[[]]", field) for field in OPTIONAL),
    *((field, "true", field) for field in OPTIONAL if field != "late"),
    *((field, '"\\ud800"', field) for field in OPTIONAL),
    *((field, "1" * 5000, field) for field in OPTIONAL),
    *((field, "Infinity", field) for field in OPTIONAL),
    *((field, "1e999", field) for field in OPTIONAL),
    ("camera_id", "1.5", "camera_id"),
    ("confidence", '"0.70"', "confidence"),
    ("late", "1", "late"),
    ("chars", '[{"c": "x", "p": -Infinity}]', "chars.p"),
    ("chars", '[{"c": "x", "alts": [["y", NaN]]}]', "chars.alts"),
    ("candidates", "[null]", "candidates"),
]


@pytest.mark.parametrize(("field", "value", "counted"), UNUSABLE)
def test_a_field_that_is_not_usable_costs_itself_and_is_counted(field: str, value: str, counted: str) -> None:
    decoder = ReadDecoder()
    read = decoder.decode(f'{{"text": "x1", "engine": "e", "{field}": {value}}}'.encode())
    assert read.text == "x1"
    assert decoder.dropped == {counted: 1}
    given = json.loads(value, parse_int=lenient_json._int)
    if given == "\ud800" and field in ("engine", "camera_id", "pass_id", "image_url"):
        assert pw.Read(**{"text": "x1", field: given}) == pw.Read(text="x1")
        return
    with pytest.raises(TypeError, match=field):
        pw.Read(**{"text": "x1", field: given})


def test_half_of_a_surrogate_pair_in_chars_or_candidates_costs_no_more_than_the_item() -> None:
    line = rb"""{"text": "12", "chars": [{"c": "1", "p": 0.9, "alts": [["\ud800", 0.1]]}, {"c": "\ud800"}],
      "candidates": ["\udc00", {"text": "34", "p": 0.9}]}"""
    read = decode(line)
    assert read == pw.Read(text="12", chars=read.chars, candidates=read.candidates)
    matcher = pw.Matcher(["12", "34"], max_edits=0)
    for alternatives in (False, True):
        found = {m.entry_id for m in matcher.match(read, alternatives=alternatives)}
        assert found == ({"12", "34"} if alternatives else {"12"})


def test_names_may_be_numbers_of_any_type() -> None:
    for number in (12, 12.0, np.int16(12), Decimal(12)):
        assert pw.Read(text="x1", camera_id=number).camera_id == "12"  # type: ignore[arg-type]
    assert decode(b'{"text": "x1", "camera_id": 12.0}').camera_id == "12"
    assert pw.Read(text="x1", confidence=Decimal("0.5")).confidence == 0.5  # type: ignore[arg-type]


def test_what_is_not_looked_at_may_be_anything() -> None:
    line = b'{"text": "x1", "vendor": ["\\ud800", NaN, 1e999, ' + b"1" * 5000 + b"]}"
    assert decode(line) == pw.Read(text="x1")
    with pytest.raises(pw.ReadError, match="text: not valid UTF-8"):
        decode(b'{"text": "x\\ud800"}')


@pytest.mark.parametrize(
    ("time", "told"),
    [
        ('"2026-11-22T24:00:00+09:00"', "2026-11-23T00:00:00+09:00"),
        ('"2026-11-22 24:00"', "2026-11-23T00:00:00+09:00"),
        ('"202611230000"', "2026-11-23T00:00:00+09:00"),
        ("20261122240000", "2026-11-23T00:00:00+09:00"),
        ("1795359600000000000", "2026-11-22T15:00:00+00:00"),
        ('"1795359600000"', "2026-11-22T15:00:00+00:00"),
    ],
)
def test_times_of_a_read(time: str, told: str) -> None:
    decoder = ReadDecoder("Asia/Seoul")
    read = decoder.decode(f'{{"text": "x1", "time": {time}}}'.encode())
    assert read.time is not None
    assert (read.time.isoformat(), decoder.dropped) == (told, {})


def test_no_repr_shows_what_was_read() -> None:
    read = pw.Read(
        text="12가3456",
        chars=[{"c": "1", "p": 0.97, "alts": [["7", 0.02]]}],
        candidates=["72가3456"],  # type: ignore[list-item]
        camera_id="G1",
        confidence=0.0,
        image_url="http://camera/12가3456.jpg",
    )
    assert repr(read) == "Read(confidence=0.0, camera_id='G1')"
    assert repr([*read.chars, *read.candidates]) == "[Character(p=0.97), Candidate()]"
    assert "가" not in pretty_repr([read, *read.chars, *read.candidates])


def test_nan_is_no_value_though_json_has_none() -> None:
    decoder = ReadDecoder()
    line = b'{"text": "x1", "confidence": NaN, "chars": [{"c": "x", "p": -Infinity}, {"c": "1"}]}'
    assert decoder.decode(line) == pw.Read(text="x1", chars=(pw.Character("x"), pw.Character("1")))
    assert decoder.decode(b'{"text": ": NaN", "confidence": NaN}').text == ": NaN"


def test_lines_that_never_become_an_object_are_parsed_once() -> None:
    """Tried at every line that closes a bracket, 4 MB of them took half a minute."""
    parsed = 0

    def count(line: bytes) -> bytes:
        nonlocal parsed
        parsed += len(line)
        return line

    for lines in (
        [b"{", *[b'"a"}'] * 998],
        [b"{", *[b'"a": {},', b'"b": {"c": 1}'] * 600],
        [b'{"text":', *[b"}"] * 998],
    ):
        parsed = 0
        objects = lenient_json.Objects(count)
        given = [(row, line) for line_row, line in enumerate(lines, 1) for row, line in objects.add(line_row, line)]
        assert given + objects.rest()
        assert parsed <= 2 * sum(map(len, lines)) + len(lines)


BLANKS = st.sampled_from(["", "", " ", "\n", "\t \r\n"])
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.integers(),
        st.floats(),  # NaN, too
        st.text(st.sampled_from(',[]{}"\\: a가\ud800'), max_size=20),
        st.sampled_from([b"1" * 5000, b'"\xff"', b"0.5e9", b" 7 "]),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "가"]), inner, max_size=3),
    max_leaves=8,
)


def spelt(value: Any) -> bytes:
    """As `json.dumps`, but bytes as they are."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, list):
        return b"[" + b", ".join(map(spelt, value)) + b"]"
    if isinstance(value, dict):
        return b"{" + b", ".join(json.dumps(key).encode() + b":" + spelt(item) for key, item in value.items()) + b"}"
    return json.dumps(value, ensure_ascii="\ud800" in str(value)).encode()


@settings(max_examples=300, deadline=None)
@given(values=st.lists(VALUES, max_size=12), blanks=st.lists(BLANKS, min_size=30, max_size=30), comma=st.booleans())
def test_an_array_is_taken_apart_whatever_the_pieces(values: list[Any], blanks: list[str], comma: bool) -> None:
    items = [spelt(value) for value in values]
    around = iter(blank.encode() for blank in blanks)
    array = next(around) + b"[" + b",".join(next(around) + item + next(around) for item in items)
    array += (b"," if comma and items else b"") + next(around) + b"]" + next(around)
    expected = [item.strip() for item in items]
    for size in (1, 7, 30):
        with patch.object(lenient_json, "_PIECE", size):
            assert [item.strip() for item in lenient_json.items(array)] == expected
            end = array.rindex(b"]")
            for torn in (array[:end], array + b"1", array[: end // 2], b"{}" + array, array[:end] + b",,]"):
                with pytest.raises(ValueError, match=r"line \d+ column \d+|not an array"):
                    lenient_json.items(torn)


@settings(max_examples=500, deadline=None)
@given(text=st.text(st.sampled_from('[]{}",:1a \n'), max_size=30))
def test_nothing_is_an_array_that_is_none(text: str) -> None:
    array = f'[{{"a": 1}}, {text}]'
    try:
        expected = json.loads(re.sub(r",\s*\]\s*\Z", "]", array))
    except ValueError:
        expected = None
    for size in (1, 7, 30):
        with patch.object(lenient_json, "_PIECE", size):
            try:
                given = [lenient_json.parse(item) for item in lenient_json.items(array.encode())]
            except ValueError:
                given = None
            assert given == expected


@pytest.mark.parametrize(
    "item",
    [
        b"1",
        b"{}",
        b'"12\xea\xb0\x803456"',
        b'{"text": "x", "confidence": NaN}',
        b'{"text": "x", "candidates": [{"text": "y"}, {"text": "z"}, {"text": "y, z"}]}',
        b'{"text": "\\ud800"}',
        b"[[1, 1], [2, 2]]",
    ],
)
@pytest.mark.parametrize("comma", [b"", b","])
def test_a_long_array_is_taken_apart_a_little_at_a_time(item: bytes, comma: bytes) -> None:
    count = 2_000_000 // len(item)
    array = b"[" + b", ".join([item] * count) + comma + b"]"
    left = count
    for piece in lenient_json.pieces(array):
        assert len(piece) * (len(item) + 2) <= 3 * 16384 + len(item) + 2
        assert piece == [item] * len(piece)
        left -= len(piece)
    assert left == 0


@pytest.mark.parametrize("long", [b'"%b"' % (b"x" * 100_000), b"[%b0]" % (b"[], " * 100_000)])
def test_a_long_item_is_found_whole(long: bytes) -> None:
    items = [b"{}", long, b'{"a": 1}', *[b"{}"] * 20_000, long]
    array = b"[" + b", ".join(items) + b"]"
    with patch.object(lenient_json, "_lenient_piece", side_effect=AssertionError("one by one")):
        assert list(lenient_json.items(array)) == items
