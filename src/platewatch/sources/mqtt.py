"""Sources by MQTT: a broker's messages, acknowledged to it when their hits are on disk."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import aiomqtt
import structlog
from msgspec import Meta, Struct

from platewatch.errors import ConfigError, PlatewatchError
from platewatch.sources.transport import Takes

_FIRST_DELAY: Final = 0.5  # seconds until another attempt, doubling up to the last
_LAST_DELAY: Final = 30.0
_BUSY_DELAY: Final = 1.0

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class MqttSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`url` is mqtt://host or mqtts://host, with a port where it is not 1883 or 8883; `topics` may have wildcards. The
    broker keeps what comes while the service is away for the `client_id`: no two services may have the same. `ca` has
    the certificates that are believed in place of the system's.
    """

    url: str
    topics: Annotated[tuple[Annotated[str, Meta(min_length=1)], ...], Meta(min_length=1)]
    client_id: Annotated[str, Meta(min_length=1, max_length=200)]
    user: str | None = None
    password: str | None = None
    ca: Path | None = None

    def check(self) -> None:
        """Raises ConfigError that names the setting."""
        parts = urlsplit(self.url)
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.username or parts.path.strip("/"):
            raise ConfigError("is not mqtt://host or mqtts://host, with a port at most", field="url")


class MqttSubscription:
    """Follows a broker's topics, with a session that the broker keeps."""

    def __init__(self, settings: MqttSettings, source: Takes) -> None:
        self._settings = settings
        self._source = source
        self._connected = False
        self._failure: str | None = None
        try:
            self._tls = ssl.create_default_context(cafile=settings.ca) if settings.url.startswith("mqtts:") else None
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"cannot use {settings.ca}: {error.strerror}", field="ca") from None

    def status(self) -> dict[str, Any]:
        """Whether it is connected, and if not why."""
        return {"connected": self._connected, "failure": self._failure}

    async def follow(self) -> None:
        """Until cancelled; a connection that breaks is made again."""
        delay = _FIRST_DELAY
        while True:
            try:
                await self._listen()
            except (aiomqtt.MqttError, OSError) as error:
                if self._connected:
                    delay = _FIRST_DELAY
                self._connected = False
                self._failure = type(error).__name__  # its text may quote a message
                _log.warning("broker lost", source=self._source.name, error=self._failure, retry_in=delay)
            await asyncio.sleep(delay)
            delay = min(2 * delay, _LAST_DELAY)

    async def _listen(self) -> None:
        settings = self._settings
        parts = urlsplit(settings.url)
        client = aiomqtt.Client(
            parts.hostname or "",
            parts.port or (8883 if self._tls else 1883),
            identifier=settings.client_id,
            clean_session=False,
            username=settings.user,
            password=settings.password,
            tls_context=self._tls,
        )
        # By default a message is acknowledged before it is worked on, and lost if the service then dies.
        session = client._client
        session.manual_ack_set(on=True)
        async with client:
            for topic in settings.topics:
                await client.subscribe(topic, qos=1)
            self._connected, self._failure = True, None
            _log.info("broker followed", source=self._source.name)
            async for message in client.messages:
                payload = message.payload
                body = payload if isinstance(payload, bytes) else str(payload or "").encode()
                await self._take(body, str(message.topic))
                if message.qos:
                    session.ack(message.mid, message.qos)

    async def _take(self, body: bytes, topic: str) -> None:
        """Again and again while nothing can be accepted, as on a full disk: the broker keeps what follows."""
        while True:
            try:
                await self._source.take(body, {}, topic)
            except PlatewatchError as error:
                self._failure = error.reason
                await asyncio.sleep(_BUSY_DELAY)
            else:
                self._failure = None
                return
