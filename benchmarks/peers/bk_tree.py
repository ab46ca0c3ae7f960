"""A BK-tree: the triangle inequality leaves out what cannot be near."""

from __future__ import annotations

import random
from collections.abc import Sequence

from . import InMemory, version_of


class BKTree:
    name = "BK-tree"
    settings = "pybktree under rapidfuzz's Levenshtein distance, one call a read, plates added in random order"
    least_edits, most_edits = 0, 3
    distance = "Levenshtein"
    largest = 100_000
    reads_a_second = 100.0

    def version(self) -> str:
        return f"{version_of('pybktree')}, {version_of('rapidfuzz')}"

    def build(self, plates: Sequence[str], _: int, /) -> InMemory:
        self.version()
        import pybktree
        from rapidfuzz.distance import Levenshtein

        # Plates in order would make a root that all its neighbours hang on.
        tree = pybktree.BKTree(Levenshtein.distance, random.Random(1).sample(plates, len(plates)))
        return InMemory(lambda reads, k: [{plate for _, plate in tree.find(read, k)} for read in reads])
