"""The kernels of this machine beside each other, in turn, each in a process of its own; all find the same."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import pytest

import platewatch as pw

from . import workloads
from .bench_lookup import READS
from .conftest import Bench
from .measure import Timed
from .process import elsewhere, timing

QUESTION = "kernels"


@pytest.mark.parametrize("k", [1, 2, pytest.param(3, marks=pytest.mark.full)])
@pytest.mark.parametrize("entries", [100_000])
def test_kernels(bench: Bench, entries: int, k: int) -> None:
    features = pw.cpu_features()
    names = list(reversed(features["usable"]))
    count = READS[k] // 2
    expected = len(
        workloads.matcher("korean", entries).match_batch(
            workloads.reads("korean", entries, count), max_edits=k, score=False
        )
    )
    with ExitStack() as stack:
        timed = {
            name: Timed(
                stack.enter_context(
                    elsewhere(searching, name, entries, count, k, environment={"PLATEWATCH_KERNEL": name})
                ),
                count,
                expected,
                own_clock=True,
            )
            for name in names
        }
        bench.measure(timed, checked="equal for all", k=k, entries=entries)


def searching(kernel: str, entries: int, count: int, k: int) -> Callable[[], tuple[int, float]]:
    """(matches, seconds) of a batch under the kernel that the environment forces."""
    assert pw.cpu_features()["kernel"] == kernel
    matcher = workloads.matcher("korean", entries)
    reads = workloads.reads("korean", entries, count)

    return partial(timing, lambda: len(matcher.match_batch(reads, max_edits=k, score=False)))
