"""An MQTT broker: how one is named in settings, and a client of it. It is published to, and followed."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiomqtt
from msgspec import Struct

from platewatch.errors import ConfigError


class BrokerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`url` is mqtt://host or mqtts://host, with a port where it is not 1883 or 8883. `ca` has the certificates that
    are believed in place of the system's.
    """

    url: str
    user: str | None = None
    password: str | None = None
    ca: Path | None = None

    def check(self) -> None:
        """Raises ConfigError that names the setting."""
        parts = urlsplit(self.url)
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.username or parts.path.strip("/"):
            raise ConfigError("is not mqtt://host or mqtts://host, with a port at most", field="url")


class Broker:
    """Makes clients, each for one connection. Raises ConfigError for certificates that are of no use."""

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings
        try:
            self._tls = ssl.create_default_context(cafile=settings.ca) if settings.url.startswith("mqtts:") else None
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"cannot use {settings.ca}: {error.strerror}", field="ca") from None

    def client(self, **options: Any) -> aiomqtt.Client:
        """One that connects as the settings say; `options` are aiomqtt's."""
        parts = urlsplit(self._settings.url)
        return aiomqtt.Client(
            parts.hostname or "",
            parts.port or (8883 if self._tls else 1883),
            username=self._settings.user,
            password=self._settings.password,
            tls_context=self._tls,
            **options,
        )
