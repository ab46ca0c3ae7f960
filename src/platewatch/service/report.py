"""A year's statistics, from what the outbox's file keeps of hits: counts and outcomes, no plate."""

from __future__ import annotations

import statistics
from collections import Counter
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Final

from msgspec import Struct

from platewatch.notify.outbox_file import open_to_read

REJECTED_TWICE: Final = 2
"""An entry with so many wrong hits, and none that was confirmed, wants looking at by its agency."""

_TOLD: Final = """
    SELECT hour * 3600, category, agency, grade, count FROM tallies
    WHERE hour >= ?1 AND hour < ?2 AND agency = coalesce(?3, agency)
"""
_ANSWERED: Final = """
    SELECT at, outcome, category, agency, entry_id FROM outcomes
    WHERE at >= ?1 AND at < ?2 AND agency = coalesce(?3, agency)
        AND seq IN (SELECT MAX(seq) FROM outcomes GROUP BY hitid)
"""
_SEEN_AFTER: Final = """
    SELECT seen.at - MIN(events.created_at) FROM seen JOIN events ON events.hitid = seen.hitid
    WHERE seen.at >= ?1 AND seen.at < ?2 AND events.kind = 'hit' AND (
        ?3 IS NULL OR EXISTS (SELECT 1 FROM outcomes WHERE outcomes.hitid = seen.hitid AND outcomes.agency = ?3)
    )
    GROUP BY seen.hitid
"""


class Line(Struct, frozen=True, kw_only=True):
    """Of a category and agency: events told by grade, answers by outcome. A hit whose grade rose was told twice."""

    category: str
    agency: str
    notify: int
    check: int
    confirmed: int
    misread: int
    right_read_wrong_vehicle: int
    cannot_tell: int


class DoubtfulEntry(Struct, frozen=True, kw_only=True):
    """An entry whose hits were wrong, time and again."""

    entry_id: str
    agency: str
    rejected: int


class YearReport(Struct, frozen=True, kw_only=True):
    """`months` has the events told in each; `seconds_to_seen` is the median from hit to first seen, of hits that are
    still kept, None without any; `right` the share confirmed of those that anybody could tell, None without any.
    """

    year: int
    zone: str
    lines: list[Line]
    months: list[int]
    right: float | None
    seconds_to_seen: float | None
    doubtful_entries: list[DoubtfulEntry]


def of_year(outbox: Path, year: int, zone: tzinfo, agency: str | None = None) -> YearReport:
    """What was told and answered from new year to new year in a zone (of whole hours), of all entries or an agency's.

    Raises OutboxError.
    """
    start, end = (datetime(which, 1, 1, tzinfo=zone).timestamp() for which in (year, year + 1))
    with open_to_read(outbox) as connection:
        told = connection.execute(_TOLD, (start // 3600, end // 3600, agency)).fetchall()
        answered = connection.execute(_ANSWERED, (start, end, agency)).fetchall()
        waits = [wait for (wait,) in connection.execute(_SEEN_AFTER, (start, end, agency))]
    counts: Counter[tuple[str, str, str]] = Counter()
    months = [0] * 12
    for at, category, agency, grade, count in told:
        counts[category, agency, grade] += count
        months[datetime.fromtimestamp(at, zone).month - 1] += count
    entries: dict[tuple[str, str], Counter[str]] = {}
    outcomes: Counter[str] = Counter()
    for _, outcome, category, agency, entry_id in answered:
        counts[category, agency, outcome] += 1
        outcomes[outcome] += 1
        entries.setdefault((agency, entry_id), Counter())[outcome] += 1
    could_tell = outcomes.total() - outcomes["cannot_tell"]
    return YearReport(
        year=year,
        zone=str(zone),
        lines=[
            Line(
                category=category,
                agency=agency,
                **{name: counts[category, agency, name] for name in Line.__struct_fields__[2:]},
            )
            for category, agency in sorted({key[:2] for key in counts})
        ],
        months=months,
        right=outcomes["confirmed"] / could_tell if could_tell else None,
        seconds_to_seen=statistics.median(waits) if waits else None,
        doubtful_entries=_doubtful(entries),
    )


def _doubtful(entries: dict[tuple[str, str], Counter[str]]) -> list[DoubtfulEntry]:
    found = []
    for (agency, entry_id), outcomes in entries.items():
        rejected = outcomes["misread"] + outcomes["right_read_wrong_vehicle"]
        if rejected >= REJECTED_TWICE and not outcomes["confirmed"]:
            found.append(DoubtfulEntry(entry_id=entry_id, agency=agency, rejected=rejected))
    return sorted(found, key=lambda entry: (entry.agency, -entry.rejected, entry.entry_id))
