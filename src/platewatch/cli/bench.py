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
    keep: Annotated[Path | None, typer.Option(help="Directory to keep the record in, under its date.")] = None,
    core: Annotated[Path | None, typer.Option(help="The program core_benchmark, for the machine's floor.")] = None,
) -> None:
    """Measure matching on this machine beside what one would otherwise use, and write a page about it.

    A quick run takes a minute; peers that are not installed are left out, and named. docs/performance.md says what each
    figure means.
    """
    from platewatch.benchmarks import record
    from platewatch.benchmarks import run as runner

    with errors_to_exit():
        made, written = runner.run(output, full=full, only=only, fresh=fresh, core=core)
        if keep is not None:
            path = keep / record.file_name(made)
            made.save(path)
            written.append(path)
    report = next(path for path in written if path.suffix == ".html")
    stderr.print(f"{report} and {plural(len(written) - 1, 'more file')}", markup=False, highlight=False, soft_wrap=True)
