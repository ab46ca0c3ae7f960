"""`platewatch demo`: a small city in half a minute, on bundled reads of real recognisers."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer
from rich.console import Console

from platewatch._core import normalize
from platewatch.cli.common import fail, plural, print_hit
from platewatch.errors import PlatewatchError

if TYPE_CHECKING:
    import aiohttp

    from platewatch.notify.simulator import WassSimulator

_DATA = ("reads.jsonl", "wanted.csv", "cameras.csv")
_SHOWN = 8  # misread hits that are shown symbol by symbol
# What the demo's list calls urgent: to miss one costs more than to look in vain.
_POLICY = '[policy.categories."suicide risk"]\nnotify = 0.2\ncheck = 0.02\n'
# Persons at risk are told to 112 and 119, too, and an agency pushes what is new.
_ROUTES = """
[routes.112]
categories = ["suicide risk"]
to = {{kind = "https", url = "{emergency}/events", secrets = ["{secret}"]}}
[routes.119]
categories = ["suicide risk"]
to = {{kind = "https", url = "{fire}/events", secrets = ["{secret}"]}}
[feeds.police]
kind = "push"
token = "{secret}"
"""
_SECONDS_TO_START = 120.0
_SECONDS_TO_DELIVER = 120.0

Truths: TypeAlias = dict[tuple[str, datetime], str]
"""The plate that was shown to a camera at a time, which the service is not told."""

console = Console(highlight=False)


def demo(
    rate: Annotated[float, typer.Option(min=1, max=5000, help="Reads a second, of all cameras together.")] = 40.0,
) -> None:
    """Replay 450 reads of 30 cameras in Gwangju through the service, and show what reaches the police.

    Then an agency adds a vehicle to the list, a person at risk is looked for by several, and an operator says that a
    hit was wrong.

    Everything is real but the police: the service runs as it would in a city, on free ports of this machine, and
    `platewatch wass-simulator` stands in for WASS. Nothing is left behind.
    """
    with ExitStack() as stack:
        # File by file: as a folder they have no path where the package lies in two places, as an editable one does.
        data = {name: stack.enter_context(as_file(files("platewatch") / "data" / name)) for name in _DATA}
        place = stack.enter_context(tempfile.TemporaryDirectory(prefix="platewatch-"))
        try:
            asyncio.run(_run(data, Path(place), rate))
        except PlatewatchError as error:
            fail(str(error))


async def _run(data: Mapping[str, Path], place: Path, rate: float) -> None:
    import aiohttp

    from platewatch.notify.signing import generate_secret
    from platewatch.notify.simulator import WassSimulator

    reads = [json.loads(line) for line in data["reads.jsonl"].read_text("utf-8").splitlines()]
    secret = generate_secret()
    async with (
        WassSimulator([secret]).start() as wass,
        WassSimulator([secret]).start() as emergency,
        WassSimulator([secret]).start() as fire,
        aiohttp.ClientSession() as http,
        _service(data, place, wass.url, secret, _more(emergency.url, fire.url, secret)) as url,
    ):
        entries = (await _get(http, f"{url}/v1/status"))["entries"]
        cameras = len({read["camera_id"] for read in reads})
        console.print(
            f"[bold]A small city[/]: {entries:,} wanted vehicles, {cameras} cameras, "
            f"{len(reads)} reads at {rate:g} a second."
        )
        started = time.perf_counter()
        truths = await _replay(http, url, reads, rate, wass)
        status = await _delivered(http, url)
        _report(status, wass, truths, time.perf_counter() - started)
        await _new_entry(http, url, wass, secret)
        _at_risk(wass, emergency, fire)
        await _wrong(http, url, wass)


def _more(emergency: str, fire: str, secret: str) -> str:
    return _ROUTES.format(emergency=emergency, fire=fire, secret=secret)


@asynccontextmanager
async def _service(data: Mapping[str, Path], place: Path, wass_url: str, secret: str, more: str) -> AsyncIterator[str]:
    """The service with the demo's data."""
    config = place / "platewatch.toml"
    config.write_text(
        f"""
        hotlist = {json.dumps(str(data["wanted.csv"]))}
        cameras = {json.dumps(str(data["cameras.csv"]))}
        source = "urn:platewatch:gwangju-demo"
        http.port = 0
        wass.url = "{wass_url}/events"
        wass.secrets = ["{secret}"]
        """
        + _POLICY
        + more,
        "utf-8",
    )
    async with serving(config) as url:
        yield url


@asynccontextmanager
async def serving(config: Path) -> AsyncIterator[str]:
    """`platewatch serve` as a process of its own; yields its URL, and ends it. Raises PlatewatchError, TimeoutError."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "platewatch", "serve", "--config", str(config), stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None  # noqa: S101 - it is piped
    draining: asyncio.Task[None] | None = None
    try:
        async with asyncio.timeout(_SECONDS_TO_START):
            url = await _listening(process.stderr)
        draining = asyncio.create_task(_drain(process.stderr))
        yield url
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        if draining is not None:
            await draining


async def _listening(log: asyncio.StreamReader) -> str:
    lines = []
    async for line in log:
        lines.append(line.decode())
        if line.startswith(b"{") and (event := json.loads(line))["event"] == "listening":
            return str(event["url"])
    raise PlatewatchError(f"the service did not start: {''.join(lines)}")


async def _drain(log: asyncio.StreamReader) -> None:
    async for _ in log:
        pass


async def _replay(
    http: aiohttp.ClientSession, url: str, reads: list[dict[str, Any]], rate: float, wass: WassSimulator
) -> Truths:
    """Send each read at its moment, as its camera would, and show misread hits as they arrive at the far end."""
    shown: set[str] = set()
    truths: Truths = {}
    started = time.perf_counter()
    async with asyncio.TaskGroup() as cameras:
        for number, read in enumerate(reads):
            await asyncio.sleep(max(0.0, started + number / rate - time.perf_counter()))
            read["time"] = datetime.now(UTC)
            truths[read["camera_id"], read["time"]] = normalize(read.pop("truth"))
            cameras.create_task(_send(http, url, read))
            for event in wass.received.values():
                if event.data.edits and event.id not in shown and len(shown) < _SHOWN:
                    shown.add(event.id)
                    print_hit(console, event.data)
    return truths


async def _send(http: aiohttp.ClientSession, url: str, read: dict[str, Any]) -> None:
    async with http.post(f"{url}/v1/reads", json=read | {"time": read["time"].isoformat()}) as response:
        if response.status not in (200, 422):  # 422: the recogniser read nothing that could be a plate
            raise PlatewatchError(f"the service answered {response.status}")


async def _delivered(http: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    """The service's status once nothing is left to deliver."""
    async with asyncio.timeout(_SECONDS_TO_DELIVER):
        while (status := await _get(http, f"{url}/v1/status"))["outbox"]["pending"]:
            await asyncio.sleep(0.05)
    return status


async def _get(http: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with http.get(url) as response:
        response.raise_for_status()
        answer: dict[str, Any] = await response.json()
        return answer


def _report(status: dict[str, Any], wass: WassSimulator, truths: Truths, seconds: float) -> None:
    events = list(wass.received.values())
    grades = Counter(event.data.grade for event in events)
    misread = sum(event.data.edits > 0 for event in events)
    right = sum(truths[event.data.camera.id, event.data.time] == event.data.wanted_plate for event in events)
    delays = sorted((event.received_at - event.data.time).total_seconds() * 1000 for event in events)
    if not delays:
        raise PlatewatchError("no notification was delivered")
    console.print(
        f"\n[bold]In {seconds:.1f} s[/]: {plural(status['reads'], 'read')} matched"
        f" ({status['refused']} without a plate), {plural(status['hits'], 'hit')}: {grades['notify']} to notify,"
        f" {grades['check']} to check; {misread} of them misread, {right} of them right."
    )
    console.print(
        f"{plural(len(events), 'notification')} delivered, signatures verified; {status['outbox']['dead']} failed."
    )
    console.print(
        f"From read to notification: p50 {_quantile(delays, 0.50):.1f} ms, p99 {_quantile(delays, 0.99):.1f} ms."
    )


async def _new_entry(http: aiohttp.ClientSession, url: str, wass: WassSimulator, token: str) -> None:
    """An agency adds a vehicle while it goes by: how long until the police hears of it."""
    entry = {"id": "NEW-1", "plate": "387다4156", "category": "stolen", "agency": "Gwangju Police"}
    known = set(wass.received)
    started = time.perf_counter()
    headers = {"Authorization": f"Bearer {token}"}
    delta = {"version": 1, "upserts": [entry]}
    async with http.post(f"{url}/v1/feeds/police/deltas", json=delta, headers=headers) as answer:
        answer.raise_for_status()
    await _send(http, url, {"text": "387다4156", "camera_id": "GJ-0001", "time": datetime.now(UTC)})
    async with asyncio.timeout(_SECONDS_TO_DELIVER):
        while set(wass.received) == known:
            await asyncio.sleep(0.001)
    took = 1000 * (time.perf_counter() - started)
    console.print(f"\n[bold]The list lives[/]: a vehicle was added, read and told of within {took:.0f} ms.")


def _at_risk(wass: WassSimulator, *others: WassSimulator) -> None:
    """A hit that several agencies were told of, and where the vehicle may go next."""
    everywhere = set.intersection(*(set(one.received) for one in others))
    told = [event for event in wass.received.values() if event.id in everywhere and event.data.ahead]
    if not told:
        raise PlatewatchError("no hit of a person at risk was delivered to all")
    event = min(told, key=lambda event: event.data.time)
    console.print(f"[bold]A person at risk[/] was told to WASS, 112 and 119: {event.data.camera.name}, then perhaps")
    for camera in event.data.ahead[:3]:
        console.print(f"    {camera.name} ({camera.id})")


async def _wrong(http: aiohttp.ClientSession, url: str, wass: WassSimulator) -> None:
    """An operator says that a misread hit was wrong: it is taken back, and the same mistake is not told again."""
    wrong = next(event for event in wass.received.values() if event.data.edits)
    answer = {"outcome": "misread", "by": "demo", "reason": "to show it"}
    async with http.post(f"{url}/v1/hits/{wrong.id.partition('.')[0]}/outcome", json=answer) as answered:
        answered.raise_for_status()
    async with asyncio.timeout(_SECONDS_TO_DELIVER):
        while not wass.withdrawn:
            await asyncio.sleep(0.01)
    before = (await _get(http, f"{url}/v1/status"))["hits"]
    await _send(http, url, {"text": wrong.data.read_text, "camera_id": "GJ-0002", "time": datetime.now(UTC)})
    told = (await _get(http, f"{url}/v1/status"))["hits"] - before
    console.print(
        f"[bold]An operator[/] said that {wrong.data.read_text} is not {wrong.data.wanted_plate}: the hit was taken"
        f" back, and of the same read again {plural(told, 'hit')} came."
    )


def _quantile(ascending: list[float], q: float) -> float:
    return ascending[min(len(ascending) - 1, int(q * len(ascending)))]
