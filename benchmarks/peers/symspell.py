"""symspellpy: a dictionary of the plates with up to k symbols deleted."""

from __future__ import annotations

from collections.abc import Sequence

from . import InMemory, refuse_large_tables, version_of


class SymSpellLookup:
    name = "symspellpy lookup"
    settings = (
        "one call a read, Verbosity.ALL, Levenshtein in place of its default with swaps, prefixes of whole plates"
    )
    least_edits, most_edits = 0, 2
    distance = "Levenshtein"
    largest = 1_000_000
    reads_a_second = 80_000.0

    def version(self) -> str:
        return version_of("symspellpy")

    def build(self, plates: Sequence[str], k: int, /) -> InMemory:
        self.version()
        refuse_large_tables(plates, k)
        from symspellpy import SymSpell, Verbosity
        from symspellpy.editdistance import DistanceAlgorithm, EditDistance

        # A prefix as long as the plates, or it forgets their ends; it has to be longer than k.
        longest = max(map(len, plates), default=0)
        index = SymSpell(max_dictionary_edit_distance=k, prefix_length=max(longest, k + 1))
        index.distance_comparer = EditDistance(DistanceAlgorithm.LEVENSHTEIN)
        for plate in plates:
            index.create_dictionary_entry(plate, 1)

        def search(reads: Sequence[str], k: int) -> list[set[str]]:
            return [{found.term for found in index.lookup(read, Verbosity.ALL, max_edit_distance=k)} for read in reads]

        return InMemory(search)
