"""What the commands share: errors, progress, and how a hit is shown to a person."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn, TypeAlias

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from platewatch.errors import HotlistError, PlatewatchError
from platewatch.lists.hotlist import MAX_BAD_SHARE, Hotlist
from platewatch.lists.judgement import few_of_a_kind, repeats
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


def prepare(output: Path) -> None:
    """Raises OSError where a file cannot be written: before the work, not after."""
    is_new = not output.exists()
    with output.open("ab"):
        pass
    if is_new:
        output.unlink()


ColumnsOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--columns", help="Which column of the list is what, as plate=차량번호 or plate=2; several times."),
]
Encoding: TypeAlias = Annotated[str | None, typer.Option(help="Encoding of the list; found out if left out.")]
Sheet: TypeAlias = Annotated[str | None, typer.Option(help="Sheet of a workbook, by name or number; else the first.")]
MaxBadShare: TypeAlias = Annotated[
    float, typer.Option(min=0, max=1, help="Share of the list's rows that may be bad before it is refused.")
]
Strict: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--strict/--no-strict",
        help="Stop at the first bad row; or take whatever is usable, however little it is.",
        show_default=False,
    ),
]


def load_hotlist(
    path: Path,
    *,
    columns: list[str] | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
    strict: bool | None = None,
    max_bad_share: float = MAX_BAD_SHARE,
    judge: bool = True,
) -> Hotlist:
    """The hotlist of a file; what is wrong with it is listed on the standard error. Without `judge`, one that is not
    usable as a whole is not refused.
    """
    with errors_to_exit(path), progress("entries") as shown:
        try:
            hotlist = Hotlist.load(
                path,
                columns=_column_names(columns),
                encoding=encoding,
                sheet=sheet,
                strict=strict is not False and (judge or strict is True),
                max_bad_share=0.0 if strict else max_bad_share,
                progress=shown,
            )
        except HotlistError as error:
            if strict:
                raise
            warn(path, few_of_a_kind(error.errors))
            hint = "; --no-strict takes what is usable" if error.errors else ""
            fail(f"{path}: {error.judgement}{hint}")
    report = hotlist.report
    warn(path, [*few_of_a_kind(report.errors), *report.notes, *repeats(report)])
    return hotlist


def warn(path: Path, lines: Iterable[str]) -> None:
    """Lines about a file on the standard error."""
    for line in lines:
        stderr.print(f"{path}: {line}", style="yellow", markup=False, highlight=False, soft_wrap=True)


def _column_names(given: list[str] | None) -> dict[str, str | int] | None:
    """`plate=차량번호`: a name; `plate=2`: a number from 1, if no column is named so. Raises PlatewatchError."""
    names: dict[str, str | int] = {}
    for item in given or ():
        field, equals, column = item.partition("=")
        if not equals or not column:
            raise PlatewatchError(f"{item!r} is not as plate=차량번호", field="--columns")
        names[field.strip()] = int(column) if column.isdecimal() else column
    return names or None


PopulationFile: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE",
        help="Whose vehicles matches are weighed against: a name of `platewatch population list`, or a file; else "
        "Korea's.",
    ),
]
ErrorRate: TypeAlias = Annotated[
    float | None, typer.Option(help="Share of plates that your cameras do not read exactly; the model is scaled to it.")
]


def load_model(path: Path | None, population: str | None, error_rate: float | None) -> ChannelModel:
    """The channel model of a file, or that which is shipped; among these vehicles, scaled if there is an error rate."""
    with errors_to_exit(path):
        model = ChannelModel.default() if path is None else ChannelModel.load(path)
    if population is not None:
        vehicles = load_population(population)
        with errors_to_exit(Path(population)):
            model = model.with_population(vehicles)
    with errors_to_exit():
        return model if error_rate is None else model.scaled(error_rate)


def load_population(name_or_path: str | None) -> Population:
    """That of a name or of a file, or Korea's."""
    if name_or_path is None:
        return Population.default()
    with errors_to_exit(Path(name_or_path)):
        return Population.find(name_or_path)


def warn_of_other_vehicles(population: Population, plates: Iterable[str], whose: str = "the list's") -> None:
    """Say on the standard error if most of the plates are of no class of the population that they are weighed against.

    `whose` plates they are: "the list's", "the sample's".
    """
    coverage = population.coverage(plates)
    if coverage.mostly_outside:
        stderr.print(
            f"warning: {coverage.told(whose)}: probabilities will be wrong; use --population",
            style="yellow",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


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
