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
    source: Annotated[
        list[str] | None, typer.Option(help="To which sources it may send; http is /v1/reads. Else all.")
    ] = None,
    feed: Annotated[list[str] | None, typer.Option(help="Which feeds' lists it may change; else all.")] = None,
    agency: Annotated[
        list[str] | None, typer.Option(help="Of whose entries it may answer and export hits; else of all.")
    ] = None,
    address: Annotated[list[str] | None, typer.Option(help="From where, such as 10.0.0.0/8; else anywhere.")] = None,
    requests_a_second: Annotated[
        float | None, typer.Option(min=0.001, max=1e6, help="How often; else as the settings say.")
    ] = None,
) -> None:
    """Make a key: it is printed to standard error, once, and what goes into the file of keys to standard output.

    platewatch key new gate-north --may reads --camera 'GJ-*' >> keys.toml
    """
    key, hash_ = new_key()
    lines = [f"[keys.{_text(name)}]", f'hash = "{hash_}"', f"may = {_texts(may)}"]
    bounds = {"cameras": camera, "sources": source, "feeds": feed, "agencies": agency, "addresses": address}
    lines += [f"{bound} = {_texts(values)}" for bound, values in bounds.items() if values]
    if requests_a_second is not None:
        lines.append(f"requests_a_second = {requests_a_second!r}")
    typer.echo("\n".join(lines) + "\n")
    typer.echo(f"the key of {name}, which is stored nowhere: {key}", err=True)


def _text(value: str) -> str:
    """As TOML has it: a JSON string is one, but for the control character DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _texts(values: Iterable[str]) -> str:
    return "[" + ", ".join(map(_text, values)) + "]"
