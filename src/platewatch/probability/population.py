"""The vehicles that drive where the cameras are: the "everybody else" that a match is weighed against.

Korea's and some other countries' are shipped, in `models/populations/`. A city, or another country, brings its own:
`Population.load(path)` and `ChannelModel.default().with_population(population)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from platewatch import _core
from platewatch.errors import ModelError
from platewatch.plural import plural
from platewatch.probability import model_files, population_file

_MOST_LOOKED_AT: Final = 100_000  # of a list's plates: the share is then known to a third of a per cent
_SHIPPED: Final = "populations"  # the folder
_WHOSE: Final = {"uk": "the UK's", "us": "the US's", "netherlands": "the Netherlands'"}
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
    @cache
    def default(cls) -> Self:
        """Korea's."""
        return cls.named("korea")

    @classmethod
    def named(cls, name: str) -> Self:
        """One that is shipped: germany, korea ... Raises ModelError that lists the names."""
        if name not in cls.names():
            raise ModelError(f"{name!r} is none of the populations that are shipped: {', '.join(cls.names())}")
        document = model_files.shipped(f"{_SHIPPED}/{name}.json", population_file.FORMAT)
        return cls(population_file.read(document), _WHOSE.get(name, f"{name.title()}'s"))

    @staticmethod
    def names() -> list[str]:
        """Those that are shipped, by the alphabet."""
        return model_files.names(_SHIPPED)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Raises ModelError that names the class and the field, or OSError."""
        return cls(population_file.read(model_files.load(path, population_file.FORMAT)), str(path))

    @classmethod
    def find(cls, name_or_path: str | Path) -> Self:
        """One that is shipped, by its name, or else that of a file. Raises ModelError or OSError."""
        if str(name_or_path) in cls.names():
            return cls.named(str(name_or_path))
        path = Path(name_or_path)
        if path.name == str(name_or_path) and not path.suffix and not path.exists():
            return cls.named(str(name_or_path))  # tells the names
        return cls.load(path)

    @classmethod
    def about(cls, name: str) -> str:
        """What one that is shipped says of where its numbers are from. Raises ModelError as `named` does."""
        cls.named(name)
        return str(model_files.shipped(f"{_SHIPPED}/{name}.json", population_file.FORMAT).get("about", ""))

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
        return population_file.symbols(self.document)
