"""What one dead endpoint costs the other agencies.

python -m benchmarks.agencies [--agencies 20] [--pending 1000] [--rounds 3]

Each agency has a route with so many pending hits, all of them delivered by real, signed HTTP to far ends in a process
of their own. It is done without the last agency, and with it while its endpoint is dead: once it refuses connections,
and once it takes them and never answers. Told is when the slowest of the others has all that was pending, and then,
while the dead one's hits still wait, what fresh hits take from the disk to their acknowledgement.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import structlog
from aiohttp import web

from platewatch.notify.dispatcher import RetryPolicy
from platewatch.notify.event import Camera, HitData, encode, new_event
from platewatch.notify.outbox import NewEvent, Outbox
from platewatch.notify.outbox_file import open_to_read
from platewatch.notify.senders import HttpsSettings
from platewatch.notify.signing import generate_secret
from platewatch.service.delivery import Delivery
from platewatch.service.routes import Route, Routes

FRESH = 100
FRESH_EVERY = 0.05  # seconds
DEAD = "the dead one"


class Result(NamedTuple):
    """Seconds: until the slowest agency had all that was pending, and what each fresh hit took."""

    drained: float
    fresh: list[float]


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agencies", type=int, default=20)
    parser.add_argument("--pending", type=int, default=1000, help="hits of each")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))  # 20,000 deliveries are logged
    living = [f"agency-{number}" for number in range(1, options.agencies)]
    results: dict[str, list[Result]] = {}
    async with far_end() as url:
        for _ in range(options.rounds):
            with refusing() as refuses, silent() as is_silent:
                cases = {"none is dead": None, "it refuses": refuses, "it never answers": is_silent}
                for name, dead in cases.items():
                    results.setdefault(name, []).append(await measured(living, url, dead, options.pending))
    base = results["none is dead"]
    print(f"{options.agencies} agencies, {options.pending:,} pending hits each; medians of {options.rounds} rounds")
    for name, found in results.items():
        fresh = [statistics.median(column) for column in zip(*(quantiles(one.fresh) for one in found), strict=True)]
        later = sorted(one.drained - before.drained for one, before in zip(found, base, strict=True))
        drained = [one.drained for one in found]
        print(
            f"{name}: the slowest of the others has all its hits after {statistics.median(drained):.2f} s"
            f" ({min(drained):.2f} to {max(drained):.2f}), {statistics.median(later):+.2f} s ({later[0]:+.2f} to"
            f" {later[-1]:+.2f}); a fresh hit: p50 {fresh[0]:.1f} ms, p99 {fresh[1]:.1f} ms, most {fresh[2]:.1f} ms"
        )


def quantiles(seconds: Sequence[float]) -> list[float]:
    return [float(value) for value in 1e3 * np.quantile(seconds, [0.5, 0.99, 1.0])]


async def measured(living: Sequence[str], url: str, dead: str | None, pending: int) -> Result:
    """One run, in a folder of its own."""
    ends = {name: f"{url}/{name}" for name in living} | ({} if dead is None else {DEAD: dead})
    routes = Routes({name: Route(to=HttpsSettings(url=to, secrets=(generate_secret(),))) for name, to in ends.items()})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "outbox.db"
        async with await Outbox.open(path) as outbox, Delivery(outbox, routes, RetryPolicy()) as delivery:
            await outbox.append(hits(outbox.hit_key, "W", pending, tuple(ends)))
            started = time.time()
            running = asyncio.create_task(delivery.run())
            await idle(outbox, living)
            for number in range(FRESH):
                await outbox.append(hits(outbox.hit_key, f"fresh-{number}", 1, tuple(ends)))
                delivery.wake()
                await asyncio.sleep(FRESH_EVERY)
            await idle(outbox, living)
            if dead is not None:
                waiting = (await outbox.backlog())[DEAD]["pending"][0]
                assert waiting == pending + FRESH, "a dead endpoint takes nothing"
            delivery.stop()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        with open_to_read(path) as connection:
            rows = connection.execute(
                "SELECT entry_id, created_at, delivered_at FROM events WHERE delivered_at IS NOT NULL"
            ).fetchall()
    assert len(rows) == len(living) * (pending + FRESH), "all others have all"
    return Result(
        max(delivered for entry_id, _, delivered in rows if entry_id.startswith("W")) - started,
        [delivered - created for entry_id, created, delivered in rows if entry_id.startswith("fresh")],
    )


def hits(key: bytes, name: str, count: int, routes: tuple[str, ...]) -> Iterator[NewEvent]:
    """As the pipeline makes them: each of an entry of its own."""
    now = datetime.now(UTC)
    for number in range(count):
        data = HitData(
            entry_id=f"{name}-{number}",
            agency="city",
            category="stolen",
            grade="notify",
            probability=0.9876,
            pattern=False,
            wanted_plate="12가3456",
            read_text="12가3456",
            edits=0,
            differences=(),
            camera=Camera(id="GJ-0117", name="Station square", latitude=35.1653, longitude=126.9092, heading=270.0),
            time=now,
            late=False,
        )
        event = new_event(key, "urn:platewatch:benchmark", now, data)
        yield NewEvent(event.id, encode(event), routes, data.entry_id)


async def idle(outbox: Outbox, living: Sequence[str]) -> None:
    """Until nothing is pending for those that live."""
    while True:
        backlog = await outbox.backlog()
        if not any("pending" in backlog.get(name, {}) for name in living):
            return
        await asyncio.sleep(0.05)


@contextmanager
def refusing() -> Iterator[str]:
    """The URL of a port that nobody listens at, and that nobody else gets."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}/events"


@contextmanager
def silent() -> Iterator[str]:
    """The URL of a far end whose connections are made by the kernel, and never answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as held:
        yield f"http://127.0.0.1:{held.getsockname()[1]}/events"


@asynccontextmanager
async def far_end() -> AsyncIterator[str]:
    """The URL of what takes everything, in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from benchmarks.agencies import take_everything as it; it()", stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.wait()


def take_everything() -> None:
    """Run it; the first line of the standard output is its URL."""

    async def take(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=202)

    async def run() -> None:
        app = web.Application()
        app.router.add_post("/{agency}", take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
        await asyncio.Event().wait()

    asyncio.run(run())


if __name__ == "__main__":
    asyncio.run(main())
