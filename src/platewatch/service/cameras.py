"""Where the cameras stand: a table with camera_id, name, latitude, longitude and heading, as lists of vehicles come."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from platewatch.errors import ConfigError, EntryError, PlatewatchError
from platewatch.lists import csv_file, workbook
from platewatch.lists.csv_file import Table
from platewatch.lists.encoding import decode
from platewatch.lists.header import Columns
from platewatch.matching.values import identifier, text
from platewatch.notify.event import Camera

_COLUMNS: Final = Columns(
    names={
        "camera_id": (
            "camera id,카메라,카메라번호,카메라아이디,카메라id,관리번호,camera,camera no,camera number,cctv,cctv id,id"
        ),
        "name": "name,카메라명,이름,명칭,설치장소,설치위치,위치,장소,location,place,site",
        "latitude": "latitude,위도,lat,y",
        "longitude": "longitude,경도,lon,lng,long,x",
        "heading": "heading,방향,방위각,촬영방향,direction,bearing,azimuth",
    },
    needed="camera_id",
)
_RANGES = {"latitude": (-90.0, 90.0), "longitude": (-180.0, 180.0), "heading": (0.0, 360.0)}


def load(path: Path) -> dict[str, Camera]:
    """Cameras by id. Degrees are WGS 84, heading is clockwise from north. Raises ConfigError with row and field."""
    try:
        data = path.read_bytes()
        layout, rows = _read(data)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", field="cameras") from None
    except PlatewatchError as error:
        raise ConfigError(f"{path}: {error.reason}", row=error.row, field="cameras") from None
    cameras: dict[str, Camera] = {}
    for number, cells in rows:
        if isinstance(cells, EntryError):
            raise ConfigError(cells.reason, row=number, field="cameras")
        camera = _camera(cells, layout.places, number)
        cameras[camera.id] = camera
    return cameras


def _read(data: bytes) -> Table:
    if workbook.is_workbook(data):
        return workbook.read(data, _COLUMNS, None, None)
    return csv_file.read(decode(data).text, _COLUMNS)


def _camera(cells: Sequence[object], places: dict[str, int], number: int) -> Camera:
    values = {name: cells[place] for name, place in places.items() if place < len(cells)}
    try:
        camera_id = identifier(values.get("camera_id"))
    except (TypeError, ValueError) as error:
        raise ConfigError(str(error), row=number, field="camera_id") from None
    if camera_id is None:
        raise ConfigError("missing", row=number, field="camera_id")
    try:
        name = text(values.get("name"))
    except (TypeError, ValueError) as error:
        raise ConfigError(str(error), row=number, field="name") from None
    degrees = {field: _degrees(values.get(field), field, number) for field in _RANGES}
    return Camera(id=camera_id, name=name, **degrees)


def _degrees(value: object, name: str, number: int) -> float | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    lowest, highest = _RANGES[name]
    try:
        degrees = float(value) if isinstance(value, int | float | str) else None
    except ValueError:
        degrees = None
    if degrees is None:
        raise ConfigError("not a number", row=number, field=name)
    if not lowest <= degrees <= highest:
        raise ConfigError(f"not in {lowest:g} to {highest:g}", row=number, field=name)
    return degrees
