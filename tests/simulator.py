"""The WASS simulator on a thread of its own, so that plain synchronous tests can use it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from platewatch.notify.simulator import Faults, WassSimulator
from tests.threads import in_a_thread


@contextmanager
def simulating(secret: str, faults: Faults | None = None, port: int = 0) -> Iterator[WassSimulator]:
    """A simulator that serves until the end of the block."""
    simulator = WassSimulator([secret], faults=faults)
    with in_a_thread(simulator.start(port=port)):
        yield simulator
