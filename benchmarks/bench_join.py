"""From two lists of text to all pairs within k edits, nothing prepared: the strongest peer beside it, in turn.

Each number of threads has a process of its own, as the peer asks for it once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

import platewatch as pw

from . import workloads
from .conftest import Bench
from .measure import Timed
from .peers import version_of
from .peers.ascii_codes import AsciiCodes
from .peers.symscan_batch import load
from .process import elsewhere, timing

QUESTION = "join"

_READS = 100_000
_OURS, _THEIRS = "platewatch, from two lists", "symscan, from two lists"
_SETTINGS = "get_neighbors_across; an ASCII character a symbol, made before the clock starts, as it knows no other text"


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("entries", [100_000, pytest.param(1_000_000, marks=pytest.mark.full)])
def test_join(bench: Bench, entries: int, k: int, threads: int) -> None:
    if threads > bench.cores:
        pytest.skip(f"this machine has no {threads} cores")
    version = version_of("symscan")
    environment = {"RAYON_NUM_THREADS": str(threads)}
    with (
        elsewhere(joining, entries, k, threads, environment=environment) as ours,
        elsewhere(joining_by_symscan, entries, k, environment=environment) as theirs,
    ):
        timed = {_OURS: Timed(ours, 1, own_clock=True), _THEIRS: Timed(theirs, 1, ours()[0], own_clock=True)}
        bench.measure(
            timed,
            unit="ms",
            scale=1e3,
            checked="the same number of pairs",
            notes={_THEIRS: f"{version}; {_SETTINGS}"},
            k=k,
            entries=entries,
            reads=_READS,
            threads=threads,
        )


def joining(entries: int, k: int, threads: int) -> Callable[[], tuple[int, float]]:
    """(pairs, seconds) from the texts to the columns of a batch."""
    plates, reads = _texts(entries)

    def join() -> int:
        return len(pw.Matcher(plates).match_batch(reads, max_edits=k, score=False, threads=threads))

    return partial(timing, join)


def joining_by_symscan(entries: int, k: int) -> Callable[[], tuple[int, float]]:
    """The same, by as many threads as the environment says."""
    plates, reads = _texts(entries)
    codes = AsciiCodes(plates)
    query, reference = codes.encode(reads), codes.encode(plates)
    across = load().get_neighbors_across
    return partial(timing, lambda: len(across(query, reference, max_distance=k)[0]))


def _texts(entries: int) -> tuple[list[str], list[str]]:
    return workloads.plates_listed("korean", entries).tolist(), workloads.reads("korean", entries, _READS)
