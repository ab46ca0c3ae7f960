"""The cameras: a table of their names and places, in the forms that lists have, read again as it changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Final, NamedTuple

import structlog
from msgspec.structs import replace

from platewatch.errors import ConfigError, EntryError, PlatewatchError
from platewatch.lists import csv_file, workbook
from platewatch.lists.csv_file import Table
from platewatch.lists.encoding import decode
from platewatch.lists.header import Columns
from platewatch.matching.reads import Read
from platewatch.matching.values import identifier, text, zone_of
from platewatch.notify.event import Camera, CameraAhead
from platewatch.service.ahead import ahead
from platewatch.service.alarms import Alarms
from platewatch.sources import HTTP

_COLUMNS: Final = Columns(
    names={
        "camera_id": (
            "camera id,카메라,카메라번호,카메라아이디,카메라id,관리번호,camera,camera no,camera number,cctv,cctv id,id"
        ),
        "aliases": "aliases,alias,별칭,별명,다른이름,다른아이디,other ids,also known as",
        "name": "name,카메라명,이름,명칭",
        "place": "place,설치장소,설치위치,위치,장소,주소,location,site,address",
        "latitude": "latitude,위도,lat,y",
        "longitude": "longitude,경도,lon,lng,long,x",
        "heading": "heading,방향,방위각,촬영방향,direction,bearing,azimuth",
        "agency": "agency,기관,기관명,관리기관,운영기관,소속,organisation,organization",
        "stream_url": "stream url,스트림,스트림주소,영상주소,영상url,스트리밍주소,stream,rtsp,video url",
        "engine": "engine,인식엔진,엔진,recogniser,recognizer",
        "error_rate": "error rate,misread rate,오인식률,오독률",
        "time_zone": "time zone,시간대,timezone,tz",
    },
    needed="camera_id",
)
_RANGES = {"latitude": (-90.0, 90.0), "longitude": (-180.0, 180.0), "heading": (0.0, 360.0)}

REFUSED: Final = "cameras_refused"

_LOOK_INTERVAL: Final = 1.0  # seconds
_MOST_UNKNOWN: Final = 1000  # cameras that are told each

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class Row(NamedTuple):
    """A camera with what hits do not tell of it: other ids under which it sends, `source=id` those of one source, and
    what its reads have where they say nothing else.
    """

    camera: Camera
    aliases: tuple[str, ...] = ()
    engine: str | None = None
    zone: tzinfo | None = None
    error_rate: float | None = None  # the share of its plates that are not read exactly


class Cameras:
    """The cameras that are known; `None` for no table, and then no camera is unknown."""

    def __init__(self, rows: Sequence[Row] | None = None) -> None:
        self.unknown = 0
        """Reads of cameras that are in no table."""
        self._told: set[str] = set()
        self._rows: dict[str, Row] = {}
        self.use(rows)

    def use(self, rows: Sequence[Row] | None) -> None:
        """From now on it is these."""
        self._has_table = rows is not None
        rows = rows or ()
        by_id = {row.camera.id: row for row in rows}
        by_alias = {alias: row for row in rows for alias in row.aliases}
        self._rows = by_alias | by_id
        self._all = [row.camera for row in rows]
        self._ahead: dict[str, tuple[CameraAhead, ...]] = {}
        self._changes = bool(by_alias) or any(row.engine for row in rows)
        self._by_source = any("=" in alias for alias in by_alias)

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Camera]:
        return iter(self._all)

    def resolved(self, reads: Sequence[Read], source: str) -> Sequence[Read]:
        """The reads of a source with the cameras' own ids, and their engines where they name none."""
        if self._has_table:
            for read in reads:
                if self._row(read.camera_id, source) is None:
                    self._tell(read.camera_id, source)
        return [self._resolved(read, source) for read in reads] if self._changes else reads

    def id_of(self, camera_id: str | None, source: str) -> str | None:
        """The own id of what a source calls so; what is in no table is called as it is."""
        row = self._row(camera_id, source)
        return camera_id if row is None else row.camera.id

    def get(self, camera_id: str | None) -> Camera:
        """The camera of this id; one that is not known is marked so."""
        row = self._rows.get(camera_id or "")
        return Camera(id=camera_id or "unknown", known=not self._has_table) if row is None else row.camera

    def zone(self, camera_id: str | None, source: str = HTTP) -> tzinfo | None:
        """That of a camera's times without an offset, if it has one of its own."""
        row = self._row(camera_id, source)
        return None if row is None else row.zone

    def group(self, camera_id: str | None) -> str:
        """The agency of a camera; nothing if it has none, "unknown" for one that is not in the table."""
        row = self._rows.get(camera_id or "")
        if row is None:
            return "unknown" if self._has_table else ""
        return row.camera.agency or ""

    def error_rates(self) -> dict[str, float]:
        """The share of misread plates, of the cameras of which the table says it."""
        return {row.camera.id: row.error_rate for row in self._rows.values() if row.error_rate is not None}

    def ahead(self, camera: Camera) -> tuple[CameraAhead, ...]:
        """Where a vehicle that it has read may come next."""
        known = self._ahead  # before the cameras: of those of another table nothing must stay
        if camera.id not in known:
            known[camera.id] = ahead(camera, self._all)
        return known[camera.id]

    def _row(self, camera_id: str | None, source: str) -> Row | None:
        """What a source calls so is that, whatever else is called so."""
        if camera_id is None:
            return None
        row = self._rows.get(f"{source}={camera_id}") if self._by_source else None
        return self._rows.get(camera_id) if row is None else row

    def _resolved(self, read: Read, source: str) -> Read:
        row = self._row(read.camera_id, source)
        if row is None or (read.camera_id == row.camera.id and (read.engine is not None or row.engine is None)):
            return read
        return replace(read, camera_id=row.camera.id, engine=read.engine or row.engine)

    def _tell(self, camera_id: str | None, source: str) -> None:
        self.unknown += 1
        if camera_id is not None and camera_id not in self._told and len(self._told) < _MOST_UNKNOWN:
            self._told.add(camera_id)
            _log.warning("reads of a camera that is not in the table", source=source, camera_id=camera_id)


async def watch(
    cameras: Cameras, path: Path, alarms: Alarms, woken: asyncio.Event, changed: Callable[[], Awaitable[None]]
) -> None:
    """Use the table anew when it has changed, and when `woken`, until cancelled; a bad one is an alarm. `changed` is
    called after another table is in use.
    """
    last = await asyncio.to_thread(_look, path)
    while True:
        try:
            await asyncio.wait_for(woken.wait(), _LOOK_INTERVAL)
        except TimeoutError:
            now = await asyncio.to_thread(_look, path)
            if now == last:
                continue
            last = now
        woken.clear()
        try:
            rows = await asyncio.to_thread(load, path)
        except ConfigError as error:
            alarms.set(REFUSED, path.name, str(error))
            continue
        alarms.clear(REFUSED, path.name)
        cameras.use(rows)
        _log.info("cameras changed", cameras=len(cameras))
        await changed()


def _look(path: Path) -> tuple[int, int, int] | None:
    try:
        look = path.stat()
    except OSError:
        return None
    return look.st_ino, look.st_size, look.st_mtime_ns


def load(path: Path) -> list[Row]:
    """The cameras of a table. Degrees are WGS 84, clockwise from north. Raises ConfigError with row and field."""
    try:
        data = path.read_bytes()
        layout, rows = _read(data)
        found: dict[str, Row] = {}
        names: dict[str, str] = {}
        for number, cells in rows:
            if isinstance(cells, EntryError):
                raise ConfigError(cells.reason, row=number, field="cameras")
            row = _row(cells, layout.places, number)
            found[row.camera.id] = row
        for row in found.values():
            for name in (row.camera.id, *row.aliases):
                if names.setdefault(name, row.camera.id) != row.camera.id:
                    reason = f"{name!r} stands for two cameras: {names[name]!r} and {row.camera.id!r}"
                    raise ConfigError(reason, field="aliases")
        return list(found.values())
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", field="cameras") from None
    except ConfigError:
        raise
    except PlatewatchError as error:
        raise ConfigError(f"{path}: {error.reason}", row=error.row, field="cameras") from None


def _read(data: bytes) -> Table:
    if workbook.is_workbook(data):
        return workbook.read(data, _COLUMNS, None, None)
    return csv_file.read(decode(data).text, _COLUMNS)


def _row(cells: Sequence[object], places: Mapping[str, int], number: int) -> Row:
    values = {name: cells[place] for name, place in places.items() if place < len(cells)}

    def field(name: str, convert: Callable[[object], str | None]) -> str | None:
        try:
            return convert(values.get(name))
        except (TypeError, ValueError) as error:
            raise ConfigError(str(error), row=number, field=name) from None

    camera_id = field("camera_id", identifier)
    if camera_id is None:
        raise ConfigError("missing", row=number, field="camera_id")
    zone = field("time_zone", text)
    if zone is not None:
        field("time_zone", lambda name: str(zone_of(name)) if isinstance(name, str) else None)
    degrees = {name: _degrees(values.get(name), name, number) for name in _RANGES}
    place = field("place", text)
    aliases = (alias.strip() for alias in (field("aliases", identifier) or "").split(";"))
    return Row(
        Camera(
            id=camera_id,
            name=field("name", text) or place,
            place=place,
            latitude=degrees["latitude"],
            longitude=degrees["longitude"],
            heading=degrees["heading"],
            agency=field("agency", text),
            stream_url=field("stream_url", text),
        ),
        tuple(alias for alias in aliases if alias),
        field("engine", text),
        None if zone is None else zone_of(zone),
        _error_rate(values.get("error_rate"), number),
    )


def _error_rate(value: object, number: int) -> float | None:
    share = _number(value, "error_rate", number)
    if share is not None and not 0 < share < 1:
        raise ConfigError("not above 0 and below 1", row=number, field="error_rate")
    return share


def _number(value: object, name: str, row: int) -> float | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        if isinstance(value, int | float | str):
            return float(value)
    except ValueError:
        pass
    raise ConfigError("not a number", row=row, field=name)


def _degrees(value: object, name: str, number: int) -> float | None:
    degrees = _number(value, name, number)
    if degrees is None:
        return None
    lowest, highest = _RANGES[name]
    if not lowest <= degrees <= highest:
        raise ConfigError(f"not in {lowest:g} to {highest:g}", row=number, field=name)
    return degrees
