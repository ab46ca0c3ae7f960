"""`platewatch hotlist`: looking at a list before it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from platewatch.cli.common import (
    ColumnsOption,
    Encoding,
    MaxBadShare,
    PopulationFile,
    Sheet,
    load_hotlist,
    load_population,
    stderr,
    warn_of_other_vehicles,
)
from platewatch.lists.hotlist import MAX_BAD_SHARE, refusal
from platewatch.lists.judgement import findings
from platewatch.matching.hotlist import kinds
from platewatch.probability.channel_model import ChannelModel

app = typer.Typer(help="Look at a hotlist.", no_args_is_help=True)


@app.callback()
def hotlist() -> None:
    """Look at a hotlist."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="CSV, a workbook (XLSX, XLS, ODS), JSON Lines or a JSON array.")],
    columns: ColumnsOption = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    max_bad_share: MaxBadShare = MAX_BAD_SHARE,
    strict: Annotated[bool, typer.Option(help="Stop at the first bad row.")] = False,
    population: PopulationFile = None,
) -> None:
    """Print a summary of a hotlist: rows, classes, patterns, duplicates, errors, and what is questionable in it.

    Warns if most of its plates are of no class of the population. Exits with 1 if a row is bad, an id stands for
    several plates, or the list as a whole would be refused; with 2 if its columns cannot be told.
    """
    vehicles = load_population(population)
    wanted = load_hotlist(file, columns=columns, encoding=encoding, sheet=sheet, strict=strict or None, judge=False)
    report = wanted.report
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    if report.encoding:
        table.add_row("encoding", report.encoding)
    table.add_row("rows", f"{report.rows:,}")
    table.add_row("entries", f"{len(wanted):,}")
    for kind, count in sorted(kinds(wanted).items(), key=lambda item: (-item[1], item[0])):
        table.add_row(f"  {kind}", f"{count:,}")
    table.add_row("duplicates (the last won)", f"{report.duplicates:,}")
    table.add_row("ids of different plates", f"{len(report.repeats):,}")
    table.add_row("patterns", f"{report.patterns:,}")
    table.add_row("errors", f"{len(report.errors):,}")
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    for what, count, examples in findings(wanted, model=ChannelModel.default().with_population(vehicles)):
        shown = ", ".join(map(escape, examples)) + (", ..." if count > len(examples) else "")
        console.print(f"{what}: {count:,} ({shown})")
    warn_of_other_vehicles(vehicles, (entry.plate for entry in wanted))
    why = refusal(wanted, max_bad_share)
    if why is not None:
        stderr.print(f"the list would be refused: {why}", style="red", highlight=False)
    if report.errors or report.repeats or why is not None:
        raise typer.Exit(1)
