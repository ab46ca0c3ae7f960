"""Where reads come from. A source acknowledges a read only after what it calls has accepted it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

from msgspec import Struct

from platewatch.errors import PlatewatchError, ReadError
from platewatch.matching.reads import Read

HTTP: Final = "http"
"""The source of reads that come to `/v1/reads`; others have the names of their settings."""


NOT_ITS_CAMERA: Final = "is not a camera whose reads this key may send"


class Accepted(Struct, frozen=True):
    """What became of a batch: reads matched, hits that are new or of a higher grade than before, the reads refused
    (row: place in the batch), and how many matched reads had `chars` that were ignored, as MatchBatch counts them.

    A hit counts once, for the call that has brought its event to the disk, whoever else had a read of it.
    """

    reads: int
    hits: int
    errors: Sequence[ReadError]
    not_lined_up: int


class BusyError(PlatewatchError):
    """More reads are waiting than may be: none of these is accepted, and they should be sent again a little later."""


Accept: TypeAlias = Callable[[Sequence[Read]], Awaitable[Accepted]]
"""Returns when every hit of the reads is on disk; raises if none of the reads is accepted."""
