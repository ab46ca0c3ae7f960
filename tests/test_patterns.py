"""Patterns as entries and as queries, against every plate that they admit, and how their matches are shown."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

import platewatch as pw
from platewatch._core import normalize_pattern
from platewatch.matching.alignment import columns, differences
from tests.test_oracle import MARKS, edits, has_mark

UNREAD = "\ue000"  # what a read's unknown symbol is to the oracle: `?` and `*` admit it, nothing else does


def tokens(pattern: str) -> list[str]:
    return re.findall(r"\[[^]]*]|.", pattern)


def admitted(pattern: str, symbols: Iterable[str], runs: Iterable[str]) -> Iterator[str]:
    """Every plate that a pattern admits if `?` is one of `symbols` and `*` one of `runs`."""
    choices = {"?": list(symbols), "*": list(runs)}
    for plate in product(*(choices.get(token, list(token.strip("[]"))) for token in tokens(pattern))):
        yield "".join(plate)


def least_edits(read: str, pattern: str) -> int:
    """To the nearest plate. A run is a piece of the read where that is not over a mark, so no other ones are tried."""
    read = read.replace("?", UNREAD)
    pieces = {read[i:j] for i in range(len(read) + 1) for j in range(i, len(read) + 1)}
    marked = {mark + piece + "x" * fill for mark in ("서울", "서", "울") for piece in pieces for fill in range(6)}
    filled = {piece + "x" * fill for piece in pieces for fill in range(6)}
    own = tokens(pattern)
    always_marked = "".join(own[:2]) in MARKS and sum(token != "*" for token in own) >= 7
    least = 99
    for plate in admitted(pattern, {*read, *"서울x"}, marked | filled if "*" in own else [""]):
        ways = [Levenshtein.distance(read, plate)]
        if has_mark(plate):
            ways.append(Levenshtein.distance(read, plate[2:]))
        if has_mark(read) and not always_marked:
            ways.append(Levenshtein.distance(read[2:], plate))
        least = min(least, *ways)
    return least


def assert_shown(read: str, pattern: str, count: int) -> None:
    shown = differences(read, pattern)
    assert sum(d.op != "region" for d in shown) == count
    for d in shown:
        assert read[d.read_position :].startswith(d.read)
        assert pattern[d.wanted_position :].startswith(d.wanted) or d.wanted == "?"
    table = columns(read, pattern)
    assert "".join(ours for ours, _, _ in table) == read
    if not any(theirs == "?" and not ours for ours, theirs, _ in table) and all(d.op != "region" for d in shown):
        assert "".join(theirs for _, theirs, _ in table) == pattern


one = st.sampled_from(["0", "1", "가", "?", "[01]", "[가나]"])
small_patterns = st.builds(
    lambda before, run, after: "".join([*before, run, *after]),
    st.lists(one, max_size=3),
    st.sampled_from(["", "*"]),
    st.lists(one, max_size=2),
).filter(lambda text: text not in ("", "*"))
small_reads = st.text("01가나?", min_size=1, max_size=5)


@given(
    st.lists(small_patterns, max_size=4), st.lists(st.text("01가나", min_size=1, max_size=5), max_size=4), small_reads
)
def test_entries_of_both_kinds(patterns: list[str], plates: list[str], read: str) -> None:
    hotlist = pw.Hotlist(pw.Entry(id=f"E{i}", plate=plate) for i, plate in enumerate([*patterns, *plates]))
    matcher = pw.Matcher(hotlist)
    symbols = set("".join(entry.plate for entry in hotlist if set(entry.plate).isdisjoint("?*[")))
    expected = sorted(
        (edits(read, e.plate, symbols) if set(e.plate).isdisjoint("?*[") else least_edits(read, e.plate), e.id)
        for e in hotlist
    )
    for k in range(4):
        assert sorted((m.edits, m.entry_id) for m in matcher.match(read, max_edits=k)) == [
            row for row in expected if row[0] <= k
        ]
        batch = matcher.match_batch([read, pw.Read(text=read)], max_edits=k)
        rows = [(int(d), batch.entry_ids[int(e)]) for e, d in zip(batch.entry, batch.edits, strict=True)]
        assert sorted(rows) == sorted(2 * [row for row in expected if row[0] <= k])


@settings(max_examples=60)
@given(
    st.sampled_from(["서울", "서?", "?울", "[서부]울", "??", "*", "서*", "*울", ""]),
    st.lists(st.sampled_from(["5", "5", "6", "[56]"]), min_size=3, max_size=6),
    st.sampled_from(["서울", "부산", ""]),
    st.text("567?", min_size=3, max_size=6),
)
def test_region_marks_of_patterns(head: str, body: list[str], mark: str, rest: str) -> None:
    pattern, read = normalize_pattern(head + "".join(body) + ("?" if head == "" else "")), mark + rest
    least = least_edits(read, pattern)
    found = [m.edits for m in pw.Matcher(pw.Hotlist.from_plates([pattern]), max_edits=3).match(read)]
    assert found == ([least] if least <= 3 else [])
    assert_shown(read, pattern, least)


@given(small_reads, small_patterns)
def test_as_many_differences_as_edits(read: str, pattern: str) -> None:
    assert_shown(read, normalize_pattern(pattern), least_edits(read, pattern))


def test_what_is_shown_of_a_pattern() -> None:
    assert columns("12가3456", "1?[가거]*6") == [
        ("1", "1", False),
        ("2", "?", False),
        ("가", "[가거]", False),
        ("345", "*", False),
        ("6", "6", False),
    ]
    (difference,) = differences("12나3456", "12[가거]34*")
    assert (difference.op, difference.read, difference.wanted) == ("substitute", "나", "[가거]")
    assert (difference.read_position, difference.wanted_position) == (2, 2)
    assert [(d.op, d.wanted) for d in differences("52바3108", "서울5?바310[89]")] == [("region", "서울")]
    assert [(d.op, d.wanted) for d in differences("52바3108", "서*바3108")] == [("region", "서")]
    assert differences("12?3456", "12?3456") == ()  # an unread symbol is a symbol
    assert [d.op for d in differences("12?3456", "12[가거]3456")] == ["substitute"]


def regex(pattern: str) -> re.Pattern[str]:
    return re.compile("".join({"?": ".", "*": ".*"}.get(token, token) for token in tokens(pattern)))


@example("00100", [], ["??0*"])
@example("??0*", [], ["00100?"])
@given(
    small_patterns,
    st.lists(st.text("01가나", min_size=1, max_size=4), max_size=8),  # too short for a mark to be missing
    st.lists(small_patterns, max_size=3),
)
def test_queries(query: str, plates: list[str], patterns: list[str]) -> None:
    hotlist = pw.Hotlist(pw.Entry(id=f"E{i}", plate=plate) for i, plate in enumerate([*plates, *patterns]))
    fits = regex(query).fullmatch
    every = ["".join(text) for size in range(7) for text in product("01가나", repeat=size)] if patterns else []
    expected = [f"E{i}" for i, plate in enumerate(plates) if fits(plate)]
    of_query = [plate for plate in every if fits(plate)]
    # No symbol of a mark is named, so to all marks applies what does to one.
    with_mark = ["서울" + plate for plate in every if len(plate) >= 5]
    of_query_with_mark = [plate for plate in with_mark if fits(plate)]
    for i, pattern in enumerate(patterns, len(plates)):
        admits = regex(pattern).fullmatch
        lost_by_query = (admits("서울" + plate) for plate in of_query if len(plate) >= 5)
        lost_by_pattern = (admits(plate[2:]) for plate in of_query_with_mark)
        if any(map(admits, of_query)) or any(lost_by_query) or any(lost_by_pattern):
            expected.append(f"E{i}")
    assert [m.entry_id for m in pw.Matcher(hotlist).search(query)] == sorted(expected)


def test_queries_of_a_long_list_and_region_marks() -> None:
    rng = random.Random(14)
    plates = {
        rng.choice(["", "", "서울", "부산"]) + f"{rng.randrange(100)}{rng.choice('바사')}{rng.randrange(30):04d}"
        for _ in range(3000)
    }
    matcher = pw.Matcher(pw.Hotlist.from_plates(plates))
    for query in ["1?바001*", "*7", "서울5?[바사]*", "??5?바*", "*0003", "[12]*바00?[12]", "서*1", "51사0001"]:
        fits = regex(query).fullmatch
        expected = [
            plate
            for plate in plates
            if fits(plate) or (fits(plate[2:]) if has_mark(plate) else any(fits(mark + plate) for mark in MARKS))
        ]
        assert [m.plate for m in matcher.search(query)] == sorted(expected), query
        assert expected or query == "51사0001"


def test_windows_hold_for_patterns_too() -> None:
    start = datetime(2026, 11, 23, 9, tzinfo=UTC)
    tick, hour = timedelta(microseconds=1), timedelta(hours=1)
    entry = pw.Entry(id="P", plate="12?34*", valid_from=start, valid_until=start + hour, category="stolen", priority=3)
    matcher = pw.Matcher(pw.Hotlist([entry]))
    times = [start - tick, start, start + hour - tick, start + hour]
    assert [len(matcher.match("12가34", at=at)) for at in times] == [0, 1, 1, 0]
    assert [len(matcher.search("*34", at=at)) for at in times] == [0, 1, 1, 0]
    assert matcher.match_batch(["12가34"] * 4, times=times).read.tolist() == [1, 2]
    (match,) = matcher.search("12*", at=start)
    assert (match.entry_id, match.plate, match.edits) == ("P", "12?34*", 0)
    assert (match.category, match.priority) == ("stolen", 3)


@pytest.mark.parametrize("query", ["12[가-나]", "12]", "[", "[?]", "", "--", "1" * 17, "\ud800*"])
def test_bad_queries_are_refused(query: str) -> None:
    with pytest.raises(pw.PlatewatchError) as caught:
        pw.Matcher(pw.Hotlist()).search(query)
    assert caught.value.field == "query"
    assert "12" not in str(caught.value)


def test_a_query_has_to_be_text() -> None:
    with pytest.raises(TypeError) as caught:
        pw.Matcher(pw.Hotlist()).search(b"1234*")  # type: ignore[arg-type]
    assert "1234" not in str(caught.value)


def test_a_pattern_without_a_mark_is_as_probable_with_any() -> None:
    def probability(pattern: str, *reads: str) -> float:
        matcher = pw.Matcher(pw.Hotlist.from_plates([pattern]))
        (match,) = matcher.match_pass(reads) if len(reads) > 1 else matcher.match(reads[0])
        return match.probability

    # No vehicle has such a plate without a mark, so a clerk omitted it.
    with_mark = probability("서울12바345?", "서울12바3456")
    assert with_mark > 0.9
    assert probability("12바345?", "서울12바3456") == pytest.approx(with_mark, abs=0.01)
    assert probability("12바345?", "서울12바3456", "서울12바3456") > with_mark
    assert probability("12바345?", "12바3456") > 0.7
    assert 0 < probability("12바345?", "서울12바3466") < 0.5


def test_the_share_of_the_vehicles_that_a_pattern_admits() -> None:
    scoring = pw.ChannelModel.default().scoring
    assert scoring.admitted_share("*") == pytest.approx(1)
    by_last = [scoring.admitted_share(f"*{digit}") for digit in "0123456789"]
    assert sum(by_last) == pytest.approx(1)
    assert scoring.admitted_share("*7?") == pytest.approx(0.1, abs=0.01)
    assert scoring.admitted_share("12가3456") < 1e-7
    with pytest.raises(pw.PlatewatchError, match="pattern"):
        scoring.admitted_share("[")


def test_ten_thousand_loose_patterns_are_scored_as_they_are_alone() -> None:
    """It ends, which takes the better part of a minute if plates are gone through one by one."""
    patterns = [f"*{n // 1000}*{n // 100 % 10}*{n // 10 % 10}*{n % 10}*" for n in range(10_000)]
    together = {m.plate: m.log_likelihood for m in pw.Matcher(patterns).match("123가4567", max_edits=2)}
    assert len(together) > 5000
    for pattern in (*list(together)[:20], "*1*2*3*4*"):
        (alone,) = pw.Matcher([pattern]).match("123가4567", max_edits=2)
        assert together[pattern] == pytest.approx(alone.log_likelihood, rel=1e-12)
