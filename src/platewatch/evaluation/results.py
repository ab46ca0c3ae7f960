"""What an evaluation is asked for, and what it found."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec

from platewatch.errors import PlatewatchError
from platewatch.evaluation.figures import Alarms, Calibration, Curve, Interval, RatePoint, Traffic
from platewatch.service.policy import Policy

ALL_ENGINES = "all"
SAMPLES = "the sample's"  # plates, as Coverage tells of them
ALARM_RATES = (0.0003, 0.001, 0.003, 0.01, 0.03)
THRESHOLDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9)
NOTIFY, CHECK, HITS = "notify", "check", "notify or check"
"""Keys of `ModelRates.by_grade`: each grade by itself, and both."""


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
