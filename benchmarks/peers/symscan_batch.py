"""symscan, in Rust: deletion variants of plates and reads, sorted and paired up; batches only."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from . import InMemory, version_of
from .ascii_codes import AsciiCodes


def load() -> Any:
    """The library, on one core unless the environment says how many: it asks once, when it first works."""
    os.environ.setdefault("RAYON_NUM_THREADS", "1")
    import symscan

    return symscan


class SymscanCached:
    name = "symscan, prepared list"
    settings = (
        "Rust, all reads in one call, 1 thread, a CachedRef of the plates for the k that is looked for; an ASCII "
        "character a symbol, made before the clock starts, as it knows no other text"
    )
    least_edits, most_edits = 0, 3
    distance = "Levenshtein"
    largest = 1_000_000
    reads_a_second = 1_000_000.0

    def version(self) -> str:
        return version_of("symscan")

    def build(self, plates: Sequence[str], k: int, /) -> InMemory:
        self.version()
        codes = AsciiCodes(plates)
        index = load().CachedRef(codes.encode(plates), max_distance=max(k, 1))

        def pairs(coded: Sequence[str], k: int) -> Any:
            # It takes no distance of 0: what is equal is then sorted out.
            rows, columns, distances = index.get_neighbors_across(coded, max_distance=max(k, 1))
            return (rows, columns) if k > 0 else (rows[distances == 0], columns[distances == 0])

        def search(reads: Sequence[str], k: int) -> list[set[str]]:
            found: list[set[str]] = [set() for _ in reads]
            for row, column in zip(*(part.tolist() for part in pairs(codes.encode(reads), k)), strict=True):
                found[row].add(plates[column])
            return found

        def counting(reads: Sequence[str], k: int) -> Callable[[], int]:
            coded = codes.encode(reads)
            return lambda: len(pairs(coded, k)[0])

        return InMemory(search, counting)
