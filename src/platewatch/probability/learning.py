"""What traffic tells of its cameras, though nobody says what the plates were.

The plate of a pass that is over is latent: the plates that the vehicle may have had count by their probability, by what
is known so far (fit.py has the same for a file). Kept is only what adds up over many reads, and never a plate or a
read: of an engine, how often what has happened to symbols; of a camera, how often its frames are of which level and how
many plates it misreads. Too little of that changes nothing, and is written nowhere.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta, Struct

from platewatch import _core
from platewatch.errors import ModelError, at_fault
from platewatch.probability import fit, rate
from platewatch.probability.channel_model import ChannelModel
from platewatch.probability.drift import Change, Decaying, Drift
from platewatch.probability.evidence import ReadEvidence
from platewatch.probability.tables import COUNTS, Floats, Rates, counts_of, sparse

HALF_LIFE: Final = 100_000.0
"""Reads of an engine after which one counts half, unless set otherwise."""

ENGINE_FLOOR: Final = 300.0
"""Reads of an engine below which nothing is changed."""

CAMERA_FLOOR: Final = 50.0
"""The same of a camera."""

MOST_ENGINES: Final = 64
MOST_CAMERAS: Final = 10_000

_FORMAT: Final = "platewatch learnt 1"
_BASE_READS: Final = 1000.0  # what the base counts as, beside what an engine has shown
_ENGINE_READS: Final = 50.0  # what an engine's levels count as, beside those of a camera
_CAMERA_HALF_LIFE: Final = 0.02  # of an engine's: a camera changes sooner than what reads for it
_NEWS: Final = 0.05  # more of an engine's reads than its table was made of make a new one
_CAMERAS_A_STEP: Final = 200
_LEAST_PLATE: Final = 0.5  # the probability that a pass is of a plate that can be told


class EngineState(NamedTuple):
    """What was learnt of an engine, None for reads without one.

    How many reads count, the share of plates misread as it was taken to be, and as it is.
    """

    engine: str | None
    reads: float
    assumed: float
    misread: float


class CameraState(NamedTuple):
    """What was learnt of a camera with an engine: how many reads count, its share of misread plates, usual and now."""

    camera: str
    engine: str | None
    reads: float
    usual: float
    misread: float
    is_bad: bool


@dataclass(slots=True)
class _Engine:
    counts: Rates
    misread: Decaying = field(default_factory=Decaying)
    news: float = 0.0  # reads since a table was made of them
    is_used: bool = False


@dataclass(slots=True)
class _Camera:
    level: Floats
    misread: Decaying = field(default_factory=Decaying)
    drift: Drift = field(default_factory=Drift)


_Name = Annotated[str, Meta(min_length=1)]


class _EngineRow(Struct, forbid_unknown_fields=True):
    engine: _Name | None
    misread: Decaying
    counts: dict[str, Any]


class _CameraRow(Struct, forbid_unknown_fields=True):
    camera: _Name
    engine: _Name | None
    level: list[Annotated[float, Meta(ge=0)]]
    misread: Decaying
    drift: Drift


class _File(Struct, forbid_unknown_fields=True):
    format: str
    base: str
    engines: list[_EngineRow] = []
    cameras: list[_CameraRow] = []


class Learner:
    """Refines a model by passes whose plates nobody knows; `model` is what has come of it when `refine` was last run.

    `half_life`: reads of an engine after which one counts half; of a camera, a fiftieth. `on_change` is told of a
    camera, with its engine, that has begun to misread more plates than it used to, or no longer does. At most
    `most_engines` and `most_cameras` are known, of cameras those that were learnt of last. Raises ModelError for a base
    that does not say what was counted for it. Not for several threads at once.
    """

    def __init__(
        self,
        base: ChannelModel,
        *,
        half_life: float = HALF_LIFE,
        on_change: Callable[[CameraState, Change], None] = lambda camera, change: None,
        most_engines: int = MOST_ENGINES,
        most_cameras: int = MOST_CAMERAS,
    ) -> None:
        self.model = self.base = base
        # Only to refuse what cannot be refined, before there is anything to do it with.
        fit.widened(base.tables, base.tables.symbols)
        self._half_life = half_life
        self._on_change = on_change
        self._most_engines = most_engines
        self._most_cameras = most_cameras
        self._engines: OrderedDict[str | None, _Engine] = OrderedDict()  # learnt of last at the end, as of cameras
        self._cameras: OrderedDict[tuple[str, str | None], _Camera] = OrderedDict()
        self._tables: dict[str | None, _core.ChannelTable] = {}  # of `model`, to count with
        self._error_rates: Mapping[str, float] = {}
        self.passes = 0
        """That were learnt of, since the start."""

    def learn(self, reads: Sequence[ReadEvidence | str]) -> None:
        """Of the reads of a pass that is over. What cannot be matched is left out."""
        for usable in fit.usable_passes([reads]):
            self.passes += 1
            plates = dict(fit.likely_plates(self.model.scoring, usable))
            names = [(fit.engine_of(read) or None, fit.camera_of(read) or None) for read in usable]
            order = sorted(range(len(usable)), key=lambda i: tuple(map(str, names[i])))
            for (engine, camera), places in groupby(order, key=names.__getitem__):
                self._learn(engine, camera, [usable[i] for i in places], plates)

    def _learn(
        self, engine: str | None, camera: str | None, reads: list[ReadEvidence | str], plates: dict[str, float]
    ) -> None:
        known = self._engine(engine)
        if known is None:
            return
        tables = self.model.tables
        table = self._tables.get(engine)
        if table is None:
            table = self._tables[engine] = tables.core(tables.of_engine(engine))
        table_level = tables.of_read(engine, camera).rates["level"]
        if camera is not None:
            table = table.with_level(table_level.tolist())
        count = len(reads)
        right = math.fsum(plates[plate] for read in reads for plate in plates if _is_read_right(read, plate))
        misread = min(max(1 - right / count, 0.0), 1.0)
        level = np.zeros_like(table_level)
        # Of what may be any plate, or is none, no more can be told than that it is misread.
        if math.fsum(plates.values()) >= _LEAST_PLATE:
            examples = [fit.Example(read, plate, times) for read in reads for plate, times in plates.items()]
            counts = fit.counted(table, examples, tables.symbols)
            level = counts["level"]
            keep = 0.5 ** (count / self._half_life)
            for name, total in known.counts.items():
                total *= keep
                total += counts[name]
        known.misread.add(misread, count, self._half_life)
        known.news += count
        if camera is not None:
            self._learn_camera((camera, engine), level, misread, count)

    def _learn_camera(self, name: tuple[str, str | None], level: Floats, misread: float, count: float) -> None:
        known = self._cameras.get(name)
        if known is None:
            known = self._cameras[name] = _Camera(np.zeros_like(level))
            if len(self._cameras) > self._most_cameras:
                self._cameras.popitem(last=False)
        self._cameras.move_to_end(name)
        half_life = max(self._half_life * _CAMERA_HALF_LIFE, CAMERA_FLOOR)
        known.level = known.level * 0.5 ** (count / half_life) + level
        known.misread.add(misread, count, half_life)
        if change := known.drift.learn(misread):
            self._on_change(_state(*name, known), change)

    def _engine(self, name: str | None) -> _Engine | None:
        """None: there are too many others, of which more is known."""
        known = self._engines.get(name)
        if known is None:
            if len(self._engines) >= self._most_engines:
                idle = next((other for other, of in self._engines.items() if of.misread.count < ENGINE_FLOOR), name)
                if idle == name:
                    return None
                del self._engines[idle]
                self._tables.pop(idle, None)
            like = self.base.tables.of_engine(name).counts
            known = self._engines[name] = _Engine({count: np.zeros_like(like[count]) for count in COUNTS})
        self._engines.move_to_end(name)
        return known

    def expect(self, error_rates: Mapping[str, float]) -> None:
        """Begin for these cameras from this share of misread plates, as `ChannelModel.with_cameras` takes it, with the
        next `refine`: what they show goes on from there.
        """
        self._error_rates = dict(error_rates)

    def refine(self) -> Iterator[None]:
        """Make `model` anew of the base and what has been learnt, in steps of some ten milliseconds at most."""
        model, base = self.model, self.base.tables
        changed = {name: engine for name, engine in self._engines.items() if _is_due(engine)}
        for name, engine in changed.items():
            engine.news, engine.is_used = 0.0, True
            parent, inherited = base.of_engine(name), () if name is None else fit.SHARED
            counts = {name: fit.GUESS_WORTH * total for name, total in engine.counts.items()}
            table = fit.refined(parent, base.symbols, counts, _BASE_READS, inherited)
            yield
            model = model.refined({name: table}, {})
            yield
        levels = rate.camera_levels(model.tables, self._error_rates, model.population.document)
        yield
        for place, ((camera, of), known) in enumerate(list(self._cameras.items())):
            if known.misread.count >= CAMERA_FLOOR:
                of_engine = levels[of if of is not None and of in model.tables.engines else ""]
                usual = of_engine.get(camera)
                if usual is None:
                    usual = model.tables.of_engine(of).rates["level"]
                of_engine[camera] = fit.level_of(usual, known.level, _ENGINE_READS)
            if place % _CAMERAS_A_STEP == 0:
                yield
        self.model = model.refined({}, levels)
        for name in changed:
            self._tables.pop(name, None)

    def engines(self) -> list[EngineState]:
        """What is known of those with enough reads to change anything, the most read first."""
        states = [
            EngineState(name, known.misread.count, self._assumed(name), known.misread.mean)
            for name, known in self._engines.items()
            if known.misread.count >= ENGINE_FLOOR
        ]
        return sorted(states, key=lambda state: -state.reads)

    def _assumed(self, engine: str | None) -> float:
        tables = self.base.tables
        return rate.error_rate(tables.symbols, tables.of_engine(engine).rates, self.base.population.document)

    def cameras(self) -> list[CameraState]:
        """The same of cameras: those that have gone bad first, then the most misread."""
        states = [_state(*name, known) for name, known in self._cameras.items() if known.misread.count >= CAMERA_FLOOR]
        return sorted(states, key=lambda state: (not state.is_bad, -state.misread, state.camera))

    def encoded(self) -> Generator[None, None, bytes]:
        """What a file keeps, in steps: what is known of engines and cameras with enough reads."""
        file = _File(_FORMAT, self._base_digest)
        for name, engine in list(self._engines.items()):
            if engine.misread.count >= ENGINE_FLOOR:
                file.engines.append(_EngineRow(name, engine.misread, sparse(engine.counts)))
                yield
        for place, ((camera, of), known) in enumerate(list(self._cameras.items())):
            if known.misread.count >= CAMERA_FLOOR:
                level = np.round(known.level, 3).tolist()
                file.cameras.append(_CameraRow(camera, of, level, known.misread, known.drift))
            if place % _CAMERAS_A_STEP == 0:
                yield
        return msgspec.json.encode(file)

    def save(self, path: Path) -> None:
        """Write what `load` reads, in place of what is there, once it is whole. Raises OSError."""
        steps = self.encoded()
        while True:
            try:
                next(steps)
            except StopIteration as done:
                write(path, done.value)
                return

    def load(self, path: Path) -> None:
        """Take what was saved in place of what is known, and refine the model.

        Raises OSError, or ModelError for what is no such file, or one that was learnt with another base; what is known
        then stays.
        """
        try:
            file = msgspec.json.decode(path.read_bytes(), type=_File)
        except msgspec.ValidationError as error:
            reason, place = at_fault(error)
            raise ModelError(reason, field=place) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ModelError(f"is not a {_FORMAT}: {error}") from None
        if file.format != _FORMAT:
            raise ModelError(f"is not a {_FORMAT}", field="format")
        if file.base != self._base_digest:
            raise ModelError("was learnt with another model", field="base")
        engines: OrderedDict[str | None, _Engine] = OrderedDict()
        for row in file.engines[-self._most_engines :]:
            like = self.base.tables.of_engine(row.engine).counts
            counts = counts_of(row.counts, f"counts of engine {row.engine!r}")
            for name in COUNTS:
                if counts[name].shape != like[name].shape:
                    raise ModelError(f"{name} of engine {row.engine!r}: is not of the model's shape")
            engines[row.engine] = _Engine(counts, row.misread)
        cameras: OrderedDict[tuple[str, str | None], _Camera] = OrderedDict()
        for camera in file.cameras[-self._most_cameras :]:
            level = np.array(camera.level, dtype=np.float64)
            if level.shape != self.base.tables.general.rates["level"].shape:
                raise ModelError(f"level of camera {camera.camera!r}: is not of the model's shape")
            cameras[camera.camera, camera.engine] = _Camera(level, camera.misread, camera.drift)
        self._engines, self._cameras, self._tables = engines, cameras, {}
        self.model = self.base
        for _ in self.refine():
            pass

    @cached_property
    def _base_digest(self) -> str:
        """Tells a base from others: what was counted by one model says little to another."""
        tables = self.base.tables
        digest = hashlib.sha256(tables.symbols.encode())
        for name, table in [("", tables.general), *sorted(tables.engines.items())]:
            digest.update(name.encode())
            for arrays in (table.rates, table.counts):
                for array in sorted(arrays):
                    digest.update(np.ascontiguousarray(arrays[array]).tobytes())
        return digest.hexdigest()


def write(path: Path, data: bytes) -> None:
    """In place of what is there, once it is whole and on disk. Raises OSError."""
    beside = path.with_name(f"{path.name}.new")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _is_due(engine: _Engine) -> bool:
    """Is there enough to make a table of, and news?"""
    reads = engine.misread.count
    return reads >= ENGINE_FLOOR and engine.news >= (_NEWS * reads if engine.is_used else 0)


def _state(camera: str, engine: str | None, known: _Camera) -> CameraState:
    drift = known.drift
    return CameraState(camera, engine, known.misread.count, drift.reference.mean, drift.now.mean, drift.is_bad)


def _is_read_right(read: ReadEvidence | str, plate: str) -> bool:
    """But for a region mark that was lost, which matching forgives."""
    text = _core.normalize(read if isinstance(read, str) else read.text, read=True)
    return plate.removeprefix(_core.region_mark(plate)) == text.removeprefix(_core.region_mark(text))
