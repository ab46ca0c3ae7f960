"""Handing one event to the far end, once. Whether and when to try again is the dispatcher's to decide."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol, Self

import aiohttp

from platewatch.errors import PlatewatchError
from platewatch.notify.event import CONTENT_TYPE
from platewatch.notify.signing import Signer

MAX_RETRY_AFTER: Final = 300.0
"""Seconds: however long the far end asks us to wait, a hit is worth another try after this."""

_PERMANENT: Final = frozenset({400, 410, 413, 415, 422})


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
    """The way to one far end."""

    async def send(self, event_id: str, body: bytes) -> None:
        """Return once the far end has acknowledged the event; raise DeliveryError otherwise."""


class WassSender:
    """Posts signed CloudEvents to `url`; any 2xx answer within `timeout` seconds acknowledges.

    To be made inside a running event loop, and closed.
    """

    def __init__(
        self, url: str, signer: Signer, *, timeout: float = 10.0, clock: Callable[[], float] = time.time
    ) -> None:
        self._url = url
        self._signer = signer
        self._clock = clock
        self._session = aiohttp.ClientSession(
            # One connection an event: on a reused one, a far end's stray second answer to one event would be
            # taken for the acknowledgement of the next.
            connector=aiohttp.TCPConnector(force_close=True),
            timeout=aiohttp.ClientTimeout(total=timeout),
            headers={"Content-Type": CONTENT_TYPE, "Accept-Encoding": "identity"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Drop the connections."""
        await self._session.close()

    async def send(self, event_id: str, body: bytes) -> None:
        """Post the event once. Raises DeliveryError unless it was acknowledged."""
        headers = self._signer.headers(event_id, int(self._clock()), body)
        try:
            async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                status, retry_after = response.status, response.headers.get("Retry-After", "")
        except TimeoutError:
            raise DeliveryError("timeout") from None
        except (aiohttp.ClientError, OSError) as error:
            # Only its class: the error itself may quote an answer which quotes the event.
            raise DeliveryError(type(error).__name__) from None
        if not 200 <= status < 300:
            raise DeliveryError(
                f"HTTP {status}", permanent=status in _PERMANENT, retry_after=_parse_retry_after(retry_after)
            )


def _parse_retry_after(value: str) -> float | None:
    """Seconds, bounded; None for no value and for a date, which would need the far end's clock."""
    return min(float(value), MAX_RETRY_AFTER) if value.isascii() and value.isdecimal() else None
