"""The Python face of matching; its results are proven in test_oracle.py."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

import platewatch as pw

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
KOREA = timezone(timedelta(hours=9))


@pytest.fixture
def matcher() -> pw.Matcher:
    return pw.Matcher(pw.Hotlist.from_plates(["12가3456", "12거3456", "서울52바3108"]), max_edits=1)


def test_single_match(matcher: pw.Matcher) -> None:
    matches = matcher.match("12 가 3456")
    assert [(m.entry_id, m.plate, m.edits) for m in matches] == [
        ("12가3456", "12가3456", 0),
        ("12거3456", "12거3456", 1),
    ]
    assert [m.entry_id for m in matcher.match("12가3456", max_edits=0)] == ["12가3456"]
    assert matcher.match("12 가 3456") == matches
    assert matcher.match(pw.Read(text="52바3108"))[0].plate == "서울52바3108"
    assert matcher.match("99허9999") == []


def test_batch_equals_single_calls(matcher: pw.Matcher) -> None:
    reads: list[str | pw.Read] = ["12가3456", "99허9999", pw.Read(text="12거345"), "52바3108"]
    batch = matcher.match_batch(reads)
    assert [column.dtype.name for column in (batch.read, batch.entry, batch.edits)] == ["uint32", "uint32", "uint8"]
    rows = [
        (int(i), batch.entry_ids[int(e)], int(d)) for i, e, d in zip(batch.read, batch.entry, batch.edits, strict=True)
    ]
    assert rows == [(i, m.entry_id, m.edits) for i, read in enumerate(reads) for m in matcher.match(read)]
    assert len(batch) == len(rows)
    assert list(batch.entry_ids) == sorted(batch.entry_ids) == ["12가3456", "12거3456", "서울52바3108"]
    with pytest.raises(IndexError):
        batch.entry_ids[3]


def test_bad_reads_raise_without_their_text(matcher: pw.Matcher) -> None:
    for text, reason in [
        ("-", "no letter or digit"),
        ("1" * 17, "more than 16 symbols"),
        ("\ud800", "not valid UTF-8"),
    ]:
        with pytest.raises(pw.ReadError) as caught:
            matcher.match(text)
        assert (caught.value.field, caught.value.reason) == ("text", reason)
        with pytest.raises(pw.ReadError) as caught:
            matcher.match_batch(["12가3456", text])
        assert (caught.value.row, caught.value.field, caught.value.reason) == (1, "text", reason)


def test_bad_reads_reported(matcher: pw.Matcher) -> None:
    batch = matcher.match_batch(["-", "12가3456", 5], errors="report")  # type: ignore[call-overload]
    assert [(e.row, e.field, e.reason) for e in batch.errors] == [
        (0, "text", "no letter or digit"),
        (2, "text", "neither text nor a Read"),
    ]
    assert batch.read.tolist() == [1, 1]


def test_wrong_arguments(matcher: pw.Matcher) -> None:
    with pytest.raises(ValueError, match="max_edits must be 0, 1, 2 or 3"):
        matcher.match("12가3456", max_edits=4)
    for least in (-0.1, 1.1, math.inf, math.nan):
        for call in (matcher.match, lambda read, **more: matcher.match_pass([read] * 2, **more)):
            with pytest.raises(ValueError, match="min_probability must be from 0 to 1"):
                call("12가3456", min_probability=least)
        with pytest.raises(ValueError, match="min_probability must be from 0 to 1"):
            matcher.match_batch(["12가3456"], min_probability=least)
    with pytest.raises(ValueError, match="max_edits must be 0, 1, 2 or 3"):
        pw.Matcher(pw.Hotlist(), max_edits=4)
    with pytest.raises(TypeError, match="not one text"):
        matcher.match_batch("12가3456")
    with pytest.raises(ValueError, match="one item a read"):
        matcher.match_batch(["12가3456"], times=[])
    with pytest.raises(ValueError, match="offset from UTC"):
        matcher.match("12가3456", at=datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="offset from UTC"):
        matcher.match_batch(["12가3456"], times=[datetime(2026, 1, 1)])  # noqa: DTZ001


def test_no_error_of_a_call_quotes_the_read(matcher: pw.Matcher) -> None:
    calls: list[Callable[[], object]] = [
        lambda: matcher.match("99하9999", max_edits="1"),  # type: ignore[arg-type]
        lambda: matcher.match("99하9999", max_edits=-1),
        lambda: matcher.match("99하9999", max_edits=1 << 80),
        lambda: matcher.match("99하9999", at="now"),  # type: ignore[arg-type]
        lambda: matcher.match("99하9999", min_probability="1"),  # type: ignore[arg-type]
        lambda: matcher.match_pass(["99하9999"] * 2, min_probability="x"),  # type: ignore[arg-type]
        lambda: matcher.match_pass(["99하9999"] * 2, at="now"),  # type: ignore[arg-type]
        lambda: matcher.match_batch(["99하9999"], min_probability="x"),  # type: ignore[call-overload]
        lambda: matcher.match_batch(["99하9999"], threads="1"),  # type: ignore[call-overload]
        lambda: matcher.match_batch(["99하9999"], max_edits=-1),
        lambda: matcher.match_batch(["99하9999"], times=np.array([1])),
        lambda: matcher.match_batch(["99하9999"], times=np.array(["NaT"], dtype="datetime64[us]")),
        lambda: matcher.match_batch(["99하9999"], times=[None]),  # type: ignore[list-item]
        lambda: pw.Matcher(pw.Hotlist.from_plates(["99하9999"]), max_edits=-1),
        lambda: pw.Matcher(pw.Hotlist.from_plates(["99하9999"]), max_edits=None),  # type: ignore[arg-type]
    ]
    for call in calls:
        with pytest.raises((TypeError, ValueError)) as caught:
            call()
        assert "9999" not in str(caught.value)


def test_options_that_are_not_of_their_type_are_taken_for_what_they_are_worth(matcher: pw.Matcher) -> None:
    # pybind11 would refuse them, and quote the read in doing so.
    every_type: list[dict[str, Any]] = [{"keep_exact": "yes"}, {"alternatives": []}]
    for options in every_type:
        assert matcher.match_pass(["12가3456"] * 2, **options)
        assert len(matcher.match_batch(["12가3456"], **options))
    assert matcher.match_batch(["12가3456"], score="").probability is None  # type: ignore[call-overload]


def test_one_exact_match_can_be_kept_however_improbable() -> None:
    matcher = pw.Matcher(pw.Hotlist.from_plates(["12가3456", "12가3457"]))
    (exact,) = matcher.match("12가3456", min_probability=1.0, keep_exact=True)
    assert (exact.plate, exact.edits) == ("12가3456", 0)
    assert matcher.match("12가3456", min_probability=1.0) == []


def test_a_bad_time_of_a_read_is_reported_with_its_row(matcher: pw.Matcher) -> None:
    reads: list[str | pw.Read] = ["12가3456", pw.Read(text="12가3456", time=datetime(2026, 1, 1))]  # noqa: DTZ001
    batch = matcher.match_batch(reads, errors="report", max_edits=0)
    assert batch.read.tolist() == [0]
    assert [(e.row, e.field, e.reason) for e in batch.errors] == [(1, "time", "has no offset from UTC")]
    with pytest.raises(pw.ReadError, match="time: has no offset"):
        matcher.match(reads[1])


def test_validity_from_is_included_and_until_is_not() -> None:
    entry = pw.Entry(
        id="A",
        plate="12가3456",
        valid_from=datetime(2026, 1, 15, tzinfo=KOREA),
        valid_until=datetime(2026, 1, 16),  # noqa: DTZ001
    )
    matcher = pw.Matcher(pw.Hotlist([entry]))
    first, end = datetime(2026, 1, 14, 15, tzinfo=UTC), datetime(2026, 1, 15, 15, tzinfo=UTC)
    moment = timedelta(microseconds=1)
    times = [first - moment, first, end - moment, end]
    found = [bool(matcher.match("12가3456", at=time)) for time in times]
    assert found == [False, True, True, False]
    reads = ["12가3456"] * 4
    assert matcher.match_batch(reads, times=times).read.tolist() == [1, 2]
    utc = np.array([time.replace(tzinfo=None) for time in times], dtype="datetime64[us]")
    assert matcher.match_batch(reads, times=utc).read.tolist() == [1, 2]
    # The read's own time goes before that of the call.
    assert matcher.match(pw.Read(text="12가3456", time=first), at=end)
    assert matcher.match_batch([pw.Read(text="12가3456", time=first)], at=end).read.tolist() == [0]
    assert not matcher.match("12가3456"), "now is long after 2026-01-16 or before it"


def test_the_index_does_not_follow_the_hotlist() -> None:
    hotlist = pw.Hotlist.from_plates(["12가3456"])
    matcher = pw.Matcher(hotlist)
    hotlist.remove("12가3456")
    assert len(matcher.match("12가3456")) == 1


def test_empty_hotlist() -> None:
    matcher = pw.Matcher(pw.Hotlist(), max_edits=3)
    assert matcher.match("12가3456") == []
    assert len(matcher.match_batch(["12가3456", "1"])) == 0
    assert len(matcher.match_batch([])) == 0


def test_threads_get_the_same_answers(matcher: pw.Matcher) -> None:
    reads = ["12가3456", "52바3108", "12거3456"] * 2000
    want = matcher.match_batch(reads)
    answers: list[pw.MatchBatch] = []
    threads = [threading.Thread(target=lambda: answers.append(matcher.match_batch(reads))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    for answer in answers:
        assert np.array_equal(answer.read, want.read)
        assert np.array_equal(answer.entry, want.entry)
        assert np.array_equal(answer.edits, want.edits)


def test_another_model_is_used_from_the_next_call_on() -> None:
    matcher, good = pw.Matcher(["12가3456"]), pw.ChannelModel.default().scaled(0.01)
    (before,) = matcher.match("12거3456")
    matcher.use(good)
    assert matcher.model is good
    (after,) = matcher.match("12거3456")
    assert before.probability == pw.ChannelModel.default().explain("12거3456", "12가3456").probability
    assert after.probability == good.explain("12거3456", "12가3456").probability < before.probability
    reads = [pw.Read(text="12거3456"), pw.Read(text="12거3456")]
    assert matcher.match_batch(reads).probability.tolist() == [after.probability] * 2
    assert matcher.match_pass(reads)[0].probability < before.probability
    with pytest.raises(TypeError, match=r"model must be a platewatch\.ChannelModel, not int"):
        matcher.use(5)  # type: ignore[arg-type]


@pytest.mark.parametrize(("size", "most"), [(30_000, 25), (100_000, 24), (300_000, 24)])
def test_the_index_takes_24_bytes_a_plate_and_25_where_there_are_few(size: int, most: int) -> None:
    matcher = pw.Matcher(pw.Hotlist.from_plates(_plates(size, 8)))
    assert 16 * size < matcher.nbytes <= most * size


@pytest.mark.parametrize("size", [30_000, 100_000])
def test_the_index_takes_44_bytes_a_plate_of_9_symbols_at_most(size: int) -> None:
    matcher = pw.Matcher(pw.Hotlist.from_plates(_plates(size, 9)))
    assert 32 * size < matcher.nbytes <= 44 * size


def _plates(size: int, symbols: int) -> list[str]:
    """Distinct plates, a syllable four symbols from the end; where they have 8, three in ten have 7."""
    random = np.random.default_rng(7)
    syllables = "가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주허하호배"
    plates: set[str] = set()
    while len(plates) < size:
        number = f"{random.integers(10**9):09}"
        front = 2 if symbols == 8 and random.random() < 0.3 else symbols - 5
        plates.add(f"{number[:front]}{syllables[random.integers(len(syllables))]}{number[5:]}")
    return sorted(plates)
