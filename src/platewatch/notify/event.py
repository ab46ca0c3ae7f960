"""The notifications of a hit, that there is one and that there is none after all: CloudEvents 1.0 events in JSON
(structured mode).

Only `data` holds personal data. The attributes around it are what proxies, brokers and logs show, so they hold none.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from platewatch.errors import PlatewatchError
from platewatch.matching.alignment import Difference

CONTENT_TYPE: Final = "application/cloudevents+json"
EVENT_TYPE: Final = "kr.go.police.wass.hit.v1"
CANCELLATION_TYPE: Final = "kr.go.police.wass.hit.cancelled.v1"

Why: TypeAlias = Literal["entry_removed", "misread", "right_read_wrong_vehicle"]
"""Why a hit is taken back: its entry left the list, or an operator said so."""

AwareDatetime = Annotated[datetime, Meta(tz=True)]


class EventError(PlatewatchError):
    """Not a usable notification; says which field is at fault."""


class Camera(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the plate was read: WGS 84 degrees; `heading` is the way that the vehicles drive, in degrees clockwise from
    north. One that is not `known` sent a read, and is in no table.
    """

    id: str
    name: str | None = None
    place: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    heading: float | None = None
    agency: str | None = None
    stream_url: str | None = None
    known: bool = True


class CameraAhead(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A camera to which the vehicle may come next; how far it is from the one that has read it, in metres, and in which
    direction, in degrees clockwise from north.
    """

    id: str
    name: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    distance: int
    bearing: int
    stream_url: str | None = None


class HitData(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the patrol needs to know. Plates are canonical; `time` is when the plate was read."""

    entry_id: str
    agency: str
    category: str
    priority: int | None = None
    grade: Literal["notify", "check"]  # check: a person should look before anybody is sent
    probability: float  # that the vehicle has the wanted plate, 0 to 1, to 4 decimals; of a pattern: that it fits
    pattern: bool  # whether wanted_plate is one, which many vehicles may fit
    wanted_plate: str
    read_text: str
    edits: int
    differences: tuple[Difference, ...]
    camera: Camera
    time: AwareDatetime
    image_url: str | None = None
    late: bool  # an old read that its source sent again after an outage
    reads: int = 1  # of the vehicle's pass that were judged together; the fields above are those of the best one
    covert: bool = False  # for its agency alone
    retrospective: bool = False  # of a read that came before its entry did
    feed: str | None = None  # that lists the entry, where it is not the main list: entry ids are its own
    approved_by: str | None = None  # the officer who has approved the entry
    legal_basis: str | None = None
    ahead: tuple[CameraAhead, ...] = ()  # other cameras, where its camera and they have a place


class HitEvent(Struct, frozen=True, kw_only=True):
    """The event; `time` is when the hit was found. Make one with `new_event`.

    `hitid` is the same for all events of one hit, and their `sequence` orders them, compared as text.
    """

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: Literal["kr.go.police.wass.hit.v1"] = EVENT_TYPE
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    hitid: str
    sequence: str
    data: HitData


class CancellationData(Struct, frozen=True, kw_only=True):
    """Whose hit is taken back, and why. No plate: who got the hit has it."""

    entry_id: str
    agency: str
    category: str
    why: Why


class CancellationEvent(Struct, frozen=True, kw_only=True):
    """The event that takes a hit back, after all other events with its `hitid`. Make one with `cancellation`."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: Literal["kr.go.police.wass.hit.cancelled.v1"] = CANCELLATION_TYPE
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    hitid: str
    sequence: str
    data: CancellationData


class _Kind(Struct):
    type: str = EVENT_TYPE


_kind = msgspec.json.Decoder(_Kind)
_decoder = msgspec.json.Decoder(HitEvent)
_cancellation_decoder = msgspec.json.Decoder(CancellationEvent)


def new_event(
    key: bytes, source: str, time: datetime, data: HitData, sequence: int = 1, *, hitid: str | None = None
) -> HitEvent:
    """The event of a hit; `sequence` counts from 1, for the hit's later updates.

    `key` is the outbox's `hit_key`, `source` the URI of this service, `hitid` the hit's id where it is not that of
    the read in `data`. Raises EventError for a time without offset.
    """
    if hitid is None:
        hitid = hit_id(key, data.entry_id, data.camera.id, data.time, data.read_text)
    number = f"{sequence:06d}"
    return HitEvent(id=f"{hitid}.{number}", source=source, time=_utc(time), hitid=hitid, sequence=number, data=data)


def hit_id(key: bytes, entry_id: str, camera_id: str, time: datetime, read_text: str, grade: str | None = None) -> str:
    """32 hex digits, the same each time that a read is repeated, so that its repeat is recognised.

    `grade` is for a hit that several reads have made together: of a read that is sent again, in the company of
    others, a stronger hit must not be taken for the repeat of a weaker one.

    Keyed (at most 64 bytes), as there are few enough plates to undo a plain hash by trying them all.
    Raises EventError for a time without offset.
    """
    fields = [entry_id, camera_id, _utc(time).isoformat(timespec="microseconds"), read_text]
    if grade is not None:
        fields.append(grade)
    return hashlib.blake2b(msgspec.json.encode(fields), key=key, digest_size=16).hexdigest()


def cancellation(hit: HitEvent, time: datetime, why: Why, sequence: int) -> CancellationEvent:
    """What takes a hit back. Raises EventError for a time without offset."""
    number = f"{sequence:06d}"
    data = CancellationData(entry_id=hit.data.entry_id, agency=hit.data.agency, category=hit.data.category, why=why)
    return CancellationEvent(
        id=f"{hit.hitid}.{number}", source=hit.source, time=_utc(time), hitid=hit.hitid, sequence=number, data=data
    )


def encode(event: HitEvent | CancellationEvent) -> bytes:
    """The event as UTF-8 JSON."""
    return msgspec.json.encode(event)


def decode(body: bytes) -> HitEvent:
    """The event in `body`; fields that this version does not know are ignored. Raises EventError."""
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EventError(f"not a hit event: {error}") from error


def decode_any(body: bytes) -> HitEvent | CancellationEvent:
    """The event in `body`, of whichever type. Raises EventError."""
    try:
        is_cancellation = _kind.decode(body).type == CANCELLATION_TYPE
        return _cancellation_decoder.decode(body) if is_cancellation else _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EventError(f"not a hit event: {error}") from error


def _utc(time: datetime) -> datetime:
    if time.utcoffset() is None:
        raise EventError("the time has no UTC offset", field="time")
    return time.astimezone(UTC)
