"""No search for garbage while a large list is made: each would go through all of it, and hold up every read."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_pauses = 0


@contextmanager
def garbage_stays() -> Iterator[None]:
    """While at least one such block lasts; in the event loop's thread."""
    global _pauses
    _pauses += 1
    gc.disable()
    try:
        yield
    finally:
        _pauses -= 1
        if not _pauses:
            gc.enable()
