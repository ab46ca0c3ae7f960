"""The alarm budget: what it counts, forgets, and says."""

from __future__ import annotations

import pytest
import structlog

from platewatch.service.budget import Budget, BudgetSettings


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def at(status: dict[str, object], probability: float) -> float:
    rows = status["at_threshold"]
    assert isinstance(rows, list)
    (found,) = [row["alarms_an_hour"] for row in rows if row["probability"] == probability]
    return float(found)


def test_it_says_what_other_thresholds_would_have_cost(clock: Clock) -> None:
    budget = Budget(BudgetSettings(), clock=clock)
    for probability in (0.005, 0.05, 0.06, 0.4, 0.99):
        budget.weighed(None, probability)
    clock.now += 1800
    budget.weighed(0.06, 0.9)  # by another read of its pass
    status = budget.status()
    assert status["minutes"] == 30
    assert [at(status, threshold) for threshold in (0.01, 0.05, 0.1, 0.5, 0.9, 0.99)] == [8, 8, 6, 4, 4, 2]


def test_an_hour_later_it_is_forgotten(clock: Clock) -> None:
    budget = Budget(BudgetSettings(), clock=clock)
    budget.weighed(None, 0.9)
    budget.told("notify")
    clock.now += 3599 - 1000 % 60
    assert budget.status()["told"] == {"notify": 1, "check": 0}
    clock.now += 61
    status = budget.status()
    assert (status["told"], at(status, 0.01), status["minutes"]) == ({"notify": 0, "check": 0}, 0, 60)


def test_an_overrun_is_said_once_and_again_after_it_was_over(clock: Clock) -> None:
    budget = Budget(BudgetSettings(alarms_an_hour=2, operators=2), clock=clock)
    with structlog.testing.capture_logs() as logs:
        for _ in range(4):
            budget.told("check")
        assert logs == []
        assert not budget.status()["overrun"]
        budget.told("notify")
        budget.told("notify")
        assert budget.status()["overrun"]
        clock.now += 3660
        for _ in range(6):
            budget.told("check")
    assert [(log["told"], log["allowed"]) for log in logs] == [(5, 4), (5, 4)]
