"""How often each who asks may: a bucket for each, which fills as time goes by."""

from __future__ import annotations

import time
from collections.abc import Callable


class Rates:
    """Of each who asks, when its bucket is full again. `clock` is monotonic, in seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._full_at: dict[str, float] = {}

    def take(self, name: str, requests_a_second: float) -> float:
        """0 if this one may ask now, else the seconds after which it may. A second's requests may come at once."""
        now = self._clock()
        interval = 1 / requests_a_second
        full_at = max(self._full_at.get(name, now), now) + interval
        if (early := full_at - now - max(1.0, interval)) > 1e-9:
            return early
        self._full_at[name] = full_at
        return 0.0
