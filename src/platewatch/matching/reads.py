"""What cameras report: reads, and platewatch's own JSON for them.

Only a read's text is needed. Null and blank text are no value of an optional field. In JSON, one that is not usable
costs itself and not the read, and is counted by its name; in Python it is a TypeError that names it.
"""

from __future__ import annotations

import codecs
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any, Final, NoReturn

import msgspec
from msgspec.structs import force_setattr

from platewatch.errors import ReadError, at_fault
from platewatch.matching import lenient_json
from platewatch.matching.values import Zone, has_offset, identifier, is_blank, parse_moment, zone_of


class _Checked(msgspec.StructMeta):
    """Checks what Python code makes; what is decoded from JSON has the right types already, and goes another way."""

    if not TYPE_CHECKING:

        def __call__(cls, *arguments, **fields):  # noqa: N805 - of a metaclass
            made = super().__call__(*arguments, **fields)
            made._check()
            return made


class Character(msgspec.Struct, frozen=True, gc=False, metaclass=_Checked):
    """One non-whitespace code point of a read's raw text: the symbol, its probability, and its alternatives.

    An alternative is a pair of a symbol and its probability. Raises TypeError that names the field.
    """

    c: str
    p: float | None = None
    alts: tuple[tuple[str, float], ...] = ()

    if TYPE_CHECKING:  # what it takes; what it has is above

        def __init__(
            self, c: str, p: float | None = None, alts: Iterable[tuple[str, float] | Sequence[str | float]] = ()
        ) -> None: ...

    def _check(self) -> None:
        if not isinstance(self.c, str):
            _refuse("c", "text", self.c)
        if self.p is not None and type(self.p) is not float:
            force_setattr(self, "p", _number(self.p, "p"))
        if type(self.alts) is not tuple or not all(map(_is_pair, self.alts)):
            force_setattr(self, "alts", _pairs(self.alts))

    def __repr__(self) -> str:
        return _repr(self)

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return _without_text(self, "p")


class Candidate(msgspec.Struct, frozen=True, gc=False, metaclass=_Checked):
    """Another reading of the whole plate, with its probability if the recogniser gives one.

    Raises TypeError that names the field.
    """

    text: str
    p: float | None = None

    def _check(self) -> None:
        if not isinstance(self.text, str):
            _refuse("text", "text", self.text)
        if self.p is not None and type(self.p) is not float:
            force_setattr(self, "p", _number(self.p, "p"))

    def __repr__(self) -> str:
        return _repr(self)

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return _without_text(self, "p")


class Read(msgspec.Struct, frozen=True, kw_only=True, gc=False, metaclass=_Checked):
    """What a camera's recogniser reported of one vehicle in one frame.

    `chars` and `candidates` are Characters and Candidates, or mappings with their fields, as in JSON. `time` has an
    offset from UTC. `late` marks a read that the camera sends after an outage. What is blank (None, NaN, "", spaces) is
    no value of an optional field, and neither is a name that UTF-8 cannot hold. Raises TypeError that names the field.
    A repr leaves out what was read.
    """

    text: str
    chars: tuple[Character, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    engine: str | None = None
    confidence: float | None = None
    camera_id: str | None = None
    time: datetime | None = None
    pass_id: str | None = None
    image_url: str | None = None
    late: bool = False

    if TYPE_CHECKING:  # what it takes; what it has is above

        def __init__(
            self,
            *,
            text: str,
            chars: Iterable[Character | Mapping[str, object]] = (),
            candidates: Iterable[Candidate | Mapping[str, object]] = (),
            engine: str | None = None,
            confidence: float | None = None,
            camera_id: str | None = None,
            time: datetime | None = None,
            pass_id: str | None = None,
            image_url: str | None = None,
            late: bool = False,
        ) -> None: ...

    def _check(self) -> None:
        if not isinstance(self.text, str | bytes):
            _refuse("text", "text", self.text)
        if type(self.chars) is not tuple or any(type(item) is not Character for item in self.chars):
            force_setattr(self, "chars", _items(self.chars, Character, "chars"))
        if type(self.candidates) is not tuple or any(type(item) is not Candidate for item in self.candidates):
            force_setattr(self, "candidates", _items(self.candidates, Candidate, "candidates"))
        if self.confidence is not None and not _is_finite(self.confidence):
            force_setattr(self, "confidence", _number(self.confidence, "confidence"))
        if self.time is not None and (type(self.time) is not datetime or self.time.tzinfo is not UTC):
            force_setattr(self, "time", _datetime(self.time))
        for name in _NAMES:
            value = getattr(self, name)
            if value is not None and (type(value) is not str or not value.isascii() or not value or value.isspace()):
                force_setattr(self, name, _name(value, name))
        if type(self.late) is not bool:
            force_setattr(self, "late", _flag(self.late))

    def __repr__(self) -> str:
        return _repr(self)

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return _without_text(self, "engine", "confidence", "camera_id", "time", "pass_id", "late")


_NAMES: Final = ("engine", "camera_id", "pass_id", "image_url")


def _without_text(value: msgspec.Struct, *fields: str) -> list[tuple[str, Any]]:
    """A repr ends in logs and tracebacks, where no read may stand, nor an image's name, in which cameras put it."""
    given = ((name, getattr(value, name)) for name in fields)
    return [(name, field) for name, field in given if field is not None and field is not False]


def _repr(value: Character | Candidate | Read) -> str:
    return f"{type(value).__name__}({', '.join(f'{name}={field!r}' for name, field in value.__rich_repr__())})"


def _refuse(field: str, wanted: str, value: object) -> NoReturn:
    # Its type and not the value, which may be part of a read.
    raise TypeError(f"{field} must be {wanted}, not {type(value).__name__}")


def _is_nothing(value: object) -> bool:
    """None, NaN and their like, "" and spaces; words for nothing may be names."""
    return not value.strip() if isinstance(value, str) else is_blank(value)


def _is_null(value: object) -> bool:
    """As JSON writes it, and as programs do that cannot write null."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def _is_unicode(text: str) -> bool:
    """Whether there is no half of a surrogate pair in it."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_finite(value: object) -> bool:
    return type(value) is float and math.isfinite(value)


def _number(value: object, field: str) -> float | None:
    if _is_nothing(value):
        return None
    if not isinstance(value, Real | Decimal) or isinstance(value, bool):
        _refuse(field, "a number", value)
    try:
        number = float(value)
    except (OverflowError, ValueError):
        number = math.inf
    if not math.isfinite(number):
        raise TypeError(f"{field} must be a finite number")
    return number


def _datetime(value: object) -> datetime | None:
    if _is_nothing(value):
        return None
    if not isinstance(value, datetime):
        _refuse("time", "a datetime", value)
    try:
        return value if value.tzinfo is None or has_offset(value) else value.replace(tzinfo=None)
    except ValueError as error:
        raise TypeError(f"time {error}") from None


def _name(value: object, field: str) -> str | None:
    if _is_nothing(value):
        return None
    if isinstance(value, str):
        return value if _is_unicode(value) else None  # no camera or engine is known by it, and no event can hold it
    try:
        return identifier(value)  # cameras and passes are often numbered
    except (TypeError, ValueError):
        _refuse(field, "text", value)


def _flag(value: object) -> bool:
    if _is_nothing(value):
        return False
    if type(value).__name__ not in {"bool", "bool_"}:
        _refuse("late", "a bool", value)
    return bool(value)


def _is_pair(pair: object) -> bool:
    return type(pair) is tuple and len(pair) == 2 and type(pair[0]) is str and _is_finite(pair[1])


def _pairs(alternatives: object) -> tuple[tuple[str, float], ...]:
    if _is_nothing(alternatives):
        return ()
    if isinstance(alternatives, str | bytes | Mapping) or not isinstance(alternatives, Iterable):
        _refuse("alts", "pairs of a symbol and its probability", alternatives)
    pairs = []
    for place, pair in enumerate(alternatives):
        if isinstance(pair, Mapping):
            pair = (pair.get("c"), pair.get("p"))
        if isinstance(pair, str | bytes) or not isinstance(pair, Sequence) or len(pair) != 2:
            _refuse(f"alts[{place}]", "a pair of a symbol and its probability", pair)
        symbol, p = pair
        if not isinstance(symbol, str):
            _refuse(f"alts[{place}][0]", "text", symbol)
        number = _number(p, f"alts[{place}][1]")
        if number is None:
            _refuse(f"alts[{place}][1]", "a number", p)
        pairs.append((symbol, number))
    return tuple(pairs)


def _items(given: object, kind: type[Character] | type[Candidate], field: str) -> tuple[Any, ...]:
    if _is_nothing(given):
        return ()
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        _refuse(field, f"a sequence of {kind.__name__} or mappings", given)
    items: list[Character | Candidate] = []
    for place, item in enumerate(given):
        if isinstance(item, str) and kind is Candidate:
            item = {"text": item}
        if isinstance(item, Mapping):
            known = {name: item[name] for name in kind.__struct_fields__ if name in item}
            try:
                if "p" in known:  # a float that is no share is one for the matcher to ignore, but JSON has none
                    known["p"] = _number(known["p"], "p")
                items.append(kind(**known))
            except TypeError as error:
                raise TypeError(f"{field}[{place}].{error}") from None
        elif isinstance(item, kind):
            items.append(item)
        else:
            _refuse(f"{field}[{place}]", f"a {kind.__name__} or a mapping", item)
    return tuple(items)


# ---------------------------------------------------------------------- JSON

NOT_AN_OBJECT: Final = "not a JSON object"

FIRST_YEAR: Final = 2001  # clocks that lost their battery begin in 1970 or 2000
MOST_YEARS_AHEAD: Final = 1
_SINCE_1970: Final = re.compile(r"(\d{1,11}|\d{13}|\d{16}|\d{19})(\.\d{1,9})?")  # of other lengths it is 20261123090000
_SCALES: Final = (1, 1_000, 1_000_000, 1_000_000_000)
_MOST_SINCE_1970: Final = 10**20


class ReadDecoder:
    """Reads from JSON, and from records of text as tables have them.

    `zone` is that of times without an offset, unless `zone_of_camera` knows another one for the read's camera; without
    either a read with such a time is refused. `dropped` counts the
    optional fields that were not usable, by name: blank ones too, but null (or NaN) only where a list or a flag
    belongs. A time that cannot be is one: before 2001, or years ahead.
    """

    def __init__(
        self, zone: Zone | None = None, *, zone_of_camera: Callable[[str | None], tzinfo | None] = lambda _: None
    ) -> None:
        self._zone: tzinfo | None = None if zone is None else zone_of(zone)
        self._zone_of_camera = zone_of_camera
        self._decoder = msgspec.json.Decoder(Read)
        self._last_year = 0  # of a time that can be; known when it is first asked for
        self.dropped: Counter[str] = Counter()

    def decode(self, line: bytes, row: int | None = None) -> Read:
        """A read from its JSON object. Unknown fields are ignored.

        Raises ReadError with the row and the field, and never with what stood there.
        """
        line = line.removeprefix(codecs.BOM_UTF8)
        try:
            read = self._decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError) as error:
            return self._by_field(line, error, row)
        for value in (read.camera_id, read.pass_id, read.engine, read.image_url):
            if value is not None and (not value or value.isspace()):
                given = {name for name in _NAMES if getattr(read, name) is not None}
                read._check()
                self.dropped.update(name for name in given if getattr(read, name) is None)
                break
        when = read.time
        if when is not None and (when.tzinfo is None or not self._is_usable(when)):
            return self._with_time(read, when, row)
        return read

    def from_record(self, record: Mapping[str, Any], row: int | None = None) -> Read:
        """A read from the fields of its JSON object. Raises as `decode` does."""
        try:
            return self._from_record(record, row)
        except ReadError as error:
            camera_id = record.get("camera_id")
            known = camera_id if isinstance(camera_id, str) else None
            raise ReadError(error.reason, row=error.row, field=error.field, camera_id=known) from None

    def _from_record(self, record: Mapping[str, Any], row: int | None) -> Read:
        text = record.get("text")
        if not isinstance(text, str):
            given = "`null`" if text is None else f"`{_JSON_NAMES.get(type(text), type(text).__name__)}`"
            missing = "Object missing required field `text`"
            if "text" not in record:
                raise ReadError(missing, row=row)
            raise ReadError(f"Expected `str`, got {given}", row=row, field="text")
        if not _is_unicode(text):
            raise ReadError("not valid UTF-8", row=row, field="text")
        fields: dict[str, Any] = {"text": text}
        for name in Read.__struct_fields__[1:]:
            if name not in record or name == "time":
                continue
            value = self._usable(name, record[name])
            if value is not None:
                fields[name] = value
        read = Read(**fields)
        given_time = record.get("time")
        if _is_null(given_time):
            return read
        try:
            when = moment_of(given_time)
        except ValueError:
            self.dropped["time"] += 1
            return read
        return self._with_time(read, when, row)

    def _by_field(self, line: bytes, error: Exception, row: int | None) -> Read:
        """A read of which something is not as it should be."""
        try:
            if isinstance(error, RecursionError):
                raise error
            record = lenient_json.parse(line)
        except UnicodeDecodeError:
            raise ReadError(NOT_AN_OBJECT + encoding_hint(line), row=row) from None
        except ValueError:
            raise ReadError(NOT_AN_OBJECT, row=row) from None
        except RecursionError:
            raise ReadError("nested too deeply", row=row) from None
        if not isinstance(record, dict):
            reason, field = at_fault(error) if isinstance(error, msgspec.ValidationError) else (NOT_AN_OBJECT, None)
            raise ReadError(reason, row=row, field=field) from None
        return self.from_record(record, row)

    def _usable(self, name: str, value: object) -> object:
        """The value of an optional field, None if it is not usable."""
        if name in ("chars", "candidates"):
            return self._usable_items(name, value)
        try:
            read = Read(text="", **{name: value})  # type: ignore[arg-type]
        except TypeError:
            self.dropped[name] += 1
            return None
        may_be_none = Read.__struct_defaults__[Read.__struct_fields__.index(name) - 1] is None
        if (not _is_null(value) and getattr(read, name) is None) or (not may_be_none and _is_nothing(value)):
            self.dropped[name] += 1
            return None
        return value

    def _usable_items(self, name: str, value: object) -> object:
        if isinstance(value, list) and name == "candidates":
            value = [{"text": item} if isinstance(item, str) else item for item in value]
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.dropped[name] += 1
            return None
        optional = ("p", "alts") if name == "chars" else ("p",)
        kind: type[Character] | type[Candidate] = Character if name == "chars" else Candidate
        needed = "c" if name == "chars" else "text"
        items = []
        for item in value:
            fields = {needed: item.get(needed)}
            for field in optional:
                if field not in item:
                    continue
                is_usable = not _is_nothing(item[field]) or (field == "p" and _is_null(item[field]))
                try:
                    _items([{needed: "", field: item[field]}], kind, name)
                except TypeError:
                    is_usable = False
                if is_usable:
                    fields[field] = item[field]
                else:
                    self.dropped[f"{name}.{field}"] += 1
            items.append(fields)
        try:
            return _items(items, kind, name)
        except TypeError:
            self.dropped[name] += 1
            return None

    def _with_time(self, read: Read, when: datetime, row: int | None) -> Read:
        if when.tzinfo is None:
            zone = self._zone_of_camera(read.camera_id) or self._zone
            if zone is None:
                raise ReadError("has no offset from UTC", row=row, field="time", camera_id=read.camera_id)
            when = when.replace(tzinfo=zone)
        if not self._is_usable(when):
            self.dropped["time"] += 1
            return msgspec.structs.replace(read, time=None)
        return msgspec.structs.replace(read, time=when)

    def _is_usable(self, when: datetime) -> bool:
        if when.year > self._last_year:
            self._last_year = time.gmtime().tm_year + MOST_YEARS_AHEAD
        return FIRST_YEAR <= when.year <= self._last_year


_JSON_NAMES: Final = {int: "int", float: "float", bool: "bool", list: "array", dict: "object", bytes: "bytes"}


def moment_of(value: object) -> datetime:
    """RFC 3339 and its relatives, 20261123090000, or seconds to nanoseconds since 1970. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _MOST_SINCE_1970:
        value = str(value)
    if isinstance(value, str):
        text = value.strip()
        if not _SINCE_1970.fullmatch(text):
            when = parse_moment(text)
            if not isinstance(when, datetime):
                raise ValueError("a date and no time")
            return when
        value = int(text) if text.isdecimal() else float(text)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _MOST_SINCE_1970:
        raise ValueError("no time")
    scale = next(scale for scale in _SCALES if value < 1e11 * scale)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value / scale)


def encoding_hint(data: bytes) -> str:
    """What bytes look like that are no UTF-8, as the end of a reason."""
    try:
        data.decode("cp949")
    except UnicodeDecodeError:
        return ""
    return ": it is not UTF-8, and looks like CP949"


_WITHOUT_ZONE: Final = ReadDecoder()


def decode(line: bytes, row: int | None = None) -> Read:
    """A read from its JSON object, by a ReadDecoder without a zone."""
    return _WITHOUT_ZONE.decode(line, row)


def decode_lines(
    lines: Iterable[bytes], decoder: ReadDecoder | None = None
) -> Iterator[tuple[int, Read | ReadError | None]]:
    """(row from 1, read or what is wrong with it) of each line, and of objects on several lines.

    A blank line has None: it costs time as others do, which may be others' turn.
    """
    decoder = decoder or ReadDecoder()
    for row, line in _whole(lines):
        if not line:
            yield row, None
            continue
        try:
            yield row, decoder.decode(line, row)
        except ReadError as error:
            yield row, error


def _whole(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    objects = lenient_json.Objects()
    for row, line in enumerate(lines, 1):
        if bare := line.strip():
            yield from objects.add(row, bare)
        else:
            yield row, b""
    yield from objects.rest()
