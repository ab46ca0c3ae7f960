"""Inputs of the fuzzers as bytes, and what holds of whatever comes of one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import platewatch as pw
from tests.formats.payloads import arguments, body, cases

NAMES: Final = tuple(pw.formats.FORMATS)
_CASES: Final = cases()
HEADERS: Final[list[dict[str, str]]] = [{}, {"content-encoding": "gzip"}]
HEADERS.extend(case["headers"] for _, case in _CASES if "headers" in case and case["headers"] not in HEADERS)
TARGETS: Final = ["", *dict.fromkeys(case["target"] for _, case in _CASES if "target" in case)]
MAPPINGS: Final = [case["mapping"] for _, case in _CASES if "mapping" in case]
ZONES: Final = (None, "Asia/Seoul")
CHARSETS: Final = (None, "cp949", "utf-16-le", "gb18030")
ARRIVALS: Final = (None, datetime(2026, 11, 23, 9, 5, tzinfo=UTC))

MAY_BE_DROPPED: Final = {
    "time", "camera_id", "confidence", "chars", "candidates", "candidates.p", "pass_id", "image_url", "late", "engine",
    "chars.p", "chars.alts", "offset",
}  # fmt: skip


class Input(NamedTuple):
    """A message, and what is known of it."""

    name: str
    body: bytes
    options: dict[str, Any]


def of_bytes(data: bytes) -> Input:
    """The first bytes choose the format and the options, the others are the body."""
    kind, options, header, target, mapping, *_ = *data[:5], 0, 0, 0, 0, 0
    name = NAMES[kind % len(NAMES)]
    given: dict[str, Any] = {
        "headers": HEADERS[header % len(HEADERS)],
        "target": TARGETS[target % len(TARGETS)],
        "zone": ZONES[options % 2],
        "charset": CHARSETS[options // 2 % 4],
        "received_at": ARRIVALS[options // 8 % 2],
    }
    if name == "mapping":
        given["mapping"] = MAPPINGS[mapping % len(MAPPINGS)]
    return Input(name, data[5:], given)


def seeds() -> Iterator[bytes]:
    """The payloads as such bytes."""
    for name, case in _CASES:
        given = arguments(case)
        yield bytes(
            (
                NAMES.index(name),
                ZONES.index(given.get("zone")) if given.get("zone") in ZONES else 0,
                HEADERS.index(given.get("headers", {})),
                TARGETS.index(given.get("target", "")),
                MAPPINGS.index(given["mapping"]) if "mapping" in given else 0,
            )
        ) + body(case)


def check(given: Input) -> pw.formats.Parsed | None:
    """Raises AssertionError for what must not be, and whatever else than a FormatError the format raises."""
    try:
        parsed = pw.formats.parse(given.name, given.body, **given.options)
    except pw.FormatError as error:
        told(str(error), given)
        return None
    assert parsed.items == sorted(set(parsed.items))
    assert len(parsed.items) == len(parsed.reads)
    assert parsed.count > 0
    assert parsed.dropped.keys() <= MAY_BE_DROPPED
    for read in parsed.reads:
        assert pw.normalize(read.text, read=True)
        assert read.confidence is None or 0 <= read.confidence <= 1
        assert read.time is None or read.time.utcoffset() is not None
        shares = [one.p for one in read.chars] + [one.p for one in read.candidates]
        assert all(p is None or math.isfinite(p) for p in shares)
    for refused in parsed.refused:
        told(str(refused), given)
    return parsed


def told(text: str, given: Input) -> None:
    """An error is short, and of what was sent it has no Hangul, which every plate of the payloads has; a mapping's
    fields are named as its configuration does.
    """
    assert len(text) < 300
    assert given.name == "mapping" or not any("가" <= symbol <= "힣" for symbol in text)
