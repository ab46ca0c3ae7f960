"""Sources by HTTP streams: a camera that is asked once and then tells of each vehicle (alertStream, eventManager)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import aiohttp
import structlog
from msgspec import Meta

from platewatch.sources.http_client import HttpClientSettings, StatusError, certificates, login
from platewatch.sources.transport import Health, Takes

_BOUNDARY: Final = re.compile(r"""boundary\s*=\s*"?-*([^";,\s]+)""", re.IGNORECASE)
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_IMAGE: Final = re.compile(rb"(?i)content-type[ \t]*:[ \t]*image/")
_JPEG: Final = b"\xff\xd8\xff"
_LENGTH: Final = re.compile(rb"(?i)content-length[ \t]*:[ \t]*(\d{1,12})")

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class StreamSettings(HttpClientSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`url` is asked and its answer read for as long as it lasts; one that says nothing for `idle` seconds, not even
    that it is there, is asked again.
    """

    idle: Annotated[float, Meta(gt=0, le=86400)] = 60.0


class HttpStream:
    """Follows a camera's stream, and asks again when it breaks."""

    def __init__(self, settings: StreamSettings, source: Takes, max_message_bytes: int) -> None:
        self._settings = settings
        self._source = source
        self._max_message_bytes = max_message_bytes
        self._health = Health()
        self._too_large = 0
        self._tls = certificates(settings)

    def status(self) -> dict[str, Any]:
        """Whether the camera answers, why not, and how many messages were too large."""
        return {"connected": self._health.connected, "failure": self._health.failure, "too_large": self._too_large}

    async def follow(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._listen()
                failure = "ended"
            except TimeoutError:
                failure = f"silent for {self._settings.idle:g} s"
            except StatusError as error:
                failure = f"HTTP {error.status}"
            except (aiohttp.ClientError, OSError) as error:
                failure = type(error).__name__  # its text may quote what was sent
            delay = self._health.is_lost(failure)
            _log.warning("stream lost", source=self._source.name, error=failure, retry_in=delay)
            await asyncio.sleep(delay)

    async def _listen(self) -> None:
        settings = self._settings
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=settings.idle)
        connector = aiohttp.TCPConnector(ssl=self._tls, force_close=True)
        async with (
            aiohttp.ClientSession(timeout=timeout, connector=connector, auto_decompress=False) as session,
            session.get(settings.url, middlewares=login(settings), allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise StatusError(response.status)
            self._health.is_well()
            _log.info("stream followed", source=self._source.name)
            boundary = _BOUNDARY.search(response.headers.get("Content-Type", ""))
            parts = Parts(b"" if boundary is None else boundary[1].encode(), self._max_message_bytes)
            try:
                async for data in response.content.iter_any():
                    for part in parts.feed(data):
                        headers = {"content-type": parts.content_type}
                        await self._health.taken(self._source, part, headers, urlsplit(settings.url).path)
            finally:
                self._too_large += parts.too_large


class Parts:
    """Cuts a stream into its parts, each a multipart message of one part.

    If the stream begins with another boundary than was said, that one counts. A part ends where the next begins,
    wherever its length says; before that only if it is just as long as it says, and looks whole: the next may be
    minutes away. A picture is dropped as it comes, and so is what is over `most` bytes, up to the next part.
    """

    def __init__(self, boundary: bytes, most: int) -> None:
        self._mark = b"--" + boundary.lstrip(b"-")
        self._begun = False
        self._most = most
        self._data = bytearray()
        self._searched = 0  # bytes in which no mark begins
        self._is_inside = False  # of a part that has not been given yet
        self.too_large = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The parts that have ended with these bytes."""
        self._data += data
        if not self._begun:
            first, newline, _ = self._data.lstrip(b"\r\n").partition(b"\n")
            if not newline:
                return
            if first.startswith(b"--") and (self._mark == b"--" or self._mark not in first):
                self._mark = bytes(first.rstrip())
            self._begun = True
        while (found := self._data.find(self._mark, self._searched)) >= 0:
            part = bytes(self._data[:found])
            del self._data[: found + len(self._mark)]
            self._searched = 0
            if self._is_inside and part.strip(b"-\r\n\t ") and not _is_picture(part):
                yield self._whole(part)
            self._is_inside = True
        self._searched = max(0, len(self._data) - len(self._mark) + 1)
        if self._is_inside and self._looks_whole():
            part = bytes(self._data)
            self._let_go()
            yield self._whole(part)
        elif not self._is_inside or _is_picture(self._data):
            self._let_go()
        elif len(self._data) > self._most:
            self.too_large += 1
            self._let_go()

    @property
    def content_type(self) -> str:
        """Of what is given."""
        return f"multipart/x-mixed-replace; boundary={self._mark[2:].decode('latin-1')}"

    def _let_go(self) -> None:
        """Of all but what may be the beginning of a mark."""
        del self._data[: max(0, len(self._data) - len(self._mark) + 1)]
        self._searched = 0
        self._is_inside = False

    def _looks_whole(self) -> bool:
        head = _HEAD_END.search(self._data, 0, 4096)
        length = None if head is None else _LENGTH.search(self._data, 0, head.end())
        if head is None or length is None:
            return False
        body, size = self._data[head.end() :], int(length[1])
        return len(body) >= size and not body[size:].strip() and body.rstrip().endswith((b"}", b">"))

    def _whole(self, part: bytes) -> bytes:
        return self._mark + part.rstrip(b"\r\n") + b"\r\n" + self._mark + b"--\r\n"


def _is_picture(part: bytes | bytearray) -> bool:
    head = _HEAD_END.search(part, 0, 4096)
    if head is None:
        return False
    return _IMAGE.search(part, 0, head.end()) is not None or part.startswith(_JPEG, head.end())
