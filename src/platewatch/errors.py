"""The errors that platewatch raises: each says which row, which field and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

_Asked = TypeVar("_Asked")

_MOST_QUOTED = 200  # characters of a value


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
        shown = "" if self.value is None else f" (value: {quoted(self.value)})"
        return super()._message() + shown


class TableError(PlatewatchError):
    """The columns of a table cannot be told. `lines` shows the rows that were looked at."""

    def __init__(self, reason: str, *, field: str | None = None, lines: Sequence[str] = ()) -> None:
        self.lines = tuple(lines)
        super().__init__(reason, field=field)

    def __str__(self) -> str:
        return "\n  ".join([super().__str__(), *self.lines])


class HotlistError(EntryError):
    """A list as a whole is not usable: it has no usable entry, or too many bad rows.

    Row, field, reason and value are those of the first bad row; `errors` has them all, `judgement` says why they are
    too many.
    """

    def __init__(self, judgement: str, errors: Sequence[EntryError]) -> None:
        self.judgement = judgement
        self.errors = tuple(errors)
        first = errors[0] if errors else EntryError(judgement)
        super().__init__(first.reason, row=first.row, field=first.field, value=first.value)

    def __str__(self) -> str:
        return f"{self.judgement}; the first: {super().__str__()}" if self.errors else self.judgement


class ReadError(PlatewatchError):
    """A read is not usable. Never carries the read's text: a read that is no hit is nobody's business. `camera_id` is
    its camera, where that is known and no more than a name.
    """

    def __init__(
        self, reason: str, *, row: int | None = None, field: str | None = None, camera_id: str | None = None
    ) -> None:
        self.camera_id = camera_id if camera_id is not None and len(camera_id) <= _MOST_QUOTED else None
        super().__init__(reason, row=row, field=field)


class FormatError(PlatewatchError):
    """A message that is not of the format that it should be. Never carries a plate, nor anything that was sent."""


class ReadTypeError(ReadError, TypeError):
    """What was given to be matched is no read: neither text nor a Read, or a Read whose text is none."""


class ZoneError(PlatewatchError, ValueError):
    """What was given is no time zone."""


class StateError(PlatewatchError, RuntimeError):
    """An object that is not usable: it is closed, or its `__init__` has failed or not run."""


class SnapshotError(PlatewatchError):
    """A file is no snapshot, a damaged one, or of a newer version."""


class BundleError(PlatewatchError):
    """A file is no bundle, a torn or damaged one, or not signed as it should be; or a key or manifest is none."""


class ConfigError(PlatewatchError):
    """The service's configuration is not usable; `field` is the dotted name of the setting."""


class ModelError(PlatewatchError):
    """A file that holds no channel model of this version, or one whose numbers cannot be."""


def quoted(value: object) -> str:
    """A value as an error shows it: not a whole document, and of one that cannot be shown its type."""
    try:
        shown = repr(value)
    except Exception:  # other people's types raise anything, and a number of 5,000 digits a ValueError
        return f"of type {type(value).__name__}"
    return shown if len(shown) <= _MOST_QUOTED else shown[:_MOST_QUOTED] + "…"


def at_fault(error: msgspec.ValidationError) -> tuple[str, str | None]:
    """(why, the field) of what msgspec refuses; no field if it is the whole that is refused."""
    reason, _, place = str(error).partition(" - at `$")
    return reason, place.strip("`.") or None


def decode_request(body: bytes, kind: type[_Asked], refusal: type[PlatewatchError]) -> _Asked:
    """What a body of JSON asks for. Raises a `refusal`, which names the field that is at fault."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        reason, field = at_fault(error)
        raise refusal(reason, field=field) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise refusal("the body is not JSON") from None
