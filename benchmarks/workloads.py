"""Lists and reads, the same on every machine: all randomness is seeded.

| mix | plates |
|---|---|
| korean | private Korean plates, 70 % of 8 symbols and 30 % of 7 |
| latin | AB12CDE and ABC1234, half each |
| long | Korean plates with a region mark: 9 symbols, two keys each |
| clustered | fleets: half of all serials behind few beginnings, so that everybody has neighbours |
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

import platewatch as pw
from platewatch.matching.matcher import IndexKind

Mix = Literal["korean", "latin", "long", "clustered"]
MIXES: tuple[Mix, ...] = get_args(Mix)
Texts = npt.NDArray[np.str_]
Numbers = npt.NDArray[np.int64]

_REGION_MARKS = "서울부산대구인천광주대전울산경기강원충북충남전북전남경북경남제주세종"
REGIONS = [_REGION_MARKS[i : i + 2] for i in range(0, len(_REGION_MARKS), 2)]

CITY = 30_000
"""Entries: about as many as Korea's police list."""

HIT_SHARE = 0.01
"""Of the reads, how many are derived from a listed plate; a real city has fewer."""

SYLLABLES = "가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주"
_COMMERCIAL = "바사아자"
LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
_DIGITS = "0123456789"
_EDITS = (0, 0, 0, 1, 1, 2)  # of a read that is derived from a listed plate
_FLEET = 5_000  # plates behind one beginning, of 10,000 serials


def plates(mix: Mix, count: int, seed: int = 7) -> Texts:
    """So many different canonical plates, in random order."""
    rng = np.random.default_rng([seed, MIXES.index(mix)])
    if mix == "clustered":
        return _fleets(rng, count)
    forms = _FORMS[mix]
    shares = [round(count * share) for _, share in forms]
    shares[0] += count - sum(shares)
    parts = [_spell(form, _distinct(rng, _size(form), share)) for (form, _), share in zip(forms, shares, strict=True)]
    found = np.concatenate(parts)
    rng.shuffle(found)
    return found


def reads(mix: Mix, entries: int, count: int, hit_share: float = HIT_SHARE, seed: int = 12) -> list[str]:
    """Reads of the list `plates(mix, entries)`: `hit_share` of them derived from a listed plate with 0 to 2 edits, the
    others random plates of the mix, which may happen to be near a listed one."""
    rng = np.random.default_rng([seed, MIXES.index(mix), entries])
    texts = plates(mix, count, seed=seed) if mix != "clustered" else _fleets(rng, count, like=entries)
    chosen = np.flatnonzero(rng.random(count) < hit_share) if hit_share < 1 else np.arange(count)
    listed = plates_listed(mix, entries)
    made: list[str] = texts.tolist()
    sources = rng.integers(0, len(listed), len(chosen))
    for place, source in zip(chosen.tolist(), sources.tolist(), strict=True):
        made[place] = _misread(str(listed[source]), rng)
    return made


def passes(mix: Mix, entries: int, count: int, frames: int, seed: int = 13) -> list[list[str]]:
    """Reads of `count` listed vehicles going by, `frames` of each, every one with 0 to 2 edits of its own."""
    rng = np.random.default_rng([seed, MIXES.index(mix), entries])
    listed = plates_listed(mix, entries)
    sources = rng.integers(0, len(listed), count)
    return [[_misread(str(listed[source]), rng) for _ in range(frames)] for source in sources.tolist()]


@lru_cache(maxsize=2)
def plates_listed(mix: Mix, entries: int) -> Texts:
    """The listed plates; kept, as whoever asks for a list asks for its reads too."""
    return plates(mix, entries)


@lru_cache(maxsize=2)
def matcher(mix: Mix, entries: int, index: IndexKind = "compact") -> pw.Matcher:
    """A matcher of the listed plates."""
    return pw.Matcher(pw.Hotlist.from_plates(plates_listed(mix, entries).tolist()), index=index)


def found(matcher: pw.Matcher, texts: Sequence[str], k: int) -> list[set[str]]:
    """What `matcher` finds of each read, as plates."""
    sets: list[set[str]] = [set() for _ in texts]
    batch = matcher.match_batch(list(texts), max_edits=k, score=False)
    for read, entry in zip(batch.read.tolist(), batch.entry.tolist(), strict=True):
        sets[read].add(batch.entry_ids[entry])
    return sets


Form = tuple[Sequence[str], ...]
_KOREAN_8: Form = ("123456", _DIGITS, _DIGITS, SYLLABLES, *(_DIGITS,) * 4)
_KOREAN_7: Form = ("0123456", _DIGITS, SYLLABLES, *(_DIGITS,) * 4)
_FORMS: dict[str, list[tuple[Form, float]]] = {
    "korean": [(_KOREAN_8, 0.7), (_KOREAN_7, 0.3)],
    "latin": [
        ((*(LETTERS,) * 2, *(_DIGITS,) * 2, *(LETTERS,) * 3), 0.5),
        ((*(LETTERS,) * 3, *(_DIGITS,) * 4), 0.5),
    ],
    "long": [
        ((REGIONS, "789", _DIGITS, _COMMERCIAL, *(_DIGITS,) * 4), 1.0),
    ],
}


def _size(form: Form) -> int:
    size = 1
    for symbols in form:
        size *= len(symbols)
    return size


def _distinct(rng: np.random.Generator, below: int, count: int) -> Numbers:
    """So many different numbers, in random order."""
    if count > below // 2:
        return rng.permutation(below)[:count]
    numbers = np.zeros(0, dtype=np.int64)
    while len(numbers) < count:
        more = rng.integers(0, below, count - len(numbers) + count // 10 + 10)
        numbers = np.unique(np.concatenate([numbers, more]))
    rng.shuffle(numbers)
    return numbers[:count]


def _spell(form: Form, numbers: Numbers) -> Texts:
    """The plates of a form by number: the last place counts fastest."""
    columns: list[npt.NDArray[np.uint32]] = []
    for symbols in reversed(form):
        numbers, place = np.divmod(numbers, len(symbols))
        codes = np.array([[ord(c) for c in symbol] for symbol in symbols], dtype=np.uint32)[place]
        columns.insert(0, codes)
    table = np.ascontiguousarray(np.concatenate(columns, axis=1))
    width = max(8, table.shape[1])
    padded = np.zeros((len(table), width), dtype=np.uint32)
    padded[:, : table.shape[1]] = table
    return padded.view(f"U{width}").ravel()


def _fleets(rng: np.random.Generator, count: int, like: int | None = None) -> Texts:
    """Plates behind as few beginnings as a list of `like` plates has (else of `count`)."""
    beginnings = -(-(like or count) // _FLEET)
    # Evenly spread, as the first ones would all share their first digits.
    starts = np.linspace(0, _size(_KOREAN_8) // 10_000 - 1, beginnings).astype(np.int64)
    numbers = (
        _distinct(rng, beginnings * 10_000, count) if like is None else rng.integers(0, beginnings * 10_000, count)
    )
    return _spell(_KOREAN_8, starts[numbers // 10_000] * 10_000 + numbers % 10_000)


def _misread(text: str, rng: np.random.Generator) -> str:
    """With 0 to 2 edits, as a recogniser makes them: mostly another symbol of the same sort."""
    symbols = list(text)
    for _ in range(_EDITS[int(rng.integers(len(_EDITS)))]):
        place = int(rng.integers(len(symbols)))
        kind = rng.random()
        if kind < 0.75:
            same = _DIGITS if symbols[place] in _DIGITS else LETTERS if symbols[place] in LETTERS else SYLLABLES
            symbols[place] = same[int(rng.integers(len(same)))]
        elif kind < 0.88:
            del symbols[place]
        else:
            symbols.insert(place, _DIGITS[int(rng.integers(10))])
    return "".join(symbols)
