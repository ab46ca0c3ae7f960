"""What every sender is, and how it fails."""

from __future__ import annotations

from typing import Annotated, Protocol, TypeAlias

from msgspec import Meta

from platewatch.errors import PlatewatchError

Timeout: TypeAlias = Annotated[float, Meta(gt=0, le=3600)]
"""Seconds after which an attempt has failed."""


class DeliveryError(PlatewatchError):
    """An attempt that was not acknowledged.

    `permanent`: the same event would be refused again. `retry_after`: seconds that the far end asked us to wait.
    The reason is a class of failure ("HTTP 500", "timeout"), never what the event or the answer said.
    """

    def __init__(self, reason: str, *, permanent: bool = False, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.permanent = permanent
        self.retry_after = retry_after


class Sender(Protocol):
    """The way to one far end. It hands over one event, once: whether and when to try again is the dispatcher's."""

    async def send(self, event_id: str, body: bytes) -> None:
        """Return once the far end has acknowledged the event; raise DeliveryError otherwise."""
