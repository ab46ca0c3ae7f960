"""`platewatch report`: a year of hits and what became of them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from platewatch.cli.common import PopulationFile, errors_to_exit, fail, load_population, plural
from platewatch.matching.values import zone_of
from platewatch.service.report import YearReport, of_year

if TYPE_CHECKING:
    from platewatch.service.list_quality import ListedEntry, ListQuality

_SHOWN = 10
_COUNTS = ("notify", "check", "confirmed", "misread", "right_read_wrong_vehicle", "cannot_tell")


def report(
    file: Annotated[Path, typer.Argument(help="The outbox: an SQLite file.", exists=True, dir_okay=False)],
    year: Annotated[int | None, typer.Option(min=2000, max=9998, help="This one if left out.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="Where the year begins; Korea if left out.")] = None,
    agency: Annotated[str | None, typer.Option(help="Only of this one's entries, to be given to it.")] = None,
    store: Annotated[
        Path | None,
        typer.Option(
            "--list",
            help="The setting list.store, feeds.db: adds the entries that never had a hit, or are no plate.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    population: PopulationFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="For other programs: all ids, where text has ten.")] = False,
) -> None:
    """Print a year's statistics: what was told to whom, what operators answered, and the entries that were wrong twice.

    With --list, by agency, also the entries that no read has ever made a hit of, and those whose plate is of no class
    of the population: mistyped, or from abroad.

    While the service is running, too. There is no plate in it: counts, and ids of entries.
    """
    try:
        zone = zone_of(time_zone)
    except ValueError as error:
        fail(str(error))
    with errors_to_exit(file):
        found = of_year(file, year or datetime.now(zone).year, zone, agency)
        quality = None if store is None else _quality(file, store, population, agency)
        if as_json:
            quality_too = {} if quality is None else {"list": quality}
            typer.echo(msgspec.json.encode(msgspec.structs.asdict(found) | quality_too).decode())
        else:
            _print(found)
            if quality is not None:
                _print_quality(quality)


def _quality(file: Path, store: Path, population: str | None, agency: str | None) -> ListQuality:
    from platewatch.service.list_quality import of_list

    return _of_agency(of_list(file, store, load_population(population)), agency)


def _of_agency(quality: ListQuality, agency: str | None) -> ListQuality:
    if agency is None:
        return quality
    return msgspec.structs.replace(quality, agencies=[one for one in quality.agencies if one.agency == agency])


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


def _print_quality(quality: ListQuality) -> None:
    console = Console(highlight=False, soft_wrap=True)
    since = "hits were ever counted" if quality.since is None else f"{quality.since:%Y-%m-%d}"
    for one in quality.agencies:
        whose = escape(one.agency) or "no agency"
        console.print(f"list of {whose}: {plural(one.entries, 'entry', 'entries')}")
        console.print(f"  without a hit since {since}: {_told(one.never_hit)}")
        console.print(f"  of no class of plate ({escape(quality.population)}): {_told(one.no_plate)}")


def _told(entries: list[ListedEntry]) -> str:
    ids = [escape(entry.entry_id) for entry in entries[:_SHOWN]]
    more = ", ..." if len(entries) > _SHOWN else ""
    return f"{len(entries):,}" + (f" ({', '.join(ids)}{more})" if ids else "")
