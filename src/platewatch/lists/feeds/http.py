"""A list that is pulled by HTTP: asked for with the ETag of the last one, so what has not changed is not sent."""

from __future__ import annotations

import asyncio
import time
from pathlib import PurePosixPath
from typing import Annotated, Final
from urllib.parse import urlsplit

import aiohttp
from msgspec import Meta

from platewatch.errors import ConfigError, HotlistError, PlatewatchError
from platewatch.lists.feeds.base import FeedError, Fetched, ListSettings
from platewatch.lists.hotlist import Hotlist

_PIECE: Final = 65536  # bytes


class HttpFeedSettings(
    ListSettings, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="http"
):
    """`url` is asked every `interval` seconds, with the header `Authorization: Bearer <token>` if there is a token.

    An answer may take `timeout` seconds and have `max_bytes`.
    """

    url: str
    token: Annotated[str, Meta(min_length=1)] | None = None
    interval: Annotated[float, Meta(gt=0, le=86400)] = 60.0
    timeout: Annotated[float, Meta(gt=0, le=3600)] = 30.0
    max_bytes: Annotated[int, Meta(ge=1)] = 256 * 1024 * 1024

    def check(self) -> None:
        """Raises ConfigError for a URL that is none, or would show the token to everybody."""
        url = urlsplit(self.url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ConfigError("is not an http or https URL", field="url")
        if url.username is not None or url.password is not None:
            raise ConfigError("has credentials in it, which logs would show: set the token", field="url")


class HttpFeed:
    """Redirects are not followed, and no proxy of the environment is used: either may be shown the token."""

    def __init__(self, settings: HttpFeedSettings, zone: str | None = None) -> None:
        url = urlsplit(settings.url)
        self.what = f"{url.scheme}://{url.netloc}{url.path}"  # without what may be a secret
        self._settings = settings
        self._zone = zone
        self._name = PurePosixPath(url.path).name

    async def changed(self) -> None:
        """When it is time to ask."""
        await asyncio.sleep(self._settings.interval)

    async def fetch(self, tag: str | None) -> Fetched:
        """See Feed. The tag is the ETag, or what the answer says of its last modification."""
        asked = time.time()
        headers = {} if self._settings.token is None else {"Authorization": f"Bearer {self._settings.token}"}
        if tag:
            headers["If-None-Match" if tag.startswith(('"', "W/")) else "If-Modified-Since"] = tag
        timeout = aiohttp.ClientTimeout(total=self._settings.timeout)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
                session.get(self._settings.url, headers=headers, allow_redirects=False) as answer,
            ):
                if answer.status == 304 and tag:
                    return Fetched(None, tag, asked)
                if answer.status != 200:
                    raise FeedError(f"{self.what}: answered {answer.status}")
                found = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
                data = await self._body(answer)
        except TimeoutError:
            raise FeedError(f"{self.what}: no answer within {self._settings.timeout:g} s") from None
        except aiohttp.ClientError as error:
            raise FeedError(f"{self.what}: {_plain(error)}") from None
        return Fetched(await asyncio.to_thread(self._read, data), found, asked)

    async def _body(self, answer: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for piece in answer.content.iter_chunked(_PIECE):
            body += piece
            if len(body) > self._settings.max_bytes:
                raise FeedError(f"{self.what}: the list is over {self._settings.max_bytes} bytes")
        return bytes(body)

    def _read(self, data: bytes) -> Hotlist:
        try:
            return self._settings.read(data, self._name, self._zone)
        except HotlistError as error:
            raise HotlistError(f"{self.what}: {error.judgement}", error.errors) from None
        except PlatewatchError as error:
            raise FeedError(f"{self.what}: {error.reason}", field=error.field) from None


def _plain(error: aiohttp.ClientError) -> str:
    """Without the URL, which may hold a secret."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.strerror or type(error.os_error).__name__
    return type(error).__name__
