"""Signed CloudEvents by HTTPS POST: what WASS and other services take."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

import aiohttp
from msgspec import Struct

from platewatch.errors import ConfigError
from platewatch.notify.event import CONTENT_TYPE
from platewatch.notify.senders.base import DeliveryError, Timeout
from platewatch.notify.signing import Signer

MAX_RETRY_AFTER: Final = 300.0
"""Seconds: however long the far end asks us to wait, a hit is worth another try after this."""

_PERMANENT: Final = frozenset({400, 410, 413, 415, 422})


class HttpsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="https"):
    """`url` takes the events; `secrets` (whsec_...) sign them, two while one is being replaced, or `secrets_file` has
    them, one a line. `token` is sent as a bearer's; `certificate` and `key` (PEM files) are for a far end that asks who
    we are, and `ca` has those whom we believe in place of the system's. Any 2xx answer within `timeout` seconds
    acknowledges.
    """

    url: str
    secrets: tuple[str, ...] = ()
    secrets_file: Path | None = None
    token: str | None = None
    certificate: Path | None = None
    key: Path | None = None
    ca: Path | None = None
    timeout: Timeout = 10.0

    def check(self) -> None:
        """Raises ConfigError that names the setting."""
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError("is not an http or https URL", field="url")
        if bool(self.secrets) == (self.secrets_file is not None):
            raise ConfigError("secrets or secrets_file is needed, one of them", field="secrets")
        if self.key is not None and self.certificate is None:
            raise ConfigError("is of no use without certificate", field="key")


class HttpsSender:
    """Posts events, signed afresh at each attempt. To be made inside a running event loop, and closed.

    Raises ConfigError for secrets and certificates that are of no use.
    """

    def __init__(self, settings: HttpsSettings, *, clock: Callable[[], float] = time.time) -> None:
        self._url = settings.url
        self._signer = Signer(_secrets(settings))
        self._clock = clock
        headers = {"Content-Type": CONTENT_TYPE, "Accept-Encoding": "identity"}
        if settings.token is not None:
            headers["Authorization"] = f"Bearer {settings.token}"
        self._session = aiohttp.ClientSession(
            # One connection an event: on a reused one, a far end's stray second answer to one event would be
            # taken for the acknowledgement of the next.
            connector=aiohttp.TCPConnector(force_close=True, ssl=_tls(settings)),
            timeout=aiohttp.ClientTimeout(total=settings.timeout),
            headers=headers,
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


def _secrets(settings: HttpsSettings) -> list[str]:
    if settings.secrets_file is None:
        return list(settings.secrets)
    try:
        return settings.secrets_file.read_text("ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not ASCII"
        raise ConfigError(f"cannot read {settings.secrets_file}: {reason}", field="secrets_file") from None


def _tls(settings: HttpsSettings) -> ssl.SSLContext | bool:
    if settings.certificate is None and settings.ca is None:
        return True
    try:
        context = ssl.create_default_context(cafile=settings.ca)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"cannot use {settings.ca}: {error.strerror}", field="ca") from None
    if settings.certificate is not None:
        try:
            context.load_cert_chain(settings.certificate, settings.key)
        except (OSError, ssl.SSLError) as error:
            reason = error.strerror or "not a certificate with its key, as PEM"
            raise ConfigError(f"cannot use {settings.certificate}: {reason}", field="certificate") from None
    return context


def _parse_retry_after(value: str) -> float | None:
    """Seconds, bounded; None for no value and for a date, which would need the far end's clock."""
    return min(float(value), MAX_RETRY_AFTER) if value.isascii() and value.isdecimal() else None
