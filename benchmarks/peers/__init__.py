"""What a user would pick instead, one file each: a Peer finds the plates of a list within k edits of a read.

Importing this needs none of their libraries; what is not there is told by PeerMissing, and how to get it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Protocol

LARGEST_TABLE = 300_000  # plates, at k=2


class PeerMissing(Exception):  # noqa: N818 - it is a state of the machine, and shown as such
    """The library, compiler or server is not there, and how to get it; or it cannot hold such a list, and why."""


class Index(Protocol):
    """Ready for searches."""

    def search(self, reads: Sequence[str], k: int, /) -> list[set[str]]:
        """The plates within k edits of each read."""

    def close(self) -> None:
        """Ends what the index holds beside memory: servers, files."""


class Peer(Protocol):
    name: str  # as a report shows it
    settings: str  # how it is run, for the report
    least_edits: int  # that it can search for
    most_edits: int
    distance: str  # "Levenshtein", or what else it is
    largest: int  # list, beyond which building or searching takes too long for a full benchmark
    reads_a_second: float  # roughly, of one core at 100,000 plates and k=1 (or the least edits): to size rounds

    def version(self) -> str:
        """Of the library, and of its server or compiler; raises PeerMissing."""

    def build(self, plates: Sequence[str], k: int, /) -> Index:
        """An index of distinct plates for searches with up to k edits; raises PeerMissing."""


@dataclass(frozen=True)
class InMemory:
    """An Index that holds nothing but memory."""

    search: Callable[[Sequence[str], int], list[set[str]]]
    count: Callable[[Sequence[str], int], Callable[[], int]] | None = None  # where it can be had without sets of text

    def close(self) -> None:
        """There is nothing to end."""


def counting(index: Index, reads: Sequence[str], k: int) -> Callable[[], int]:
    """A call that searches for these reads and tells how many matches there are: what is timed."""
    if isinstance(index, InMemory) and index.count is not None:
        return index.count(reads, k)
    return lambda: sum(map(len, index.search(reads, k)))


def version_of(distribution: str) -> str:
    """The installed version of a package; raises PeerMissing."""
    try:
        return f"{distribution} {metadata.version(distribution)}"
    except metadata.PackageNotFoundError:
        raise PeerMissing(f"{distribution} is not installed: make peers, or pip install {distribution}") from None


def refuse_large_tables(plates: Sequence[str], k: int) -> None:
    """For those that keep what is left of each plate without up to k symbols: some 40 texts for k=2."""
    if k > 1 and len(plates) > LARGEST_TABLE:
        raise PeerMissing(f"a table of {len(plates):,} plates for k={k} takes minutes and gigabytes to build")


def peers() -> list[Peer]:
    """All of them, installed or not."""
    from .bk_tree import BKTree
    from .cython_scan import CythonScan
    from .duckdb_table import DuckDbLevenshtein
    from .faiss_binary import FaissBinary
    from .fst_automata import FstOwn, FstParametric
    from .fuzzyfst_automata import FuzzyFst
    from .postgres_trgm import PostgresTrigrams
    from .python_set import PythonBlanks, PythonNeighbours, PythonSet
    from .rapidfuzz_process import RapidfuzzCdist, RapidfuzzExtract
    from .sqlite_table import SqliteDeletions, SqliteScan
    from .stringzilla_batch import StringzillaLevenshtein
    from .symscan_batch import SymscanCached
    from .symspell import SymSpellLookup
    from .tantivy_fuzzy import TantivyFuzzy

    return [
        SymscanCached(),
        PythonSet(),
        PythonNeighbours(),
        PythonBlanks(),
        RapidfuzzCdist(),
        RapidfuzzExtract(),
        CythonScan(),
        SymSpellLookup(),
        BKTree(),
        FstParametric(),
        FstOwn(),
        FuzzyFst(),
        TantivyFuzzy(),
        StringzillaLevenshtein(),
        FaissBinary(),
        SqliteDeletions(),
        SqliteScan(),
        DuckDbLevenshtein(),
        PostgresTrigrams(),
    ]
