"""The machine's floor: the bare cache lines that no index can do without. Told by the core's own benchmark."""

from __future__ import annotations

import re
import subprocess

import pytest

from .conftest import Bench
from .measure import Spread

QUESTION = "floor"

_TIMES = 3


@pytest.mark.parametrize(
    "entries", [1_000, 10_000, 100_000, 1_000_000, pytest.param(10_000_000, marks=pytest.mark.full)]
)
def test_floor(bench: Bench, entries: int) -> None:
    core = bench.core
    if core is None:
        pytest.skip("needs core_benchmark, which `make bench` builds")

    def run() -> list[str]:
        times = _TIMES if entries <= 1_000_000 else 1
        command = [str(core), str(entries), "1"]
        return [subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(times)]

    printed = bench.once(run)
    matches = {re.search(r"([\d.]+) matches", text)[1] for text in printed}  # type: ignore[index]
    assert len(matches) == 1, "the same reads have other matches"
    for name, pattern in (("floor", r"floor +([\d.]+) ns"), ("the core alone", r"k=1 +([\d.]+) ns")):
        times = [float(re.search(pattern, text)[1]) for text in printed]  # type: ignore[index]
        bench.add(
            name,
            Spread.of(times),
            "ns",
            checked="equal in all runs",
            note=f"{next(iter(matches))} matches a read",
            k=1,
            entries=entries,
        )
