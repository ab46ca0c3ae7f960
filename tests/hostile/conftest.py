from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from platewatch.notify import generate_secret
from platewatch.notify.simulator import WassSimulator
from tests.service import prepare
from tests.simulator import simulating

SECRET = generate_secret()


@pytest.fixture
def wass() -> Iterator[WassSimulator]:
    with simulating(SECRET) as simulator:
        yield simulator


@pytest.fixture
def config(tmp_path: Path, wass: WassSimulator) -> Path:
    return prepare(tmp_path, wass=wass.url, secret=SECRET)
