"""`platewatch bench`: how fast, and how exact, on this machine?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from platewatch.cli.common import errors_to_exit, plural, stderr


def bench(
    output: Annotated[Path, typer.Option(help="Directory for report.html, plots and record.json.")] = Path(
        "platewatch-bench"
    ),
    *,
    full: Annotated[bool, typer.Option("--full", help="All of it: up to 20 minutes and 10 GiB.")] = False,
    only: Annotated[str, typer.Option(help="Benchmarks by name, as in pytest's -k: 'lookup and by_size'.")] = "",
    fresh: Annotated[bool, typer.Option("--fresh", help="Do not go on where another run was interrupted.")] = False,
) -> None:
    """Measure matching on this machine beside what one would otherwise use, and write a page about it.

    A quick run takes a minute. Peers that are not installed are left out, and named. docs/performance.md says what each
    figure means.
    """
    from platewatch.benchmarks.figures import summary
    from platewatch.benchmarks.run import run

    with errors_to_exit():
        made, written = run(output, full=full, only=only, fresh=fresh)
    for line in summary(made):
        typer.echo(line)
    report = next(path for path in written if path.suffix == ".html")
    stderr.print(f"{report} and {plural(len(written) - 1, 'more file')}", markup=False, highlight=False, soft_wrap=True)
