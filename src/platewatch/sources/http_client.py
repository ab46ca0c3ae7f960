"""Cameras that are asked by HTTP: where they are, and how the service logs in."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import aiohttp
from msgspec import Meta, Struct

from platewatch.errors import ConfigError


class HttpClientSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`url` is asked with `user` and `password` (digest, or Basic if the camera asks for that), or with `token` as a
    bearer's. `ca` has the certificates that are believed in place of the system's.
    """

    url: str
    user: str | None = None
    password: str = ""
    token: Annotated[str, Meta(min_length=1)] | None = None
    ca: Path | None = None

    def check(self) -> None:
        """Raises ConfigError that names the setting."""
        try:
            parts = urlsplit(self.url)
            is_one = parts.scheme in ("http", "https") and parts.hostname and not parts.username and parts.port != 0
        except ValueError:
            is_one = False
        if not is_one:
            raise ConfigError("is not an http or https URL without a user in it", field="url")
        if self.token is not None and self.user is not None:
            raise ConfigError("is one way to log in, and user is another", field="token")


def certificates(settings: HttpClientSettings) -> ssl.SSLContext | bool:
    """Those that are believed, as aiohttp takes them. Raises ConfigError."""
    try:
        return True if settings.ca is None else ssl.create_default_context(cafile=settings.ca)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"cannot use {settings.ca}: {error.strerror}", field="ca") from None


def login(settings: HttpClientSettings) -> tuple[aiohttp.ClientMiddlewareType, ...]:
    """What answers a camera that asks who is there."""
    if settings.token is not None:
        return (_bearer(settings.token),)
    if settings.user is None:
        return ()
    digest = aiohttp.DigestAuthMiddleware(settings.user, settings.password)
    basic = aiohttp.BasicAuth(settings.user, settings.password)

    async def answer_basic(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """As cameras of old: only if that is what they ask for."""
        response = await handler(request)
        asked = ", ".join(response.headers.getall("WWW-Authenticate", []))
        if response.status != 401 or not asked.lower().startswith("basic"):
            return response
        response.release()
        request.headers["Authorization"] = basic.encode()
        return await handler(request)

    return (answer_basic, digest)


def _bearer(token: str) -> aiohttp.ClientMiddlewareType:
    async def show(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        request.headers["Authorization"] = f"Bearer {token}"
        return await handler(request)

    return show


class StatusError(Exception):
    """A camera's answer that is none; `retry_after` seconds, if it says so."""

    def __init__(self, status: int, retry_after: float | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.retry_after = retry_after
