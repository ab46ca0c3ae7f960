"""Messages as senders write them, one TOML file a format: what facts say of the structure, with invented values.

A body is text. `JPEG` in it becomes bytes of an image; `crlf` makes its line ends CR LF; `charset_of_body` is what it
is encoded in; `deflated` compresses it. What is expected are the fields that are not as a Read has them by itself:
`chars` as their confidences, `candidates` as pairs; the engine is the format's, or there is none.
"""

from __future__ import annotations

import tomllib
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import platewatch as pw

HERE = Path(__file__).parent
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00--\r\n<\x00{" + bytes(range(256)) * 4 + b"\xff\xd9"


def cases() -> list[tuple[str, dict[str, Any]]]:
    """(format, case) of all files."""
    return [
        (path.stem, case)
        for path in sorted(HERE.glob("*.toml"))
        for case in tomllib.loads(path.read_text("utf-8"))["case"]
    ]


def body(case: dict[str, Any]) -> bytes:
    if "hex" in case:
        return bytes.fromhex(case["hex"])
    text = case["body"]
    if case.get("crlf"):
        text = text.replace("\n", "\r\n")
    data: bytes = text.encode(case.get("charset_of_body", "utf-8")).replace(b"JPEG", JPEG)
    return zlib.compress(data) if case.get("deflated") else data


def arguments(case: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {
        name: case[name] for name in ("headers", "target", "zone", "charset", "mapping") if name in case
    }
    if "received_at" in case:
        given["received_at"] = datetime.fromisoformat(case["received_at"])
    return given


def parsed(name: str, case: dict[str, Any]) -> pw.formats.Parsed:
    return pw.formats.parse(name, body(case), **arguments(case))


def told(read: pw.Read) -> dict[str, Any]:
    """A read as the tables have it."""
    fields: dict[str, Any] = {"text": read.text}
    if read.time is not None:
        fields["time"] = read.time.astimezone(UTC).isoformat().replace("+00:00", "Z")
    for name in ("camera_id", "pass_id", "image_url"):
        if getattr(read, name) is not None:
            fields[name] = getattr(read, name)
    if read.confidence is not None:
        fields["confidence"] = round(read.confidence, 4)
    if read.chars:
        assert [item.c for item in read.chars] == list("".join(read.text.split()))
        fields["chars"] = [round(item.p or 0, 4) for item in read.chars]
    if read.candidates:
        fields["candidates"] = [[c.text] if c.p is None else [c.text, round(c.p, 4)] for c in read.candidates]
    if read.late:
        fields["late"] = True
    return fields
