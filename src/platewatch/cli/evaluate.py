"""`platewatch evaluate`: how well would matching do on these reads?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from platewatch.cli.common import ErrorRate, PopulationFile, errors_to_exit, fail, load_model, plural, progress, stderr
from platewatch.evaluation import Evaluation, LabelledRead, Models, Settings, cross_validated, load
from platewatch.evaluation import evaluate as run
from platewatch.evaluation.figures import Interval
from platewatch.evaluation.run import View

_SHOWN_ERRORS = 10
_DEFAULTS = Settings()


def evaluate(
    reads: Annotated[Path, typer.Option(help="Reads with their `truth`: JSON Lines, .gz too.", dir_okay=False)],
    *,
    model: Annotated[Path | None, typer.Option(help="A channel model; the shipped one if left out.")] = None,
    population: PopulationFile = None,
    error_rate: ErrorRate = None,
    fit: Annotated[bool, typer.Option("--fit", help="Fit the model on these reads, cross-validated by plate.")] = False,
    hotlist_size: Annotated[int, typer.Option(min=1, help="Plates on each list.")] = _DEFAULTS.hotlist_size,
    max_edits: Annotated[int, typer.Option(min=0, max=3, help="Edits that a match may have.")] = _DEFAULTS.max_edits,
    draws: Annotated[int, typer.Option(min=1, help="Lists to draw.")] = _DEFAULTS.draws,
    folds: Annotated[int, typer.Option(min=2, help="Folds of plates for --fit.")] = _DEFAULTS.folds,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same figures.")] = _DEFAULTS.seed,
    country: Annotated[
        str | None, typer.Option(help="Count only reads of this `country`; --fit learns of all.")
    ] = None,
    passes: Annotated[bool, typer.Option("--passes", help="Also count by pass: same `pass_id`, or `image`.")] = False,
    vehicles: Annotated[
        int, typer.Option(min=1, help="Vehicles that drive where the cameras are.")
    ] = _DEFAULTS.vehicles,
    reads_per_day: Annotated[
        int, typer.Option(min=1, help="Reads a day that false alarms are told for.")
    ] = _DEFAULTS.reads_per_day,
    output: Annotated[Path | None, typer.Option(help="Directory for report.html, plots and result.json.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Measure what is found and who is alarmed for nothing, on reads whose true plate is known.

    Lists are drawn from the true plates and filled up with random ones; each read is matched with each list. Use it on
    your own cameras' reads to choose thresholds; docs/evaluation.md says what each figure means.
    """
    if fit and any(option is not None for option in (model, population, error_rate)):
        fail("--fit excludes --model, --population and --error-rate")
    settings = Settings(
        hotlist_size=hotlist_size,
        max_edits=max_edits,
        draws=draws,
        seed=seed,
        folds=folds,
        vehicles=vehicles,
        reads_per_day=reads_per_day,
    )
    everything = _load(reads)
    sample = [labelled for labelled in everything if country is None or labelled.country == country]
    if not sample:
        fail(f"{reads}: no read of the country {country!r}" if everything else f"{reads}: no usable read")
    if output is not None:
        from platewatch.evaluation import report

        with errors_to_exit():  # before minutes of work, not after
            report.prepare(output)
    with errors_to_exit(reads):
        if fit:
            with progress("folds fitted") as shown:
                models = cross_validated(everything, settings, shown)
        else:
            name = str(model) if model is not None else "the shipped one"
            if population is not None:
                name += f" among the vehicles of {population}"
            if error_rate is not None:
                name += f" at an error rate of {error_rate:g}"
            models = Models([load_model(model, population, error_rate)], None, name)
        with progress(f"of {draws:,} lists") as shown:
            never = [labelled.plate for labelled in everything]
            evaluation = run(sample, models, settings, passes=passes, never_listed=never, progress=shown)
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


def _load(path: Path) -> list[LabelledRead]:
    with errors_to_exit(path):
        sample, errors = load(path)
    for error in errors[:_SHOWN_ERRORS]:
        stderr.print(f"{path}: {error}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    if errors:
        stderr.print(f"{plural(len(errors), 'bad row')} left out", style="yellow", highlight=False)
    return sample


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
    for view in evaluation.views:
        out.print()
        out.print(_table(view))
    c = evaluation.calibration
    out.print()
    out.print(f"expected calibration error (p ≥ {c.floor:g}, real traffic)  {_figure(c.error, 4)}", soft_wrap=True)
    out.print(
        f"log-loss (nats a match)  {_figure(c.log_loss, 5)}; base rate {c.base_rate_log_loss:.5f}, "
        f"always 0 {c.zero_log_loss:.5f}; of the base rate's {_figure(c.log_loss_ratio, 3)}",
        soft_wrap=True,
    )
    for note in evaluation.notes:
        out.print(note, markup=False, soft_wrap=True)


def _table(view: View) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(f"by {view.unit}", no_wrap=True)
    for name in ("innocents alarmed", "wanted found", "threshold"):
        table.add_column(name, justify="right")
    for rule in view.rules:
        table.add_row(rule.name, _share(rule.alarmed, 3), _figure(rule.recall, 3), "")
    for model in view.models:
        for points, sign in ((model.at_alarm_rates, ">"), (model.at_thresholds, "≥")):
            for point in points:
                row = (_share(point.alarmed, 3), _figure(point.recall, 3), f"{sign} {point.threshold:.3g}")
                table.add_row(model.name, *row)
    return table


def _share(figure: Interval, digits: int) -> str:
    return "-" if figure.value is None else f"{100 * figure.value:.{digits}f} %"


def _figure(figure: Interval, digits: int) -> str:
    if figure.value is None:
        return "-"
    shown = f"{figure.value:.{digits}f}"
    if figure.low is None or figure.high is None:
        return shown
    return f"{shown} ({figure.low:.{digits}f} to {figure.high:.{digits}f})"
