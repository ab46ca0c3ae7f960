"""Nothing but Python: a set, and what a good engineer makes of sets and dicts when one edit has to be forgiven."""

from __future__ import annotations

import platform
from collections import defaultdict
from collections.abc import Sequence

from . import InMemory

BLANK = "\0"  # in no plate


class PythonSet:
    name = "Python set"
    settings = "one look-up a read, of the read as it is"
    least_edits, most_edits = 0, 0
    distance = "Levenshtein"
    largest = 10_000_000
    reads_a_second = 1_000_000.0

    def version(self) -> str:
        return f"Python {platform.python_version()}"

    def build(self, plates: Sequence[str], _: int, /) -> InMemory:
        known = set(plates)
        return InMemory(lambda reads, _: [{read} if read in known else set() for read in reads])


class PythonNeighbours:
    name = "Python set, every neighbour of the read"
    settings = "every text within one edit of a read, by the symbols of the list, looked up in a set of the plates"
    least_edits, most_edits = 1, 1
    distance = "Levenshtein"
    largest = 10_000_000
    reads_a_second = 5_000.0

    def version(self) -> str:
        return f"Python {platform.python_version()}"

    def build(self, plates: Sequence[str], _: int, /) -> InMemory:
        known = set(plates)
        symbols = sorted(set("".join(plates)))

        def one(read: str) -> set[str]:
            cuts = [(read[:i], read[i:]) for i in range(len(read) + 1)]
            found = {read} & known
            found |= known.intersection([left + right[1:] for left, right in cuts])
            found |= known.intersection([left + symbol + right[1:] for left, right in cuts for symbol in symbols])
            found |= known.intersection([left + symbol + right for left, right in cuts for symbol in symbols])
            return found

        return InMemory(lambda reads, _: [one(read) for read in reads])


class PythonBlanks:
    name = "Python dict of plates with a blank"
    settings = "each plate under as many keys as it has symbols, one of them blanked in each; some 30 look-ups a read"
    least_edits, most_edits = 1, 1
    distance = "Levenshtein"
    largest = 1_000_000
    reads_a_second = 50_000.0

    def version(self) -> str:
        return f"Python {platform.python_version()}"

    def build(self, plates: Sequence[str], _: int, /) -> InMemory:
        known = set(plates)
        blanked: defaultdict[str, list[str]] = defaultdict(list)
        for plate in plates:
            for i in range(len(plate)):
                blanked[plate[:i] + BLANK + plate[i + 1 :]].append(plate)
        under = blanked.get

        def one(read: str) -> set[str]:
            found = {read} & known
            for i in range(len(read) + 1):
                left, right = read[:i], read[i + 1 :]
                if left + right in known:
                    found.add(left + right)
                found.update(under(left + BLANK + right, ()), under(left + BLANK + read[i:], ()))
            return found

        return InMemory(lambda reads, _: [one(read) for read in reads])
