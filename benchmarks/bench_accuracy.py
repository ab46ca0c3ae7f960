"""What is found and who is alarmed for nothing, on reads of real recognisers: as `platewatch evaluate` measures it."""

from __future__ import annotations

import pytest

from platewatch import ChannelModel
from platewatch.evaluation import Models, Settings, cross_validated, evaluate, load

from .conftest import Bench
from .measure import Spread
from .record import HERE

QUESTION = "accuracy"

_READS = HERE / "data" / "ocr_reads.jsonl.gz"


def test_accuracy(bench: Bench) -> None:
    if not _READS.exists():
        pytest.skip("the reads are in a checkout only")
    sample, errors = load(_READS)
    assert not errors
    settings = Settings(draws=50 if bench.full else 8, replicates=1000 if bench.full else 200)
    # To fit takes a minute. The shipped model has seen these reads, and the page says so.
    models = (
        cross_validated(sample, settings)
        if bench.full
        else Models([ChannelModel.default()], None, "the shipped one, which was fitted on these same reads")
    )
    korean = [labelled for labelled in sample if labelled.country == "KR"]
    if not korean:
        pytest.fail("no Korean read")
    never = [labelled.plate for labelled in sample]
    evaluation = bench.once(lambda: evaluate(korean, models, settings, never_listed=never))
    bench.accuracy = evaluation
    view = evaluation.views[0]
    assert view.units == len(korean)
    for rule in view.rules:
        _add(bench, rule.name, rule.recall.value, rule.alarmed.value, view.units)
    for point in view.models[-1].at_alarm_rates:
        _add(bench, f"model, threshold {point.threshold:.2g}", point.recall.value, point.alarmed.value, view.units)
    error = evaluation.calibration.error.value
    if error is not None:
        bench.add("expected calibration error", Spread.of([error]), "of 1", count=view.units, checked="reads")


def _add(bench: Bench, name: str, recall: float | None, alarmed: float | None, reads: int) -> None:
    if recall is None or alarmed is None:
        return
    note = f"{100 * alarmed:.2g} % of the innocent alarmed"
    bench.add(name, Spread.of([recall]), "of the wanted found", count=reads, checked="reads", note=note)
