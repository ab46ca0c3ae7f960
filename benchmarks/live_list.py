"""What it takes until a change of the list is in effect, and what reads wait for meanwhile.

python -m benchmarks.live_list [--entries 100000] [--rate 200]

The whole service with a list of so many entries, all of it real but the police: single changes by the endpoint for
deltas, from the request to its answer, after which they are in effect, and to the notification of a read that is sent
then; a file that gets one more row; and a file of which every row is replaced, while reads come at the rate.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import numpy as np

from platewatch.cli.demo import serving
from platewatch.notify.signing import generate_secret
from platewatch.notify.simulator import WassSimulator

from . import workloads

TOKEN = "a token of the benchmark"
DELTAS = 200
SECONDS_BEFORE = 5


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=200.0, help="reads a second")
    options = parser.parse_args()
    plates = workloads.plates_listed("korean", 2 * options.entries).tolist()
    reads = workloads.reads("korean", options.entries, 200, 0.0)
    secret = generate_secret()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write(place, plates[: options.entries])
        async with WassSimulator([secret]).start() as wass, aiohttp.ClientSession() as http:
            config = place / "platewatch.toml"
            config.write_text(
                f'hotlist = "wanted.csv"\nhttp.port = 0\nwass.url = "{wass.url}/events"\nwass.secrets = ["{secret}"]\n'
                f'[feeds.agency]\nkind = "push"\ntoken = "{TOKEN}"\n',
                "utf-8",
            )
            started = time.perf_counter()
            async with serving(config) as url:
                print(f"first start: {time.perf_counter() - started:.2f} s until it takes reads")
                await deltas(http, url, wass)
                await one_row(http, url, place, plates[: options.entries])
                await replacement(http, url, place, plates[options.entries :], reads, options.rate)
            started = time.perf_counter()
            async with serving(config):
                print(f"restart: {time.perf_counter() - started:.2f} s until it takes reads")


def write(place: Path, plates: Sequence[str], *more: str) -> None:
    rows = [f"W-{number},{plate},stolen" for number, plate in enumerate(plates)]
    beside = place / ".wanted.csv"
    beside.write_text("\n".join(["id,plate,category", *rows, *more, ""]), "utf-8")
    beside.rename(place / "wanted.csv")


async def deltas(http: aiohttp.ClientSession, url: str, wass: WassSimulator) -> None:
    answered, notified = [], []
    for version in range(1, DELTAS + 1):
        plate = f"{100 + version}하{9000 + version}"
        started, sent_at = time.perf_counter(), datetime.now(UTC)
        body = {"version": version, "upserts": [{"id": str(version), "plate": plate, "category": "stolen"}]}
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with http.post(f"{url}/v1/feeds/agency/deltas", json=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
        answered.append(1e3 * (time.perf_counter() - started))
        assert await send(http, url, plate, version) == 1, "an entry that is answered is in effect"
        while not (told := [event for event in wass.received.values() if event.data.wanted_plate == plate]):
            await asyncio.sleep(0.001)
        notified.append(1e3 * (told[0].received_at - sent_at).total_seconds())
    show("a change, until it is answered and in effect", answered)
    show("a change, until the notification of a read that was sent then", notified)


async def one_row(http: aiohttp.ClientSession, url: str, place: Path, plates: Sequence[str]) -> None:
    write(place, plates, "W-new,999하9999,stolen")
    started = time.perf_counter()
    number = 0
    while not await send(http, url, "999하9999", 1000 + number):
        number += 1
        await asyncio.sleep(0.01)
    print(f"a file with one more row: {time.perf_counter() - started:.2f} s until it is in effect")


async def replacement(
    http: aiohttp.ClientSession, url: str, place: Path, plates: Sequence[str], texts: Sequence[str], rate: float
) -> None:
    delays: list[tuple[float, float]] = []  # when it was due, and what it took

    async def timed(number: int, due: float) -> None:
        await send(http, url, texts[number % len(texts)], 5000 + number)
        delays.append((due, 1e3 * (time.perf_counter() - due)))

    started, written, done = time.perf_counter(), 0.0, 0.0
    number = 0
    async with asyncio.TaskGroup() as sending:
        while not done or time.perf_counter() < done + 1:
            due = started + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            sending.create_task(timed(number, due))
            number += 1
            if not written and due > started + SECONDS_BEFORE:
                await asyncio.to_thread(write, place, plates)
                written = time.perf_counter()
            if written and not done and not number % 20 and await version_of(http, url) == 3:
                done = time.perf_counter()
    print(f"a file with every row replaced: {done - written:.2f} s until it is in effect")
    show("a read, before", [took for due, took in delays if due < started + SECONDS_BEFORE - 1])
    show("a read, meanwhile", [took for due, took in delays if written < due < done])


async def version_of(http: aiohttp.ClientSession, url: str) -> int:
    async with http.get(f"{url}/v1/status") as answer:
        (version,) = [feed["version"] for feed in (await answer.json())["feeds"] if feed["feed"] == "hotlist"]
        return int(version)


async def send(http: aiohttp.ClientSession, url: str, text: str, number: int) -> int:
    read = {"text": text, "camera_id": f"C{number}", "time": datetime.now(UTC).isoformat()}
    async with http.post(f"{url}/v1/reads", data=json.dumps(read).encode()) as answer:
        assert answer.status == 200, await answer.text()
        return int((await answer.json())["hits"])


def show(what: str, milliseconds: Sequence[float]) -> None:
    p50, p99 = np.quantile(milliseconds, [0.5, 0.99])
    print(f"{what}: p50 {p50:.1f} ms, p99 {p99:.1f} ms, most {max(milliseconds):.1f} ms, of {len(milliseconds):,}")


if __name__ == "__main__":
    asyncio.run(main())
