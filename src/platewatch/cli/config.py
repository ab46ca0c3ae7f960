"""`platewatch config`: the service's settings, looked at before it is started."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from platewatch.cli.common import errors_to_exit, fail, plural, stderr, warn
from platewatch.errors import ConfigError, HotlistError, PlatewatchError
from platewatch.lists.judgement import few_of_a_kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platewatch.lists.feeds.file import FileFeedSettings
    from platewatch.matching.reads import Read
    from platewatch.service.config import Settings

app = typer.Typer(help="Look at the settings of the service.", no_args_is_help=True)


@app.callback()
def config() -> None:
    """Look at the settings of the service."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The settings, a TOML file.", exists=True, dir_okay=False)],
) -> None:
    """Read the settings and all files that they name, as `platewatch serve` would, and say what is there.

    Nothing is started, written or asked for over the network. Exits with 2 if the service would not start.
    """
    from platewatch.lists.feeds.file import FileFeedSettings
    from platewatch.service import cameras
    from platewatch.service.config import load, strange_variables

    for variable, meant in strange_variables():
        stderr.print(f"{variable} is no setting: {meant}?", style="yellow", markup=False, highlight=False)
    with errors_to_exit(file):
        settings = load(file)
        _check_model(settings)
        _check_who_gets_in(settings)
        for name, feed in settings.feeds.items():
            if isinstance(feed, FileFeedSettings):
                typer.echo(f"feed {name}: {_entries(name, feed, settings)}")
            else:
                typer.echo(f"feed {name}: {type(feed).__struct_config__.tag}, not asked")
        if settings.cameras is not None:
            typer.echo(f"cameras: {len(cameras.load(settings.cameras)):,}")
        for name in _sources(settings):
            typer.echo(f"source {name}: {settings.sources[name].format}")
        asyncio.run(_open_senders(settings))
        typer.echo(f"routes: {', '.join(settings.routes)}")
    typer.echo(f"{file} is good")


def _entries(name: str, feed: FileFeedSettings, settings: Settings) -> str:
    from platewatch.lists.feeds.file import FileFeed

    try:
        hotlist = asyncio.run(FileFeed(feed, settings.time_zone).fetch(None)).hotlist
    except HotlistError as error:
        warn(feed.path, few_of_a_kind(error.errors))
        fail(f"feed {name}: {error.judgement}")
    except PlatewatchError as error:
        fail(f"feed {name}: {error}")
    assert hotlist is not None  # noqa: S101 - none was known before
    warn(feed.path, few_of_a_kind(hotlist.report.errors))
    return f"{plural(len(hotlist), 'entry', 'entries')}, {plural(len(hotlist.report.errors), 'bad row')}"


def _check_model(settings: Settings) -> None:
    """Raises ConfigError for a model or a population of no use, and for one that cannot be learnt on from."""
    from platewatch.matching.matcher import Matcher
    from platewatch.service import app as service

    service._learning(settings, Matcher(["12가3456"], model=service._model(settings)))


def _check_who_gets_in(settings: Settings) -> None:
    """Says how many keys there are. Raises ConfigError for keys and certificates of no use."""
    from platewatch.service.keys import Keys
    from platewatch.service.listeners import tls_of

    tls_of(settings.http, "http")
    if settings.admin is not None:
        tls_of(settings.admin, "admin")
    if settings.http.keys is not None:
        typer.echo(f"keys: {len(Keys(settings.http.keys)):,}")


def _sources(settings: Settings) -> list[str]:
    """Their names. Raises ConfigError for files of theirs that are of no use."""
    from platewatch.sources import Accepted
    from platewatch.sources.source import Source, transport_of

    async def accept(reads: Sequence[Read]) -> Accepted:
        raise AssertionError("nothing is followed")

    for name, how in settings.sources.items():
        transport_of(Source(name, how, accept, on_refused=lambda _: None), settings.positions)
    return [*settings.sources]


async def _open_senders(settings: Settings) -> None:
    """Raises ConfigError for secrets and files of far ends that are of no use."""
    from platewatch.notify.outbox import WASS
    from platewatch.notify.senders import open_sender

    for name, route in settings.routes.items():
        try:
            async with open_sender(route.to):
                pass
        except ConfigError as error:
            where = WASS if name == WASS else f"routes.{name}.to"
            raise ConfigError(error.reason, field=f"{where}.{error.field}") from None
