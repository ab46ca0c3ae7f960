"""`platewatch population`: whose vehicles matches are weighed against, those that are shipped and your own."""

from __future__ import annotations

import gzip
from itertools import chain
from pathlib import Path
from typing import Annotated, Final, cast

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from platewatch._core import is_pattern, normalize
from platewatch.cli.common import errors_to_exit, load_hotlist, load_population, plural, prepare, stderr
from platewatch.errors import PlatewatchError
from platewatch.evaluation.lists import plates_of_class
from platewatch.matching.reads import ReadDecoder
from platewatch.matching.values import KOREAN_TIME
from platewatch.probability.evidence import ReadEvidence
from platewatch.probability.population import Population
from platewatch.sources.files import Stream, rows, to_read

_WORKBOOKS: Final = frozenset({".xlsx", ".xls", ".ods"})

app = typer.Typer(help="Whose vehicles matches are weighed against.", no_args_is_help=True)


@app.command("list")
def list_names() -> None:
    """Those that are shipped: their names, for `--population` of the other commands, and their vehicles."""
    table = Table(box=None, pad_edge=False)
    table.add_column("name")
    table.add_column("vehicles", justify="right")
    table.add_column("classes", justify="right")
    for name in Population.names():
        population = Population.named(name)
        table.add_row(name, f"{population.vehicles:,.0f}", str(len(population.document["classes"])))
    Console(highlight=False).print(table)


@app.command()
def show(
    population: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A name of `population list`, or a file.")],
) -> None:
    """Print the classes of a population, each with its vehicles and a plate of it, made up at random."""
    found = load_population(population)
    console = Console(highlight=False, soft_wrap=True)
    if population in Population.names():
        console.print(escape(Population.about(population)))
        console.print()
    table = Table(box=None, pad_edge=False)
    table.add_column("class")
    table.add_column("vehicles", justify="right")
    table.add_column("as")
    rng = np.random.default_rng(0)
    for kind in found.document["classes"]:
        table.add_row(escape(kind["name"]), f"{kind['vehicles']:,.0f}", plates_of_class(rng, kind, 1)[0])
    console.print(table)


@app.command()
def fit(
    file: Annotated[
        Path,
        typer.Argument(help="Plates or reads: CSV, JSON Lines, a text with one a line; or a list that is a workbook."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write the population: JSON.")],
    vehicles: Annotated[float, typer.Option(min=1, help="How many vehicles drive where the cameras are.")],
) -> None:
    """Find the classes of plates, and their shares of the vehicles, in a list of plates or in reads.

    A list of plates is one of vehicles as they are, such as a register or permits, and not of wanted vehicles of one
    kind. Reads need no truth: take all of some days. Some thousand are good. What misread plates look like, and what
    is too rare to tell from that, becomes no class; `platewatch population show FILE` says what has.

    The file that is written is for --population of match, explain, evaluate and fit, and for the setting `population`
    of serve. It may be edited: docs/formats.md.
    """
    with errors_to_exit(output):
        prepare(output)
    with errors_to_exit(file):
        items, left_out = _items(file)
        found = Population.fit(items, vehicles=vehicles, name=str(output))
    with errors_to_exit(output):
        found.save(output, about=f"Found in {plural(len(items), 'plate or read', 'plates or reads')}.")
    if left_out:
        _say(f"left out: {plural(left_out, 'row')} without a text that could be a plate's")
    for kind in found.document["classes"]:
        _say(f"{kind['vehicles']:>14,.0f}  {kind['name']}")
    texts = (normalize(item if isinstance(item, str) else item.text) for item in items)
    within = 1 - found.coverage(texts).share_outside
    _say(f"{100 * within:.1f} % of the rows are plates of {plural(len(found.document['classes']), 'class', 'classes')}")
    _say(f"{output}: give it to `match`, `explain`, `evaluate` and `fit` as --population")


def _items(file: Path) -> tuple[list[str | ReadEvidence], int]:
    """Plates or reads, and how many rows are none. Raises OSError, or PlatewatchError."""
    if file.suffix.lower() in _WORKBOOKS:
        return [entry.plate for entry in load_hotlist(file) if not is_pattern(entry.plate)], 0
    items: list[str | ReadEvidence] = []
    left_out = 0
    decoder = ReadDecoder(KOREAN_TIME)  # times are of no use here, so any zone will do
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
        for row, item in chain.from_iterable(rows(cast(Stream, stream))):
            try:
                read = to_read(item, decoder, row)
                normalize(read.text)
            except PlatewatchError:  # nothing to learn from
                left_out += 1
            else:
                says_more = (
                    read.chars or read.candidates or read.confidence is not None or read.engine or read.camera_id
                )
                items.append(read if says_more else read.text)
    return items, left_out


def _say(line: str) -> None:
    stderr.print(line, markup=False, highlight=False, soft_wrap=True)
