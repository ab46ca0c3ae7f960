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
from platewatch.probability.evidence import ReadEvidence

_MOST_LOOKED_AT: Final = 100_000  # of a list's plates: the share is then known to a third of a per cent
_SHIPPED: Final = "populations"  # the folder
_WHOSE: Final = {"uk": "the UK's", "us": "the US's", "netherlands": "the Netherlands'"}
_FEW_OF_A_MIX: Final = 30
_ANOTHER_MIX: Final = 0.3
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


@dataclass(frozen=True, slots=True)
class Mix:
    """How some plates share out among the classes of a population, beside its vehicles.

    `distance` is the share of plates that would have to be of other classes, 0 to 1. `name` is the class that most
    more, or fewer, of the plates are of than of the vehicles, with both shares.
    """

    plates: int
    distance: float
    name: str
    of_plates: float
    of_vehicles: float
    population: str

    @property
    def is_another(self) -> bool:
        """Whether the plates are of another mix than the vehicles; of few, nobody can say."""
        return self.plates >= _FEW_OF_A_MIX and self.distance > _ANOTHER_MIX

    def told(self, whose: str = "the list's") -> str:
        """`62 % of the list's plates are of the class "taxis", as 1 % of the vehicles of the population (Korea's)`."""
        return (
            f'{100 * self.of_plates:.0f} % of {whose} plates are of the class "{self.name}", as '
            f"{100 * self.of_vehicles:.0f} % of the vehicles of the population ({self.population})"
        )


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

    @classmethod
    def fit(
        cls, plates_or_reads: Iterable[str | ReadEvidence], *, vehicles: float, name: str = "one of your own"
    ) -> Self:
        """The classes found in plates, or in reads that nobody has labelled, with their shares of so many `vehicles`.

        A class is what has one form: digits and letters by place, words in front, and which symbols stand where. Some
        thousand plates are good; what fewer than three in 10,000 have, or of reads 15 in 1,000, is no class. Texts of
        many rare forms are taken for those of reads. Each counts as often as it is there, but for what is no plate.
        The same items give the same population. Raises PlatewatchError if no form is there three times, ValueError for
        `vehicles` that are not above 0.
        """
        from platewatch.probability import population_fit  # which weighs reads with a channel model, and that this

        if not 0 < vehicles <= population_file.MOST_VEHICLES:
            raise ValueError(f"vehicles: is not above 0 and up to {population_file.MOST_VEHICLES:g}")
        return cls(population_fit.find(plates_or_reads, vehicles), name)

    def save(self, path: str | Path, *, about: str = "") -> None:
        """Write it as `load` reads it; symbols and words that stand in several places are named."""
        Path(path).write_text(population_file.written(self.document, about), "utf-8")

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

    def has_class_of(self, plate: str) -> bool:
        """Whether a canonical plate is of a class, and not only of the generic one. Its region mark may be omitted."""
        return self._of_a_class.fullmatch(plate) is not None

    def mix(self, plates: Iterable[str]) -> Mix:
        """How those of the plates that are of a class share out; of several that fit, the first counts.

        A region mark may be omitted. The population has vehicles.
        """
        kinds = [kind for kind in self.document["classes"] if kind["vehicles"]]
        forms = [re.compile(_form_of(kind)) for kind in kinds]
        counts = np.zeros(len(kinds))
        for plate in plates:
            place = next((place for place, form in enumerate(forms) if form.fullmatch(plate)), None)
            if place is not None:
                counts[place] += 1
        of_vehicles = np.array([kind["vehicles"] for kind in kinds]) / self.vehicles
        of_plates = counts / max(counts.sum(), 1)
        most = int(np.argmax(np.abs(of_plates - of_vehicles)))
        return Mix(
            plates=int(counts.sum()),
            distance=float(np.abs(of_plates - of_vehicles).sum() / 2) if counts.any() else 0.0,
            name=kinds[most]["name"],
            of_plates=float(of_plates[most]),
            of_vehicles=float(of_vehicles[most]),
            population=self.name,
        )

    @cached_property
    def _of_a_class(self) -> re.Pattern[str]:
        """What fully matches the plates of the classes that any vehicle is of."""
        kinds = [_form_of(kind) for kind in self.document["classes"] if kind["vehicles"]]
        return re.compile("|".join(kinds) or "(?!)")

    @property
    def symbols(self) -> set[str]:
        """All that its plates may have."""
        return population_file.symbols(self.document)


def _form_of(kind: Mapping[str, Any]) -> str:
    """A regular expression that its plates match, with or without a region mark."""
    words = "|".join(kind["words"])
    may_lack_it = "?" if set(_core.region_marks()).intersection(kind["words"]) else ""
    sets = ["".join(run for run, share in position.items() if share) for position in kind["positions"]]
    return (f"(?:{words}){may_lack_it}" if words else "") + "".join(f"[{symbols}]" for symbols in sets)
