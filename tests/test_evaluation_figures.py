"""The figures of an evaluation: rates, intervals, calibration and alarms, worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from platewatch.evaluation.figures import (
    Bootstrap,
    Calibration,
    Calibrator,
    Interval,
    Rates,
    Scores,
    Traffic,
    by_pass,
)

pytestmark = pytest.mark.timeout(1200)  # against hanging, on the slowest machine


def calibrate(p: Any, right: Any, weight: Any = None) -> Calibration:
    count = len(p)
    calibrator = Calibrator(count, floor=0.01)
    weights = np.ones(count) if weight is None else np.asarray(weight, dtype=np.float64)
    calibrator.add(np.asarray(p, dtype=np.float64), np.asarray(right, dtype=np.bool_), weights, np.arange(count))
    return calibrator.result(Bootstrap(count, 50, seed=0))


def test_calibration_of_a_calibrated_toy_and_of_an_overconfident_one() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.01, 1, 20_000)
    right = rng.random(20_000) < p
    honest = calibrate(p, right)
    assert honest.error.value is not None
    assert honest.error.value < 0.015
    assert sum(b.matches for b in honest.bins) == 20_000
    assert {round(b.share, 2) for b in honest.bins} == {0.1}
    # Always 0.9, right in 6 of 10: off by 0.3.
    boastful = calibrate([0.9] * 100, [True] * 60 + [False] * 40)
    assert boastful.error.value == pytest.approx(0.3)
    assert boastful.log_loss.value == pytest.approx(-(0.6 * math.log(0.9) + 0.4 * math.log(0.1)))
    assert boastful.base_rate == pytest.approx(0.6)
    # Innocents weigh ten times: 60 right and 400 wrong.
    weighed = calibrate([0.9] * 100, [True] * 60 + [False] * 40, [1.0] * 60 + [10.0] * 40)
    assert weighed.error.value == pytest.approx(0.9 - 60 / 460)


def test_a_model_that_always_says_0_fails_the_log_loss() -> None:
    right = [True] * 10 + [False] * 990
    silent = calibrate([0.0] * 1000, right)
    assert silent.error.value is None  # nothing said, nothing to be wrong about
    assert silent.matches == 0
    assert silent.log_loss_ratio.value is not None
    assert silent.log_loss_ratio.value > 2
    assert silent.log_loss.value == pytest.approx(silent.zero_log_loss)
    good = calibrate([0.9] * 10 + [0.001] * 990, right)
    assert good.log_loss_ratio.value is not None
    assert good.log_loss_ratio.value < 0.05


DAY = Traffic(10_000, 990_000)


def rates(found: list[float], top: list[float]) -> Rates:
    """Of wanted units and innocent ones, each of its own plate, in one draw; in traffic of 1 % wanted ones."""
    units = len(found) + len(top)
    scores = Scores(np.array([found + [0.0] * len(top)]), np.array([[0.0] * len(found) + top]))
    listed = np.array([[True] * len(found) + [False] * len(top)])
    return Rates(scores, listed, np.arange(units), Bootstrap(units, 50, seed=0), DAY)


def test_recall_at_an_alarm_rate_by_hand() -> None:
    some = rates([0.9, 0.6, 0.4, 0.0], [0.8, 0.5, 0.5, 0.1, *[0.0] * 6])
    # At most 1 of 10 alarmed: the threshold is the second score, which is not let through itself.
    point = some.at_alarm_rate(0.1)
    assert (point.threshold, point.recall.value, point.alarmed.value) == (0.5, 0.5, 0.1)
    # Of the two scores of 0.5 both are let through, or none.
    assert some.at_alarm_rate(0.2).alarmed.value == 0.1
    assert some.at_alarm_rate(0.3).alarmed.value == 0.3
    assert some.at_alarm_rate(0.3).recall.value == 0.75
    assert some.at_alarm_rate(0.0).recall.value == 0.25
    everything = some.at_alarm_rate(1.0)
    assert (everything.threshold, everything.recall.value, everything.alarmed.value) == (0, 0.75, 0.4)
    at = some.at_threshold(0.5)
    assert (at.recall.value, at.alarmed.value) == (0.5, 0.3)
    curve = some.curve()
    assert curve.alarmed == sorted(curve.alarmed)
    assert (curve.alarmed[0], curve.recall[0], curve.threshold[0]) == (0, 0.25, 0.8)
    assert (curve.alarmed[-1], curve.recall[-1], curve.threshold[-1]) == (0.4, 0.75, 0)


def test_intervals_come_from_plates_not_from_reads() -> None:
    bootstrap = Bootstrap(2, 400, seed=0)
    # One plate always found, the other never: a replicate may hold either twice, however many reads there are.
    interval = bootstrap.ratio(np.array([1000.0, 0.0]), np.array([1000.0, 1000.0]))
    assert (interval.value, interval.low, interval.high) == (0.5, 0, 1)
    assert bootstrap.ratio(np.zeros(2), np.zeros(2)).value is None


def test_by_pass_takes_the_best() -> None:
    scores = Scores(np.array([[0.1, 0.2, 0.3]]), np.array([[0.6, 0.5, 0.4]]))
    best = by_pass(scores, [[0, 2], [1]])
    assert best.found.tolist() == [[0.3, 0.2]]
    assert best.top.tolist() == [[0.6, 0.5]]


def ends(figure: Interval) -> list[float | None]:
    return [figure.value, figure.low, figure.high]


def test_nothing_among_n_plates_may_be_3_in_n() -> None:
    for n in (30, 300, 3000):
        each, bootstrap = np.ones(n), Bootstrap(n, 20, seed=0)
        assert ends(bootstrap.ratio(0 * each, each)) == pytest.approx([0, 0, 3 / n], rel=0.06)
        assert ends(bootstrap.ratio(each, each)) == pytest.approx([1, 1 - 3 / n, 1], rel=0.06)
    assert ends(Bootstrap(1, 20, seed=0).ratio(np.zeros(1), np.ones(1))) == pytest.approx([0, 0, 0.95])


def test_it_is_plates_that_count_not_their_reads() -> None:
    bootstrap = Bootstrap(30, 20, seed=0)
    one, many = (bootstrap.ratio(np.zeros(30), np.full(30, times)) for times in (1.0, 1000.0))
    assert one == many
    # One plate has nearly all reads: no more is known than of one.
    uneven = np.ones(30)
    uneven[0] = 10_000
    assert ends(bootstrap.ratio(np.zeros(30), uneven)) == pytest.approx([0, 0, 0.95], abs=0.01)
    # Plates without any such reads tell nothing.
    some = (np.arange(30) < 10).astype(np.float64)
    assert ends(bootstrap.ratio(np.zeros(30), some)) == pytest.approx([0, 0, 1 - 0.05**0.1])


def test_a_share_that_all_plates_have_is_not_a_sure_one() -> None:
    share = Bootstrap(20, 50, seed=0).ratio(np.ones(20), np.full(20, 2.0))
    assert ends(share) == pytest.approx([0.5, 0.299, 0.701], abs=2e-3)


def test_no_alarm_and_none_missed_have_intervals_in_every_figure() -> None:
    some = rates([0.9] * 50, [0.0] * 100)
    of_50, of_100 = 0.05**0.02, 0.05**0.01
    for point in (some.at_threshold(0.5), some.at_alarm_rate(0.001)):
        assert ends(point.recall) == pytest.approx([1, of_50, 1])
        assert ends(point.alarmed) == pytest.approx([0, 0, 1 - of_100])
        assert point.alarmed_as_told == point.alarmed
    none = rates([0.0] * 50, [0.0] * 100).at_threshold(0.5)
    assert ends(none.recall) == pytest.approx([0, 0, 1 - of_50])
    (all_right,) = calibrate([0.5] * 50, [True] * 50).bins
    assert ends(all_right.observed) == pytest.approx([1, of_50, 1])
    (all_wrong,) = calibrate([0.5] * 50, [False] * 50).bins
    assert ends(all_wrong.observed) == pytest.approx([0, 0, 1 - of_50])


def test_a_calibration_error_that_no_draw_changes_is_not_a_sure_one() -> None:
    assert ends(calibrate([1.0] * 50, [True] * 50).error) == pytest.approx([0, 0, 1 - 0.05**0.02])
    # 0.1 said, never true: between 0.1 and what may hide behind never.
    low = max(0.0, 0.1 - (1 - 0.05**0.02))
    assert ends(calibrate([0.1] * 50, [False] * 50).error) == pytest.approx([0.1, low, 0.1])


def test_the_share_of_alarms_that_was_chosen_has_no_interval_to_tell() -> None:
    chosen = rates([0.9] * 10, [0.9, *[0.1] * 99]).at_alarm_rate(0.01)
    assert ends(chosen.alarmed_as_told) == [0.01, None, None]
    assert chosen.alarmed.high is not None


def test_alarms_of_a_day_by_hand() -> None:
    alarms = rates([0.9] * 300 + [0.1] * 100, [0.9] + [0.0] * 999).at_threshold(0.5).alarms
    assert alarms.right.value == pytest.approx(7500)
    assert alarms.wrong.value == pytest.approx(990)
    assert alarms.total.value == pytest.approx(8490)
    assert alarms.precision.value == pytest.approx(7500 / 8490)
    # Replicates draw the one plate that alarms not at all, or several times.
    assert alarms.precision.high == 1
    assert alarms.precision.low is not None
    assert 0.6 < alarms.precision.low < 7500 / 8490
    assert alarms.total.low is not None
    assert alarms.total.low < 8490 < (alarms.total.high or 0)


def test_no_wrong_alarm_is_not_a_share_of_all_for_sure() -> None:
    alarms = rates([0.9] * 50, [0.0] * 100).at_threshold(0.5).alarms
    found, alarmed = 0.05**0.02, 1 - 0.05**0.01
    assert ends(alarms.wrong) == pytest.approx([0, 0, 990_000 * alarmed])
    assert ends(alarms.total) == pytest.approx([10_000, 10_000 * found, 10_000 + 990_000 * alarmed])
    low = 0.01 * found / (0.01 * found + 0.99 * alarmed)
    assert ends(alarms.precision) == pytest.approx([1, low, 1])
    # And none right among them not none.
    alarms = rates([0.0] * 50, [0.9] + [0.0] * 99).at_threshold(0.5).alarms
    high = 10_000 * (1 - found)
    assert alarms.wrong.low == 0
    assert ends(alarms.precision) == pytest.approx([0, 0, 1]), "the wrong one may be a chance, too"
    assert alarms.total.high == pytest.approx(high + (alarms.wrong.high or 0))
    nothing = rates([0.0] * 50, [0.0] * 100).at_threshold(0.5).alarms
    assert ends(nothing.precision) == [None, None, None]
    assert ends(nothing.total) == pytest.approx([0, 0, high + 990_000 * alarmed])
    assert rates([], [0.9]).at_threshold(0.5).alarms.precision.value is None


def test_alarms_at_a_share_of_innocents_alarmed_follow_the_replicates() -> None:
    point = rates([0.9] * 10, [0.9, *[0.1] * 99]).at_alarm_rate(0.01)
    assert point.alarms.wrong.value == pytest.approx(9900)
    assert point.alarms.precision.value == pytest.approx(10_000 / 19_900)
    assert point.alarms.precision.high == 1


def test_a_band_of_scores_has_what_is_above_left_out() -> None:
    some = rates([2.0, 1.0, 1.0, 0.0], [2.0, 1.0, 0.0, 0.0, 0.0])
    point = some.at_threshold(1, below=2)
    assert (point.recall.value, point.alarmed.value) == (0.5, 0.2)
    assert point.alarms.precision.value == pytest.approx(5000 / (5000 + 198_000))
    assert some.at_threshold(1).recall.value == 0.75


def test_points_say_what_they_stand_for() -> None:
    some = rates([0.9, 0.6], [0.8, 0.5])
    assert (some.at_alarm_rate(0.001).target, some.at_alarm_rate(0.03).target) == (
        "≤ 0.1 % alarmed",
        "≤ 3 % alarmed",
    )
    assert (some.at_threshold(0.01).target, some.at_threshold(0.5).target) == ("threshold 0.01", "threshold 0.5")
    assert (some.at_alarm_rate(0.001).alarm_rate, some.at_threshold(0.01).alarm_rate) == (0.001, None)
