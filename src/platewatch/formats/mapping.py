"""Any sender of JSON, XML, CSV, a form or key=value lines: the configuration says where in it things stand."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Any, Final, Literal, TypeAlias

import msgspec

from platewatch.errors import ConfigError, FormatError, ZoneError, at_fault
from platewatch.formats import times, xml_tree
from platewatch.formats.charsets import decode, known
from platewatch.formats.frame import Findings, word
from platewatch.formats.key_values import key_values
from platewatch.formats.messages import Message, form, json_values
from platewatch.formats.multipart import parts
from platewatch.formats.shapes import Paths, Shape, at, compiled, each, first
from platewatch.matching.values import zone_of

Syntax: TypeAlias = Literal["json", "xml", "csv", "key_value"]
Where: TypeAlias = str | list[str]

DELIMITERS: Final = ",;\t|"


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
        else:
            found.read(record, shape, root, time=_time(record, root, mapping, shape, zone))
    if not found.parsed.count:
        found.ignore("no_plate")


def _paths(where: Where) -> Paths:
    return compiled([where] if isinstance(where, str) else where)


def _time(record: Any, root: Any, mapping: SenderMapping, shape: Shape, zone: tzinfo | None) -> object:
    value, _ = first(record, shape.time, root)
    day, _ = first(record, _paths(mapping.day), root)
    try:
        if day is not None:
            value = f"{times.day(str(day))} {times.clock(str(value))}"
        if mapping.time_format is not None and value is not None:
            value = datetime.strptime(str(value).strip(), mapping.time_format)  # noqa: DTZ007 - its zone is set below
        if value is None:
            return None
        when = value if isinstance(value, datetime) else times.moment(value, zone)
    except (ValueError, OverflowError):
        return ""  # no time, and counted as one that was not usable
    if when.tzinfo is not None:
        return when
    offset, _ = first(record, _paths(mapping.offset), root)
    if offset is not None:
        zone = times.zone_of_text(str(offset)) or zone
    return when if zone is None else when.replace(tzinfo=zone)


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
        items = at(value, mapping.items.removeprefix("/")) if isinstance(value, dict) else None
        for item in each(items):
            yield value, item


def _values(message: Message, mapping: SenderMapping) -> Iterator[Any]:
    if mapping.syntax == "json":
        yield from json_values(message)
        return
    for text in message.texts():
        syntax = mapping.syntax or _syntax(text)
        if syntax == "json":
            yield from json_values(message._replace(body=text.encode("utf-8", "replace"), headers={}))
        elif syntax == "xml":
            try:
                yield xml_tree.parse(text)
            except FormatError as error:
                yield error
        elif syntax == "key_value":
            yield _key_values(text, message.charset, mapping.delimiter)
        else:
            yield from _rows(text, mapping)


def _syntax(text: str) -> Syntax:
    start = text.lstrip()
    if start.startswith("<"):
        return "xml"
    if start.startswith(("{", "[")):
        return "json"
    line = start.partition("\n")[0]
    return "key_value" if "=" in line and not any(mark in line.partition("=")[0] for mark in DELIMITERS) else "csv"


def _key_values(text: str, charset: str | None, delimiter: str | None) -> dict[str, Any]:
    """key=value a line, a urlencoded form, or between other delimiters."""
    text = text.strip()
    for mark in delimiter or "\n&;|,":
        pairs = [pair for pair in text.split(mark) if pair.strip()]
        if len(pairs) > 1 and all("=" in pair for pair in pairs):
            return dict(form(text, charset)) if mark == "&" else dict(key_values("\n".join(pairs)))
    return dict(key_values(text))


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
    rows = csv.reader(lines, delimiter=delimiter)
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
        elif row:
            yield dict(zip(names, (cell.strip() for cell in row), strict=False))
