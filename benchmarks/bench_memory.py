"""Memory of an index: how much a process of its own grows from the list of texts to what can be searched."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest

import platewatch as pw

from . import workloads
from .bench_peers import peer_named, trials
from .conftest import Bench
from .measure import Spread
from .process import elsewhere, resident

QUESTION = "memory"

_OURS = "platewatch"


@pytest.mark.parametrize(("name", "entries", "k"), trials({100_000: ({1, 2}, set())}))
def test_peer(bench: Bench, name: str, entries: int, k: int) -> None:
    peer_named(name).version()
    _measure(bench, name, entries, k)


@pytest.mark.parametrize("entries", [30_000, 100_000, pytest.param(1_000_000, marks=pytest.mark.full)])
def test_own(bench: Bench, entries: int) -> None:
    matcher = workloads.matcher("korean", entries)
    own = matcher.nbytes / len(matcher)
    bench.add("index alone", Spread.of([own]), "bytes an entry", count=len(matcher), checked="entries", entries=entries)
    _measure(bench, _OURS, entries, 3)


def _measure(bench: Bench, name: str, entries: int, k: int) -> None:
    with elsewhere(growing, name, entries, k) as grow:
        grown: int = bench.once(grow)
    bench.add(
        name,
        Spread.of([grown / entries]),
        "bytes an entry",
        count=entries,
        checked="plates",
        note="what the process grows by; servers are not in it",
        peer=name,
        k=k,
        entries=entries,
    )


def growing(name: str, entries: int, k: int) -> Callable[[], int]:
    """Builds an index; how many bytes the process grew by."""
    texts = workloads.plates_listed("korean", entries).tolist()
    # What is imported at the first use is no part of an index.
    _build(name, texts[:100], k)

    def grow() -> int:
        gc.collect()
        before = resident()
        index = _build(name, texts, k)
        gc.collect()
        after = resident()
        del index
        return after - before

    return grow


def _build(name: str, texts: list[str], k: int) -> object:
    if name == _OURS:
        hotlist = pw.Hotlist.from_plates(texts)
        return hotlist, pw.Matcher(hotlist)
    return peer_named(name).build(texts, k)
