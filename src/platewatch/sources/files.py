"""Reads from files and pipes: JSON Lines, JSON on several lines, an array, CSV with a header, or a plate a line.

Text is UTF-8, UTF-16, or CP949 where a line is no UTF-8.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from platewatch.errors import ReadError
from platewatch.lists.columns import ENTRY_COLUMNS, looks_like_plate
from platewatch.lists.csv_file import DELIMITERS
from platewatch.lists.encoding import other_than_text, wide
from platewatch.lists.header import MOST_TITLES, Columns, Layout, field_names
from platewatch.matching import lenient_json
from platewatch.matching.lenient_json import Objects
from platewatch.matching.reads import Read, ReadDecoder
from platewatch.matching.values import code

_CHUNK_BYTES: Final = 1 << 20
_CONFIDENCE_BEHIND: Final = re.compile(r"[|\s]\s*(?:0?[.,]\d+|1[.,]0+|\d{1,3}(?:[.,]\d+)? ?%)\s*$")
_SHARE: Final = re.compile(r"(\d{1,3}(?:[.,]\d+)?) ?%")
_DECIMAL_COMMA: Final = re.compile(r"\d,\d+")
_WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_TRUE: Final = frozenset({"true", "1", "yes", "y"})
_FALSE: Final = frozenset({"false", "0", "no", "n"})

READ_NAMES: Final[Mapping[str, str]] = {
    "text": (
        "text,plate,plate text,plate number,plate no,license plate,licence plate,number plate,번호판,차량번호,인식번호,"
        "인식결과,인식차량번호,번호인식결과,ocr,ocr text,lp,lpn,read,result,"
        + ENTRY_COLUMNS.names[ENTRY_COLUMNS.needed]
    ),
    "camera_id": (
        "camera id,camera,cam,cam id,camera no,카메라,카메라번호,카메라id,카메라아이디,device,device id,channel"
    ),
    "time": (
        "time,timestamp,date time,datetime,captured at,capture time,read at,일시,인식일시,인식시간,인식시각,시각,"
        "촬영일시,촬영시각,통과일시,통과시각,발생일시"
    ),
    "confidence": "confidence,conf,score,probability,p,신뢰도,인식률,정확도",
    "engine": "engine,recogniser,recognizer,인식엔진,엔진",
    "pass_id": "pass id,pass,track id,track,event id",
    "image_url": "image url,image,url,이미지,사진",
    "late": "late",
    "chars": "chars",
    "candidates": "candidates",
}
READ_COLUMNS: Final = Columns(names=READ_NAMES, needed="text")

Item: TypeAlias = "bytes | str | Mapping[str, str] | ReadError"
"""What stands in a row: a JSON object, just a text, the cells of a table by field, or what is wrong with it."""


class Stream(Protocol):
    """A binary file, or a pipe, of which `read1` returns what has arrived."""

    def read1(self, size: int = -1, /) -> bytes: ...


def rows(stream: Stream, columns: Columns = READ_COLUMNS) -> Iterator[list[tuple[int, Item]]]:
    """Numbered rows that are not blank, as many at once as have arrived: on a pipe, a hit does not wait for more."""
    chunks = _lines(stream)
    understand: Callable[[bytes], Item | None] = row_of_text
    objects: Objects | None = Objects(_utf8)
    begun = False
    for lines in chunks:
        if not begun and lines:
            begun = True
            first = lines[0][1]
            if (why := _is_no_text(first)) is not None:
                yield [(1, ReadError(why))]
                return
            if first.startswith(b"["):
                everything = [*lines, *(line for more in chunks for line in more)]
                yield _array(everything)
                return
            for above, (_, line) in enumerate(lines[:MOST_TITLES]):
                if line.startswith(b"{") or looks_like_plate(_utf8(line).decode(errors="replace")):
                    break
                table = _Table.of(line, columns)
                if table is not None:  # what stands above is a title
                    understand, objects = table.row, None  # a cell does not go on in another line
                    lines = lines[above + 1 :]
                    break
        if objects is not None:
            lines = [whole for row, line in lines for whole in objects.add(row, line)]
        items = [(row, item) for row, line in lines if (item := understand(line)) is not None]
        if items:
            yield items
    if objects is not None and (rest := objects.rest()):
        yield [(row, row_of_text(line)) for row, line in rest]


def _is_no_text(first: bytes) -> str | None:
    if first.startswith(_WORKBOOKS):
        return "a workbook: save it as CSV"
    looks = other_than_text(first)
    return None if looks is None else f"no text: it looks {looks}"


def row_of_text(line: bytes) -> Item:
    """A line that is a JSON object or just a plate."""
    line = _utf8(line.removeprefix(codecs.BOM_UTF8))
    if line.lstrip().startswith((b"[", b'"')) or b"{" in line:
        return line
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return ReadError("not valid UTF-8", field="text")
    for mark, name in ((",", "comma"), ("\t", "tab"), (";", "semicolon")):
        if mark in text:
            reason = f"a plate with a {name} in it; if this is CSV, its first line has to name the columns"
            return ReadError(reason, field="text")
    if _CONFIDENCE_BEHIND.search(text):
        return ReadError("a plate and a number in one line; a header has to name the columns", field="text")
    return text


def to_read(item: Item, decoder: ReadDecoder, row: int | None = None) -> Read:
    """Raises ReadError."""
    if isinstance(item, ReadError):
        raise ReadError(item.reason, row=row, field=item.field)
    if isinstance(item, bytes):
        return decoder.decode(item, row)
    if isinstance(item, str):
        return Read(text=item)
    return decoder.from_record(_typed(item), row)


class _Table:
    """CSV: its first line says which field stands where. A cell does not go on in another line."""

    def __init__(self, layout: Layout, delimiter: str) -> None:
        self._layout = layout
        self._delimiter = delimiter

    @classmethod
    def of(cls, first: bytes, columns: Columns) -> _Table | None:
        """By its header; None if the line is none."""
        if first.startswith(b"{"):
            return None
        try:
            line = _utf8(first).decode()
        except UnicodeDecodeError:
            return None
        best: _Table | None = None
        for delimiter in DELIMITERS:
            try:
                cells = next(csv.reader([line], delimiter=delimiter), [])
            except csv.Error:
                continue
            layout = field_names(columns, cells, {})
            if columns.needed not in layout.places:
                continue
            if best is None or len(layout.places) > len(best._layout.places):
                best = cls(layout, delimiter)
        return best

    def row(self, line: bytes) -> Item | None:
        """The cells by field; None for a header once more."""
        try:
            text = _utf8(line).decode()
            cells = next(csv.reader([text], delimiter=self._delimiter, strict=True), [])
        except UnicodeDecodeError:
            return ReadError("not valid UTF-8")
        except csv.Error as error:
            return ReadError(f"not CSV: {error}")
        width = self._layout.width
        while len(cells) > width and not cells[-1].strip():
            cells.pop()
        if len(cells) > width:
            return ReadError(f"{len(cells)} cells for {width} columns")
        return {field: cells[place] for field, place in self._layout.places.items() if place < len(cells)}


def _typed(cells: Mapping[str, str]) -> dict[str, Any]:
    """Cells as the values that JSON would have; what is blank is left out."""
    record: dict[str, Any] = {}
    for field, cell in cells.items():
        value = cell.strip()
        if field == "text":
            record[field] = cell
        elif not value:
            continue
        elif field == "confidence":
            record[field] = _share(value)
        elif field == "late":
            word = value.lower()
            record[field] = True if word in _TRUE else False if word in _FALSE else value
        elif field in ("chars", "candidates"):
            try:
                record[field] = msgspec.json.decode(value)
            except (msgspec.DecodeError, RecursionError):
                record[field] = value
        else:
            record[field] = value if field == "time" else code(value)
    return record


def _share(cell: str) -> float | str:
    """0.93, 0,93 or 93 %; anything else as it is."""
    if percent := _SHARE.fullmatch(cell):
        return float(percent[1].replace(",", ".")) / 100
    try:
        return float(cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell)
    except ValueError:
        return cell


def _array(lines: list[tuple[int, bytes]]) -> list[tuple[int, Item]]:
    """The objects of an array, numbered from 1; if it is none after all, its lines."""
    data = b"\n".join(line for _, line in lines)
    try:
        return list(enumerate(lenient_json.items(_utf8(data)), 1))
    except (ValueError, RecursionError):  # a torn one: what is whole of it stands on lines
        objects = Objects(_utf8)
        whole = [item for row, line in lines if (bare := _of_array(line)) for item in objects.add(row, bare)]
        return [(row, row_of_text(line)) for row, line in [*whole, *objects.rest()]]


def _of_array(line: bytes) -> bytes:
    """What is of an item in a line of an array."""
    bare = line.removeprefix(b"[").strip()
    if bare.startswith(b"{") and bare.endswith(b"}]"):
        bare = bare[:-1]
    return b"" if bare in (b"]", b",", b"],") else bare


def _utf8(line: bytes) -> bytes:
    """What is no UTF-8 but CP949, in UTF-8."""
    try:
        line.decode()
    except UnicodeDecodeError:
        try:
            return line.decode("cp949").encode()
        except UnicodeDecodeError:
            pass
    return line


def _lines(stream: Stream) -> Iterator[list[tuple[int, bytes]]]:
    row, rest, begun = 0, b"", False
    while data := stream.read1(_CHUNK_BYTES):
        if not begun and (encoding := wide(data)) is not None:
            everything = [data, *iter(lambda: stream.read1(_CHUNK_BYTES), b"")]
            data = b"".join(everything).decode(encoding, "replace").encode()
        begun = True
        *lines, rest = (rest + data).split(b"\n")
        yield [(row + i, bare) for i, line in enumerate(lines, 1) if (bare := _bare(line))]
        row += len(lines)
    if bare := _bare(rest):
        yield [(row + 1, bare)]


def _bare(line: bytes) -> bytes:
    """Without blanks around it and a byte order mark, which may stand where files were joined."""
    return line.strip().removeprefix(codecs.BOM_UTF8).strip()
