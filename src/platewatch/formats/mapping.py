"""Any sender of JSON, XML, CSV, a form or key=value lines: the configuration says where in it things stand."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from itertools import chain, islice
from typing import Any, Final, Literal, TypeAlias

import msgspec

from platewatch.errors import ConfigError, FormatError, ZoneError, at_fault
from platewatch.formats import times, xml_tree
from platewatch.formats.charsets import decode, known
from platewatch.formats.frame import Findings, word
from platewatch.formats.key_values import key_values
from platewatch.formats.messages import Message, form, json_values, parse_json
from platewatch.formats.multipart import parts
from platewatch.formats.shapes import Paths, Shape, at, compiled, each, first, named
from platewatch.matching.values import zone_of

Syntax: TypeAlias = Literal["json", "xml", "csv", "key_value"]
Where: TypeAlias = str | list[str]

DELIMITERS: Final = ",;\t|"

_NOON: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
_BETWEEN_PAIRS: Final = "&;|,\t"
_FRAMES: Final = {2: None, 3: "\n"}  # STX and ETX, as serial lines have them around a record
_ESCAPED: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_DEEPEST: Final = 8  # levels whose names are told
_MOST_NAMES: Final = 50


class SenderMapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"pass_id": "pass"}):
    """Where things stand, by field: a name, a path of names and places in lists (`car.plates.0.text`), or several of
    which the first that has something counts. A path that begins with `/` begins at the message, others at an item.

    `items` is the list of the items, if a message has several; `syntax` is found out if it is not said. `day` is a date
    that stands beside its time, `offset` an offset or zone that does, `zone` that of all others; `time_format` is as
    datetime.strptime takes it. `scale` is the greatest confidence, if it is not 1 or percent. `columns` names those of
    a CSV that has no header. `no_plate` are further words for no plate. The charset counts where a text is not UTF-8.
    """

    plate: Where
    time: Where = []
    day: Where = []
    offset: Where = []
    camera: Where = []
    confidence: Where = []
    candidates: Where = []
    pass_id: Where = []
    image_url: Where = []
    late: Where = []
    items: str | None = None
    syntax: Syntax | None = None
    time_format: str | None = None
    zone: str | None = None
    scale: float | None = None
    charset: str | None = None
    delimiter: str | None = None
    columns: list[str] = []
    no_plate: list[str] = []
    engine: str | None = None

    def __post_init__(self) -> None:
        try:
            zone_of(self.zone)
        except ZoneError as error:
            raise ConfigError(error.reason, field="zone") from None
        try:
            known(self.charset or "utf-8")
        except FormatError as error:
            raise ConfigError(error.reason, field="charset") from None
        if self.scale is not None and not 0 < self.scale < float("inf"):
            raise ConfigError("Expected a positive number", field="scale")
        if self.delimiter is not None and len(self.delimiter) != 1:
            raise ConfigError("Expected one character", field="delimiter")
        if not any(map(str.strip, [self.plate] if isinstance(self.plate, str) else self.plate)):
            raise ConfigError("says nowhere", field="plate")
        if self.time_format is not None:
            try:
                has_year = _of_format(_NOON.strftime(self.time_format), self.time_format).year == _NOON.year
            except (ValueError, re.error):
                raise ConfigError("not a format of datetime.strptime", field="time_format") from None
            if not has_year:
                raise ConfigError("has no year", field="time_format")

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> SenderMapping:
        """Of a table of the configuration. Raises ConfigError that names the setting."""
        try:
            return msgspec.convert(dict(settings), cls)
        except msgspec.ValidationError as error:
            reason, field = at_fault(error)
            raise ConfigError(reason, field=field) from None

    def shape(self) -> Shape:
        return replace(
            Shape(),
            plate=_paths(self.plate),
            time=_paths(self.time),
            camera=_paths(self.camera),
            confidence=_paths(self.confidence),
            candidates=_paths(self.candidates),
            pass_id=_paths(self.pass_id),
            image_url=_paths(self.image_url),
            late=_paths(self.late),
            scale=self.scale,
            engine=self.engine,
            no_plate=frozenset(map(word, self.no_plate)),
        )


def parse(message: Message, found: Findings, mapping: SenderMapping | Mapping[str, Any] | None = None) -> None:
    if mapping is None:
        raise FormatError("this format needs one", field="mapping")
    if not isinstance(mapping, SenderMapping):
        mapping = SenderMapping.of(mapping)
    shape = mapping.shape()
    if message.charset is None and mapping.charset is not None:
        message = message._replace(charset=mapping.charset)
    zone = message.zone if mapping.zone is None else zone_of(mapping.zone)
    for root, record in _records(message, mapping):
        if isinstance(record, FormatError):
            found.reject(record)
        elif not isinstance(record, dict):
            found.reject(FormatError("not an object of fields", field=mapping.items))
        elif first(record, shape.plate, root)[0] is not None:
            found.read(record, shape, root, time=_time(record, root, mapping, shape, zone, found))
        elif (several := _list_on_the_way(record, shape, root)) is not None:
            found.refuse("a list: items has to name it", several, first(record, shape.camera, root)[0])
        else:
            found.parsed.names = found.parsed.names or list(islice(_leaves(root), _MOST_NAMES))
            found.ignore("no_plate", first(record, shape.camera, root)[0])
    if not found.parsed.count:
        found.ignore("no_plate")


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """What could be paths, in the order in which it stands there."""
    if isinstance(value, dict) and len(path) < _DEEPEST:
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    elif isinstance(value, list) and value and len(path) < _DEEPEST:
        yield from _leaves(value[0], (*path, "0"))
    elif path:
        yield ".".join(path)


def _paths(where: Where) -> Paths:
    """A name may have dots, too."""
    found: list[tuple[str, ...]] = []
    for path in compiled([where] if isinstance(where, str) else where):
        begin = 1 if path[0] == "/" else 0
        found.append(path)
        if len(path) > begin + 1:
            found.append((*path[:begin], ".".join(path[begin:])))
    return tuple(found)


def _list_on_the_way(record: Any, shape: Shape, root: Any) -> str | None:
    """Where a list stands on a path to a plate: to take one of its items would lose the others."""
    for path in shape.plate:
        below, begin = (root, 1) if path[0] == "/" else (record, 0)
        for place, name in enumerate(path[begin:], begin):
            if isinstance(below, list) and below and not name.isdecimal():
                return ".".join(path[begin:place])
            below = at(below, name)
    return None


def _time(record: Any, root: Any, mapping: SenderMapping, shape: Shape, zone: tzinfo | None, found: Findings) -> object:
    value, _ = first(record, shape.time, root)
    day, _ = first(record, _paths(mapping.day), root)
    try:
        if day is not None:
            clock = f"{value:06}" if type(value) is int else str(value)  # 90003 is 09:00:03
            value = f"{times.day(str(day))} {times.clock(clock)}"
        if mapping.time_format is not None and value is not None:
            value = _of_format(str(value).strip(), mapping.time_format)
        if value is None:
            return None
        when = value if isinstance(value, datetime) else times.moment(value, zone)
    except (ValueError, OverflowError):
        return ""  # no time, and counted as one that was not usable
    if when.tzinfo is not None:
        return when
    offset, _ = first(record, _paths(mapping.offset), root)
    if offset is not None:
        if (said := times.zone_of_text(str(offset))) is None:
            found.drop("offset")
        zone = said or zone
    return when if zone is None else when.replace(tzinfo=zone)


def _of_format(text: str, time_format: str) -> datetime:
    return datetime.strptime(text, time_format)  # noqa: DTZ007 - its zone is set where it is used


def _records(message: Message, mapping: SenderMapping) -> Iterator[tuple[Any, Any]]:
    """(the message that an item stands in, the item, or what is wrong with it)."""
    if message.is_multipart and (fields := _fields(message)):
        yield fields, fields
        return
    if not message.body.strip():
        if not message.query:
            raise FormatError("empty")
        yield message.query, message.query
        return
    for value in _values(message, mapping):
        if isinstance(value, FormatError) or mapping.items is None:
            yield value, value
            continue
        none = True
        for item in _items(value, mapping.items.removeprefix("/").split(".")):
            none = False
            yield value, {"#text": item} if isinstance(item, str) else item
        if none:
            yield value, {}


def _items(value: Any, names: list[str]) -> Iterator[Any]:
    """What stands there; on the way, lists are gone through."""
    if not names:
        yield from each(value)
    elif isinstance(value, list) and not names[0].isdecimal():
        for one in value:
            if isinstance(one, dict):
                yield from _items(one, names)
            else:
                yield FormatError("not an object of fields")
    else:
        yield from _items(at(value, names[0]), names[1:])


def _values(message: Message, mapping: SenderMapping) -> Iterator[Any]:
    if mapping.syntax == "json":
        yield from json_values(message)
        return
    for text in message.texts():
        syntax = mapping.syntax or _syntax(text)
        if (
            message.is_multipart and mapping.syntax is None and syntax not in ("json", "xml")
        ):  # a field beside those that are
            continue
        if syntax == "json":
            yield from json_values(message._replace(body=text.encode("utf-8", "replace"), headers={}))
        elif syntax == "xml":
            try:
                yield xml_tree.parse(text)
            except FormatError as error:
                yield error
        elif syntax == "key_value":
            yield from _key_values(text.translate(_FRAMES), message.charset, mapping.delimiter)
        else:
            yield from _rows(text.translate(_FRAMES), mapping)


def _syntax(text: str) -> Syntax:
    start = text.lstrip("\2 \t\r\n")
    if start.startswith("<"):
        return "xml"
    if start.startswith(("{", "[")):
        return "json"
    line = start.partition("\n")[0]
    return "key_value" if "=" in line and not any(mark in line.partition("=")[0] for mark in DELIMITERS) else "csv"


def _key_values(text: str, charset: str | None, delimiter: str | None) -> Iterator[Any]:
    """Of pairs of key=value: a urlencoded form or what has other delimiters, one a line; else all lines as one."""
    lines = [line for line in text.splitlines() if line.strip()]
    for mark in delimiter or _BETWEEN_PAIRS:
        pairs = [_pairs(line, mark) for line in lines]
        if 2 * sum(map(bool, pairs)) > len(lines):
            for line, of_line in zip(lines, pairs, strict=True):
                if not of_line:
                    yield FormatError("not key=value")
                else:
                    yield _with_json(form(line.strip(), charset) if mark == "&" else key_values("\n".join(of_line)))
            return
    is_form = len(lines) == 1 and _ESCAPED.search(text) is not None
    yield _with_json(form(text.strip(), charset) if is_form else key_values(text))


def _pairs(line: str, mark: str) -> list[str]:
    """Empty if it is not made of several."""
    pairs = [pair for pair in line.split(mark) if pair.strip()]
    return pairs if len(pairs) > 1 and all("=" in pair for pair in pairs) else []


def _with_json(fields: Mapping[str, str]) -> dict[str, Any]:
    """A field of a form may hold JSON."""
    found: dict[str, Any] = {}
    for name, text in fields.items():
        found[name] = text
        if text.lstrip().startswith(("{", "[")):
            try:
                found[name] = parse_json(text)
            except FormatError:
                continue
    return found


def _fields(message: Message) -> dict[str, Any] | None:
    """Of a form whose fields are parts; None if they are not."""
    found: dict[str, Any] = {}
    for part in parts(message.body, message.content_type):
        if not part.is_text or not part.name:
            continue
        text = decode(part.content, part.content_type, message.charset)
        if text.lstrip().startswith(("{", "[", "<")):
            return None
        found[part.name] = text
    return found or None


def _rows(text: str, mapping: SenderMapping) -> Iterator[Any]:
    lines = text.strip("\0 \r\n").splitlines()
    delimiter = mapping.delimiter or max(DELIMITERS, key=lines[0].count) if lines else ","
    names = mapping.columns
    # With a quote that does not end, all rows behind it would be one: then each line is a row.
    whole = [lines] if text.count('"') % 2 == 0 else [[line] for line in lines]
    rows = chain.from_iterable(csv.reader(some, delimiter=delimiter) for some in whole)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error:
            yield FormatError("not CSV")
            continue
        if not names:
            names = [name.strip() for name in row]
            plate = _paths(mapping.plate)
            if not any(path[path[0] == "/"] in names for path in plate):
                yield FormatError("no column has this name", field=named(plate[0]))
                return
        elif row:
            yield dict(zip(names, (cell.strip() for cell in row), strict=False))
