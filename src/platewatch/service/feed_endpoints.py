"""Where agencies push their lists, and an operator says that a list is right although it looks wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

from platewatch.lists.feeds import FeedError, FeedSettings
from platewatch.lists.feeds.delta import MAX_LISTED, DeltaError, OutOfOrderError, PushFeedSettings, decode
from platewatch.lists.feeds.store import StoreError
from platewatch.service.asgi import (
    Bodies,
    BodyTooLargeError,
    DisconnectedError,
    Receive,
    Scope,
    Send,
    read_body,
    send_json,
    unread,
)
from platewatch.service.feeds import Feeds
from platewatch.service.garbage import garbage_stays

Endpoint: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_LARGE: Final = 65536  # bytes of a body that is taken apart beside the event loop
_RETRY_AFTER: Final = (b"retry-after", b"1")


class FeedEndpoints:
    """`routes`: the endpoints by method and path; `pushed`: of the paths where lists are pushed, the feed and its own
    token.
    """

    def __init__(
        self, feeds: Feeds, settings: Mapping[str, FeedSettings], bodies: Bodies, max_body_bytes: int, zone: str | None
    ) -> None:
        self._feeds = feeds
        self._bodies = bodies
        self._max_body_bytes = max_body_bytes
        self._zone = zone
        self.routes: dict[tuple[str, str], Endpoint] = {}
        self.pushed: dict[str, tuple[str, str | None]] = {}
        for name, how in settings.items():
            self.routes["POST", f"/v1/feeds/{name}/accept"] = partial(self._accept, name)
            if isinstance(how, PushFeedSettings):
                deltas, whole = f"/v1/feeds/{name}/deltas", f"/v1/feeds/{name}"
                self.routes["POST", deltas] = partial(self._push, name, how.needed, False)
                self.routes["PUT", whole] = partial(self._push, name, how.needed, True)
                self.routes["GET", whole] = partial(self._state, name)
                self.pushed |= dict.fromkeys((deltas, whole), (name, how.token))

    async def _accept(self, name: str, scope: Scope, _receive: Receive, send: Send) -> None:
        await self._feeds.accept(name)
        state = next(state for state in self._feeds.status() if state["feed"] == name)
        await send_json(send, 200 if state["refused"] is None else 409, state, unread(scope))

    async def _state(self, name: str, _scope: Scope, _receive: Receive, send: Send) -> None:
        version, entries, _ = self._feeds.part(name)
        await send_json(send, 200, {"version": version, "entries": entries})

    async def _push(
        self, name: str, needed: Sequence[str], is_whole: bool, scope: Scope, receive: Receive, send: Send
    ) -> None:
        with self._bodies.holding() as held:
            try:
                body = await read_body(scope, receive, self._max_body_bytes, held)
                read = partial(decode, body, self._zone, is_whole=is_whole, needed=needed)
                if len(body) < _LARGE:
                    changed = await self._feeds.push(name, read())
                else:
                    with garbage_stays():
                        changed = await self._feeds.push(name, await asyncio.to_thread(read))
            except DisconnectedError:
                return
            except BodyTooLargeError:
                await send_json(send, 413, {"reason": f"the body is over {self._max_body_bytes} bytes"}, unread(scope))
            except OutOfOrderError as error:
                await send_json(send, 409, {"reason": error.reason, "field": error.field, "version": error.known})
            except DeltaError as error:
                await send_json(send, 422, _told(error))
            except FeedError as error:
                await send_json(send, 422, {"reason": error.reason, "field": error.field, "errors": []})
            except StoreError as error:
                await send_json(send, 503, {"reason": error.reason}, [_RETRY_AFTER])
            else:
                version, entries, _ = self._feeds.part(name)
                await send_json(send, 200, {"version": version, "changed": changed, "entries": entries})


def _told(error: DeltaError) -> dict[str, Any]:
    """Without what stood there, as the answer may go through other people's logs."""
    listed = [{"row": bad.row, "field": bad.field, "reason": bad.reason} for bad in error.errors[:MAX_LISTED]]
    more = len(error.errors) - len(listed)
    answer: dict[str, Any] = {"reason": error.reason, "field": error.field, "errors": listed}
    return {**answer, "more_errors": more} if more else answer
