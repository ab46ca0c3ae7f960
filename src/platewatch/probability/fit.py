"""How a channel model is learnt: by expectation and maximisation over alignments, smoothed from fine to coarse.

The expected counts are the core's (cpp/include/platewatch/probability/channel_model.hpp); here they become rates.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import count
from typing import NamedTuple

import numpy as np

from platewatch import _core
from platewatch.errors import ModelError, PlatewatchError
from platewatch.probability.confusion import backed_off
from platewatch.probability.evidence import ReadEvidence
from platewatch.probability.maximisation import LISTED_RANKS, MOST_CHARACTERS, first_guess, maximise
from platewatch.probability.model_files import is_unicode
from platewatch.probability.population import Population
from platewatch.probability.tables import (
    AXES_OF_COLUMNS,
    CLASSES,
    CLUTTER,
    COUNTS,
    MOST_SYMBOLS,
    RATIOS,
    SYLLABLE,
    Floats,
    Rates,
    Table,
    Tables,
    class_of,
    column_of,
    has_own_column,
    is_mark,
)

ITERATIONS = 25

LEAST_GUESSED = 0.01  # the probability of a plate that a pass is learnt of with

_GUESSING_WEIGHT = 0.45  # of one of several frames; chosen by how likely true plates become that were held back

GUESS_WORTH = 0.125
"""What a read counts whose plate was guessed, of one whose plate is known.

The frames of a pass are guessed together, and what is wrong in guesses is so again in the next ones, so that many may
not outvote what is known. Chosen by how likely true plates are afterwards: the more it is, the less.
"""

ROUNDS = 3  # of guessing the plates of unlabelled passes, and learning from that


class Example(NamedTuple):
    """A read and its true plate, canonical, and how much the pair counts: for 1, or the plate's probability.

    Of clutter, a read of a sign that is no plate, `plate` is empty.
    """

    read: ReadEvidence | str
    plate: str
    times: float = 1.0


SHARED = ("confusion", "likeness", "inserted", "split_first", "split_second")  # by all engines
_OF_ITS_CONFIDENCES = (*RATIOS, "ratio_read", "ratio_rank", "ratio_lost", "alternative", "syllable_listed")
_OF_THE_ENGINE = (*SHARED, *_OF_ITS_CONFIDENCES, *CLUTTER)  # by its cameras
# Confidences, by their log odds: 0.99 is to 0.9999 what 0.5 is to 0.99. The same for all engines, so that what one of
# them means by such a confidence is a first guess for another.
_BIN_EDGES = [float(np.float32(1 / (1 + math.exp(-0.5 * step)))) for step in range(-5, 20)]
_LIKELY_RANK = 3  # the ranks of likely alternatives are below

# How many reads the counts of the coarser table are worth where a finer one is made.
_ENGINE_READS = 100.0
_REFINED_ENGINE_READS = 350.0  # of a model that is refined: by few labels of an engine that it did not know
_CAMERA_READS = 30.0
_BASE_READS = 1000.0
_LEVEL_READS = 200.0  # at the most

_FRAME_WEIGHTS = (0.6, 0.7, 0.8, 0.9, 1.0)  # less, and two frames that agree would outvote none
_MOST_PASSES = 1000  # more than enough to tell these apart
ENOUGH_PASSES = 100  # to tell better than the model that is refined


def usable(reads: Iterable[tuple[ReadEvidence | str, str]]) -> list[Example]:
    """Those that can be matched."""
    examples: list[Example] = []
    for read, plate in reads:
        try:
            _core.read_evidence(read)
            examples.append(Example(read, _core.normalize(plate) if plate else plate))
        except PlatewatchError:
            continue
    return examples


def usable_passes(passes: Iterable[Sequence[ReadEvidence | str]]) -> list[list[ReadEvidence | str]]:
    """Of each pass the reads that can be matched; without those of which nothing is left."""
    found = []
    for reads in passes:
        usable = []
        for read in reads:
            try:
                _core.read_evidence(read)
                usable.append(read)
            except PlatewatchError:
                continue
        if usable:
            found.append(usable)
    return found


def counted(table: _core.ChannelTable, examples: Sequence[Example], symbols: str) -> Rates:
    """What has happened in the examples, in expectation, by a table of these symbols."""
    return _add(table.count(_for_core(examples))[0], listings(examples, symbols))


def refined(parent: Table, symbols: str, counts: Rates, worth: float, inherited: Sequence[str]) -> Table:
    """What was counted of a recogniser, and what the parent's counts are as so many reads more, as a table.

    The rates that are `inherited` stay the parent's.
    """
    prior = _worth(parent.counts, worth)
    total = {name: counts[name] + prior[name] for name in COUNTS}
    return replace(parent, rates=_by_counts(symbols, total, parent, inherited), counts=total)


def level_of(usual: Floats, counts: Floats, worth: float) -> Floats:
    """How often a camera's frames are of which level, where the usual shares are worth so many reads."""
    return backed_off(counts, usual, worth)


def guessed(scoring: _core.ScoringModel, passes: Iterable[Sequence[ReadEvidence | str]]) -> list[Example]:
    """The reads of passes with each plate that the vehicle may have, by its probability and what a guess is worth."""
    return [
        Example(read, plate, GUESS_WORTH * probability)
        for reads in passes
        for plate, probability in likely_plates(scoring, reads)
        for read in reads
    ]


def likely_plates(scoring: _core.ScoringModel, reads: Sequence[ReadEvidence | str]) -> list[tuple[str, float]]:
    """Those that the vehicle of a pass may have, and their probabilities, to learn of.

    Frames weigh less than where a vehicle is to be found: what is learnt of a mistake that all of them share is that it
    is none, and that feeds on itself.
    """
    return scoring.likely_plates(list(reads), max(_GUESSING_WEIGHT, 1 / len(reads)), LEAST_GUESSED)


def engine_of(read: ReadEvidence | str) -> str | None:
    """Its name, if it is one."""
    return None if isinstance(read, str) else _name(read.engine)


def camera_of(read: ReadEvidence | str) -> str | None:
    """Its id, if it is one."""
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
    base: Tables | None = None,
) -> Tables:
    """The tables that usable examples support, each engine's and each camera's as far as its reads do.

    `camera_reads`: a camera needs so many to get a table; None: none gets one. The tables leave room for the symbols
    of the population. Of `base`, they are what it becomes with these reads. `progress` is told how many rounds are
    done. Raises ValueError for numbers below 1, ModelError for a base without counts.
    """
    if iterations < 1:
        raise ValueError("iterations must be 1 or more")
    if camera_reads is not None and camera_reads < 1:
        raise ValueError("camera_reads must be 1 or more")
    if not any(example.plate for example in examples):
        raise PlatewatchError("no read of a plate to learn from")
    examples = sorted(examples, key=lambda example: str(engine_of(example.read)))
    if base is not None:
        base = widened(base, _known_symbols(examples, population, base.symbols))
    symbols = _known_symbols(examples, population) if base is None else base.symbols
    rounds = count(1)

    def done() -> None:
        progress(next(rounds))

    shared = None if base is None else base.general
    start = shared or Table(_BIN_EDGES, first_guess(symbols, CLASSES * (len(_BIN_EDGES) + 1) + 1))
    rounds_of_general = iterations if base is None else max(2, iterations // 3)
    general = _fit_table(examples, symbols, start, rounds_of_general, shared, _BASE_READS, done)
    tables = Tables(symbols, general, {})
    if base is not None:
        tables = replace(base, general=general, engines=dict(base.engines), cameras=dict(base.cameras))
    iterations = max(2, iterations // 3)  # what is refined starts near its end
    worth = _ENGINE_READS if base is None else _REFINED_ENGINE_READS
    for engine, own in _by_name(examples, engine_of).items():
        parent = tables.of_engine(engine)
        tables.engines[engine] = _fit_table(own, symbols, parent, iterations, parent, worth, done, SHARED)
    if camera_reads is None:
        return tables
    for camera, own in _by_name(examples, camera_of).items():
        if len(own) < camera_reads:
            continue
        ((main, _),) = Counter(engine_of(example.read) for example in own).most_common(1)
        parent = replace(tables.of_engine(main), engine=main)
        # What its confidences and alternatives mean is the recogniser's.
        tables.cameras[camera] = _fit_table(
            own, symbols, parent, iterations, parent, _CAMERA_READS, done, _OF_THE_ENGINE
        )
    return tables


def _by_name(
    examples: Sequence[Example], name_of: Callable[[ReadEvidence | str], str | None]
) -> dict[str, list[Example]]:
    named: dict[str, list[Example]] = {}
    for example in examples:
        if name := name_of(example.read):
            named.setdefault(name, []).append(example)
    return {name: own for name, own in sorted(named.items()) if any(example.plate for example in own)}


def frame_weight(scoring: _core.ScoringModel, examples: Sequence[Example], least: int) -> float | None:
    """How much one of several frames of a pass counts: what makes the true plates of the passes likeliest.

    None if fewer than `least` passes have several reads, which share a `pass_id`.
    """
    passes: dict[tuple[str | None, str, str], list[ReadEvidence]] = {}
    for read, plate, _ in examples:
        if plate and not isinstance(read, str) and read.pass_id is not None:
            passes.setdefault((camera_of(read), read.pass_id, plate), []).append(read)
    several = [(reads, plate) for (_, _, plate), reads in passes.items() if len(reads) > 1]
    if len(several) < least:
        return None

    def fit(weight: float) -> float:
        # A pass that no way leads to counts as one in a million million.
        logs = [scoring.log_posterior_of_pass(reads, plate, weight) for reads, plate in several[:_MOST_PASSES]]
        return math.fsum(max(log, -27.0) for log in logs)

    return max(_FRAME_WEIGHTS, key=fit)


def _known_symbols(examples: Sequence[Example], population: Population, before: str = "") -> str:
    """Those of the table that is refined, and what these reads have often enough, as far as there is room."""
    seen = Counter(c for _, plate, _ in examples for c in plate)
    read = Counter(c for text, _, _ in examples for c, _, _ in _core.read_evidence(text))
    often = seen + Counter({c: n for c, n in read.items() if n >= 5 and has_own_column(c)})
    always = set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") | set(before)
    # The plates of the population get columns in any case, so there must be room for them.
    of_population = population.symbols
    others = sorted(often.keys() - always - of_population, key=lambda c: (-often[c], c))
    room = MOST_SYMBOLS - len(always | of_population)
    return "".join(sorted(always | (often.keys() & of_population) | set(others[: max(room, 0)])))


def widened(base: Tables, symbols: str) -> Tables:
    """The same tables with columns for more symbols, of which nothing was counted. Raises ModelError."""
    for table in (base.general, *base.engines.values(), *base.cameras.values()):
        if not table.counts:
            raise ModelError("does not say what was counted for it, as the base of a fit needs it", field="counts")
    if symbols == base.symbols:
        return base
    places = np.array([*map(symbols.index, base.symbols), *range(len(symbols), len(symbols) + CLASSES)])

    def wider(table: Table, inherited: Rates) -> Table:
        counts = dict(table.counts)
        for name, axes in AXES_OF_COLUMNS.items():
            narrow = counts[name]
            shape = [len(symbols) + CLASSES if axis in axes else size for axis, size in enumerate(narrow.shape)]
            counts[name] = np.zeros(shape)
            counts[name][np.ix_(*(places if axis in axes else range(size) for axis, size in enumerate(shape)))] = narrow
        return replace(table, counts=counts, rates=maximise(symbols, counts) | inherited)

    general = wider(base.general, {})
    shared = {name: general.rates[name] for name in SHARED}
    engines = {engine: wider(table, shared) for engine, table in base.engines.items()}
    cameras = {}
    for camera, table in base.cameras.items():
        parent = engines.get(table.engine or "", general)
        cameras[camera] = wider(table, {name: parent.rates[name] for name in _OF_THE_ENGINE})
    return replace(base, symbols=symbols, general=general, engines=engines, cameras=cameras)


def _fit_table(
    examples: Sequence[Example],
    symbols: str,
    start: Table,
    iterations: int,
    parent: Table | None,
    worth: float,
    done: Callable[[], None],
    inherited: Sequence[str] = (),
) -> Table:
    """A table by expectation and maximisation, from the rates of `start` on.

    What was counted for the parent counts as so many reads more; the rates that are `inherited` stay the parent's.
    """
    clutter = clutter_counts(examples, symbols)
    examples = [example for example in examples if example.plate]
    pairs, sure = _for_core(examples), _add(listings(examples, symbols), clutter)
    prior = {} if parent is None else _worth(parent.counts, worth)
    rates, total = start.rates, {}
    for _ in range(iterations):
        counts = _add(_core.ChannelTable(symbols, start.bin_edges, rates).count(pairs)[0], sure)
        total = {name: counts[name] + prior.get(name, 0.0) for name in COUNTS}
        rates = _by_counts(symbols, total, parent, inherited)
        done()
    return replace(start, rates=rates, counts=total)


def _for_core(examples: Sequence[Example]) -> _core.Examples:
    return _core.Examples(*map(list, zip(*examples, strict=True)))


def _by_counts(symbols: str, counts: Rates, parent: Table | None, inherited: Sequence[str]) -> Rates:
    rates = maximise(symbols, counts)
    return rates if parent is None else rates | {name: parent.rates[name] for name in inherited}


def _worth(counts: Rates, reads: float) -> Rates:
    """What was counted, as of so many reads; how good frames are, as of fewer, as that is the camera's."""
    seen, clutter = counts["level"].sum(), counts["clutter_size"].sum()
    of_clutter = min(reads / clutter, 1.0) if clutter else 0.0

    def share(name: str) -> float:
        if name in CLUTTER:
            return of_clutter
        return float(min(reads, _LEVEL_READS if name == "level" else reads) / seen)

    return {name: array * share(name) for name, array in counts.items()}


def clutter_counts(examples: Iterable[Example], symbols: str) -> Rates:
    """What stood in the reads of no plate, in the shapes of the core's ChannelRates."""
    size, symbol = np.zeros(MOST_CHARACTERS), np.zeros(len(symbols) + CLASSES)
    follows = np.zeros((CLASSES + 1, CLASSES + 1, CLASSES))
    for read, plate, times in examples:
        if plate:
            continue
        characters = [c for c, _, _ in _core.read_evidence(read) if not is_mark(c)]
        size[len(characters) - 1] += times
        before = last = CLASSES
        for c in characters:
            of = class_of(c)
            follows[before, last, of] += times
            symbol[column_of(symbols, c)] += times
            before, last = last, of
    return {"clutter_size": size, "clutter_next": follows, "clutter": symbol}


def _add(counts: Rates, more: Rates) -> Rates:
    """Both together."""
    return counts | {name: counts[name] + array if name in counts else array for name, array in more.items()}


def _rank(p: float | None, q: float) -> int:
    r = q / max(p or 0, 0.01)
    return 0 if r > 0.3 else 1 if r > 0.1 else 2 if r > 0.03 else 3 if r > 0.01 else 4


def listings(examples: Iterable[Example], symbols: str) -> Rates:
    """What recognisers list for a character, whatever it really is.

    `listed_often`: [character][symbol]; `listed_syllable`: a likely one, [character]; of so many characters,
    `listing`; `listed_rank`: of the symbols listed, by rank.
    """
    place = {c: i for i, c in enumerate(symbols)}
    columns = len(symbols) + CLASSES
    often = np.zeros((columns, columns))
    syllable, listing = np.zeros((2, columns))
    ranks = np.zeros(LISTED_RANKS)
    for read, _, times in examples:
        for c, p, others in _core.read_evidence(read):
            if others is None:
                continue
            row = column_of(symbols, c)
            listing[row] += times
            if any(class_of(other) == SYLLABLE and _rank(p, q) < _LIKELY_RANK for other, q in others):
                syllable[row] += times
            for other, q in others:
                if other in place:
                    often[row, place[other]] += times
                    ranks[_rank(p, q)] += times
    return {"listed_often": often, "listed_syllable": syllable, "listing": listing, "listed_rank": ranks}
