"""What a model becomes by traffic that nobody has labelled, judged on that traffic: docs/evaluation.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import msgspec
import numpy as np

from platewatch.evaluation.models import Models, parts_by_fold, worker_threads
from platewatch.evaluation.results import Evaluation, Learnt, LearntRates, Settings
from platewatch.evaluation.run import evaluate
from platewatch.evaluation.sample import LabelledRead, group_passes
from platewatch.matching.reads import Read
from platewatch.probability.channel_model import ChannelModel
from platewatch.probability.fit import usable_passes

TOLD_ALARM_RATES = (0.0003, 0.001)
TOLD_THRESHOLDS = (0.5, 0.9)
"""Of all that are measured."""
NAMES_OF_LEARNERS = {("read", "model"): "by read", ("pass", "model, fused"): "by pass, fused"}
"""What is told of: units and models, and how they are called."""


def learners(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Those of `NAMES_OF_LEARNERS` that the evaluation has learnt figures of."""
    return [
        (rates.unit, rates.name)
        for learnt in evaluation.learnt[:1]
        for rates in learnt.rates
        if (rates.unit, rates.name) in NAMES_OF_LEARNERS
    ]


class _Lesson(NamedTuple):
    """What the model of each fold learns of."""

    asked: int
    by_fold: list[list[list[Read]]]

    @property
    def reads(self) -> int:
        return sum(len(reads) for passes in self.by_fold for reads in passes)

    @property
    def passes(self) -> int:
        return sum(map(len, self.by_fold))


def with_learning(
    evaluation: Evaluation,
    sample: Sequence[LabelledRead],
    models: Models,
    counts: Sequence[int],
    *,
    camera_reads: int | None = None,
    never_listed: Sequence[str] = (),
    progress: Callable[[int], None] = lambda _: None,
) -> Evaluation:
    """The evaluation, and what it would have been had each model learnt of so many unlabelled reads before.

    They are of the traffic that the model is judged on, whole passes drawn by the seed, and their true plates are not
    looked at. The more are the fewer and others. Where there are no more, fewer are taken, and further counts are left
    out. `camera_reads`: as of `ChannelModel.fit`. `progress` is told how many models have learnt and been judged.
    Raises as `evaluate` and the fit do.
    """
    settings = evaluation.settings
    passes = len(evaluation.views) > 1
    learnt = [_figures(evaluation, 0, _Lesson(0, []))]
    for done, lesson in enumerate(_lessons(sample, models, settings, counts), 1):
        taught = _taught(models, lesson, camera_reads)
        after = evaluate(sample, taught, settings, passes=passes, never_listed=never_listed)
        learnt.append(_figures(after, lesson.asked, lesson))
        progress(done)
    return msgspec.structs.replace(evaluation, learnt=learnt)


def _lessons(
    sample: Sequence[LabelledRead], models: Models, settings: Settings, counts: Sequence[int]
) -> Iterator[_Lesson]:
    traffic: list[list[list[Read]]] = [[] for _ in models.by_fold]
    for places in group_passes(sample):
        for fold, part in parts_by_fold(sample, models, places).items():
            # What nothing can be read of teaches nothing, and is no read that was learnt of.
            for usable in usable_passes([[models.asked(sample[place]) for place in part]]):
                traffic[fold].append([read for read in usable if isinstance(read, Read)])
    for fold, passes in enumerate(traffic):
        order = np.random.default_rng([settings.seed, 3, fold]).permutation(len(passes))
        traffic[fold] = [passes[place] for place in order.tolist()]
    before = 0
    for count in sorted(set(counts)):
        lesson = _Lesson(count, [_first(passes, count) for passes in traffic])
        if lesson.reads == before:
            return
        before = lesson.reads
        yield lesson


def _first(passes: Sequence[list[Read]], reads: int) -> list[list[Read]]:
    """So many of the passes as have that many reads together."""
    sizes = np.cumsum([len(one) for one in passes])
    return list(passes[: int(np.searchsorted(sizes, reads)) + 1])


def _taught(models: Models, lesson: _Lesson, camera_reads: int | None) -> Models:
    def taught(fold: int) -> ChannelModel:
        base, passes = models.by_fold[fold], lesson.by_fold[fold]
        if not passes:
            return base
        return ChannelModel.fit(passes=passes, base=base, population=base.population, camera_reads=camera_reads)

    with worker_threads() as threads:
        by_fold = list(threads.map(taught, range(len(models.by_fold))))
    return replace(models, by_fold=by_fold)


def _figures(evaluation: Evaluation, asked: int, lesson: _Lesson) -> Learnt:
    return Learnt(
        asked=asked,
        reads=lesson.reads,
        passes=lesson.passes,
        rates=[
            LearntRates(
                unit=view.unit,
                name=model.name,
                at_alarm_rates=[point for point in model.at_alarm_rates if point.alarm_rate in TOLD_ALARM_RATES],
                at_thresholds=[point for point in model.at_thresholds if point.threshold in TOLD_THRESHOLDS],
            )
            for view in evaluation.views
            for model in view.models
        ],
        calibration_error=evaluation.calibration.error,
        log_loss_ratio=evaluation.calibration.log_loss_ratio,
    )
