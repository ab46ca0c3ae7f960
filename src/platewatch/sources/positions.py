"""How far sources have come that are read on from somewhere: a small file each, of times and numbers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec
import structlog

_MOST_BYTES: Final = 4096

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class Position:
    """That of one source, in `folder`. One that is damaged is none: what was read is read again, and is the same
    hits.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / f"{name}.json"
        self._name = name

    def load(self) -> dict[str, int | str]:
        """What was saved last; empty if nothing was. Raises OSError."""
        try:
            with self._path.open("rb") as file:
                data = file.read(_MOST_BYTES)
        except FileNotFoundError:
            return {}
        try:
            return msgspec.json.decode(data, type=dict[str, int | str])
        except msgspec.MsgspecError:
            _log.warning("position damaged, begun anew", source=self._name)
            return {}

    def save(self, position: dict[str, int | str]) -> None:
        """On disk when it returns, or as it was. Raises OSError."""
        folder = self._path.parent
        folder.mkdir(parents=True, exist_ok=True)
        new = self._path.with_suffix(".new")
        with new.open("wb") as file:
            file.write(msgspec.json.encode(position))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
