"""Rates by what was counted: where a fit starts, and the maximisation of each of its steps.

Smoothed from fine to coarse: what was hardly seen is taken to be as what is like it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from platewatch.probability.confusion import LIKENESSES, backed_off, confusion
from platewatch.probability.tables import CLASSES, OUTCOMES, RATIOS, Floats, Rates, class_of

# Of noise: of reads that hardly ever have an error, of two kinds with some, those that substitute and those that
# lose and insert, and of bad ones. Where the fit starts; it finds its own.
_LEVEL = np.array([0.4, 0.25, 0.2, 0.15])
_WRONG = np.array([0.003, 0.03, 0.1, 0.35])
_LOST = np.array([0.001, 0.005, 0.03, 0.1])
_SPLIT = np.array([0.0003, 0.0015, 0.009, 0.03])
_MERGED = np.array([0.002, 0.01, 0.04, 0.1])
_INSERTED = np.array([[0.0003, 0.001], [0.002, 0.005], [0.01, 0.03], [0.03, 0.08]])
_MARK_LOST = np.array([0.01, 0.05, 0.2, 0.4])
_LEVELS = len(_LEVEL)
MOST_CHARACTERS = 16  # of a read
LISTED_RANKS = 5  # of an alternative, by its probability
_RANKS = 9  # as in the core: those, listed by the next or the second next character, beside another syllable, absent

# How many observations the coarser estimate is worth when a finer one is made.
_CLASS_WEIGHT = 400.0
_RATE_WEIGHT = 50.0
_BIN_WEIGHT = 50.0
_LEVEL_WEIGHT = 100.0
_ALTERNATIVE_WEIGHT = 20.0
_RANK_WEIGHT = 50.0
_CLUTTER_WEIGHT = 10.0
_SYMBOLS_WEIGHT = 50.0
_BIN_REACH = 2.0  # how far bins smooth one another: a standard deviation
_FLOOR = 0.02  # the least ratio of what was never seen
# A read's confidences are not independent of one another, so each counts for less than its ratio says; and less
# still for how noisy the frame is, which they all tell of. Both by cross-validation.
_CONFIDENCE_POWER = 0.8
_LEVEL_POWER = 0.5


def first_guess(symbols: str, bins: int) -> Rates:
    """Where a fit starts that has no model to start from; `bins` is how many a ratio of confidences has."""
    columns = len(symbols) + CLASSES
    wrong = np.repeat(_WRONG[:, None], columns, axis=1)

    def by_place(rates: Floats) -> Floats:
        return np.broadcast_to(rates[:, None, None], (_LEVELS, CLASSES, 2)).copy()

    deletion, split = by_place(_LOST), by_place(_SPLIT)
    return {
        "level": _LEVEL,
        "one": 1 - deletion - split,
        "deletion": deletion,
        "split": split,
        "merge": np.broadcast_to(_MERGED[:, None, None], (_LEVELS, CLASSES, CLASSES)).copy(),
        "merged_as": np.full((CLASSES, CLASSES, 3), 1 / 3),
        "insertion": _INSERTED,
        "region_loss": _MARK_LOST,
        "right": 1 - wrong,
        "wrong": wrong,
        "confusion": _any_other(columns),
        "likeness": np.ones(LIKENESSES),
        "inserted": np.full(columns, 1 / columns),
        "split_first": np.full((CLASSES, columns), 1 / columns),
        "split_second": np.full((CLASSES, columns), 1 / columns),
        "ratio_right": np.ones((_LEVELS, bins)),
        "ratio_wrong": np.ones((_LEVELS, bins)),
        "ratio_inserted": np.ones((_LEVELS, bins)),
        "ratio_merged": np.ones((_LEVELS, bins)),
        "ratio_rank": np.full((CLASSES, _RANKS), 0.1),
        "ratio_lost": np.full((CLASSES, _RANKS), 0.1),
        "alternative": np.full((columns, columns), 0.1),
        "syllable_listed": np.full(columns, 0.1),
        "ratio_read": np.ones((_LEVELS, bins // CLASSES)),
        "clutter_size": np.full(MOST_CHARACTERS, 1 / MOST_CHARACTERS),
        "clutter_next": np.full((CLASSES + 1, CLASSES + 1, CLASSES), 1 / CLASSES),
        "clutter": np.full(columns, 1 / columns),
    }


def _any_other(columns: int) -> Floats:
    return (1 - np.eye(columns)) / (columns - 1)


def maximise(symbols: str, counts: Rates) -> Rates:
    """The rates by what was counted, smoothed from fine to coarse."""
    classes = _classes(symbols)
    rates: Rates = {}
    rates["level"] = backed_off(counts["level"], np.full(_LEVELS, 1 / _LEVELS), 1.0)

    outcomes = np.stack([counts[name] for name in OUTCOMES], axis=-1)
    pooled = outcomes.sum(axis=(1, 2), keepdims=True) + 0.01
    by_class = backed_off(outcomes.sum(axis=2, keepdims=True), _distribution(pooled), 10.0)
    shares = backed_off(outcomes, by_class, _CLASS_WEIGHT)
    for i, name in enumerate(OUTCOMES):
        rates[name] = np.ascontiguousarray(shares[..., i])

    def share(part: Floats, rest: Floats, prior: Floats | float, strength: float) -> Floats:
        return np.asarray((part + strength * prior) / (part + rest + strength))

    rates["insertion"] = share(counts["insertion"], counts["gap"], 0.005, 1.0)
    rates["merge"] = share(counts["merge"], counts["unmerged"], 0.005, 20.0)
    rates["merged_as"] = backed_off(counts["merged_as"], np.full(3, 1 / 3), 3.0)
    rates["region_loss"] = share(counts["region_loss"], counts["region_kept"], 0.1, 1.0)

    right, wrong = counts["right"], counts["wrong"]
    of_class = np.array([[wrong[:, classes == c].sum(1), right[:, classes == c].sum(1)] for c in range(CLASSES)])
    by_class = share(of_class[:, 0], of_class[:, 1], 0.05, 2.0).T[:, classes]
    rates["wrong"] = share(wrong, right, by_class, _RATE_WEIGHT)
    rates["right"] = 1 - rates["wrong"]

    rates["confusion"], rates["likeness"] = confusion(counts["confusion"], counts["likeness"], symbols)
    columns = len(classes)
    uniform = np.full(columns, 1 / columns)
    rates["inserted"] = backed_off(counts["inserted"], uniform, 0.2 * columns)
    digits_first = backed_off(rates["inserted"], uniform, 0.1)
    for name in ("split_first", "split_second"):
        rates[name] = backed_off(counts[name], digits_first, _CLASS_WEIGHT)

    rates |= _ratios(counts) | {"ratio_read": _ratios_of_reads(counts["ratio_read"])}
    rates |= _clutter(counts, rates["inserted"], classes)
    rates["alternative"], rates["syllable_listed"], usual = _usual_alternatives(counts, classes)
    for name in ("ratio_rank", "ratio_lost"):
        of_any_class = _distribution(counts[name].sum(axis=0) + 1)
        rates[name] = backed_off(counts[name], of_any_class, _RANK_WEIGHT) / usual
    return rates


def _usual_alternatives(counts: Rates, classes: npt.NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
    """(how often a symbol is listed for a character, a likely syllable for it, the ranks of those that are listed)."""
    often, syllable, reads = counts["listed_often"], counts["listed_syllable"][:, None], counts["listing"][:, None]
    prior = np.zeros_like(often)
    prior_syllable = np.zeros_like(syllable)
    for a in range(CLASSES):
        seen = reads[classes == a].sum()
        prior_syllable[classes == a] = (syllable[classes == a].sum() + 0.2) / (seen + 10)
        for b in range(CLASSES):
            block = np.ix_(classes == a, classes == b)
            prior[block] = (often[block].sum() + 1) / (seen + 20) / max((classes == b).sum(), 1)

    def share(counts: Floats, prior: Floats) -> Floats:
        rates = (counts + _ALTERNATIVE_WEIGHT * prior) / (reads + _ALTERNATIVE_WEIGHT)
        return np.asarray(np.clip(rates, 1e-4, 0.95))

    # Of a rank that is compared with how often it is so, 1.
    ranks = np.append(_distribution(counts["listed_rank"] + 0.5), np.ones(_RANKS - LISTED_RANKS))
    return share(often, prior), share(syllable, prior_syllable)[:, 0], ranks


def _ratios(counts: Rates) -> Rates:
    """What a confidence says of a character of its class, [level][bin].

    That is how likely it is of what has become of a symbol, at a level, against of any character there; times how
    likely it is at the level, against at any.
    """
    seen = {name: counts[name][:, :-1].reshape(_LEVELS, CLASSES, -1) for name in RATIOS}
    at_level = np.sum([*seen.values()], axis=0)
    of_any = _distribution(at_level.sum(axis=(0, 1)) + 1)
    usual = backed_off(at_level.sum(axis=0), of_any, _BIN_WEIGHT)  # [class][bin]
    at_level = backed_off(at_level, usual, _LEVEL_WEIGHT)
    rates: Rates = {}
    for name, mine in seen.items():
        # From any class to one, from any level to one; bins next to one another are much alike.
        ratio = _smoothed(backed_off(mine.sum(axis=(0, 1)), of_any, 1.0) / of_any)
        for _ in range(2):
            near = (1 - _FLOOR) * _distribution(_smoothed(ratio) * usual) + _FLOOR * usual
            ratio = backed_off(mine.sum(axis=0), near, _BIN_WEIGHT) / usual
        ratio = backed_off(mine, _distribution(ratio * at_level), _LEVEL_WEIGHT) / at_level
        ratio = ratio**_CONFIDENCE_POWER * (at_level / usual) ** _LEVEL_POWER
        # No confidence says nothing.
        rates[name] = np.concatenate([ratio.reshape(_LEVELS, -1), np.ones((_LEVELS, 1))], axis=1)
    return rates


def _ratios_of_reads(seen: Floats) -> Floats:
    """How likely a confidence in the whole is at a level, against at any, [level][bin]."""
    seen = _smoothed(seen)
    usual = _distribution(seen.sum(axis=0) + 0.1)
    return np.asarray((backed_off(seen, usual, _BIN_WEIGHT) / usual) ** _LEVEL_POWER)


def _clutter(counts: Rates, inserted: Floats, classes: npt.NDArray[np.int64]) -> Rates:
    """Reads of no plate; where none was seen, of any length, of characters as they are inserted."""
    shares = np.array([inserted[classes == c].sum() for c in range(CLASSES)])
    follows = counts["clutter_next"]
    of_any = backed_off(follows.sum(axis=(0, 1)), shares, _CLUTTER_WEIGHT)
    behind_one = backed_off(follows.sum(axis=0), of_any, _CLUTTER_WEIGHT)
    sizes = np.full(MOST_CHARACTERS, 1 / MOST_CHARACTERS)
    # Of its class, a symbol has what it has among those inserted as so many more.
    prior = inserted / shares[classes]
    seen = np.array([counts["clutter"][classes == c].sum() for c in range(CLASSES)])
    within = (counts["clutter"] + _SYMBOLS_WEIGHT * prior) / (seen[classes] + _SYMBOLS_WEIGHT)
    return {
        "clutter_size": backed_off(counts["clutter_size"], sizes, _CLUTTER_WEIGHT),
        "clutter_next": backed_off(follows, behind_one, _CLUTTER_WEIGHT),
        "clutter": _distribution(within * backed_off(seen, shares, _CLUTTER_WEIGHT)[classes]),
    }


def _classes(symbols: str) -> npt.NDArray[np.int64]:
    """The class of each column."""
    return np.array([*map(class_of, symbols), *range(CLASSES)])


def _distribution(weights: Floats) -> Floats:
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def _smoothed(values: Floats) -> Floats:
    """Over the last axis, by a Gaussian kernel."""
    at = np.arange(values.shape[-1])
    kernel = np.exp(-(((at[:, None] - at) / _BIN_REACH) ** 2) / 2)
    return np.asarray(values @ (kernel / kernel.sum(axis=1, keepdims=True)).T)
