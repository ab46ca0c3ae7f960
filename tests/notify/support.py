"""What the tests of the notifier share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from platewatch.matching.alignment import Difference
from platewatch.notify import Camera, HitData, HitEvent, new_event
from platewatch.notify.event import encode
from platewatch.notify.outbox import NewEvent, Outbox
from tests.patience import PATIENCE

SECRET = "whsec_" + "c2VjcmV0" * 4
OTHER_SECRET = "whsec_" + "b3RoZXIh" * 4
KEY = bytes(range(32))
NOW = 1_795_400_000.0
READ_AT = datetime(2026, 11, 23, 9, 30, 15, 250000, UTC)


def hit_data(**changes: Any) -> HitData:
    """A hit on a made-up plate."""
    fields = {
        "entry_id": "W-1",
        "agency": "Gwangju Metropolitan Police",
        "category": "missing person",
        "priority": 1,
        "grade": "check",
        "probability": 0.2513,
        "pattern": False,
        "wanted_plate": "12가3456",
        "read_text": "12거3456",
        "edits": 1,
        "differences": (Difference(op="substitute", read_position=2, wanted_position=2, read="거", wanted="가"),),
        "camera": Camera(id="GJ-0117", name="Station square", latitude=35.1653, longitude=126.9092, heading=270.0),
        "time": READ_AT,
        "late": False,
    }
    return HitData(**{**fields, **changes})


def hit_event(entry_id: str = "W-1", sequence: int = 1) -> HitEvent:
    """The event of a hit; each entry id gives a hit of its own."""
    return new_event(KEY, "urn:platewatch:gwangju", READ_AT, hit_data(entry_id=entry_id), sequence)


def message(entry_id: str = "W-1", sequence: int = 1) -> NewEvent:
    """An event as the outbox takes it."""
    event = hit_event(entry_id, sequence)
    return NewEvent(event.id, encode(event), entry_id=entry_id)


def messages(count: int) -> list[NewEvent]:
    """So many events of different hits."""
    return [message(f"W-{number}") for number in range(count)]


def with_outbox(test: Callable[[Outbox], Awaitable[None]], path: Path, now: float = NOW, **options: Any) -> None:
    """Run the test on the outbox at this path, opened with these options, whose clock stands still."""

    async def body() -> None:
        async with await Outbox.open(path, clock=lambda: now, **options) as outbox:
            await test(outbox)

    asyncio.run(body())


def counts(**changes: int) -> dict[str, int]:
    """What `Outbox.counts` says of an outbox that has so many of some states, and none of the others."""
    return {"pending": 0, "delivered": 0, "dead": 0, "cancelled": 0, **changes}


def open_files() -> int:
    """How many file descriptors this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def until(condition: Callable[[], bool]) -> None:
    """Wait for the condition; TimeoutError if it does not come true."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)
