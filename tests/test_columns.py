"""Reads where they lie: numpy `U` arrays, Arrow strings, lists of anything; and on several threads."""

from __future__ import annotations

import gc
import random
import sys
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import platewatch as pw

PLATES = ["12가3456", "123나4567", "서울52바3108", "AB12CDE", "🚕12345678901"]
READS = [
    "12가3456",
    "12 거-3456",
    "52바3108",
    "99허9999",
    "",
    "?23나4567",
    "ab12cde",
    "🚕12345678901",
    "1" * 17,
    "123나456",
]


@pytest.fixture(scope="module")
def matcher() -> pw.Matcher:
    return pw.Matcher(pw.Hotlist.from_plates(PLATES), max_edits=1)


Rows = tuple[list[int], list[int], list[int], list[tuple[int | None, str | None, str]]]


def rows(batch: pw.MatchBatch) -> Rows:
    errors = [(error.row, error.field, error.reason) for error in batch.errors]
    return batch.read.tolist(), batch.entry.tolist(), batch.edits.tolist(), errors


def match(matcher: pw.Matcher, reads: Any) -> Rows:
    return rows(matcher.match_batch(reads, errors="report"))


texts = st.lists(st.sampled_from(READS) | st.text("12가3456-\u3000🚕", max_size=20), max_size=20)


@given(texts)
def test_numpy_arrays_are_lists(matcher: pw.Matcher, reads: list[str]) -> None:
    array = np.array(reads, dtype=f"U{max(map(len, reads), default=1)}")
    reads = array.tolist()  # numpy takes no text that ends in NULs
    expected = match(matcher, reads)
    assert match(matcher, array) == expected
    assert match(matcher, array.astype(array.dtype.newbyteorder(">"))) == expected
    assert match(matcher, array.astype("U40")) == expected
    assert match(matcher, array.astype(object)) == expected
    assert match(matcher, array[::-1]) == match(matcher, reads[::-1])
    assert match(matcher, array[1::3]) == match(matcher, reads[1::3])
    assert match(matcher, np.repeat(array, 2).reshape(-1, 2)[:, 1]) == expected
    assert match(matcher, np.broadcast_to(array[:1], (3,)) if reads else array) == match(matcher, reads[:1] * 3)
    record = np.zeros(len(array), dtype=np.dtype([("pad", "u1"), ("text", array.dtype)]))
    record["text"] = array
    assert not reads or not record["text"].flags.aligned
    assert match(matcher, record["text"]) == expected


def test_odd_numpy_arrays(matcher: pw.Matcher) -> None:
    assert match(matcher, np.array([], dtype="U8")) == ([], [], [], [])
    empty = np.empty(2, dtype="U0")
    assert match(matcher, empty)[3] == [(0, "text", "no letter or digit"), (1, "text", "no letter or digit")]
    for array in (np.array("12가3456"), np.array([["12가3456"]]), np.array([123456]), np.array([b"123456"])):
        with pytest.raises(TypeError, match="array of reads") as caught:
            matcher.match_batch(array)
        assert "3456" not in str(caught.value)
    no_characters = np.array([0xD800, 0x110000, 0xFFFFFFFF], dtype=np.uint32).view("U1")
    assert [row for row, _, _ in match(matcher, no_characters)[3]] == [0, 1, 2]


ARROW_TYPES = [pa.string(), pa.large_string(), pa.string_view()]


@pytest.mark.parametrize("kind", ARROW_TYPES, ids=str)
@given(
    reads=st.lists(st.none() | st.sampled_from(READS) | st.text("12가-🚕", max_size=20), max_size=20),
    cut=st.integers(0, 20),
)
def test_arrow_arrays_are_lists(matcher: pw.Matcher, kind: pa.DataType, reads: list[str | None], cut: int) -> None:
    read, entry, edits, errors = match(matcher, reads)
    null = [(row, "text", "is null" if reads[row] is None else reason) for row, _, reason in errors if row is not None]
    expected = (read, entry, edits, null)
    array = pa.array(reads, type=kind)
    assert match(matcher, array) == expected
    assert match(matcher, pa.chunked_array([array[:cut], array[cut:]], type=kind)) == expected
    padded = pa.array(["12가3456", None, *reads, "x"], type=kind)
    assert match(matcher, padded[2:-1]) == expected


def test_polars_and_wrong_types(matcher: pw.Matcher) -> None:
    expected = match(matcher, READS)
    series = pl.Series(READS)
    assert match(matcher, series) == expected
    assert match(matcher, pl.concat([series[:3], series[3:]], rechunk=False)) == expected
    assert match(matcher, pl.Series(["12가3456", None]))[3] == [(1, "text", "is null")]
    wrong: list[Any] = [
        pa.array([123456]),
        pa.array([b"123456"]),
        pa.array(["123456"]).dictionary_encode(),
        pa.table({"text": ["123456"]}),
        pl.DataFrame({"text": ["123456"]}),
        pl.Series([123456]),
        pa.array([["123456"]]),
    ]
    for reads in wrong:
        with pytest.raises(TypeError, match="string, large_string or string_view") as caught:
            matcher.match_batch(reads)
        assert "123456" not in str(caught.value)


def test_arrow_memory_is_released_once(matcher: pw.Matcher) -> None:
    gc.collect()
    before = pa.total_allocated_bytes()
    for _ in range(200):
        array = pa.array(READS * 50, type=pa.string_view())
        matcher.match_batch(pa.chunked_array([array, array]), errors="report")
        matcher.match_batch(array, errors="report")
        with pytest.raises(pw.ReadError):
            matcher.match_batch(array)
        with pytest.raises(TypeError):
            matcher.match_batch(pa.array([1] * 500))
        assert array.to_pylist()[:3] == READS[:3]  # the array is still its owner's
        del array
    gc.collect()
    assert pa.total_allocated_bytes() == before


class Stream:
    """A stream that fails, as one over a network may."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        def batches() -> Any:
            yield pa.record_batch({"text": ["12가3456"]})
            raise OSError("the far end is gone")

        schema = pa.schema({"text": pa.string()})
        return pa.RecordBatchReader.from_batches(schema, batches()).__arrow_c_stream__()


def test_a_stream_of_something_else_is_refused(matcher: pw.Matcher) -> None:
    with pytest.raises((TypeError, RuntimeError)):
        matcher.match_batch(Stream())


JUNK: list[Any] = [None, 5, 1.5, object(), ["12가3456"], bytearray(b"12"), pw.Entry(id="A", plate="12가3456")]


@given(st.lists(st.integers(0, len(READS) - 1) | st.integers(-len(JUNK), -1), max_size=30), st.randoms())
def test_lists_of_anything_keep_their_order(matcher: pw.Matcher, picks: list[int], rng: random.Random) -> None:
    reads: list[Any] = []
    for pick in picks:
        if pick < 0:
            reads.append(JUNK[pick])
        else:
            text = READS[pick]
            reads.append(rng.choice([text, text.encode(), pw.Read(text=text), np.str_(text)]))
    batch = matcher.match_batch(reads, errors="report")
    expected: list[tuple[int, str, int]] = []
    errors: list[tuple[int, str]] = []
    for row, pick in enumerate(picks):
        if pick < 0:
            errors.append((row, "neither text nor a Read"))
            continue
        try:
            expected += [(row, m.entry_id, m.edits) for m in matcher.match(READS[pick])]
        except pw.ReadError as error:
            errors.append((row, error.reason))
    ids = [batch.entry_ids[entry] for entry in batch.entry.tolist()]
    assert list(zip(batch.read.tolist(), ids, batch.edits.tolist(), strict=True)) == expected
    assert [(error.row, error.reason) for error in batch.errors] == errors


def test_texts_of_any_length_in_any_layout(matcher: pw.Matcher) -> None:
    """Short ones are copied, others held: blanks make a plate as long as one likes."""
    plates = {"latin": "AB12CDE", "hangul": "12가3456", "beyond": "🚕12345678901"}
    for plate in plates.values():
        reads: list[Any] = [" " * blanks + plate for blanks in range(40)]
        reads += [read.encode() for read in reads] + [pw.Read(text=read) for read in reads]
        assert [row for row, *_ in zip(*match(matcher, reads)[:3], strict=True)] == list(range(len(reads)))


def test_reads_may_go_while_they_are_matched(matcher: pw.Matcher) -> None:
    reads: list[Any] = [" " * blanks + "12가3456" for blanks in range(40)]
    references = [sys.getrefcount(read) for read in reads]
    batch = matcher.match_batch(iter(reads))
    assert len(batch) == len(reads)
    assert [sys.getrefcount(read) for read in reads] == references


def test_any_number_of_threads_gives_the_same_columns() -> None:
    rng = random.Random(4)

    def plate() -> str:
        return f"{rng.randrange(100, 700)}{rng.choice('가나다라마')}{rng.randrange(10000):04d}"

    plates = [plate() for _ in range(20_000)]
    # To weigh a read against a pattern takes milliseconds: one that few of the reads fit.
    matcher = pw.Matcher(pw.Hotlist.from_plates([*plates, "1??가12?4"]), max_edits=1)
    texts = [rng.choice([plate(), rng.choice(plates), "-", "1?" + plate()[2:]]) for _ in range(30_000)]
    mixed: list[Any] = [rng.choice([t, t, t, pw.Read(text=t), None]) for t in texts]
    for reads in (texts, np.array(texts), pa.array(texts), mixed):
        want = match(matcher, reads)
        assert len(want[0]) > 6_000
        assert len(want[3]) > 3_000
        for threads in (2, 3, 10**30, 0):
            assert rows(matcher.match_batch(reads, errors="report", threads=threads)) == want
    with pytest.raises(ValueError, match="0 or more"):
        matcher.match_batch(texts, threads=-1)
    for junk in ("2", 1.5, None):
        with pytest.raises(TypeError) as caught:
            matcher.match_batch(["99하9999"], threads=junk)  # type: ignore[call-overload]
        assert "9999" not in str(caught.value)
