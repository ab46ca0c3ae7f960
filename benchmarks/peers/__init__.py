"""What a user would pick instead, one file each: a Peer finds the plates of a list within k edits of a read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol


class Search(Protocol):
    def __call__(self, reads: Sequence[str], k: int, /) -> list[set[str]]:
        """The plates within k edits of each read."""


class Peer(Protocol):
    name: str
    most_edits: int  # that it can search for

    def __call__(self, plates: Sequence[str], k: int, /) -> Search:
        """An index that is ready for searches with up to k edits."""


def peers() -> list[Callable[[], Peer]]:
    """Each peer's maker; calling it raises ImportError where its library is not installed."""
    from peers import rapidfuzz_cdist, symspell, tantivy_fuzzy

    return [rapidfuzz_cdist.make, symspell.make, tantivy_fuzzy.make]
