"""TS-ANPR, a Korean recogniser: its results as JSON, CSV, XML or text, of plates or of objects with their plates.

They say neither when nor where: the request has to, as `?camera_id=...&time=...`.
"""

from __future__ import annotations

import csv
import re
from typing import Any, Final

from platewatch.errors import FormatError
from platewatch.formats import xml_tree
from platewatch.formats.frame import Findings
from platewatch.formats.messages import Message, parse_json
from platewatch.formats.shapes import at, each, shape

JSON: Final = shape("text", confidence="conf.ocr | conf", engine="ts_anpr")
XML: Final = shape("@text", confidence="conf.@ocr", engine="ts_anpr")
ROW: Final = shape("text", confidence="ocr", engine="ts_anpr")

_YAML: Final = re.compile(r"(?:---|-\s+\w+:|\w+:\s)")
_OF_PLATE: Final = ("text", "x", "y", "width", "height", "angle", "ocr", "plate", "elapsed", "ev")
_OF_OBJECT: Final = 7  # columns in front of its plate's


def parse(message: Message, found: Findings) -> None:
    for text in message.texts():
        start = text.strip("\ufeff\0 \t\r\n")
        if not start:
            found.ignore("no_plate")
        elif start.startswith(("[", "{")):
            _json(start, found)
        elif start.startswith("<"):
            _xml(start, found)
        elif _YAML.match(start):
            found.reject(FormatError("YAML: let it write JSON, CSV, XML or text"))
        else:
            _lines(start, found)


def _json(text: str, found: Findings) -> None:
    try:
        value = parse_json(text.removesuffix(";"))
    except FormatError as error:
        found.reject(error)
        return
    if isinstance(value, dict) and "error" in value:
        _error(at(value, "error.code"), found)
        return
    items = each(value)
    if not items:
        found.ignore("no_plate")
    for item in items:
        if not isinstance(item, dict) or not ("text" in item or "class" in item):
            found.reject(FormatError("neither a plate nor an object"))
        elif "text" in item:
            found.read(item, JSON)
        else:
            _plates(each(item.get("licensePlate")), JSON, found)


def _xml(text: str, found: Findings) -> None:
    try:
        tree = xml_tree.parse(text)
    except FormatError as error:
        found.reject(error)
        return
    if "error" in tree:
        _error(at(tree, "error.@code"), found)
        return
    if "data" not in tree:
        found.reject(FormatError("missing", field="data"))
        return
    plates = each(at(tree, "data.license-plate"))
    for item in each(at(tree, "data.object")):
        of_object = each(at(item, "license-plate"))
        plates += of_object or [None]
    _plates(plates, XML, found)


def _lines(text: str, found: Findings) -> None:
    """Plates of the text output are separated by CR; rows of CSV have 10 columns, or 7, 16 or 17 of objects."""
    for line in text.splitlines():
        try:
            row = next(csv.reader([line]), [])
        except csv.Error:
            found.refuse("not CSV", "line")
            continue
        if row and row[0].strip() == "error":
            _error(row[1] if len(row) > 1 else None, found)
        elif len(row) in (_OF_OBJECT, _OF_OBJECT + 9, _OF_OBJECT + 10) and len(row) != len(_OF_PLATE):
            _plates([dict(zip(_OF_PLATE, row[_OF_OBJECT:], strict=False)) or None], ROW, found)
        elif len(row) in (1, len(_OF_PLATE) - 1, len(_OF_PLATE)):
            _plates([dict(zip(_OF_PLATE, row, strict=False))], ROW, found)
        elif row:
            found.refuse(f"has {len(row)} columns", "line")


def _plates(plates: list[Any], where: Any, found: Findings) -> None:
    if not plates:
        found.ignore("no_plate")
    for plate in plates:
        if plate is None:
            found.ignore("no_plate")
        else:
            found.read(plate, where)


def _error(code: object, found: Findings) -> None:
    number = str(code) if str(code).isdecimal() and len(str(code)) < 6 else "without a number"
    found.refuse(f"the recogniser reports error {number}", "error")
