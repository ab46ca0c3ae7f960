"""Whatever arrives: no exception but FormatError, no plate in an error, nothing without a bound. `make fuzz-formats`
looks further.
"""

from __future__ import annotations

import json
import tracemalloc
import zlib
from base64 import b64encode
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import platewatch as pw
from tests.formats.inputs import MAPPINGS, NAMES, Input, check, of_bytes, seeds
from tests.formats.payloads import cases, parsed

SEEDS = list(seeds())
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["12가3456", "Unknown", "-", "2026-11-23T09:00:03Z", "93"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
JSON_SEEDS = []
for _seed in SEEDS:
    try:
        JSON_SEEDS.append((_seed[:5], json.loads(_seed[5:])))
    except ValueError:
        continue


def options(name: str) -> dict[str, Any]:
    return {"zone": "Asia/Seoul"} | ({"mapping": MAPPINGS[0]} if name == "mapping" else {})


@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    check(of_bytes(data))


@settings(max_examples=400)
@given(st.sampled_from(SEEDS), st.data())
def test_a_damaged_payload(seed: bytes, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(seed)))
    end = data.draw(st.integers(begin, len(seed)))
    put = data.draw(
        st.binary(max_size=12) | st.sampled_from([b"\r\n--", b"&a;", b"<!DOCTYPE a [", b'"', b"}", b"<", b"\0"])
    )
    check(of_bytes(seed[:begin] + put + seed[end:]))


def places(tree: Any) -> list[tuple[Any, Any]]:
    """(holder, key) of every value in it."""
    found = []
    for key in tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ():
        found += [(tree, key), *places(tree[key])]
    return found


@settings(max_examples=600)
@given(st.sampled_from(JSON_SEEDS), st.data())
def test_a_payload_with_another_value(seed: tuple[bytes, Any], data: st.DataObject) -> None:
    head, tree = seed[0], json.loads(json.dumps(seed[1]))
    where = places(tree)
    if where:
        holder, key = data.draw(st.sampled_from(where))
        holder[key] = data.draw(values)
    check(of_bytes(head + json.dumps(tree).encode()))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 300_000,
        b'{"a":' * 200_000,
        b"{}" * 200_000,
        b"<a>" * 200_000,
        b"<a/>" * 200_000,
        b"--b\r\n" * 200_000,
        b"--b\r\n\r\n{}\r\n" * 5_000,
        b"Code=x;data={\n" * 100_000,
        b"<EventNotificationAlert>" * 20_000,
        b"a=b&" * 100_000,
        b"a=b\n" * 50_000,
        b"\n" * 200_000,
        b"1" * 1_000_000,
        b"\xcc\xff\x01\x88\x02\0\0\0\xff\xdd" * 10_000,
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha">'
        + b"".join(b'<!ENTITY a%d "%b">' % (i, b"&a%d;" % (i - 1) * 10) for i in range(1, 30))
        + b"]><EventNotificationAlert><ANPR><licensePlate>&a29;</licensePlate></ANPR></EventNotificationAlert>",
        b'<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><root><PLATE_STRING>&a;</PLATE_STRING></root>',
    ],
    ids=lambda body: bytes(body[:24]).decode("latin-1") if isinstance(body, bytes) else str(body),
)
def test_a_bomb(name: str, body: bytes) -> None:
    given_headers = {"content-type": "multipart/form-data; boundary=b"} if body.startswith(b"--b") else {}
    found = check(Input(name, body, options(name) | {"headers": given_headers}))
    assert found is None or not any("ha" in read.text or "root" in read.text for read in found.reads)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "body",
    [
        b"\x0b",
        b"--\0\0\0\0\0",
        b'x--b\r\nContent-Disposition: form-data; name="p"\r\n\r\n--c\r\nContent-Type: image/jpeg\r\n\r\nx',
        b'{"text": "AB12", "confidence": 1.93}',
    ],
)
def test_what_the_fuzzer_found(name: str, body: bytes) -> None:
    for headers in ({}, {"content-type": "multipart/form-data; boundary=b"}):
        check(Input(name, body, options(name) | {"headers": headers}))


def noise(size: int) -> bytes:
    return Random(1).randbytes(size)


def peak(name: str, body: bytes, **given: Any) -> int:
    """Bytes that parsing takes at most, beside the body."""
    pw.formats.parse(name, body, **given)  # what is made once
    tracemalloc.start()
    try:
        found = pw.formats.parse(name, body, **given)
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [read.text for read in found.reads] == ["12가3456"]
    return taken


ALERT = (
    "<EventNotificationAlert><eventType>ANPR</eventType><ANPR><licensePlate>12가3456</licensePlate></ANPR>"
    "</EventNotificationAlert>"
)


def test_an_image_of_100_mb_is_skipped_without_a_copy() -> None:
    image = noise(1 << 20) * 100
    body = b"--b\r\nContent-Type: image/jpeg\r\n\r\n" + image + b"\r\n--b\r\n\r\n" + ALERT.encode() + b"\r\n--b--"
    assert peak("hikvision", body, headers={"content-type": "multipart/form-data; boundary=b"}) < 1 << 20


def test_base64_of_images_costs_no_copy() -> None:
    image = b64encode(noise(3 << 20)).decode() * 4
    body = json.dumps({"data": {"results": [{"plate": "12가3456", "x": image}]}, "image": image}).encode()
    assert peak("plate_recognizer", body) < 1 << 20
    body = f"<root><PLATE_STRING>12가3456</PLATE_STRING><IMAGE_CTX>{image}</IMAGE_CTX></root>".encode()
    assert peak("tattile", body) < 1 << 20


def test_base64_in_lines_costs_no_copy() -> None:
    lines = [b64encode(noise(57)).decode()] * 60_000
    body = "<root><PLATE_STRING>12가3456</PLATE_STRING><IMAGE_CTX>{}</IMAGE_CTX></root>".format("\r\n  ".join(lines))
    assert peak("tattile", body.encode()) < 1 << 20
    assert (
        peak("plate_recognizer", json.dumps({"image": "\n".join(lines), "results": [{"plate": "12가3456"}]}).encode())
        < 1 << 20
    )


def test_too_many_bad_items_are_refused_as_a_whole() -> None:
    with pytest.raises(pw.FormatError, match="not a JSON object"):
        pw.formats.parse("platewatch", b"x\n" * 2000)
    good = '{"text": "12가3456"}\n'.encode()
    found = pw.formats.parse("platewatch", good + b"x\n" * 2000)
    assert (len(found.reads), len(found.refused)) == (1, 2000)
    with pytest.raises(pw.FormatError, match="over 100000 items are refused"):
        pw.formats.parse("platewatch", good + b"x\n" * 100_001)


@pytest.mark.parametrize("begin", [b'{"a": "', b"<a>", b"a=", b"x,"])
@pytest.mark.parametrize("name", NAMES)
def test_too_much_text_is_refused(name: str, begin: bytes) -> None:
    body = begin + b"a b " * (3 << 20)
    with pytest.raises(pw.FormatError, match=r"over 8 MiB of text|not a JSON object|holds no event|not JSON"):
        pw.formats.parse(name, body, **options(name))


def test_ten_thousand_parts_are_read_and_too_many_refused() -> None:
    part = b"--b\r\nContent-Type: application/xml\r\n\r\n" + ALERT.encode() + b"\r\n"
    assert len(pw.formats.parse("hikvision", part * 10_000).reads) == 10_000
    with pytest.raises(pw.FormatError, match="over 20000 parts"):
        pw.formats.parse("hikvision", b"--b\r\n\r\n" * 20_001)


def test_what_inflates_too_much_is_refused() -> None:
    bomb = zlib.compress(b" " * (65 << 20))
    with pytest.raises(pw.FormatError, match="inflates to over 64 MiB"):
        pw.formats.parse("dahua", bomb, {"Content-Encoding": "gzip"})


def test_no_plate_is_ever_in_an_error() -> None:
    refusals = 0
    for name, case in cases():
        for error in _refusals(name, case):
            refusals += 1
            assert not any("가" <= symbol <= "힣" for symbol in error) or name == "mapping"
            assert "ABC" not in error
    assert refusals > 30


def _refusals(name: str, case: dict[str, Any]) -> list[str]:
    try:
        return [str(error) for error in parsed(name, case).refused]
    except pw.FormatError as error:
        return [str(error)]
