"""Sources by polls: a camera or a server that is asked every so often for what is new since its cursor."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote, urlsplit

import aiohttp
import structlog
from msgspec import Meta

from platewatch.errors import ConfigError, FormatError
from platewatch.formats import xml_tree
from platewatch.formats.charsets import decode, inflated
from platewatch.formats.messages import parse_json
from platewatch.sources.http_client import HttpClientSettings, StatusError, certificates, login
from platewatch.sources.positions import Position
from platewatch.sources.transport import Health, Takes

_PLACE: Final = "{cursor}"
_NOTHING: Final = (b"", b"[]", b"{}", b"null")
_REFUSED: Final = "the answer is not understood"
_MOST_WAITING: Final = 3600.0  # seconds, whatever Retry-After says
# What goes to disk: a number, a time, a long hexadecimal id. Another text might show a plate.
_CURSOR: Final = re.compile(r"\d{1,40}|[\d:.+TZ -]{8,40}|[0-9a-fA-F-]{24,64}")

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class PollSettings(HttpClientSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`url` is asked each `interval` seconds, with `body` by POST; `{cursor}` in either stands for how far the source
    has come. That is the time of the newest read less `overlap` seconds, in the source's zone, as `time_format` writes
    it (of strftime; without it, RFC 3339); or, if `cursor` is a path in the answer, the greatest number, time or
    hexadecimal id that stands there. `start` is the cursor when there is none yet; without it, the time of the start.
    """

    interval: Annotated[float, Meta(gt=0, le=86400)] = 5.0
    body: str | None = None
    content_type: Literal["application/xml", "application/json", "application/x-www-form-urlencoded"] = (
        "application/xml"
    )
    cursor: Annotated[str, Meta(min_length=1)] | None = None
    start: str | None = None
    time_format: Annotated[str, Meta(min_length=1)] | None = None
    overlap: Annotated[float, Meta(ge=0, le=86400)] = 10.0
    timeout: Annotated[float, Meta(gt=0, le=3600)] = 30.0

    def check(self) -> None:
        """Raises ConfigError that names the setting."""
        super().check()
        if _PLACE in urlsplit(self.url).netloc:
            raise ConfigError(f"has {_PLACE} in its host", field="url")
        asks = _PLACE in self.url or _PLACE in (self.body or "")
        if self.cursor is not None and not asks:
            raise ConfigError(f"is of no use: neither url nor body has {_PLACE}", field="cursor")
        if self.cursor is not None and self.start is None:
            raise ConfigError("is missing: with what to begin, as the cursor is a field", field="start")


class Poll:
    """Asks again and again. The cursor is kept when all before it is done with, so what was not is asked for again."""

    def __init__(
        self, settings: PollSettings, source: Takes, position: Position, zone: tzinfo | None, most_bytes: int
    ) -> None:
        self._settings = settings
        self._source = source
        self._position = position
        self._zone = zone or UTC
        self._most_bytes = most_bytes
        self._health = Health()
        self._tls = certificates(settings)
        self._cursor: str | None = None  # of a field
        self._newest: datetime | None = None
        self._taken = b""  # a digest of the last answer
        self._was_refused = False
        self._validators: tuple[str, dict[str, str]] = ("", {})  # of the last answer, and to which URL

    def status(self) -> dict[str, Any]:
        """Whether it is answered, why not, and how far it has come."""
        newest = None if self._newest is None else self._newest.isoformat()
        return {
            "connected": self._health.connected,
            "failure": self._health.failure,
            "cursor": newest if self._settings.cursor is None else self._cursor,
        }

    async def follow(self) -> None:
        """Until cancelled."""
        await self._begin()
        while True:
            wait = self._settings.interval
            try:
                await self._ask()
            except StatusError as error:
                wait = self._lost(f"HTTP {error.status}", error.retry_after)
            except (FormatError, _AnswerError) as error:
                wait = self._lost(str(error))
            except (aiohttp.ClientError, OSError) as error:
                wait = self._lost(type(error).__name__)  # its text may quote what was sent
            await asyncio.sleep(wait)

    async def _begin(self) -> None:
        """Where it was, or at the start."""
        saved: dict[str, int | str] = {}
        try:
            saved = await asyncio.to_thread(self._position.load)
        except OSError as error:
            _log.error("position not read", source=self._source.name, reason=error.strerror)
        self._cursor = self._settings.start
        if isinstance(cursor := saved.get("cursor"), str):
            self._cursor = cursor
        self._newest = _moment(saved.get("time"))
        if self._newest is None and self._settings.start is None:
            self._newest = datetime.now(UTC)
            await self._keep({"time": self._newest.isoformat()})

    def _lost(self, failure: str, retry_after: float | None = None) -> float:
        delay = max(self._health.is_lost(failure), self._settings.interval)
        if retry_after is not None:
            delay = max(self._settings.interval, retry_after)
        _log.warning("poll failed", source=self._source.name, error=failure, retry_in=delay)
        return delay

    async def _ask(self) -> None:
        settings = self._settings
        cursor = self._written()
        url = settings.url.replace(_PLACE, quote(cursor, safe=""))
        body = None if settings.body is None else settings.body.replace(_PLACE, cursor).encode()
        headers = {"Accept-Encoding": "gzip, deflate"}
        if body is not None:
            headers["Content-Type"] = settings.content_type
        if body is None and self._validators[0] == url:
            headers |= self._validators[1]
        async with (
            aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=settings.timeout),
                connector=aiohttp.TCPConnector(ssl=self._tls, force_close=True),
                auto_decompress=False,  # some only say that they compress
            ) as session,
            session.request(
                "GET" if body is None else "POST",
                url,
                data=body,
                headers=headers,
                middlewares=login(settings),
                allow_redirects=False,
            ) as response,
        ):
            if response.status in (204, 304):
                self._health.is_well()
                return
            if response.status != 200:
                raise StatusError(response.status, _retry_after(response.headers.get("Retry-After")))
            encoding = {"content-encoding": response.headers.get("Content-Encoding", "")}
            answer = inflated(await self._read(response), encoding)
            kind = response.headers.get("Content-Type", "")
            validators = {
                sent: response.headers[given]
                for given, sent in (("ETag", "If-None-Match"), ("Last-Modified", "If-Modified-Since"))
                if given in response.headers
            }
        await self._take(answer, kind)
        self._validators = url, validators

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        answer = bytearray()
        async for data in response.content.iter_any():
            answer += data
            if len(answer) > self._most_bytes:
                raise _AnswerError(f"the answer is over {self._most_bytes} bytes")
        return bytes(answer)

    async def _take(self, answer: bytes, content_type: str) -> None:
        digest = hashlib.blake2b(answer, digest_size=16).digest()
        if answer.strip() in _NOTHING or (digest == self._taken and not self._was_refused):
            self._health.is_well()
            return
        if digest == self._taken:
            raise _AnswerError(_REFUSED)
        path = urlsplit(self._settings.url).path
        reply = await self._health.taken(self._source, answer, {"content-type": content_type}, path)
        self._taken, self._was_refused = digest, reply.is_refused
        if reply.is_refused:
            raise _AnswerError(_REFUSED)
        if self._settings.cursor is not None:
            found = greatest(answer, content_type, self._settings.cursor)
            if found is not None and (self._cursor is None or _rank(found) > _rank(self._cursor)):
                self._cursor = found
                await self._keep({"cursor": found})
        elif reply.newest is not None:
            # A clock that is ahead must not hide what others read.
            newest = min(reply.newest, datetime.now(UTC))
            if self._newest is None or newest > self._newest:
                self._newest = newest
                await self._keep({"time": newest.isoformat()})
        self._health.is_well()

    async def _keep(self, position: dict[str, int | str]) -> None:
        """Its loss costs nothing but that reads are asked for again."""
        try:
            await asyncio.to_thread(self._position.save, position)
        except OSError as error:
            _log.error("position not kept", source=self._source.name, reason=error.strerror)

    def _written(self) -> str:
        settings = self._settings
        if settings.cursor is None and self._newest is not None:
            since = self._newest - timedelta(seconds=settings.overlap)
            local = since.astimezone(self._zone)
            form = settings.time_format
            return local.isoformat(timespec="seconds") if form is None else local.strftime(form)
        return self._cursor or ""


class _AnswerError(Exception):
    """An answer that is of no use."""


def greatest(answer: bytes, content_type: str, path: str) -> str | None:
    """The greatest of what stands at a path, of lists in each item; None if nothing does.

    Raises FormatError for an answer that is neither XML nor JSON, or a value that may show a plate.
    """
    text = decode(answer, content_type).strip("\ufeff\0 \t\r\n")
    tree = xml_tree.parse(text) if text.startswith("<") else parse_json(text)
    found = [str(value) for value in _all_at(tree, path.split(".")) if value not in (None, "")]
    if any(not _CURSOR.fullmatch(value) for value in found):
        raise FormatError("neither a number, a time nor a long hexadecimal id", field=path)
    return max(found, key=_rank, default=None)


def _moment(saved: object) -> datetime | None:
    """None of what was not saved as one."""
    try:
        when = datetime.fromisoformat(saved) if isinstance(saved, str) else None
    except ValueError:
        return None
    return None if when is None or when.tzinfo is None else when


def _rank(cursor: str) -> tuple[int, str]:
    """Numbers by size, whatever their length, and times as text."""
    return (int(cursor), cursor) if cursor.isdecimal() else (0, cursor)


def _all_at(tree: Any, path: list[str]) -> Iterator[Any]:
    if isinstance(tree, list):
        for item in tree:
            yield from _all_at(item, path)
    elif not path:
        if isinstance(tree, str | int) and not isinstance(tree, bool):
            yield tree
    elif isinstance(tree, dict) and path[0] in tree:
        yield from _all_at(tree[path[0]], path[1:])


def _retry_after(said: str | None) -> float | None:
    """Seconds, of a number or a date."""
    if said is None:
        return None
    try:
        seconds = float(said)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):
            return None
    return min(max(seconds, 0.0), _MOST_WAITING) if seconds == seconds else None
