"""rapidfuzz: every read against every plate, in C++."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import InMemory, version_of

BLOCK = 128  # reads at a time: the distances of more would not fit into memory on large lists


class RapidfuzzCdist:
    name = "rapidfuzz process.cdist"
    settings = f"{BLOCK} reads a call, SIMD, score_cutoff=k, dtype=uint8, 1 worker"
    least_edits, most_edits = 0, 3
    distance = "Levenshtein"
    largest = 1_000_000
    reads_a_second = 500.0

    def version(self) -> str:
        return version_of("rapidfuzz")

    def build(self, plates: Sequence[str], _: int, /) -> InMemory:
        self.version()
        from rapidfuzz import process
        from rapidfuzz.distance import Levenshtein

        def search(reads: Sequence[str], k: int) -> list[set[str]]:
            found: list[set[str]] = []
            for first in range(0, len(reads), BLOCK):
                distances = process.cdist(
                    reads[first : first + BLOCK],
                    plates,
                    scorer=Levenshtein.distance,
                    score_cutoff=k,
                    dtype=np.uint8,
                    workers=1,
                )
                found += [{plates[i] for i in np.flatnonzero(row <= k).tolist()} for row in distances]
            return found

        return InMemory(search)


class RapidfuzzExtract:
    name = "rapidfuzz process.extract"
    settings = "one call a read, score_cutoff=k, limit=None"
    least_edits, most_edits = 0, 3
    distance = "Levenshtein"
    largest = 100_000
    reads_a_second = 40.0

    def version(self) -> str:
        return version_of("rapidfuzz")

    def build(self, plates: Sequence[str], _: int, /) -> InMemory:
        self.version()
        from rapidfuzz import process
        from rapidfuzz.distance import Levenshtein

        def one(read: str, k: int) -> set[str]:
            found = process.extract(read, plates, scorer=Levenshtein.distance, score_cutoff=k, limit=None)
            return {plate for plate, _, _ in found}

        return InMemory(lambda reads, k: [one(read, k) for read in reads])
