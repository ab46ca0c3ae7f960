"""The errors that platewatch raises: each says which row, which field and why."""

from __future__ import annotations

import msgspec


class PlatewatchError(Exception):
    """Base of every error of this package.

    `row` counts from 1 in a file and from 0 in a Python sequence; it is None where there is no row.
    `field` names the offending field, None where the whole record is at fault.
    """

    def __init__(self, reason: str, *, row: int | None = None, field: str | None = None) -> None:
        self.reason = reason
        self.row = row
        self.field = field
        super().__init__(self._message())

    def _message(self) -> str:
        where = [f"row {self.row}"] if self.row is not None else []
        if self.field is not None:
            where.append(self.field)
        return ": ".join([", ".join(where), self.reason]) if where else self.reason


class EntryError(PlatewatchError):
    """A hotlist entry is not usable. `value` is what stood in the field."""

    def __init__(self, reason: str, *, row: int | None = None, field: str | None = None, value: object = None) -> None:
        self.value = value
        super().__init__(reason, row=row, field=field)

    def _message(self) -> str:
        shown = "" if self.value is None else f" (value: {self.value!r})"
        return super()._message() + shown


class ReadError(PlatewatchError):
    """A read is not usable. Never carries the read's text: a read that is no hit is nobody's business."""


class ReadTypeError(ReadError, TypeError):
    """What was given to be matched is no read: neither text nor a Read, or a Read whose text is none."""


class SnapshotError(PlatewatchError):
    """A file is no snapshot, a damaged one, or of a newer version."""


class ConfigError(PlatewatchError):
    """The service's configuration is not usable; `field` is the dotted name of the setting."""


class ModelError(PlatewatchError):
    """A file that holds no channel model of this version, or one whose numbers cannot be."""


def at_fault(error: msgspec.ValidationError) -> tuple[str, str | None]:
    """(why, the field) of what msgspec refuses; no field if it is the whole that is refused."""
    reason, _, place = str(error).partition(" - at `$")
    return reason, place.strip("`.") or None
