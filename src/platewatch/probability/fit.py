"""How a channel model is learnt: by expectation and maximisation over alignments, smoothed from fine to coarse.

The expected counts are the core's (cpp/include/platewatch/probability/channel_model.hpp); here they become rates.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from platewatch import _core
from platewatch.errors import PlatewatchError
from platewatch.probability.confusion import LIKENESSES, backed_off, confusion
from platewatch.probability.evidence import ReadEvidence
from platewatch.probability.model_files import is_unicode
from platewatch.probability.population import Population
from platewatch.probability.tables import (
    CLASSES,
    MOST_SYMBOLS,
    OUTCOMES,
    RATIOS,
    SYLLABLE,
    Floats,
    Rates,
    Table,
    Tables,
    class_of,
    column_of,
    has_own_column,
)

ITERATIONS = 25

Example: TypeAlias = tuple[ReadEvidence | str, str]
"""A read and its true plate, canonical."""

_SHARED = ("confusion", "likeness", "inserted", "split_first", "split_second")  # by all engines
_OF_ALTERNATIVES = ("ratio_rank", "ratio_lost", "alternative", "syllable_listed")
_LEVELS = 2  # of noise: a good frame and a bad one
_BINS = 20  # of an engine's confidences
_LISTED_RANKS = 5  # of an alternative, by its probability
_RANKS = 9  # as in the core: those, listed by the next or the second next character, beside another syllable, absent
_LIKELY_RANK = 3  # below it

# How many observations the coarser estimate is worth when a finer one is made.
_CLASS_WEIGHT = 400.0
_RATE_WEIGHT = 50.0
_BIN_WEIGHT = 50.0
_LEVEL_WEIGHT = 100.0
_ENGINE_WEIGHT = 500.0
_CAMERA_WEIGHT = 60.0
_ALTERNATIVE_WEIGHT = 20.0
_RANK_WEIGHT = 50.0
_BIN_REACH = 2.0  # how far bins smooth one another: a standard deviation
_FLOOR = 0.02  # the least ratio of what was never seen
# A read's confidences are not independent of one another, so each counts for less than its ratio says; and less
# still for how noisy the frame is, which they all tell of. Both by cross-validation.
_CONFIDENCE_POWER = 0.8
_LEVEL_POWER = 0.5
_FRAME_WEIGHTS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_MOST_PASSES = 1000  # more than enough to tell these apart


def usable(reads: Iterable[tuple[ReadEvidence | str, str]]) -> list[Example]:
    """Those that can be matched, those of an engine together. Raises PlatewatchError if there are none."""
    examples: list[Example] = []
    for read, plate in reads:
        try:
            _core.read_evidence(read)
            examples.append((read, _core.normalize(plate)))
        except PlatewatchError:
            continue
    if not examples:
        raise PlatewatchError("no read to learn from")
    return sorted(examples, key=lambda example: str(_engine(example[0])))


def _engine(read: ReadEvidence | str) -> str | None:
    return None if isinstance(read, str) else _name(read.engine)


def _camera(read: ReadEvidence | str) -> str | None:
    return None if isinstance(read, str) else _name(read.camera_id)


def _name(name: object) -> str | None:
    """As the core has it: what is no text names nobody."""
    return name if isinstance(name, str) and is_unicode(name) else None


def fit_tables(
    examples: Sequence[Example],
    iterations: int,
    camera_reads: int | None,
    population: Population,
    progress: Callable[[int], None],
) -> Tables:
    """The tables that usable examples support, each engine's and each camera's as far as its reads do.

    `camera_reads`: a camera needs so many to get a table; None: none gets one. The tables leave room for the symbols
    of the population. `progress` is told how many rounds are done. Raises ValueError for numbers below 1.
    """
    if iterations < 1:
        raise ValueError("iterations must be 1 or more")
    if camera_reads is not None and camera_reads < 1:
        raise ValueError("camera_reads must be 1 or more")
    symbols = _known_symbols(examples, population)
    rounds = count(1)

    def done() -> None:
        progress(next(rounds))

    edges = _bin_edges(examples)
    usual = _usual_alternatives(examples, symbols)
    start = _first_guess(symbols, _bins(edges))
    general = _fit_table(
        examples, symbols, Table(edges, start), iterations, partial(_maximise, symbols, usual, None), done
    )
    tables = Tables(symbols, general, {})
    iterations = max(2, iterations // 3)  # what is refined starts near its end
    for engine, own in _by_name(examples, _engine).items():
        edges = _bin_edges(own)
        start = dict(general.rates) | {name: np.ones((_LEVELS, _bins(edges))) for name in RATIOS}
        refine = partial(_maximise, symbols, usual, general.rates)
        tables.engines[engine] = _fit_table(own, symbols, Table(edges, start), iterations, refine, done)
    if camera_reads is None:
        return tables
    for camera, own in _by_name(examples, _camera).items():
        if len(own) < camera_reads:
            continue
        ((main, _),) = Counter(_engine(read) for read, _ in own).most_common(1)
        parent = replace(tables.of_engine(main), engine=main)
        refine = partial(_maximise_camera, symbols, usual, parent.rates)
        tables.cameras[camera] = _fit_table(own, symbols, parent, iterations, refine, done)
    return tables


def _by_name(
    examples: Sequence[Example], name_of: Callable[[ReadEvidence | str], str | None]
) -> dict[str, list[Example]]:
    named: dict[str, list[Example]] = {}
    for example in examples:
        if name := name_of(example[0]):
            named.setdefault(name, []).append(example)
    return dict(sorted(named.items()))


def frame_weight(scoring: _core.ScoringModel, examples: Sequence[Example]) -> float:
    """How much one of several frames of a pass counts: what makes the true plates of the passes likeliest.

    1 if no two reads share a `pass_id`.
    """
    passes: dict[tuple[str | None, str, str], list[ReadEvidence]] = {}
    for read, plate in examples:
        if not isinstance(read, str) and read.pass_id is not None:
            passes.setdefault((_camera(read), read.pass_id, plate), []).append(read)
    several = [(reads, plate) for (_, _, plate), reads in passes.items() if len(reads) > 1]
    if not several:
        return 1.0

    def fit(weight: float) -> float:
        # A pass that no way leads to counts as one in a million million.
        logs = [scoring.log_posterior_of_pass(reads, plate, weight) for reads, plate in several[:_MOST_PASSES]]
        return math.fsum(max(log, -27.0) for log in logs)

    return max(_FRAME_WEIGHTS, key=fit)


def _known_symbols(examples: Sequence[Example], population: Population) -> str:
    seen = Counter(c for _, plate in examples for c in plate)
    read = Counter(c for text, _ in examples for c, _, _ in _core.read_evidence(text))
    often = seen + Counter({c: n for c, n in read.items() if n >= 5 and has_own_column(c)})
    always = set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    # The plates of the population get columns in any case, so there must be room for them.
    of_population = population.symbols
    others = sorted(often.keys() - always - of_population, key=lambda c: (-often[c], c))
    room = MOST_SYMBOLS - len(always | of_population)
    return "".join(sorted(always | (often.keys() & of_population) | set(others[:room])))


def _bin_edges(examples: Sequence[Example]) -> list[float]:
    confidences = [p for read, _ in examples for _, p, _ in _core.read_evidence(read) if p is not None]
    if not confidences:
        return []
    edges = np.quantile(confidences, np.arange(1, _BINS) / _BINS)
    return [float(edge) for edge in np.unique(np.float32(edges))]


def _bins(edges: Sequence[float]) -> int:
    return CLASSES * (len(edges) + 1) + 1


def _classes(symbols: str) -> npt.NDArray[np.int64]:
    """The class of each column."""
    return np.array([*map(class_of, symbols), *range(CLASSES)])


def _first_guess(symbols: str, bins: int) -> Rates:
    columns = len(symbols) + CLASSES
    wrong = np.repeat(np.array([[0.02], [0.25]]), columns, axis=1)
    shape = (_LEVELS, CLASSES, 2)
    quiet_and_loud = np.array([1.0, 10.0])[:, None, None]
    deletion, split = (np.broadcast_to(rate * quiet_and_loud, shape).copy() for rate in (0.01, 0.003))
    return {
        "level": np.array([0.7, 0.3]),
        "one": 1 - deletion - split,
        "deletion": deletion,
        "split": split,
        "merge": np.broadcast_to(np.array([0.02, 0.1])[:, None, None], (_LEVELS, CLASSES, CLASSES)).copy(),
        "merged_as": np.full((CLASSES, CLASSES, 3), 1 / 3),
        "insertion": np.array([[0.003, 0.01], [0.02, 0.06]]),
        "region_loss": np.array([0.1, 0.3]),
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
    }


def _any_other(columns: int) -> Floats:
    return (1 - np.eye(columns)) / (columns - 1)


def _fit_table(
    examples: Sequence[Example],
    symbols: str,
    start: Table,
    iterations: int,
    maximise: Callable[[Rates], Rates],
    done: Callable[[], None],
) -> Table:
    reads = [read for read, _ in examples]
    plates = [plate for _, plate in examples]
    rates = start.rates
    for _ in range(iterations):
        counts, _ = _core.ChannelTable(symbols, start.bin_edges, rates).count(reads, plates)
        rates = maximise(counts)
        done()
    return replace(start, rates=rates)


def _rank(p: float | None, q: float) -> int:
    r = q / max(p or 0, 0.01)
    return 0 if r > 0.3 else 1 if r > 0.1 else 2 if r > 0.03 else 3 if r > 0.01 else 4


@dataclass(frozen=True, slots=True)
class _Usual:
    """What recognisers list for a character, whatever it really is."""

    alternative: Floats  # [character][symbol]: how often it is listed
    ranks: Floats  # of those that are, by rank; of a rank that is compared with how often it is so, 1
    syllable_listed: Floats  # [character]: how often a likely one is listed


def _usual_alternatives(examples: Sequence[Example], symbols: str) -> _Usual:
    place = {c: i for i, c in enumerate(symbols)}
    columns = len(symbols) + CLASSES
    often = np.zeros((columns, columns))
    syllable = np.zeros((columns, 1))
    reads = np.zeros((columns, 1))
    ranks = np.full(_LISTED_RANKS, 0.5)
    for read, _ in examples:
        for c, p, others in _core.read_evidence(read):
            if others is None:
                continue
            row = column_of(symbols, c)
            reads[row] += 1
            syllable[row] += any(class_of(other) == SYLLABLE and _rank(p, q) < _LIKELY_RANK for other, q in others)
            for other, q in others:
                if other in place:
                    often[row, place[other]] += 1
                    ranks[_rank(p, q)] += 1
    classes = _classes(symbols)
    prior = np.zeros((columns, columns))
    prior_syllable = np.zeros((columns, 1))
    for a in range(CLASSES):
        seen = reads[classes == a].sum()
        prior_syllable[classes == a] = (syllable[classes == a].sum() + 0.2) / (seen + 10)
        for b in range(CLASSES):
            block = np.ix_(classes == a, classes == b)
            prior[block] = (often[block].sum() + 1) / (seen + 20) / max((classes == b).sum(), 1)

    def share(counts: Floats, prior: Floats) -> Floats:
        rates = (counts + _ALTERNATIVE_WEIGHT * prior) / (reads + _ALTERNATIVE_WEIGHT)
        return np.asarray(np.clip(rates, 1e-4, 0.95))

    listed = np.append(ranks / ranks.sum(), np.ones(_RANKS - _LISTED_RANKS))
    return _Usual(share(often, prior), listed, share(syllable, prior_syllable)[:, 0])


def _maximise_camera(symbols: str, usual: _Usual, engine: Rates, counts: Rates) -> Rates:
    """What its confidences and alternatives mean is the recogniser's: that stays its engine's."""
    rates = _maximise(symbols, usual, engine, counts, _CAMERA_WEIGHT)
    return rates | {name: engine[name] for name in (*RATIOS, *_OF_ALTERNATIVES)}


def _maximise(
    symbols: str, usual: _Usual, general: Rates | None, counts: Rates, refining: float = _ENGINE_WEIGHT
) -> Rates:
    """The rates by what was counted; `general`, those that are refined, counts for `refining` observations."""
    classes = _classes(symbols)
    weight = refining if general is not None else 1.0
    rates: Rates = {}
    level_prior = general["level"] if general is not None else np.array([0.5, 0.5])
    rates["level"] = backed_off(counts["level"], level_prior, weight)

    outcomes = np.stack([counts[name] for name in OUTCOMES], axis=-1)
    if general is not None:
        prior = np.stack([general[name] for name in OUTCOMES], axis=-1)
        shares = backed_off(outcomes, prior, weight)
    else:
        pooled = outcomes.sum(axis=(1, 2), keepdims=True) + 0.01
        by_class = backed_off(outcomes.sum(axis=2, keepdims=True), pooled / pooled.sum(-1, keepdims=True), 10.0)
        shares = backed_off(outcomes, by_class, _CLASS_WEIGHT)
    for i, name in enumerate(OUTCOMES):
        rates[name] = np.ascontiguousarray(shares[..., i])

    def share(part: Floats, rest: Floats, prior: Floats | float, strength: float) -> Floats:
        return np.asarray((part + strength * prior) / (part + rest + strength))

    rates["insertion"] = share(
        counts["insertion"],
        counts["gap"],
        general["insertion"] if general is not None else 0.005,
        weight,
    )
    rates["merge"] = share(
        counts["merge"],
        counts["unmerged"],
        general["merge"] if general is not None else 0.005,
        weight if general is not None else 20.0,
    )
    rates["merged_as"] = backed_off(
        counts["merged_as"],
        general["merged_as"] if general is not None else np.full(3, 1 / 3),
        weight if general is not None else 3.0,
    )
    rates["region_loss"] = share(
        counts["region_loss"],
        counts["region_kept"],
        general["region_loss"] if general is not None else 0.1,
        weight,
    )

    right, wrong = counts["right"], counts["wrong"]
    of_class = np.array([[wrong[:, classes == c].sum(1), right[:, classes == c].sum(1)] for c in range(CLASSES)])
    by_class = share(of_class[:, 0], of_class[:, 1], 0.05, 2.0).T[:, classes]
    prior_wrong = general["wrong"] if general is not None else by_class
    rates["wrong"] = share(wrong, right, prior_wrong, _RATE_WEIGHT if general is None else weight / 2)
    rates["right"] = 1 - rates["wrong"]

    if general is not None:
        for name in _SHARED:
            rates[name] = general[name]
    else:
        rates["confusion"], rates["likeness"] = confusion(counts["confusion"], counts["likeness"], symbols)
        columns = len(classes)
        uniform = np.full(columns, 1 / columns)
        rates["inserted"] = backed_off(counts["inserted"], uniform, 0.2 * columns)
        digits_first = backed_off(rates["inserted"], uniform, 0.1)
        for name in ("split_first", "split_second"):
            rates[name] = backed_off(counts[name], digits_first, _CLASS_WEIGHT)

    rates |= _ratios(counts)
    rates["alternative"], rates["syllable_listed"] = usual.alternative, usual.syllable_listed
    for name in ("ratio_rank", "ratio_lost"):
        ranks = counts[name].sum(axis=0) + 1
        of_any_class = ranks / ranks.sum() if general is None else general[name] * usual.ranks
        rates[name] = backed_off(counts[name], of_any_class, _RANK_WEIGHT) / usual.ranks
    return rates


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


def _distribution(weights: Floats) -> Floats:
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def _smoothed(values: Floats) -> Floats:
    """Over the last axis, by a Gaussian kernel."""
    at = np.arange(values.shape[-1])
    kernel = np.exp(-(((at[:, None] - at) / _BIN_REACH) ** 2) / 2)
    return np.asarray(values @ (kernel / kernel.sum(axis=1, keepdims=True)).T)
