"""`platewatch secret`: secrets to be shared with far ends and feeds."""

from __future__ import annotations

import secrets
from typing import Annotated

import typer

app = typer.Typer(help="Make secrets.", no_args_is_help=True)

_TOKEN_BYTES = 32


@app.callback()
def secret() -> None:
    """Make secrets."""


@app.command()
def new(
    token: Annotated[bool, typer.Option("--token", help="A token, as http.token and feeds have, instead.")] = False,
) -> None:
    """Print a new random secret of 256 bits, with which notifications are signed (wass.secrets).

    It is printed and kept nowhere: put it where the settings take it from, and tell the far end.
    """
    from platewatch.notify.signing import generate_secret

    typer.echo(secrets.token_urlsafe(_TOKEN_BYTES) if token else generate_secret())
