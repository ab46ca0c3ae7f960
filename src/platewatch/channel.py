"""The channel model: what recognisers do to plates, P(read | plate).

The recursion over alignments is the core's (cpp/include/platewatch/channel_model.hpp), its numbers are in
channel_tables.py and how they are learnt in channel_fit.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Self

from platewatch import _core, channel_fit
from platewatch.channel_tables import Tables
from platewatch.errors import ModelError
from platewatch.population import Population
from platewatch.reads import Read


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
    """P(read | plate) for each camera and each engine that it was fitted on, and in general.

    A read is scored with the rates of its camera, if they are known, else of its engine, else in general.
    """

    def __init__(self, tables: Tables, population: Population | None = None) -> None:
        self._numbers = tables
        self._population = population or Population.default()
        self._general = tables.core(tables.general)
        self._engines = {engine: tables.core(table) for engine, table in tables.engines.items()}
        self._cameras = {camera: tables.core(table) for camera, table in tables.cameras.items()}
        try:
            vehicles = dict(self._population.document)
            self.scoring = _core.ScoringModel(
                self._general, self._engines, self._cameras, vehicles, tables.frame_weight
            )
        except ValueError as error:
            raise ModelError(str(error)) from None

    def with_population(self, population: Population) -> Self:
        """The same recognisers among other vehicles."""
        return type(self)(self._numbers, population)

    @property
    def engines(self) -> list[str]:
        return sorted(self._engines)

    @property
    def cameras(self) -> list[str]:
        """The ids of those that have rates of their own."""
        return sorted(self._cameras)

    @property
    def frame_weight(self) -> float:
        """How much one of several frames of a pass counts."""
        return self._numbers.frame_weight

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
        """Write the model as JSON."""
        self._numbers.save(path)

    def explain(self, read: Read | str, plate: str) -> Explanation:
        """How probable it is that a vehicle read so has this plate, if it is the only one listed, and why.

        Raises ReadError for a read that cannot be matched.
        """
        canonical = _core.normalize(plate)
        engine, camera = ("", "") if isinstance(read, str) else (read.engine or "", read.camera_id or "")
        table = self._cameras.get(camera) or self._engines.get(engine, self._general)
        characters = "".join(c for c, _, _ in _core.read_evidence(read))
        events = tuple(
            Event(kind, canonical[i : i + n], characters[j : j + m], log)
            for kind, i, n, j, m, log in table.events(read, canonical)
        )
        log_likelihood = self.scoring.log_likelihood(read, canonical, engine, camera)
        log_background = self.scoring.log_background(read, engine, camera)
        registered = self.scoring.registered(canonical)
        return Explanation(
            events,
            log_likelihood,
            log_background,
            posterior([log_likelihood], log_background, [registered])[0],
        )

    @classmethod
    def fit(
        cls,
        reads: Iterable[tuple[Read | str, str]],
        *,
        iterations: int = channel_fit.ITERATIONS,
        camera_reads: int | None = None,
    ) -> Self:
        """Learn from pairs of a read and its true plate, by EM over all alignments.

        Reads and plates that cannot be matched are left out. An engine gets rates of its own as far as its reads
        support them; so does a camera with `camera_reads` of them or more, backed off to its engine's. None: no
        camera does. Raises PlatewatchError if nothing is left.
        """
        examples = channel_fit.usable(reads)
        tables = channel_fit.fit_tables(examples, iterations, camera_reads)
        return cls(replace(tables, frame_weight=channel_fit.frame_weight(cls(tables).scoring, examples)))


def posterior(log_likelihoods: Sequence[float], log_background: float, shares: Sequence[float]) -> list[float]:
    """P(plate | read) of distinct listed plates.

    `shares` says of each how many unlisted vehicles the background counts for it: they are the listed one.
    """
    top = max([*log_likelihoods, log_background])
    weights = [math.exp(log - top) for log in log_likelihoods]
    others = math.exp(log_background - top) - sum(s * w for s, w in zip(shares, weights, strict=True))
    total = math.fsum(weights) + max(others, 0.0)
    return [weight / total for weight in weights]
