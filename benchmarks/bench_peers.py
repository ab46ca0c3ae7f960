"""platewatch beside what one would use instead, in turn, on the same list and the same reads.

A peer gets a ratio only where it finds just the same matches; else it is said what it misses and what it adds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pytest

from . import oracle, workloads
from .bench_lookup import READS
from .conftest import Bench
from .measure import Timed
from .peers import Peer, counting, peers

QUESTION = "peers"

_BATCH, _SINGLE = "platewatch, one batch", "platewatch, one call a read"
_SECONDS = {False: 0.6, True: 3.0}  # for a peer's rounds
_TOLD_FOR = 100_000  # plates, that `reads_a_second` of a peer is for


# By list size, the allowed edits of the full run, and those of the quick one.
_TRIALS: dict[int, tuple[set[int], set[int]]] = {
    1_000: ({1, 2}, set()),
    10_000: ({1, 2}, {1, 2}),
    100_000: ({0, 1, 2, 3}, set()),
    1_000_000: ({1}, set()),
}


def trials(sizes: Mapping[int, tuple[set[int], set[int]]]) -> list[Any]:
    """(peer, entries, k) of the peers that look for k edits and are not too slow for the size."""
    return [
        pytest.param(peer.name, entries, k, marks=() if k in quick else pytest.mark.full)
        for entries, (full, quick) in sizes.items()
        for peer in peers()
        for k in sorted(full)
        if peer.least_edits <= k <= peer.most_edits and entries <= peer.largest
    ]


@pytest.mark.parametrize(("name", "entries", "k"), trials(_TRIALS))
def test_peer(bench: Bench, name: str, entries: int, k: int) -> None:
    peer = peer_named(name)
    version = peer.version()
    plates = workloads.plates_listed("korean", entries).tolist()
    matcher = workloads.matcher("korean", entries)
    oracle.check("korean", entries, k)
    many = workloads.reads("korean", entries, READS[k] // (1 if bench.full else 5))
    index = peer.build(plates, k)
    try:
        few = many[: _affordable(peer, entries, k, _SECONDS[bench.full] / 5)]  # of all, if the peer is fast enough
        # In traffic there are hardly any matches, so that finding the same would mean little.
        asked = workloads.reads("korean", entries, min(200, max(20, len(few))), hit_share=0.5, seed=99)
        ours = workloads.found(matcher, asked, k)
        difference = _difference(index.search(asked, k), ours)

        def batch() -> int:
            return len(matcher.match_batch(many, max_edits=k, score=False))

        def single() -> int:
            return sum(len(matcher.match(read, max_edits=k)) for read in few)

        timed = {
            _BATCH: Timed(batch, len(many)),
            _SINGLE: Timed(single, len(few)),
            name: Timed(counting(index, few, k), len(few)),
        }
        measured = "" if peer.distance == "Levenshtein" else f"; by {peer.distance}"
        note = f"{version}; {peer.settings}{measured}"
        bench.measure(
            timed,
            checked=difference or f"the same {sum(map(len, ours)):,} of {len(asked):,} other reads",
            seconds=_SECONDS[bench.full],
            notes={name: note},
            against=() if difference or measured else (_BATCH, _SINGLE),
            peer=name,
            k=k,
            entries=entries,
        )
    finally:
        index.close()


@cache
def peer_named(name: str) -> Peer:
    return next(peer for peer in peers() if peer.name == name)


def _affordable(peer: Peer, entries: int, k: int, seconds: float) -> int:
    """How many reads such a round has time for, by what the peer says of itself; but 10 at least."""
    slower = max(0.1, entries / _TOLD_FOR) * (1, 1, 10, 40)[k]
    return int(max(10, peer.reads_a_second * seconds / slower))


def _difference(theirs: Sequence[set[str]], ours: Sequence[set[str]]) -> str:
    """What a peer misses of ours, and adds; "" if nothing."""
    expected = sum(map(len, ours))
    common = sum(len(a & b) for a, b in zip(theirs, ours, strict=True))
    extras = sum(map(len, theirs)) - common
    if common == expected and not extras:
        return ""
    share = f"finds {common:,} of {expected:,} matches"
    return share + (f" and {extras:,} others" if extras else "")
