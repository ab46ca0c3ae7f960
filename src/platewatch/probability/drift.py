"""Whether a camera misreads more plates than it used to: by a sequential test, so that looking at it often is no fault.

CUSUM (Page 1954): the evidence that the share of misread plates is the worse one, against that it is what it was, is
summed up pass by pass, never below nothing; so much of it as is needed comes by chance once in a million passes.
What it was is what it usually is, or what it was in its best long stretch: for a camera that gets worse by and by takes
what is usual along.
"""

from __future__ import annotations

import math
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Struct, field

Change: TypeAlias = Literal["bad", "recovered"]

LEAST_PASSES: Final = 200
"""How many tell what a camera is like before it is tested."""

_SLOW: Final = 20_000.0  # passes: half-lives of what is usual, and of what is now
_FAST: Final = 50.0
_STRETCH: Final = 2000.0  # passes: long enough that the best of many is not the luckiest
_ODDS: Final = 3.0  # what is worse than usual: odds of a misread plate so many times as high, and ...
_SHARE: Final = 0.05  # ... its share at least so much
_STANDARD_ERRORS: Final = 2.0  # by which what is usual may be underestimated
_SURE: Final = math.log(1e6)
_SURE_OF_RECOVERY: Final = math.log(1e4)

_Count = Annotated[float, Meta(ge=0)]


class Decaying(Struct):
    """A mean that forgets: of how much, and how much it was."""

    count: _Count = 0.0
    total: _Count = 0.0

    def add(self, value: float, count: float, half_life: float) -> None:
        keep = 0.5 ** (count / half_life)
        self.count = self.count * keep + count
        self.total = self.total * keep + value * count

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0


class Drift(Struct):
    """The share of misread plates of one camera, usual and now, and whether it has gone bad."""

    usual: Decaying = field(default_factory=Decaying)
    now: Decaying = field(default_factory=Decaying)
    evidence: _Count = 0.0
    is_bad: bool = False
    stretch: Decaying = field(default_factory=Decaying)
    best: Decaying = field(default_factory=Decaying)

    @property
    def reference(self) -> Decaying:
        """What it is compared with: what is usual, or its best stretch, if that was better."""
        return self.best if self.best.count and self.best.mean < self.usual.mean else self.usual

    def learn(self, misread: float) -> Change | None:
        """Of one more pass, the expected share of its reads that are misread, 0 to 1; what that changes."""
        self.now.add(misread, 1.0, _FAST)
        if not self.is_bad and self.usual.count < LEAST_PASSES:
            self._add_usual(misread)
            return None
        usual, worse = self._hypotheses()
        ratio = misread * math.log(worse / usual) + (1 - misread) * math.log((1 - worse) / (1 - usual))
        self.evidence = max(0.0, self.evidence + (-ratio if self.is_bad else ratio))
        if self.evidence > (_SURE_OF_RECOVERY if self.is_bad else _SURE):
            self.is_bad, self.evidence = not self.is_bad, 0.0
            return "bad" if self.is_bad else "recovered"
        if not self.is_bad:  # what is bad is not to become what is usual
            self._add_usual(misread)
        return None

    def _add_usual(self, misread: float) -> None:
        self.usual.add(misread, 1.0, _SLOW)
        self.stretch.add(misread, 1.0, math.inf)
        if self.stretch.count >= _STRETCH:
            if not self.best.count or self.stretch.mean < self.best.mean:
                self.best = self.stretch
            self.stretch = Decaying()

    def _hypotheses(self) -> tuple[float, float]:
        known = self.reference
        mean = (known.total + 1) / (known.count + 2)
        usual = min(mean + _STANDARD_ERRORS * math.sqrt(mean * (1 - mean) / known.count), 0.9)
        # It has recovered when it is better than halfway: or what is just bad enough would go to and fro.
        odds, share = (math.sqrt(_ODDS), _SHARE / 2) if self.is_bad else (_ODDS, _SHARE)
        return usual, max(odds * usual / (1 - usual + odds * usual), min(usual + share, 0.95))
