"""Matching reads with a hotlist."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import index
from pathlib import Path
from threading import Lock
from typing import Literal, Protocol, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from platewatch import _core
from platewatch._core import is_pattern
from platewatch.errors import EntryError, ReadError
from platewatch.hotlist import Entry, Hotlist, check, microseconds
from platewatch.reads import Read

_MOST_THREADS = 1024

Grade: TypeAlias = Literal["exact", "fuzzy", "pattern"]


class ArrowArray(Protocol):
    """What pyarrow.Array is: https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...


class ArrowStream(Protocol):
    """What pyarrow.ChunkedArray and polars.Series are."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


@dataclass(frozen=True, slots=True, eq=False)
class MatchBatch:
    """The matches of a batch of reads, one row a match, ascending by read, then by edits, then by entry id.

    `read` (uint32) is the read's place in the batch, `entry` (uint32) the entry's number in `entry_ids`,
    `edits` (uint8) their distance. `errors` lists the reads that could not be matched; their row is the place
    in the batch. `not_lined_up` counts the reads whose `chars` did not line up with their text and were ignored.
    """

    read: npt.NDArray[np.uint32]
    entry: npt.NDArray[np.uint32]
    edits: npt.NDArray[np.uint8]
    entry_ids: _core.EntryIds
    errors: Sequence[ReadError] = ()
    not_lined_up: int = 0

    def __len__(self) -> int:
        return len(self.read)


class Matcher(_core.Matcher):
    """Finds every entry of a hotlist within `max_edits` (0 to 3) edits of a read.

    The hotlist is indexed as it is now; `update`, `add` and `remove` change the index. A change shows in the next
    call, calls under way finish on what they started with, and nobody waits: any thread may match meanwhile.
    """

    def __init__(self, hotlist: Hotlist, *, max_edits: int = 1) -> None:
        super().__init__(hotlist, max_edits, microseconds)
        self._follow(hotlist)

    @classmethod
    def open(cls, path: str | Path, *, max_edits: int | None = None) -> Self:
        """Map a snapshot that `save` wrote: milliseconds whatever its size, and processes share its memory.

        `max_edits` is the saved one if left out. Raises SnapshotError or OSError. The file's content is not checked
        (`Matcher.verify` does that): where it is damaged, matches may be wrong or missing, but nothing worse happens.
        """
        matcher = cls.__new__(cls)
        _core.Matcher.__init__(matcher, str(path), max_edits, microseconds)
        matcher._follow(None)
        return matcher

    def _follow(self, hotlist: Hotlist | None) -> None:
        """Take note of the list that the index now equals."""
        self._changing = Lock()
        self._hotlist: Hotlist | None = hotlist
        self._version = hotlist.version if hotlist is not None else 0
        self._strayed: set[str] = set()  # ids that were changed here and not in the hotlist

    def update(self, hotlist: Hotlist) -> None:
        """Make the index that of the hotlist as it is now.

        For the hotlist that the matcher was made from, or last updated to, only what changed since is done, in
        microseconds an entry; another one is indexed as a whole before it takes the old one's place.
        """
        with self._changing:
            version = hotlist.version
            changed = hotlist.changed_since(self._version) if hotlist is self._hotlist else None
            if changed is None:
                self._replace(hotlist)
            else:
                changed |= self._strayed
                upserts = [hotlist[entry_id] for entry_id in changed if entry_id in hotlist]
                self._apply(upserts, [entry_id for entry_id in changed if entry_id not in hotlist])
            self._hotlist, self._version, self._strayed = hotlist, version, set()

    def add(self, entry: Entry) -> None:
        """Add an entry, or replace the one with its id. Raises EntryError."""
        checked = check(entry)
        with self._changing:
            try:
                self._apply([checked], [])
            except ValueError as error:
                raise EntryError(str(error), field="plate", value=checked.plate) from None
            self._strayed.add(checked.id)

    def remove(self, entry_id: str) -> None:
        """Raises KeyError if the id is not listed."""
        with self._changing:
            if not self._apply([], [entry_id]):
                raise KeyError(entry_id)
            self._strayed.add(entry_id)

    def match_batch(
        self,
        reads: Iterable[str | bytes | Read] | npt.NDArray[np.str_] | ArrowArray | ArrowStream,
        *,
        max_edits: int | None = None,
        at: datetime | None = None,
        times: Sequence[datetime] | npt.NDArray[np.datetime64] | None = None,
        errors: Literal["raise", "report"] = "raise",
        alternatives: bool = False,
        score: Literal[False] = False,
        threads: int = 1,
    ) -> MatchBatch:
        """Match many reads in one call; the GIL is released while it searches.

        `reads` are text or Reads; or a numpy `U` array, or an Arrow array or stream of strings (pyarrow, polars,
        anything with __arrow_c_array__ or __arrow_c_stream__), which are matched where they lie. Text is shared out
        among `threads`; the answer is the same for any number of them.

        A read without a time of its own takes the one of `times` in its place (datetimes with an offset, or
        datetime64 in UTC), else `at`, else now. `alternatives` is as for `match`. A bad read raises ReadError, or
        with errors="report" is listed in the batch's `errors`. Matches are not scored yet: `score` must be False.
        """
        if errors not in ("raise", "report"):
            raise ValueError('errors must be "raise" or "report"')
        if score:
            raise NotImplementedError("matches are not scored yet: score must be False")
        if threads < 1:
            raise ValueError("threads must be 1 or more")
        read, entry, edits, bad, entry_ids, not_lined_up = self._match_batch(
            reads,
            max_edits,
            at,
            None if times is None else _to_microseconds(times),
            errors == "report",
            bool(alternatives),
            min(index(threads), _MOST_THREADS),
        )
        return MatchBatch(read, entry, edits, entry_ids, bad, not_lined_up)


def grade(wanted: str, edits: int) -> Grade:
    """What a match says of the vehicle: it is the wanted one; it may be, misread; it is one that a pattern fits."""
    if is_pattern(wanted):
        return "pattern"
    return "exact" if edits == 0 else "fuzzy"


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
