"""Hotlists to evaluate on, and the classic rule that probabilities are compared with."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import Any, Final

import numpy as np

from platewatch._core import region_mark
from platewatch.errors import PlatewatchError
from platewatch.probability.population import Population

_LEAST_DRAWN: Final = 1000  # plates at once
_MOST_IN_VAIN: Final = 100_000  # plates that are drawn without a new one among them, and then there is none

LOOK_ALIKE = ("0OQD", "1IL7", "2Z", "5S", "8B3", "6G")
_FIRST_SYLLABLE, _LAST_SYLLABLE = 0xAC00, 0xD7A3
_VOWELS, _FINALS = 21, 28
_FIRST_JAMO_VOWEL = 0x314F
_FOLDED = {ord(symbol): alike[0] for alike in LOOK_ALIKE for symbol in alike} | {
    code: chr(_FIRST_JAMO_VOWEL + (code - _FIRST_SYLLABLE) // _FINALS % _VOWELS)
    for code in range(_FIRST_SYLLABLE, _LAST_SYLLABLE + 1)
}


def random_plates(
    rng: np.random.Generator, count: int, never: Collection[str] = (), population: Population | None = None
) -> list[str]:
    """`count` distinct plates of the population's classes, Korea's if none is given; none of them in `never`.

    As vehicles are: a class by how many it has, each position by its shares. Classes without any vehicles, if there
    are no others, are alike likely. Raises PlatewatchError if the population has too few plates.
    """
    population = population or Population.default()
    kinds = population.document["classes"]
    vehicles = np.array([kind["vehicles"] for kind in kinds])
    shares = vehicles / vehicles.sum() if vehicles.any() else np.full(len(kinds), 1 / len(kinds))
    found: dict[str, None] = {}
    in_vain = 0
    while len(found) < count:
        missing = count - len(found)
        times = rng.multinomial(max(missing, _LEAST_DRAWN), shares).tolist()
        plates = [plate for kind, n in zip(kinds, times, strict=True) for plate in plates_of_class(rng, kind, n)]
        if len(plates) > missing:  # those of the last class are as good as the first
            plates = [plates[place] for place in rng.permutation(len(plates)).tolist()]
        new = dict.fromkeys(plate for plate in plates if plate not in found and plate not in never)
        found |= dict.fromkeys(islice(new, missing))
        in_vain = 0 if new else in_vain + len(plates)
        if in_vain >= _MOST_IN_VAIN:
            raise PlatewatchError(
                f"the population ({population.name}) has no more than about {len(found):,} plates to fill a list with"
            )
    return list(found)


def plates_of_class(rng: np.random.Generator, kind: Mapping[str, Any], count: int) -> list[str]:
    """Plates of one class of a population, some of them perhaps the same."""
    columns = []
    if kind["words"]:
        words = np.array([[*map(ord, word)] for word in kind["words"]], dtype=np.uint32)
        columns.append(words[rng.integers(0, len(words), count)])
    for position in kind["positions"]:
        symbols = np.array([*map(ord, "".join(position))], dtype=np.uint32)
        shares = np.concatenate([np.full(len(run), share / len(run)) for run, share in position.items()])
        columns.append(rng.choice(symbols, (count, 1), p=shares / shares.sum()))
    plates: list[str] = (
        np.hstack(columns).view(f"U{len(kind['words'][:1]) * 2 + len(kind['positions'])}")[:, 0].tolist()
    )
    return plates


def look_alike_key(plate: str) -> str:
    """The canonical plate with each symbol replaced by its class of look-alikes.

    The classes: 0OQD, 1IL7, 2Z, 5S, 8B3, 6G; a Hangul syllable is its vowel (가 = 나 = 강); others are by themselves.
    """
    return plate.translate(_FOLDED)


def explain_look_alikes(population: Population) -> str:
    """The rule in words, as far as it concerns this population's plates."""
    syllables = any(chr(_FIRST_SYLLABLE) <= symbol <= chr(_LAST_SYLLABLE) for symbol in population.symbols)
    folded = f"Equal after folding {', '.join(LOOK_ALIKE)}"
    return f"{folded}, and every Hangul syllable to its vowel" if syllables else folded


class LookAlikes:
    """The "OCR-equivalent characters" rule of classic systems: a read alarms if it equals a listed plate after folding
    look-alikes. A region mark may be missing on either side, as it may everywhere in platewatch."""

    def __init__(self, plates: Iterable[str]) -> None:
        self._with_mark: set[str] = set()
        self._without_mark: set[str] = set()  # as listed, or what is left of a plate with one
        self._never_had_mark: set[str] = set()
        for plate in plates:
            key = look_alike_key(plate)
            if mark := region_mark(plate):
                self._with_mark.add(key)
                self._without_mark.add(key[len(mark) :])
            else:
                self._without_mark.add(key)
                self._never_had_mark.add(key)

    def alarms(self, read: str) -> bool:
        """Whether a canonical read equals a listed plate so."""
        key = look_alike_key(read)
        if key in self._with_mark or key in self._without_mark:
            return True
        mark = region_mark(read)
        return bool(mark) and key[len(mark) :] in self._never_had_mark
