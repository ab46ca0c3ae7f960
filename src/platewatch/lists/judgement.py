"""What a person should know of a list before it is used: `platewatch hotlist check`, and the service's warnings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from platewatch._core import is_pattern, parse
from platewatch.errors import EntryError
from platewatch.matching.hotlist import EntrySet, LoadReport
from platewatch.matching.values import microseconds
from platewatch.probability.channel_model import ChannelModel

MOST_OF_A_KIND: Final = 10
"""Examples that are shown of one kind of error or finding."""
_ANY_REGION: Final = "서울"
_LONGEST_BEHIND_MARK: Final = 14  # symbols
_FEWEST_FIXED: Final = 3  # symbols of a pattern that say what they are
_MOST_ADMITTED: Final = 0.001  # of all vehicles: more, and one in a thousand innocents fits
# Of pairs that recognisers take for one another most (docs/probability.md has the whole of it).
_LOOK_ALIKES: Final = (
    *("다나", "더너", "두무", "저서", "버머", "자사", "도모", "오모", "배바"),
    *("08", "35", "58", "68", "79", "27", "17", "0O", "0D", "0Q", "1I", "1L", "2Z", "5S", "6G", "8B"),
)


class Finding(NamedTuple):
    """Something that is questionable about entries: what, of how many entries, and the ids of the first of them."""

    what: str
    entries: int
    examples: tuple[str, ...]


def findings(hotlist: EntrySet, at: datetime | None = None, model: ChannelModel | None = None) -> list[Finding]:
    """What is questionable about a list's entries, at a time (now, if left out).

    What patterns admit is counted among the vehicles of the model's population, the default model's if left out.
    """
    scoring = (model or ChannelModel.default()).scoring
    now = microseconds(at or datetime.now(UTC))
    found: defaultdict[str, list[str]] = defaultdict(list)
    for entry in hotlist:
        if is_pattern(entry.plate):
            few = sum(symbol.isalnum() for symbol in _outside_sets(entry.plate)) < _FEWEST_FIXED
            if few or scoring.admitted_share(entry.plate) > _MOST_ADMITTED:
                found["patterns that admit too much"].append(entry.id)
        else:
            if parse(entry.plate).kind == "unknown":
                without_region = _could_be_commercial(entry.plate)
                kind = "commercial plates without region" if without_region else "plates of no known class"
                found[kind].append(entry.id)
        until = microseconds(entry.valid_until)
        if until is not None and now is not None and until <= now:
            found["no longer valid"].append(entry.id)
    found["one look-alike symbol apart from another entry"] = list(_look_alikes(hotlist))
    return [Finding(what, len(ids), tuple(ids[:MOST_OF_A_KIND])) for what, ids in sorted(found.items()) if ids]


def repeats(report: LoadReport) -> Iterator[str]:
    """Each id that stands in several rows with different plates, with these rows; ten of them, then their number."""
    for repeat in report.repeats[:MOST_OF_A_KIND]:
        yield f"id {repeat.id!r} stands in rows {_rows(repeat.rows)} with different plates: the last is used"
    if len(report.repeats) > MOST_OF_A_KIND:
        yield f"{len(report.repeats) - MOST_OF_A_KIND:,} more ids stand several times: are these two lists in one file?"


def few_of_a_kind(errors: Iterable[EntryError]) -> Iterator[str]:
    """Errors as texts, ten of a kind and then their number; a kind is a field and a reason."""
    counts: Counter[tuple[str | None, str]] = Counter()
    for error in errors:
        kind = error.field, error.reason
        counts[kind] += 1
        if counts[kind] <= MOST_OF_A_KIND:
            yield str(error)
    for (field, reason), count in counts.items():
        if count > MOST_OF_A_KIND:
            yield f"{count - MOST_OF_A_KIND:,} more: {f'{field}: ' if field else ''}{reason}"


def _outside_sets(pattern: str) -> Iterator[str]:
    inside = False
    for symbol in pattern:
        inside = symbol == "[" or (inside and symbol != "]")
        if not inside:
            yield symbol


def _could_be_commercial(plate: str) -> bool:
    return len(plate) <= _LONGEST_BEHIND_MARK and parse(_ANY_REGION + plate).kind == "commercial"


def _look_alikes(hotlist: EntrySet) -> Iterator[str]:
    """Ids of entries of which another one's plate has a look-alike in one place."""
    others: defaultdict[str, str] = defaultdict(str)
    for a, b in _LOOK_ALIKES:
        others[a] += b
        others[b] += a
    plates = {entry.plate for entry in hotlist if not is_pattern(entry.plate)}
    for entry in hotlist:
        plate = entry.plate
        if plate in plates and any(
            plate[:place] + other + plate[place + 1 :] in plates
            for place, symbol in enumerate(plate)
            for other in others.get(symbol, "")
        ):
            yield entry.id


def _rows(rows: tuple[int, ...]) -> str:
    shown = ", ".join(map(str, rows[:MOST_OF_A_KIND]))
    return shown if len(rows) <= MOST_OF_A_KIND else f"{shown}, ..."
