"""`platewatch evaluate`: how well would matching do on these reads?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from platewatch.cli.common import (
    ErrorRate,
    PopulationFile,
    errors_to_exit,
    fail,
    load_model,
    load_population,
    plural,
    progress,
    stderr,
    warn_of_other_vehicles,
)
from platewatch.cli.labelled import ReadsFile, ReadsOption, file_of_reads, load_labelled
from platewatch.evaluation import Evaluation, Models, Settings, cross_validated
from platewatch.evaluation import evaluate as run
from platewatch.evaluation.figures import Alarms, Interval
from platewatch.evaluation.learning import NAMES_OF_LEARNERS, learners, with_learning
from platewatch.evaluation.models import among
from platewatch.evaluation.results import SAMPLES, View, alarmed_by, not_matched

_DEFAULTS = Settings()


class LeaveOut(StrEnum):
    """What the models of --fit have not seen, beside plates."""

    engine = "engine"
    camera = "camera"


def evaluate(
    reads: ReadsFile = None,
    *,
    reads_option: ReadsOption = None,
    model: Annotated[Path | None, typer.Option(help="A channel model; the shipped one if left out.")] = None,
    population: PopulationFile = None,
    error_rate: ErrorRate = None,
    fit: Annotated[bool, typer.Option("--fit", help="Fit the model on these reads, cross-validated by plate.")] = False,
    leave_out: Annotated[
        LeaveOut | None,
        typer.Option(
            help="With --fit: judge each engine by a model of the others, as of an unknown engine; or cameras so, "
            "in --folds."
        ),
    ] = None,
    engine_unnamed: Annotated[
        bool, typer.Option("--engine-unnamed", help="Judge all reads as of an unknown engine.")
    ] = False,
    learn: Annotated[
        str | None,
        typer.Option(
            help="Also judge what the model becomes by so many reads of this very traffic, as nobody labels it: "
            "`100,1000,10000`.",
        ),
    ] = None,
    camera_reads: Annotated[
        int | None,
        typer.Option(min=1, help="With --learn: cameras with so many reads get rates of their own; else none does."),
    ] = None,
    hotlist_size: Annotated[int, typer.Option(min=1, help="Plates on each list.")] = _DEFAULTS.hotlist_size,
    max_edits: Annotated[int, typer.Option(min=0, max=3, help="Edits that a match may have.")] = _DEFAULTS.max_edits,
    draws: Annotated[int, typer.Option(min=1, help="Lists to draw.")] = _DEFAULTS.draws,
    folds: Annotated[int, typer.Option(min=2, help="Folds for --fit.")] = _DEFAULTS.folds,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same figures.")] = _DEFAULTS.seed,
    country: Annotated[
        str | None, typer.Option(help="Count only reads of this `country`; --fit learns of all.")
    ] = None,
    passes: Annotated[bool, typer.Option("--passes", help="Also count by pass: same `pass_id`, or `image`.")] = False,
    vehicles: Annotated[
        int | None,
        typer.Option(
            min=1, help="Vehicles that drive where the cameras are; those of --population, or 26,000,000, if left out."
        ),
    ] = None,
    reads_per_day: Annotated[
        int, typer.Option(min=1, help="Reads a day that alarms are told for.")
    ] = _DEFAULTS.reads_per_day,
    wanted_per_day: Annotated[
        float | None,
        typer.Option(
            min=0, help="How many of those are of wanted vehicles; if left out, as if these drove as much as others."
        ),
    ] = None,
    notify: Annotated[float, typer.Option(help="Least probability of the grade notify.")] = _DEFAULTS.notify,
    check: Annotated[float, typer.Option(help="Least probability of the grade check.")] = _DEFAULTS.check,
    output: Annotated[Path | None, typer.Option(help="Directory for report.html, plots and result.json.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Measure what is found and who is alarmed for nothing, on reads whose true plate is known.

    A row of the file is a read and its `truth`: {"text": "12가3457", "truth": "12가3456", "camera_id": "GJ-0117"}. A
    `text` of null, or none, says that the recogniser saw nothing: that vehicle is missed. Rows that are left out are
    counted by reason.

    Lists are drawn from the true plates and filled up with random ones, of the population's vehicles; each read is
    matched with each list. Use it on your own cameras' reads to choose thresholds; docs/evaluation.md says what each
    figure means. `platewatch fit` writes a model that has learnt of such a file.
    """
    file = file_of_reads(reads, reads_option)
    if fit and any(option is not None for option in (model, error_rate)):
        fail("--fit excludes --model and --error-rate: the model is fitted on these reads")
    if leave_out is not None and not fit:
        fail("--leave-out needs --fit: a model that is there already has seen what it has seen")
    counts = _counts(learn)
    if camera_reads is not None and not counts:
        fail("--camera-reads needs --learn")
    learnt_among = None if population is None else load_population(population)
    if vehicles is None:
        of_population = round(learnt_among.vehicles) if learnt_among is not None else 0
        vehicles = of_population or _DEFAULTS.vehicles
    settings = Settings(
        hotlist_size=hotlist_size,
        max_edits=max_edits,
        draws=draws,
        seed=seed,
        folds=folds,
        vehicles=vehicles,
        reads_per_day=reads_per_day,
        wanted_per_day=wanted_per_day,
        notify=notify,
        check=check,
    )
    with errors_to_exit():  # before minutes of work, not after
        _ = settings.traffic, settings.policy
    everything, left_out = load_labelled(file)
    sample = [labelled for labelled in everything if country is None or labelled.country == country]
    if not sample:
        fail(f"{file}: no read of the country {country!r}" if everything else f"{file}: no usable read")
    if len(sample) < len(everything):
        left_out[f"not of the country {country}"] = len(everything) - len(sample)
    if output is not None:
        from platewatch.evaluation import report

        with errors_to_exit():
            report.prepare(output)
    with errors_to_exit(file):
        if fit:
            with progress("folds fitted") as shown:
                models = cross_validated(
                    everything, settings, shown, learnt_among, None if leave_out is None else leave_out.value
                )
        else:
            channel = load_model(model, population, error_rate)
            name = among(str(model) if model is not None else "the shipped one", learnt_among)
            if error_rate is not None:
                name += f" at an error rate of {error_rate:g}"
            models = Models([channel], None, name)
        if engine_unnamed:
            models = replace(models, unnamed=True, name=f"{models.name}, engines unnamed")
        warn_of_other_vehicles(models.population, {labelled.plate for labelled in sample}, SAMPLES)
        with progress(f"of {draws:,} lists") as shown:
            never = [labelled.plate for labelled in everything]
            evaluation = run(
                sample, models, settings, passes=passes, never_listed=never, left_out=left_out, progress=shown
            )
        if counts:
            with progress("numbers of unlabelled reads") as shown:
                evaluation = with_learning(
                    evaluation,
                    sample,
                    models,
                    counts,
                    camera_reads=camera_reads,
                    never_listed=never,
                    progress=shown,
                )
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(evaluation), indent=1) + b"\n")
        sys.stdout.flush()
    else:
        _print(evaluation)
    if output is not None:
        with errors_to_exit(output):
            written = report.write(evaluation, output)
        stderr.print(
            f"{written[0]} and {plural(len(written) - 1, 'more file')}", markup=False, highlight=False, soft_wrap=True
        )


def _counts(learn: str | None) -> list[int]:
    """`100,1000`, as numbers of reads."""
    if learn is None:
        return []
    try:
        counts = [int(number) for number in learn.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < 1:
        fail(f"--learn takes numbers of reads from 1 on, such as 100,1000: not {learn!r}")
    return counts


def _print(evaluation: Evaluation) -> None:
    out = Console(highlight=False)
    settings = evaluation.settings
    out.print(
        f"{plural(evaluation.reads, 'read')} of {plural(evaluation.plates, 'plate')}, "
        f"{plural(settings.draws, 'list')} of {settings.hotlist_size:,} plates, max_edits {settings.max_edits}; "
        f"model {evaluation.model}",
        markup=False,
        soft_wrap=True,
    )
    out.print(
        f"on each list {plural(evaluation.listed_plates, 'plate')} of these, the others at random, by the vehicles of "
        f"the population ({evaluation.population})",
        markup=False,
        soft_wrap=True,
    )
    if told := not_matched(evaluation):
        out.print(told, markup=False, soft_wrap=True)
    for view in evaluation.views:
        out.print()
        out.print(_alarms_title(evaluation, view), soft_wrap=True)
        out.print(_alarms_table(view))
    c = evaluation.calibration
    out.print()
    out.print(f"expected calibration error (p ≥ {c.floor:g}, real traffic)  {_figure(c.error, 4)}", soft_wrap=True)
    out.print(f"log-loss, of the base rate's                        {_figure(c.log_loss_ratio, 3)}", soft_wrap=True)
    out.print(
        f"log-loss (nats a match)  {_figure(c.log_loss, 5)}; base rate {c.base_rate_log_loss:.5f}, "
        f"always 0 {c.zero_log_loss:.5f}",
        soft_wrap=True,
    )
    for view in evaluation.views:
        out.print()
        out.print(_rates_table(view))
    if evaluation.confidences:
        out.print()
        out.print("log-loss (nats a match) with confidences and alternatives, and without", soft_wrap=True)
        out.print(_confidences_table(evaluation))
    for unit, model in learners(evaluation):
        out.print()
        out.print(
            f"what unlabelled reads of this very traffic teach, {NAMES_OF_LEARNERS[unit, model]}: wanted found",
            soft_wrap=True,
        )
        out.print(_learnt_table(evaluation, unit, model))
    for note in evaluation.notes:
        out.print(note, markup=False, soft_wrap=True)


def _confidences_table(evaluation: Evaluation) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("engine left out", no_wrap=True)
    for head in ("reads", "with", "without", "of it"):
        table.add_column(head, justify="right", no_wrap=True)
    for one in evaluation.confidences:
        losses = ("-" if loss.value is None else f"{loss.value:.5f}" for loss in (one.log_loss, one.without))
        table.add_row(one.engine or "unnamed", f"{one.reads:,}", *losses, _short(one.ratio))
    return table


def _learnt_table(evaluation: Evaluation, unit: str, model: str) -> Table:
    """80 columns wide at most."""
    table = Table(box=None, pad_edge=False)
    by_read = unit == "read"
    heads = ("reads", "≤ 0.1 %", "≤ 0.03 %", "p ≥ 0.5", "innocents", "p ≥ 0.9")
    for head in (*heads, *(("cal. error", "log-loss") if by_read else ())):
        table.add_column(head, justify="right", no_wrap=True)
    for learnt in evaluation.learnt:
        (rates,) = (rates for rates in learnt.rates if (rates.unit, rates.name) == (unit, model))
        finer, coarser = rates.at_alarm_rates
        half, sure = rates.at_thresholds
        alarmed = half.alarmed.value
        table.add_row(
            f"{learnt.reads:,}",
            *(_found(point.recall) for point in (coarser, finer, half)),
            "-" if alarmed is None else f"{100 * alarmed:.3f} %",
            _found(sure.recall),
            *((_found(learnt.calibration_error), _found(learnt.log_loss_ratio)) if by_read else ()),
        )
    return table


def _found(figure: Interval) -> str:
    return "-" if figure.value is None else f"{figure.value:.3f}"


def _alarms_title(evaluation: Evaluation, view: View) -> str:
    day = view.traffic
    units = {"read": "reads", "pass": "passes"}[view.unit]
    of = "" if view.unit == "read" else f" ({evaluation.settings.reads_per_day:,} reads)"
    return f"a day of {day.wanted + day.innocent:,.0f} {units}{of}, {day.wanted:,.0f} of them of wanted vehicles:"


def _alarms_table(view: View) -> Table:
    """80 columns wide at most."""
    table = Table(box=None, pad_edge=False)
    table.add_column(f"by {view.unit}", no_wrap=True)
    for name in ("alarms", "wrong", "right of all", "wanted found"):
        table.add_column(name, justify="right", no_wrap=True)
    for method in alarmed_by(view):
        if method.model:
            table.add_row(f"{method.model}:")
        for name, alarms, recall in method.points:
            table.add_row(f"  {name}" if method.model else name, *_alarms(alarms), _short(recall))
    return table


def _alarms(alarms: Alarms) -> Iterator[str]:
    yield _count(alarms.total.value)
    wrong = alarms.wrong
    yield _count(wrong.value) if wrong.value or wrong.high is None else f"0 (≤ {_count(wrong.high)})"
    right = alarms.precision
    if right.value is None:
        yield "-"
    elif right.low is None or right.high is None:
        yield f"{100 * right.value:.1f} %"
    else:
        yield f"{100 * right.value:.1f} % ({100 * right.low:.0f}–{100 * right.high:.0f})"


def _count(number: float | None) -> str:
    return "-" if number is None else f"{number:,.0f}"


def _rates_table(view: View) -> Table:
    """80 columns wide at most."""
    table = Table(box=None, pad_edge=False)
    table.add_column(f"by {view.unit}", no_wrap=True)
    for name in ("innocents alarmed", "wanted found", "threshold"):
        table.add_column(name, justify="right", no_wrap=True)
    for rule in view.rules:
        table.add_row(rule.name, _share(rule.alarmed), _short(rule.recall), "")
    for model in view.models:
        name = model.name.removeprefix("model, ")
        for points, sign in ((model.at_alarm_rates, ">"), (model.at_thresholds, "≥")):
            for point in points:
                alarmed, found = _share(point.alarmed_as_told), _short(point.recall)
                table.add_row(f"{name}, {point.target}", alarmed, found, f"{sign} {point.threshold:.2g}")
    return table


def _share(figure: Interval) -> str:
    """`0.030 %`, or with what it may be up to: `0.030 % (≤ 0.041)`."""
    if figure.value is None:
        return "-"
    shown = f"{100 * figure.value:.3f} %"
    return shown if figure.high is None else f"{shown} (≤ {100 * figure.high:.3f})"


def _short(figure: Interval) -> str:
    return _figure(figure, 3).replace(" to ", "–")


def _figure(figure: Interval, digits: int) -> str:
    if figure.value is None:
        return "-"
    shown = f"{figure.value:.{digits}f}"
    if figure.low is None or figure.high is None:
        return shown
    return f"{shown} ({figure.low:.{digits}f} to {figure.high:.{digits}f})"
