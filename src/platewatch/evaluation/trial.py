"""A sample's reads, matched with one hotlist after another: what each method says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from platewatch._core import normalize
from platewatch.errors import PlatewatchError
from platewatch.evaluation.figures import Bools, Floats, Ints, Scores
from platewatch.evaluation.lists import LookAlikes
from platewatch.evaluation.models import Models
from platewatch.evaluation.results import Settings
from platewatch.evaluation.sample import LabelledRead
from platewatch.lists.hotlist import Hotlist
from platewatch.matching.matcher import MatchBatch, Matcher
from platewatch.matching.reads import Read
from platewatch.service.policy import Grade, Policy

RULE_EDITS = 2  # the most that a rule by edits allows
RULES = {
    "exact": "The read is a listed plate",
    "within 1 edit": "At most one symbol differs",
    "within 2 edits": "At most two symbols differ",
    "look-alikes": "Equal after folding look-alike characters",
}
RANK: Final[Mapping[Grade | None, int]] = {None: 0, "check": 1, "notify": 2}
Matches: TypeAlias = tuple[Floats, Bools, Ints]
"""Probabilities, whether each match is with the true plate, and whose read it is of, by the sample's numbers."""

_LEAST_FUSED: Final = 1e-7
"""What is below raises no alarm at any share that is asked for, and is not worked out for passes: it takes long."""


class Trial:
    """The reads of a sample and what every method says of them, filled in draw by draw."""

    def __init__(
        self, sample: Sequence[LabelledRead], plates: list[str], plate: Ints, models: Models, settings: Settings
    ) -> None:
        self.sample = sample
        self.plate = plate
        self.models = models
        self.max_edits = settings.max_edits
        self.policy = settings.policy
        self.reads = [models.asked(labelled) for labelled in sample]
        fold = np.array([models.fold_of(labelled) for labelled in sample])
        self.folds = [np.flatnonzero(fold == f) for f in range(len(models.by_fold))]
        self.number = {p: i for i, p in enumerate(plates)}
        self.texts = [_canonical(read) for read in self.reads]
        if not any(self.texts):
            raise PlatewatchError("no read can be matched")
        self.looks_like_own = np.array(
            [
                text is not None and LookAlikes([s.plate]).alarms(text)
                for text, s in zip(self.texts, sample, strict=True)
            ]
        )
        shape = (settings.draws, len(sample))
        self.scores = Scores(np.zeros(shape), np.zeros(shape))
        self.grades = Scores(np.zeros(shape), np.zeros(shape))
        self.rules = {name: Scores(np.zeros(shape), np.zeros(shape)) for name in RULES}

    def match(
        self, draw: int, names: list[str], fused: Fused | None, *, bare: bool
    ) -> tuple[list[Matches], list[Matches]]:
        """One draw: `names` are the listed plates. Draws may be matched beside each other.

        With `bare`, the second is of the same reads without what the recogniser says of their characters.
        """
        hotlist = Hotlist.from_plates(names)
        found, of_bare = [], []
        for places, model in zip(self.folds, self.models.by_fold, strict=True):
            if not len(places):
                continue
            matcher = Matcher(hotlist, max_edits=self.max_edits, model=model)
            reads = [self.reads[i] for i in places]
            batch, probability, right, unit = self._matched(matcher, reads, places)
            np.maximum.at(self.scores.top[draw], unit, probability)
            self.scores.found[draw, unit[right]] = probability[right]
            rank = _ranks(self.policy, batch.edits, probability)
            np.maximum.at(self.grades.top[draw], unit, rank)
            self.grades.found[draw, unit[right]] = rank[right]
            found.append((probability, right, unit))
            if bare:
                texts = [msgspec.structs.replace(read, chars=(), confidence=None, candidates=()) for read in reads]
                of_bare.append(self._matched(matcher, texts, places)[1:])
            if fused is not None:
                fused.match(draw, matcher, places)
        self._apply_rules(draw, names, matcher)
        return found, of_bare

    def _matched(self, matcher: Matcher, reads: Sequence[Read], places: Ints) -> tuple[MatchBatch, Floats, Bools, Ints]:
        """The reads at `places` of the sample: the matches, and what is known of them."""
        batch = matcher.match_batch(reads, errors="report")
        if batch.probability is None:
            raise AssertionError("scores were asked for")
        unit = places[batch.read]
        return batch, batch.probability, self._right(batch, unit), unit

    def _apply_rules(self, draw: int, names: list[str], matcher: Matcher) -> None:
        batch = matcher.match_batch(self.reads, max_edits=RULE_EDITS, errors="report", score=False)
        right = self._right(batch, batch.read)
        for edits, name in enumerate(("exact", "within 1 edit", "within 2 edits")):
            allowed = batch.edits <= edits
            self.rules[name].top[draw, batch.read[allowed]] = 1
            self.rules[name].found[draw, batch.read[allowed & right]] = 1
        alike = LookAlikes(names)
        alarms = np.array([text is not None and alike.alarms(text) for text in self.texts])
        self.rules["look-alikes"].top[draw] = alarms
        # Only counted where the plate is listed, and there it alarms.
        self.rules["look-alikes"].found[draw] = self.looks_like_own

    def _right(self, batch: MatchBatch, unit: Ints | np.ndarray[Any, Any]) -> Bools:
        """Which matches are with the read's true plate."""
        entries, place = np.unique(batch.entry, return_inverse=True)
        listed = np.array([self.number.get(batch.entry_ids[entry], -1) for entry in entries.tolist()], dtype=np.int64)
        return np.asarray(listed[place] == self.plate[unit]) if len(entries) else np.zeros(0, dtype=np.bool_)


class Fused:
    """The passes of a trial's reads, each matched as one body of evidence."""

    def __init__(self, trial: Trial, passes: list[list[int]]) -> None:
        self.passes = passes
        self._trial = trial
        shape = (len(trial.scores.top), len(passes))
        self.scores = Scores(np.zeros(shape), np.zeros(shape))
        self.grades = Scores(np.zeros(shape), np.zeros(shape))

    def match(self, draw: int, matcher: Matcher, places: Ints) -> None:
        """The passes whose reads are at `places`; those of a pass are in one fold."""
        here = set(places.tolist())
        for unit, members in enumerate(self.passes):
            if members[0] not in here:
                continue
            reads = [self._trial.reads[i] for i in members if self._trial.texts[i] is not None]
            plate = self._trial.sample[members[0]].plate
            for match in matcher.match_pass(reads, min_probability=_LEAST_FUSED) if reads else []:
                rank = RANK[self._trial.policy.grade("", match.edits, match.probability, False)]
                for scores, score in ((self.scores, match.probability), (self.grades, rank)):
                    scores.top[draw, unit] = max(scores.top[draw, unit], score)
                    if match.entry_id == plate:
                        scores.found[draw, unit] = score


def _ranks(policy: Policy, edits: npt.NDArray[Any], probability: Floats) -> Floats:
    """The grade of each match as a number, 0 for no hit: few are any, and only those are asked for."""
    ranks = np.zeros(len(edits))
    for row in np.flatnonzero((probability >= policy.least) | (edits == 0)).tolist():
        ranks[row] = RANK[policy.grade("", int(edits[row]), float(probability[row]), False)]
    return ranks


def _canonical(read: Read) -> str | None:
    """The read's text as it is matched; None if it cannot be, which is a miss."""
    try:
        return normalize(read.text, read=True)
    except PlatewatchError:
        return None
