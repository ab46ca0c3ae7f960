"""The vehicles that drive where the cameras are: the "everybody else" that a match is weighed against.

`models/population.json` has Korea's. A city, or another country, brings its own: `Population.load(path)` and
`ChannelModel.default().with_population(population)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from platewatch import _core
from platewatch.errors import ModelError, PlatewatchError
from platewatch.plural import plural
from platewatch.probability import model_files
from platewatch.probability.tables import MOST_SYMBOLS

FORMAT = "platewatch population 1"

_FIELDS = ("format", "clutter", "generic", "sets", "classes")
_OF_GENERIC = ("density", "symbols", "least", "most")
_OF_CLASSES = ("name", "vehicles", "blocks_in_use", "words", "words_may_be_lost", "positions")
_SHARES_MAY_MISS = 0.001
_MOST_VEHICLES = 1e12
_LEAST_BLOCKS = 1e-6
_MOST_POSITIONS = 14
_LONGEST = 16  # of plates
_MOST_LOOKED_AT: Final = 100_000  # of a list's plates: the share is then known to a third of a per cent
_FEW: Final = 10  # plates, of which a share would promise too much


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of some plates are of no class of a population; of many plates, a sample was looked at."""

    plates: int
    outside: int
    population: str

    @property
    def share_outside(self) -> float:
        """0 to 1; 0 if there are no plates."""
        return self.outside / self.plates if self.plates else 0.0

    @property
    def mostly_outside(self) -> bool:
        """Whether matches are weighed against vehicles that most of these plates are not among."""
        return 2 * self.outside > self.plates

    def told(self, whose: str = "the list's") -> str:
        """`93 % of the list's plates are of no class of the population (Korea's)`; of few plates, how many."""
        if self.plates == self.outside == 1:
            subject = f"{whose} plate is"
        elif self.plates < _FEW:
            subject = f"{self.outside} of {whose} {self.plates} plates are"
        else:
            subject = f"{100 * self.share_outside:.0f} % of {whose} plates are"
        return f"{subject} of no class of the population ({self.population})"


@dataclass(frozen=True, repr=False)
class Population:
    """A table of classes of vehicles, as the core takes it. `name` is for people: whose they are, or their file."""

    document: Mapping[str, Any]
    name: str = field(default="one of your own", compare=False)

    def __repr__(self) -> str:
        classes = self.document["classes"]
        vehicles = round(sum(kind["vehicles"] for kind in classes))
        return f"{type(self).__name__}({plural(len(classes), 'class', 'classes')}, {plural(vehicles, 'vehicle')})"

    @classmethod
    def default(cls) -> Self:
        """Korea's."""
        return cls._of(model_files.shipped("population.json", FORMAT), "Korea's")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Raises ModelError that names the class and the field, or OSError."""
        return cls._of(model_files.load(path, FORMAT), str(path))

    @property
    def vehicles(self) -> float:
        """How many there are, of all classes together."""
        return float(sum(kind["vehicles"] for kind in self.document["classes"]))

    def coverage(self, plates: Iterable[str]) -> Coverage:
        """How many canonical plates are of no class; those of the generic class are of none. Patterns do not count.

        A region mark that is omitted is no fault, as matching forgives it. Of more than 100,000 plates, so many are
        drawn, always the same ones.
        """
        looked_at = list(plates)
        if len(looked_at) > _MOST_LOOKED_AT:
            places = np.random.default_rng(0).choice(len(looked_at), _MOST_LOOKED_AT, replace=False)
            looked_at = [looked_at[place] for place in places.tolist()]
        is_of_a_class = self._of_a_class.fullmatch
        whole = [plate for plate in looked_at if not _core.is_pattern(plate)]
        return Coverage(len(whole), sum(is_of_a_class(plate) is None for plate in whole), self.name)

    @cached_property
    def _of_a_class(self) -> re.Pattern[str]:
        """What fully matches the plates of the classes that any vehicle is of."""
        marks = set(_core.region_marks())
        kinds = []
        for kind in self.document["classes"]:
            if not kind["vehicles"]:
                continue
            words = "|".join(kind["words"])
            may_lack_it = "?" if marks.intersection(kind["words"]) else ""
            sets = ["".join(run for run, share in position.items() if share) for position in kind["positions"]]
            kinds.append((f"(?:{words}){may_lack_it}" if words else "") + "".join(f"[{symbols}]" for symbols in sets))
        return re.compile("|".join(kinds) or "(?!)")

    @property
    def symbols(self) -> set[str]:
        """All that its plates may have."""
        texts = [self.document["generic"]["symbols"]]
        for kind in self.document["classes"]:
            texts += kind["words"]
            texts += [text for position in kind["positions"] for text in position]
        return set("".join(texts))

    @classmethod
    def _of(cls, document: dict[str, Any], name: str) -> Self:
        _refuse_unknown(document, _FIELDS)
        classes = document.get("classes")
        if not isinstance(classes, list) or not classes:
            raise ModelError("is not a list of classes", field="classes")
        sets = _sets(document.get("sets", {}))
        clutter = _number(document.get("clutter", 0), 1, "clutter")
        if clutter == 1:
            raise ModelError("is not a share below 1", field="clutter")
        population = cls(
            {
                "clutter": clutter,
                "generic": _generic(document.get("generic", {})),
                "classes": [_vehicle_class(item, row, sets) for row, item in enumerate(classes, 1)],
            },
            name,
        )
        if len(population.symbols) > MOST_SYMBOLS:
            raise ModelError(f"the plates of a population have more than {MOST_SYMBOLS} distinct symbols")
        return population


def _sets(value: object) -> dict[str, Any]:
    """Of symbols and of words, by name."""
    sets = _object(value, "sets")
    for name, members in sets.items():
        if all(map(_is_canonical, name)):  # then nobody could tell a misspelt one from symbols
            raise ModelError(f"the name {name!r} could be taken for symbols", field="sets")
        check = _symbols if isinstance(members, str) else _words
        check(members, f"sets.{name}")
    return sets


def _generic(value: object) -> dict[str, Any]:
    fields = _object(value, "generic")
    _refuse_unknown(fields, _OF_GENERIC, "generic.")
    density = _number(fields.get("density", 0), 1, "generic.density")
    symbols = _symbols(fields["symbols"], "generic.symbols") if "symbols" in fields else ""
    least, most = _length(fields.get("least", 1), "generic.least"), _length(fields.get("most", 0), "generic.most")
    if density > 0 and not symbols:
        raise ModelError("is missing", field="generic.symbols")
    if density > 0 and most < max(least, 1):
        raise ModelError("is less than `least`, or than 1", field="generic.most")
    return {"density": density, "symbols": symbols, "least": least, "most": most}


def _vehicle_class(item: object, row: int, sets: Mapping[str, Any]) -> dict[str, Any]:
    fields = _object(item, "classes", row)
    _refuse_unknown(fields, _OF_CLASSES, row=row)
    name = fields.get("name", str(row))
    if not isinstance(name, str):
        raise ModelError("is not a text", row=row, field="name")
    blocks_in_use = _number(fields.get("blocks_in_use", 1), 1, "blocks_in_use", row)
    if blocks_in_use < _LEAST_BLOCKS:
        raise ModelError(f"is less than {_LEAST_BLOCKS:g}", row=row, field="blocks_in_use")
    words = fields.get("words", [])
    words_may_be_lost = fields.get("words_may_be_lost", False)
    if not isinstance(words_may_be_lost, bool):
        raise ModelError("is neither true nor false", row=row, field="words_may_be_lost")
    positions = fields.get("positions")
    if not isinstance(positions, list) or not 1 <= len(positions) <= _MOST_POSITIONS:
        raise ModelError(f"is not a list of 1 to {_MOST_POSITIONS} positions", row=row, field="positions")
    return {
        "name": name,
        "vehicles": _number(fields.get("vehicles"), _MOST_VEHICLES, "vehicles", row),
        "blocks_in_use": blocks_in_use,
        "words": _words(sets.get(words) if isinstance(words, str) else words, "words", row),
        "words_may_be_lost": words_may_be_lost,
        "positions": [_position(position, row, sets) for position in positions],
    }


def _position(position: object, row: int, sets: Mapping[str, Any]) -> dict[str, float]:
    """The symbols that stand there, each run of them with its share; a text is the name of a set, or symbols."""
    shares = {position: 1.0} if isinstance(position, str) else _object(position, "positions", row)
    runs: list[str] = []
    for text in shares:
        members = sets.get(text)
        runs.append(members if isinstance(members, str) else _symbols(text, "positions", row))
    _refuse_twice("".join(runs), "positions", row)
    found = {run: _number(share, 1, "positions", row) for run, share in zip(runs, shares.values(), strict=True)}
    if abs(sum(found.values()) - 1) > _SHARES_MAY_MISS:
        raise ModelError("the shares of a position do not sum to 1", row=row, field="positions")
    return found


def _symbols(text: object, field: str, row: int | None = None) -> str:
    if not isinstance(text, str) or not text or not all(map(_is_canonical, text)):
        raise ModelError(f"{text!r} is not a set of canonical symbols", row=row, field=field)
    _refuse_twice(text, field, row)
    return text


def _words(words: object, field: str, row: int | None = None) -> list[str]:
    if not isinstance(words, list) or not all(map(_is_word, words)):
        raise ModelError("is not a list of canonical words of two symbols", row=row, field=field)
    _refuse_twice(words, field, row)
    return words


def _is_word(word: object) -> bool:
    return isinstance(word, str) and len(word) == 2 and _is_canonical(word)


def _is_canonical(text: str) -> bool:
    try:
        return _core.normalize(text) == text
    except PlatewatchError:
        return False


def _refuse_twice(items: Iterable[str], field: str, row: int | None) -> None:
    if (item := model_files.repeated(items)) is not None:
        raise ModelError(f"{item!r} is there more than once", row=row, field=field)


def _refuse_unknown(
    fields: Mapping[str, Any], known: tuple[str, ...], within: str = "", row: int | None = None
) -> None:
    for name in fields:
        if name not in (*known, "about"):
            raise ModelError("is unknown", row=row, field=within + name)


def _object(value: object, field: str, row: int | None = None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ModelError("is not an object", row=row, field=field)
    return value


def _number(value: object, most: float, field: str, row: int | None = None) -> float:
    if not model_files.is_number(value) or not 0 <= value <= most:
        raise ModelError(f"is not a number from 0 to {most:g}", row=row, field=field)
    return float(value)


def _length(value: object, field: str) -> int:
    if not model_files.is_number(value) or not isinstance(value, int) or not 0 <= value <= _LONGEST:
        raise ModelError(f"is not a whole number from 0 to {_LONGEST}", field=field)
    return value
