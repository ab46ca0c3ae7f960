"""Any bytes for a list, any JSON for reads: a result or a PlatewatchError, never another exception."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import platewatch as pw
from platewatch.matching.reads import ReadDecoder, decode
from platewatch.service.asgi import BodyTooLargeError, EncodingError, encodings, inflate
from platewatch.sources import Accepted, http
from platewatch.sources.files import rows, to_read
from platewatch.sources.http import Answered, HttpReads

CELLS = st.one_of(
    st.sampled_from(
        ["plate", "id", "차량번호", "사유", "12가3456", "AB12CDE", "1.0", "2026-01-01", "", '"', "#N/A", "sep=;"]
    ),
    st.text(max_size=8),
)
LINES = st.lists(st.lists(CELLS, max_size=5), max_size=8)


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    delimiter = draw(st.sampled_from([",", ";", "\t", "|", "\n"]))
    text = draw(st.sampled_from(["\n", "\r\n", "\r"])).join(delimiter.join(row) for row in draw(LINES))
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp949", "gb18030", "latin-1"]))
    return text.encode(encoding, "replace")


CORPUS = sorted(
    path.read_bytes() for path in Path(__file__).parent.joinpath("corpus").glob("*/*") if path.stat().st_size < 3000
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A file of the corpus with something else at some places."""
    data = draw(st.sampled_from(CORPUS))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        other = draw(
            st.binary(max_size=3) | st.sampled_from([b"\n", b",", b"{", b"}", b"[", b"]", b'"', b"\0", b"NaN", b"12"])
        )
        data = data[:at] + other + data[at + draw(st.integers(0, 3)) :]
    return data


BYTES = st.one_of(st.binary(max_size=300), tables(), damaged())
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.text(st.characters(), max_size=3)  # halves of surrogate pairs too
    | st.sampled_from(["12가3456", "가"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)
PYTHON = (
    JSON
    | st.fractions()
    | st.decimals()
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.dates()
    | st.timedeltas()
    | st.complex_numbers()
    | st.binary(max_size=8)
    | st.uuids()
    | st.integers(-(2**63), 2**63 - 1).map(lambda n: np.datetime64(n, "s"))
    | st.integers(-(2**63), 2**63 - 1).map(lambda n: np.datetime64(n, "ns"))
    | st.floats(width=32).map(np.float32)
    | st.sampled_from(
        [10**5000, -(10**5000), Fraction(10**400, 3), Decimal("sNaN"), object(), pd.NA, pd.NaT, "1" * 5000]
    )
)
READ_FIELDS = st.dictionaries(st.sampled_from(pw.Read.__struct_fields__), JSON, max_size=6)
CHARACTERS = st.lists(st.fixed_dictionaries({}, optional={"c": JSON, "p": JSON, "alts": JSON}), max_size=9)


@settings(max_examples=300, deadline=None)
@given(data=BYTES, suffix=st.sampled_from([".csv", ".jsonl", ".json", ".xlsx", ".txt"]), strict=st.booleans())
def test_any_bytes_for_a_list(tmp_path_factory: pytest.TempPathFactory, data: bytes, suffix: str, strict: bool) -> None:
    path = tmp_path_factory.mktemp("lists") / f"list{suffix}"
    path.write_bytes(data)
    for load in (pw.Hotlist.load, pw.Hotlist.from_csv, pw.Hotlist.from_jsonl):
        try:
            hotlist = load(path, strict=strict)
        except pw.PlatewatchError as error:
            assert str(error)
        else:
            assert len(pw.Matcher(hotlist)) == len(hotlist)


@settings(max_examples=200, deadline=None)
@given(
    name=st.sampled_from(["wanted.xlsx", "wanted.xls", "wanted.ods"]),
    at=st.integers(0, 10**6),
    byte=st.binary(min_size=1),
)
def test_a_damaged_workbook(tmp_path_factory: pytest.TempPathFactory, name: str, at: int, byte: bytes) -> None:
    whole = (Path(__file__).parent / "corpus" / "lists" / name).read_bytes()
    at %= len(whole)
    path = tmp_path_factory.mktemp("books") / name
    path.write_bytes(whole[:at] + byte + whole[at + len(byte) :])
    try:
        pw.Hotlist.load(path, strict=False)
    except pw.PlatewatchError as error:
        assert str(error)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(pw.Entry.__struct_fields__), PYTHON, max_size=6), max_size=4))
def test_any_values_for_records(records: list[dict[str, Any]]) -> None:
    hotlist = pw.Hotlist.from_records(records, strict=False)
    assert len(hotlist.report.errors) + len(hotlist) + hotlist.report.duplicates == len(records)
    assert all(map(str, hotlist.report.errors))
    assert len(pw.Matcher(hotlist)) == len(hotlist)


@settings(max_examples=300, deadline=None)
@given(BYTES)
def test_any_bytes_for_reads(data: bytes) -> None:
    decoder = ReadDecoder("Asia/Seoul")
    matcher = pw.Matcher(pw.Hotlist.from_plates(["12가3456"]))
    for items in rows(io.BytesIO(data)):
        for row, item in items:
            try:
                matcher.match(to_read(item, decoder, row))
            except pw.ReadError as error:
                assert error.row in (row, None)


@settings(max_examples=400, deadline=None)
@given(fields=READ_FIELDS, chars=CHARACTERS)
def test_json_and_python_agree_on_every_read(fields: dict[str, Any], chars: list[dict[str, Any]]) -> None:
    fields = {"text": "12가3456"} | fields
    if chars:
        fields["chars"] = chars
    matcher = pw.Matcher(pw.Hotlist.from_plates(["12가3456", "12거3456"]))
    line = json.dumps(fields).encode()
    try:
        decoded = ReadDecoder("Asia/Seoul").decode(line)
    except pw.ReadError as error:
        assert error.field in ("text", None)  # only that is needed
        return
    try:
        made = pw.Read(**{name: value for name, value in fields.items() if name != "time"})
    except TypeError as error:
        assert str(error).split(" ")[0].split("[")[0].split(".")[0] in pw.Read.__struct_fields__
    else:
        assert made == pw.Read(**{name: getattr(decoded, name) for name in pw.Read.__struct_fields__ if name != "time"})
    for alternatives in (False, True):
        try:
            matcher.match(decoded, alternatives=alternatives)
        except pw.ReadError as error:
            assert error.field == "text"


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(pw.Read.__struct_fields__[1:]), PYTHON, max_size=4))
def test_any_values_for_a_read(fields: dict[str, Any]) -> None:
    try:
        read = pw.Read(text="12가3456", **fields)
    except TypeError as error:
        assert str(error).split(" ")[0].split("[")[0].split(".")[0] in fields
    else:
        try:
            assert pw.Matcher(["12가3456"]).match(read)
        except pw.ReadError as error:
            assert error.field == "time"  # without an offset


@settings(max_examples=300, deadline=None)
@given(
    body=BYTES, content_type=st.sampled_from(["", "application/json", "application/x-ndjson", "multipart/form-data"])
)
def test_any_bytes_by_http(body: bytes, content_type: str) -> None:
    async def accept(reads: Sequence[pw.Read]) -> Accepted:
        return Accepted(len(reads), 0, [], 0)

    source = HttpReads(accept, decoder=ReadDecoder("Asia/Seoul"), on_refused=lambda errors: None)
    answered = asyncio.run(source.take(body, content_type))
    assert answered.status == (422 if answered.answer.errors and not answered.answer.accepted else 200)
    assert msgspec.json.encode(answered.answer)


@pytest.mark.parametrize("body", [b"\n" * 3200, b"[" + b"{}, " * 900 + b"{}]", b"1\n" * 900])
def test_any_long_body_lets_others_have_their_turn(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    monkeypatch.setattr(http, "_SLICE", 0)  # over at once
    turns = 0

    async def accept(reads: Sequence[pw.Read]) -> Accepted:
        return Accepted(len(reads), 0, [], 0)

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def take() -> Answered:
        beside = asyncio.create_task(others())
        try:
            source = HttpReads(accept, decoder=ReadDecoder("Asia/Seoul"), on_refused=lambda errors: None)
            return await source.take(b'{"text": "x1"}\n' * (not body.startswith(b"[")) + body, "application/json")
        finally:
            beside.cancel()

    answered = asyncio.run(take())
    assert answered.answer.accepted == (not body.startswith(b"["))
    assert turns >= 50


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32-be"])
def test_a_wide_body_is_decoded_over_the_ends_of_its_parts(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    monkeypatch.setattr(http, "_LARGE", 7)
    body = '{"text": "12가3456", "camera_id": "😀"}'.encode(encoding)
    expected = pw.Read(text="12가3456", camera_id="😀")
    assert list(http._rows(body, "", ReadDecoder())) == [(1, expected)]


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=200), encoding=st.sampled_from(["", "gzip", "deflate", "zstd", "br", "gzip, zstd"]))
def test_any_bytes_for_a_compressed_body(body: bytes, encoding: str) -> None:
    with suppress(EncodingError, BodyTooLargeError):
        assert len(inflate(body, encodings(body, encoding), 1000)) <= 1000


def test_a_line_of_json_names_its_field_in_python_too() -> None:
    made = pw.Read(
        text="12가3456",
        chars=[{"c": "1", "p": 1, "alts": [["7", 0.02]]}],
        candidates=[{"text": "72가3456", "p": 0.1}, "12거3456"],  # type: ignore[list-item]
    )
    assert made == decode(
        b'{"text": "12\xea\xb0\x803456", "chars": [{"c": "1", "p": 1, "alts": [["7", 0.02]]}],'
        b' "candidates": [{"text": "72\xea\xb0\x803456", "p": 0.1}, {"text": "12\xea\xb1\xb03456"}]}'
    )
    assert made.chars == (pw.Character("1", 1.0, (("7", 0.02),)),)
    for fields, message in (
        ({"text": 5}, "text must be text, not int"),
        ({"chars": 5}, "chars must be a sequence of Character or mappings, not int"),
        ({"chars": [{"c": "1", "p": "high"}]}, r"chars\[0\]\.p must be a number, not str"),
        ({"chars": [{"c": 1}]}, r"chars\[0\]\.c must be text, not int"),
        ({"chars": [{"c": "1", "alts": [["7"]]}]}, r"chars\[0\]\.alts\[0\] must be a pair"),
        ({"candidates": [5]}, r"candidates\[0\] must be a Candidate or a mapping, not int"),
        ({"confidence": "0.7"}, "confidence must be a number, not str"),
        ({"time": "2026-01-01"}, "time must be a datetime, not str"),
        ({"late": "yes"}, "late must be a bool, not str"),
        ({"camera_id": b"x"}, "camera_id must be text, not bytes"),
    ):
        with pytest.raises(TypeError, match=message):
            pw.Read(**({"text": "12가3456"} | fields))
