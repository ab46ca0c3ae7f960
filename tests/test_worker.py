"""Work beside the event loop: pieces take turns, and what they raise reaches who waits for them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from platewatch.service.worker import Worker


def test_a_short_piece_does_not_wait_for_a_long_one() -> None:
    ended: list[str] = []
    short_is_done = threading.Event()

    def long() -> Iterator[None]:
        # It goes on until the short one, which comes later, is done: without turns, for ever.
        while not short_is_done.is_set():
            yield
        ended.append("long")

    def short() -> Iterator[None]:
        yield
        ended.append("short")

    async def body() -> None:
        with Worker() as worker:
            first = asyncio.create_task(worker.run(long()))
            await asyncio.sleep(0)
            await worker.run(short())
            short_is_done.set()
            await first

    asyncio.run(body())
    assert ended == ["short", "long"]


def test_what_a_step_raises_is_raised_to_who_waits() -> None:
    def failing() -> Iterator[None]:
        yield
        raise KeyError("x")

    async def body() -> None:
        with Worker() as worker:
            with pytest.raises(KeyError):
                await worker.run(failing())
            await worker.run(iter([None]))  # and the others go on

    asyncio.run(body())
