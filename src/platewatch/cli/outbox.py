"""`platewatch outbox`: what waits, what was delivered, what failed."""

from __future__ import annotations

import asyncio
import getpass
import http.client
import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from platewatch.cli.common import errors_to_exit, fail, plural
from platewatch.notify.outbox import Outbox, OutboxLockedError
from platewatch.notify.outbox_reader import entries_of, export_events, hit_key, list_events
from platewatch.service import labels
from platewatch.service.audit import FOLDER, Access, Audit, key_of

Reason = Annotated[str | None, typer.Option(help="Why, for the access log; asked for if left out.")]
AccessLog = Annotated[
    Path | None, typer.Option(help="The folder of the access log; `access` beside the outbox if left out.")
]

app = typer.Typer(help="Look at the queue of notifications, and revive dead letters.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="The outbox: an SQLite file.", exists=True, dir_okay=False)]


class State(StrEnum):
    """Where a notification stands."""

    pending = "pending"
    delivered = "delivered"
    dead = "dead"
    cancelled = "cancelled"


OnlyState = Annotated[State | None, typer.Option(help="Only notifications in this state.")]


@app.command("list")
def list_(
    file: File,
    state: OnlyState = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 50,
) -> None:
    """List notifications without their contents."""
    names = ("event id", "state", "attempts", "created", "next attempt", "delivered", "last error", "route")
    with errors_to_exit(file):
        rows: list[tuple[str, ...]] = [
            (
                event.event_id,
                event.state,
                str(event.attempts),
                _local(event.created_at),
                _local(event.next_attempt_at) if event.state == "pending" else "",
                _local(event.delivered_at),
                event.last_error or "",
                event.route,
            )
            for event in list_events(file, state.value if state else None, limit)
        ]
        console = Console(highlight=False)
        if console.is_terminal:
            table = Table(*(Column(name, no_wrap=name == "event id") for name in names), box=None)
            for row in rows:
                table.add_row(*row)
            console.print(table)
        else:  # for other programs, whole
            for row in (names, *rows):
                print("\t".join(row))
            sys.stdout.flush()


@app.command()
def export(
    file: File,
    state: OnlyState = None,
    reason: Reason = None,
    access_log: AccessLog = None,
) -> None:
    """Print notifications whole, one JSON event a line, the oldest first. They hold personal data.

    Who did it, why and whose data it was goes into the access log first.
    """
    with errors_to_exit(file):
        _note(file, access_log, "export", entries_of(file, state.value if state else None), reason)
        _print(export_events(file, state.value if state else None))


@app.command("labelled")
def labelled_(file: File, reason: Reason = None, access_log: AccessLog = None) -> None:
    """Print the reads whose hits were confirmed, with their plates as `truth`: what `platewatch fit` takes.

    They are kept where `outcomes.labelled_days` says so, and are personal data. Who did it, why and whose data it was
    goes into the access log first.
    """
    with errors_to_exit(file):
        _note(file, access_log, "export labelled", labels.labelled(file), reason)
        _print(labels.export(file))


def _note(file: Path, access_log: Path | None, action: str, entry_ids: list[str], reason: str | None) -> None:
    """Into the access log. Raises what keeps it from being noted: then it must not be done."""
    if reason is None:
        if not sys.stdin.isatty():
            fail("--reason is needed: why these data are taken out goes into the access log")
        reason = typer.prompt("Why", err=True)
    if not reason.strip():
        fail("--reason is blank")
    audit = Audit(access_log or file.resolve().parent / FOLDER, key_of(hit_key(file)))
    audit.write(
        Access(
            who=getpass.getuser(),
            where="local",
            action=action,
            subjects=tuple(map(audit.subject, entry_ids)),
            count=len(entry_ids),
            reason=reason,
        )
    )


def _print(lines: Iterable[bytes]) -> None:
    for line in lines:
        sys.stdout.buffer.write(line + b"\n")
    sys.stdout.flush()


@app.command()
def new(
    file: Annotated[Path, typer.Argument(help="Where it is to be, and where the old one was.")],
    copy: Annotated[
        Path | None,
        typer.Option("--from", help="A copy of the old one, to be moved there.", exists=True, dir_okay=False),
    ] = None,
) -> None:
    """Begin an outbox in place of one that is gone. What is left of that is put aside.

    A first outbox needs no command: `platewatch serve` makes it.
    """
    with errors_to_exit(file):
        asyncio.run(_new(file, copy))
    typer.echo(f"{file} is a new outbox" if copy is None else f"{file} is what was {copy}")


async def _new(file: Path, copy: Path | None) -> None:
    async with await Outbox.open(file, anew=True, copy=copy):
        pass


@app.command()
def retry(
    file: File,
    event_ids: Annotated[list[str] | None, typer.Argument(help="Dead letters; all of them if left out.")] = None,
    access_log: AccessLog = None,
    ca: Annotated[
        Path | None, typer.Option(help="Who vouches for the service, if the system does not.", exists=True)
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(help="Ours, with its key, if the service asks for one.", exists=True)
    ] = None,
) -> None:
    """Queue dead letters again. While the service is running it is asked to do it: only one process may write.

    Then a token, or a key that may `admin`, is taken from PLATEWATCH_ADMIN__TOKEN, or from PLATEWATCH_HTTP__TOKEN where
    the service has no listener for operators.
    """
    with errors_to_exit(file):
        try:
            retried = asyncio.run(_retry(file, event_ids or None, access_log or file.resolve().parent / FOLDER))
        except OutboxLockedError as error:
            if error.url is None:
                raise
            retried = _ask(error.url, event_ids or None, _context(ca, certificate))
    typer.echo(f"{plural(retried, 'dead letter')} queued again")
    if event_ids and retried < len(set(event_ids)):
        raise typer.Exit(1)


async def _retry(file: Path, event_ids: list[str] | None, access_log: Path) -> int:
    async with await Outbox.open(file) as outbox:
        audit = Audit(access_log, key_of(outbox.hit_key))
        await audit.note(Access(who=getpass.getuser(), where="local", action="outbox retry"))
        return await outbox.retry(event_ids)


def _context(ca: Path | None, certificate: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca)
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context


def _ask(url: str, event_ids: list[str] | None, context: ssl.SSLContext) -> int:
    request = urllib.request.Request(  # noqa: S310 - the URL is what our own service wrote into its lock file
        f"{url}/v1/outbox/retry", data=json.dumps({"event_ids": event_ids}).encode(), method="POST"
    )
    # Not an argument of the command, which others on this machine can see.
    token = os.environ.get("PLATEWATCH_ADMIN__TOKEN") or os.environ.get("PLATEWATCH_HTTP__TOKEN")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    # No proxy may see the token.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=30) as response:
            return int(json.load(response)["retried"])
    except urllib.error.HTTPError as error:
        fail(f"the service at {url} answered {error.code}: {error.read().decode(errors='replace')}")
    except (OSError, http.client.HTTPException) as error:  # it may hang up, as on who shows no certificate
        fail(f"the service at {url} cannot be asked: {getattr(error, 'reason', error)}")


def _local(time: float | None) -> str:
    return datetime.fromtimestamp(time).astimezone().isoformat(" ", "seconds") if time is not None else ""
