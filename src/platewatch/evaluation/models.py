"""The models that an evaluation judges: one for all reads, or for each fold one that has not seen its reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import Literal, TypeAlias

import msgspec

from platewatch.cores import cores
from platewatch.evaluation.results import Settings
from platewatch.evaluation.sample import LabelledRead, folds_of
from platewatch.matching.reads import Read
from platewatch.probability.channel_model import ChannelModel
from platewatch.probability.population import Population

LeftOut: TypeAlias = Literal["engine", "camera"]


@dataclass(frozen=True, slots=True)
class Models:
    """The model of each fold, and the fold of each plate. Without folds, one model is for all.

    With `left_out`, folds are of engines or cameras by name, not of plates. Reads do not say which engine they are of
    if it is `unnamed`, as one that was left out is.
    """

    by_fold: Sequence[ChannelModel]
    fold: dict[str, int] | None
    name: str
    left_out: LeftOut | None = None
    unnamed: bool = False

    @property
    def population(self) -> Population:
        """The vehicles that all of them weigh matches against."""
        return self.by_fold[0].population

    def fold_of(self, labelled: LabelledRead) -> int:
        return self.fold[_in_fold(labelled, self.left_out)] if self.fold is not None else 0

    def asked(self, labelled: LabelledRead) -> Read:
        """The read as it is matched."""
        read = labelled.read
        return msgspec.structs.replace(read, engine=None) if self.unnamed or self.left_out == "engine" else read


def parts_by_fold(sample: Sequence[LabelledRead], models: Models, places: Sequence[int]) -> dict[int, list[int]]:
    """The places of a pass, apart if they are in several folds, as they may be with several engines."""
    parts: dict[int, list[int]] = {}
    for place in places:
        parts.setdefault(models.fold_of(sample[place]), []).append(place)
    return parts


def _in_fold(labelled: LabelledRead, left_out: LeftOut | None) -> str:
    """What is in a fold with all its reads."""
    if left_out is None:
        return labelled.plate
    return (labelled.read.engine if left_out == "engine" else labelled.read.camera_id) or ""


@contextmanager
def worker_threads() -> Iterator[ThreadPoolExecutor]:
    """As many as there are cores: the core needs no lock of Python's. What has not begun when it fails is left."""
    threads = ThreadPoolExecutor(cores())
    try:
        yield threads
    finally:
        threads.shutdown(cancel_futures=True)


def cross_validated(
    sample: Sequence[LabelledRead],
    settings: Settings,
    progress: Callable[[int], None] = lambda _: None,
    population: Population | None = None,
    leave_out: LeftOut | None = None,
) -> Models:
    """A model for each fold, fitted on the reads of all others, among the vehicles of `population`, or Korea's.

    Folds are of plates: `settings.folds` of them. With `leave_out` each engine is one, or cameras are shared out in as
    many: reads that do not say theirs are all of one. Raises PlatewatchError on too few plates, engines or cameras.
    """
    names = [_in_fold(labelled, leave_out) for labelled in sample]
    folds = max(2, len(set(names))) if leave_out == "engine" else settings.folds
    fold = folds_of(names, folds, settings.seed, "plate" if leave_out is None else leave_out)
    is_over = Event()

    def fitted(held_out: int) -> ChannelModel:
        # Not from the shipped model, which has learnt of the bundled reads, all of them.
        return ChannelModel.fit(
            (example(s) for s, name in zip(sample, names, strict=True) if fold[name] != held_out),
            population=population,
            from_scratch=True,
            progress=lambda _: _go_on(is_over),
        )

    models = []
    with worker_threads() as threads:
        try:
            for model in threads.map(fitted, range(folds)):
                models.append(model)
                progress(len(models))
        finally:
            is_over.set()
    name = f"fitted on these reads, cross-validated in {folds} folds of {leave_out or 'plate'}s"
    if leave_out == "engine":
        name += ": each read is judged as of an unknown engine, by what the others do"
    return Models(models, fold, among(name, population), leave_out)


def _go_on(is_over: Event) -> None:
    """Nobody waits for a fit that has begun when another has failed, or the user wants no more."""
    if is_over.is_set():
        raise CancelledError


def among(model: str, population: Population | None) -> str:
    """What a model is called whose population was given."""
    return model if population is None else f"{model}, among the vehicles of {population.name}"


def example(labelled: LabelledRead) -> tuple[Read, str]:
    """For fitting: with the pass where the file says it, so that it is learnt how much several frames are worth."""
    return msgspec.structs.replace(labelled.read, pass_id=labelled.passing), labelled.plate
