"""Where the cameras stand: a CSV file with camera_id, name, latitude, longitude and heading."""

from __future__ import annotations

import csv
from pathlib import Path

from platewatch.errors import ConfigError
from platewatch.notify.event import Camera

_RANGES = {"latitude": (-90.0, 90.0), "longitude": (-180.0, 180.0), "heading": (0.0, 360.0)}


def load(path: Path) -> dict[str, Camera]:
    """Cameras by id. Degrees are WGS 84, heading is clockwise from north. Raises ConfigError with row and field."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            if "camera_id" not in (rows.fieldnames or ()):
                raise ConfigError(f"{path} needs a header with the column camera_id", field="cameras")
            return {camera.id: camera for camera in (_camera(row, rows.line_num) for row in rows)}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"cannot read {path}: {error}", field="cameras") from None


def _camera(row: dict[str, str], number: int) -> Camera:
    if not row["camera_id"]:
        raise ConfigError("missing", row=number, field="camera_id")
    degrees = {name: _degrees(row.get(name), name, number) for name in _RANGES}
    return Camera(id=row["camera_id"], name=row.get("name") or None, **degrees)


def _degrees(text: str | None, name: str, number: int) -> float | None:
    if not text:
        return None
    lowest, highest = _RANGES[name]
    try:
        value = float(text)
    except ValueError:
        raise ConfigError("not a number", row=number, field=name) from None
    if not lowest <= value <= highest:
        raise ConfigError(f"not in {lowest:g} to {highest:g}", row=number, field=name)
    return value
