"""The policy: from which probability on a match is a hit, and of which grade.

A match that it gives no grade is no hit, and nothing about it may be kept or told.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np
from msgspec import Struct
from msgspec.structs import force_setattr

from platewatch import toml
from platewatch.errors import ConfigError
from platewatch.matching.matcher import MatchBatch

_MOST_QUIET: Final = 7 * 86400.0

_LEAST_SHARE: Final = 0.01
"""A match that alone has less than this share of what makes it a hit is taken to be none with the other reads of its
pass either: where real passes are probable together, one of their reads is so alone to a far larger share."""

Grade: TypeAlias = Literal["notify", "check"]
"""Of a hit. *notify*: a patrol may be sent; *check*: a person should look first."""


class Thresholds(NamedTuple):
    """The least probabilities of the two grades."""

    notify: float
    check: float


QUIET: Final = 600.0
"""Seconds for which a hit is not told again while its vehicle just stands there, unless set otherwise."""


class CategoryPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What holds for one category; where left out, what the policy says."""

    notify: float | None = None
    check: float | None = None
    quiet: float | None = None


class Policy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Thresholds of probability, 0 < check <= notify <= 1, in general and for the categories named.

    `quiet`: seconds, 0 or more, for which a hit of one entry at one camera is not told again while the vehicle stays
    there; a better grade is, and so is a vehicle that comes back. A category's name is compared as it stands in the
    hotlist. Raises ConfigError that names the field. What the defaults mean in alarms a day: docs/policy.md.
    """

    notify: float = 0.5
    check: float = 0.05
    quiet: float = QUIET
    categories: dict[str, CategoryPolicy] = {}

    def __post_init__(self) -> None:
        _verify(Thresholds(self.notify, self.check), "policy.")
        normal = {unicodedata.normalize("NFC", name): policy for name, policy in self.categories.items()}
        if normal.keys() != self.categories.keys():  # as Macs write names, and lists are not
            force_setattr(self, "categories", normal)
        for category in self.categories:
            _verify(self.thresholds(category), f"policy.categories.{category}.")
        for name, seconds in [("", self.quiet), *((name, self.quiet_for(name)) for name in self.categories)]:
            if not 0 <= seconds <= _MOST_QUIET:
                where = f"policy.categories.{name}." if name else "policy."
                raise ConfigError("is not from 0 to a week of seconds", field=f"{where}quiet")

    @staticmethod
    def load(path: Path) -> Policy:
        """The table [policy] of a TOML file, such as the service's settings. Raises ConfigError."""
        return toml.convert(toml.read(path), _PolicyFile).policy

    def thresholds(self, category: str) -> Thresholds:
        """Those of a category."""
        named = self.categories.get(category)
        if named is None:
            return Thresholds(self.notify, self.check)
        return Thresholds(
            self.notify if named.notify is None else named.notify,
            self.check if named.check is None else named.check,
        )

    def quiet_for(self, category: str) -> float:
        """Seconds for which a hit of this category is not told again."""
        named = self.categories.get(category)
        return self.quiet if named is None or named.quiet is None else named.quiet

    @property
    def longest_quiet(self) -> float:
        """The most seconds for which any hit is not told again."""
        return max([self.quiet, *map(self.quiet_for, self.categories)])

    def grade(self, category: str, edits: int, probability: float, is_pattern: bool) -> Grade | None:
        """The grade of a match with an entry of this category; None: it is no hit.

        A pattern's probability says that the vehicle fits, not that it is wanted: never more than "check". A read
        that is a wanted plate, without an edit, is never less.
        """
        notify, check = self.thresholds(category)
        if probability >= notify and not is_pattern:
            return "notify"
        if probability >= check or (edits == 0 and not is_pattern):
            return "check"
        return None

    def candidates(self, batch: MatchBatch) -> Iterator[tuple[int, int, int, float]]:
        """(read, entry, edits, probability) of the rows of a scored batch, without those that are no hit whatever
        their category: most of them. The rest is for `grade` to judge.
        """
        if batch.probability is None:
            raise ValueError("the batch has no probabilities")
        rows = np.flatnonzero((batch.probability >= self.least) | (batch.edits == 0))
        columns = (batch.read, batch.entry, batch.edits, batch.probability)
        return zip(*(column[rows].tolist() for column in columns), strict=True)

    @property
    def least(self) -> float:
        """Below this probability nothing is a hit, but for exact matches: `min_probability` with `keep_exact`."""
        return min([self.check, *(self.thresholds(category).check for category in self.categories)])

    @property
    def promising(self) -> float:
        """Below this probability, a match is not part of a hit with the other reads of its pass either."""
        return _LEAST_SHARE * self.least


class _PolicyFile(Struct, frozen=True):
    policy: Policy


def _verify(thresholds: Thresholds, where: str) -> None:
    notify, check = thresholds
    if not 0 < notify <= 1:
        raise ConfigError("is not above 0 and at most 1", field=f"{where}notify")
    if not 0 < check <= notify:
        raise ConfigError(f"is not above 0 and at most notify, which is {notify:g}", field=f"{where}check")
