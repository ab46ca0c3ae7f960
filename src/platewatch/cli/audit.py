"""`platewatch audit`: the access log, verified and summed up."""

from __future__ import annotations

import getpass
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from platewatch.cli.common import errors_to_exit, fail, plural
from platewatch.notify.outbox_reader import hit_key
from platewatch.service.audit import Access, Audit, Line, key_of, lines, subject, verify

app = typer.Typer(help="Who has looked at whose data: the access log.", no_args_is_help=True)

_ALL_MONTHS: Final = 12_000

Folder = Annotated[Path, typer.Argument(help="The folder of the access log.", exists=True, file_okay=False)]


@app.command("verify")
def verify_(
    folder: Folder,
    head: Annotated[str | None, typer.Option(help="A hash that was written down: it must be among the lines.")] = None,
) -> None:
    """Check that no line was changed, removed or put in, and print the newest hash. Fails if one was.

    Write the hash down where the service's machine cannot reach it: only there does it show if the newest lines are cut
    off.
    """
    with errors_to_exit(folder):
        count, newest = verify(folder)
        if head is not None and not any(line.hash == head for _, line in lines(folder)):
            fail(f"{folder}: no line has the hash {head}: lines were cut off, or it is of another log")
    typer.echo(f"{plural(count, 'line')}, all as they were written; newest {newest}")


@app.command()
def key(
    outbox: Annotated[Path, typer.Argument(help="The outbox: an SQLite file.", exists=True, dir_okay=False)],
) -> None:
    """Print the key of the subjects, in hex: for an agency that is to tell which of its entries they are."""
    with errors_to_exit(outbox):
        typer.echo(key_of(hit_key(outbox)).hex())


@app.command()
def report(
    folder: Folder,
    month: Annotated[str | None, typer.Option(help="Such as 2026-11, by UTC; this one if left out.")] = None,
    entry: Annotated[str | None, typer.Option(help="Only what concerned this entry; needs --key.")] = None,
    key_file: Annotated[
        Path | None, typer.Option("--key", help="A file with what `audit key` printed.", exists=True, dir_okay=False)
    ] = None,
) -> None:
    """Print a month's accesses: how often who did what, and every line of an entry's. To look is an access too, and is
    noted before anything is printed.
    """
    month = month or f"{datetime.now(UTC):%Y-%m}"
    try:
        datetime.strptime(month, "%Y-%m")  # noqa: DTZ007 - a month
    except ValueError:
        fail(f"{month} is no month such as 2026-11")
    if (entry is None) != (key_file is None):
        fail("--entry and --key go together: the log has keyed hashes of entries")
    with errors_to_exit(folder):
        found = [line for _, line in lines(folder, [month])]
        if entry is not None and key_file is not None:
            try:
                wanted = subject(bytes.fromhex(key_file.read_text("ascii").strip()), entry)
            except ValueError:
                fail(f"{key_file} is not a key in hex")
            found = [line for line in found if wanted in line.subjects]
            _note(folder, len(found), wanted)
            _print_lines(found)
            return
        _note(folder, len(found))
    counts = Counter((line.who, line.action) for line in found)
    table = Table(box=None, pad_edge=False)
    for name in ("who", "what"):
        table.add_column(name)
    table.add_column("times", justify="right")
    for (who, action), count in sorted(counts.items()):
        table.add_row(escape(who), escape(action), f"{count:,}")
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{month}: {plural(len(found), 'access', 'accesses')}")
    if found:
        console.print(table)


def _note(folder: Path, count: int, *subjects: str) -> None:
    # How long lines are kept is the service's business.
    audit = Audit(folder, b"", kept_months=_ALL_MONTHS)
    audit.write(Access(who=getpass.getuser(), where="local", action="audit report", subjects=subjects, count=count))


def _print_lines(found: list[Line]) -> None:
    for line in found:
        reason = f": {line.reason}" if line.reason else ""
        typer.echo(f"{line.at.isoformat(' ', 'seconds')}  {line.who} ({line.where})  {line.action}{reason}")
