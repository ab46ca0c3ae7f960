"""What the commands share that take reads whose true plate is known: the file, and what is said of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from platewatch.cli.common import errors_to_exit, fail, plural, stderr
from platewatch.evaluation.sample import LabelledRead, load, reasons

_SHOWN_ERRORS = 10

ReadsFile: TypeAlias = Annotated[
    Path | None, typer.Argument(metavar="READS", help="Reads with their `truth`: JSON Lines or CSV, .gz too.")
]
ReadsOption: TypeAlias = Annotated[Path | None, typer.Option("--reads", help="The same file.")]


def file_of_reads(argument: Path | None, option: Path | None) -> Path:
    """The one that was given, in either way."""
    given = [path for path in (argument, option) if path is not None]
    if len(given) != 1:
        fail("one file of reads is needed: READS, or --reads READS")
    return given[0]


def load_labelled(path: Path) -> tuple[list[LabelledRead], Counter[str]]:
    """The reads of a file, and how many of its rows are left out for what reason; standard error hears of them."""
    with errors_to_exit(path):
        sample, errors = load(path)
    for error in errors[:_SHOWN_ERRORS]:
        stderr.print(f"{path}: {error}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    left_out = reasons(errors)
    if errors:
        counts = ", ".join(f"{reason} {count:,}" for reason, count in left_out.items())
        stderr.print(
            f"{plural(len(errors), 'bad row')} left out: {counts}", style="yellow", highlight=False, soft_wrap=True
        )
    return sample, left_out
