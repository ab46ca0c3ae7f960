"""`platewatch hotlist`: looking at a list before it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from platewatch.cli.common import load_hotlist, stderr
from platewatch.matching.hotlist import kinds

app = typer.Typer(help="Look at a hotlist.", no_args_is_help=True)


@app.callback()
def hotlist() -> None:
    """Look at a hotlist."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="CSV (UTF-8 or CP949, with or without a header) or JSON Lines.")],
    strict: Annotated[bool, typer.Option(help="Stop at the first bad row.")] = False,
) -> None:
    """Print a summary of a hotlist: rows, classes, patterns, duplicates, errors.

    Exits with 1 if a row is bad, or none is good.
    """
    wanted = load_hotlist(file, strict=strict)
    report = wanted.report
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("rows", f"{report.rows:,}")
    table.add_row("entries", f"{len(wanted):,}")
    for kind, count in sorted(kinds(wanted).items(), key=lambda item: (-item[1], item[0])):
        table.add_row(f"  {kind}", f"{count:,}")
    table.add_row("duplicates (the last won)", f"{report.duplicates:,}")
    table.add_row("patterns", f"{report.patterns:,}")
    table.add_row("errors", f"{len(report.errors):,}")
    Console(highlight=False).print(table)
    if not len(wanted):
        stderr.print("no usable entry", style="red")
    if report.errors or not len(wanted):
        raise typer.Exit(1)
