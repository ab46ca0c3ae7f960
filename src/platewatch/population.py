"""The vehicles that drive where the cameras are: the "everybody else" that a match is weighed against.

`models/population.json` has Korea's. A city, or another country, brings its own: `Population.load(path)` and
`ChannelModel.default().with_population(population)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from platewatch import model_files
from platewatch.errors import ModelError

FORMAT = "platewatch population 1"
_SHARES_MAY_MISS = 0.001


@dataclass(frozen=True, slots=True)
class Population:
    """A table of classes of vehicles, as the core takes it."""

    document: Mapping[str, Any]

    @classmethod
    def default(cls) -> Self:
        """Korea's."""
        return cls._of(model_files.shipped("population.json", FORMAT))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Raises ModelError that names the class and the field, or OSError."""
        return cls._of(model_files.load(path, FORMAT))

    @classmethod
    def _of(cls, document: dict[str, Any]) -> Self:
        sets = _object(document.get("sets", {}), "sets")
        classes = document.get("classes")
        if not isinstance(classes, list) or not classes:
            raise ModelError("is not a list of classes", field="classes")
        generic = _object(document.get("generic", {}), "generic")
        clutter = _number(document.get("clutter", 0), "clutter")
        if clutter >= 1:
            raise ModelError("is not a share below 1", field="clutter")
        return cls(
            {
                "clutter": clutter,
                "generic": {
                    "density": _number(generic.get("density", 0), "generic.density"),
                    "symbols": str(generic.get("symbols", "")),
                    "least": int(_number(generic.get("least", 1), "generic.least")),
                    "most": int(_number(generic.get("most", 0), "generic.most")),
                },
                "classes": [_vehicle_class(item, row, sets) for row, item in enumerate(classes, 1)],
            }
        )


def _vehicle_class(item: object, row: int, sets: Mapping[str, Any]) -> dict[str, Any]:
    fields = _object(item, "classes", row)
    words = fields.get("words", [])
    words = sets.get(words) if isinstance(words, str) else words
    if not isinstance(words, list) or not all(isinstance(word, str) and len(word) == 2 for word in words):
        raise ModelError("is not a list of words of two symbols", row=row, field="words")
    positions = fields.get("positions")
    if not isinstance(positions, list) or not 1 <= len(positions) <= 14:
        raise ModelError("is not a list of 1 to 14 positions", row=row, field="positions")
    return {
        "name": str(fields.get("name", row)),
        "vehicles": _number(fields.get("vehicles"), "vehicles", row),
        "blocks_in_use": _share(fields.get("blocks_in_use", 1), "blocks_in_use", row),
        "words": words,
        "words_may_be_lost": bool(fields.get("words_may_be_lost", False)),
        "positions": [_position(position, row, sets) for position in positions],
    }


def _position(position: object, row: int, sets: Mapping[str, Any]) -> dict[str, float]:
    """The symbols that stand there, each run of them with its share; a text is the name of a set, or symbols."""
    shares = {position: 1.0} if isinstance(position, str) else _object(position, "positions", row)
    found: dict[str, float] = {}
    for text, share in shares.items():
        symbols = sets.get(text, text)
        if not isinstance(symbols, str) or not symbols:
            raise ModelError(f"{text!r} is not a set of symbols", row=row, field="positions")
        found[symbols] = _number(share, "positions", row)
    if abs(sum(found.values()) - 1) > _SHARES_MAY_MISS:
        raise ModelError("the shares of a position do not sum to 1", row=row, field="positions")
    return found


def _share(value: object, field: str, row: int) -> float:
    share = _number(value, field, row)
    if not 0 < share <= 1:
        raise ModelError("is not a share above 0 and at most 1", row=row, field=field)
    return share


def _object(value: object, field: str, row: int | None = None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ModelError("is not an object", row=row, field=field)
    return value


def _number(value: object, field: str, row: int | None = None) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ModelError("is not a number of 0 or more", row=row, field=field)
    return float(value)
