"""`platewatch fit`: a channel model that has learnt of your own reads."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from platewatch._core import normalize
from platewatch.cli.common import (
    PopulationFile,
    errors_to_exit,
    fail,
    load_population,
    plural,
    prepare,
    progress,
    stderr,
    warn_of_other_vehicles,
)
from platewatch.cli.labelled import ReadsFile, ReadsOption, file_of_reads, load_labelled
from platewatch.evaluation.run import SAMPLES, example
from platewatch.evaluation.sample import LabelledRead, why_missed
from platewatch.probability.channel_model import ChannelModel
from platewatch.probability.fit import ITERATIONS

_SHOWN_NAMES = 5


def fit(
    reads: ReadsFile = None,
    *,
    reads_option: ReadsOption = None,
    output: Annotated[Path, typer.Option(help="Where to write the model: JSON.", dir_okay=False)],
    population: PopulationFile = None,
    camera_reads: Annotated[
        int | None,
        typer.Option(min=1, help="Cameras with so many reads get rates of their own (200 is a start); else none does."),
    ] = None,
    iterations: Annotated[int, typer.Option(min=1, help="Rounds of EM for the general rates.")] = ITERATIONS,
    country: Annotated[str | None, typer.Option(help="Learn only of reads of this `country`.")] = None,
) -> None:
    """Fit a channel model on reads whose true plate is known: what your recognisers do to plates.

    The file is that of `platewatch evaluate`: a row is a read and its `truth`, as
    {"text": "12가3457", "truth": "12가3456", "engine": "lpr-3", "camera_id": "GJ-0117"}. Some thousand reads are
    good; each `engine` learns rates of its own as far as its reads support them. Take all reads of a stretch of time,
    not only the bad ones.

    How good such a model is, `platewatch evaluate --fit` says on the same file: it tests on plates that the model has
    not seen. The written model is for `--model` of match, explain and evaluate, and the setting `model` of serve. The
    population is no part of it: give both.
    """
    file = file_of_reads(reads, reads_option)
    vehicles = load_population(population)
    with errors_to_exit(output):
        prepare(output)
    everything, left_out = load_labelled(file)
    sample = _usable(everything, country, left_out)
    if not sample:
        told = ", ".join(f"{reason} {count:,}" for reason, count in left_out.items())
        fail(f"{file}: no read to learn from" + (f" (left out: {told})" if told else ""))
    plates = {labelled.plate for labelled in sample}
    warn_of_other_vehicles(vehicles, plates, SAMPLES)
    with errors_to_exit(file), progress("rounds of fitting") as shown:
        model = ChannelModel.fit(
            map(example, sample),
            iterations=iterations,
            camera_reads=camera_reads,
            population=vehicles,
            progress=shown,
        )
    with errors_to_exit(output):
        model.save(output)
    _report(model, sample, left_out, output)
    if camera_reads is not None and not model.cameras:
        _say(f"no camera has {plural(camera_reads, 'read')}: none has rates of its own", style="yellow")


def _usable(everything: list[LabelledRead], country: str | None, left_out: Counter[str]) -> list[LabelledRead]:
    """What can be learnt of; the others are counted. Of a read that shows nothing, a channel model learns nothing."""
    sample = []
    for labelled in everything:
        if country is not None and labelled.country != country:
            left_out[f"not of the country {country}"] += 1
        elif reason := why_missed(labelled.read):
            left_out[reason] += 1
        else:
            sample.append(labelled)
    return sample


def _report(model: ChannelModel, sample: list[LabelledRead], left_out: Counter[str], output: Path) -> None:
    plates = {labelled.plate for labelled in sample}
    _say(
        f"fitted on {plural(len(sample), 'read')} of {plural(len(plates), 'plate')}, "
        f"{_named(model.engines, 'engine')}, {_named(model.cameras, 'camera')} with rates of "
        f"{'its' if len(model.cameras) == 1 else 'their'} own"
    )
    if left_out:
        counts = ", ".join(f"{reason} {count:,}" for reason, count in left_out.items())
        _say(f"left out: {counts}")
    if not any(normalize(labelled.read.text, read=True) == labelled.plate for labelled in sample):
        _say("warning: not one read is its truth: are these the truths of these reads?", style="yellow")
    _say(
        f"by its general rates, {100 * model.error_rate:.1f} % of the plates of the population "
        f"({model.population.name}) are not read exactly; each of several frames of a pass counts "
        f"{model.frame_weight:g}"
    )
    _say(f"{output}: give it to `match`, `explain` and `evaluate` as --model, to `serve` as the setting `model`")


def _named(names: list[str], noun: str) -> str:
    shown = ", ".join(names[:_SHOWN_NAMES]) + (", ..." if len(names) > _SHOWN_NAMES else "")
    return plural(len(names), noun) + (f" ({shown})" if names else "")


def _say(line: str, style: str | None = None) -> None:
    stderr.print(line, style=style, markup=False, highlight=False, soft_wrap=True)
