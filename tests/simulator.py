"""The WASS simulator on a thread of its own, so that plain synchronous tests can use it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from platewatch.notify.simulator import Faults, WassSimulator


@contextmanager
def simulating(secret: str, faults: Faults | None = None, port: int = 0) -> Iterator[WassSimulator]:
    """A simulator that serves until the end of the block."""
    simulator = WassSimulator([secret], faults=faults)
    loop = asyncio.new_event_loop()
    started, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with simulator.start(port=port):
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert started.wait(10)
        yield simulator
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
