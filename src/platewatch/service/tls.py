"""TLS of the listeners: a certificate that may be renewed while the service runs, and clients that have to show one."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Final

import structlog
from msgspec import Struct

from platewatch.errors import ConfigError

_LOOK_INTERVAL: Final = 5.0  # seconds

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class TlsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """PEM files: our `certificate` with its chain, its `key` if that is apart, and `clients`, the authorities one of
    which must have signed a client's certificate; without it, clients need none.
    """

    certificate: Path
    key: Path | None = None
    clients: Path | None = None


class Tls:
    """What a listener needs; connections that begin after a renewal have the new certificate. Raises ConfigError."""

    def __init__(self, settings: TlsSettings) -> None:
        self._settings = settings
        self.context: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self._load()
        self._stamp = self._stamps()
        if settings.clients is not None:
            try:
                self.context.load_verify_locations(settings.clients)
            except (OSError, ssl.SSLError) as error:
                raise ConfigError(f"cannot use {settings.clients}: {_reason(error)}", field="clients") from None
            self.context.verify_mode = ssl.CERT_REQUIRED

    async def watch(self) -> None:
        """Take a certificate that was renewed, until cancelled. One that is of no use is logged, and not taken."""
        while True:
            await asyncio.sleep(_LOOK_INTERVAL)
            self.look()

    def look(self) -> None:
        """Take the certificate if its file has changed."""
        stamp = self._stamps()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._load()
        except ConfigError as error:
            _log.error("certificate not renewed: the old one holds", reason=error.reason)
        else:
            _log.info("certificate renewed")

    def _load(self) -> None:
        settings = self._settings
        try:
            # Into a context of its own first: half a certificate must not replace a whole one.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.certificate, settings.key)
            self.context.load_cert_chain(settings.certificate, settings.key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"cannot use {settings.certificate}: {_reason(error)}", field="certificate") from None

    def _stamps(self) -> list[tuple[int, int, int] | None]:
        found: list[tuple[int, int, int] | None] = []
        for path in filter(None, (self._settings.certificate, self._settings.key)):
            try:
                stat = path.stat()
                found.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
            except OSError:
                found.append(None)
        return found


def _reason(error: OSError) -> str:
    """An SSLError is an OSError, but without what went wrong in words."""
    if isinstance(error, ssl.SSLError):
        return "not a certificate with its key, as PEM"
    return str(error.strerror)
