"""Events to an MQTT broker, at QoS 1."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

import aiomqtt
from msgspec import Meta, Struct

from platewatch.errors import ConfigError
from platewatch.notify.senders.base import DeliveryError, Timeout


class MqttSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="mqtt"):
    """`url` is mqtt://host or mqtts://host, with a port where it is not 1883 or 8883; `topic` takes the events. `ca`
    has the certificates that are believed in place of the system's. The broker's acknowledgement within `timeout`
    seconds acknowledges: whether anybody listens there is the broker's to see to.
    """

    url: str
    topic: Annotated[str, Meta(min_length=1)]
    user: str | None = None
    password: str | None = None
    ca: Path | None = None
    timeout: Timeout = 10.0

    def check(self) -> None:
        """Raises ConfigError that names the setting."""
        parts = urlsplit(self.url)
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.username or parts.path.strip("/"):
            raise ConfigError("is not mqtt://host or mqtts://host, with a port at most", field="url")
        if set(self.topic) & set("+#\0"):
            raise ConfigError("has a wildcard, and events go to one topic", field="topic")


class MqttSender:
    """Connects once an event, as hits are rare and a connection that has died in silence would hold one up."""

    def __init__(self, settings: MqttSettings) -> None:
        self._settings = settings
        try:
            self._tls = ssl.create_default_context(cafile=settings.ca) if settings.url.startswith("mqtts:") else None
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"cannot use {settings.ca}: {error.strerror}", field="ca") from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def send(self, event_id: str, body: bytes) -> None:
        """Publish the event. Raises DeliveryError unless the broker acknowledged it."""
        del event_id  # it is in the body
        settings = self._settings
        parts = urlsplit(settings.url)
        try:
            async with aiomqtt.Client(
                parts.hostname or "",
                parts.port or (8883 if self._tls else 1883),
                username=settings.user,
                password=settings.password,
                tls_context=self._tls,
                timeout=settings.timeout,
            ) as client:
                await client.publish(settings.topic, body, qos=1, timeout=settings.timeout)
        except (aiomqtt.MqttError, OSError) as error:
            raise DeliveryError(type(error).__name__) from None
