"""What all feeds have in common: how their lists are judged and read, and what a feed does."""

from __future__ import annotations

from typing import Annotated, Final, NamedTuple, Protocol

from msgspec import Meta, Struct

from platewatch.errors import PlatewatchError
from platewatch.lists.hotlist import MAX_BAD_SHARE, Hotlist

JUDGED_FROM: Final = 100
"""Entries from which on it says something how much a list has shrunk or grown."""

_SEPARATOR: Final = "\x1f"  # in no id of a list: it is checked


class FeedError(PlatewatchError):
    """A feed gives no list, or one that may not take over: the one before stays."""


class JudgedSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a feed's new list takes over: if it has at least `min_share` and at most `max_share` of the entries of the
    one before, where that had a hundred or more. It is stale if it is older than `stale_after` seconds; left out, it
    never is. `agency` is that of entries that name none. With `needs_approval`, an entry that does not say who has
    approved it, and on which legal basis, is a bad one.
    """

    min_share: Annotated[float, Meta(ge=0, le=1)] = 0.5
    max_share: Annotated[float, Meta(ge=1)] = 2.0
    stale_after: Annotated[float, Meta(gt=0)] | None = None
    agency: str = ""
    needs_approval: bool = False

    @property
    def needed(self) -> tuple[str, ...]:
        """The fields that each entry must have."""
        return ("approved_by", "legal_basis") if self.needs_approval else ()


class ListSettings(JudgedSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a list is read: which column is what, its encoding, a workbook's sheet, and the share of its rows that may be
    bad before it is refused; with `strict = false` whatever is usable is taken, however little it is.
    """

    columns: dict[str, str | int] = {}
    encoding: str | None = None
    sheet: str | int | None = None
    max_bad_share: Annotated[float, Meta(ge=0, le=1)] = MAX_BAD_SHARE
    strict: bool = True

    def read(self, data: bytes, name: str, zone: str | None) -> Hotlist:
        """The list in a file's contents. Raises PlatewatchError."""
        return Hotlist.from_bytes(
            data,
            name,
            columns=self.columns,
            encoding=self.encoding,
            sheet=self.sheet,
            zone=zone,
            strict=self.strict,
            max_bad_share=self.max_bad_share,
            needed=self.needed,
        )


class Fetched(NamedTuple):
    """What a feed has: its list, None if that is the one with the `tag` that was asked with; a tag that tells it from
    others; and when it was what it is, in seconds since the epoch.
    """

    hotlist: Hotlist | None
    tag: str
    as_of: float


class Feed(Protocol):
    """A list that is fetched."""

    what: str
    """Its file or URL, for people."""

    async def changed(self) -> None:
        """Returns when there may be another list than was fetched last."""

    async def fetch(self, tag: str | None) -> Fetched:
        """The list, unless it is the one with this tag. Raises FeedError, or HotlistError for one that is not usable as
        a whole.
        """


def refusal(listed: int, before: int, how: JudgedSettings) -> str | None:
    """Why a list of so many entries may not take the place of the one before; None if it may."""
    if not listed and before:
        return f"it is empty, and {before:,} entries were listed"
    if before < JUDGED_FROM:
        return None
    if listed < how.min_share * before:
        return f"it has {listed:,} entries, less than {100 * how.min_share:g} % of the {before:,} before"
    if listed > how.max_share * before:
        return f"it has {listed:,} entries, more than {100 * how.max_share:g} % of the {before:,} before"
    return None


MAIN: Final = "hotlist"
"""The feed whose entries keep their ids: that of the setting `hotlist`."""


def key(feed: str, entry_id: str) -> str:
    """The id of a feed's entry among those of all feeds. Raises FeedError for one that could be another feed's."""
    if _SEPARATOR in entry_id:
        raise FeedError("an id has a control character (U+001F)", field="id")
    return entry_id if feed == MAIN else f"{feed}{_SEPARATOR}{entry_id}"


def feed_and_id(key: str) -> tuple[str, str]:
    """The feed of a key, and the id that the entry has there."""
    feed, separator, entry_id = key.partition(_SEPARATOR)
    return (feed, entry_id) if separator else (MAIN, key)
