"""A model of cameras whose error rates are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import platewatch as pw
from platewatch.probability import rate

MODEL = pw.ChannelModel.default()


@pytest.mark.parametrize("target", [0.06, 0.2, 0.5, 0.95])
def test_the_plates_of_a_camera_are_misread_as_often_as_is_known(target: float) -> None:
    tables = MODEL.with_cameras({"A": target}).tables
    for engine in (None, *MODEL.engines):
        table = tables.of_read(engine, "A")
        if engine in ("ppocr-v4", "ppocr-v6") and target < 0.3:
            continue  # whose best frames are worse
        assert rate.error_rate(tables.symbols, table.rates, MODEL.population.document) == pytest.approx(target, 1e-3)
    assert tables.of_read(None, "B").rates["level"] is tables.general.rates["level"]


@given(
    levels=st.lists(st.floats(0.01, 1), min_size=4, max_size=4),
    rates=st.lists(st.floats(0, 1), min_size=4, max_size=4),
    target=st.floats(0.001, 0.999),
)
def test_levels_are_shares_and_as_near_to_the_target_as_there_are(
    levels: list[float], rates: list[float], target: float
) -> None:
    usual, misread = np.array(levels) / sum(levels), np.array(rates)
    found = rate.level_at(usual, misread, target)
    assert found.sum() == pytest.approx(1)
    assert (found >= 0).all()
    within = min(max(target, misread.min()), misread.max())
    if np.ptp(misread) > 0.05:
        assert found @ misread == pytest.approx(within, abs=1e-3)


def test_a_rate_that_is_none_is_refused_and_names_the_camera() -> None:
    for share in (0.0, 1.0, float("nan")):
        with pytest.raises(pw.PlatewatchError, match="error_rates: of camera 'B' is not above 0 and below 1"):
            MODEL.with_cameras({"A": 0.1, "B": share})


def test_other_cameras_keep_what_the_model_says_of_them() -> None:
    two = MODEL.with_cameras({"A": 0.9}).with_cameras({"B": 0.9})
    assert two.cameras == ["A", "B"]
    levels = two.tables.levels["ctc"]
    assert levels["A"].tolist() == levels["B"].tolist()
