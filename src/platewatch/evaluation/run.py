"""An evaluation: hotlists are drawn from a sample's plates, its reads matched with them, and the outcome counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from platewatch._core import normalize
from platewatch.errors import PlatewatchError
from platewatch.evaluation.figures import (
    Bools,
    Bootstrap,
    Calibration,
    Calibrator,
    Curve,
    Floats,
    Interval,
    Ints,
    RatePoint,
    Rates,
    Scores,
    by_pass,
)
from platewatch.evaluation.lists import LookAlikes, explain_look_alikes, random_plates
from platewatch.evaluation.sample import LabelledRead, fold_of_plates, group_passes, why_missed
from platewatch.lists.hotlist import Hotlist
from platewatch.matching.matcher import MatchBatch, Matcher
from platewatch.matching.reads import Read
from platewatch.probability.channel_model import ChannelModel
from platewatch.probability.population import Population

RULE_EDITS = 2  # the most that a rule by edits allows
RULES = {
    "exact": "The read is a listed plate",
    "within 1 edit": "At most one symbol differs",
    "within 2 edits": "At most two symbols differ",
    "look-alikes": "Equal after folding look-alike characters",
}
SAMPLES = "the sample's"  # plates, as Coverage tells of them
ALARM_RATES = (0.0003, 0.001, 0.003, 0.01, 0.03)
THRESHOLDS = (0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
CALIBRATION_FLOOR = 0.01


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to evaluate. `vehicles` is how many vehicles drive where the cameras are, listed or not."""

    hotlist_size: int = 30_000
    max_edits: int = 2
    draws: int = 100
    seed: int = 1
    folds: int = 5
    vehicles: int = 26_000_000
    replicates: int = 1000
    reads_per_day: int = 1_000_000


class Rule(msgspec.Struct, frozen=True):
    """A rule without probabilities: what it finds and what it alarms are one point."""

    name: str
    explanation: str
    recall: Interval
    alarmed: Interval


class ModelRates(msgspec.Struct, frozen=True, kw_only=True):
    """What the model's probabilities do: at given shares of innocents alarmed, at given thresholds, at all."""

    name: str
    at_alarm_rates: list[RatePoint]
    at_thresholds: list[RatePoint]
    curve: Curve


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Figures counted by `unit`, "read" or "pass"."""

    unit: str
    units: int
    rules: list[Rule]
    models: list[ModelRates]


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was measured.

    `population` is whose vehicles the random plates on the lists are of. `missed` counts those of the reads that no
    method can find, and `left_out` the rows that are none of the reads; both by reason. `notes` is what else to know.
    """

    settings: Settings
    model: str
    reads: int
    passes: int
    plates: int
    listed_plates: int
    views: list[View]
    calibration: Calibration
    notes: list[str]
    population: str = ""
    missed: dict[str, int] = {}
    left_out: dict[str, int] = {}

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")


def not_matched(evaluation: Evaluation) -> str:
    """Which reads are missed for want of a text, and which rows were left out, in words; empty if there are none."""
    sentences = []
    if evaluation.missed:
        sentences.append(f"Missed by every method, and counted so: {_by_reason(evaluation.missed, 'read')}.")
    if evaluation.left_out:
        sentences.append(f"Left out of all figures: {_by_reason(evaluation.left_out, 'row')}.")
    return " ".join(sentences)


def _by_reason(counts: dict[str, int], noun: str) -> str:
    total = sum(counts.values())
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in counts.items())
    return f"{total:,} {noun}{'' if total == 1 else 's'} ({reasons})"


@dataclass(frozen=True, slots=True)
class Models:
    """The model of each fold, and the fold of each plate. Without folds, one model is for all."""

    by_fold: Sequence[ChannelModel]
    fold: dict[str, int] | None
    name: str

    @property
    def population(self) -> Population:
        """The vehicles that all of them weigh matches against."""
        return self.by_fold[0].population

    def fold_of(self, plate: str) -> int:
        return self.fold[plate] if self.fold is not None else 0


def cross_validated(
    sample: Sequence[LabelledRead],
    settings: Settings,
    progress: Callable[[int], None] = lambda _: None,
    population: Population | None = None,
) -> Models:
    """A model for each fold, fitted on the reads of all other plates, among the vehicles of `population`, or Korea's.

    Raises PlatewatchError on too few plates.
    """
    fold = fold_of_plates((labelled.plate for labelled in sample), settings.folds, settings.seed)
    models = []
    for held_out in range(settings.folds):
        models.append(
            # Not from the shipped model, which has learnt of the bundled reads, all of them.
            ChannelModel.fit(
                (example(s) for s in sample if fold[s.plate] != held_out), population=population, from_scratch=True
            )
        )
        progress(held_out + 1)
    name = f"fitted on these reads, cross-validated in {settings.folds} folds of plates"
    return Models(models, fold, among(name, population))


def among(model: str, population: Population | None) -> str:
    """What a model is called whose population was given."""
    return model if population is None else f"{model}, among the vehicles of {population.name}"


def example(labelled: LabelledRead) -> tuple[Read, str]:
    """For fitting: with the pass where the file says it, so that it is learnt how much several frames are worth."""
    return msgspec.structs.replace(labelled.read, pass_id=labelled.passing), labelled.plate


def evaluate(
    sample: Sequence[LabelledRead],
    models: Models,
    settings: Settings,
    *,
    passes: bool = False,
    never_listed: Sequence[str] = (),
    left_out: Mapping[str, int] | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Evaluation:
    """Draw `settings.draws` hotlists, half of the sample's plates and random ones, and count what is found.

    The random plates are of the population that the models weigh matches against. A read without a text that can be
    matched is one that is never found. With `passes`, also count by pass. `never_listed` are further plates that no
    list may hold by chance; `left_out` is how many rows are not in the sample, by reason. `progress` is told how many
    draws are done. Raises PlatewatchError if the sample is too small or cannot be matched, or the population too small.
    """
    if settings.vehicles <= settings.hotlist_size:
        raise PlatewatchError(
            f"a list of {settings.hotlist_size:,} plates cannot hold all vehicles there are, which is "
            f"{settings.vehicles:,}"
        )
    plates = sorted({labelled.plate for labelled in sample})
    listed_plates = min(len(plates) // 2, settings.hotlist_size)
    if listed_plates < 1:
        raise PlatewatchError("needs reads of at least two plates")
    number = {plate: i for i, plate in enumerate(plates)}
    plate = np.array([number[labelled.plate] for labelled in sample])
    draws = [np.random.default_rng([settings.seed, 1, draw]) for draw in range(settings.draws)]
    wanted = np.zeros((settings.draws, len(plates)), dtype=np.bool_)
    for rng, row in zip(draws, wanted, strict=True):
        row[rng.choice(len(plates), listed_plates, replace=False)] = True
    listed = wanted[:, plate]

    # In real traffic there are so many innocent reads for each of a wanted vehicle; in the sample about as many.
    in_traffic = (settings.vehicles - settings.hotlist_size) / settings.hotlist_size
    innocent_weight = in_traffic * listed.sum() / (~listed).sum()

    trial = _Trial(sample, plates, plate, models, settings)
    fused = _Fused(trial, group_passes(sample)) if passes else None
    calibrator = Calibrator(len(plates), CALIBRATION_FLOOR)
    never = {*plates, *never_listed}
    for draw, rng in enumerate(draws):
        names = [plates[i] for i in np.flatnonzero(wanted[draw])]
        names += random_plates(rng, settings.hotlist_size - listed_plates, never, models.population)
        weight = np.where(listed[draw], 1.0, innocent_weight)
        trial.match(draw, names, weight, calibrator, fused)
        progress(draw + 1)

    bootstrap = Bootstrap(len(plates), settings.replicates, settings.seed)
    explanations = RULES | {"look-alikes": explain_look_alikes(models.population)}
    views = [_view("read", explanations, trial.rules, {"model": trial.scores}, listed, plate, bootstrap)]
    notes = []
    coverage = models.population.coverage(plates)
    if coverage.mostly_outside:
        notes.append(
            f"As {coverage.told(SAMPLES)}, and the random plates on the lists are of its classes, fewer innocents look "
            "like a listed plate than on a list of these plates' own country, and the probabilities are wrong. Say "
            "with --population which vehicles there are."
        )
    elif models.population.vehicles and (mix := models.population.mix(plates)).is_another:
        notes.append(
            f"As {mix.told(SAMPLES)}, the random plates on the lists are of another mix than the sample's, and more or "
            "fewer innocents look like a listed plate than in traffic. List, reads and population should be of one mix."
        )
    if ignored := _not_lined_up(trial.reads):
        notes.append(
            f"Of {ignored:,} of these reads, `chars` do not line up with the text, and were ignored: docs/formats.md."
        )
    if fused is not None:
        first = [members[0] for members in fused.passes]
        rules = {name: by_pass(scores, fused.passes) for name, scores in trial.rules.items()}
        by_model = {"model, best read": by_pass(trial.scores, fused.passes), "model, fused": fused.scores}
        views.append(_view("pass", explanations, rules, by_model, listed[:, first], plate[first], bootstrap))
    return Evaluation(
        settings=settings,
        model=models.name,
        reads=len(sample),
        passes=len(group_passes(sample)),
        plates=len(plates),
        listed_plates=listed_plates,
        views=views,
        calibration=calibrator.result(bootstrap),
        notes=notes,
        population=models.population.name,
        missed=dict(Counter(reason for read in trial.reads if (reason := why_missed(read)) is not None)),
        left_out=dict(left_out or {}),
    )


class _Trial:
    """The reads of a sample and what every method says of them, filled in draw by draw."""

    def __init__(
        self, sample: Sequence[LabelledRead], plates: list[str], plate: Ints, models: Models, settings: Settings
    ) -> None:
        self.sample = sample
        self.plate = plate
        self.models = models
        self.max_edits = settings.max_edits
        self.reads = [labelled.read for labelled in sample]
        fold = np.array([models.fold_of(labelled.plate) for labelled in sample])
        self.folds = [np.flatnonzero(fold == f) for f in range(len(models.by_fold))]
        self.fold = fold
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
        self.rules = {name: Scores(np.zeros(shape), np.zeros(shape)) for name in RULES}

    def match(self, draw: int, names: list[str], weight: Floats, calibrator: Calibrator, fused: _Fused | None) -> None:
        """One draw: `names` are the listed plates."""
        hotlist = Hotlist.from_plates(names)
        for places, model in zip(self.folds, self.models.by_fold, strict=True):
            if not len(places):
                continue
            matcher = Matcher(hotlist, max_edits=self.max_edits, model=model)
            batch = matcher.match_batch([self.reads[i] for i in places], errors="report")
            probability = batch.probability
            if probability is None:
                raise AssertionError("scores were asked for")
            unit = places[batch.read]
            right = self._right(batch, unit)
            np.maximum.at(self.scores.top[draw], unit, probability)
            self.scores.found[draw, unit[right]] = probability[right]
            calibrator.add(probability, right, weight[unit], self.plate[unit])
            if fused is not None:
                fused.match(draw, matcher, places)
        self._apply_rules(draw, names, matcher)

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


class _Fused:
    """The passes of a trial's reads, each matched as one body of evidence."""

    def __init__(self, trial: _Trial, passes: list[list[int]]) -> None:
        self.passes = passes
        self._trial = trial
        shape = (len(trial.scores.top), len(passes))
        self.scores = Scores(np.zeros(shape), np.zeros(shape))

    def match(self, draw: int, matcher: Matcher, places: Ints) -> None:
        """The passes whose reads are at `places`: those of a plate are in one fold, and so are those of a pass."""
        here = set(places.tolist())
        for unit, members in enumerate(self.passes):
            if members[0] not in here:
                continue
            reads = [self._trial.reads[i] for i in members if self._trial.texts[i] is not None]
            plate = self._trial.sample[members[0]].plate
            for match in matcher.match_pass(reads) if reads else []:
                self.scores.top[draw, unit] = max(self.scores.top[draw, unit], match.probability)
                if match.entry_id == plate:
                    self.scores.found[draw, unit] = match.probability


def _canonical(read: Read) -> str | None:
    """The read's text as it is matched; None if it cannot be, which is a miss."""
    try:
        return normalize(read.text, read=True)
    except PlatewatchError:
        return None


def _not_lined_up(reads: Sequence[Read]) -> int:
    """How many reads have `chars` that are ignored. Only a look for alternatives looks at all reads for it."""
    matcher = Matcher(Hotlist(), max_edits=0)
    return matcher.match_batch(reads, errors="report", alternatives=True, score=False).not_lined_up


def _view(
    unit: str,
    explanations: Mapping[str, str],
    rules: Mapping[str, Scores],
    models: Mapping[str, Scores],
    listed: Bools,
    plate: Ints,
    bootstrap: Bootstrap,
) -> View:
    points = {name: Rates(scores, listed, plate, bootstrap).at_threshold(1) for name, scores in rules.items()}
    rates = {name: Rates(scores, listed, plate, bootstrap) for name, scores in models.items()}
    return View(
        unit=unit,
        units=listed.shape[1],
        rules=[Rule(name, explanations[name], point.recall, point.alarmed) for name, point in points.items()],
        models=[
            ModelRates(
                name=name,
                at_alarm_rates=[rate.at_alarm_rate(share) for share in ALARM_RATES],
                at_thresholds=[rate.at_threshold(threshold) for threshold in THRESHOLDS],
                curve=rate.curve(),
            )
            for name, rate in rates.items()
        ],
    )
