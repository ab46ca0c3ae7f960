"""A thread for long work beside the event loop, which then only waits.

Work comes as an iterator of short steps. Pieces of work take turns, some steps each, so that a short one does not wait
for a long one that came before it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self, TypeAlias

Steps: TypeAlias = Iterator[None]
"""Work that hands over between its steps; a step should take no more than some milliseconds."""

_TURN: Final = 0.002  # seconds: what the others wait for one that has much to do


class Worker:
    """One thread, so what only it touches needs no lock."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="platewatch-worker")

    async def run(self, steps: Steps) -> None:
        """Do all the steps; raises what they raise. Steps that are cancelled are not gone on with."""
        loop = asyncio.get_running_loop()
        while await loop.run_in_executor(self._executor, _turn, steps):
            pass

    def close(self) -> None:
        """Waits for the step under way."""
        self._executor.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _turn(steps: Steps) -> bool:
    """Some steps; whether there are more."""
    end = time.monotonic() + _TURN
    return any(time.monotonic() >= end for _ in steps)
