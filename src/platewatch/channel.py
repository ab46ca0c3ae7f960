"""The channel model: what recognisers do to plates, learnt from reads whose true plate is known.

The recursion over alignments is the core's (cpp/include/platewatch/channel_model.hpp); here its rates are fitted by
expectation and maximisation, smoothed, and kept as JSON.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from platewatch import _core
from platewatch.errors import ModelError, PlatewatchError, ReadError
from platewatch.population import Population
from platewatch.reads import Read

FORMAT = "platewatch channel model 1"

Floats: TypeAlias = npt.NDArray[np.float64]
Rates: TypeAlias = dict[str, Floats]
Evidence: TypeAlias = list[tuple[str, float | None, list[tuple[str, float]] | None]]
"""A read's characters: each with its confidence and the other symbols that the recogniser thought of and theirs."""

Example: TypeAlias = tuple[Read | str, str]
"""A read and its true plate, canonical."""

_CLASSES = 4  # digits, Latin letters, Hangul syllables, others
_LEVELS = 2  # of noise: a good frame and a bad one
_BINS = 20  # of an engine's confidences
_RANKS = 6
_FIRST_SYLLABLE, _LAST_SYLLABLE = 0xAC00, 0xD7A3
_JAMO_VOWELS, _JAMO_FINALS = 21, 28

# How many observations the coarser estimate is worth when a finer one is made.
_SYMBOL_WEIGHT = 20.0
_VOWEL_WEIGHT = 60.0
_CLASS_WEIGHT = 60.0
_RATE_WEIGHT = 30.0
_BIN_WEIGHT = 5.0
_LEVEL_WEIGHT = 20.0
_ENGINE_WEIGHT = 300.0
_ALTERNATIVE_WEIGHT = 10.0
_RANK_WEIGHT = 20.0
_ITERATIONS = 25
# A read's confidences are not independent of one another, so each counts for less than its ratio says: by
# cross-validation.
_CONFIDENCE_POWER = 0.85
_FRAME_WEIGHTS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_MOST_PASSES = 1000  # more than enough to tell these apart


@dataclass(frozen=True, slots=True)
class Event:
    """One step of the likeliest way from a plate to a read."""

    kind: str
    plate: str
    read: str
    log_probability: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a match has its probability. Logarithms are natural."""

    events: tuple[Event, ...]
    log_likelihood: float
    log_background: float
    probability: float


class ChannelModel:
    """P(read | plate) for each engine that it was fitted on, and in general."""

    def __init__(
        self,
        symbols: str,
        tables: dict[str | None, tuple[list[float], Rates]],
        population: Population | None = None,
        frame_weight: float = 1.0,
    ) -> None:
        if None not in tables:
            raise ModelError("has no general table")
        self._symbols = symbols
        self._rates = tables
        self._population = population or Population.default()
        self.frame_weight = frame_weight
        try:
            self._tables = {
                engine: _core.ChannelTable(symbols, edges, rates) for engine, (edges, rates) in tables.items()
            }
            engines = {engine: table for engine, table in self._tables.items() if engine is not None}
            vehicles = dict(self._population.document)
            self.scoring = _core.ScoringModel(self._tables[None], engines, vehicles, frame_weight)
        except (ValueError, KeyError) as error:
            raise ModelError(str(error)) from None

    def with_population(self, population: Population) -> Self:
        """The same recognisers among other vehicles."""
        return type(self)(self._symbols, self._rates, population, self.frame_weight)

    @property
    def engines(self) -> list[str]:
        return sorted(engine for engine in self._tables if engine is not None)

    @classmethod
    @cache
    def default(cls) -> Self:
        """The one that is shipped: fitted on the project's own reads by benchmarks/fit_channel.py."""
        text = resources.files("platewatch").joinpath("models/channel.json").read_text(encoding="utf-8")
        return cls._from_json(text)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Raises ModelError or OSError."""
        return cls._from_json(Path(path).read_text(encoding="utf-8"))

    @classmethod
    def _from_json(cls, text: str) -> Self:
        try:
            document = json.loads(text)
            if document["format"] != FORMAT:
                raise ModelError(f"is not a {FORMAT}")
            general = document["general"]
            tables: dict[str | None, tuple[list[float], Rates]] = {None: _table(general, {})}
            for engine, table in document["engines"].items():
                tables[engine] = _table(table, tables[None][1])
            symbols = document["symbols"]
            frame_weight = float(document["frame_weight"])
            if not 0 < frame_weight <= 1:
                raise ModelError("is not above 0 and at most 1", field="frame_weight")
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
            raise ModelError(f"is not a {FORMAT}: {error}") from None
        for engine, (_, rates) in tables.items():
            _check_sums(engine, rates)
        return cls(symbols, tables, frame_weight=frame_weight)

    def save(self, path: str | Path) -> None:
        """Write the model as JSON. What an engine shares with the general table stands there only."""
        general = self._rates[None][1]
        document: dict[str, Any] = {"format": FORMAT, "symbols": self._symbols, "frame_weight": self.frame_weight}
        document |= {"general": {}, "engines": {}}
        for engine, (edges, rates) in self._rates.items():
            own = {name: _rounded(a) for name, a in rates.items() if engine is None or a is not general[name]}
            table = {"bin_edges": edges, **own}
            if engine is None:
                document["general"] = table
            else:
                document["engines"][engine] = table
        Path(path).write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")

    def explain(self, read: Read | str, plate: str) -> Explanation:
        """How probable it is that a vehicle read so has this plate, if it is the only one listed, and why.

        Raises ReadError for a read that cannot be matched.
        """
        canonical = _core.normalize(plate)
        engine = "" if isinstance(read, str) else read.engine or ""
        table = self._tables.get(engine, self._tables[None])
        characters = "".join(c for c, _, _ in _core.read_evidence(read))
        events = tuple(
            Event(kind, canonical[i : i + n], characters[j : j + m], log)
            for kind, i, n, j, m, log in table.events(read, canonical)
        )
        log_likelihood = self.scoring.log_likelihood(read, canonical, engine)
        log_background = self.scoring.log_background(read, engine)
        registered = self.scoring.registered(canonical)
        return Explanation(
            events,
            log_likelihood,
            log_background,
            posterior([log_likelihood], log_background, [registered])[0],
        )

    @classmethod
    def fit(cls, reads: Iterable[tuple[Read | str, str]], *, iterations: int = _ITERATIONS) -> Self:
        """Learn from pairs of a read and its true plate, by EM over all alignments.

        Reads and plates that cannot be matched are left out. An engine gets rates of its own as far as its reads
        support them. Raises PlatewatchError if nothing is left.
        """
        examples: dict[str | None, list[Example]] = {}
        for read, plate in reads:
            try:
                _core.read_evidence(read)
            except ReadError:
                continue
            engine = None if isinstance(read, str) else read.engine
            examples.setdefault(engine, []).append((read, _core.normalize(plate)))
        everything = [example for engine in sorted(examples, key=str) for example in examples[engine]]
        if not everything:
            raise PlatewatchError("no read to learn from")
        symbols = _known_symbols(everything)
        tables: dict[str | None, tuple[list[float], Rates]] = {}
        edges = _bin_edges(everything)
        usual = _usual_alternatives(everything, symbols)
        start = _first_guess(symbols, len(edges) + 2)
        general = _fit_table(everything, symbols, edges, start, None, usual, iterations)
        tables[None] = (edges, general)
        for engine in sorted(filter(None, examples)):
            edges = _bin_edges(examples[engine])
            start = dict(general) | {name: np.ones((_LEVELS, len(edges) + 2)) for name in _RATIOS}
            tables[engine] = (
                edges,
                _fit_table(examples[engine], symbols, edges, start, general, usual, max(2, iterations // 3)),
            )
        return cls(symbols, tables, frame_weight=_frame_weight(cls(symbols, tables), everything))


def posterior(log_likelihoods: Sequence[float], log_background: float, shares: Sequence[float]) -> list[float]:
    """P(plate | read) of distinct listed plates.

    `shares` says of each how many unlisted vehicles the background counts for it: they are the listed one.
    """
    top = max([*log_likelihoods, log_background])
    weights = [math.exp(log - top) for log in log_likelihoods]
    others = math.exp(log_background - top) - sum(s * w for s, w in zip(shares, weights, strict=True))
    total = math.fsum(weights) + max(others, 0.0)
    return [weight / total for weight in weights]


def _frame_weight(model: ChannelModel, examples: Sequence[Example]) -> float:
    """How much one of several frames of a pass counts: what makes the true plates of the passes likeliest.

    1 if no two reads share a `pass_id`.
    """
    passes: dict[tuple[str | None, str, str], list[Read]] = {}
    for read, plate in examples:
        if isinstance(read, Read) and read.pass_id is not None:
            passes.setdefault((read.camera_id, read.pass_id, plate), []).append(read)
    several = [(reads, plate) for (_, _, plate), reads in passes.items() if len(reads) > 1]
    if not several:
        return 1.0

    def fit(weight: float) -> float:
        # A pass that no way leads to counts as one in a million million.
        logs = [model.scoring.log_posterior_of_pass(reads, plate, weight) for reads, plate in several[:_MOST_PASSES]]
        return math.fsum(max(log, -27.0) for log in logs)

    return max(_FRAME_WEIGHTS, key=fit)


_RATIOS = ("ratio_right", "ratio_wrong", "ratio_inserted", "ratio_merged")
_SHARED = ("confusion", "inserted", "split_first", "split_second")


def _rounded(values: Floats) -> Any:
    return json.loads(json.dumps(np.asarray(values).tolist()), parse_float=lambda text: float(f"{float(text):.4g}"))


def _table(document: dict[str, Any], general: Rates) -> tuple[list[float], Rates]:
    rates = dict(general) | {k: np.asarray(v, dtype=np.float64) for k, v in document.items() if k != "bin_edges"}
    return [float(edge) for edge in document["bin_edges"]], rates


def _check_sums(engine: str | None, rates: Rates) -> None:
    where = "the general table" if engine is None else f"engine {engine!r}"
    sums = {
        "level": rates["level"].sum(),
        "confusion": rates["confusion"].sum(axis=1),
        "inserted": rates["inserted"].sum(),
        "right + wrong": rates["right"] + rates["wrong"],
        "one + deletion + split": np.sum([rates[name] for name in _OUTCOMES], axis=0),
    }
    for name, values in sums.items():
        wrong = np.argwhere(np.abs(np.atleast_1d(values) - 1) > 0.01)
        if len(wrong):
            raise ModelError(f"{name} of {where}, row {wrong[0].tolist()}: does not sum to 1")


_OUTCOMES = ("one", "deletion", "split")


def _known_symbols(examples: Sequence[Example]) -> str:
    seen = Counter(c for _, plate in examples for c in plate)
    read = Counter(c for text, _ in examples for c, _, _ in _core.read_evidence(text))
    often = {c for c, n in read.items() if n >= 5} | set(seen)
    return "".join(sorted(often | set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")))


def _bin_edges(examples: Sequence[Example]) -> list[float]:
    confidences = [p for read, _ in examples for _, p, _ in _core.read_evidence(read) if p is not None]
    if not confidences:
        return []
    edges = np.quantile(confidences, np.arange(1, _BINS) / _BINS)
    return [float(edge) for edge in np.unique(np.float32(edges))]


def _class_of(c: str) -> int:
    if "0" <= c <= "9":
        return 0
    if "A" <= c <= "Z":
        return 1
    return 2 if _FIRST_SYLLABLE <= ord(c) <= _LAST_SYLLABLE else 3


def _classes(symbols: str) -> npt.NDArray[np.int64]:
    """The class of each column."""
    return np.array([*map(_class_of, symbols), *range(_CLASSES)])


def _first_guess(symbols: str, bins: int) -> Rates:
    columns = len(symbols) + _CLASSES
    wrong = np.repeat(np.array([[0.02], [0.25]]), columns, axis=1)
    shape = (_LEVELS, _CLASSES, 2)
    quiet_and_loud = np.array([1.0, 10.0])[:, None, None]
    deletion, split = (np.broadcast_to(rate * quiet_and_loud, shape).copy() for rate in (0.01, 0.003))
    return {
        "level": np.array([0.7, 0.3]),
        "one": 1 - deletion - split,
        "deletion": deletion,
        "split": split,
        "merge": np.broadcast_to(np.array([0.02, 0.1])[:, None, None], (_LEVELS, _CLASSES, _CLASSES)).copy(),
        "merged_as": np.full((_CLASSES, _CLASSES, 3), 1 / 3),
        "insertion": np.array([[0.003, 0.01], [0.02, 0.06]]),
        "region_loss": np.array([0.1, 0.3]),
        "right": 1 - wrong,
        "wrong": wrong,
        "confusion": _similar(symbols),
        "inserted": np.full(columns, 1 / columns),
        "split_first": np.full((_CLASSES, columns), 1 / columns),
        "split_second": np.full((_CLASSES, columns), 1 / columns),
        "ratio_right": np.ones((_LEVELS, bins)),
        "ratio_wrong": np.ones((_LEVELS, bins)),
        "ratio_inserted": np.ones((_LEVELS, bins)),
        "ratio_merged": np.ones((_LEVELS, bins)),
        "ratio_rank": np.full((_CLASSES, _RANKS), 0.1),
        "ratio_lost": np.full((_CLASSES, _RANKS), 0.1),
        "alternative": np.full((columns, columns), 0.1),
    }


def _similar(symbols: str) -> Floats:
    """What a symbol may be read as, before anything was seen: syllables with a jamo in common above others."""
    columns = len(symbols) + _CLASSES
    weights = np.ones((columns, columns))
    for i, a in enumerate(symbols):
        weights[i, i] = 0
        for j, b in enumerate(symbols):
            if i != j and _class_of(a) == _class_of(b) == 2:
                (a_initial, a_vowel), (b_initial, b_vowel) = _jamo(a), _jamo(b)
                weights[i, j] = 1 + 8 * (a_vowel == b_vowel) + 4 * (a_initial == b_initial)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _jamo(syllable: str) -> tuple[int, int]:
    code = ord(syllable) - _FIRST_SYLLABLE
    return code // (_JAMO_VOWELS * _JAMO_FINALS), code // _JAMO_FINALS % _JAMO_VOWELS


def _backed_off(counts: Floats, prior: Floats, weight: float) -> Floats:
    """Distributions in the last axis: counts, and the prior as so many more."""
    total = counts.sum(axis=-1, keepdims=True) + weight
    return np.asarray((counts + weight * prior) / total)


def _fit_table(
    examples: Sequence[Example],
    symbols: str,
    edges: list[float],
    rates: Rates,
    general: Rates | None,
    usual: tuple[Floats, Floats],
    iterations: int,
) -> Rates:
    reads = [read for read, _ in examples]
    plates = [plate for _, plate in examples]
    for _ in range(iterations):
        counts, _ = _core.ChannelTable(symbols, edges, rates).count(reads, plates)
        rates = _maximise(counts, symbols, general, usual)
    return rates


def _rank(p: float | None, q: float) -> int:
    r = q / max(p or 0, 0.01)
    return 0 if r > 0.3 else 1 if r > 0.1 else 2 if r > 0.03 else 3 if r > 0.01 else 4


def _usual_alternatives(examples: Sequence[Example], symbols: str) -> tuple[Floats, Floats]:
    """How often a symbol is among the alternatives of a character [character][symbol], and at which rank if it is.

    The last rank, of those that are not, has 1: what is absent is compared with how often it is absent.
    """
    place = {c: i for i, c in enumerate(symbols)}
    columns = len(symbols) + _CLASSES
    often = np.zeros((columns, columns))
    reads = np.zeros((columns, 1))
    ranks = np.full(_RANKS - 1, 0.5)
    for read, _ in examples:
        for c, p, others in _core.read_evidence(read):
            if others is None:
                continue
            row = place.get(c, len(symbols) + _class_of(c))
            reads[row] += 1
            for other, q in others:
                if other in place:
                    often[row, place[other]] += 1
                    ranks[_rank(p, q)] += 1
    classes = _classes(symbols)
    prior = np.zeros((columns, columns))
    for a in range(_CLASSES):
        for b in range(_CLASSES):
            block = np.ix_(classes == a, classes == b)
            prior[block] = (often[block].sum() + 1) / (reads[classes == a].sum() + 20) / max((classes == b).sum(), 1)
    often = np.clip((often + _ALTERNATIVE_WEIGHT * prior) / (reads + _ALTERNATIVE_WEIGHT), 1e-4, 0.95)
    return often, np.append(ranks / ranks.sum(), 1.0)


def _maximise(counts: Rates, symbols: str, general: Rates | None, usual: tuple[Floats, Floats]) -> Rates:
    classes = _classes(symbols)
    weight = _ENGINE_WEIGHT if general is not None else 1.0
    rates: Rates = {}
    level_prior = general["level"] if general is not None else np.array([0.5, 0.5])
    rates["level"] = _backed_off(counts["level"], level_prior, weight)

    outcomes = np.stack([counts[name] for name in _OUTCOMES], axis=-1)
    if general is not None:
        prior = np.stack([general[name] for name in _OUTCOMES], axis=-1)
        shares = _backed_off(outcomes, prior, _ENGINE_WEIGHT)
    else:
        pooled = outcomes.sum(axis=(1, 2), keepdims=True) + 0.01
        by_class = _backed_off(outcomes.sum(axis=2, keepdims=True), pooled / pooled.sum(-1, keepdims=True), 10.0)
        shares = _backed_off(outcomes, by_class, _CLASS_WEIGHT)
    for i, name in enumerate(_OUTCOMES):
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
    rates["merged_as"] = _backed_off(
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
    of_class = np.array([[wrong[:, classes == c].sum(1), right[:, classes == c].sum(1)] for c in range(_CLASSES)])
    by_class = share(of_class[:, 0], of_class[:, 1], 0.05, 2.0).T[:, classes]
    prior_wrong = general["wrong"] if general is not None else by_class
    rates["wrong"] = share(wrong, right, prior_wrong, _RATE_WEIGHT if general is None else _ENGINE_WEIGHT / 2)
    rates["right"] = 1 - rates["wrong"]

    if general is not None:
        for name in _SHARED:
            rates[name] = general[name]
    else:
        rates["confusion"] = _confusion(counts["confusion"], symbols, classes)
        columns = len(classes)
        uniform = np.full(columns, 1 / columns)
        rates["inserted"] = _backed_off(counts["inserted"], uniform, 0.2 * columns)
        digits_first = _backed_off(rates["inserted"], uniform, 0.1)
        for name in ("split_first", "split_second"):
            rates[name] = _backed_off(counts[name], digits_first, _CLASS_WEIGHT)

    often = np.sum([counts[name] for name in _RATIOS], axis=(0, 1)) + 1
    often = often / often.sum()
    for name in _RATIOS:
        at_any_level = _backed_off(counts[name].sum(axis=0), often, _BIN_WEIGHT)
        ratio = _backed_off(counts[name], at_any_level, _LEVEL_WEIGHT) / often
        ratio[:, -1] = 1.0  # no confidence says nothing
        rates[name] = ratio**_CONFIDENCE_POWER
    rates["alternative"], usual_ranks = usual
    for name in ("ratio_rank", "ratio_lost"):
        ranks = counts[name].sum(axis=0) + 1
        of_any_class = ranks / ranks.sum() if general is None else general[name] * usual_ranks
        rates[name] = _backed_off(counts[name], of_any_class, _RANK_WEIGHT) / usual_ranks
    return rates


def _confusion(counts: Floats, symbols: str, classes: npt.NDArray[np.int64]) -> Floats:
    """Of a wrong character, what it is: by symbol, backed off to syllables of its vowel, to its class, to shapes."""
    similar = _similar(symbols)
    rows = np.empty_like(counts)
    for c in range(_CLASSES):
        of_class = counts[classes == c].sum(axis=0)
        pooled = _backed_off(of_class, np.full(len(classes), 1 / len(classes)), _CLASS_WEIGHT)
        rows[classes == c] = pooled
    # Within a class of characters, those that look like the symbol take more of its share.
    for c in range(_CLASSES):
        inside = classes == c
        total = rows[:, inside].sum(axis=1, keepdims=True)
        shape = similar[:, inside] * np.sqrt(rows[:, inside])
        rows[:, inside] = total * shape / np.maximum(shape.sum(axis=1, keepdims=True), 1e-300)
    vowels: dict[int, list[int]] = {}
    for i, symbol in enumerate(symbols):
        if _class_of(symbol) == 2:
            vowels.setdefault(_jamo(symbol)[1], []).append(i)
    for members in vowels.values():
        pooled = counts[members].sum(axis=0)
        rows[members] = _backed_off(np.broadcast_to(pooled, rows[members].shape), rows[members], _VOWEL_WEIGHT)
    rows = _backed_off(counts, rows, _SYMBOL_WEIGHT)
    for i in range(len(symbols)):
        rows[i, i] = 0
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))
