"""What tests of several rooms need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from platewatch.notify.simulator import WassSimulator
from tests.service import SECRET, prepare
from tests.simulator import simulating

# No deadline for an example, nor for making one: machines are noisy, and speed is for benchmarks.
settings.register_profile("platewatch", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("platewatch")


@pytest.fixture
def wass() -> Iterator[WassSimulator]:
    """What the service notifies."""
    with simulating(SECRET) as simulator:
        yield simulator


@pytest.fixture
def config(tmp_path: Path, wass: WassSimulator) -> Path:
    """The settings of a service that notifies it."""
    return prepare(tmp_path, wass=wass.url, secret=SECRET)
