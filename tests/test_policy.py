from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import platewatch as pw
from platewatch.service.policy import CategoryPolicy, Policy

POLICY = Policy(notify=0.6, check=0.1, categories={"suicide risk": CategoryPolicy(notify=0.2, check=0.02)})


@pytest.mark.parametrize(
    ("category", "edits", "probability", "is_pattern", "grade"),
    [
        ("stolen", 1, 0.6, False, "notify"),
        ("stolen", 1, 0.5999, False, "check"),
        ("stolen", 2, 0.1, False, "check"),
        ("stolen", 2, 0.0999, False, None),
        ("", 1, 0.0999, False, None),
        ("suicide risk", 1, 0.2, False, "notify"),
        ("suicide risk", 1, 0.02, False, "check"),
        ("suicide risk", 1, 0.0199, False, None),
        ("stolen", 0, 0.6, False, "notify"),
        ("stolen", 0, 0.0, False, "check"),  # an exact match is looked at, however improbable
        ("stolen", 0, 1.0, True, "check"),  # that a vehicle fits a pattern does not say that it is wanted
        ("stolen", 1, 0.1, True, "check"),
        ("stolen", 0, 0.0999, True, None),
    ],
)
def test_grades(category: str, edits: int, probability: float, is_pattern: bool, grade: str | None) -> None:
    assert POLICY.grade(category, edits, probability, is_pattern) == grade


def test_a_category_takes_from_the_policy_what_it_leaves_out() -> None:
    policy = Policy(notify=0.6, check=0.1, categories={"a": CategoryPolicy(notify=0.9), "b": CategoryPolicy(check=0.3)})
    assert policy.thresholds("a") == (0.9, 0.1)
    assert policy.thresholds("b") == (0.6, 0.3)
    assert policy.thresholds("c") == (0.6, 0.1)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"notify": 1.01}, "policy.notify: is not above 0 and at most 1"),
        ({"notify": 0.0}, "policy.notify: is not above 0 and at most 1"),
        ({"notify": math.nan}, "policy.notify: is not above 0 and at most 1"),
        ({"check": 0.0}, "policy.check: is not above 0 and at most notify, which is 0.5"),
        ({"check": 0.51}, "policy.check: is not above 0 and at most notify, which is 0.5"),
        ({"check": math.nan}, "policy.check: is not above 0 and at most notify, which is 0.5"),
        (
            {"categories": {"stolen": CategoryPolicy(notify=0.04)}},
            "policy.categories.stolen.check: is not above 0 and at most notify, which is 0.04",
        ),
        ({"categories": {"stolen": CategoryPolicy(notify=2)}}, "policy.categories.stolen.notify: is not above 0"),
    ],
)
def test_thresholds_that_cannot_be_are_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(pw.ConfigError) as caught:
        Policy(**fields)
    assert str(caught.value).startswith(message)


def test_the_ends_of_the_range_are_allowed() -> None:
    assert Policy(notify=1, check=1).grade("", 1, 1.0, False) == "notify"


def test_a_file_of_settings_holds_a_policy(tmp_path: Path) -> None:
    path = tmp_path / "platewatch.toml"
    path.write_text('hotlist = "x"\n[policy]\ncheck = 0.1\nnotify = 0.6\n', "utf-8")
    with path.open("a", encoding="utf-8") as file:
        file.write('[policy.categories."suicide risk"]\nnotify = 0.2\ncheck = 0.02\n')
    assert Policy.load(path) == POLICY


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hotlist = 'x'", "missing required field `policy`"),
        ("[policy]\nnotfy = 0.5", "policy: Object contains unknown field `notfy`"),
        ("[policy]\nnotify = 'high'", "policy.notify: Expected `float`"),
        (
            "[policy.categories.a]\n[policy.categories.stolen]\nnotify = 'x'",
            "policy.categories.stolen.notify: Expected `float",
        ),
        ("[policy.categories.'suicide risk']\nnotify = true", "policy.categories.suicide risk.notify: Expected `float"),
        ("[policy.categories]\nstolen = 5", "policy.categories.stolen: Expected `object`, got `int`"),
        ("[policy.categories.stolen]\nnotfy = 1", "policy.categories.stolen: Object contains unknown field `notfy`"),
        ("[policy.categories.stolen]\ncheck = 0.9", "policy.categories.stolen.check: is not above 0 and at most"),
        ("[policy]\ncategories = 5", "policy.categories: Expected `object`, got `int`"),
        ("policy = 5", "policy: Expected `object`, got `int`"),
        ("[policy]\ncheck = 0.7", "policy.check: is not above 0 and at most notify, which is 0.5"),
        ("[policy", "is not TOML"),
    ],
)
def test_a_bad_file_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(pw.ConfigError) as caught:
        Policy.load(path)
    assert message in str(caught.value)


def batch(edits: list[int], probability: list[float] | None) -> pw.MatchBatch:
    """One match a read, each with an entry of its own."""
    return pw.MatchBatch(
        read=np.arange(len(edits), dtype=np.uint32),
        entry=np.arange(len(edits), dtype=np.uint32),
        edits=np.array(edits, dtype=np.uint8),
        entry_ids=pw.Matcher(pw.Hotlist()).entry_ids,
        probability=None if probability is None else np.array(probability),
    )


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1)), max_size=20))
def test_candidates_are_all_that_may_be_hits_and_no_more(rows: list[tuple[int, float]]) -> None:
    found = list(POLICY.candidates(batch([edits for edits, _ in rows], [p for _, p in rows])))
    # "suicide risk" has the lowest threshold of all.
    assert found == [
        (i, i, edits, p) for i, (edits, p) in enumerate(rows) if POLICY.grade("suicide risk", edits, p, False)
    ]


def test_candidates_where_the_general_threshold_is_the_lowest() -> None:
    policy = Policy(notify=0.6, check=0.1, categories={"unpaid tax": CategoryPolicy(notify=0.9, check=0.5)})
    assert list(policy.candidates(batch([1, 1], [0.1, 0.09]))) == [(0, 0, 1, 0.1)]


def test_the_least_probability_of_a_hit_is_that_of_the_most_careful_category() -> None:
    assert Policy().least == Policy().check
    assert POLICY.least == POLICY.thresholds("suicide risk").check < POLICY.check
    assert 0 < POLICY.promising < POLICY.least


def test_candidates_need_probabilities() -> None:
    with pytest.raises(ValueError, match="no probabilities"):
        POLICY.candidates(batch([0], None))
