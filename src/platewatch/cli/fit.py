"""`platewatch fit`: a channel model that has learnt of your own reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain
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
from platewatch.cli.labelled import ReadsFile, ReadsOption, load_labelled
from platewatch.evaluation import few_labels
from platewatch.evaluation.models import example
from platewatch.evaluation.results import SAMPLES
from platewatch.evaluation.sample import LabelledRead, unlabelled_passes, why_missed
from platewatch.matching.reads import Read
from platewatch.probability.channel_model import ChannelModel
from platewatch.probability.fit import ITERATIONS

_SHOWN_NAMES = 5


def fit(
    reads: ReadsFile = None,
    *,
    reads_option: ReadsOption = None,
    labelled: Annotated[Path | None, typer.Option(help="The same file.", exists=True, dir_okay=False)] = None,
    unlabelled: Annotated[
        Path | None,
        typer.Option(
            help="Reads whose plates nobody knows: a day of your own traffic. JSON Lines, .gz too.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    clutter: Annotated[
        Path | None,
        typer.Option(
            help="Reads where no plate was: shop signs, phone numbers. JSON Lines, .gz too.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    base: Annotated[
        Path | None, typer.Option(help="The model that is refined; the shipped one if left out.", exists=True)
    ] = None,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Refine no model: for thousands of labelled reads.")
    ] = False,
    output: Annotated[Path, typer.Option(help="Where to write the model: JSON.", dir_okay=False)],
    population: PopulationFile = None,
    camera_reads: Annotated[
        int | None,
        typer.Option(min=1, help="Cameras with so many reads get rates of their own (200 is a start); else none does."),
    ] = None,
    iterations: Annotated[int, typer.Option(min=1, help="Rounds of EM for the general rates.")] = ITERATIONS,
    country: Annotated[str | None, typer.Option(help="Learn only of reads of this `country`.")] = None,
) -> None:
    """Fit a channel model on your own reads: what your recognisers do to plates. It refines the shipped model.

    Reads whose true plate is known: the file is that of `platewatch evaluate`, a row is a read and its `truth`, as
    {"text": "12가3457", "truth": "12가3456", "engine": "lpr-3", "camera_id": "GJ-0117"}. Ten plates help already, some
    hundred are good; each `engine` learns rates of its own as far as its reads support them. Take all reads of a
    stretch of time, not only the bad ones.

    Reads that nobody has labelled, with `pass_id` (or `image`) where several are of one vehicle: the plates that the
    population makes plausible count by their probability. A thousand help, ten thousand are nearly as good as labels.

    Reads of signs that are no plates, with --clutter beside one of the two: what such reads look like.

    How good such a model is, `platewatch evaluate --fit` says on the same file: it tests on plates that the model has
    not seen. The written model is for `--model` of match, explain and evaluate, and the setting `model` of serve. The
    population is no part of it: give both.
    """
    if from_scratch and (base is not None or unlabelled is not None):
        fail("--from-scratch refines no model: it takes neither --base nor --unlabelled")
    given = [path for path in (reads, reads_option, labelled) if path is not None]
    if len(given) > 1 or (not given and unlabelled is None):
        fail("one file of reads is needed: READS, or --reads READS, or else --unlabelled READS")
    file = given[0] if given else None
    vehicles = load_population(population)
    with errors_to_exit(output):
        prepare(output)
    sample, left_out = _labelled(file, country) if file is not None else ([], Counter())
    warn_of_other_vehicles(vehicles, {labelled.plate for labelled in sample}, SAMPLES)
    passes = _passes(unlabelled, left_out) if unlabelled is not None else []
    signs = [read for reads in _passes(clutter, left_out) for read in reads] if clutter is not None else []
    with errors_to_exit(file or unlabelled), progress("rounds of fitting") as shown:
        model = ChannelModel.fit(
            chain(map(example, sample), ((read, "") for read in signs)),
            passes=passes,
            iterations=iterations,
            camera_reads=camera_reads,
            population=vehicles,
            base=ChannelModel.load(base) if base is not None else None,
            from_scratch=from_scratch,
            progress=shown,
        )
    with errors_to_exit(output):
        model.save(output)
    _report(model, sample, passes, signs, left_out, output)
    if not from_scratch and not passes:
        refined = (ChannelModel.load(base) if base is not None else ChannelModel.default()).with_population(vehicles)
        _say_how_sure(sample, refined, iterations, camera_reads)
    if camera_reads is not None and not model.cameras:
        _say(f"no camera has {plural(camera_reads, 'read')}: none has rates of its own", style="yellow")


def _labelled(file: Path, country: str | None) -> tuple[list[LabelledRead], Counter[str]]:
    """Those to learn of, and how many rows are left out for what reason."""
    everything, left_out = load_labelled(file)
    sample = _usable(everything, country, left_out)
    if not sample:
        told = ", ".join(f"{reason} {count:,}" for reason, count in left_out.items())
        fail(f"{file}: no read to learn from" + (f" (left out: {told})" if told else ""))
    return sample, left_out


def _passes(file: Path, left_out: Counter[str]) -> list[list[Read]]:
    """The reads of a file that nobody has labelled, those of one vehicle together."""
    with errors_to_exit(file):
        passes, errors = unlabelled_passes(file)
    if errors:
        stderr.print(f"{file}: {errors[0]}", markup=False, highlight=False, soft_wrap=True)
        left_out["no read"] += len(errors)
    if not passes:
        fail(f"{file}: no read to learn from")
    return passes


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


def _report(
    model: ChannelModel,
    sample: list[LabelledRead],
    passes: list[list[Read]],
    signs: list[Read],
    left_out: Counter[str],
    output: Path,
) -> None:
    plates = {labelled.plate for labelled in sample}
    learnt_of = [f"{plural(len(sample), 'read')} of {plural(len(plates), 'plate')}"] if sample else []
    if passes:
        learnt_of.append(
            f"{plural(sum(map(len, passes)), 'unlabelled read')} of {plural(len(passes), 'pass', 'passes')}"
        )
    if signs:
        learnt_of.append(f"{plural(len(signs), 'read')} of no plate")
    reads = [labelled.read for labelled in sample] + [read for one in passes for read in one]
    engines = sorted({read.engine for read in reads if read.engine in model.engines and read.engine is not None})
    _say(
        f"fitted on {' and '.join(learnt_of)}, {_named(engines, 'engine')}, "
        f"{_named(model.cameras, 'camera')} with rates of {'its' if len(model.cameras) == 1 else 'their'} own"
    )
    if left_out:
        counts = ", ".join(f"{reason} {count:,}" for reason, count in left_out.items())
        _say(f"left out: {counts}")
    if sample and not any(normalize(labelled.read.text, read=True) == labelled.plate for labelled in sample):
        _say("warning: not one read is its truth: are these the truths of these reads?", style="yellow")
    _say(
        f"by its general rates, {100 * model.error_rate:.1f} % of the plates of the population "
        f"({model.population.name}) are not read exactly; each of several frames of a pass counts "
        f"{model.frame_weight:g}"
    )
    _say(f"{output}: give it to `match`, `explain` and `evaluate` as --model, to `serve` as the setting `model`")


def _say_how_sure(sample: list[LabelledRead], base: ChannelModel, iterations: int, camera_reads: int | None) -> None:
    """Where labels are few, whether they have helped."""
    plates = len({labelled.plate for labelled in sample})
    if plates > few_labels.FEW:
        return
    if plates < few_labels.LEAST:
        _say(f"{plural(plates, 'plate')} cannot tell whether they have helped: label {few_labels.LEAST} or more")
        return

    def fitted(some: Sequence[LabelledRead]) -> ChannelModel:
        return ChannelModel.fit(
            map(example, some),
            iterations=iterations,
            camera_reads=camera_reads,
            population=base.population,
            base=base,
        )

    sure = few_labels.held_out(sample, base, fitted)
    helped = (sure.gain.value or 0) > 0
    _say(f"how sure: {sure.in_words()}", style=None if helped else "yellow")


def _named(names: list[str], noun: str) -> str:
    shown = ", ".join(names[:_SHOWN_NAMES]) + (", ..." if len(names) > _SHOWN_NAMES else "")
    return plural(len(names), noun) + (f" ({shown})" if names else "")


def _say(line: str, style: str | None = None) -> None:
    stderr.print(line, style=style, markup=False, highlight=False, soft_wrap=True)
