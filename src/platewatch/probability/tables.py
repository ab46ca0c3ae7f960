"""What a channel model has learnt, as numbers: a general table, those of engines and of cameras, and their JSON.

A camera's table refines that of its engine, an engine's the general one; what it has from there is the same array. Of
most cameras no more is known than how often their frames are of which quality: their levels.

An array is named and shaped as in the core's ChannelRates (cpp/include/platewatch/probability/channel_model.hpp).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from platewatch import _core
from platewatch.errors import ModelError
from platewatch.probability import model_files

FORMAT = "platewatch channel model 4"

Floats: TypeAlias = npt.NDArray[np.float64]
Rates: TypeAlias = dict[str, Floats]

OUTCOMES = ("one", "deletion", "split")
"""What becomes of a symbol that is not merged; they sum to 1."""

RATIOS = ("ratio_right", "ratio_wrong", "ratio_inserted", "ratio_merged")
"""How often such a confidence is given to a character of this kind, against all of its class: [level][bin]."""

CLUTTER = ("clutter_size", "clutter_next", "clutter")
"""Of reads of signs that are no plate: how long they are, of which class characters are, and which of it."""

_PROBABILITIES = ("level", *OUTCOMES, "merge", "merged_as", "insertion", "region_loss", "right", "wrong")
_DISTRIBUTIONS = ("confusion", "inserted", "split_first", "split_second", "clutter_size", "clutter_next", "clutter")
_LISTED = ("alternative", "syllable_listed")
"""How often recognisers list a symbol for a character: never surely, and never surely not."""
_FACTORS = ("likeness", *RATIOS, "ratio_read", "ratio_rank", "ratio_lost")
_ARRAYS = (*_PROBABILITIES, *_DISTRIBUTIONS, *_LISTED, *_FACTORS)
_EVENTS = (*(name for name in _PROBABILITIES if name != "level"), *_DISTRIBUTIONS, "likeness", *RATIOS, "ratio_read")
COUNTS = (
    "level",
    *_EVENTS,
    *("gap", "unmerged", "region_kept", "ratio_rank", "ratio_lost"),
    *("listed_often", "listed_syllable", "listing", "listed_rank"),
)
"""What is counted for a table: how often each of its rates had its way, and what else these are shares of."""
AXES_OF_COLUMNS = {
    "right": (1,),
    "wrong": (1,),
    "confusion": (0, 1),
    "inserted": (0,),
    "clutter": (0,),
    "split_first": (1,),
    "split_second": (1,),
    "listed_often": (0, 1),
    "listed_syllable": (0,),
    "listing": (0,),
}
"""Of counts, the axes that are as long as there are columns: symbols and classes of others."""

_SUMS_MAY_MISS = 0.01
_LEAST_LISTED = 1e-6
_LARGEST_FACTOR = 1e6
_NUMBERS = frozenset((int, float))

_MOST_COUNTS = 1 << 20  # of one array: far more than any has
MOST_SYMBOLS = 250  # of a table, as in the core: those that it knows, and those of the population


CLASSES = 4  # of symbols: digits, Latin letters, Hangul syllables, others
SYLLABLE = 2

UNKNOWN_SYMBOL = "?"
"""What a recogniser could not read, in a read's canonical text."""


def class_of(c: str) -> int:
    if "0" <= c <= "9":
        return 0
    if "A" <= c <= "Z":
        return 1
    return SYLLABLE if "가" <= c <= "힣" else 3


def is_mark(c: str) -> bool:
    """Does normalisation drop it?"""
    return _core.mark_kind(c) is not None


def is_stray(c: str) -> bool:
    """Is it a mark with which no plate is written? They are all alike, and share the column of other code points."""
    return _core.mark_kind(c) == "stray"


def has_own_column(c: str) -> bool:
    """May it? Not stray marks, nor the unknown symbol: that something could not be read must not tell what it was."""
    return not is_stray(c) and c != UNKNOWN_SYMBOL


def column_of(symbols: str, c: str) -> int:
    """A symbol that is known has a column of its own, the others one a class."""
    place = symbols.find(c) if has_own_column(c) else -1
    return place if place >= 0 else len(symbols) + class_of(c)


@dataclass(frozen=True, slots=True)
class Table:
    """What is known of one recogniser. `bin_edges` part its confidences; of a camera's, `engine` is what it refines.

    `counts` are what the rates were made of, as far as it is known: what a finer table starts from.
    """

    bin_edges: list[float]
    rates: Rates
    engine: str | None = None
    counts: Rates = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of a model and the symbols that they know, ascending.

    `levels` are those of cameras without a table of their own, by engine, "" for the general table, and camera.
    """

    symbols: str
    general: Table
    engines: dict[str, Table]
    cameras: dict[str, Table] = field(default_factory=dict)
    frame_weight: float = 1.0
    levels: dict[str, dict[str, Floats]] = field(default_factory=dict)

    def of_read(self, engine: str | None, camera: str | None) -> Table:
        """What a read is scored with: its camera's own, or else its engine's, with the camera's levels if known."""
        if camera is not None and camera in self.cameras:
            return self.cameras[camera]
        table = self.of_engine(engine)
        known = engine if engine is not None and engine in self.engines else ""
        level = self.levels.get(known, {}).get(camera or "")
        return table if level is None else replace(table, rates=table.rates | {"level": level})

    def of_engine(self, engine: str | None) -> Table:
        """Its own, or else the general one."""
        return self.general if engine is None else self.engines.get(engine, self.general)

    def core(self, table: Table) -> _core.ChannelTable:
        """One of them, ready to count with."""
        return _core.ChannelTable(self.symbols, table.bin_edges, table.rates)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Raises ModelError that names the table and the array, or OSError."""
        return cls._of(model_files.load(path, FORMAT))

    @classmethod
    def shipped(cls) -> Self:
        return cls._of(model_files.shipped("channel.json", FORMAT))

    @classmethod
    def _of(cls, document: dict[str, Any]) -> Self:
        symbols = document.get("symbols")
        if not isinstance(symbols, str):
            raise ModelError("is not a text", field="symbols")
        frame_weight = document.get("frame_weight")
        if not model_files.is_number(frame_weight) or not 0 < frame_weight <= 1:
            raise ModelError("is not above 0 and at most 1", field="frame_weight")
        general = _table(document.get("general"), "the general table", None)
        tables = cls(symbols, general, {}, {}, float(frame_weight))
        for engine, item in _object(document.get("engines"), "engines").items():
            tables.engines[engine] = _table(item, f"engine {engine!r}", general)
        for camera, item in _object(document.get("cameras", {}), "cameras").items():
            where = f"camera {camera!r}"
            refined = _object(item, where).get("engine")
            if refined is not None and refined not in list(tables.engines):
                raise ModelError(f"engine of {where}: is not among the engines")
            tables.cameras[camera] = replace(_table(item, where, tables.of_engine(refined)), engine=refined)
        for engine, cameras in _object(document.get("levels", {}), "levels").items():
            if engine and engine not in tables.engines:
                raise ModelError(f"levels of engine {engine!r}: is not among the engines")
            tables.levels[engine] = {
                camera: _level(item, f"levels of camera {camera!r}", len(general.rates["level"]))
                for camera, item in _object(cameras, f"levels of engine {engine!r}").items()
            }
        if "" in tables.engines or "" in tables.cameras or any("" in cameras for cameras in tables.levels.values()):
            raise ModelError("an engine or a camera has no name")
        for where, table in tables._named():
            try:
                tables.core(table)  # checks the shapes
            except ValueError as error:
                raise ModelError(f"{where}: {error}") from None
            _check_sums(where, table.rates)
        return tables

    def _named(self) -> Iterator[tuple[str, Table]]:
        yield "the general table", self.general
        for engine, table in self.engines.items():
            yield f"engine {engine!r}", table
        for camera, table in self.cameras.items():
            yield f"camera {camera!r}", table

    def save(self, path: str | Path) -> None:
        """Write them as JSON. What a table has from the one that it refines stands there only."""
        document = {
            "format": FORMAT,
            "symbols": self.symbols,
            "frame_weight": self.frame_weight,
            "general": _document(self.general, None),
            "engines": {engine: _document(table, self.general) for engine, table in self.engines.items()},
            "cameras": {
                camera: {"engine": table.engine} | _document(table, self.of_engine(table.engine))
                for camera, table in self.cameras.items()
            },
            "levels": {
                engine: {camera: _rounded(level) for camera, level in cameras.items()}
                for engine, cameras in self.levels.items()
            },
        }
        Path(path).write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")


def _level(document: object, where: str, size: int) -> Floats:
    level = _array(document, where)
    if level.shape != (size,):
        raise ModelError(f"{where}: is not {size} numbers")
    _refuse_rows(_outside("level", level), where, "is out of range")
    _check_sums(where, {"level": level})
    return level


def _document(table: Table, parent: Table | None) -> dict[str, Any]:
    own: dict[str, Any] = {}
    if parent is None or table.bin_edges is not parent.bin_edges:
        own["bin_edges"] = table.bin_edges
    for name, array in table.rates.items():
        if parent is None or array is not parent.rates[name]:
            own[name] = _rounded(array)
    if table.counts:
        own["counts"] = sparse(table.counts)
    return own


def sparse(counts: Rates) -> dict[str, Any]:
    """What was counted, for a file; `counts_of` reads it."""
    return {name: _sparse(counts[name]) for name in COUNTS}


def _sparse(counts: Floats) -> Any:
    """Its shape, the places of what is not nothing, in order, and how much that is: most things never happen."""
    flat = np.round(counts.ravel(), 2)
    places = np.flatnonzero(flat)
    return [list(counts.shape), places.tolist(), _rounded(flat[places])]


def _rounded(values: Floats) -> Any:
    return json.loads(json.dumps(values.tolist()), parse_float=lambda text: float(f"{float(text):.4g}"))


def _table(document: object, where: str, parent: Table | None) -> Table:
    own = _object(document, where)
    for name in own:
        if name not in (*_ARRAYS, "bin_edges", "engine", "counts"):
            raise ModelError(f"{name} of {where}: is unknown")
    edges = parent.bin_edges if parent is not None else []
    if parent is None or "bin_edges" in own:
        array = _array(own.get("bin_edges"), f"bin_edges of {where}")
        if array.ndim != 1:
            raise ModelError(f"bin_edges of {where}: is not a list of numbers")
        edges = array.tolist()
    rates: Rates = {}
    for name in _ARRAYS:
        if parent is not None and name not in own:
            rates[name] = parent.rates[name]
            continue
        rates[name] = _array(own.get(name), f"{name} of {where}")
        _refuse_rows(_outside(name, rates[name]), f"{name} of {where}", "is out of range")
    return Table(edges, rates, counts=counts_of(own["counts"], f"counts of {where}") if "counts" in own else {})


def counts_of(document: object, where: str) -> Rates:
    """Those of a file, as `sparse` makes them. Raises ModelError."""
    counts: Rates = {}
    for name, item in _object(document, where).items():
        if name not in COUNTS:
            raise ModelError(f"{name} of {where}: is unknown")
        if not isinstance(item, list) or len(item) != 3:
            raise ModelError(f"{name} of {where}: is not a shape, places and numbers")
        shape, places = (_array(part, f"{name} of {where}").astype(np.int64) for part in item[:2])
        values = _array(item[2], f"{name} of {where}")
        size = int(np.prod(shape))
        if not 0 < size <= _MOST_COUNTS or places.shape != values.shape or (values < 0).any():
            raise ModelError(f"{name} of {where}: is not a shape, places and numbers")
        if ((places < 0) | (places >= size)).any():
            raise ModelError(f"{name} of {where}: has a place outside of its shape")
        flat = np.zeros(size)
        flat[places] = values
        counts[name] = flat.reshape(shape)
    for name in COUNTS:
        if name not in counts:
            raise ModelError(f"{name} of {where}: is missing")
    return counts


def _outside(name: str, values: Floats) -> npt.NDArray[np.bool_]:
    if name in _LISTED:
        return (values < _LEAST_LISTED) | (values > 1 - _LEAST_LISTED)
    if name in _FACTORS:
        return (values < 0) | (values >= _LARGEST_FACTOR)
    if name == "insertion":  # surely one more would be endless
        return (values < 0) | (values >= 1)
    return (values < 0) | (values > 1)


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ModelError(f"{where}: is not an object")
    return value


def _array(value: object, where: str) -> Floats:
    if value is None:
        raise ModelError(f"{where}: is missing")
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):  # a text, or rows of several lengths
        raise ModelError(f"{where}: is not an array of numbers, or not of its shape") from None
    except OverflowError:
        raise ModelError(f"{where}: has a number that is out of range") from None
    wrong = ~np.isfinite(array)
    elements: Iterable[Any] = [value]
    for _ in range(array.ndim):
        elements = chain.from_iterable(elements)
    types = [*map(type, elements)]
    if not _NUMBERS.issuperset(types):  # numpy takes texts and truth values for numbers
        wrong |= np.reshape([kind not in _NUMBERS for kind in types], array.shape)
    _refuse_rows(wrong, where, "is not a number")
    return array


def _refuse_rows(wrong: npt.NDArray[np.bool_], where: str, reason: str) -> None:
    if wrong.any():
        raise ModelError(f"{where}, row {np.argwhere(np.atleast_1d(wrong))[0].tolist()}: {reason}")


def _check_sums(where: str, rates: Rates) -> None:
    sums = {"level": rates["level"].sum()} if len(rates) == 1 else _sums(rates)
    for name, values in sums.items():
        _refuse_rows(np.abs(values - 1) > _SUMS_MAY_MISS, f"{name} of {where}", "does not sum to 1")


def _sums(rates: Rates) -> dict[str, Any]:
    return {
        "level": rates["level"].sum(),
        "merged_as": rates["merged_as"].sum(axis=-1),
        "confusion": rates["confusion"].sum(axis=1),
        "inserted": rates["inserted"].sum(),
        "clutter": rates["clutter"].sum(),
        "clutter_size": rates["clutter_size"].sum(),
        "clutter_next": rates["clutter_next"].sum(axis=-1),
        "split_first": rates["split_first"].sum(axis=1),
        "split_second": rates["split_second"].sum(axis=1),
        "right + wrong": rates["right"] + rates["wrong"],
        "one + deletion + split": np.sum([rates[name] for name in OUTCOMES], axis=0),
    }
