"""What all formats share: the message, what is found in it, and how a format says where things stand.

A format is a function of a Message and the Findings that it adds to. Where things stand is a Shape: of each field the
paths to look at, in this order, as `ANPR.licensePlate | ANPR.plate`; a number is the place in a list, and a path that
begins with `/` begins at the message and not at the item.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple, TypeAlias
from urllib.parse import parse_qsl

import msgspec

from platewatch._core import normalize
from platewatch.errors import FormatError, PlatewatchError, ReadError
from platewatch.formats import times
from platewatch.formats.charsets import GUESS, decode
from platewatch.formats.confidences import share
from platewatch.formats.multipart import is_multipart, parts
from platewatch.matching import lenient_json
from platewatch.matching.reads import Candidate, Character, Read

Ignored: TypeAlias = Literal["no_plate", "heartbeat", "other_event"]
"""Why an item is neither a read nor an error: a car without a plate, a sign of life, an event of another kind."""

Paths: TypeAlias = tuple[tuple[str, ...], ...]

NO_PLATE: Final = frozenset(
    {
        "unknown", "noplate", "no plate", "no_plate", "--", "-", "unlicensed", "车牌", "无车牌", "无牌", "无牌车",
        "null", "none", "unrecognise", "unrecognised", "unrecognized", "not defined", "notdefined",
    }
)  # fmt: skip
"""What recognisers write where there is no plate, in any case."""

MAX_REFUSED: Final = 100_000
"""Items of one message that may be refused."""

_DECODER: Final = json.JSONDecoder()
_VALUE: Final = re.compile(r"\S")
_MOST_REJECTED: Final = 1000  # items that are nothing of this format, where nothing else is there
_MOST_FIELDS: Final = 100  # of a form or a query
_LONGEST_NAME: Final = 4096  # characters of a camera's name or an id: what is longer is neither
_UNSET: Final = object()


class Parsed(msgspec.Struct, kw_only=True):
    """What was understood of a message. Items count from 1, in the order in which they stand in it.

    `reads`, and in `items` the item of each; `ignored`, why, one for each item that is neither a read nor an error;
    `refused`, what is wrong with each other item: `row` is the item, `field` where the fault is, as the sender names
    it. `dropped` counts the optional fields of reads that were not usable, by name. `reply` is the body, JSON, that the
    sender has to get back; None if any will do. `count` is how many items there are.
    """

    reads: list[Read] = []
    items: list[int] = []
    ignored: list[Ignored] = []
    refused: list[ReadError] = []
    dropped: Counter[str] = msgspec.field(default_factory=Counter)
    reply: bytes | None = None

    @property
    def count(self) -> int:
        return len(self.reads) + len(self.ignored) + len(self.refused)


class Message(NamedTuple):
    """What arrived; headers by lower-case name."""

    body: bytes
    headers: Mapping[str, str]
    target: str
    zone: tzinfo | None
    charset: str | None
    received_at: datetime | None

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")

    @property
    def query(self) -> dict[str, str]:
        """The fields behind the `?` of the target."""
        return form(self.target.partition("?")[2], self.charset)

    @property
    def is_multipart(self) -> bool:
        return is_multipart(self.body, self.content_type)

    def texts(self, *field_names: str) -> Iterator[str]:
        """The texts in it: the parts of a multipart that are text, of which fields have these names if there are any;
        the value of such a field of a form; or else the body. Raises FormatError.
        """
        if self.is_multipart:
            for part in parts(self.body, self.content_type):
                if part.is_text:
                    yield decode(part.content, part.content_type, self.charset)
            return
        text = decode(self.body, self.content_type, self.charset)
        if field_names and not text.lstrip().startswith(("{", "[")):
            fields = form(text.strip(), self.charset)
            named = [fields[name] for name in field_names if name in fields]
            if named:
                yield from named
                return
        yield text


@dataclass(frozen=True, slots=True)
class Shape:
    """Where the fields of a read stand in an item. `candidates` are those of a list, with the names of a candidate's
    text and confidence in it; `scale` is the greatest confidence: None for 1, or 100 where one is greater than 1.
    """

    plate: Paths = ()
    time: Paths = ()
    camera: Paths = ()
    confidence: Paths = ()
    candidates: Paths = ()
    candidate_plate: str = "plate"
    candidate_confidence: str = "score"
    pass_id: Paths = ()
    image_url: Paths = ()
    late: Paths = ()
    scale: float | None = None
    engine: str | None = None
    no_plate: frozenset[str] = frozenset()


def shape(
    plate: str,
    *,
    time: str = "",
    camera: str = "",
    confidence: str = "",
    candidates: str = "",
    candidate_plate: str = "plate",
    candidate_confidence: str = "score",
    pass_id: str = "",
    image_url: str = "",
    late: str = "",
    scale: float | None = None,
    engine: str | None = None,
) -> Shape:
    """A Shape of paths as text."""
    return Shape(
        plate=paths(plate),
        time=paths(time),
        camera=paths(camera),
        confidence=paths(confidence),
        candidates=paths(candidates),
        candidate_plate=candidate_plate,
        candidate_confidence=candidate_confidence,
        pass_id=paths(pass_id),
        image_url=paths(image_url),
        late=paths(late),
        scale=scale,
        engine=engine,
    )


def paths(text: str) -> Paths:
    """Those that stand between bars."""
    return compiled([path for path in text.split("|") if path.strip()])


def compiled(paths: list[str]) -> Paths:
    return tuple(_path(path.strip()) for path in paths)


def _path(path: str) -> tuple[str, ...]:
    return ("/", *path[1:].split(".")) if path.startswith("/") else tuple(path.split("."))


def at(record: Any, path: str) -> Any:
    """What stands there; None if nothing does."""
    return _at(record, tuple(path.split(".")))


def _at(record: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if isinstance(record, dict):
            if name in record:
                record = record[name]
            elif name != "0":  # a list of one may be just the one
                return None
        elif isinstance(record, list) and name.isdecimal() and len(name) < 6 and int(name) < len(record):
            record = record[int(name)]
        else:
            return None
    return record


def first(record: Any, paths: Paths, root: Any = None) -> tuple[Any, tuple[str, ...]]:
    """The first that is something, and its path; None if there is none."""
    for path in paths:
        value = _at(root, path[1:]) if path[0] == "/" else _at(record, path)
        if isinstance(value, dict) and "#text" in value:
            value = value["#text"]
        if value is not None and value != "" and not (isinstance(value, str) and value.isspace()):
            return value, path
    return None, ()


def each(value: Any) -> list[Any]:
    """The items of a list; one that stands alone is one, as XML has it."""
    if value is None or value == "":
        return []
    return value if isinstance(value, list) else [value]


def form(text: str, charset: str | None = None) -> dict[str, str]:
    """The fields of a query or a urlencoded form; of those with one name the last. What is no UTF-8 is of `charset`."""
    try:
        return _fields(text, "utf-8", "strict")
    except UnicodeDecodeError:
        return _fields(text, charset or GUESS, "replace")
    except ValueError:  # too many
        return {}


def _fields(text: str, charset: str, errors: str) -> dict[str, str]:
    return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS, encoding=charset, errors=errors))


def json_values(message: Message, *field_names: str) -> Iterator[Any]:
    """Each JSON value of a message: of an array its items, and of NDJSON its lines. Raises FormatError if there is
    none at all; what is wrong with a part or a line is its value: a FormatError.
    """
    found = False
    for text in message.texts(*field_names):
        if not text.strip("\0 \t\r\n"):
            continue
        found = True
        for value in _json(text):
            if isinstance(value, list):
                yield from value
            else:
                yield value
    if not found:
        raise FormatError("holds no JSON")


def _json(text: str) -> Iterator[Any]:
    """Its values, which may follow each other; of lines that are whole values, each by itself."""
    try:
        yield parse_json(text)
        return
    except FormatError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) > 1 and lines[0].strip().endswith(("}", "]")):
            for line in lines:
                try:
                    yield parse_json(line)
                except FormatError as of_line:
                    yield of_line
            return
        yield from _following(text) or [error]


def _following(text: str) -> list[Any]:
    """Values one after the other, as a connection carries them; none if the first is none."""
    found: list[Any] = []
    end = 0
    try:
        while begin := _VALUE.search(text, end):
            value, end = _DECODER.raw_decode(text, begin.start())
            found.append(value)
    except (ValueError, RecursionError):
        if found:
            found.append(FormatError("not JSON: cut off"))
    return found


def parse_json(text: str) -> Any:
    """Lenient, as senders are. Raises FormatError that says where what is wrong, and not what stands there."""
    try:
        return lenient_json.parse(text.strip("\0 \t\r\n\ufeff").encode("utf-8", "replace"))
    except RecursionError:
        raise FormatError("not JSON: nested too deeply") from None
    except ValueError as error:
        raise FormatError(f"not JSON: {error}") from None


def opaque(*parts: object) -> str:
    """An id of what identifies an event, which may hold its plate as names of pictures do; it does not show it."""
    return hashlib.blake2b("\0".join(map(str, parts)).encode("utf-8", "replace"), digest_size=12).hexdigest()


class Findings:
    """Collects what a message holds. Each call of `read`, `ignore` and `refuse` is one item."""

    def __init__(self, message: Message, late_after: timedelta | None) -> None:
        self.parsed = Parsed()
        self._message = message
        self._late_after = late_after
        self._item = 0
        self._rejected: list[FormatError] = []

    @property
    def reply(self) -> bytes | None:
        return self.parsed.reply

    @reply.setter
    def reply(self, body: bytes) -> None:
        self.parsed.reply = body

    def ignore(self, why: Ignored) -> None:
        self._item += 1
        self.parsed.ignored.append(why)

    def refuse(self, reason: str, field: str | None = None) -> None:
        """`reason` and `field` hold nothing that was read. Raises FormatError if too much is refused."""
        self._item += 1
        if len(self.parsed.refused) == MAX_REFUSED:
            raise FormatError(f"over {MAX_REFUSED} items are refused")
        self.parsed.refused.append(ReadError(reason, row=self._item, field=field))

    def reject(self, error: FormatError) -> None:
        """What is not of this format at all: one item, and the whole message if there is nothing else in it."""
        self.refuse(error.reason, error.field)
        self._rejected.append(error)
        if len(self._rejected) == _MOST_REJECTED and not self.parsed.reads:
            raise self._rejected[0]

    def finished(self) -> Parsed:
        """Raises FormatError if nothing in it is of this format."""
        if not self._item:
            raise FormatError("holds no event")
        if self._rejected and len(self._rejected) == self._item:
            raise self._rejected[0]
        return self.parsed

    def objects(self, *field_names: str) -> Iterator[dict[str, Any]]:
        """The JSON objects of the message; what is none is rejected."""
        none = True
        for value in json_values(self._message, *field_names):
            none = False
            if isinstance(value, dict):
                yield value
            else:
                self.reject(value if isinstance(value, FormatError) else FormatError("not a JSON object"))
        if none:  # an empty list
            self.ignore("no_plate")

    def take(self, read: Read) -> None:
        """A read that was made elsewhere, if there is a plate in it."""
        if read.text.strip().casefold() in NO_PLATE:
            self.ignore("no_plate")
            return
        if not self._is_matched(read.text, "text"):
            return
        self._begin_read()
        when = read.time or self._message.received_at
        camera = read.camera_id or self._defaults.get("camera_id")
        late = read.late or self.is_late(when)
        confidence = self._share(read.confidence, None)
        self.parsed.reads.append(
            msgspec.structs.replace(read, time=when, camera_id=camera, late=late, confidence=confidence)
        )

    def drop(self, name: str) -> None:
        """An optional field that is not usable."""
        self.parsed.dropped[name] += 1

    def read(
        self,
        record: Any,
        shape: Shape,
        root: Any = None,
        *,
        time: object = _UNSET,
        camera: object = _UNSET,
        confidence: object = _UNSET,
        pass_id: object = _UNSET,
        late: bool | None = None,
        chars: Callable[[str], tuple[Character, ...]] | None = None,
    ) -> None:
        """The read of an item, or why there is none. What is given stands for what the shape would say; `chars` makes
        them of the text, and raises ValueError if they do not line up; `late` of None is by age.
        """
        text, field = self._text(record, shape, root)
        if text is None:
            if field is None:
                self.ignore("no_plate")
            else:
                self.refuse("Expected text", field)
            return
        if not self._is_matched(text, field):
            return
        try:
            when = self._time(first(record, shape.time, root)[0] if time is _UNSET else time)
        except ReadError as error:
            path = first(record, shape.time, root)[1]
            self.refuse(error.reason, _named(path) or "time")
            return
        self._begin_read()
        self.parsed.reads.append(
            Read(
                text=text,
                time=when,
                camera_id=self._name("camera_id", first(record, shape.camera, root)[0] if camera is _UNSET else camera)
                or self._defaults.get("camera_id"),
                confidence=self._share(
                    first(record, shape.confidence, root)[0] if confidence is _UNSET else confidence, shape.scale
                ),
                chars=self._chars(text, chars),
                candidates=self._candidates(record, shape) if shape.candidates else (),
                engine=shape.engine,
                pass_id=self._name("pass_id", first(record, shape.pass_id, root)[0] if pass_id is _UNSET else pass_id),
                image_url=self._name("image_url", first(record, shape.image_url, root)[0]),
                late=self._late(record, shape, root, when, late),
            )
        )

    def _begin_read(self) -> None:
        self._item += 1
        self.parsed.items.append(self._item)

    def is_late(self, when: datetime | None) -> bool:
        """By its age at arrival, where that is known."""
        received_at = self._message.received_at
        if when is None or received_at is None or self._late_after is None:
            return False
        return received_at - when > self._late_after

    @cached_property
    def _defaults(self) -> dict[str, str]:
        """What the request says where the message is silent."""
        return self._message.query if "?" in self._message.target else {}

    def _is_matched(self, text: str, field: str | None) -> bool:
        """Whether it has what a plate has; if not, it is ignored or refused."""
        try:
            normalize(text, read=True)
        except PlatewatchError as error:
            if error.reason == _EMPTY:
                self.ignore("no_plate")
            else:
                self.refuse(error.reason, field)
            return False
        return True

    def _text(self, record: Any, shape: Shape, root: Any) -> tuple[str | None, str | None]:
        """The text and where it stands; or where something stands that is none."""
        wrong = None
        for path in shape.plate:
            value, _ = first(record, (path,), root)
            if isinstance(value, str):
                word = value.strip().casefold()
                if word not in NO_PLATE and word not in shape.no_plate:
                    return value, _named(path)
            elif value is not None:
                wrong = wrong or _named(path)
        return None, wrong

    def _time(self, value: Any) -> datetime | None:
        """Raises ReadError for one whose offset nobody has said."""
        if value is None:
            value = self._defaults.get("time")
        message = self._message
        if value is not None:
            try:
                when = value if isinstance(value, datetime) else times.moment(value, message.zone)
                if when.tzinfo is None:
                    if message.zone is None:
                        raise ReadError("has no offset from UTC, and no zone is set")
                    when = when.replace(tzinfo=message.zone)
                if times.plausible(when, message.received_at):
                    return when
            except (ValueError, OverflowError):
                pass
            self.drop("time")
        return message.received_at

    def _name(self, name: str, value: Any) -> str | None:
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            if abs(value) < 10**30:
                return str(value)
        elif isinstance(value, str) and len(value) <= _LONGEST_NAME and _is_unicode(value):
            return value.strip()
        self.drop(name)
        return None

    def _share(self, value: Any, scale: float | None, name: str = "confidence") -> float | None:
        if value is None or value == "":
            return None
        try:
            return share(value, scale)
        except (ValueError, OverflowError):
            self.drop(name)
            return None

    def _chars(self, text: str, make: Callable[[str], tuple[Character, ...]] | None) -> tuple[Character, ...]:
        if make is None:
            return ()
        try:
            return make(text)
        except (ValueError, OverflowError):
            self.drop("chars")
            return ()

    def _candidates(self, record: Any, shape: Shape) -> tuple[Candidate, ...]:
        given, _ = first(record, shape.candidates)
        if given is None:
            return ()
        found = []
        for item in given if isinstance(given, list) else [None]:
            text = item.get(shape.candidate_plate) if isinstance(item, dict) else None
            if not isinstance(item, dict) or not isinstance(text, str) or not _is_unicode(text):
                self.drop("candidates")
            elif text.strip():
                p = self._share(item.get(shape.candidate_confidence), shape.scale, "candidates.p")
                found.append(Candidate(text=text, p=p))
        return tuple(found)

    def _late(self, record: Any, shape: Shape, root: Any, when: datetime | None, late: bool | None) -> bool:
        if late is not None:
            return late
        if shape.late:
            flag, _ = first(record, shape.late, root)
            if isinstance(flag, str):
                flag = _FLAGS.get(flag.strip().lower(), flag)
            if flag is True or flag is False or flag in (0, 1):
                return bool(flag) or self.is_late(when)
            if flag is not None:
                self.drop("late")
        return self.is_late(when)


_FLAGS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_EMPTY: Final = "no letter or digit"


def _named(path: tuple[str, ...]) -> str:
    return ".".join(path[1:] if path[:1] == ("/",) else path)


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
