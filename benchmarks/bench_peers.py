"""platewatch beside what one would use instead, in turn, on the same list and the same reads.

A peer gets a ratio only where it finds just the same matches; else it is said what it misses and what it adds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pytest

from . import oracle, workloads
from .conftest import Bench
from .measure import Timed
from .peers import Peer, peers

QUESTION = "peers"

_BATCH, _SINGLE = "platewatch, one batch", "platewatch, one call a read"
_READS = 20_000  # of platewatch's batch, which would else be over before the clock has ticked
_SECONDS = {False: 0.6, True: 3.0}  # for a peer's rounds
_BUILT_SIZE = 100_000  # that `reads_a_second` of a peer is told for


def trials(sizes: Mapping[int, bool], edits: Mapping[int, bool]) -> list[Any]:
    """(peer, entries, k) of all peers that look for k edits and are not too slow for the size; of both it is told
    whether the quick run has them."""
    chosen = []
    for entries, quick_size in sizes.items():
        for peer in peers():
            for k, quick_edits in edits.items():
                if peer.least_edits <= k <= peer.most_edits and entries <= peer.largest:
                    marks = () if quick_size and quick_edits else pytest.mark.full
                    chosen.append(pytest.param(peer.name, entries, k, marks=marks))
    return chosen


@pytest.mark.parametrize(
    ("name", "entries", "k"),
    trials({1_000: False, 10_000: True, 100_000: False, 1_000_000: False}, {0: False, 1: True, 2: True, 3: False}),
)
def test_peer(bench: Bench, name: str, entries: int, k: int) -> None:
    peer = peer_named(name)
    version = peer.version()
    plates = workloads.plates_listed("korean", entries).tolist()
    matcher = workloads.matcher("korean", entries)
    oracle.check("korean", entries, k)
    many = workloads.reads("korean", entries, _READS if k < 3 else _READS // 10)
    index = peer.build(plates, k)
    try:
        few = many[: _affordable(peer, entries, k, _SECONDS[bench.full] / 5)]

        def batch() -> int:
            return len(matcher.match_batch(many, max_edits=k, score=False))

        def single() -> int:
            return sum(len(matcher.match(read, max_edits=k)) for read in few)

        timed = {
            _BATCH: Timed(batch, len(many)),
            _SINGLE: Timed(single, len(few)),
            name: Timed(lambda: sum(map(len, index.search(few, k))), len(few)),
        }
        difference = _difference(index.search(few, k), workloads.found(matcher, few, k))
        measured = "" if peer.distance == "Levenshtein" else f"; by {peer.distance}"
        note = f"{version}; {peer.settings}{measured}" + (f"; {difference}: no ratio" if difference else "")
        bench.measure(
            timed,
            checked="the same matches" if not difference else "other matches",
            seconds=_SECONDS[bench.full],
            notes={name: note},
            against=() if difference else (_BATCH, _SINGLE),
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
    """How many reads such a round has time for, by what the peer says of itself; 20 at least, to have matches."""
    slower = max(1.0, entries / _BUILT_SIZE) * (1, 1, 10, 40)[k]
    return int(min(2_000, max(20, peer.reads_a_second * seconds / slower)))


def _difference(theirs: Sequence[set[str]], ours: Sequence[set[str]]) -> str:
    """What a peer misses of ours, and adds; "" if nothing."""
    expected = sum(map(len, ours))
    common = sum(len(a & b) for a, b in zip(theirs, ours, strict=True))
    extras = sum(map(len, theirs)) - common
    if common == expected and not extras:
        return ""
    share = f"finds {common:,} of {expected:,} matches"
    return share + (f" and {extras:,} others" if extras else "")
