"""`platewatch backup` and `platewatch restore`: all that the service keeps, in one file."""

from __future__ import annotations

import asyncio
import getpass
from pathlib import Path
from typing import Annotated

import typer

from platewatch.cli.common import errors_to_exit

Config = Annotated[Path, typer.Option(help="The settings of the service.", exists=True, dir_okay=False)]


def backup(
    to: Annotated[Path, typer.Argument(help="The file to write; it must not be there yet.")],
    config: Config,
    reason: Annotated[str, typer.Option(help="Why, for the access log.")] = "",
) -> None:
    """Write all that the service keeps to a file, while it runs or not. It holds personal data, and the settings.

    Who did it and whose data it was goes into the access log first.
    """
    from platewatch.service.backup import back_up
    from platewatch.service.config import load

    with errors_to_exit():
        names = back_up(load(config), config, to, who=getpass.getuser(), reason=reason)
    typer.echo(f"{to}: {', '.join(names)}")


def restore(
    file: Annotated[Path, typer.Argument(help="What `platewatch backup` wrote.", exists=True, dir_okay=False)],
    config: Config,
) -> None:
    """Put a backup where the settings say. No file may be in its place, and the service must not run.

    Who did it and whose data it was goes into the access log.
    """
    from platewatch.service import backup
    from platewatch.service.config import load

    with errors_to_exit():
        names = asyncio.run(backup.restore(load(config), file, who=getpass.getuser()))
    typer.echo(f"restored: {', '.join(names)}")
