"""The whole service: reads in by HTTP, hits on disk, notifications out. Everything is real but the police."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from . import workloads
from .conftest import Bench
from .measure import Spread
from .workloads import CITY

if TYPE_CHECKING:
    import aiohttp

    from platewatch.notify.simulator import WassSimulator

QUESTION = "service"

_CONNECTIONS = 4
_ROUNDS = 5
_REQUESTS = {1: 500, 10: 200, 100: 100, 1000: 20}  # a round, by reads a request
_HITS_AT_FULL_SPEED = 0.001
_RATE = 200.0  # reads a second where it is the delay that counts
_HITS_AT_RATE = 0.2
_QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)
_PATIENCE = 30.0  # seconds
_CAMERAS = 100_000  # so that each reads about once a second, as fast as the service may be

Trial = Callable[["aiohttp.ClientSession", str, "WassSimulator"], Coroutine[Any, Any, Any]]


@pytest.mark.parametrize(
    "reads_a_request", [1, pytest.param(10, marks=pytest.mark.full), 100, pytest.param(1000, marks=pytest.mark.full)]
)
def test_throughput(bench: Bench, reads_a_request: int, tmp_path: Path) -> None:
    """As fast as it goes, each connection sending its next request once the last one is acknowledged."""
    pytest.importorskip("aiohttp", reason="the service needs platewatch[serve]")
    requests = _REQUESTS[reads_a_request] * (3 if bench.full else 1)
    texts = workloads.reads("korean", CITY, requests * reads_a_request * (_ROUNDS + 1), _HITS_AT_FULL_SPEED)
    bodies = [_lines(texts[i : i + reads_a_request], i) for i in range(0, len(texts), reads_a_request)]

    async def trial(http: aiohttp.ClientSession, url: str, wass: WassSimulator) -> list[float]:
        seconds = []
        hits = 0
        for start in range(0, len(bodies), requests):
            started = time.perf_counter()
            hits += await _send_all(http, url, bodies[start : start + requests], reads_a_request)
            seconds.append(time.perf_counter() - started)
        await _delivered(http, url)
        assert len(wass.received) == hits, "other notifications than hits"
        return seconds[1:]  # the first one warms up

    seconds = bench.once(lambda: asyncio.run(_with_service(tmp_path, trial)))
    rates = [requests * reads_a_request / s for s in seconds]
    bench.add(
        f"requests of {reads_a_request:,}",
        Spread.of(rates),
        "reads a second",
        count=len(texts),
        checked="all accepted, all hits received",
        view="throughput",
        reads_a_request=reads_a_request,
        entries=CITY,
    )


def test_latency(bench: Bench, tmp_path: Path) -> None:
    """A read each few milliseconds, whether or not the last one is done, so that a stall counts for all that wait."""
    pytest.importorskip("aiohttp", reason="the service needs platewatch[serve]")
    count = int(_RATE * (20 if bench.full else 4))
    texts = workloads.reads("korean", CITY, count, _HITS_AT_RATE)

    async def trial(http: aiohttp.ClientSession, url: str, wass: WassSimulator) -> tuple[list[float], list[float]]:
        await _send_all(http, url, [_lines(workloads.reads("korean", CITY, 50, 1.0, seed=5), -1)], 50)
        await _delivered(http, url)
        wass.received.clear()
        acknowledged: list[float] = []
        hits = 0

        async def send(number: int, due: float, text: str) -> None:
            nonlocal hits
            body = json.dumps(_read(text, number)).encode()
            found = await _post(http, url, body, 1, "application/json")
            hits += found  # not in one step: others add to it while this one waits
            acknowledged.append(1e3 * (time.perf_counter() - due))

        started = time.perf_counter()
        async with asyncio.TaskGroup() as sending:
            for number, text in enumerate(texts):
                due = started + number / _RATE
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                sending.create_task(send(number, due, text))
        await _delivered(http, url)
        assert len(wass.received) == hits > 0, "other notifications than hits"
        events = wass.received.values()
        return acknowledged, [1e3 * (event.received_at - event.data.time).total_seconds() for event in events]

    acknowledged, notified = bench.once(lambda: asyncio.run(_with_service(tmp_path, trial)))
    for name, delays in (("read acknowledged", acknowledged), ("notification received", notified)):
        bench.add(
            name,
            Spread.of(delays),
            "ms",
            count=len(delays),
            checked="all accepted, all hits received",
            quantiles={str(q): float(np.quantile(delays, q)) for q in _QUANTILES},
            view="latency",
            reads_a_second=_RATE,
            entries=CITY,
        )


async def _with_service(place: Path, trial: Trial) -> Any:
    import aiohttp

    from platewatch.cli.demo import serving
    from platewatch.notify.signing import generate_secret
    from platewatch.notify.simulator import WassSimulator

    secret = generate_secret()
    plates = workloads.plates_listed("korean", CITY).tolist()
    rows = (f"{plate},{plate},stolen" for plate in plates)
    (place / "wanted.csv").write_text("\n".join(["id,plate,category", *rows, ""]), "utf-8")
    async with AsyncExitStack() as stack:
        wass = await stack.enter_async_context(WassSimulator([secret]).start())
        http = await stack.enter_async_context(aiohttp.ClientSession())
        config = place / "platewatch.toml"
        config.write_text(
            f'hotlist = "wanted.csv"\nhttp.port = 0\nwass.url = "{wass.url}/events"\nwass.secrets = ["{secret}"]\n',
            "utf-8",
        )
        url = await stack.enter_async_context(serving(config))
        return await trial(http, url, wass)


def _read(text: str, number: int) -> dict[str, str]:
    return {"text": text, "camera_id": f"C-{number % _CAMERAS:05d}", "time": datetime.now(UTC).isoformat()}


def _lines(texts: Sequence[str], first: int) -> bytes:
    return b"".join(json.dumps(_read(text, first + i)).encode() + b"\n" for i, text in enumerate(texts))


async def _send_all(http: aiohttp.ClientSession, url: str, bodies: Sequence[bytes], reads: int) -> int:
    """Send them over several connections; how many hits there were."""
    waiting = iter(bodies)

    async def send() -> int:
        return sum([await _post(http, url, body, reads, "application/x-ndjson") for body in waiting])

    return sum(await asyncio.gather(*(send() for _ in range(_CONNECTIONS))))


async def _post(http: aiohttp.ClientSession, url: str, body: bytes, reads: int, content_type: str) -> int:
    async with http.post(f"{url}/v1/reads", data=body, headers={"Content-Type": content_type}) as response:
        answer = await response.json()
    assert response.status == 200, f"answered {response.status}"
    assert answer["accepted"] == reads, f"{answer['accepted']} of {reads} reads accepted"
    return int(answer["hits"])


async def _delivered(http: aiohttp.ClientSession, url: str) -> None:
    async with asyncio.timeout(_PATIENCE):
        while True:
            async with http.get(f"{url}/v1/status") as response:
                if not (await response.json())["outbox"]["pending"]:
                    return
            await asyncio.sleep(0.02)
