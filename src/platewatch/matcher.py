"""Matching reads with a hotlist."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import numpy.typing as npt

from platewatch import _core
from platewatch.errors import ReadError
from platewatch.hotlist import Hotlist
from platewatch.reads import Read


@dataclass(frozen=True, slots=True, eq=False)
class MatchBatch:
    """The matches of a batch of reads, one row a match, ascending by read, then by edits, then by entry id.

    `read` (uint32) is the read's place in the batch, `entry` (uint32) the entry's number in `entry_ids`,
    `edits` (uint8) their distance. `errors` lists the reads that could not be matched; their row is the place
    in the batch.
    """

    read: npt.NDArray[np.uint32]
    entry: npt.NDArray[np.uint32]
    edits: npt.NDArray[np.uint8]
    entry_ids: _core.EntryIds
    errors: Sequence[ReadError] = ()

    def __len__(self) -> int:
        return len(self.read)


class Matcher(_core.Matcher):
    """Finds every entry of a hotlist within `max_edits` (0 to 3) edits of a read.

    The hotlist is indexed as it is now; later changes of it do not show.
    """

    def __init__(self, hotlist: Hotlist, *, max_edits: int = 1) -> None:
        super().__init__(hotlist.rows(), max_edits)

    def match_batch(
        self,
        reads: Iterable[str | Read],
        *,
        max_edits: int | None = None,
        at: datetime | None = None,
        times: Sequence[datetime] | npt.NDArray[np.datetime64] | None = None,
        errors: Literal["raise", "report"] = "raise",
    ) -> MatchBatch:
        """Match many reads in one call; the GIL is released while it searches.

        A read without a time of its own takes the one of `times` in its place (datetimes with an offset, or
        datetime64 in UTC), else `at`, else now. A bad read raises ReadError, or with errors="report" is listed
        in the batch's `errors`.
        """
        if isinstance(reads, str | bytes):
            raise TypeError("reads must be a sequence of reads, not one text")
        if errors not in ("raise", "report"):
            raise ValueError('errors must be "raise" or "report"')
        read, entry, edits, bad = self._match_batch(
            tuple(reads), max_edits, at, None if times is None else _to_microseconds(times), errors == "report"
        )
        return MatchBatch(read, entry, edits, self.entry_ids, bad)


def _to_microseconds(times: Sequence[datetime] | npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    if isinstance(times, np.ndarray):
        if not np.issubdtype(times.dtype, np.datetime64):
            raise TypeError("an array of times must be datetime64, in UTC")
        if np.isnat(times).any():
            raise ValueError("times must not hold NaT")
        return times.astype("datetime64[us]").astype(np.int64)
    if not all(isinstance(time, datetime) for time in times):
        raise TypeError("times must be datetimes")
    if any(time.tzinfo is None for time in times):
        raise ValueError("a time needs an offset from UTC")
    return np.array([round(time.timestamp() * 1e6) for time in times], dtype=np.int64)
