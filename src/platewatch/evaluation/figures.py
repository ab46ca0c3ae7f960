"""What the scores of an evaluation come to: alarms a day and how many are right, recall, calibration, how sure that is.

Reads of one plate fail together, so intervals come from drawing plates, not reads, with replacement. Where nothing
happened, or always, every such draw says the same: then intervals are the exact ones of so many plates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_INTERVAL = (2.5, 97.5)  # percentiles
_SURPRISE = 0.05  # how improbable what was seen may be at the end of an interval
_NORMAL = 1.96  # standard deviations of a normal distribution that hold 95 % of it
_LEAST_PROBABILITY = 1e-12  # what "never" is taken for in a log-loss, which would be infinite
_CURVE_POINTS = 400


class Interval(msgspec.Struct, frozen=True):
    """A figure and its 95 % interval; None where the sample has nothing to measure it on.

    A share of 0 reaches up to about 3 / n of n plates, one of 1 down to 1 - 3 / n.
    """

    value: float | None
    low: float | None = None
    high: float | None = None


class Traffic(msgspec.Struct, frozen=True):
    """How many units, reads or passes, a day has of wanted vehicles, and of innocent ones."""

    wanted: float
    innocent: float


class Alarms(msgspec.Struct, frozen=True, kw_only=True):
    """The alarms of a day: how many, how many of them right and wrong, and `precision`, the share that is right."""

    total: Interval = Interval(None)
    right: Interval = Interval(None)
    wrong: Interval = Interval(None)
    precision: Interval = Interval(None)


class RatePoint(msgspec.Struct, frozen=True, kw_only=True):
    """What raising the alarm from `threshold` on does: shares, 0 to 1, of the wanted found and the innocent alarmed.

    `alarm_rate` is the share of innocents that the threshold was chosen for; None: the threshold was given. `alarms`
    is what both come to in a day of real traffic.
    """

    threshold: float
    recall: Interval
    alarmed: Interval
    alarm_rate: float | None = None
    alarms: Alarms = Alarms()

    @property
    def target(self) -> str:
        """What the point stands for: `≤ 0.1 % alarmed`, `threshold 0.5`."""
        if self.alarm_rate is None:
            return f"threshold {self.threshold:g}"
        return f"≤ {100 * self.alarm_rate:g} % alarmed"

    @property
    def alarmed_as_told(self) -> Interval:
        """`alarmed`, but without an interval where it is the share that the threshold was chosen for."""
        chosen = self.alarm_rate is not None and self.alarmed.value
        return Interval(self.alarmed.value) if chosen else self.alarmed


class Curve(msgspec.Struct, frozen=True):
    """Shares of innocents alarmed, ascending, and of wanted found, at the thresholds between."""

    alarmed: list[float]
    recall: list[float]
    threshold: list[float]


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """Matches of like probability, weighed as in real traffic."""

    lowest: float
    highest: float
    predicted: float
    observed: Interval
    matches: int
    share: float


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """Whether probabilities come true.

    `error` is the expected calibration error over the matches of at least `floor`. Log-losses, in nats a match, are
    over all matches within the allowed edits: the model's, that of always saying the `base_rate`, and that of always
    saying 0 (taken for 1e-12).
    """

    floor: float
    matches: int
    bins: list[Bin]
    error: Interval
    base_rate: float
    log_loss: Interval
    base_rate_log_loss: float
    zero_log_loss: float
    log_loss_ratio: Interval


@dataclass(frozen=True, slots=True)
class Scores:
    """What a method said of each unit (a read or a pass) in each draw of a hotlist; arrays of shape (draws, units).

    `found` is the score of the unit's true plate, `top` the highest score of any listed plate; 0 where there was no
    match. A rule's scores are 0 and 1.
    """

    found: Floats
    top: Floats


class Bootstrap:
    """Plates drawn with replacement, `replicates` times."""

    def __init__(self, plates: int, replicates: int, seed: int) -> None:
        rng = np.random.default_rng([seed, 2])
        self.plates = plates
        self.times = rng.multinomial(plates, np.full(plates, 1 / plates), size=replicates).astype(np.float64)
        """How often each plate was drawn, of shape (replicates, plates)."""

    def ratio(self, part: Floats, whole: Floats) -> Interval:
        """sum(part) / sum(whole), both given by plate: a share, 0 to 1."""
        if not whole.sum():
            return Interval(None)
        return self.share(part.sum() / whole.sum(), _ratio(self.times @ part, self.times @ whole), whole)

    def share(self, value: float, replicates: Floats, whole: Floats) -> Interval:
        """A share, 0 to 1, of what is given by plate as `whole`, with its interval."""
        plates = float(whole.sum() ** 2 / (whole**2).sum())  # so many, were they all of the same weight
        if value <= 0:
            return Interval(0.0, 0.0, 1 - _SURPRISE ** (1 / plates))
        if value >= 1:
            return Interval(1.0, _SURPRISE ** (1 / plates), 1.0)
        found = self.interval(value, replicates)
        return _wilson(float(value), plates) if _is_a_point(found) else found

    def quotient(self, part: Floats, whole: Floats) -> Interval:
        """sum(part) / sum(whole), both given by plate: any quotient."""
        if not whole.sum():
            return Interval(None)
        return self.interval(float(part.sum() / whole.sum()), _ratio(self.times @ part, self.times @ whole))

    @staticmethod
    def interval(value: float, replicates: Floats) -> Interval:
        """The figure with the percentiles of its replicates; those that are not numbers are left out."""
        replicates = replicates[np.isfinite(replicates)]
        if not len(replicates):
            return Interval(float(value))
        low, high = np.percentile(replicates, _INTERVAL)
        return Interval(float(value), float(low), float(high))


class Rates:
    """Recall against innocents alarmed, of a method's scores, and what they come to in a day of `traffic`.

    `listed`, of shape (draws, units), says whose plate was on the list; `plate`, of shape (units,), numbers the plates.
    """

    def __init__(self, scores: Scores, listed: Bools, plate: Ints, bootstrap: Bootstrap, traffic: Traffic) -> None:
        plates = np.broadcast_to(plate, listed.shape)
        self._bootstrap = bootstrap
        self._traffic = traffic
        self._found, self._found_plate = _ranked(scores.found[listed], plates[listed])
        self._top, self._top_plate = _ranked(scores.top[~listed], plates[~listed])
        self._wanted = np.bincount(self._found_plate, minlength=bootstrap.plates).astype(np.float64)
        self._innocent = np.bincount(self._top_plate, minlength=bootstrap.plates).astype(np.float64)

    def at_threshold(self, threshold: float, below: float = math.inf) -> RatePoint:
        """Alarms are scores of at least `threshold`, and less than `below`."""
        found, alarmed = (
            np.bincount(
                plate[_count_from(scores, below) : _count_from(scores, threshold)], minlength=self._bootstrap.plates
            ).astype(np.float64)
            for scores, plate in ((self._found, self._found_plate), (self._top, self._top_plate))
        )
        times = self._bootstrap.times
        recall, rate = self._bootstrap.ratio(found, self._wanted), self._bootstrap.ratio(alarmed, self._innocent)
        return RatePoint(
            threshold=threshold,
            recall=recall,
            alarmed=rate,
            alarms=self._alarms(
                recall,
                rate,
                _ratio(times @ found, times @ self._wanted),
                _ratio(times @ alarmed, times @ self._innocent),
            ),
        )

    def at_alarm_rate(self, share: float) -> RatePoint:
        """The most that is found with at most `share` of the innocents alarmed.

        Alarms are scores above the point's threshold, which is an innocent's score. In each replicate of the bootstrap
        it is chosen anew.
        """
        every = np.ones(self._bootstrap.plates)
        threshold, found, alarmed = self._most(share, every)
        replicates = np.array([self._most(share, times)[1:] for times in self._bootstrap.times])
        recall = self._bootstrap.share(found, replicates[:, 0], self._wanted) if len(self._found) else Interval(None)
        rate = self._bootstrap.share(alarmed, replicates[:, 1], self._innocent) if len(self._top) else Interval(None)
        return RatePoint(
            threshold=threshold,
            recall=recall,
            alarmed=rate,
            alarm_rate=share,
            alarms=self._alarms(recall, rate, replicates[:, 0], replicates[:, 1]),
        )

    def _alarms(self, recall: Interval, alarmed: Interval, recalls: Floats, rates: Floats) -> Alarms:
        """Of a day, the shares of units that raise an alarm being given with their replicates.

        Where the sample has no wrong alarm, or no right one, replicates tell nothing of the share that is right: its
        ends are then what the ends of both shares make of it.
        """
        if recall.value is None or alarmed.value is None:
            return Alarms()
        right, wrong = _times(recall, self._traffic.wanted), _times(alarmed, self._traffic.innocent)
        rights, wrongs = recalls * self._traffic.wanted, rates * self._traffic.innocent
        total, precision = Interval(0.0, 0.0, _sum(right.high, wrong.high)), Interval(None)
        if right.value and wrong.value:
            total = self._bootstrap.interval(right.value + wrong.value, rights + wrongs)
            precision = self._bootstrap.interval(
                right.value / (right.value + wrong.value), _ratio(rights, rights + wrongs)
            )
        elif right.value:
            total = Interval(right.value, right.low, _sum(right.high, wrong.high))
            precision = Interval(1.0, _part(right.low, wrong.high), 1.0)
        elif wrong.value:
            total = Interval(wrong.value, wrong.low, _sum(right.high, wrong.high))
            precision = Interval(0.0, 0.0, _part(right.high, wrong.low))
        return Alarms(total=total, right=right, wrong=wrong, precision=precision)

    def _most(self, share: float, times: Floats) -> tuple[float, float, float]:
        innocents, wanted = float(times @ self._innocent), float(times @ self._wanted)
        # Of the innocents only the first few can decide, unless the replicate drew them seldom.
        reach = min(len(self._top), int(4 * share * len(self._top)) + 100)
        alarmed = np.cumsum(times[self._top_plate[:reach]])
        if reach < len(self._top) and alarmed[-1] <= share * innocents:
            reach, alarmed = len(self._top), np.cumsum(times[self._top_plate])
        first_too_many = int(np.searchsorted(alarmed, share * innocents, side="right"))
        threshold = -float(self._top[first_too_many]) if first_too_many < reach else 0.0
        above = _count_above(self._top, threshold)
        found = times[self._found_plate[: _count_above(self._found, threshold)]].sum()
        return (
            threshold,
            float(found) / wanted if wanted else math.nan,
            float(alarmed[above - 1]) / innocents if above and innocents else 0.0,
        )

    def curve(self) -> Curve:
        """From no alarm to all matches, at most a few hundred points, evenly spread on a logarithmic axis."""
        if not len(self._found) or not len(self._top):
            return Curve([], [], [])
        positive = _count_above(self._top, 0.0)
        ranks = np.geomspace(1, positive, _CURVE_POINTS).astype(np.int64) - 1 if positive else np.zeros(0, np.int64)
        thresholds = np.append(-np.unique(self._top[ranks]), 0.0)
        return Curve(
            [_count_above(self._top, t) / len(self._top) for t in thresholds.tolist()],
            [_count_above(self._found, t) / len(self._found) for t in thresholds.tolist()],
            thresholds.tolist(),
        )


class Calibrator:
    """Gathers matches, and says how honest their probabilities are.

    Of matches below `floor` only sums by plate are kept: there are many.
    """

    def __init__(self, plates: int, floor: float) -> None:
        self._floor = floor
        self._loss, self._hits, self._total = np.zeros((3, plates))
        self._shown: list[tuple[Floats, Floats, Floats, Ints]] = []

    def add(self, probability: Floats, right: Bools, weight: Floats, plate: Ints) -> None:
        """Matches: probabilities, whether each was right, how often real traffic has it, whose read it was."""
        hit = right.astype(np.float64)
        loss = log_losses(probability, right)
        for sums, values in ((self._loss, loss), (self._hits, hit), (self._total, 1.0)):
            sums += np.bincount(plate, weight * values, minlength=len(sums))
        shown = probability >= self._floor
        self._shown.append((probability[shown], hit[shown], weight[shown], plate[shown]))

    def result(self, bootstrap: Bootstrap, bins: int = 10) -> Calibration:
        """A bin holds as many matches of real traffic as the next."""
        columns = [np.concatenate(column) for column in zip(*self._shown, strict=True)]
        order = np.argsort(columns[0], kind="stable")
        p, hit, weight = (column[order].astype(np.float64) for column in columns[:3])
        plate = columns[3][order].astype(np.int64)
        error, found = Interval(None), []
        if len(p):
            replicates = [_error(p, hit, weight * times[plate], bins) for times in bootstrap.times]
            error = bootstrap.interval(_error(p, hit, weight, bins), np.array(replicates))
            found = _bins(p, hit, weight, plate, bootstrap, bins)
            if _is_a_point(error):
                error = _between(error, found)
        rate = self._hits.sum() / self._total.sum() if self._total.any() else 0.0
        base = float(_entropy(np.float64(rate)))
        return Calibration(
            floor=self._floor,
            matches=len(p),
            bins=found,
            error=error,
            base_rate=float(rate),
            log_loss=bootstrap.ratio(self._loss, self._total),
            base_rate_log_loss=base,
            zero_log_loss=float(rate) * -math.log(_LEAST_PROBABILITY),
            log_loss_ratio=self._log_loss_ratio(bootstrap, base),
        )

    def _log_loss_ratio(self, bootstrap: Bootstrap, base: float) -> Interval:
        if not base:
            return Interval(None)
        losses, hits, totals = (bootstrap.times @ sums for sums in (self._loss, self._hits, self._total))
        ratios = _ratio(_ratio(losses, totals), _entropy(_ratio(hits, totals)))
        return bootstrap.interval(self._loss.sum() / self._total.sum() / base, ratios)


def log_losses(probability: Floats, right: Bools) -> Floats:
    """Of each match, in nats."""
    return np.asarray(-np.log(np.maximum(np.where(right, probability, 1 - probability), _LEAST_PROBABILITY)))


def _error(p: Floats, hit: Floats, weight: Floats, bins: int) -> float:
    """The expected calibration error: mean of |predicted - observed| over bins of equal weight; p ascending."""
    ends = _bin_ends(p, weight, bins)
    total = _sums(weight, ends)
    gap = np.abs(_sums(weight * p, ends) - _sums(weight * hit, ends))
    return float(gap.sum() / total.sum()) if total.sum() else math.nan


def _between(error: Interval, bins: Sequence[Bin]) -> Interval:
    """The calibration error with the least and the most that it can be with the bins within their intervals."""
    low = high = 0.0
    for b in bins:
        ends = [end for end in (b.observed.low, b.observed.high) if end is not None]
        if ends:
            low += b.share * max(0.0, min(ends) - b.predicted, b.predicted - max(ends))
            high += b.share * max(abs(b.predicted - end) for end in ends)
    return Interval(error.value, low, high)


def _bin_ends(p: Floats, weight: Floats, bins: int) -> Ints:
    """Where bins of equal weight end, p being ascending. Equal probabilities stay together: a bin may be empty."""
    cumulated = np.cumsum(weight)
    cuts = np.searchsorted(cumulated, cumulated[-1] * np.arange(1, bins) / bins)
    together = np.searchsorted(p, p[np.minimum(cuts, len(p) - 1)])
    return np.append(together, len(p)).astype(np.int64)


def _sums(values: Floats, ends: Ints) -> Floats:
    cumulated = np.concatenate(([0.0], np.cumsum(values)))
    return np.diff(cumulated[ends], prepend=0.0)


def _bins(p: Floats, hit: Floats, weight: Floats, plate: Ints, bootstrap: Bootstrap, bins: int) -> list[Bin]:
    found = []
    begin = 0
    for end in _bin_ends(p, weight, bins).tolist():
        if end > begin:
            part = slice(begin, end)
            w = weight[part]
            right = np.bincount(plate[part], w * hit[part], minlength=bootstrap.plates)
            total = np.bincount(plate[part], w, minlength=bootstrap.plates)
            found.append(
                Bin(
                    lowest=float(p[begin]),
                    highest=float(p[end - 1]),
                    predicted=float((w * p[part]).sum() / w.sum()),
                    observed=bootstrap.ratio(right.astype(np.float64), total.astype(np.float64)),
                    matches=end - begin,
                    share=float(w.sum() / weight.sum()),
                )
            )
            begin = end
    return found


def _entropy(rate: Floats | np.float64) -> Floats:
    """The log-loss of always saying the rate at which something happens."""
    share = np.clip(rate, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    entropy = -share * np.log(share) - (1 - share) * np.log(1 - share)
    return np.asarray(np.where((rate <= 0) | (rate >= 1), 0.0, entropy))


def _is_a_point(interval: Interval) -> bool:
    """Whether no draw of plates changes the figure, but for rounding."""
    low, high = interval.low, interval.high
    return low is not None and high is not None and math.isclose(low, high, rel_tol=1e-9)


def _wilson(value: float, plates: float) -> Interval:
    """The score interval of a share of so many plates: for one that all of them have, of which draws tell nothing."""
    square = _NORMAL**2 / plates
    middle = (value + square / 2) / (1 + square)
    reach = math.sqrt(square * value * (1 - value) + square**2 / 4) / (1 + square)
    return Interval(value, middle - reach, middle + reach)


def _ranked(scores: Floats, plate: Ints) -> tuple[Floats, Ints]:
    """(negated scores, ascending, so that they can be searched; their plates)."""
    order = np.argsort(-scores, kind="stable")
    return -scores[order], plate[order]


def _count_above(negated: Floats, threshold: float) -> int:
    return int(np.searchsorted(negated, -threshold, side="left"))


def _count_from(negated: Floats, threshold: float) -> int:
    return int(np.searchsorted(negated, -threshold, side="right"))


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.asarray(np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0))


def _times(share: Interval, units: float) -> Interval:
    """How many of so many units, of a share."""
    return Interval(*(None if end is None else units * end for end in (share.value, share.low, share.high)))


def _sum(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a + b


def _part(part: float | None, rest: float | None) -> float | None:
    """The share that `part` is of both."""
    return None if part is None or rest is None or not part + rest else part / (part + rest)


def by_pass(scores: Scores, passes: Sequence[Sequence[int]]) -> Scores:
    """The best of each pass's reads, `passes` being the places of its reads."""
    places = np.concatenate([np.asarray(p, dtype=np.int64) for p in passes])
    starts = np.cumsum([0, *map(len, passes[:-1])])
    return Scores(
        np.maximum.reduceat(scores.found[:, places], starts, axis=1),
        np.maximum.reduceat(scores.top[:, places], starts, axis=1),
    )
