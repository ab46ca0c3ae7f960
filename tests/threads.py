"""Something that runs on an event loop, on a thread of its own, so that plain synchronous tests can use it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager

from tests.patience import PATIENCE


@contextmanager
def in_a_thread(running: AbstractAsyncContextManager[object]) -> Iterator[None]:
    """Enter and leave it on that loop."""
    started = threading.Event()
    stops: list[asyncio.Event] = []
    loop = asyncio.new_event_loop()

    async def run() -> None:
        stop = asyncio.Event()
        stops.append(stop)
        async with running:
            started.set()
            await stop.wait()

    def main() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(run())

    thread = threading.Thread(target=main)
    thread.start()
    try:
        assert started.wait(PATIENCE)
        yield
    finally:
        for stop in stops:
            loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE)
