"""What brings the messages of a source, but for HTTP, whose senders come by themselves: one file each."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

from platewatch.errors import PlatewatchError

_FIRST_DELAY: Final = 0.5  # seconds until another attempt, doubling up to the last
_LAST_DELAY: Final = 30.0
_BUSY_DELAY: Final = 1.0


class Reply(NamedTuple):
    """What a sender gets back: an HTTP status, 200 if the message was understood, and a body of JSON. `newest` is the
    time of the newest of its reads that say when.
    """

    status: int
    body: bytes
    newest: datetime | None = None

    @property
    def is_refused(self) -> bool:
        """Whether all of it is: to send it again mends nothing."""
        return self.status != 200


class Takes(Protocol):
    """What a message is given to."""

    name: str

    async def take(self, body: bytes, headers: dict[str, str], target: str) -> Reply:
        """Returns when the message is done with and its hits are on disk; raises PlatewatchError if none of it is."""


class Transport(Protocol):
    """Brings messages, one after the other: what is not taken comes again."""

    async def follow(self) -> None:
        """Until cancelled. What fails is tried again, and told in the log and by `status`."""

    def status(self) -> dict[str, Any]:
        """How it is, for operators."""


class Health:
    """Whether a transport is connected, why not, and how long to wait before it is tried again."""

    def __init__(self) -> None:
        self.connected = False
        self.failure: str | None = None
        self._delay = _FIRST_DELAY

    def is_well(self) -> None:
        """It is connected."""
        self.connected, self.failure, self._delay = True, None, _FIRST_DELAY

    def is_lost(self, failure: str) -> float:
        """It is not, or no longer, for this reason; returns the seconds until it is worth another attempt."""
        self.connected, self.failure = False, failure
        delay, self._delay = self._delay, min(2 * self._delay, _LAST_DELAY)
        return delay

    async def taken(self, source: Takes, body: bytes, headers: dict[str, str], target: str) -> Reply:
        """Give a message to its source, again and again while nothing can be accepted, as on a full disk: what follows
        waits where it is.
        """
        while True:
            try:
                reply = await source.take(body, headers, target)
            except PlatewatchError as error:
                self.failure = error.reason
                await asyncio.sleep(_BUSY_DELAY)
            else:
                self.failure = None
                return reply
