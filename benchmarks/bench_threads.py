"""Threads, from one to as many as there are cores: the answer is the same for any number."""

from __future__ import annotations

from functools import partial

import pytest

from . import oracle, workloads
from .bench_lookup import READS
from .conftest import Bench
from .measure import Timed

QUESTION = "threads"


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("entries", [100_000, pytest.param(1_000_000, marks=pytest.mark.full)])
def test_threads(bench: Bench, entries: int, k: int) -> None:
    matcher = workloads.matcher("korean", entries)
    oracle.check("korean", entries, k)
    reads = workloads.reads("korean", entries, READS[k])
    cores = bench.cores
    numbers = sorted({1, *(n for n in (2, 4, 8, 16, 32, 64, 128) if n < cores), cores})
    if numbers == [1]:
        pytest.skip("this machine has one core")

    def matching(threads: int) -> int:
        return len(matcher.match_batch(reads, max_edits=k, score=False, threads=threads))

    timed = {"1 thread" if n == 1 else f"{n} threads": Timed(partial(matching, threads=n), len(reads)) for n in numbers}
    bench.measure(timed, checked="equal for all", k=k, entries=entries)
