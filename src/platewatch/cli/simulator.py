"""`platewatch wass-simulator`: a far end that can be made to fail."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.console import Console
from typer.models import OptionInfo

from platewatch.cli.common import errors_to_exit, fail, print_hit

if TYPE_CHECKING:
    from platewatch.notify.simulator import Received


def _share(fault: str) -> OptionInfo:
    return cast(OptionInfo, typer.Option(min=0, max=1, help=f"Share (0 to 1) of notifications {fault}."))


def wass_simulator(
    secret: Annotated[
        list[str] | None, typer.Option(envvar="PLATEWATCH_SIMULATOR_SECRET", help="whsec_...; made if left out.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8099,
    refuse: Annotated[float, _share("refused with 403, not kept")] = 0.0,
    delay: Annotated[float, _share("kept, but answered late")] = 0.0,
    error: Annotated[float, _share("answered with 500, not kept")] = 0.0,
    cut: Annotated[float, _share("kept, but the connection is cut without an answer")] = 0.0,
    twice: Annotated[float, _share("answered twice")] = 0.0,
    delay_seconds: Annotated[float, typer.Option(min=0, help="How long a delayed answer takes.")] = 5.0,
    seed: Annotated[int | None, typer.Option(help="Makes the faults repeatable.")] = None,
) -> None:
    """Receive notifications in place of WASS: verify their signatures, print each new one, and fail on demand.

    GET /events shows what was received; PUT /faults changes the faults while it runs. Runs until Ctrl-C.
    """
    from platewatch.notify.signing import generate_secret
    from platewatch.notify.simulator import Faults, WassSimulator

    console = Console()

    def show(received: Received) -> None:
        print_hit(console, received.data)

    secrets = secret or [generate_secret()]

    async def run() -> None:
        simulator = WassSimulator(secrets, faults=faults, random=Random(seed), on_received=show)  # noqa: S311 - faults, not secrets
        async with simulator.start(host, port):
            typer.echo(f"notifications: {simulator.url}/events")
            if not secret:
                typer.echo(f"secret:        {secrets[0]}")
            await asyncio.Event().wait()

    try:
        faults = Faults(refuse=refuse, delay=delay, error=error, cut=cut, twice=twice, delay_seconds=delay_seconds)
    except ValueError as mistake:
        fail(str(mistake))
    with errors_to_exit():
        try:
            asyncio.run(run())
        except KeyboardInterrupt:
            return
