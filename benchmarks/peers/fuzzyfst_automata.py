"""fuzzyfst, in C++: a transducer of the plates in a mapped file under a bit-parallel automaton of the read."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from . import InMemory, version_of
from .ascii_codes import AsciiCodes


class FuzzyFst:
    name = "fuzzyfst"
    settings = "a call a read, its bit-parallel algorithm, a file of the plates; an ASCII character a symbol"
    least_edits, most_edits = 0, 3
    distance = "Levenshtein"
    largest = 1_000_000
    reads_a_second = 35_000.0

    def version(self) -> str:
        return version_of("fuzzyfst")

    def build(self, plates: Sequence[str], _: int, /) -> InMemory:
        self.version()
        import fuzzyfst

        codes = AsciiCodes(plates)
        coded = codes.encode(plates)
        spelled = dict(zip(coded, plates, strict=True))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "plates.fst"
            fuzzyfst.build(str(path), coded)
            index = fuzzyfst.Fst.open(str(path))  # mapped: the file may go

        def search(reads: Sequence[str], k: int) -> list[set[str]]:
            return [{spelled[word] for word, _ in index.fuzzy_search(read, k)} for read in codes.encode(reads)]

        return InMemory(search)
