"""`platewatch key`: API keys of the service."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated

import typer

from platewatch.service.keys import Action, new_key

app = typer.Typer(help="API keys of the service.", no_args_is_help=True)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Whose it is, such as gate-north: it stands in the access log.")],
    may: Annotated[list[Action], typer.Option(help="What it may do; several times for several.")],
    camera: Annotated[list[str] | None, typer.Option(help="Whose reads it may send, such as 'GJ-*'; else all.")] = None,
    address: Annotated[list[str] | None, typer.Option(help="From where, such as 10.0.0.0/8; else anywhere.")] = None,
) -> None:
    """Make a key: it is printed to standard error, once, and what goes into the file of keys to standard output.

    platewatch key new gate-north --may reads --camera 'GJ-*' >> keys.toml
    """
    key, hash_ = new_key()
    lines = [f"[keys.{_text(name)}]", f'hash = "{hash_}"', f"may = {_texts(may)}"]
    if camera:
        lines.append(f"cameras = {_texts(camera)}")
    if address:
        lines.append(f"addresses = {_texts(address)}")
    typer.echo("\n".join(lines) + "\n")
    typer.echo(f"the key of {name}, which is stored nowhere: {key}", err=True)


def _text(value: str) -> str:
    """As TOML has it: a JSON string is one, but for the control character DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _texts(values: Iterable[str]) -> str:
    return "[" + ", ".join(map(_text, values)) + "]"
