"""Matching reads with a hotlist."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import index
from pathlib import Path
from threading import Lock
from typing import Literal, Protocol, Self

import numpy as np
import numpy.typing as npt

from platewatch import _core
from platewatch.errors import EntryError, ReadError
from platewatch.matching.hotlist import Entry, EntrySet, check
from platewatch.matching.reads import Read
from platewatch.matching.values import microseconds
from platewatch.probability.channel_model import ChannelModel

_MOST_THREADS = 1024


class ArrowArray(Protocol):
    """What pyarrow.Array is: https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...


class ArrowStream(Protocol):
    """What pyarrow.ChunkedArray and polars.Series are."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


@dataclass(frozen=True, slots=True, eq=False)
class MatchBatch:
    """The matches of a batch of reads, one row a match, ascending by read; then by probability, descending, edits
    and entry id, or without scores by edits and entry id.

    `read` (uint32) is the read's place in the batch, `entry` (uint32) the entry's number in `entry_ids`,
    `edits` (uint8) their distance. `log_likelihood` and `probability` (float64) are as a Match has them; None
    without scores. `errors` lists the reads that could not be matched; their row is the place
    in the batch. `not_lined_up` counts the reads whose `chars` did not line up with their text and were ignored; only
    reads that match are looked at for it, but all of them with alternatives=True.
    """

    read: npt.NDArray[np.uint32]
    entry: npt.NDArray[np.uint32]
    edits: npt.NDArray[np.uint8]
    entry_ids: _core.EntryIds
    errors: Sequence[ReadError] = ()
    not_lined_up: int = 0
    log_likelihood: npt.NDArray[np.float64] | None = None
    probability: npt.NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.read)


class Matcher(_core.Matcher):
    """Finds every entry of a hotlist within `max_edits` (0 to 3) edits of a read.

    The hotlist is indexed as it is now; `update`, `add` and `remove` change the index. A change shows in the next
    call, calls under way finish on what they started with, and nobody waits: any thread may match meanwhile.
    `model` says how probable misreads are; the one that is shipped, if left out.
    """

    def __init__(self, hotlist: EntrySet, *, max_edits: int = 1, model: ChannelModel | None = None) -> None:
        self._model = model or ChannelModel.default()
        super().__init__(hotlist, max_edits, microseconds, self._model.scoring)
        self._follow(hotlist)

    @classmethod
    def open(cls, path: str | Path, *, max_edits: int | None = None, model: ChannelModel | None = None) -> Self:
        """Map a snapshot that `save` wrote: milliseconds whatever its size, and processes share its memory.

        `max_edits` is the saved one if left out. Raises SnapshotError or OSError. The file's content is not checked
        (`Matcher.verify` does that): where it is damaged, matches may be wrong or missing, but nothing worse happens.
        """
        matcher = cls.__new__(cls)
        matcher._model = model or ChannelModel.default()
        _core.Matcher.__init__(matcher, str(path), max_edits, microseconds, matcher._model.scoring)
        matcher._follow(None)
        return matcher

    def _follow(self, hotlist: EntrySet | None) -> None:
        """Take note of the list that the index now equals."""
        self._changing = Lock()
        self._hotlist: EntrySet | None = hotlist
        self._version = hotlist.version if hotlist is not None else 0
        self._strayed: set[str] = set()  # ids that were changed here and not in the hotlist

    def update(self, hotlist: EntrySet) -> None:
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

    def match_pass(
        self,
        reads: Sequence[str | Read],
        *,
        max_edits: int | None = None,
        at: datetime | None = None,
        alternatives: bool = False,
        min_probability: float = 0.0,
        keep_exact: bool = False,
    ) -> list[_core.Match]:
        """Match the reads of one vehicle that passes one camera, as one body of evidence.

        Every entry that one of the reads matches, with the least of its edits and its probability given all of the
        reads; in the order probability (descending), edits, id. Frames that fail together are discounted, as the
        model has learnt, and more than five weigh as much as five. `min_probability` and `keep_exact` are as for
        `match_batch`. Raises ReadError, with the read's place, for one that cannot be matched.
        """
        # As pybind11 quotes all arguments of a call that it refuses, and with them the reads.
        options = bool(alternatives), float(min_probability), bool(keep_exact)
        return self._match_pass(list(reads), max_edits, at, *options)

    def match_batch(
        self,
        reads: Iterable[str | bytes | Read] | npt.NDArray[np.str_] | ArrowArray | ArrowStream,
        *,
        max_edits: int | None = None,
        at: datetime | None = None,
        times: Sequence[datetime] | npt.NDArray[np.datetime64] | None = None,
        errors: Literal["raise", "report"] = "raise",
        alternatives: bool = False,
        score: bool = True,
        min_probability: float = 0.0,
        keep_exact: bool = False,
        threads: int = 1,
    ) -> MatchBatch:
        """Match many reads in one call; the GIL is released while it searches.

        `reads` are text or Reads; or a numpy `U` array, or an Arrow array or stream of strings (pyarrow, polars,
        anything with __arrow_c_array__ or __arrow_c_stream__), which are matched where they lie. Text is shared out
        among `threads`; the answer is the same for any number of them.

        A read without a time of its own takes the one of `times` in its place (datetimes with an offset, or
        datetime64 in UTC), else `at`, else now. `alternatives` is as for `match`. A bad read raises ReadError, or
        with errors="report" is listed in the batch's `errors`. With score=False, matches have no probabilities, which
        costs less. Those below `min_probability` are left out, and where none can reach it, it is not worked out; with
        `keep_exact` those without edits stay.
        """
        if errors not in ("raise", "report"):
            raise ValueError('errors must be "raise" or "report"')
        min_probability = float(min_probability)
        if min_probability > 0 and not score:
            raise ValueError("min_probability needs score=True")
        if threads < 1:
            raise ValueError("threads must be 1 or more")
        read, entry, edits, log_likelihood, probability, bad, entry_ids, not_lined_up = self._match_batch(
            reads,
            max_edits,
            at,
            None if times is None else _to_microseconds(times),
            errors == "report",
            bool(alternatives),
            bool(score),
            min_probability,
            bool(keep_exact),
            min(index(threads), _MOST_THREADS),
        )
        scores = (log_likelihood, probability) if score else (None, None)
        return MatchBatch(read, entry, edits, entry_ids, bad, not_lined_up, *scores)


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
