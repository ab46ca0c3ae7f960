"""A list that its agency pushes: as a whole, or what has changed. Versions count up by one, so that none is missed.

The request of a change is `{"version": 8, "upserts": [{"id": "A1", "plate": "12가3456"}], "removals": ["A2"]}`, that
of a whole list `{"version": 8, "entries": [...]}`. The same one again is no error and changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, NamedTuple

from msgspec import Meta, Struct

from platewatch.errors import EntryError, PlatewatchError, decode_request
from platewatch.lists.feeds.base import JudgedSettings
from platewatch.matching.hotlist import COLUMNS, Entry, from_values
from platewatch.matching.values import converters, identifier, zone_of

MAX_LISTED: Final = 100
"""Bad entries of one request that are told."""

Version = Annotated[int, Meta(ge=1, le=2**53)]


class PushFeedSettings(
    JudgedSettings, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="push"
):
    """Requests need the header `Authorization: Bearer <token>`, with this token, or a key that may change this list."""

    token: Annotated[str, Meta(min_length=16)] | None = None


class DeltaError(PlatewatchError):
    """A request of which nothing is taken; `errors` lists what is wrong with its entries, by row from 0 in `field`."""

    def __init__(self, reason: str, errors: Sequence[EntryError] = (), *, field: str | None = None) -> None:
        self.errors = tuple(errors)
        super().__init__(reason, field=field)


class OutOfOrderError(PlatewatchError):
    """A version that does not follow the known one, `known`."""

    def __init__(self, version: int, known: int) -> None:
        self.known = known
        super().__init__(f"version {version} does not follow {known}", field="version")


class Change(NamedTuple):
    """What a request asks for: entries to add or replace, ids to remove; `is_whole` if nothing else is to be listed."""

    version: int
    digest: str
    upserts: tuple[Entry, ...]
    removals: tuple[str, ...]
    is_whole: bool


class _Delta(Struct, forbid_unknown_fields=True):
    version: Version
    upserts: list[dict[str, Any]] = []
    removals: list[str | int] = []


class _Whole(Struct, forbid_unknown_fields=True):
    version: Version
    entries: list[dict[str, Any]]


def decode(body: bytes, zone: str | None, *, is_whole: bool, needed: Sequence[str] = ()) -> Change:
    """The change that a request asks for; times without an offset are of `zone`, and no entry may lack the `needed`
    fields. Raises DeltaError.
    """
    digest = hashlib.blake2b(body, digest_size=16).hexdigest()
    if is_whole:
        whole = decode_request(body, _Whole, DeltaError)
        return Change(whole.version, digest, _entries(whole.entries, "entries", zone, needed), (), is_whole)
    delta = decode_request(body, _Delta, DeltaError)
    upserts = _entries(delta.upserts, "upserts", zone, needed)
    removals = tuple(identifier(entry_id) or "" for entry_id in delta.removals)
    if "" in removals:
        raise DeltaError("is blank", field=f"removals[{removals.index('')}]")
    if both := {entry.id for entry in upserts}.intersection(removals):
        raise DeltaError(f"{len(both)} ids are among the upserts, too", field="removals")
    return Change(delta.version, digest, upserts, removals, is_whole)


def follows(change: Change, known: int, digest: str) -> bool:
    """Whether it is to be made; False if it was, and was the last one. Raises OutOfOrderError.

    A whole list may have any version that is greater: it is how an agency begins, or goes on after a gap.
    """
    if change.version == known and change.digest == digest:
        return False
    if change.version == known + 1 or (change.is_whole and change.version > known):
        return True
    raise OutOfOrderError(change.version, known)


def _entries(
    records: Sequence[Mapping[str, Any]], field: str, zone: str | None, needed: Sequence[str]
) -> tuple[Entry, ...]:
    convert = converters(zone_of(zone))
    entries: dict[str, Entry] = {}
    errors: list[EntryError] = []
    for row, record in enumerate(records):
        try:
            if unknown := next((name for name in record if name not in COLUMNS), None):
                raise EntryError(f"no such field: the fields are {', '.join(COLUMNS)}", field=unknown)
            entry = from_values(record, convert)
            if missing := next((name for name in needed if not getattr(entry, name)), None):
                raise EntryError("missing", field=missing)
            if entry.id in entries:
                raise EntryError("stands there twice", field="id")
            entries[entry.id] = entry
        except EntryError as error:
            errors.append(EntryError(error.reason, row=row, field=error.field))
    if errors:
        raise DeltaError(f"{len(errors)} of {len(records)} entries are bad", errors, field=field)
    return tuple(entries.values())
