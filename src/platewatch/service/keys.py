"""API keys: who may do what, from where, how often, and of what. What is stored of a key is its hash.

A TOML file, read again when it changes: a key that is taken out of it is refused from the next request on.
"""

from __future__ import annotations

import fnmatch
import hashlib
import logging
import secrets
import time
from collections.abc import Callable
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, Struct

from platewatch import toml
from platewatch.errors import ConfigError, PlatewatchError
from platewatch.matching.values import KOREAN_TIME
from platewatch.networks import check, is_in


class Action(StrEnum):
    """What a key may do: send reads; say what a hit was; take hits out; change the list of a push feed; look at the
    status; and all that is left.
    """

    reads = "reads"
    answers = "answers"
    export = "export"
    list = "list"
    status = "status"
    admin = "admin"


PREFIX: Final = "pwk_"
_LOOK_INTERVAL: Final = 1.0  # seconds between looks whether the file has changed

RequestsASecond = Annotated[float, Meta(gt=0, le=1e6)]

_log: Final = logging.getLogger(__name__)  # the command line, which has no structlog, uses this module, too


class Key(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key as the file has it. `cameras` are patterns such as "GJ-*", of the reads that it may send, and `sources` the
    names of those to which it may send them, "http" for /v1/reads; `feeds` are those whose lists it may change,
    `agencies` those of the entries whose hits it may answer and take out. `addresses` are networks; until `expires`, a
    day of Korean time, that one included. What is left out bounds nothing; for `requests_a_second` the settings may
    have a bound of all.
    """

    hash: Annotated[str, Meta(pattern="^sha256:[0-9a-f]{64}$")]
    may: Annotated[tuple[Action, ...], Meta(min_length=1)]
    cameras: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    feeds: tuple[str, ...] | None = None
    agencies: tuple[str, ...] | None = None
    addresses: tuple[str, ...] | None = None
    requests_a_second: RequestsASecond | None = None
    expires: date | None = None


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    keys: dict[str, Key] = {}


class Principal(Struct, frozen=True, kw_only=True):
    """Who is asking, by the key that was shown, and what bounds it; None bounds nothing."""

    name: str
    may: frozenset[Action]
    cameras: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    feeds: tuple[str, ...] | None = None
    agencies: tuple[str, ...] | None = None
    requests_a_second: float | None = None

    def may_send(self, camera_id: str | None) -> bool:
        """Whether reads of this camera are its to send; those of no camera only if it is bound to none."""
        if self.cameras is None:
            return True
        return camera_id is not None and any(fnmatch.fnmatchcase(camera_id, pattern) for pattern in self.cameras)

    def who(self, by: str) -> str:
        """Who somebody is in the access log who says to be `by`: behind a key, that is known."""
        return by if self is ANYBODY else f"{self.name}: {by}"

    def may_know(self, agency: str) -> bool:
        """Whether hits of this agency's entries are its business."""
        return self.agencies is None or agency in self.agencies


ANYBODY: Final = Principal(name="anybody", may=frozenset(Action))
"""Who asks where nothing is asked for, or shows the one token of the settings."""


class Keys:
    """The keys of a file. Raises ConfigError if it is of no use; one that becomes so later is logged, and not used."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._stamp = _stamp(path)
        self._keys = _load(path)
        self._looked = time.monotonic()

    def __len__(self) -> int:
        return len(self._keys)

    def principal(self, token: str, address: str) -> Principal | None:
        """Whose key this is, None if it is nobody's, or not now, or not from there."""
        self._look()
        found = self._keys.get(hash_of(token))
        if found is None:
            return None
        name, key = found
        if key.expires is not None and _today(self._clock()) > key.expires:
            return None
        if key.addresses is not None and not is_in(address, key.addresses):
            return None
        return Principal(
            name=name,
            may=frozenset(key.may),
            cameras=key.cameras,
            sources=key.sources,
            feeds=key.feeds,
            agencies=key.agencies,
            requests_a_second=key.requests_a_second,
        )

    def _look(self) -> None:
        if time.monotonic() - self._looked < _LOOK_INTERVAL:
            return
        self._looked = time.monotonic()
        try:
            stamp = _stamp(self._path)
            if stamp == self._stamp:
                return
            self._stamp = stamp
            self._keys = _load(self._path)
        except PlatewatchError as error:
            _log.error("keys not read again, the old ones hold: %s", error)
        else:
            _log.info("%d keys read again", len(self._keys))


def new_key() -> tuple[str, str]:
    """(a key, its hash): 256 random bits, told once."""
    key = PREFIX + secrets.token_urlsafe(32)
    return key, hash_of(key)


def hash_of(key: str) -> str:
    """What the file has of a key. A key is random and long, so a plain hash cannot be undone."""
    return f"sha256:{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _load(path: Path) -> dict[str, tuple[str, Key]]:
    """By hash."""
    keys = toml.convert(toml.read(path), _File).keys
    found: dict[str, tuple[str, Key]] = {}
    for name, key in keys.items():
        check(key.addresses or (), f"keys.{name}.addresses")
        if key.agencies is not None and Action.admin in key.may:
            # To revive dead letters, or accept a list, is not one agency's affair.
            raise ConfigError("do not bound what 'admin' may do", field=f"keys.{name}.agencies")
        if key.hash in found:
            raise ConfigError(f"{path}: is that of {found[key.hash][0]}, too", field=f"keys.{name}.hash")
        found[key.hash] = name, key
    return found


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        stat = path.stat()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", field="http.keys") from None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _today(now: float) -> date:
    return datetime.fromtimestamp(now, KOREAN_TIME).date()
