"""Matching reads with a hotlist."""

from __future__ import annotations

import operator
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from os import PathLike, fsdecode
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal, Protocol, Self, TypeAlias, overload
from weakref import WeakSet

import numpy as np
import numpy.typing as npt

from platewatch import _core
from platewatch.cores import cores
from platewatch.errors import EntryError, SnapshotError
from platewatch.matching.batch import MatchBatch as MatchBatch
from platewatch.matching.batch import ScoredMatchBatch
from platewatch.matching.hotlist import Entry, EntrySet, check
from platewatch.matching.match import Match, SearchResult
from platewatch.matching.reads import Read
from platewatch.matching.values import is_blank, microseconds
from platewatch.plural import plural
from platewatch.probability.channel_model import ChannelModel

_MOST_THREADS = 1024
IndexKind: TypeAlias = Literal["compact", "fast"]
_Stamp: TypeAlias = tuple[int, int, int, int]
_matchers: WeakSet[Matcher] = WeakSet()


class ArrowArray(Protocol):
    """What pyarrow.Array is: https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...


class ArrowStream(Protocol):
    """What pyarrow.ChunkedArray and polars.Series are."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


class Matcher(_core.Matcher):
    """Finds every entry of a hotlist within `max_edits` (0 to 3) edits of a read.

    The hotlist is indexed as it is now; `update`, `add` and `remove` change the index. A change shows in the next
    call, calls under way finish on what they started with, and nobody waits: any thread may match meanwhile.
    `model` says how probable misreads are; the one that is shipped, if left out. `index` is "compact", or "fast" for
    lists of many millions: it takes thirteen bytes more a key, and finds the same in less time.
    """

    def __init__(
        self,
        hotlist: EntrySet | Iterable[str],
        *,
        max_edits: int = 2,
        model: ChannelModel | None = None,
        index: IndexKind = "compact",
    ) -> None:
        """`hotlist` may also be plates or patterns, any iterable of text; then its ids are the canonical plates.

        Raises TypeError for what is neither, EntryError (row from 0) for a plate that cannot be one.
        """
        listed = _listed(hotlist)
        self._model = _checked_model(model)
        version = listed.version
        super().__init__(_shortest(listed), max_edits, microseconds, self._model.scoring, _is_fast(index))
        self._hotlist, self._version, self._index = listed, version, index

    def __repr__(self) -> str:
        if self._is_closed:
            return f"{type(self).__name__}(closed)"
        return f"{type(self).__name__}({plural(len(self), 'entry', 'entries')}, max_edits={self.max_edits})"

    def __new__(cls, *args: object, **kwargs: object) -> Self:
        matcher = super().__new__(cls)
        matcher._changing = threading.RLock()
        matcher._hotlist = None
        matcher._version = 0
        matcher._strayed = set()
        matcher._mapped = None
        matcher._index = "compact"
        matcher._is_closed = False
        _matchers.add(matcher)
        return matcher

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the index and of a mapped file. Calls under way finish; later ones raise StateError."""
        with self._changing:
            self._mapped, self._is_closed = None, True
            self._close()

    def __reduce__(self) -> tuple[object, ...]:
        """By the path, if it was opened with mapped=True and nothing has changed since; else by the snapshot's bytes.

        An index that comes back knows no hotlist, so its first `update` indexes the whole one.
        """
        with self._changing:
            if self._mapped is not None and _stamp(self._mapped[0]) == self._mapped[1]:
                return _opened, (type(self), *self._mapped, self.max_edits, self._model, self._index)
            with TemporaryDirectory(prefix="platewatch-") as folder:
                path = Path(folder, "snapshot")
                self.save(path)
                return _restored, (type(self), path.read_bytes(), self.max_edits, self._model, self._index)

    @classmethod
    def open(
        cls,
        path: str | PathLike[str],
        *,
        max_edits: int | None = None,
        model: ChannelModel | None = None,
        mapped: bool | None = None,
        index: IndexKind = "compact",
    ) -> Self:
        """Open a snapshot that `save` wrote.

        With mapped=False it is read into memory of its own and every byte is checked, at about a millisecond a
        megabyte. With mapped=True it is mapped: milliseconds whatever its size, and processes share its memory. Left
        out, files of up to 64 MiB are read and larger ones mapped.

        A mapped file must never be written into, nor another one copied over it: then matches may be wrong, and
        where it gets shorter THE PROCESS IS KILLED by SIGBUS. The safe way is to write beside it and rename, as `save`
        does; who has the older one open keeps it. What is mapped is not checked (`Matcher.verify` does that): where
        it is damaged, matches may be wrong or missing.

        `max_edits` is the saved one if left out. A snapshot has no kind of index: what a "fast" one takes is made here,
        in memory of its own, in about half a second for a million keys. Raises SnapshotError or OSError.
        """
        matcher = cls.__new__(cls)
        matcher._index = index
        matcher._model = _checked_model(model)
        if mapped and (stamp := _stamp(file := Path(fsdecode(path)).absolute())):
            matcher._mapped = file, stamp
        _core.Matcher.__init__(
            matcher,
            fsdecode(path),
            max_edits,
            microseconds,
            matcher._model.scoring,
            None if mapped is None else bool(mapped),
            _is_fast(index),
        )
        return matcher

    def save(self, path: str | PathLike[str]) -> None:
        """Write a snapshot: the index with the entries' metadata, as one file that `open` maps.

        It is written beside `path`, synced and renamed, so whoever has an older one open keeps it. Raises OSError.
        """
        self._save(fsdecode(path))

    @staticmethod
    def verify(path: str | PathLike[str]) -> None:
        """Read a whole snapshot and check every byte of it. Raises SnapshotError or OSError."""
        _core.Matcher._verify(fsdecode(path))

    @property
    def index(self) -> IndexKind:
        """What the matcher was made with."""
        return self._index

    @property
    def model(self) -> ChannelModel:
        """What says how probable misreads are."""
        return self._model

    def use(self, model: ChannelModel) -> None:
        """Weigh with this model from the next call on; calls under way finish on what they started with."""
        checked = _checked_model(model)
        self._use(checked.scoring)
        self._model = checked

    def settle(self) -> None:
        """Wait until the background has folded all changes that it wants to fold."""
        self._settle()

    def update(self, hotlist: EntrySet | Iterable[str]) -> None:
        """Make the index that of the hotlist, or the plates, as it is now.

        For the hotlist that the matcher was made from, or last updated to, only what changed since is done, in
        microseconds an entry; another one is indexed as a whole before it takes the old one's place.
        """
        hotlist = _listed(hotlist)
        with self._changing:
            version = hotlist.version
            changed = hotlist.changed_since(self._version) if hotlist is self._hotlist else None
            if changed is None:
                self._replace(_shortest(hotlist))
            else:
                changed |= self._strayed
                upserts = [hotlist[entry_id] for entry_id in changed if entry_id in hotlist]
                self._apply(upserts, [entry_id for entry_id in changed if entry_id not in hotlist])
            self._hotlist, self._version, self._strayed, self._mapped = hotlist, version, set(), None

    def add(self, entry: Entry) -> None:
        """Add an entry, or replace the one with its id. Raises EntryError."""
        if not isinstance(entry, Entry):
            raise TypeError(f"an entry must be a platewatch.Entry, not {_kind(entry)}")
        checked = check(entry)
        with self._changing:
            try:
                self._apply([checked], [])
            except ValueError as error:
                raise EntryError(str(error), field="plate", value=checked.plate) from None
            self._strayed.add(checked.id)
            self._mapped = None

    def remove(self, entry_id: str) -> None:
        """Raises KeyError if the id is not listed."""
        if not isinstance(entry_id, str):
            raise TypeError(f"an entry's id must be text, not {_kind(entry_id)}")
        with self._changing:
            if not self._apply([], [entry_id]):
                raise KeyError(entry_id)
            self._strayed.add(entry_id)
            self._mapped = None

    _model: ChannelModel
    _index: IndexKind
    _changing: threading.RLock
    _hotlist: EntrySet | None  # that the index equals, but for ...
    _version: int
    _strayed: set[str]  # ... ids that were changed here and not in the hotlist
    _mapped: tuple[Path, _Stamp] | None  # the file that the index is, as far as it is one
    _is_closed: bool

    if TYPE_CHECKING:  # it is the core's, as a Python function around it would take a good part of its time

        def match(
            self,
            read: str | bytes | Read,
            *,
            max_edits: int | None = None,
            at: datetime | None = None,
            alternatives: bool = False,
            min_probability: float = 0.0,
            keep_exact: bool = False,
        ) -> list[Match]:
            """Every valid entry within max_edits of the read, in the order probability (descending), edits, id.

            The options are as for `match_batch`. Raises ReadError.
            """

    def search(self, query: str, *, at: datetime | None = None) -> list[SearchResult]:
        """The entries valid now, or `at` a time, that fit a plate with unknown characters, in the order of their ids.

        `?` is one symbol, `*` any run of symbols, `[가거]` one of a set. A pattern entry fits if some plate fits both.
        Raises PlatewatchError if the query is no pattern.
        """
        if not isinstance(query, str):
            raise TypeError(f"a query must be text, not {_kind(query)}")
        return self._search(query, at)

    def match_pass(
        self,
        reads: Iterable[str | bytes | Read],
        *,
        max_edits: int | None = None,
        at: datetime | None = None,
        alternatives: bool = False,
        min_probability: float = 0.0,
        keep_exact: bool = False,
    ) -> list[Match]:
        """Match the reads of one vehicle that passes one camera, as one body of evidence.

        Every entry that one of the reads matches, with the least of its edits and its probability given all of the
        reads; in the order probability (descending), edits, id. Frames that fail together are discounted, as the
        model has learnt, and more than five weigh as much as five. `min_probability` and `keep_exact` are as for
        `match_batch`. Raises ReadError, with the read's place, for one that cannot be matched.
        """
        _refuse_no_reads(reads)
        # As pybind11 quotes all arguments of a call that it refuses, and with them the reads.
        options = bool(alternatives), _number(min_probability, "min_probability"), bool(keep_exact)
        return self._match_pass(list(reads), max_edits, at, *options)

    @overload
    def match_batch(
        self,
        reads: Iterable[str | bytes | Read] | npt.NDArray[np.str_] | ArrowArray | ArrowStream,
        *,
        max_edits: int | None = None,
        at: datetime | None = None,
        times: Sequence[datetime] | npt.NDArray[np.datetime64] | None = None,
        errors: Literal["raise", "report"] = "raise",
        alternatives: bool = False,
        score: Literal[True] = True,
        min_probability: float = 0.0,
        keep_exact: bool = False,
        threads: int = 1,
    ) -> ScoredMatchBatch: ...
    @overload
    def match_batch(
        self,
        reads: Iterable[str | bytes | Read] | npt.NDArray[np.str_] | ArrowArray | ArrowStream,
        *,
        max_edits: int | None = None,
        at: datetime | None = None,
        times: Sequence[datetime] | npt.NDArray[np.datetime64] | None = None,
        errors: Literal["raise", "report"] = "raise",
        alternatives: bool = False,
        score: bool,
        min_probability: float = 0.0,
        keep_exact: bool = False,
        threads: int = 1,
    ) -> MatchBatch: ...
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
        among `threads`, 0 for as many as there are cores; the answer is the same for any number of them.

        A read without a time of its own takes the one of `times` in its place (datetimes with an offset, or
        datetime64 in UTC), else `at`, else now. `alternatives` is as for `match`. A bad read raises ReadError, or
        with errors="report" is listed in the batch's `errors`. With score=False, matches have no probabilities, which
        costs less, and the answer is a MatchBatch without them. Those below `min_probability` are left out, and where
        none can reach it, it is not worked out; with `keep_exact` those without edits stay.
        """
        _refuse_no_reads(reads)
        if errors not in ("raise", "report"):
            raise ValueError('errors must be "raise" or "report"')
        min_probability = _number(min_probability, "min_probability")
        if min_probability > 0 and not score:
            raise ValueError("min_probability needs score=True")
        if threads < 0:
            raise ValueError("threads must be 0 or more")
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
            min(operator.index(threads) or cores(), _MOST_THREADS),
        )
        if not score:
            return MatchBatch(read, entry, edits, entry_ids, bad, not_lined_up)
        return ScoredMatchBatch(read, entry, edits, entry_ids, bad, not_lined_up, log_likelihood, probability)


def _stamp(path: Path) -> _Stamp | None:
    """What tells a file from others that had or get its name; None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _opened(
    cls: type[Matcher], path: Path, stamp: _Stamp, max_edits: int, model: ChannelModel, index: IndexKind
) -> Matcher:
    if _stamp(path) != stamp:
        raise SnapshotError(f"{path}: is not the file that was mapped when the matcher was pickled")
    return cls.open(path, max_edits=max_edits, model=model, mapped=True, index=index)


def _restored(cls: type[Matcher], snapshot: bytes, max_edits: int, model: ChannelModel, index: IndexKind) -> Matcher:
    with TemporaryDirectory(prefix="platewatch-") as folder:
        path = Path(folder, "snapshot")
        path.write_bytes(snapshot)
        return cls.open(path, max_edits=max_edits, model=model, mapped=False, index=index)


def _is_fast(index: IndexKind) -> bool:
    if index not in ("compact", "fast"):
        raise ValueError(f'index must be "compact" or "fast", not {index!r}')
    return index == "fast"


def _checked_model(model: ChannelModel | None) -> ChannelModel:
    if model is None:
        return ChannelModel.default()
    if not isinstance(model, ChannelModel):
        raise TypeError(f"model must be a platewatch.ChannelModel, not {_kind(model)}")
    return model


def _listed(hotlist: EntrySet | Iterable[str]) -> EntrySet:
    """A hotlist as it is, plates as one. Raises TypeError that says what to use for what is neither."""
    if isinstance(hotlist, EntrySet):
        return hotlist
    what, instead = _kind(hotlist), ""
    if isinstance(hotlist, str | bytes):
        instead = "for one plate use pw.Matcher([plate]), for a file pw.Hotlist.load(path)"
    elif isinstance(hotlist, PathLike) or callable(getattr(hotlist, "read", None)):
        instead = "use pw.Hotlist.load(path)"
    elif isinstance(hotlist, Mapping):
        instead = "use pw.Hotlist.from_records([record])"
    elif hasattr(type(hotlist), "columns"):  # pandas, polars, pyarrow, DuckDB
        instead = "use pw.Hotlist.from_table(table)"
    elif isinstance(hotlist, Iterable):
        plates = _plain(hotlist)
        first = next((plate for plate in plates if not is_blank(plate)), plates[0] if plates else "")
        if isinstance(first, str):
            return EntrySet.from_plates(plates)
        what = f"{what} of {_kind(first)}"
        if isinstance(first, Mapping):
            instead = "use pw.Hotlist.from_records(records)"
        elif isinstance(first, Entry):
            instead = "use pw.Hotlist(entries)"
    raise TypeError(f"hotlist must be a pw.Hotlist or plates, not {what}" + (f": {instead}" if instead else ""))


def _shortest(hotlist: EntrySet) -> EntrySet | _core.PlateList:
    """What indexes the same in the least time."""
    plates = hotlist.plate_list
    return hotlist if plates is None else plates


def _refuse_no_reads(reads: object) -> None:
    """TypeError for what is no sequence of reads, though Python may iterate over it."""
    what = "one text" if isinstance(reads, str | bytes) else _kind(reads)
    columns = hasattr(reads, "__arrow_c_array__") or hasattr(reads, "__arrow_c_stream__")
    if isinstance(reads, str | bytes | Read | Mapping) or not (columns or isinstance(reads, Iterable)):
        raise TypeError(f"reads must be a sequence of reads, not {what}")


def _plain(plates: Iterable[str]) -> list[str]:
    """In Python's own types: numpy and Arrow iterate over theirs."""
    for way in ("tolist", "to_pylist"):
        if hasattr(plates, way):
            return list(getattr(plates, way)())
    return list(plates)


def _number(value: object, name: str) -> float:
    """As float() does but for text, which it would quote."""
    if not hasattr(value, "__float__") and not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be a number, not {_kind(value)}")
    return float(value)  # type: ignore[arg-type]


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__


def _to_microseconds(times: Sequence[datetime] | npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    if isinstance(times, np.ndarray):
        if not np.issubdtype(times.dtype, np.datetime64):
            raise TypeError("an array of times must be datetime64, in UTC")
        if np.ma.is_masked(times):
            raise ValueError("times must not be masked")
        if np.isnat(times).any():
            raise ValueError("times must not hold NaT")
        return times.astype("datetime64[us]").astype(np.int64)
    if not all(isinstance(time, datetime) for time in times):
        raise TypeError("times must be datetimes")
    if any(time.tzinfo is None for time in times):
        raise ValueError("a time needs an offset from UTC")
    return np.array([round(time.timestamp() * 1e6) for time in times], dtype=np.int64)


class _Fork:
    """A fork copies only the thread that asked for it: it waits until no other one is changing a matcher."""

    def __init__(self) -> None:
        self._held: list[threading.RLock] = []

    def prepare(self) -> None:
        for matcher in list(_matchers):
            matcher._changing.acquire()
            self._held.append(matcher._changing)

    def release(self) -> None:
        while self._held:
            self._held.pop().release()


if hasattr(os, "register_at_fork"):
    _fork = _Fork()
    os.register_at_fork(before=_fork.prepare, after_in_parent=_fork.release, after_in_child=_fork.release)
