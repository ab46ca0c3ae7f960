"""A source: cameras that send what they read in one format, however it comes."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta, Struct

from platewatch import formats
from platewatch.errors import ConfigError, FormatError, ReadError
from platewatch.formats import Parsed, SenderMapping
from platewatch.formats.charsets import known
from platewatch.matching.reads import Read
from platewatch.matching.values import zone_of
from platewatch.sources import NOT_ITS_CAMERA, Accept
from platewatch.sources.folder import Folder, FolderSettings
from platewatch.sources.limits import within_limits
from platewatch.sources.mqtt import MqttSettings, MqttSubscription
from platewatch.sources.poll import Poll, PollSettings
from platewatch.sources.positions import Position
from platewatch.sources.refusals import MAX_LISTED, Refusals
from platewatch.sources.repeats import Repeats
from platewatch.sources.stream import HttpStream, StreamSettings
from platewatch.sources.tail import Tail, TailSettings
from platewatch.sources.tcp import Tcp, TcpSettings
from platewatch.sources.transport import Reply, Transport

MOST_CAMERAS: Final = 10_000
"""Of a source: whose last read is known; of more, those heard of last."""

TransportSettings: TypeAlias = (
    MqttSettings | FolderSettings | TailSettings | StreamSettings | PollSettings | TcpSettings
)

_WAYS: Final = ("mqtt", "folder", "tail", "stream", "poll", "tcp")
"""Settings of a source, of which one at most says what brings its messages."""

_MOST_REASONS: Final = 1000
_MOST_REFUSED_CAMERAS: Final = 1000  # whose refusals are told each
_OTHERS: Final = "others"
_MOST_BODIES: Final = 1000  # that were refused, and are known if they come again
_LARGE: Final = 65536  # bytes of a body that is taken apart beside the event loop


class SourceSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What comes to `/v1/sources/<name>` and below, or to the `path` of cameras that can send to no other, or from a
    broker by `mqtt`, in the files of a `folder`, at the `tail` of a file, in a camera's `stream`, in answers to a
    `poll`, or by plain `tcp`, and in which `format`.

    `zone` is that of times without an offset, `charset` that of texts that do not say what they are, `camera` the id of
    the camera of messages that name none; `mapping` is for the format of that name. Reads older than `late_after`
    seconds are late. `token` is shown as a bearer's, as Basic's password, or as the next part of the path; without it,
    what holds for reads holds, or with `without_token` who is of the `addresses` is let in as they are. `addresses` are
    networks that may send.
    """

    format: str
    zone: str | None = None
    charset: str | None = None
    camera: str | None = None
    mapping: SenderMapping | None = None
    late_after: Annotated[float, Meta(gt=0)] = 60.0
    mqtt: MqttSettings | None = None
    folder: FolderSettings | None = None
    tail: TailSettings | None = None
    stream: StreamSettings | None = None
    poll: PollSettings | None = None
    tcp: TcpSettings | None = None
    path: Annotated[str, Meta(pattern="^(/[^/]+)+$")] | None = None
    token: Annotated[str, Meta(min_length=16)] | None = None
    without_token: bool = False
    addresses: tuple[str, ...] | None = None
    max_body_bytes: Annotated[int, Meta(ge=1)] = 16 * 1024 * 1024

    @property
    def transport(self) -> TransportSettings | None:
        """What brings its messages, None of those that senders bring by HTTP."""
        return next((getattr(self, name) for name in _WAYS if getattr(self, name) is not None), None)

    def check(self) -> None:
        """Raises ConfigError that names the setting."""
        ways = [name for name in _WAYS if getattr(self, name) is not None]
        listens = self.tcp is not None and self.tcp.listen is not None
        of_http = (self.token, self.path, None if listens else self.addresses)
        if len(ways) > 1 or (ways and of_http != (None, None, None)):
            raise ConfigError("is one way, and this source has another, too", field=ways[-1])
        if self.transport is not None:
            try:
                self.transport.check()
            except ConfigError as error:
                raise ConfigError(error.reason, field=f"{ways[0]}.{error.field}") from None
        if self.without_token and (self.token is not None or not self.addresses or ways):
            raise ConfigError("needs addresses, and no token, and cameras that push", field="without_token")
        if self.tcp is not None and self.tcp.is_open and self.addresses is None:
            raise ConfigError("is not set, and all machines could send: say which may", field="addresses")
        if self.format not in formats.FORMATS:
            raise ConfigError(f"no format has this name; there are {', '.join(formats.FORMATS)}", field="format")
        if (self.format == "mapping") != (self.mapping is not None):
            raise ConfigError("is for the format mapping, which needs it", field="mapping")
        try:
            zone_of(self.zone)
        except ValueError as error:
            raise ConfigError(str(error), field="zone") from None
        try:
            if self.charset is not None:
                known(self.charset)
        except FormatError as error:
            raise ConfigError(error.reason, field="charset") from None


class Source:
    """Takes in the messages of one source; what `accept` raises means "send it again" and is the caller's to answer.

    `on_refused` is called with the errors of what cannot be used. `zone_of_camera` says of the settings' `camera` which
    zone its times are of, None for the settings' own.
    """

    def __init__(
        self,
        name: str,
        settings: SourceSettings,
        accept: Accept,
        *,
        on_refused: Callable[[Refusals], None],
        zone_of_camera: Callable[[str], tzinfo | None] = lambda _: None,
    ) -> None:
        self.name = name
        self.settings = settings
        self._on_refused = on_refused
        self._zone_of_camera = zone_of_camera
        self.path: Final = settings.path or f"/v1/sources/{name}"
        self._accept = accept
        self._messages = self._reads = self._repeated = 0
        self._repeats = None if settings.poll is None else Repeats()
        self._ignored: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._refused_of: dict[str, Counter[str]] = {}  # by camera
        self._dropped: Counter[str] = Counter()
        self._heard: OrderedDict[str, datetime] = OrderedDict()
        self._refused_bodies: OrderedDict[bytes, None] = OrderedDict()  # digests of them
        self._key = secrets.token_bytes(16)

    async def take(
        self,
        body: bytes,
        headers: Mapping[str, str],
        target: str,
        may_send: Callable[[str | None], bool] = lambda _camera_id: True,
    ) -> Reply:
        """The reads of one message: they are acknowledged when every hit is on disk. `may_send` says of which cameras
        the sender's reads are taken.
        """
        now = datetime.now(UTC)
        how = self.settings
        if len(body) > how.max_body_bytes:
            return self.too_large()
        self._messages += 1
        parse = partial(
            formats.parse,
            how.format,
            body,
            headers,
            target=target,
            zone=(None if how.camera is None else self._zone_of_camera(how.camera)) or how.zone,
            charset=how.charset,
            received_at=now,
            late_after=timedelta(seconds=how.late_after),
            mapping=how.mapping,
        )
        try:
            parsed = parse() if len(body) < _LARGE else await asyncio.to_thread(parse)
        except FormatError as error:
            self._refuse([ReadError(error.reason, field=error.field)])
            self._hear(how.camera, now)
            return _answer(422, {"reason": error.reason, "field": error.field})
        reads, items, errors = self._usable(parsed, may_send)
        newest = max((read.time for read in reads if read.time is not None and read.time != now), default=None)
        repeated = 0
        if self._repeats is not None:
            new = [place for place, read in enumerate(reads) if not self._repeats.has(read, now)]
            repeated = len(reads) - len(new)
            self._repeated += repeated
            reads, items = [reads[place] for place in new], [items[place] for place in new]
        accepted = await self._accept(reads)
        if self._repeats is not None:
            self._repeats.add(reads, now)
        errors += [
            ReadError(error.reason, row=items[error.row or 0], field=error.field, camera_id=error.camera_id)
            for error in accepted.errors
        ]
        self._note(parsed, reads, errors, accepted.reads, now)
        if parsed.reply is not None:
            return Reply(200, parsed.reply, newest)
        listed = [{"item": e.row, "field": e.field, "reason": e.reason} for e in errors[:MAX_LISTED]]
        told = {
            "accepted": accepted.reads,
            "hits": accepted.hits,
            "ignored": len(parsed.ignored),
            "refused": len(errors),
            "errors": listed,
        }
        return _answer(422 if errors and not accepted.reads and not repeated else 200, told, newest)

    def too_large(self) -> Reply:
        """Of a message of which nothing is looked at."""
        self._messages += 1
        self._refuse([ReadError("too large")])
        return _answer(413, {"reason": f"the body is over {self.settings.max_body_bytes} bytes"})

    def settled(self, reply: Reply, body: bytes) -> Reply:
        """What a sender by HTTP gets back. One that sends again what was refused, or is known to, is answered with 200:
        cameras go on until they are, and it mends nothing. `body` is empty if it was too large.
        """
        if not reply.is_refused:
            return reply
        settles = formats.FORMATS[self.settings.format].settles
        if settles is not None:
            return reply._replace(status=200, body=settles or reply.body)
        if not body:
            return reply
        digest = hashlib.blake2b(body, key=self._key, digest_size=16).digest()
        if digest in self._refused_bodies:
            return reply._replace(status=200)
        self._refused_bodies[digest] = None
        while len(self._refused_bodies) > _MOST_BODIES:
            self._refused_bodies.popitem(last=False)
        return reply

    def status(self) -> dict[str, Any]:
        """What it understood, ignored and refused, in all and by camera where that is known, and when it last heard of
        each camera, be it without a plate.
        """
        return {
            "format": self.settings.format,
            "messages": self._messages,
            "reads": self._reads,
            **({} if self._repeats is None else {"repeated": self._repeated}),
            "ignored": dict(self._ignored),
            "refused": dict(self._refused),
            "refused_by_camera": {camera: dict(reasons) for camera, reasons in self._refused_of.items()},
            "dropped_fields": dict(self._dropped),
            "cameras": {camera: heard.isoformat() for camera, heard in self._heard.items()},
        }

    def _usable(
        self, parsed: Parsed, may_send: Callable[[str | None], bool]
    ) -> tuple[list[Read], list[int], list[ReadError]]:
        reads: list[Read] = []
        items: list[int] = []
        errors = list(parsed.refused)
        for item, read in zip(parsed.items, parsed.reads, strict=True):
            if read.camera_id is None and self.settings.camera is not None:
                read = msgspec.structs.replace(read, camera_id=self.settings.camera)
            try:
                usable = within_limits(read, item, self._dropped)
                if not may_send(usable.camera_id):
                    raise ReadError(NOT_ITS_CAMERA, row=item, field="camera_id")
                reads.append(usable)
                items.append(item)
            except ReadError as error:
                errors.append(error)
        return reads, items, errors

    def _note(self, parsed: Parsed, reads: list[Read], errors: list[ReadError], accepted: int, now: datetime) -> None:
        self._reads += accepted
        self._dropped.update(parsed.dropped)
        self._ignored.update(parsed.ignored)
        self._refuse(errors)
        if not reads and not parsed.heard:
            self._hear(self.settings.camera, now)
        for camera in parsed.heard:
            self._hear(camera, now)
        for read in reads:
            self._hear(read.camera_id, now)

    def _hear(self, camera: str | None, now: datetime) -> None:
        if camera is None:
            return
        self._heard.pop(camera, None)
        self._heard[camera] = now
        if len(self._heard) > MOST_CAMERAS:
            self._heard.popitem(last=False)

    def _refuse(self, errors: Iterable[ReadError]) -> None:
        refusals = Refusals()
        for error in errors:
            camera = error.camera_id = error.camera_id or self.settings.camera
            refusals.add(error)
            reason = error.reason if error.field is None else f"{error.field}: {error.reason}"
            _count(self._refused, reason)
            if camera is not None:
                if camera not in self._refused_of and len(self._refused_of) >= _MOST_REFUSED_CAMERAS:
                    camera = _OTHERS
                _count(self._refused_of.setdefault(camera, Counter()), reason)
        if refusals.count:
            self._on_refused(refusals)


def _count(counts: Counter[str], reason: str) -> None:
    counts[reason if reason in counts or len(counts) < _MOST_REASONS else _OTHERS] += 1


def _answer(status: int, what: object, newest: datetime | None = None) -> Reply:
    return Reply(status, msgspec.json.encode(what), newest)


def transport_of(source: Source, positions: Path) -> Transport | None:
    """What brings a source's messages, if they do not come by HTTP; `positions` is the folder in which is kept how far
    it has come. Raises ConfigError.
    """
    try:
        return _transport_of(source, positions)
    except ConfigError as error:
        (way,) = (name for name in _WAYS if getattr(source.settings, name) is not None)
        raise ConfigError(error.reason, field=f"sources.{source.name}.{way}.{error.field}") from None


def _transport_of(source: Source, positions: Path) -> Transport | None:
    settings = source.settings
    match settings.transport:
        case MqttSettings() as how:
            return MqttSubscription(how, source)
        case FolderSettings() as how:
            return Folder(how, source)
        case TailSettings() as how:
            return Tail(how, source, Position(positions, source.name), settings.max_body_bytes)
        case TcpSettings() as how:
            return Tcp(
                how,
                source,
                format_name=settings.format,
                names_camera=settings.camera is not None,
                addresses=settings.addresses,
                most_bytes=settings.max_body_bytes,
            )
        case StreamSettings() as how:
            return HttpStream(how, source, settings.max_body_bytes)
        case PollSettings() as how:
            zone = None if settings.zone is None else zone_of(settings.zone)
            return Poll(how, source, Position(positions, source.name), zone, settings.max_body_bytes)
        case None:
            return None
