"""Who was not let in: each counted, and told in the log, but not as often as somebody can ask."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import structlog

from platewatch.service.gate import Denied

_QUIET: Final = 60.0  # seconds in which an address is told once
_MOST: Final = 1000  # addresses; of more, those that were told last

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class Denials:
    """`count` is called with the status of each."""

    def __init__(self, count: Callable[[int], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._count = count
        self._clock = clock
        self._told: OrderedDict[str, tuple[float, int]] = OrderedDict()  # when, and how many were not told since

    def note(self, address: str, endpoint: str, denied: Denied) -> None:
        """A request was refused at an endpoint of ours: its name, as what stood in the path may be a token."""
        self._count(denied.status)
        now = self._clock()
        at, untold = self._told.get(address, (-_QUIET, 0))
        if now - at < _QUIET:
            self._told[address] = at, untold + 1
            return
        self._told[address] = now, 0
        self._told.move_to_end(address)
        while len(self._told) > _MOST:
            self._told.popitem(last=False)
        more = {"untold": untold} if untold else {}
        _log.warning(
            "request denied", address=address, endpoint=endpoint, status=denied.status, reason=denied.reason, **more
        )
