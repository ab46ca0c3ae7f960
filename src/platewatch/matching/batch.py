"""Batches of matches, as columns, rows and tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Generic, SupportsIndex, TypeVar, overload

import numpy as np
import numpy.typing as npt

from platewatch import _core
from platewatch.errors import ReadError
from platewatch.plural import plural

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

COLUMNS: Final = ("read", "entry_id", "plate", "edits", "log_likelihood", "probability")
"""Of a batch's rows and tables."""

ScoreT_co = TypeVar("ScoreT_co", bound="float | None", covariant=True)


@dataclass(frozen=True, slots=True)
class MatchRow(Generic[ScoreT_co]):
    """A match of a batch, in plain Python values; `read` is the read's place in the batch.

    The scores are None if the batch has none. It has dict(row) and row.to_dict().
    """

    read: int
    entry_id: str
    plate: str
    edits: int
    log_likelihood: float | None
    probability: ScoreT_co

    def keys(self) -> tuple[str, ...]:
        return COLUMNS

    def __getitem__(self, name: str) -> Any:
        if name not in COLUMNS:
            raise KeyError(name)
        return getattr(self, name)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class MatchBatch:
    """The matches of a batch of reads, one row a match, ascending by read; then by probability, descending, edits
    and entry id, or without scores by edits and entry id.

    `read` (uint32) is the read's place in the batch, `entry` (uint32) the entry's number in `entry_ids`,
    `edits` (uint8) their distance. `log_likelihood` and `probability` (float64) are None without scores, and never in
    a ScoredMatchBatch; a likelihood that there is none of, which is None in a Match, is minus infinity there.
    `errors` lists the reads that could not be matched; their row is the place in the batch. `not_lined_up` counts the
    reads whose `chars` did not line up with their text and were ignored; only reads that match are looked at for it,
    but all of them with alternatives=True.

    `for row in batch` and `batch[i]` give MatchRows, in plain Python values; dict(batch) and `batch.to_dict()` have
    the same as columns, in lists, `batch.to_dicts()` as rows: all of these go into JSON. A batch can be pickled; with
    it go the ids and plates of the whole list that it was matched with.
    """

    def __init__(
        self,
        read: npt.NDArray[np.uint32],
        entry: npt.NDArray[np.uint32],
        edits: npt.NDArray[np.uint8],
        entry_ids: _core.EntryIds,
        errors: Sequence[ReadError] = (),
        not_lined_up: int = 0,
        log_likelihood: npt.NDArray[np.float64] | None = None,
        probability: npt.NDArray[np.float64] | None = None,
    ) -> None:
        self.read = read
        self.entry = entry
        self.edits = edits
        self.entry_ids = entry_ids
        self.errors = errors
        self.not_lined_up = not_lined_up
        self.log_likelihood = log_likelihood
        self.probability = probability

    def __len__(self) -> int:
        return len(self.read)

    def __repr__(self) -> str:
        reads = len(np.unique(self.read))
        scores = "" if self.probability is not None else ", no scores"
        return (
            f"{type(self).__name__}({plural(len(self), 'match', 'matches')} of {plural(reads, 'read')}, "
            f"{plural(len(self.errors), 'error')}{scores})"
        )

    def __iter__(self) -> Iterator[MatchRow[float | None]]:
        return self._rows(slice(None))

    @overload
    def __getitem__(self, key: str) -> list[Any]: ...
    @overload
    def __getitem__(self, key: SupportsIndex) -> MatchRow[float | None]: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[MatchRow[float | None]]: ...
    def __getitem__(self, key: str | SupportsIndex | slice) -> Sequence[Any] | MatchRow[Any]:
        """A column by its name, a row by its place, or the rows of a slice; in plain Python values."""
        if isinstance(key, str):
            return self._column(key, slice(None))
        if isinstance(key, slice):
            return list(self._rows(key))
        place = range(len(self))[key]
        return next(self._rows(slice(place, place + 1)))

    def keys(self) -> tuple[str, ...]:
        """The names of the columns: with `batch[name]`, dict(batch) works."""
        return COLUMNS

    def to_dict(self) -> dict[str, list[Any]]:
        """The columns as lists of plain Python values, by name; scores that are not there are None."""
        return {name: self[name] for name in COLUMNS}

    def to_dicts(self) -> list[dict[str, Any]]:
        """The rows, each as a dict of plain Python values."""
        return [row.to_dict() for row in self]

    def to_arrow(self) -> pyarrow.Table:
        """A pyarrow.Table: read (uint32), entry_id, plate (string), edits (uint8), log_likelihood, probability
        (float64; null without scores). ImportError without pyarrow."""
        pa = _library("pyarrow", "to_arrow")
        types = (pa.uint32(), pa.string(), pa.string(), pa.uint8(), pa.float64(), pa.float64())
        columns = [pa.array(values, kind) for values, kind in zip(self._arrays(), types, strict=True)]
        return pa.Table.from_arrays(columns, names=list(COLUMNS))

    def to_pandas(self) -> pandas.DataFrame:
        """A pandas.DataFrame with the columns of `to_arrow`; scores that are not there are None. ImportError without
        pandas."""
        pd = _library("pandas", "to_pandas")
        return pd.DataFrame(dict(zip(COLUMNS, self._arrays(), strict=True)))

    def to_polars(self) -> polars.DataFrame:
        """A polars.DataFrame with the columns of `to_arrow`. ImportError without polars."""
        pl = _library("polars", "to_polars")
        types = (pl.UInt32, pl.String, pl.String, pl.UInt8, pl.Float64, pl.Float64)
        columns = [v.tolist() if v.dtype == object else v for v in self._arrays()]  # it has no text in numpy's objects
        named = zip(COLUMNS, columns, types, strict=True)
        frame: polars.DataFrame = pl.DataFrame([pl.Series(name, values, kind) for name, values, kind in named])
        return frame

    def _column(self, name: str, rows: slice) -> list[Any]:
        if name not in COLUMNS:
            raise KeyError(name)
        values: list[Any] = self._array(name, rows).tolist()
        return values

    def _rows(self, rows: slice) -> Iterator[MatchRow[Any]]:
        return map(MatchRow, *(self._column(name, rows) for name in COLUMNS))

    def _arrays(self) -> list[npt.NDArray[Any]]:
        return [self._array(name, slice(None)) for name in COLUMNS]

    def _array(self, name: str, rows: slice) -> npt.NDArray[Any]:
        if name == "entry_id":
            return self.entry_ids[self.entry[rows]]
        if name == "plate":
            return self.entry_ids._plates(self.entry[rows])
        values: npt.NDArray[Any] | None = getattr(self, name)
        if values is None:
            return np.full(len(self.read[rows]), None)
        values = values[rows]
        absent = values == -np.inf
        if absent.any():
            values = values.astype(object)
            values[absent] = None
        return values


class ScoredMatchBatch(MatchBatch):
    """A MatchBatch with scores, as `match_batch` gives it unless they are not wanted."""

    log_likelihood: npt.NDArray[np.float64]
    probability: npt.NDArray[np.float64]

    def __iter__(self) -> Iterator[MatchRow[float]]:
        return self._rows(slice(None))

    @overload
    def __getitem__(self, key: str) -> list[Any]: ...
    @overload
    def __getitem__(self, key: SupportsIndex) -> MatchRow[float]: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[MatchRow[float]]: ...
    def __getitem__(self, key: str | SupportsIndex | slice) -> Sequence[Any] | MatchRow[Any]:
        return super().__getitem__(key)


def _library(name: str, what: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ImportError(f"{what} needs {name}: pip install {name}", name=name) from None
