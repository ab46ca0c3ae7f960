"""What could not be used of a request or a message: the first errors each, and how many there are of a kind."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from platewatch.errors import ReadError

MAX_LISTED: Final = 100
"""Refused reads of one request that are listed each; and kinds of errors that are counted apart."""


class RefusedReads(Struct, frozen=True):
    """How many further reads cannot be used for one reason; a reason of None stands for all others."""

    field: str | None
    reason: str | None
    count: int


class Refusals:
    """The errors of a request: the first by row, and how many there are of a kind."""

    def __init__(self) -> None:
        self.first: list[ReadError] = []
        self.kinds: Counter[tuple[str | None, str]] = Counter()
        self.count = 0

    def add(self, error: ReadError) -> None:
        """Errors come in the order of their rows, but for those that `merge` adds."""
        self._count(error)
        if len(self.first) < MAX_LISTED:
            self.first.append(error)

    def merge(self, errors: Iterable[ReadError]) -> None:
        """Further errors, in the order of their rows among themselves."""
        more = list(errors)
        for error in more:
            self._count(error)
        self.first = heapq.nsmallest(MAX_LISTED, [*self.first, *more[:MAX_LISTED]], key=lambda error: error.row or 0)

    def more(self) -> list[RefusedReads]:
        """Those that are not among the first, by kind, the most frequent first."""
        if self.count == len(self.first):
            return []
        left = self.kinds - Counter((error.field, error.reason) for error in self.first)
        kinds = left.most_common(MAX_LISTED)
        more = [RefusedReads(field, reason, count) for (field, reason), count in kinds]
        others = left.total() - sum(count for _, count in kinds)
        return [*more, RefusedReads(None, None, others)] if others else more

    def _count(self, error: ReadError) -> None:
        self.count += 1
        self.kinds[error.field, error.reason] += 1
