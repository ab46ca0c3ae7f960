"""rapidfuzz: every read against every plate, in C++ with SIMD."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from peers import Peer, Search


class RapidfuzzCdist:
    name = "rapidfuzz process.cdist"
    most_edits = 3

    def __call__(self, plates: Sequence[str], _: int, /) -> Search:
        from rapidfuzz import process
        from rapidfuzz.distance import Levenshtein

        def search(reads: Sequence[str], k: int) -> list[set[str]]:
            distances = process.cdist(
                reads, plates, scorer=Levenshtein.distance, score_cutoff=k, dtype=np.uint8, workers=1
            )
            return [{plates[int(i)] for i in np.flatnonzero(row <= k)} for row in distances]

        return search


def make() -> Peer:
    import rapidfuzz  # noqa: F401

    return RapidfuzzCdist()
