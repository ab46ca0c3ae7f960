"""Hotlists to evaluate on, and the classic rule that probabilities are compared with."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np

from platewatch._core import region_mark, region_marks

_REGIONS = region_marks()
_PRIVATE = "가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주"
_RENTAL = "하허호"
_COMMERCIAL = "바사아자"

# Shares of the classes among the vehicles that drive in Korea.
_PRIVATE_8, _PRIVATE_7 = 0.75, 0.18

_LOOK_ALIKE = ("0OQD", "1IL7", "2Z", "5S", "8B3", "6G")
_FIRST_SYLLABLE, _LAST_SYLLABLE = 0xAC00, 0xD7A3
_VOWELS, _FINALS = 21, 28
_FIRST_JAMO_VOWEL = 0x314F
_FOLDED = {ord(symbol): alike[0] for alike in _LOOK_ALIKE for symbol in alike} | {
    code: chr(_FIRST_JAMO_VOWEL + (code - _FIRST_SYLLABLE) // _FINALS % _VOWELS)
    for code in range(_FIRST_SYLLABLE, _LAST_SYLLABLE + 1)
}


def random_plates(rng: np.random.Generator, count: int, never: Collection[str] = ()) -> list[str]:
    """`count` distinct Korean plates as they are on the road, none of them in `never`.

    Private plates of 8 symbols (75 %) and of 7 (18 %), of which some are rented, and commercial ones with region mark.
    """
    found: dict[str, None] = {}
    syllables = _PRIVATE + _RENTAL
    while len(found) < count:
        missing = count - len(found)
        classes, parts = rng.random(missing), rng.integers(0, 1 << 30, (missing, 3))
        for share, (code, syllable, serial) in zip(classes.tolist(), parts.tolist(), strict=True):
            if share < _PRIVATE_8:
                plate = f"{100 + code % 600}{syllables[syllable % len(syllables)]}{serial % 10000:04d}"
            elif share < _PRIVATE_8 + _PRIVATE_7:
                plate = f"{1 + code % 69:02d}{syllables[syllable % len(syllables)]}{serial % 10000:04d}"
            else:
                region = _REGIONS[code // 30 % len(_REGIONS)]
                plate = f"{region}{70 + code % 30}{_COMMERCIAL[syllable % len(_COMMERCIAL)]}{serial % 10000:04d}"
            if plate not in never:
                found[plate] = None
    return list(found)


def look_alike_key(plate: str) -> str:
    """The canonical plate with each symbol replaced by its class of look-alikes.

    The classes: 0OQD, 1IL7, 2Z, 5S, 8B3, 6G; a Hangul syllable is its vowel (가 = 나 = 강); others are by themselves.
    """
    return plate.translate(_FOLDED)


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
