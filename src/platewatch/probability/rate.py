"""How often plates are misread by the rates of a table, and the rates at which they would be so more or less often.

A good camera differs from a bad one in how often symbols are misread, far more than in what they are taken for. So the
odds of every error change by one factor, and the confusions stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from platewatch.errors import ModelError
from platewatch.probability.tables import OUTCOMES, Floats, Rates, Table, Tables, class_of, column_of, is_mark

_LARGEST_LOG_FACTOR = 40.0
_NARROWEST = 0.01  # between the error rates of two levels
_HALVINGS = 60  # of the range of factors: to the last digit of a double
_MAY_MISS = 1e-6

Levels: TypeAlias = dict[str, dict[str, Floats]]
_TINY = float(np.finfo(np.float64).tiny)


def error_rate(symbols: str, rates: Rates, population: Mapping[str, Any]) -> float:
    """The share of the population's plates, by vehicles, that are not read exactly.

    A lost region mark is no error, as matching forgives it, nor is a mark more that normalisation drops.
    """
    return float(rates["level"] @ error_rates(symbols, rates, population))


def error_rates(symbols: str, rates: Rates, population: Mapping[str, Any]) -> Floats:
    """The same share of each noise level."""
    # Of a gap's insertions: any number of dropped marks, and then no more.
    dropped = _share_dropped(symbols, rates["inserted"])
    gap = (1 - rates["insertion"]) / (1 - rates["insertion"] * dropped)
    kinds = population["classes"]
    right = [_read_right(symbols, rates, gap, kind) for kind in kinds]
    vehicles = [kind["vehicles"] for kind in kinds]
    return 1 - np.average(np.array(right), axis=0, weights=vehicles if any(vehicles) else None)


def _share_dropped(symbols: str, inserted: Floats) -> float:
    known = sum(share for c, share in zip(symbols, inserted, strict=False) if is_mark(c))
    # Of the others that are no symbols, the most by far are marks. A file's rounded shares may sum to more than 1.
    return min(1.0, float(known + inserted[-1]))


def scaled(tables: Tables, target: float, population: Mapping[str, Any]) -> Tables:
    """The tables whose general one has this error rate; the odds of those of engines and cameras change as its do.

    Raises ModelError if there are none.
    """
    if not 0 < target < 1:
        raise ModelError("is not above 0 and below 1", field="error_rate")

    def rate_at(log_factor: float) -> float:
        rates = _with_odds(tables.general.rates, float(np.exp(log_factor)))
        return error_rate(tables.symbols, rates, population)

    low, high = -_LARGEST_LOG_FACTOR, _LARGEST_LOG_FACTOR
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if rate_at(middle) < target else (low, middle)
    if abs(rate_at(high) - target) > _MAY_MISS:
        raise ModelError(f"cannot be {target:g} in a model that makes no errors", field="error_rate")
    factor = float(np.exp(high))

    def scale(table: Table) -> Table:
        counts = _counts_with_odds(table.counts, factor) if table.counts else {}
        return replace(table, rates=_with_odds(table.rates, factor), counts=counts)

    return replace(
        tables,
        general=scale(tables.general),
        engines={engine: scale(table) for engine, table in tables.engines.items()},
        cameras={camera: scale(table) for camera, table in tables.cameras.items()},
    )


def level_at(levels: Floats, rates: Floats, target: float) -> Floats:
    """How often the frames are of which level where this share of plates is misread, if usually they are of `levels`,
    which are misread as often as `rates` say.

    The shares change by powers of one factor, so they stay as near to the usual as they can. Beyond the best or the
    worst level, it is all of that level.
    """
    low, high = -_LARGEST_LOG_FACTOR / _NARROWEST, _LARGEST_LOG_FACTOR / _NARROWEST
    tilted = levels
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        logs = np.log(np.maximum(levels, _TINY)) + middle * rates
        tilted = np.exp(logs - logs.max())
        tilted /= tilted.sum()
        low, high = (middle, high) if tilted @ rates < target else (low, middle)
    return np.asarray(tilted)


def camera_levels(tables: Tables, cameras: Mapping[str, float], population: Mapping[str, Any]) -> Levels:
    """By engine, "" for the general table, the levels of cameras of which so many plates are misread."""
    found: Levels = {}
    for engine, table in {"": tables.general, **tables.engines}.items():
        rates = error_rates(tables.symbols, table.rates, population)
        known = {rate: level_at(table.rates["level"], rates, rate) for rate in set(cameras.values())}
        found[engine] = {camera: known[rate] for camera, rate in cameras.items()}
    return found


def _odds(p: Floats, factor: float) -> Floats:
    return np.asarray(factor * p / (1 - p + factor * p))


def _counts_with_odds(counts: Rates, factor: float) -> Rates:
    """What would have been counted: what is learnt from them must not go back to the former rates."""
    changed: Rates = {}
    for error, none in (("wrong", "right"), ("merge", "unmerged"), ("insertion", "gap")):
        both = counts[error] + counts[none]
        changed[error] = both * _odds(counts[error] / np.maximum(both, _TINY), factor)
        changed[none] = both - changed[error]
    alone = np.sum([counts[name] for name in OUTCOMES], axis=0)
    lost = counts["deletion"] + counts["split"]
    times = alone * _odds(lost / np.maximum(alone, _TINY), factor) / np.maximum(lost, _TINY)
    changed |= {"deletion": counts["deletion"] * times, "split": counts["split"] * times}
    changed["one"] = alone - changed["deletion"] - changed["split"]
    return counts | changed


def _with_odds(rates: Rates, factor: float) -> Rates:
    def odds(p: Floats) -> Floats:
        return _odds(p, factor)

    changed = {name: odds(rates[name]) for name in ("wrong", "merge", "insertion")}
    changed["right"] = 1 - changed["wrong"]
    _, deletion, split = (rates[name] for name in OUTCOMES)
    lost = np.minimum(deletion + split, 1)
    times = odds(lost) / np.maximum(lost, _TINY)
    changed |= {"one": 1 - lost * times, "deletion": deletion * times, "split": split * times}
    return rates | changed


def _read_right(symbols: str, rates: Rates, gap: Floats, kind: Mapping[str, Any]) -> Floats:
    """Of one class of vehicles, by level. Positions admit their symbols whatever stands beside: the means multiply."""
    # Not as `right` and `one` have it: near 1, a file's digits do not tell how near.
    right = {c: 1 - rates["wrong"][:, column_of(symbols, c)] for c in "".join(kind["words"]) + _all_symbols(kind)}
    means = [
        np.sum([share * np.mean([right[c] for c in text], axis=0) for text, share in position.items()], axis=0)
        for position in kind["positions"]
    ]
    classes = [class_of(next(iter(position))[0]) for position in kind["positions"]]
    bare = _untouched(rates, gap, classes) * np.prod(means, axis=0)
    if not kind["words"]:
        return np.asarray(bare)
    word = np.mean([right[first] * right[second] for first, second in kind["words"]], axis=0)
    whole = _untouched(rates, gap, [class_of(c) for c in kind["words"][0]] + classes) * word * np.prod(means, axis=0)
    loss = rates["region_loss"] if kind["words_may_be_lost"] else np.zeros_like(word)
    return np.asarray(loss * bare + (1 - loss) * whole)


def _all_symbols(kind: Mapping[str, Any]) -> str:
    return "".join(text for position in kind["positions"] for text in position)


def _untouched(rates: Rates, gap: Floats, classes: list[int]) -> Floats:
    """By level, the probability that symbols of these classes are read as one character each, and no other is."""
    one = np.maximum(1 - rates["deletion"] - rates["split"], 0)
    last = len(classes) - 1
    product = np.ones_like(rates["level"])
    for i, c in enumerate(classes):
        edge = int(i in (0, last))
        product *= gap[:, int(i == 0)] * one[:, c, edge]
        if i < last:
            product *= 1 - rates["merge"][:, c, classes[i + 1]]
    return np.asarray(product * gap[:, 1])
