"""Timing: several calls in turn, round after round, so that what disturbs the machine disturbs them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

_LEAST_ROUNDS, _MOST_ROUNDS = 5, 101
_PATIENCE = 5.0  # seconds that five rounds may take; else three have to do
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


class Spread(msgspec.Struct, frozen=True):
    """The median of several rounds, and between which values half of them lie."""

    median: float
    low: float
    high: float
    rounds: int = 1

    @classmethod
    def of(cls, samples: Sequence[float]) -> Spread:
        """Raises ValueError if there is none."""
        if not samples:
            raise ValueError("no samples")
        low, median, high = np.percentile(samples, [25, 50, 75]).tolist()
        return cls(median, low, high, len(samples))


@dataclass(slots=True)
class Timed:
    """What is timed: `call` does `items` things and returns how many results there were.

    That has to be `expected`, or if None the number of the first round, in every round. `before` is run in front of
    each round and not timed. With `own_clock`, `call` returns (results, seconds) instead.
    """

    call: Callable[[], int] | Callable[[], tuple[int, float]]
    items: int
    expected: int | None = None
    before: Callable[[], object] | None = None
    own_clock: bool = False
    seconds: list[float] = field(default_factory=list)

    def run(self, *, keep: bool = True) -> float:
        """One round: its seconds. Raises AssertionError on another number of results than expected."""
        if self.before is not None:
            self.before()
        started = time.perf_counter()
        answer = self.call()
        took = time.perf_counter() - started
        if isinstance(answer, tuple):
            answer, took = answer
        if self.expected is None:
            self.expected = answer
        assert answer == self.expected, f"{answer} results, not {self.expected}"
        if keep:
            self.seconds.append(took)
        return took

    def each(self, scale: float = 1e9) -> Spread:
        """The time of one item; nanoseconds unless scaled otherwise."""
        return Spread.of([scale * seconds / self.items for seconds in self.seconds])


def rounds_for(timed: Mapping[str, Timed], budget: float) -> int:
    """Run each call once, not kept, and tell how many rounds of all of them fit in so many seconds."""
    once = sum(one.run(keep=False) for one in timed.values())
    least = _LEAST_ROUNDS if once * _LEAST_ROUNDS < _PATIENCE else 3
    return int(min(_MOST_ROUNDS, max(least, budget / max(once, 1e-6))))


def ratio(this: Timed, to: Timed) -> Spread:
    """How many times as long an item of `this` takes as one of `to`, by pairs of the same round."""
    pairs = zip(this.seconds, to.seconds, strict=True)
    return Spread.of([a / this.items / (b / to.items) for a, b in pairs])


def growth(sizes: Sequence[float], times: Sequence[float]) -> float:
    """The exponent x of time ~ size^x, by least squares in logarithms: 0 is constant, 1 is linear."""
    slope: float = np.polyfit(np.log(sizes), np.log(times), 1)[0]
    return float(slope)


def last_level_cache() -> int:
    """Bytes of the largest cache; 32 MiB where the system does not say."""
    sizes = [path.read_text().strip() for path in _CACHES.glob("index*/size")]
    units = {"K": 2**10, "M": 2**20, "G": 2**30}
    return max((int(size[:-1]) * units[size[-1]] for size in sizes if size[-1:] in units), default=32 * 2**20)


def cold() -> Callable[[], object]:
    """A call that drives everything else out of the caches, by writing to four times as much memory."""
    memory = np.zeros(min(2**30, 4 * last_level_cache()) // 8, dtype=np.int64)

    def evict() -> None:
        np.add(memory, 1, out=memory)

    return evict
