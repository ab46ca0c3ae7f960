"""An evaluation: hotlists are drawn from a sample's plates, its reads matched with them, and the outcome counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from platewatch._core import normalize
from platewatch.cores import cores
from platewatch.errors import PlatewatchError
from platewatch.evaluation.figures import (
    Alarms,
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
    Traffic,
    by_pass,
    log_losses,
)
from platewatch.evaluation.lists import LookAlikes, explain_look_alikes, random_plates
from platewatch.evaluation.sample import LabelledRead, folds_of, group_passes, why_missed
from platewatch.lists.hotlist import Hotlist
from platewatch.matching.matcher import MatchBatch, Matcher
from platewatch.matching.reads import Read
from platewatch.probability.channel_model import ChannelModel
from platewatch.probability.population import Population
from platewatch.service.policy import Grade, Policy

RULE_EDITS = 2  # the most that a rule by edits allows
RULES = {
    "exact": "The read is a listed plate",
    "within 1 edit": "At most one symbol differs",
    "within 2 edits": "At most two symbols differ",
    "look-alikes": "Equal after folding look-alike characters",
}
ALL_ENGINES = "all"
SAMPLES = "the sample's"  # plates, as Coverage tells of them
ALARM_RATES = (0.0003, 0.001, 0.003, 0.01, 0.03)
THRESHOLDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9)
CALIBRATION_FLOOR = 0.01
NOTIFY, CHECK, HITS = "notify", "check", "notify or check"
"""Keys of `ModelRates.by_grade`: each grade by itself, and both."""

LeftOut: TypeAlias = Literal["engine", "camera"]

_LEAST_FUSED: Final = 1e-7
"""What is below raises no alarm at any share that is asked for, and is not worked out for passes: it takes long."""

_RANK: Final[Mapping[Grade | None, int]] = {None: 0, "check": 1, "notify": 2}


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to evaluate.

    `vehicles` is how many vehicles drive where the cameras are, listed or not, and `wanted_per_day` how many of the
    `reads_per_day` are of listed ones; None: as many as if those drove as much as others. `notify` and `check` are the
    policy's thresholds.
    """

    hotlist_size: int = 30_000
    max_edits: int = 2
    draws: int = 100
    seed: int = 1
    folds: int = 5
    vehicles: int = 26_000_000
    replicates: int = 1000
    reads_per_day: int = 1_000_000
    wanted_per_day: float | None = None
    notify: float = Policy().notify
    check: float = Policy().check

    @property
    def policy(self) -> Policy:
        """That of the thresholds. Raises ConfigError if they are none."""
        return Policy(notify=self.notify, check=self.check)

    @property
    def traffic(self) -> Traffic:
        """The reads of a day. Raises PlatewatchError if all or none of them are of wanted vehicles."""
        if self.vehicles <= self.hotlist_size:
            raise PlatewatchError(
                f"a list of {self.hotlist_size:,} plates cannot hold all vehicles there are, which is {self.vehicles:,}"
            )
        wanted = self.wanted_per_day
        if wanted is None:
            wanted = self.reads_per_day * self.hotlist_size / self.vehicles
        if not 0 < wanted < self.reads_per_day:
            raise PlatewatchError(f"{wanted:,g} reads of wanted vehicles are not some of {self.reads_per_day:,} a day")
        return Traffic(wanted, self.reads_per_day - wanted)


class Rule(msgspec.Struct, frozen=True):
    """A rule without probabilities: what it finds and what it alarms are one point."""

    name: str
    explanation: str
    recall: Interval
    alarmed: Interval
    alarms: Alarms = Alarms()


class ModelRates(msgspec.Struct, frozen=True, kw_only=True):
    """What the model's probabilities do: at given shares of innocents alarmed, at given thresholds, at all.

    `by_grade` is what the policy makes of them: "notify", "check" (what is not notified of), and "notify or check".
    """

    name: str
    at_alarm_rates: list[RatePoint]
    at_thresholds: list[RatePoint]
    curve: Curve
    by_grade: dict[str, RatePoint] = {}


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Figures counted by `unit`, "read" or "pass"; `traffic` is how many a day has of them."""

    unit: str
    units: int
    rules: list[Rule]
    models: list[ModelRates]
    traffic: Traffic = Traffic(0, 0)


class Confidences(msgspec.Struct, frozen=True, kw_only=True):
    """What the recogniser says of its characters is worth, of an engine that the model does not know.

    Log-losses are in nats a match, with its confidences and alternatives, and with the texts alone. `ratio` is the
    first of the second: above 1 they would hurt.
    """

    engine: str
    reads: int
    log_loss: Interval
    without: Interval
    ratio: Interval


class LearntRates(msgspec.Struct, frozen=True, kw_only=True):
    """Of `ModelRates`, what is told of a model that has learnt; by `unit`, "read" or "pass"."""

    unit: str
    name: str
    at_alarm_rates: list[RatePoint]
    at_thresholds: list[RatePoint]


class Learnt(msgspec.Struct, frozen=True, kw_only=True):
    """What the models do that have learnt of unlabelled reads of the traffic that they are judged on.

    `asked`: how many reads each model was to learn of. `reads` and `passes`: how many all of them have learnt of.
    """

    asked: int
    reads: int
    passes: int
    rates: list[LearntRates]
    calibration_error: Interval
    log_loss_ratio: Interval


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was measured.

    `population` is whose vehicles the random plates on the lists are of. `missed` counts those of the reads that no
    method can find, and `left_out` the rows that are none of the reads; both by reason. `notes` is what else to know.
    `confidences` has each engine that was left out, if engines were, and all together last, as "all". `learnt` is what
    learning without labels would make of it, of none first; empty if that was not asked for.
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
    confidences: list[Confidences] = []
    learnt: list[Learnt] = []

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")


class Method(NamedTuple):
    """The rules, where `model` is empty, or a model.

    Each of its points: what raises the alarm, a day's alarms, the share of the wanted found.
    """

    model: str
    points: list[tuple[str, Alarms, Interval]]


def alarmed_by(view: View) -> list[Method]:
    """The rules, then each model's grades and thresholds. A model that is the only one counts as one of the rules."""
    rules = [(rule.name, rule.alarms, rule.recall) for rule in view.rules]
    models = []
    for model in view.models:
        named = [*model.by_grade.items(), *((f"p ≥ {point.threshold:g}", point) for point in model.at_thresholds)]
        points = [(name, point.alarms, point.recall) for name, point in named]
        models.append(Method(model.name.removeprefix("model, "), points))
    if len(models) == 1:
        return [Method("", rules + models[0].points)]
    return [Method("", rules), *models]


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
    """The model of each fold, and the fold of each plate. Without folds, one model is for all.

    With `left_out`, folds are of engines or cameras by name, not of plates. Reads do not say which engine they are of
    if it is `unnamed`, as one that was left out is.
    """

    by_fold: Sequence[ChannelModel]
    fold: dict[str, int] | None
    name: str
    left_out: LeftOut | None = None
    unnamed: bool = False

    @property
    def population(self) -> Population:
        """The vehicles that all of them weigh matches against."""
        return self.by_fold[0].population

    def fold_of(self, labelled: LabelledRead) -> int:
        return self.fold[_in_fold(labelled, self.left_out)] if self.fold is not None else 0

    def asked(self, labelled: LabelledRead) -> Read:
        """The read as it is matched."""
        read = labelled.read
        return msgspec.structs.replace(read, engine=None) if self.unnamed or self.left_out == "engine" else read


def parts_by_fold(sample: Sequence[LabelledRead], models: Models, places: Sequence[int]) -> dict[int, list[int]]:
    """The places of a pass, apart if they are in several folds, as they may be with several engines."""
    parts: dict[int, list[int]] = {}
    for place in places:
        parts.setdefault(models.fold_of(sample[place]), []).append(place)
    return parts


def _in_fold(labelled: LabelledRead, left_out: LeftOut | None) -> str:
    """What is in a fold with all its reads."""
    if left_out is None:
        return labelled.plate
    return (labelled.read.engine if left_out == "engine" else labelled.read.camera_id) or ""


@contextmanager
def worker_threads() -> Iterator[ThreadPoolExecutor]:
    """As many as there are cores: the core needs no lock of Python's. What has not begun when it fails is left."""
    threads = ThreadPoolExecutor(cores())
    try:
        yield threads
    finally:
        threads.shutdown(cancel_futures=True)


def cross_validated(
    sample: Sequence[LabelledRead],
    settings: Settings,
    progress: Callable[[int], None] = lambda _: None,
    population: Population | None = None,
    leave_out: LeftOut | None = None,
) -> Models:
    """A model for each fold, fitted on the reads of all others, among the vehicles of `population`, or Korea's.

    Folds are of plates: `settings.folds` of them. With `leave_out` each engine is one, or cameras are shared out in as
    many: reads that do not say theirs are all of one. Raises PlatewatchError on too few plates, engines or cameras.
    """
    names = [_in_fold(labelled, leave_out) for labelled in sample]
    folds = max(2, len(set(names))) if leave_out == "engine" else settings.folds
    fold = folds_of(names, folds, settings.seed, "plate" if leave_out is None else leave_out)
    is_over = Event()

    def fitted(held_out: int) -> ChannelModel:
        # Not from the shipped model, which has learnt of the bundled reads, all of them.
        return ChannelModel.fit(
            (example(s) for s, name in zip(sample, names, strict=True) if fold[name] != held_out),
            population=population,
            from_scratch=True,
            progress=lambda _: _go_on(is_over),
        )

    models = []
    with worker_threads() as threads:
        try:
            for model in threads.map(fitted, range(folds)):
                models.append(model)
                progress(len(models))
        finally:
            is_over.set()
    name = f"fitted on these reads, cross-validated in {folds} folds of {leave_out or 'plate'}s"
    if leave_out == "engine":
        name += ": each read is judged as of an unknown engine, by what the others do"
    return Models(models, fold, among(name, population), leave_out)


def _go_on(is_over: Event) -> None:
    """Nobody waits for a fit that has begun when another has failed, or the user wants no more."""
    if is_over.is_set():
        raise CancelledError


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
    traffic = settings.traffic
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
    innocent_weight = traffic.innocent / traffic.wanted * listed.sum() / (~listed).sum()

    has_engines = models.left_out == "engine"
    with_evidence, without_evidence = _Losses(len(sample)), _Losses(len(sample))
    trial = _Trial(sample, plates, plate, models, settings)
    grouped = [part for places in group_passes(sample) for part in parts_by_fold(sample, models, places).values()]
    fused = _Fused(trial, grouped) if passes else None
    calibrator = Calibrator(len(plates), CALIBRATION_FLOOR)
    never = {*plates, *never_listed}

    def match(draw: int) -> tuple[list[_Matches], list[_Matches]]:
        names = [plates[i] for i in np.flatnonzero(wanted[draw])]
        names += random_plates(draws[draw], settings.hotlist_size - listed_plates, never, models.population)
        return trial.match(draw, names, fused, bare=has_engines)

    with worker_threads() as threads:  # what they find is gathered in order, so that sums are the same
        for draw, (matches, bare) in enumerate(threads.map(match, range(settings.draws))):
            weight = np.where(listed[draw], 1.0, innocent_weight)
            for probability, right, unit in matches:
                calibrator.add(probability, right, weight[unit], plate[unit])
            with_evidence.add(matches, weight)
            without_evidence.add(bare, weight)
            progress(draw + 1)

    bootstrap = Bootstrap(len(plates), settings.replicates, settings.seed)
    explanations = RULES | {"look-alikes": explain_look_alikes(models.population)}
    by_model = {"model": (trial.scores, trial.grades)}
    views = [_view("read", explanations, trial.rules, by_model, listed, plate, bootstrap, traffic, trial.policy)]
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
        by_model = {
            "model, best read": (by_pass(trial.scores, fused.passes), by_pass(trial.grades, fused.passes)),
            "model, fused": (fused.scores, fused.grades),
        }
        share = len(grouped) / len(sample)
        of_passes = Traffic(traffic.wanted * share, traffic.innocent * share)
        shown = (listed[:, first], plate[first], bootstrap, of_passes, trial.policy)
        views.append(_view("pass", explanations, rules, by_model, *shown))
    return Evaluation(
        settings=settings,
        model=models.name,
        reads=len(sample),
        passes=len(grouped),
        plates=len(plates),
        listed_plates=listed_plates,
        views=views,
        calibration=calibrator.result(bootstrap),
        notes=notes,
        population=models.population.name,
        missed=dict(Counter(reason for read in trial.reads if (reason := why_missed(read)) is not None)),
        left_out=dict(left_out or {}),
        confidences=_confidences(sample, plate, with_evidence, without_evidence, bootstrap) if has_engines else [],
    )


_Matches: TypeAlias = tuple[Floats, Bools, Ints]
"""Probabilities, whether each match is with the true plate, and whose read it is of, by the sample's numbers."""


class _Losses:
    """The log-losses of a sample's matches, and how many they are in traffic, by read."""

    def __init__(self, reads: int) -> None:
        self.loss, self.total = np.zeros((2, reads))

    def add(self, matches: Sequence[_Matches], weight: Floats) -> None:
        for probability, right, unit in matches:
            for sums, values in ((self.loss, log_losses(probability, right)), (self.total, 1.0)):
                sums += np.bincount(unit, weight[unit] * values, minlength=len(sums))

    def by_plate(self, which: Bools, plate: Ints, plates: int) -> tuple[Floats, Floats]:
        """(losses, totals) of some of the reads."""
        loss, total = np.zeros((2, plates))
        for by_plate, by_read in ((loss, self.loss), (total, self.total)):
            by_plate += np.bincount(plate[which], by_read[which], minlength=plates)
        return loss, total


def _confidences(
    sample: Sequence[LabelledRead], plate: Ints, told: _Losses, untold: _Losses, bootstrap: Bootstrap
) -> list[Confidences]:
    engines = np.array([labelled.read.engine or "" for labelled in sample])
    rows = []
    groups = [(engine, engines == engine) for engine in sorted(set(engines.tolist()))]
    for name, which in [*groups, (ALL_ENGINES, np.ones(len(sample), dtype=np.bool_))]:
        loss, total = told.by_plate(which, plate, bootstrap.plates)
        bare_loss, bare_total = untold.by_plate(which, plate, bootstrap.plates)
        rows.append(
            Confidences(
                engine=name,
                reads=int(which.sum()),
                log_loss=bootstrap.quotient(loss, total),
                without=bootstrap.quotient(bare_loss, bare_total),
                ratio=bootstrap.quotient(loss, bare_loss),
            )
        )
    return rows


class _Trial:
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
        self, draw: int, names: list[str], fused: _Fused | None, *, bare: bool
    ) -> tuple[list[_Matches], list[_Matches]]:
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


class _Fused:
    """The passes of a trial's reads, each matched as one body of evidence."""

    def __init__(self, trial: _Trial, passes: list[list[int]]) -> None:
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
                rank = _RANK[self._trial.policy.grade("", match.edits, match.probability, False)]
                for scores, score in ((self.scores, match.probability), (self.grades, rank)):
                    scores.top[draw, unit] = max(scores.top[draw, unit], score)
                    if match.entry_id == plate:
                        scores.found[draw, unit] = score


def _ranks(policy: Policy, edits: npt.NDArray[Any], probability: Floats) -> Floats:
    """The grade of each match as a number, 0 for no hit: few are any, and only those are asked for."""
    ranks = np.zeros(len(edits))
    for row in np.flatnonzero((probability >= policy.least) | (edits == 0)).tolist():
        ranks[row] = _RANK[policy.grade("", int(edits[row]), float(probability[row]), False)]
    return ranks


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
    models: Mapping[str, tuple[Scores, Scores]],
    listed: Bools,
    plate: Ints,
    bootstrap: Bootstrap,
    traffic: Traffic,
    policy: Policy,
) -> View:
    """`models` are the probabilities of each, and the ranks of the grades that the policy gives them."""

    def rates(scores: Scores) -> Rates:
        return Rates(scores, listed, plate, bootstrap, traffic)

    points = {name: rates(scores).at_threshold(1) for name, scores in rules.items()}
    by_model = {name: (rates(scores), rates(grades)) for name, (scores, grades) in models.items()}
    return View(
        unit=unit,
        units=listed.shape[1],
        rules=[
            Rule(name, explanations[name], point.recall, point.alarmed, point.alarms) for name, point in points.items()
        ],
        models=[
            ModelRates(
                name=name,
                at_alarm_rates=[rate.at_alarm_rate(share) for share in ALARM_RATES],
                at_thresholds=[rate.at_threshold(threshold) for threshold in THRESHOLDS],
                curve=rate.curve(),
                by_grade={
                    NOTIFY: _named(policy.notify, graded.at_threshold(_RANK["notify"])),
                    CHECK: _named(policy.check, graded.at_threshold(_RANK["check"], below=_RANK["notify"])),
                    HITS: _named(policy.check, graded.at_threshold(_RANK["check"])),
                },
            )
            for name, (rate, graded) in by_model.items()
        ],
        traffic=traffic,
    )


def _named(probability: float, of_ranks: RatePoint) -> RatePoint:
    """The point of a grade, at the probability that makes it, where it is not an exact match that does."""
    return msgspec.structs.replace(of_ranks, threshold=probability)
