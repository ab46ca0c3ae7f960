"""What a symbol that is read wrong is taken for: by symbol, smoothed over what looks like it.

Of digits and letters, syllables that share a vowel or an initial consonant are taken for the same ones; of syllables,
for those that share most of their letters with them, whether the reads fitted on had them or not. Of marks, all
syllables are taken for the same ones: a mark says that some syllable was lost, and too few are seen to say which.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from platewatch.probability.tables import CLASSES, SYLLABLE, Floats, class_of, is_mark

LIKENESSES = 8

_CODES = np.arange(0xAC00, 0xD7A4)
_VOWELS, _FINALS = 21, 28
_INITIAL, _VOWEL, _FINAL = 1, 2, 4  # bits of a likeness: what two syllables have in common
_READ_AS_RARE = 2000  # syllables, as the core's class_size

# How many observations the coarser estimate is worth when a finer one is made.
_CLASS_WEIGHT = 400.0
_SHAPE_WEIGHT = 50.0
_SYMBOL_WEIGHT = 20.0
_RARE_WEIGHT = 20.0


def backed_off(counts: Floats, prior: Floats, weight: float) -> Floats:
    """Distributions in the last axis: counts, and the prior as so many more."""
    total = counts.sum(axis=-1, keepdims=True) + weight
    return np.asarray((counts + weight * prior) / total)


def likeness(a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How like syllables are, as the core's likeness_of: bits, by their code points."""
    a, b = a - _CODES[0], b - _CODES[0]
    return np.asarray(
        _INITIAL * (a // (_VOWELS * _FINALS) == b // (_VOWELS * _FINALS))
        + _VOWEL * (a // _FINALS % _VOWELS == b // _FINALS % _VOWELS)
        + _FINAL * (a % _FINALS == b % _FINALS)
    )


def _in_use(code: int) -> bool:
    """Whether a syllable is one of the 2,350 of KS X 1001, about those that recognisers know."""
    try:
        chr(code).encode("euc_kr")
    except UnicodeEncodeError:
        return False
    return True


_IN_USE = np.array([code for code in _CODES.tolist() if _in_use(code)])


@dataclass(frozen=True, slots=True)
class Syllables:
    """The syllables among the symbols that a table knows, and how like them others are."""

    places: list[int]  # their columns
    column: int  # of all others
    known: npt.NDArray[np.int64]  # [syllable][another one that is known]
    rare: npt.NDArray[np.int64]  # [syllable][one that is not]

    @classmethod
    def of(cls, symbols: str) -> Self:
        places = [i for i, symbol in enumerate(symbols) if class_of(symbol) == SYLLABLE]
        codes = np.array([ord(symbols[i]) for i in places], dtype=np.int64)
        others = np.setdiff1d(_IN_USE, codes)
        return cls(places, len(symbols) + SYLLABLE, likeness(codes[:, None], codes), likeness(codes[:, None], others))


def confusion(counts: Floats, rare: Floats, symbols: str) -> tuple[Floats, Floats]:
    """(what a symbol is if it is wrong [symbol's column][character's], how much likelier a like rare syllable is).

    `counts` has the shape of the first; `rare` counts syllables read as rare ones, by likeness.
    """
    classes = np.array([*map(class_of, symbols), *range(CLASSES)])
    rows = np.empty_like(counts)
    for c in range(CLASSES):
        of_class = counts[classes == c].sum(axis=0)
        rows[classes == c] = backed_off(of_class, np.full(len(classes), 1 / len(classes)), _CLASS_WEIGHT)
    syllables = Syllables.of(symbols)
    likelier = np.ones(LIKENESSES)
    if syllables.places:
        likelier = _by_likeness(rows, counts, rare, syllables)
        _by_parts(rows, counts, symbols, syllables)
    of_any_syllable = rows[len(symbols) + SYLLABLE].copy()
    rows = backed_off(counts, rows, _SYMBOL_WEIGHT)
    known = np.arange(len(symbols))
    rows[known, known] = 0
    rows /= rows.sum(axis=1, keepdims=True)
    _fix(rows, np.arange(len(classes)) == len(classes) - 1, counts.sum(axis=0) / max(counts.sum(), 1.0))
    marks = np.array([*map(is_mark, symbols), *(c == CLASSES - 1 for c in range(CLASSES))])
    of_syllables = rows[classes == SYLLABLE]
    _fix(of_syllables, marks, of_any_syllable)
    rows[classes == SYLLABLE] = of_syllables
    return rows, likelier


def _fix(rows: Floats, columns: npt.NDArray[np.bool_], shares: Floats) -> None:
    """Give these columns the same shares in all rows, which sum to 1."""
    others = rows[:, ~columns]
    rows[:, ~columns] = (1 - shares[columns].sum()) * others / others.sum(axis=1, keepdims=True)
    rows[:, columns] = shares[columns]


def _by_likeness(rows: Floats, counts: Floats, rare: Floats, syllables: Syllables) -> Floats:
    """Share out what syllables give to syllables, and say how much likelier than any rare one is one so like."""
    own = ~np.eye(len(syllables.places), dtype=np.bool_)
    weight = backed_off(counts[syllables.places].sum(axis=1), np.full(len(own), 1 / len(own)), 1.0)
    of_known, of_rare = (
        np.array([weight @ ((like == kind) & mask).sum(axis=1) for kind in range(LIKENESSES)])
        for like, mask in ((syllables.known, own), (syllables.rare, True))
    )
    among = counts[np.ix_(syllables.places, syllables.places)]
    seen = np.bincount(syllables.known.ravel(), among.ravel(), LIKENESSES)
    # Of a syllable so like, against one of another likeness. Of those alike in all, there is none.
    each = (seen + rare + 0.5) / np.maximum(of_known + of_rare, 0.5)
    prior = each * of_rare
    share = backed_off(rare, prior / prior.sum(), _RARE_WEIGHT)
    likelier = np.where(of_rare > 0, share / np.maximum(of_rare, 0.05) * _READ_AS_RARE, 1.0)

    block = np.ix_(syllables.places, [*syllables.places, syllables.column])
    shape = np.concatenate([each[syllables.known] * own, each[syllables.rare].sum(axis=1, keepdims=True)], axis=1)
    often = rows[block] / np.append(np.ones(len(own)), syllables.rare.shape[1])
    shape *= np.sqrt(often)
    rows[block] = rows[block].sum(axis=1, keepdims=True) * shape / shape.sum(axis=1, keepdims=True)
    return likelier


def _by_parts(rows: Floats, counts: Floats, symbols: str, syllables: Syllables) -> None:
    """Make the syllables' rows those of their vowels and of their initial consonants, as far as these are seen."""
    to_syllables = [*syllables.places, syllables.column]
    codes = np.array([ord(symbols[i]) for i in syllables.places]) - _CODES[0]
    start = rows[syllables.places]
    within = start[:, to_syllables] / start[:, to_syllables].sum(axis=1, keepdims=True)
    product = start.copy()
    for part in (codes // _FINALS % _VOWELS, codes // (_VOWELS * _FINALS)):
        for value in np.unique(part):
            members = np.flatnonzero(part == value)
            seen = np.tile(counts[np.array(syllables.places)[members]].sum(axis=0), (len(members), 1))
            seen[:, to_syllables] = seen[:, to_syllables].sum(axis=1, keepdims=True) * within[members]
            product[members] *= backed_off(seen, start[members], _SHAPE_WEIGHT) / np.maximum(start[members], 1e-300)
    rows[syllables.places] = product / product.sum(axis=1, keepdims=True)
