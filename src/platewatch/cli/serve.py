"""`platewatch serve`: the city's service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from platewatch.cli.common import errors_to_exit


def serve(
    config: Annotated[Path, typer.Option(help="The settings, a TOML file; see docs/service.md.")],
) -> None:
    """Take reads by HTTP, match them, and deliver the hits, until told to stop by SIGTERM or Ctrl-C.

    Settings may be overridden by environment variables, such as PLATEWATCH_HTTP__PORT=9000. Logs are JSON lines on
    the standard error, or text on a terminal; they never hold a read.
    """
    import uvloop

    from platewatch.service import app, log
    from platewatch.service.config import load

    log.configure()
    with errors_to_exit():
        uvloop.run(app.serve(load(config)))
