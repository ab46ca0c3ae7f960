"""TLS of listeners: a certificate that may be renewed while the service runs, clients that have to show one, and those
of them that hold no longer.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import structlog
from msgspec import Struct

from platewatch.errors import ConfigError

_LOOK_INTERVAL: Final = 5.0  # seconds

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class TlsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """PEM files: our `certificate` with its chain, its `key` if that is apart, and `clients`, the authorities one of
    which must have signed a client's certificate; without it, clients need none. `revoked` has those authorities'
    lists of certificates that hold no longer (CRLs); then TLS 1.3 is needed.
    """

    certificate: Path
    key: Path | None = None
    clients: Path | None = None
    revoked: Path | None = None

    def check(self) -> None:
        """Raises ConfigError that names the setting."""
        if self.revoked is not None and self.clients is None:
            raise ConfigError("is of no use without clients", field="revoked")


class Tls:
    """What a listener needs; connections that begin after a renewal have the new files. Raises ConfigError."""

    def __init__(self, settings: TlsSettings) -> None:
        settings.check()
        self._settings = settings
        self.context: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        if settings.clients is not None:
            self.context.verify_mode = ssl.CERT_REQUIRED
        if settings.revoked is not None:
            # A session that is resumed is not looked at again; of TLS 1.2, Python cannot forbid that.
            self.context.minimum_version = ssl.TLSVersion.TLSv1_3
            self.context.num_tickets = 0
            self.context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
        self._stamp = self._stamps()
        self._load()

    async def watch(self) -> None:
        """Take what was renewed, until cancelled. What is of no use is logged, and not taken."""
        while True:
            await asyncio.sleep(_LOOK_INTERVAL)
            self.look()

    def look(self) -> None:
        """Take the files if one has changed."""
        stamp = self._stamps()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._load()
        except ConfigError as error:
            _log.error("certificates not renewed: the old ones hold", field=error.field, reason=error.reason)
        else:
            _log.info("certificates renewed")

    def _load(self) -> None:
        """Of authorities and lists, what was there before stays: of two lists of one authority, the newer counts."""
        settings = self._settings
        # Into a context of its own first: half of it must not replace the whole.
        for context in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self.context):
            try:
                context.load_cert_chain(settings.certificate, settings.key)
            except (OSError, ssl.SSLError) as error:
                reason = _reason(error, "not a certificate with its key, as PEM")
                raise ConfigError(f"cannot use {settings.certificate}: {reason}", field="certificate") from None
            _trust(context, settings.clients, "clients", "x509_ca", "no certificate of an authority, as PEM")
            _trust(context, settings.revoked, "revoked", "crl", "no list of revoked certificates, as PEM")

    def _stamps(self) -> list[tuple[int, int, int] | None]:
        found: list[tuple[int, int, int] | None] = []
        settings = self._settings
        for path in filter(None, (settings.certificate, settings.key, settings.clients, settings.revoked)):
            try:
                stat = path.stat()
                found.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
            except OSError:
                found.append(None)
        return found


def common_name(certificate: Mapping[str, Any] | None) -> str | None:
    """Whose certificate it is, as ssl tells of one; None if nobody has shown one. One without a name has its number."""
    if not certificate:
        return None
    names = dict(pair for part in certificate["subject"] for pair in part)
    return str(names.get("commonName") or certificate["serialNumber"])


def _trust(context: ssl.SSLContext, file: Path | None, field: str, kind: str, otherwise: str) -> None:
    """Raises ConfigError unless the file holds something of this `kind`."""
    if file is None:
        return
    try:
        context.load_verify_locations(file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"cannot use {file}: {_reason(error, otherwise)}", field=field) from None
    if not context.cert_store_stats()[kind]:
        raise ConfigError(f"cannot use {file}: {otherwise}", field=field)


def _reason(error: OSError, otherwise: str) -> str:
    """An SSLError is an OSError, but without what went wrong in words."""
    return otherwise if isinstance(error, ssl.SSLError) else str(error.strerror)
