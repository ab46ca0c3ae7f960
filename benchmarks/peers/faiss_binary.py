"""faiss: Hamming distance of bits, so only of plates as long as the read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import InMemory, version_of


@dataclass(frozen=True)
class OneHot:
    """A bit for each symbol at each place, so that a substitution changes two bits."""

    codes: dict[str, int]
    length: int

    @property
    def bits(self) -> int:
        return -(-(len(self.codes) + 1) * self.length // 8) * 8

    def __call__(self, texts: Sequence[str]) -> NDArray[np.uint8]:
        flags = np.zeros((len(texts), self.bits), np.uint8)
        unknown = len(self.codes)  # a symbol like any other, or it would change one bit only
        places = [[self.codes.get(symbol, unknown) for symbol in text] for text in texts]
        columns = np.array(places).reshape(len(texts), self.length) + np.arange(self.length) * (unknown + 1)
        np.put_along_axis(flags, columns, 1, axis=1)
        return np.packbits(flags, axis=1)


class FaissBinary:
    name = "faiss IndexBinaryFlat"
    settings = "one index for each length, a bit for each symbol at each place, one range_search of all reads, 1 thread"
    least_edits, most_edits = 0, 3
    distance = "Hamming, equal lengths"
    largest = 1_000_000
    reads_a_second = 6_000.0

    def version(self) -> str:
        return version_of("faiss-cpu")

    def build(self, plates: Sequence[str], _: int, /) -> InMemory:
        self.version()
        import faiss

        codes = {symbol: code for code, symbol in enumerate(sorted(set("".join(plates))))}
        by_length: defaultdict[int, list[str]] = defaultdict(list)
        for plate in plates:
            by_length[len(plate)].append(plate)
        indexes: dict[int, tuple[OneHot, Any]] = {}
        for length, same in by_length.items():
            encode = OneHot(codes, length)
            index = faiss.IndexBinaryFlat(encode.bits)
            index.add(encode(same))
            indexes[length] = encode, index

        def search(reads: Sequence[str], k: int) -> list[set[str]]:
            found: list[set[str]] = [set() for _ in reads]
            threads = faiss.omp_get_max_threads()
            faiss.omp_set_num_threads(1)
            for length, (encode, index) in indexes.items():
                rows = [row for row, read in enumerate(reads) if len(read) == length]
                if not rows:
                    continue
                # Two bits a substitution, and the radius is left out.
                limits, _, hits = index.range_search(encode([reads[row] for row in rows]), 2 * k + 1)
                for place, row in enumerate(rows):
                    found[row] = {by_length[length][hit] for hit in hits[limits[place] : limits[place + 1]].tolist()}
            faiss.omp_set_num_threads(threads)
            return found

        return InMemory(search)
