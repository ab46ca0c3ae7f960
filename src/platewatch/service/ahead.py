"""Which cameras a vehicle comes to next, so that a control room can follow it.

What "ahead" means is `ahead` alone: here by where cameras stand, and to be replaced by what is learnt of ways.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from platewatch.notify.event import Camera, CameraAhead

Floats: TypeAlias = npt.NDArray[np.float64]

MOST: Final = 3
"""Cameras that a hit names."""

REACH: Final = 5000.0
"""Metres: farther cameras are of no use, as a vehicle has many ways to them."""

_EARTH: Final = 6_371_008.8  # metres, its mean radius
_HALF_ANGLE: Final = 60.0  # degrees to either side of the heading
_SAME_PLACE: Final = 20.0  # metres: another camera on the same post sees nothing new


def ahead(camera: Camera, others: Sequence[Camera]) -> tuple[CameraAhead, ...]:
    """The nearest other cameras in the direction in which vehicles drive at this one, the nearest first.

    In all directions where a camera has no heading; none where it has no place. Of `others`, those without a place do
    not count.
    """
    if camera.latitude is None or camera.longitude is None:
        return ()
    placed, degrees = [], []
    for other in others:
        if other.id != camera.id and other.latitude is not None and other.longitude is not None:
            placed.append(other)
            degrees.append((other.latitude, other.longitude))
    if not placed:
        return ()
    here = math.radians(camera.latitude), math.radians(camera.longitude)
    latitudes, longitudes = np.radians(np.array(degrees)).T
    distances, bearings = _ways(here, latitudes, longitudes)
    near = (distances <= REACH) & (distances > _SAME_PLACE)
    if camera.heading is not None:
        off = np.abs((bearings - camera.heading + 180.0) % 360.0 - 180.0)
        near &= off <= _HALF_ANGLE
    found = np.flatnonzero(near)
    found = found[np.argsort(distances[found], kind="stable")][:MOST]
    return tuple(
        CameraAhead(
            id=placed[i].id,
            name=placed[i].name,
            latitude=placed[i].latitude,
            longitude=placed[i].longitude,
            distance=round(float(distances[i])),
            bearing=round(float(bearings[i])) % 360,
            stream_url=placed[i].stream_url,
        )
        for i in found.tolist()
    )


def _ways(here: tuple[float, float], latitudes: Floats, longitudes: Floats) -> tuple[Floats, Floats]:
    """Metres and degrees from north of the ways on the globe from here, given in radians."""
    latitude, longitude = here
    east = longitudes - longitude
    half = np.sin((latitudes - latitude) / 2) ** 2 + math.cos(latitude) * np.cos(latitudes) * np.sin(east / 2) ** 2
    distances = 2 * _EARTH * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0)))
    x = math.cos(latitude) * np.sin(latitudes) - math.sin(latitude) * np.cos(latitudes) * np.cos(east)
    return distances, np.degrees(np.arctan2(np.sin(east) * np.cos(latitudes), x)) % 360.0
