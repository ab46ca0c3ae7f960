"""symspellpy: a dictionary of the plates with up to k symbols deleted."""

from __future__ import annotations

from collections.abc import Sequence

from peers import Peer, Search


class SymSpellLookup:
    name = "symspellpy lookup"
    most_edits = 2

    def __call__(self, plates: Sequence[str], k: int, /) -> Search:
        from symspellpy import SymSpell, Verbosity
        from symspellpy.editdistance import DistanceAlgorithm, EditDistance

        # A prefix as long as the plates, or it forgets their ends; and Levenshtein, where its default lets a swap
        # cost 1.
        index = SymSpell(max_dictionary_edit_distance=k, prefix_length=9)
        index.distance_comparer = EditDistance(DistanceAlgorithm.LEVENSHTEIN)
        for plate in plates:
            index.create_dictionary_entry(plate, 1)

        def search(reads: Sequence[str], k: int) -> list[set[str]]:
            return [{found.term for found in index.lookup(read, Verbosity.ALL, max_edit_distance=k)} for read in reads]

        return search


def make() -> Peer:
    import symspellpy  # noqa: F401

    return SymSpellLookup()
