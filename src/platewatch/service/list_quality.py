"""What is wrong with the lists, for the agencies that own them: entries that never match, and what is no plate."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from platewatch._core import is_pattern
from platewatch.lists.feeds.base import feed_and_id
from platewatch.lists.feeds.store import FeedStore
from platewatch.notify.outbox_file import open_to_read
from platewatch.probability.population import Population

_COUNTED_SINCE: Final = "SELECT MIN(hour) * 3600 FROM tallies"
_HAD_A_HIT: Final = "SELECT entry_id FROM entry_tallies"


class ListedEntry(Struct, frozen=True, kw_only=True):
    """An entry, by the id that its agency gave it; the main list's `feed` is `hotlist`."""

    feed: str
    entry_id: str


class Quality(Struct, frozen=True, kw_only=True):
    """Of an agency's entries how many there are, those that no read has ever made a hit of, and those whose plate is of
    no class of the population: mistyped, or from abroad.
    """

    agency: str
    entries: int
    never_hit: list[ListedEntry]
    no_plate: list[ListedEntry]


class ListQuality(Struct, frozen=True, kw_only=True):
    """`since` is when hits have been counted from, None before the first."""

    since: datetime | None
    population: str
    agencies: list[Quality]


def of_list(outbox: Path, store: Path, population: Population) -> ListQuality:
    """By agency, from what all feeds gave last. Raises OutboxError, StoreError."""
    with open_to_read(outbox) as connection:
        (since,) = connection.execute(_COUNTED_SINCE).fetchone()
        had_a_hit = {entry_id for (entry_id,) in connection.execute(_HAD_A_HIT)}
    by_agency: dict[str, Quality] = {}
    for feed, entry in FeedStore.read(store):
        quality = by_agency.get(entry.agency) or Quality(agency=entry.agency, entries=0, never_hit=[], no_plate=[])
        listed = ListedEntry(feed=feed, entry_id=feed_and_id(entry.id)[1])
        if entry.id not in had_a_hit:
            quality.never_hit.append(listed)
        if not is_pattern(entry.plate) and not population.has_class_of(entry.plate):
            quality.no_plate.append(listed)
        by_agency[entry.agency] = replace(quality, entries=quality.entries + 1)
    return ListQuality(
        since=None if since is None else datetime.fromtimestamp(since, UTC),
        population=population.name,
        agencies=[by_agency[agency] for agency in sorted(by_agency)],
    )
