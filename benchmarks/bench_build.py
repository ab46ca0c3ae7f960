"""Building, saving, opening and changing an index."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import platewatch as pw

from . import workloads
from .conftest import Bench
from .measure import Spread, Timed

QUESTION = "build"

_SIZES = [30_000, 100_000, pytest.param(1_000_000, marks=pytest.mark.full)]
_CHANGES = 500
_DELTA = 100


@pytest.mark.parametrize("entries", _SIZES)
def test_build(bench: Bench, entries: int) -> None:
    texts = workloads.plates_listed("korean", entries).tolist()
    hotlist = pw.Hotlist.from_plates(texts)
    timed = {
        "Hotlist.from_plates": Timed(lambda: len(pw.Hotlist.from_plates(texts)), 1, entries),
        "Matcher(hotlist)": Timed(lambda: entries_of(pw.Matcher(hotlist)), 1, entries),
    }
    bench.measure(timed, unit="ms", scale=1e3, checked="every entry", against=(), view="build", entries=entries)


@pytest.mark.parametrize("entries", _SIZES)
def test_snapshot(bench: Bench, entries: int, tmp_path: Path) -> None:
    matcher = workloads.matcher("korean", entries)
    path = tmp_path / "index.platewatch"
    matcher.save(path)
    listed = str(workloads.plates_listed("korean", entries)[0])

    def save() -> int:
        matcher.save(path)
        return 1

    timed = {
        "open": Timed(lambda: found(pw.Matcher.open(path), listed), 1, 1),
        "save": Timed(save, 1, 1),
    }
    note = f"a file of {path.stat().st_size / 1e6:,.1f} MB"
    bench.measure(
        timed,
        unit="ms",
        scale=1e3,
        checked="a listed plate is found",
        notes={"save": note},
        against=(),
        view="snapshot",
        entries=entries,
    )


@pytest.mark.parametrize("entries", _SIZES)
def test_change(bench: Bench, entries: int) -> None:
    """One entry at a time, as an alert comes in, and a hotlist that changed by a few."""
    plates = workloads.plates("korean", entries)
    hotlist = pw.Hotlist.from_plates(plates.tolist())
    matcher = pw.Matcher(hotlist)
    new = [str(plate) for plate in workloads.plates("latin", _CHANGES)]
    seconds: dict[str, list[float]] = {"add": [], "remove": [], f"update by {_DELTA} entries": []}

    def change() -> None:
        for plate in new:
            _timed(seconds["add"], partial(matcher.add, pw.Entry(id=plate, plate=plate)))
        assert all(found(matcher, plate) == 1 for plate in new)
        for plate in new:
            _timed(seconds["remove"], partial(matcher.remove, plate))
        assert not any(found(matcher, plate) for plate in new)
        for start in range(0, _CHANGES, _DELTA):
            for plate in new[start : start + _DELTA]:
                hotlist.add(pw.Entry(id=plate, plate=plate))
            _timed(seconds[f"update by {_DELTA} entries"], partial(matcher.update, hotlist))
        assert all(found(matcher, plate) == 1 for plate in new)

    bench.once(change)
    for name, samples in seconds.items():
        micros = sorted(1e6 * s for s in samples)
        bench.add(
            name,
            Spread.of(micros),
            "µs",
            count=len(micros),
            checked="each change shows in the next call",
            quantiles={"0.99": micros[int(0.99 * len(micros))]},
            view="change",
            entries=entries,
        )


def entries_of(matcher: pw.Matcher) -> int:
    """How many entries it has."""
    return len(matcher)


def found(matcher: pw.Matcher, plate: str) -> int:
    """How many entries have this plate."""
    return len(matcher.match(plate, max_edits=0))


def _timed(samples: list[float], call: Callable[[], object]) -> None:
    started = time.perf_counter()
    call()
    samples.append(time.perf_counter() - started)
