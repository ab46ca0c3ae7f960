"""What brings the messages of a source, but for HTTP, whose senders come by themselves: one file each."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol


class Reply(NamedTuple):
    """What a sender gets back: an HTTP status, 200 if the message was understood, and a body of JSON."""

    status: int
    body: bytes


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
