"""The WASS simulator on a thread of its own, so that plain synchronous tests can use it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from platewatch.notify.simulator import Faults, WassSimulator
from tests.patience import PATIENCE


@contextmanager
def simulating(secret: str, faults: Faults | None = None, port: int = 0) -> Iterator[WassSimulator]:
    """A simulator that serves until the end of the block."""
    simulator = WassSimulator([secret], faults=faults)
    started = threading.Event()
    ends: list[Callable[[], object]] = []

    async def serve() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        ends.append(lambda: loop.call_soon_threadsafe(stop.set))
        async with simulator.start(port=port):
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert started.wait(PATIENCE)
        yield simulator
    finally:
        for end in ends:
            end()
        thread.join(PATIENCE)
