"""How sure a model is that was fitted on the labels of few plates: docs/evaluation.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import numpy as np

from platewatch._core import normalize, region_mark
from platewatch.errors import PlatewatchError
from platewatch.evaluation.figures import Bootstrap, Floats, Interval
from platewatch.evaluation.models import example
from platewatch.evaluation.sample import LabelledRead, folds_of
from platewatch.probability.channel_model import ChannelModel

FEW: Final = 200
"""Plates up to which it is asked; `platewatch evaluate --fit` says more of more."""

LEAST: Final = 5
"""Plates that are needed to hold any out."""

_FOLDS: Final = 10
_REPLICATES: Final = 1000
_LEAST_LOG: Final = -30.0  # of a plate that no way leads to


class HeldOut(msgspec.Struct, frozen=True, kw_only=True):
    """What labels say, each plate's under a model that has not seen it.

    `misread` is the share of reads that are not their plate; `gain` how much less than the model that was refined the
    refined one is surprised by the true plates, in nats a read.
    """

    plates: int
    misread: Interval
    gain: Interval

    def in_words(self) -> str:
        """Two sentences: how many plates are misread, and whether the labels have helped."""
        rate, gain = self.misread, self.gain
        if rate.value is None or gain.value is None or gain.low is None or gain.high is None:
            raise AssertionError("there are reads")
        told = f"{100 * rate.value:.0f} % of these reads are not their plate"
        if rate.low is not None and rate.high is not None:
            told += f" (95 %: {100 * rate.low:.0f} to {100 * rate.high:.0f})"
        size = f"{abs(gain.value):.2f} nats a read (95 %: {gain.low:+.2f} to {gain.high:+.2f})"
        if gain.low > 0:
            verdict = f"better by {size} than the model that it refines"
        elif gain.high < 0:
            verdict = f"WORSE by {size} than the model that it refines: keep that, or label other plates"
        elif gain.value > 0:
            verdict = f"better by {size}, but these are too few to tell"
        else:
            verdict = f"not better, but worse by {size}: too few to tell, and no reason to use it"
        return f"{told}; of {self.plates} plates, each held out in turn, it is {verdict}"


def held_out(
    sample: Sequence[LabelledRead],
    base: ChannelModel,
    fit: Callable[[Sequence[LabelledRead]], ChannelModel],
    *,
    seed: int = 1,
) -> HeldOut:
    """Judge what `fit` makes of `base`, on plates that it was not fitted on, ten folds of them or as many as there are.

    Raises PlatewatchError for fewer than `LEAST` plates, and for a read that cannot be matched.
    """
    plates = sorted({labelled.plate for labelled in sample})
    if len(plates) < LEAST:
        raise PlatewatchError(f"needs {LEAST} plates to hold some out")
    folds = min(_FOLDS, len(plates))
    fold = folds_of(plates, folds, seed)
    place = {plate: i for i, plate in enumerate(plates)}
    reads, wrong, before, after = np.zeros((4, len(plates)))
    for held in range(folds):
        model = fit([labelled for labelled in sample if fold[labelled.plate] != held])
        for labelled in sample:
            if fold[labelled.plate] == held:
                at = place[labelled.plate]
                reads[at] += 1
                wrong[at] += _is_misread(labelled)
                before[at] += surprise(base, labelled)
                after[at] += surprise(model, labelled)
    bootstrap = Bootstrap(len(plates), _REPLICATES, seed)
    return HeldOut(
        plates=len(plates),
        misread=bootstrap.ratio(wrong, reads),
        gain=_gain(bootstrap, before - after, reads),
    )


def _gain(bootstrap: Bootstrap, saved: Floats, reads: Floats) -> Interval:
    """With an interval that is wider the fewer plates there are: draws of few plates vary too little."""
    found = bootstrap.quotient(saved, reads)
    if found.value is None or found.low is None or found.high is None:
        return found
    wider = (bootstrap.plates / (bootstrap.plates - 1)) ** 0.5 * (1 + 2 / bootstrap.plates)
    value = found.value
    return Interval(value, value - wider * (value - found.low), value + wider * (found.high - value))


def surprise(model: ChannelModel, labelled: LabelledRead) -> float:
    """-log P(true plate | read), in nats, if no plate is listed."""
    read, plate = example(labelled)
    return -max(model.scoring.log_posterior_of_pass([read], plate, 1.0), _LEAST_LOG)


def _is_misread(labelled: LabelledRead) -> bool:
    """But for a region mark that was lost, which matching forgives."""
    text, plate = normalize(labelled.read.text, read=True), labelled.plate
    return plate.removeprefix(region_mark(plate)) != text.removeprefix(region_mark(text))
