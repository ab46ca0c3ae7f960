"""`platewatch formats`: what cameras and recognisers send, and what is understood of it."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from rich.console import Console
from rich.markup import escape

from platewatch import toml
from platewatch.cli.common import errors_to_exit, fail, plural, stderr
from platewatch.errors import FormatError
from platewatch.formats import FORMATS, Parsed, SenderMapping
from platewatch.formats import parse as parse_message

app = typer.Typer(help="What cameras and recognisers send.", no_args_is_help=True)

MessageZone: TypeAlias = Annotated[
    str | None, typer.Option("--time-zone", help="Zone of times without an offset, such as Asia/Seoul.")
]
Charset: TypeAlias = Annotated[
    str | None, typer.Option(help="Charset of messages that are neither UTF-8 nor say what they are, such as cp949.")
]
Header: TypeAlias = Annotated[
    list[str] | None, typer.Option(help="A header that came with the message, as 'Content-Type: ...'; several times.")
]
Target: TypeAlias = Annotated[str, typer.Option(help="The request's path with its query, or the MQTT topic.")]
MappingFile: TypeAlias = Annotated[
    Path | None, typer.Option(help="TOML file that says where things stand, for the format mapping; docs/cameras.md.")
]


@app.command("list")
def list_formats() -> None:
    """The formats, by the names that `try`, `match --format` and the service know them by."""
    width = max(map(len, FORMATS))
    for found in FORMATS.values():
        typer.echo(f"{found.name:<{width}}  {found.about}")


@app.command("try")
def try_format(
    name: Annotated[str, typer.Argument(help="A name of `formats list`.")],
    file: Annotated[Path, typer.Argument(help="One message as it arrived, or JSON objects one a line; `-`: stdin.")],
    *,
    header: Header = None,
    target: Target = "",
    time_zone: MessageZone = None,
    charset: Charset = None,
    mapping: MappingFile = None,
) -> None:
    """Show what is understood of a message. Exits with 1 if something of it is refused, with 2 if all of it is."""
    parsed = parse_file(name, file, header, target, time_zone, charset, mapping)
    console = Console(highlight=False, soft_wrap=True)
    for item, read in zip(parsed.items, parsed.reads, strict=True):
        about: list[tuple[str, Any]] = [
            ("camera", read.camera_id),
            ("time", read.time.isoformat() if read.time else "none: that of its arrival"),
            ("confidence", read.confidence),
            ("pass", read.pass_id),
            ("chars", " ".join(f"{one.c} {one.p}" for one in read.chars)),
            ("candidates", ", ".join(one.text if one.p is None else f"{one.text} {one.p}" for one in read.candidates)),
            ("image", read.image_url),
            ("late", "yes" if read.late else None),
        ]
        console.print(f"item {item}: read  [bold]{escape(read.text)}[/]")
        for what, value in about:
            if value not in (None, ""):
                console.print(f"    {what:<10}  {escape(str(value))}")
    for error in parsed.refused:
        console.print(escape(f"item {error.row}: refused  {f'{error.field}: ' if error.field else ''}{error.reason}"))
    console.print(summary(parsed))
    if parsed.names and not parsed.reads:
        console.print(
            escape(f"nothing stands where the mapping says the plate does; there are {', '.join(parsed.names)}")
        )
    if parsed.reply is not None:
        console.print(f"the sender has to be answered {escape(parsed.reply.decode())}")
    if parsed.refused:
        raise typer.Exit(1)


def parse_file(
    name: str,
    file: Path | None,
    header: list[str] | None,
    target: str,
    time_zone: str | None,
    charset: str | None,
    mapping: Path | None,
) -> Parsed:
    """What a file holds; what is wrong with it, or with an option, ends the command. Where there is no read, the
    standard error tells the formats by which there is one.
    """
    if name not in FORMATS:
        fail(f"no format is named {name}; there are {', '.join(FORMATS)}")
    headers = dict(_header(line) for line in header or ())
    if name == "mapping" and mapping is None:
        fail("the format mapping needs --mapping FILE, which says where things stand")
    if name != "mapping" and mapping is not None:
        fail(f"--mapping is for the format mapping, and this is {name}")
    where = None if mapping is None else _mapping(mapping)
    with errors_to_exit(file):
        body = sys.stdin.buffer.read() if file is None or str(file) == "-" else file.read_bytes()
    try:
        parsed = parse_message(name, body, headers, target=target, zone=time_zone, charset=charset, mapping=where)
    except FormatError as error:
        fail(f"{file or '-'}: not of the format {name}: {error}{_others(name, body, headers, target)}")
    except ValueError as error:
        fail(f"--time-zone: {error}")
    if not parsed.reads and (others := _others(name, body, headers, target)):
        stderr.print(
            f"{file or '-'}: no read of the format {name}{others}", markup=False, highlight=False, soft_wrap=True
        )
    return parsed


def _others(name: str, body: bytes, headers: dict[str, str], target: str) -> str:
    """By which other formats there is a read that has its time, as the end of a line."""
    found = []
    for other in FORMATS:
        if other in (name, "mapping"):
            continue
        try:
            parsed = parse_message(other, body, headers, target=target, zone="UTC")
        except FormatError:
            continue
        if any(read.time is not None for read in parsed.reads):
            found.append(other)
    return f"; by {' and '.join(found)} there is one" if found else ""


def summary(parsed: Parsed) -> str:
    """How many items came to what."""
    parts = [plural(len(parsed.reads), "read")]
    parts += [plural(count, *_IGNORED[why]) for why, count in Counter(parsed.ignored).items()]
    if parsed.refused:
        parts.append(f"{len(parsed.refused):,} refused")
    late = sum(read.late for read in parsed.reads)
    if late:
        parts.append(f"{late:,} late")
    text = ", ".join(parts)
    if parsed.dropped:
        fields = ", ".join(f"{name} {count:,}" for name, count in sorted(parsed.dropped.items()))
        text += f"; fields that were not usable: {fields}"
    return text


_IGNORED = {
    "no_plate": ("without a plate", "without a plate"),
    "heartbeat": ("sign of life", "signs of life"),
    "other_event": ("other event", "other events"),
}


def _header(line: str) -> tuple[str, str]:
    name, is_one, value = line.partition(":")
    if not is_one:
        fail(f"--header: not as 'Content-Type: ...': {line}")
    return name.strip(), value.strip()


def _mapping(path: Path) -> SenderMapping:
    """Of the file itself, or of its table `mapping`."""
    with errors_to_exit():  # which name the file
        tables = toml.read(path)
    table = tables.get("mapping")
    with errors_to_exit(path):
        return SenderMapping.of(table if isinstance(table, dict) else tables)
