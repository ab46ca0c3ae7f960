"""The compiled matcher against brute force with RapidFuzz: the contract of matching from a second hand."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from platewatch._core import Matcher
from platewatch.matching.hotlist import Entry
from platewatch.matching.values import microseconds
from platewatch.probability.channel_model import ChannelModel

MARKS: list[str] = re.findall("..", "서울부산대구인천광주대전울산세종경기강원충북충남전북전남경북경남제주")
MODEL = ChannelModel.default().scoring
UNKNOWN = "\ue000"  # no letter, so no entry uses it

DIGITS = "0123456789"
SYLLABLES = "가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주허하호"
# What one kind of hostile list draws its plates from: a regular expression.
KINDS = {
    "korean": f"[{DIGITS}]{{2,3}}[{SYLLABLES}][{DIGITS}]{{4}}",
    "latin": "[A-Z0-9]{5,8}",
    "tiny": "[0123]{3,10}",  # everyone is a neighbour
    "fleet": "70[바사]1[0-9]{3}",
    "region": "(서울|부산|광주){0,2}5[12][바사][12]{2,3}",
    "mixed": "[01AB가나서울]{1,16}",
    "shared": "1234가[01]{2}",  # many entries on few plates
}


def has_mark(text: str) -> bool:
    return text[:2] in MARKS and len(text) >= 7


def edits(read: str, entry: str, symbols: set[str]) -> int:
    """The contract; `symbols` are those that the entries use."""

    def distance(text: str, plate: str) -> int:
        return Levenshtein.distance("".join(c if c in symbols else UNKNOWN for c in text), plate)

    ways = [distance(read, entry)]
    if has_mark(entry):
        ways.append(distance(read, entry[2:]))
    elif has_mark(read):
        ways.append(distance(read[2:], entry))
    return min(ways)


def assert_complete(matcher: Matcher, entries: dict[str, str], read: str) -> None:
    """Every k gives the entries within k edits, the probable ones first."""
    symbols = set("".join(entries.values()))
    expected = sorted((edits(read, plate, symbols), entry_id, plate) for entry_id, plate in entries.items())
    for k in range(4):
        matches = matcher.match(read, max_edits=k)
        probabilities = [m.probability for m in matches]
        assert probabilities == sorted(probabilities, reverse=True)
        found = sorted((match.edits, match.entry_id, match.plate) for match in matches)
        wanted = [row for row in expected if row[0] <= k]
        if found != wanted:  # no assert: pytest would take minutes to show the difference of long lists
            missing, extra = sorted({*wanted} - {*found}), sorted({*found} - {*wanted})
            pytest.fail(f"{read!r} within {k}: missing {missing[:5]}, extra {extra[:5]}, or out of order")


def new_matcher(entries: dict[str, str]) -> Matcher:
    return Matcher([Entry(id=entry_id, plate=plate) for entry_id, plate in entries.items()], 1, microseconds, MODEL)


IDS = st.text(alphabet="aZ가～🚕", min_size=1, max_size=4)  # in UTF-16, 🚕 would sort in front of ～


@st.composite
def misread(draw: st.DrawFn, plates: st.SearchStrategy[str]) -> str:
    """A plate with up to five symbols wrong, and a region mark that was not there."""
    read = draw(st.sampled_from(["", "", *MARKS[:3]])) + draw(plates)
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(read)))
        read = read[:at] + draw(st.sampled_from(["", "?", "힣", *read])) + read[at + draw(st.integers(0, 1)) :]
    return read[:16] or "?"


# Stated here, too, as a wheel is tried without conftest.py.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
@pytest.mark.parametrize("kind", KINDS)
def test_small_lists(kind: str, data: st.DataObject) -> None:
    plates = st.from_regex(KINDS[kind], fullmatch=True).filter(lambda plate: len(plate) <= 16)
    entries = data.draw(st.dictionaries(IDS, plates, max_size=20), "entries")
    known = st.sampled_from(sorted(entries.values())) if entries else plates
    matcher = new_matcher(entries)
    for read in data.draw(st.lists(misread(plates | known), min_size=1, max_size=5), "reads"):
        assert_complete(matcher, entries, read)


def random_plate(rng: random.Random, kind: str) -> str:
    """The kinds of KINDS again, fast enough for thousands."""
    digits = "".join(rng.choices(DIGITS, k=4))
    match kind:
        case "korean":
            return "".join(rng.choices(DIGITS, k=rng.randint(2, 3))) + rng.choice(SYLLABLES) + digits
        case "tiny":
            return "".join(rng.choices("0123", k=rng.randint(3, 10)))
        case "fleet":
            return f"70{rng.choice('바사')}1{digits[:3]}"
        case _:
            return rng.choice(["", *MARKS[:3]]) + f"5{rng.choice('12')}{rng.choice('바사')}3{digits[:3]}"


@pytest.mark.parametrize("kind", ["korean", "tiny", "fleet", "region"])
def test_large_lists(kind: str) -> None:
    rng = random.Random(f"{kind} 20190901")
    entries = {f"W-{number}": random_plate(rng, kind) for number in range(3000)}
    matcher = new_matcher(entries)
    for _ in range(60):
        read = list(random_plate(rng, kind))
        for _ in range(rng.randint(0, 3)):
            at = rng.randrange(len(read))
            read[at : at + rng.randint(0, 1)] = rng.choice(["", "?", "힣", rng.choice(read)])
        assert_complete(matcher, entries, "".join(read))


def test_entries_match_within_their_window() -> None:
    start = datetime(2026, 11, 23, 9, tzinfo=UTC)
    until = start + timedelta(hours=1)
    entry = Entry(id="W-1", plate="12가3456", valid_from=start, valid_until=until)
    matcher = Matcher([entry], 0, microseconds, MODEL)
    tick = timedelta(microseconds=1)
    found = [len(matcher.match("12가3456", at=at)) for at in (start - tick, start, until - tick, until)]
    assert found == [0, 1, 1, 0]


@pytest.mark.parametrize("k", [4, 100])
def test_more_than_three_edits_are_refused(k: int) -> None:
    with pytest.raises(ValueError, match="max_edits"):
        new_matcher({"W-1": "12가3456"}).match("12가3456", max_edits=k)
