"""What the commands share: errors, progress, and how a hit is shown to a person."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn, TypeAlias

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from platewatch.errors import PlatewatchError
from platewatch.lists.hotlist import Hotlist
from platewatch.matching.alignment import columns
from platewatch.notify.event import HitData
from platewatch.plural import plural as plural
from platewatch.probability.channel_model import ChannelModel
from platewatch.probability.population import Population

stderr = Console(stderr=True)


@contextmanager
def errors_to_exit(path: Path | None = None) -> Iterator[None]:
    """Print an error of platewatch or of the operating system as one line, and exit with 2."""
    try:
        yield
    except BrokenPipeError:
        # Whoever read our output has seen enough, as `head` has. Nothing may be flushed to it any more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    except PlatewatchError as error:
        fail(f"{path}: {error}" if path else str(error))
    except OSError as error:
        fail(f"{error.filename or path or 'error'}: {error.strerror or error}")


def fail(message: str) -> NoReturn:
    """Print what went wrong and exit with 2."""
    stderr.print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2)


@contextmanager
def progress(what: str) -> Iterator[Callable[[int], None]]:
    """A callback that shows how many of something are done; on a terminal only."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.completed:,.0f} " + what),
        TimeElapsedColumn(),
        console=stderr,
        transient=True,
        disable=not stderr.is_terminal,
    ) as bar:
        task = bar.add_task(what)
        yield lambda done: bar.update(task, completed=done)


def load_hotlist(path: Path, *, strict: bool) -> Hotlist:
    """The hotlist of a file; its bad rows are listed on the standard error."""
    with errors_to_exit(path), progress("entries") as shown:
        hotlist = Hotlist.load(path, strict=strict, progress=shown)
    for error in hotlist.report.errors:
        stderr.print(f"{path}: {error}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    return hotlist


PopulationFile: TypeAlias = Annotated[
    Path | None, typer.Option(help="The vehicles that matches are weighed against (docs/formats.md); else Korea's.")
]
ErrorRate: TypeAlias = Annotated[
    float | None, typer.Option(help="Share of plates that your cameras do not read exactly; the model is scaled to it.")
]


def load_model(path: Path | None, population: Path | None, error_rate: float | None) -> ChannelModel:
    """The channel model of a file, or that which is shipped; among these vehicles, scaled if there is an error rate."""
    with errors_to_exit(path):
        model = ChannelModel.default() if path is None else ChannelModel.load(path)
    if population is not None:
        with errors_to_exit(population):
            model = model.with_population(Population.load(population))
    with errors_to_exit():
        return model if error_rate is None else model.scaled(error_rate)


def percent(probability: float) -> str:
    """`97.9 %`, `0.33 %`; never 0 % or 100 %, which no match is."""
    if probability < 0.0001:
        return "<0.01 %"
    if probability > 0.9999:
        return ">99.99 %"
    digits = 1 if 0.1 <= probability <= 0.99 else 2
    return f"{100 * probability:.{digits}f} %"


def side_by_side(read: str, wanted: str) -> tuple[str, str, str]:
    """Read, wanted plate, and a line with ^ under each place where they differ; aligned though Hangul is wide."""
    lines = ["", "", ""]
    for ours, theirs, differ in columns(read, wanted):
        cells = (ours or "·", theirs or "·", "^" if differ else "")
        width = max(map(cell_len, cells))
        for i, cell in enumerate(cells):
            lines[i] += cell + " " * (width - cell_len(cell))
    return lines[0].rstrip(), lines[1].rstrip(), lines[2].rstrip()


def print_hit(console: Console, hit: HitData) -> None:
    """A notification as a person reads it."""
    camera = f"{hit.camera.name} ({hit.camera.id})" if hit.camera.name else hit.camera.id
    ours, theirs, marks = side_by_side(hit.read_text, hit.wanted_plate)
    console.print(
        f"\n  [bold red]{hit.grade}[/] {percent(hit.probability)}  [bold]{escape(hit.category)}[/]"
        f"  {escape(hit.entry_id)}  at {escape(camera)}",
        f"    read    {escape(ours)}",
        f"    wanted  {escape(theirs)}",
        *([f"            [red]{marks}[/]"] if marks else []),
        sep="\n",
        highlight=False,
        soft_wrap=True,
    )
