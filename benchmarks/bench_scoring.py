"""What a probability costs, on reads of which as many are of wanted vehicles as in traffic, and on such reads only."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from . import oracle, workloads
from .bench_lookup import READS
from .conftest import Bench
from .measure import Timed
from .workloads import CITY

QUESTION = "scoring"


@pytest.mark.parametrize("hit_share", [workloads.HIT_SHARE, 1.0])
@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("entries", [CITY])
def test_scoring(bench: Bench, entries: int, k: int, hit_share: float) -> None:
    matcher = workloads.matcher("korean", entries)
    oracle.check("korean", entries, k)
    count = READS[k] // (5 if hit_share < 1 else 20)
    reads = workloads.reads("korean", entries, count, hit_share=hit_share)
    found = len(matcher.match_batch(reads, max_edits=k, score=False))

    def matching(**options: Any) -> Timed:
        return Timed(lambda: len(matcher.match_batch(reads, max_edits=k, **options)), len(reads))

    timed = {
        "matches only": matching(score=False),
        "with probabilities": matching(),
        "probabilities from 5 %": matching(min_probability=0.05),
    }
    timed["matches only"].expected = timed["with probabilities"].expected = found
    bench.measure(timed, checked="equal with and without", k=k, entries=entries, hit_share=hit_share)


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("entries", [CITY])
def test_cameras(bench: Bench, entries: int, k: int) -> None:
    """Reads a second, as a service has them: with probabilities where they can matter, on one core and on all."""
    matcher = workloads.matcher("korean", entries)
    oracle.check("korean", entries, k)
    reads = workloads.reads("korean", entries, READS[k])
    cores = bench.cores

    def matching(threads: int) -> int:
        return len(matcher.match_batch(reads, max_edits=k, min_probability=0.05, threads=threads))

    timed = {"one core": Timed(partial(matching, 1), len(reads))}
    if cores > 1:
        timed["all cores"] = Timed(partial(matching, cores), len(reads))
    bench.measure(timed, checked="equal for all", view="cameras", k=k, entries=entries, cores=cores)


@pytest.mark.parametrize("frames", [2, 5])
@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("entries", [CITY])
def test_passes(bench: Bench, entries: int, k: int, frames: int) -> None:
    """A wanted vehicle's frames together, beside each by itself: the sum over everybody else is of single plates."""
    matcher = workloads.matcher("korean", entries)
    passes = workloads.passes("korean", entries, 200, frames)

    def is_found(read: str) -> bool:
        # A match works its probability out when it is asked for.
        return any(match.probability > 0 for match in matcher.match(read, max_edits=k))

    def one_by_one() -> int:
        return sum(is_found(read) for reads in passes for read in reads)

    def together() -> int:
        return sum(bool(matcher.match_pass(reads, max_edits=k)) for reads in passes)

    timed = {
        "frames one by one": Timed(one_by_one, len(passes)),
        "as one pass": Timed(together, len(passes), expected=sum(any(map(is_found, reads)) for reads in passes)),
    }
    bench.measure(
        timed, checked="a pass has a match if one of its frames has", view="passes", k=k, entries=entries, frames=frames
    )
