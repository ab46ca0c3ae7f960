"""The channel model: what recognisers do to plates, P(read | plate).

The recursion over alignments is the core's (cpp/include/platewatch/probability/channel_model.hpp), its numbers are in
tables.py and how they are learnt in fit.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal, Self, TypeAlias

import numpy as np

from platewatch import _core
from platewatch.errors import ModelError, PlatewatchError
from platewatch.plural import plural
from platewatch.probability import accents, rate
from platewatch.probability import fit as fitting
from platewatch.probability.evidence import ReadEvidence
from platewatch.probability.population import Population
from platewatch.probability.tables import Floats, Table, Tables, is_mark

Quality: TypeAlias = Literal["clear", "fair", "poor", "bad"]
_QUALITIES: tuple[Quality, ...] = ("clear", "fair", "poor", "bad")
_NOISY = 2  # of these, from here on


@dataclass(frozen=True, slots=True)
class Event:
    """One step of the likeliest way from a plate to a read."""

    kind: str
    plate: str
    read: str
    log_probability: float


@dataclass(frozen=True, slots=True)
class Frame:
    """What is assumed of the camera: how often its frames are of a quality, and how often a plate is misread in one.

    `probability`: that this frame was so, if it shows the plate.
    """

    quality: Quality
    share: float
    error_rate: float
    probability: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a match has its probability. Logarithms are natural.

    `events` are the likeliest way from plate to read, in a frame of the quality `frame`. Where the read has a region
    mark that the plate lacks, the first one says that the list has omitted it, and the way is from the plate with it.
    `text` is the text that they lead to: the read's own, or the candidate that speaks most for the plate; `log_text`
    is its share of what the recogniser believes. `log_frame` is how often frames are so; with both, the events sum to
    this way's part of `log_likelihood`, which is of all ways in any frame to any text. `frames` are the qualities, best
    first, with what is assumed of the camera; `noisy` is the probability that the frame was a poor or a bad one, if the
    read is of this plate. `log_others` is what the plate is weighed against: the background, all vehicles and signs
    that are no plate, without the plate's own part.
    """

    events: tuple[Event, ...]
    frame: Quality
    frames: tuple[Frame, ...]
    log_frame: float
    noisy: float
    log_likelihood: float
    log_background: float
    log_others: float
    probability: float
    text: str
    log_text: float


class ChannelModel:
    """P(read | plate) for each camera and each engine that it was fitted on, and in general.

    A read is scored with the rates of its camera, if they are known, else of its engine, else in general. Of a camera
    it may be known only how often its frames are of which quality: then the other rates are its engine's.
    """

    def __init__(self, tables: Tables, population: Population | None = None) -> None:
        self._population = population or Population.default()
        self._tables = tables
        self._scored = tables = accents.known(tables, self._population.symbols)
        try:
            self.scoring = _core.ScoringModel(
                tables.core(tables.general),
                {engine: tables.core(table) for engine, table in tables.engines.items()},
                {camera: tables.core(table) for camera, table in tables.cameras.items()},
                _plain(tables.levels),
                dict(self._population.document),
                tables.frame_weight,
            )
        except ValueError as error:
            raise ModelError(str(error)) from None

    def __repr__(self) -> str:
        known = f"{plural(len(self.engines), 'engine')}, {plural(len(self.cameras), 'camera')}"
        return f"{type(self).__name__}(error rate {self.error_rate:.3g}, {known}, {self._population!r})"

    def __reduce__(self) -> tuple[object, ...]:
        if "default" in type(self).__dict__ and self is type(self).default():
            return type(self).default, ()
        return type(self), (self._tables, self._population)

    def with_population(self, population: Population) -> Self:
        """The same recognisers among other vehicles."""
        return type(self)(self._tables, population)

    def of_engine(self, engine: str) -> Self:
        """The model where this is the only recogniser: its rates in general, and no other engine's.

        What it says of the engine's reads is what this model says, in a twelfth of the shipped one's memory. Raises
        ModelError for an engine that is not known.
        """
        known = self._tables
        if engine not in known.engines:
            raise ModelError(f"is not among the model's engines: {', '.join(self.engines)}", field=engine)
        levels = {"": known.levels[engine]} if engine in known.levels else {}
        return type(self)(replace(known, general=known.engines[engine], engines={}, levels=levels), self._population)

    def refined(self, engines: Mapping[str | None, Table], levels: dict[str, dict[str, Floats]]) -> Self:
        """The same with these tables for engines, None for the general one, and these levels of cameras.

        All else is shared with this model, so it takes what the new tables take. `levels` are by engine, "" for the
        general table, and camera.
        """
        known = self._tables
        tables = replace(
            known,
            general=engines.get(None, known.general),
            engines=known.engines | {engine: table for engine, table in engines.items() if engine is not None},
            levels=levels,
        )
        model = object.__new__(type(self))  # not by pickling, by which the default model is itself
        model._population = self._population
        model._tables = tables
        model._scored = scored = accents.known(tables, self._population.symbols)
        model.scoring = self.scoring.refined(
            {engine or "": scored.core(scored.of_engine(engine)) for engine in engines}, _plain(levels)
        )
        return model

    @property
    def tables(self) -> Tables:
        """Its numbers."""
        return self._tables

    @property
    def population(self) -> Population:
        """The vehicles that matches are weighed against."""
        return self._population

    @property
    def engines(self) -> list[str]:
        return sorted(self._tables.engines)

    @property
    def cameras(self) -> list[str]:
        """The ids of those that have rates of their own."""
        return sorted({*self._tables.cameras, *(c for cameras in self._tables.levels.values() for c in cameras)})

    @property
    def error_rate(self) -> float:
        """The share of plates that are not read exactly, by the general rates.

        It is the mean over the population's vehicles, and what a city can measure: look at some hundred images, and
        count the reads that are not what is on the plate. A region mark that is lost is no error, nor is a hyphen.
        """
        return rate.error_rate(self._tables.symbols, self._tables.general.rates, self._population.document)

    def scaled(self, error_rate: float) -> Self:
        """The model for cameras of which this share of plates, above 0 and below 1, is not read exactly.

        The odds of all errors change by one factor: that symbols are read wrong, are lost, split or merge, and that
        others are inserted. What they are taken for stays, as does how often frames are noisy. The general rates then
        have this `error_rate`; engines and cameras that the model knows keep their distance to them. Raises ModelError.
        """
        return type(self)(rate.scaled(self._tables, error_rate, self._population.document), self._population)

    def with_cameras(self, error_rates: Mapping[str, float]) -> Self:
        """The model where of these cameras this share of plates, above 0 and below 1, is not read exactly.

        How often their frames are clean or noisy is then such that this is so, whatever engine reads them; it can be no
        less than of clean frames, and no more than of the worst. A camera that the model has a table of is as that
        says. Raises ModelError.
        """
        for camera, share in error_rates.items():
            if not 0 < share < 1:
                raise ModelError(f"of camera {camera!r} is not above 0 and below 1", field="error_rates")
        known = self._tables.levels
        levels = rate.camera_levels(self._tables, error_rates, self._population.document)
        for engine, cameras in known.items():
            levels[engine] = cameras | levels[engine]
        return self.refined({}, levels)

    @property
    def frame_weight(self) -> float:
        """How much one of several frames of a pass counts."""
        return self._tables.frame_weight

    @classmethod
    @cache
    def default(cls) -> Self:
        """The one that is shipped: fitted on the project's own reads by benchmarks/fit_channel.py."""
        return cls(Tables.shipped())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Raises ModelError or OSError."""
        return cls(Tables.load(path))

    def save(self, path: str | Path) -> None:
        """Write the model as JSON, to four digits; the population stays in its own file."""
        self._tables.save(path)

    def explain(self, read: ReadEvidence | str, plate: str) -> Explanation:
        """How probable it is that a vehicle read so has this plate, if it is the only one listed, and why.

        Raises ReadError for a read that cannot be matched, PlatewatchError for what is no plate.
        """
        if _core.is_pattern(plate):
            raise PlatewatchError("is a pattern, not a plate", field="plate")
        canonical = _core.normalize(plate)
        log_likelihood, log_background, log_others, probability, omitted = self.scoring.weigh(read, canonical)
        first: tuple[Event, ...] = ()
        if omitted:
            first = (Event("mark omitted", "", "", math.log(omitted)),)
            text = _core.normalize(read if isinstance(read, str) else read.text, read=True)
            canonical = _core.region_mark(text) + canonical
        engine, camera = (None, None) if isinstance(read, str) else (read.engine, read.camera_id)
        numbers = self._scored.of_read(engine, camera)
        table = self._scored.core(numbers)
        texts = _core.read_texts(read)
        # What the recogniser says of the characters is of its own text.
        shown: list[ReadEvidence | str] = [read, *(text for text, _ in texts[1:])]
        counted = [table.count(_core.Examples([one], [canonical])) for one in shown]
        parts = [_log(share) + log for (_, log), (_, share) in zip(counted, texts, strict=True)]
        best = parts.index(max(parts))
        level, events = table.likeliest_way(shown[best], canonical)
        if (ratio := table.ratio_read(shown[best], level)) != 1:
            first += (Event("confidence", "", "", _log(ratio)),)
        frames, order = self._frames(numbers, counted[best][0]["level"])
        return Explanation(
            events=first + tuple(_told(events, canonical, shown[best])),
            frame=_QUALITIES[order.index(level)],
            frames=frames,
            log_frame=_log(numbers.rates["level"][level]),
            noisy=math.fsum(frame.probability for frame in frames[_NOISY:]),
            log_likelihood=log_likelihood,
            log_background=log_background,
            log_others=log_others,
            probability=probability,
            text=texts[best][0],
            log_text=_log(texts[best][1]),
        )

    def _frames(self, table: Table, found: Floats) -> tuple[tuple[Frame, ...], list[int]]:
        """The qualities by a table, best first, where a read was found to be of them so; and which level is which."""
        wrong = rate.error_rates(self._scored.symbols, table.rates, self._population.document)
        order: list[int] = np.argsort(wrong, kind="stable").tolist()
        total = max(float(found.sum()), math.ulp(0.0))
        frames = (
            Frame(quality, float(table.rates["level"][i]), float(wrong[i]), float(found[i]) / total)
            for quality, i in zip(_QUALITIES, order, strict=True)
        )
        return tuple(frames), order

    @classmethod
    def fit(
        cls,
        reads: Iterable[tuple[ReadEvidence | str, str]] = (),
        *,
        passes: Iterable[Sequence[ReadEvidence | str]] = (),
        iterations: int = fitting.ITERATIONS,
        camera_reads: int | None = None,
        population: Population | None = None,
        base: ChannelModel | None = None,
        from_scratch: bool = False,
        progress: Callable[[int], None] = lambda _: None,
    ) -> Self:
        """Learn from pairs of a read and its true plate, or from passes whose plate nobody knows, or from both.

        Pairs with an empty plate are of clutter, signs that are no plate: they tell only how such are read.

        By EM over all alignments, among the vehicles of `population`, Korea's if none is given. Of a pass, which is
        the reads of one vehicle at one camera, the plate is latent: the plates that the population makes plausible
        count by their probability, with what was learnt before, three times in turn. So a mistake that all frames share
        is not taken for the truth.

        What is learnt refines `base`, or else the shipped model: that counts as some hundred reads, and the more there
        are the less it does. `from_scratch` refines nothing, which takes thousands of labelled reads.

        Reads and plates that cannot be matched are left out. An engine gets rates of its own as far as its reads
        support them; so does a camera with `camera_reads` of them or more, backed off to its engine's. None: no
        camera does. `progress` is told how many rounds of EM are done, of all tables together. Raises PlatewatchError
        if nothing is left, ModelError for a base that does not say what was counted for it, ValueError for
        `iterations` or `camera_reads` below 1, and for passes that are to be learnt from scratch.
        """
        population = population or Population.default()
        examples, unlabelled = fitting.usable(reads), fitting.usable_passes(passes)
        if not examples and not unlabelled:
            raise PlatewatchError("no read to learn from")
        if from_scratch:
            if unlabelled:
                raise ValueError("passes whose plates nobody knows need a model to start from")
            tables = fitting.fit_tables(examples, iterations, camera_reads, population, progress)
        else:
            model = (base or ChannelModel.default()).with_population(population)
            start = tables = model._tables
            for _ in range(fitting.ROUNDS if unlabelled else 1):
                guessed = fitting.guessed(model.scoring, unlabelled)
                tables = fitting.fit_tables(examples + guessed, iterations, camera_reads, population, progress, start)
                model = cls(tables, population)
        enough = 1 if from_scratch else fitting.ENOUGH_PASSES
        weight = fitting.frame_weight(cls(tables, population).scoring, examples, enough)
        return cls(replace(tables, frame_weight=weight or tables.frame_weight), population)


def _plain(levels: Mapping[str, Mapping[str, Floats]]) -> dict[str, dict[str, list[float]]]:
    return {engine: {camera: level.tolist() for camera, level in cameras.items()} for engine, cameras in levels.items()}


def _told(
    events: Sequence[tuple[str, int, int, int, int, float]], plate: str, read: ReadEvidence | str
) -> Iterator[Event]:
    """The events with their symbols and characters, and the marks that say nothing where they stand."""
    characters, marks = "", {0: ""}
    for c, _, _ in _core.read_evidence(read):
        if is_mark(c):
            marks[len(characters)] = c
        else:
            characters += c
    told = {j for kind, _, _, j, _, _ in events if kind == "mark"}
    separators = {gap: mark for gap, mark in marks.items() if mark and gap not in told}

    def up_to(gap: int) -> Iterator[Event]:
        for passed in [passed for passed in separators if passed <= gap]:
            yield Event("separator", "", separators.pop(passed), 0.0)

    for kind, i, n, j, m, log in events:
        if m:
            yield from up_to(j)
        yield Event(kind, plate[i : i + n], marks[j] if kind == "mark" else characters[j : j + m], log)
    yield from up_to(len(characters))


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf
