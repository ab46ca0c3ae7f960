"""A camera that is asked once and then tells of what it reads: for tests of streams, faults included."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aiohttp import web

from tests.far_end import far_end
from tests.threads import in_a_thread

USER, PASSWORD = "admin", "pass word"


class Camera:
    """Each connection gets the next of the `scripts`: pieces of bytes, seconds to wait, or None to cut it off. After
    the last one there are no more: 503.
    """

    def __init__(self, scripts: list[list[bytes | float | None]], content_type: str, login: str = "digest") -> None:
        self.scripts = scripts
        self.content_type = content_type
        self.login = login
        self.url = ""
        self.asked = 0
        self.refused = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if not self._is_known(request):
            self.refused += 1
            challenge = 'Digest realm="cam", nonce="abc", qop="auth"' if self.login == "digest" else 'Basic realm="cam"'
            return web.Response(status=401, headers={"WWW-Authenticate": challenge})
        if self.asked >= len(self.scripts):
            return web.Response(status=503)
        script = self.scripts[self.asked]
        self.asked += 1
        response = web.StreamResponse(headers={"Content-Type": self.content_type})
        await response.prepare(request)
        for piece in script:
            if isinstance(piece, bytes):
                await response.write(piece)
            elif piece is None:
                assert request.transport is not None
                request.transport.abort()
                return response
            else:
                await asyncio.sleep(piece)
        return response

    def _is_known(self, request: web.Request) -> bool:
        given = request.headers.get("Authorization", "")
        if self.login == "basic":
            return given == "Basic YWRtaW46cGFzcyB3b3Jk"
        said: dict[str, Any] = dict(re.findall(r'(\w+)="?([^",]+)"?', given.removeprefix("Digest ")))
        if not given.startswith("Digest ") or said.get("nonce") != "abc":
            return False
        who = _md5(f"{USER}:cam:{PASSWORD}")
        what = _md5(f"GET:{request.path_qs}")
        return bool(said["response"] == _md5(f"{who}:abc:{said['nc']}:{said['cnonce']}:auth:{what}"))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@asynccontextmanager
async def _serving(camera: Camera) -> AsyncIterator[None]:
    async with far_end(camera.answer) as url:
        camera.url = f"{url}/ISAPI/Event/notification/alertStream?x=1"
        yield


@contextmanager
def streaming(camera: Camera) -> Iterator[Camera]:
    """The camera answers until the end of the block."""
    with in_a_thread(_serving(camera)):
        yield camera
