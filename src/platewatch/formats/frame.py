"""What is found in a message: a format is a function of a Message and the Findings that it adds to."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final, Literal, TypeAlias

import msgspec

from platewatch._core import normalize
from platewatch.errors import FormatError, PlatewatchError, ReadError
from platewatch.formats import times
from platewatch.formats.confidences import Scale, share
from platewatch.formats.messages import Message, json_values
from platewatch.formats.shapes import Shape, first, named
from platewatch.matching.reads import Candidate, Character, Read

Ignored: TypeAlias = Literal["no_plate", "heartbeat", "other_event"]
"""Why an item is neither a read nor an error: a car without a plate, a sign of life, an event of another kind."""

NO_PLATE: Final = frozenset(
    {
        "unknown", "noplate", "unlicensed", "null", "none", "n/a", "unrecognise", "unrecognised", "unrecognized",
        "notdefined", "车牌", "无车牌", "无牌", "无牌车", "無車牌", "無牌", "미인식", "인식불가", "인식실패",
        "판독불가", "번호없음", "번호판없음",
    }
)  # fmt: skip
"""What recognisers write where there is no plate, in any case, and with or without blanks, `-` and `_` in it."""

MAX_REFUSED: Final = 100_000
"""Items of one message that may be refused."""

_MOST_REJECTED: Final = 1000  # items that are nothing of this format, where nothing else is there
_LONGEST_NAME: Final = 4096  # characters of a camera's name or an id: what is longer is neither
_LONGEST_HEARD: Final = 256  # of a camera without a read
_UNSET: Final = object()
_BETWEEN: Final = dict.fromkeys(map(ord, " \t\r\n-_"))


class Parsed(msgspec.Struct, kw_only=True):
    """What was understood of a message. Items count from 1, in the order in which they stand in it.

    `reads`, and in `items` the item of each; `ignored`, why, one for each item that is neither a read nor an error;
    `refused`, what is wrong with each other item: `row` is the item, `field` where the fault is, as the sender names
    it. `heard` are the cameras of items that are no reads. `dropped` counts the optional fields of reads that were not
    usable, by name. `reply` is the body, JSON, that the sender has to get back; None if any will do. `names`, of the
    format `mapping`, are the paths in the first message that has nothing where its plate should be. `count` is how many
    items there are.
    """

    reads: list[Read] = []
    items: list[int] = []
    ignored: list[Ignored] = []
    refused: list[ReadError] = []
    heard: set[str] = set()
    dropped: Counter[str] = msgspec.field(default_factory=Counter)
    reply: bytes | None = None
    names: list[str] = []

    @property
    def count(self) -> int:
        return len(self.reads) + len(self.ignored) + len(self.refused)


def opaque(*parts: object) -> str:
    """An id of what identifies an event, which may hold its plate as names of pictures do; it does not show it."""
    return hashlib.blake2b("\0".join(map(str, parts)).encode("utf-8", "replace"), digest_size=12).hexdigest()


def word(text: str) -> str:
    """As words for no plate are compared."""
    return text.translate(_BETWEEN).casefold()


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

    def ignore(self, why: Ignored, camera: object = None) -> None:
        self._item += 1
        self.parsed.ignored.append(why)
        self._hear(camera)

    def refuse(self, reason: str, field: str | None = None, camera: object = None) -> None:
        """`reason` and `field` hold nothing that was read. Raises FormatError if too much is refused."""
        self._item += 1
        if len(self.parsed.refused) == MAX_REFUSED:
            raise FormatError(f"over {MAX_REFUSED} items are refused")
        self.parsed.refused.append(ReadError(reason, row=self._item, field=field, camera_id=self._hear(camera)))

    def _hear(self, camera: object) -> str | None:
        """The camera of an item that is no read."""
        name = str(camera) if type(camera) is int else camera
        name = name.strip() if isinstance(name, str) else self._defaults.get("camera_id")
        if not name or len(name) > _LONGEST_HEARD or not _is_unicode(name):
            return None
        self.parsed.heard.add(name)
        return name

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
        if word(read.text) in NO_PLATE:
            self.ignore("no_plate", read.camera_id)
            return
        if not self._is_matched(read.text, "text", read.camera_id):
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
        if camera is _UNSET:
            camera = first(record, shape.camera, root)[0]
        if text is None:
            if field is None:
                self.ignore("no_plate", camera)
            else:
                self.refuse("Expected text", field, camera)
            return
        if not self._is_matched(text, field, camera):
            return
        try:
            when = self._time(first(record, shape.time, root)[0] if time is _UNSET else time)
        except ReadError as error:
            path = first(record, shape.time, root)[1]
            self.refuse(error.reason, named(path) or "time", camera)
            return
        self._begin_read()
        self.parsed.reads.append(
            Read(
                text=text,
                time=when,
                camera_id=self._name("camera_id", camera) or self._defaults.get("camera_id"),
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

    def _is_matched(self, text: str, field: str | None, camera: object) -> bool:
        """Whether it has what a plate has; if not, it is ignored or refused."""
        try:
            normalize(text, read=True)
        except PlatewatchError as error:
            if error.reason == _EMPTY:
                self.ignore("no_plate", camera)
            else:
                self.refuse(error.reason, field, camera)
            return False
        return True

    def _text(self, record: Any, shape: Shape, root: Any) -> tuple[str | None, str | None]:
        """The text and where it stands; or where something stands that is none."""
        wrong = None
        for path in shape.plate:
            value, _ = first(record, (path,), root)
            if isinstance(value, str):
                if (said := word(value)) and said not in NO_PLATE and said not in shape.no_plate:
                    return value, named(path)
            elif value is not None:
                wrong = wrong or named(path)
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

    def _share(self, value: Any, scale: Scale, name: str = "confidence") -> float | None:
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
        values = [first(record, (path,))[0] for path in shape.candidates]
        given = next((value for value in values if value not in (None, [])), None)
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


_FLAGS: Final = dict.fromkeys(("true", "1", "yes", "y"), True) | dict.fromkeys(("false", "0", "no", "n"), False)
_EMPTY: Final = "no letter or digit"


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
