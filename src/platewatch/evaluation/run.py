"""An evaluation: hotlists are drawn from a sample's plates, its reads matched with them, and the outcome counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np

from platewatch.errors import PlatewatchError
from platewatch.evaluation.figures import (
    Bools,
    Bootstrap,
    Calibrator,
    Floats,
    Ints,
    RatePoint,
    Rates,
    Scores,
    Traffic,
    by_pass,
    log_losses,
)
from platewatch.evaluation.lists import explain_look_alikes, random_plates
from platewatch.evaluation.models import Models, parts_by_fold, worker_threads
from platewatch.evaluation.results import (
    ALARM_RATES,
    ALL_ENGINES,
    CHECK,
    HITS,
    NOTIFY,
    SAMPLES,
    THRESHOLDS,
    Confidences,
    Evaluation,
    ModelRates,
    Rule,
    Settings,
    View,
)
from platewatch.evaluation.sample import LabelledRead, group_passes, why_missed
from platewatch.evaluation.trial import RANK, RULES, Fused, Matches, Trial
from platewatch.lists.hotlist import Hotlist
from platewatch.matching.matcher import Matcher
from platewatch.matching.reads import Read
from platewatch.service.policy import Policy

CALIBRATION_FLOOR = 0.01


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
    trial = Trial(sample, plates, plate, models, settings)
    grouped = [part for places in group_passes(sample) for part in parts_by_fold(sample, models, places).values()]
    fused = Fused(trial, grouped) if passes else None
    calibrator = Calibrator(len(plates), CALIBRATION_FLOOR)
    never = {*plates, *never_listed}

    def match(draw: int) -> tuple[list[Matches], list[Matches]]:
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


class _Losses:
    """The log-losses of a sample's matches, and how many they are in traffic, by read."""

    def __init__(self, reads: int) -> None:
        self.loss, self.total = np.zeros((2, reads))

    def add(self, matches: Sequence[Matches], weight: Floats) -> None:
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
                    NOTIFY: _named(policy.notify, graded.at_threshold(RANK["notify"])),
                    CHECK: _named(policy.check, graded.at_threshold(RANK["check"], below=RANK["notify"])),
                    HITS: _named(policy.check, graded.at_threshold(RANK["check"])),
                },
            )
            for name, (rate, graded) in by_model.items()
        ],
        traffic=traffic,
    )


def _named(probability: float, of_ranks: RatePoint) -> RatePoint:
    """The point of a grade, at the probability that makes it, where it is not an exact match that does."""
    return msgspec.structs.replace(of_ranks, threshold=probability)
