"""`platewatch report`: a year of hits and what became of them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from platewatch.cli.common import errors_to_exit, fail, plural
from platewatch.matching.values import zone_of
from platewatch.service.report import YearReport, of_year

_COUNTS = ("notify", "check", "confirmed", "misread", "right_read_wrong_vehicle", "cannot_tell")


def report(
    file: Annotated[Path, typer.Argument(help="The outbox: an SQLite file.", exists=True, dir_okay=False)],
    year: Annotated[int | None, typer.Option(min=2000, max=9998, help="This one if left out.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="Where the year begins; Korea if left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For other programs.")] = False,
) -> None:
    """Print a year's statistics: what was told to whom, what operators answered, and the entries that were wrong twice.

    While the service is running, too. There is no plate in it: counts, and ids of entries.
    """
    try:
        zone = zone_of(time_zone)
    except ValueError as error:
        fail(str(error))
    with errors_to_exit(file):
        found = of_year(file, year or datetime.now(zone).year, zone)
        if as_json:
            typer.echo(msgspec.json.encode(found).decode())
        else:
            _print(found)


def _print(found: YearReport) -> None:
    console = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for name in ("category", "agency"):
        table.add_column(name)
    for name in _COUNTS:
        table.add_column(name.replace("_", " "), justify="right")
    for line in found.lines:
        counts = (f"{getattr(line, name):,}" for name in _COUNTS)
        table.add_row(escape(line.category), escape(line.agency), *counts)
    told = sum(found.months)
    console.print(f"{found.year} ({found.zone}): {plural(told, 'notification')}")
    if found.lines:
        console.print(table)
        console.print("by month: " + " ".join(f"{count:,}" for count in found.months))
    if found.right is not None:
        console.print(f"right, of those that anybody could tell: {100 * found.right:.1f} %")
    if found.seconds_to_seen is not None:
        console.print(f"seen after {found.seconds_to_seen:.0f} s (median)")
    for entry in found.doubtful_entries:
        whose = f"entry {escape(entry.entry_id)} of {escape(entry.agency) or 'no agency'}"
        console.print(f"{whose}: {entry.rejected} wrong hits and none confirmed: does it still hold?")
