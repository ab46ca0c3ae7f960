"""Cameras that send nothing for longer than they should: a cable, a recogniser that hangs, a lens that is covered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Final

from msgspec import Meta, Struct

from platewatch.matching.reads import Read
from platewatch.notify.event import Camera
from platewatch.service.alarms import Alarms

SILENT: Final = "camera_silent"

_LOOK_INTERVAL: Final = 1.0  # seconds
_USUAL_GAPS: Final = 20.0  # so many times as long as usual is too long
_MEMORY: Final = 0.05  # of the last gap in what is usual
_MOST: Final = 100_000  # cameras


class SilenceSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """It is an alarm if a camera of the table sends no read for `after` seconds, and for twenty times as long as
    usually lies between two of its reads; left out, it never is.
    """

    after: Annotated[float, Meta(gt=0, le=30 * 86400)] | None = None


class _Heard:
    __slots__ = ("at", "gap")

    def __init__(self, at: float) -> None:
        self.at = at
        self.gap = 0.0  # seconds that usually lie between two reads


class Silence:
    """When each camera was heard last. `cameras` are those that should be; `clock` is monotonic, in seconds."""

    def __init__(
        self,
        settings: SilenceSettings,
        cameras: Iterable[Camera],
        alarms: Alarms,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._after = settings.after
        self._cameras = cameras
        self._alarms = alarms
        self._clock = clock
        self._begun = clock()
        self._heard: dict[str, _Heard] = {}

    def took(self, reads: Sequence[Read]) -> None:
        """Reads have come, with the cameras' own ids."""
        if self._after is None:
            return
        now = self._clock()
        for camera_id in {read.camera_id for read in reads if read.camera_id is not None}:
            heard = self._heard.get(camera_id)
            if heard is not None:
                heard.gap += _MEMORY * (now - heard.at - heard.gap)
                heard.at = now
            elif len(self._heard) < _MOST:
                self._heard[camera_id] = _Heard(now)

    def look(self) -> None:
        """Raise alarms, and end those that are over."""
        if self._after is None:
            return
        now = self._clock()
        silent = {}
        for camera in self._cameras:
            heard = self._heard.get(camera.id)
            since = self._begun if heard is None else heard.at
            if now - since > max(self._after, _USUAL_GAPS * heard.gap if heard is not None else 0.0):
                silent[camera.id] = "no read since the start" if heard is None else "no read any more"
        for alarm in self._alarms.of(SILENT):
            if alarm.about not in silent:
                self._alarms.clear(SILENT, alarm.about)
        for camera_id, reason in silent.items():
            self._alarms.set(SILENT, camera_id, reason)

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while self._after is not None:
            self.look()
            await asyncio.sleep(_LOOK_INTERVAL)
