"""Tattile Vega: XML by TCP, one document after the other, whose root is `root`, MESSAGE or Msg. Times are local."""

from __future__ import annotations

import re
from typing import Any, Final

from platewatch.errors import FormatError
from platewatch.formats import times, xml_tree
from platewatch.formats.confidences import PERCENT
from platewatch.formats.frame import Findings
from platewatch.formats.messages import Message
from platewatch.formats.shapes import first, paths, shape, spelled, spelling

EVENT: Final = shape(
    "PLATE_STRING | PLATE",
    time="DATE",
    camera="DEVICE_SN",
    confidence="OCRSCORE",
    scale=PERCENT,
    engine="tattile",
)
CLOCK: Final = paths("TIME")

_NAMES: Final = spelling("TIME", EVENT)
_ENDS: Final = re.compile(r"</(?:root|message|msg)\s*>", re.IGNORECASE)


def parse(message: Message, found: Findings) -> None:
    for text in message.texts():
        start = 0
        for end in _ENDS.finditer(text):
            _document(text[start : end.end()], found)
            start = end.end()
        if text[start:].strip("\0 \t\r\n"):
            _document(text[start:], found)


def _document(text: str, found: Findings) -> None:
    try:
        root = next(iter(xml_tree.parse(text).values()))
    except FormatError as error:
        found.reject(error)
        return
    root = spelled(root, _NAMES)
    event = next((inner for inner in _objects(root) if "PLATE_STRING" in inner), None)
    if event is None:
        is_event = isinstance(root, dict) and ("DEVICE_SN" in root or "DATE" in root)
        if is_event:
            found.ignore("no_plate", root.get("DEVICE_SN"))
        else:
            found.reject(FormatError("missing", field="PLATE_STRING"))
        return
    found.read(event, EVENT, time=_time(event))


def _objects(root: Any) -> list[dict[str, Any]]:
    """The root, and what stands in it."""
    return [one for one in (root, *(root.values() if isinstance(root, dict) else ())) if isinstance(one, dict)]


def _time(event: dict[str, Any]) -> object:
    day, clock = first(event, EVENT.time)[0], first(event, CLOCK)[0]
    if day is None or clock is None:
        return day if clock is None else clock
    try:
        return f"{times.day(day)} {times.clock(clock)}"
    except ValueError:
        return day
