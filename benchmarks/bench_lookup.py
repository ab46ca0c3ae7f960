"""Time per read from Python: by list size and k, plates, hits and misses, kind of call and of input, cold and warm."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import platewatch as pw

from . import oracle, workloads
from .conftest import Bench
from .measure import Timed, cold
from .workloads import Mix

QUESTION = "lookup"

READS = (100_000, 100_000, 20_000, 2_000)  # by k
_SIZES = [10**3, 10**4, 10**5, 10**6, pytest.param(10**7, marks=pytest.mark.full)]
_MEMORY = 10 * 2**30  # that a list of 10,000,000 needs: its texts, entries and index
_BY_ORACLE = "a sample of reads against every plate"


@pytest.mark.parametrize("k", [0, 1, 2, 3])
@pytest.mark.parametrize("entries", _SIZES)
def test_by_size(bench: Bench, entries: int, k: int) -> None:
    if entries >= 10**7 and _available() < _MEMORY:
        pytest.skip(f"a list of {entries:,} needs {_MEMORY / 2**30:.0f} GiB of memory")
    matcher = workloads.matcher("korean", entries)
    oracle.check("korean", entries, k)
    reads = _reads(bench, "korean", entries, k)
    bench.measure({"batch": _batch(matcher, reads, k)}, checked=_BY_ORACLE, view="by size", k=k, entries=entries)


@pytest.mark.full
@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("entries", [10**6, 10**7])
def test_index_kinds(bench: Bench, entries: int, k: int) -> None:
    if entries >= 10**7 and _available() < _MEMORY:
        pytest.skip(f"a list of {entries:,} needs {_MEMORY / 2**30:.0f} GiB of memory")
    compact, fast = (workloads.matcher("korean", entries, index) for index in ("compact", "fast"))
    oracle.check("korean", entries, k)
    reads = _reads(bench, "korean", entries, k)
    kinds = {"compact": _batch(compact, reads, k), "fast": _batch(fast, reads, k)}
    bench.measure(kinds, checked=_BY_ORACLE, view="by index", k=k, entries=entries)


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("entries", [100_000])
@pytest.mark.parametrize("mix", workloads.MIXES)
def test_by_mix(bench: Bench, mix: Mix, entries: int, k: int) -> None:
    matcher = workloads.matcher(mix, entries)
    oracle.check(mix, entries, k)
    reads = _reads(bench, mix, entries, k)
    bench.measure({mix: _batch(matcher, reads, k)}, checked=_BY_ORACLE, view="by plates", k=k, entries=entries)


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("entries", [100_000, pytest.param(1_000_000, marks=pytest.mark.full)])
def test_hits_and_misses(bench: Bench, entries: int, k: int) -> None:
    matcher = workloads.matcher("korean", entries)
    oracle.check("korean", entries, k)
    count = READS[k] // (1 if bench.full else 5)
    derived = workloads.reads("korean", entries, 2 * count, hit_share=1)
    hits = [read for read, found in zip(derived, workloads.found(matcher, derived, k), strict=True) if found][:count]
    others = workloads.reads("korean", entries, 2 * count, hit_share=0)
    misses = [r for r, found in zip(others, workloads.found(matcher, others, k), strict=True) if not found][:count]
    if len(misses) < count // 100:
        pytest.skip(f"hardly a plate is not within {k} edits of one of {entries:,}: there are no misses to time")
    timed = {"misses": _batch(matcher, misses, k, expected=0), "hits": _batch(matcher, hits, k)}
    bench.measure(timed, checked=_BY_ORACLE, view="hits and misses", k=k, entries=entries)


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("entries", [100_000])
def test_calls(bench: Bench, entries: int, k: int) -> None:
    matcher = workloads.matcher("korean", entries)
    oracle.check("korean", entries, k)
    reads = workloads.reads("korean", entries, 10_000)
    expected = len(matcher.match_batch(reads, max_edits=k, score=False))
    batches = [reads[i : i + 100] for i in range(0, len(reads), 100)]

    def small() -> int:
        return sum(len(matcher.match_batch(batch, max_edits=k, score=False)) for batch in batches)

    def single() -> int:
        return sum(len(matcher.match(read, max_edits=k)) for read in reads)

    timed = {
        "one batch of 10,000": _batch(matcher, reads, k, expected),
        "batches of 100": Timed(small, len(reads), expected),
        "one batch, with probabilities": Timed(lambda: len(matcher.match_batch(reads, max_edits=k)), 10_000, expected),
        "one match() a read, with probabilities": Timed(single, len(reads), expected),
    }
    bench.measure(timed, checked="equal for all", view="by call", k=k, entries=entries)


@pytest.mark.parametrize("entries", [100_000])
def test_inputs(bench: Bench, entries: int) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="Arrow strings need pyarrow")
    matcher = workloads.matcher("korean", entries)
    oracle.check("korean", entries, 1)
    reads = _reads(bench, "korean", entries, 1)
    expected = len(matcher.match_batch(reads, max_edits=1, score=False))
    inputs: dict[str, Any] = {
        "list of str": reads,
        "numpy U array": np.array(reads),
        "Arrow strings": pyarrow.array(reads),
        "list of pw.Read": [pw.Read(text=read) for read in reads],
    }
    timed = {name: _batch(matcher, texts, 1, expected) for name, texts in inputs.items()}
    bench.measure(timed, checked="equal for all", view="by input", k=1, entries=entries)


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("entries", [100_000, pytest.param(1_000_000, marks=pytest.mark.full)])
def test_cold_and_warm(bench: Bench, entries: int, k: int) -> None:
    """The same 64 reads: as they find the caches in a busy loop, and after something else has used all of them."""
    matcher = workloads.matcher("korean", entries)
    oracle.check("korean", entries, k)
    reads = workloads.reads("korean", entries, 64, hit_share=0.1)
    expected = len(matcher.match_batch(reads, max_edits=k, score=False))

    def one() -> int:
        return sum(len(matcher.match(read, max_edits=k)) for read in reads[:1])

    # Between the rounds of the warm ones lie those of the cold ones: so they are warmed anew, and not timed.
    timed = {
        "warm, batch of 64": _batch(matcher, reads, k, expected),
        "cold, batch of 64": _batch(matcher, reads, k, expected),
        "warm, one read": Timed(one, 1),
        "cold, one read": Timed(one, 1),
    }
    timed["warm, batch of 64"].before = timed["warm, batch of 64"].call
    timed["warm, one read"].before = one
    timed["cold, batch of 64"].before = timed["cold, one read"].before = cold()
    bench.measure(timed, checked="equal for all", seconds=2, view="cold and warm", k=k, entries=entries)


def _reads(bench: Bench, mix: Mix, entries: int, k: int) -> list[str]:
    return workloads.reads(mix, entries, READS[k] // (1 if bench.full else 5))


def _batch(matcher: pw.Matcher, reads: Sequence[str] | Any, k: int, expected: int | None = None) -> Timed:
    search = partial(matcher.match_batch, reads, max_edits=k, score=False)
    return Timed(lambda: len(search()), len(reads), expected)


def _available() -> int:
    """Bytes of memory that are free, or can be made so."""
    with Path("/proc/meminfo").open(encoding="ascii") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
