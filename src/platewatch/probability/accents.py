"""Letters with an umlaut, an accent or a stroke, of which recognisers often read the letter alone: MÜ as MU.

Tables that have not learnt of such a letter take it for its letter, which is read without what makes it another half of
the time. That is stated, not learnt: the project has no reads of such plates.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from typing import Final

import numpy as np

from platewatch.probability.tables import MOST_SYMBOLS, Floats, Rates, Table, Tables

LETTERS: Final = {"Ä": "A", "Å": "A", "Æ": "A", "Ö": "O", "Ø": "O", "Ü": "U", "Č": "C", "Ć": "C", "Š": "S", "Ž": "Z"}
"""Those that stand on European plates, and what is read of them."""

_LOST: Final = 0.5
_AS_ITS_LETTER: Final = 0.95
"""How often it is the letter, if it is read wrong."""
_ADDED: Final = 0.002
"""How often an accent is read that is not there, of what its letter is read instead of."""

_BY_SYMBOL: Final = ("right", "wrong", "inserted", "split_first", "split_second", "syllable_listed", "clutter")
_SHARES: Final = ("inserted", "split_first", "split_second", "clutter")


def known(tables: Tables, others: Set[str]) -> Tables:
    """The tables with a column for each such letter, as far as there is room beside the `others`, a population's."""
    room = MOST_SYMBOLS - len((set(others) | set(tables.symbols)) - LETTERS.keys())
    new = [c for c, letter in LETTERS.items() if c not in tables.symbols and letter in tables.symbols]
    new = sorted(new, key=lambda c: c not in others)[: max(0, room - len(LETTERS) + len(new))]
    if not new:
        return tables
    symbols = "".join(sorted([*tables.symbols, *new]))

    def add(table: Table) -> Table:
        return replace(table, rates=_with(table.rates, tables.symbols, symbols))

    return replace(
        tables,
        symbols=symbols,
        general=add(tables.general),
        engines={engine: add(table) for engine, table in tables.engines.items()},
        cameras={camera: add(table) for camera, table in tables.cameras.items()},
    )


def _with(rates: Rates, old: str, symbols: str) -> Rates:
    classes = range(len(old), len(rates["inserted"]))
    is_new = np.array([c not in old for c in symbols] + [False for _ in classes])
    # Of each column the one that it is as.
    like = [old.index(LETTERS[c] if c not in old else c) for c in symbols] + [*classes]
    out = rates | {name: rates[name][..., like] for name in _BY_SYMBOL}
    out["alternative"] = rates["alternative"][np.ix_(like, like)]
    out["wrong"] = np.where(is_new, _LOST + (1 - _LOST) * out["wrong"], out["wrong"])
    out["right"] = 1 - out["wrong"]
    for name in _SHARES:
        out[name] = _of_one(np.where(is_new, _ADDED * out[name], out[name]))
    confusion = rates["confusion"][np.ix_(like, like)] * np.where(is_new, _ADDED, 1)
    for place in np.flatnonzero(is_new).tolist():
        letter = symbols.index(LETTERS[symbols[place]])
        confusion[place, place] = 0
        confusion[letter, place] = _ADDED
        confusion[place] *= 1 - _AS_ITS_LETTER
        confusion[place, letter] = _AS_ITS_LETTER
    out["confusion"] = _of_one(confusion)
    return out


def _of_one(shares: Floats) -> Floats:
    """The same, as shares of one whole."""
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True))
