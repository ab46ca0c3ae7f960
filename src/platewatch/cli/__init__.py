"""The command `platewatch`: one file a command. The service's libraries are imported by the commands that need them."""

from __future__ import annotations

from typing import Annotated

import typer

from platewatch._core import __version__
from platewatch.cli import (
    audit,
    backup,
    bench,
    bundle,
    config,
    demo,
    evaluate,
    explain,
    fit,
    formats,
    hotlist,
    key,
    match,
    outbox,
    population,
    report,
    secret,
    serve,
    simulator,
)

app = typer.Typer(
    help="Find wanted vehicles among camera number-plate reads, and notify the police.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("report")(report.report)
app.command("match")(match.match)
app.command("explain")(explain.explain)
app.command("serve")(serve.serve)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("evaluate")(evaluate.evaluate)
app.command("fit")(fit.fit)
app.command("bench")(bench.bench)
app.command("demo")(demo.demo)
app.command("wass-simulator")(simulator.wass_simulator)
app.add_typer(audit.app, name="audit")
app.add_typer(bundle.app, name="bundle")
app.add_typer(config.app, name="config")
app.add_typer(formats.app, name="formats")
app.add_typer(hotlist.app, name="hotlist")
app.add_typer(key.app, name="key")
app.add_typer(outbox.app, name="outbox")
app.add_typer(population.app, name="population")
app.add_typer(secret.app, name="secret")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Options of every command."""
