"""Fixtures of the tests of notifications."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of an outbox."""
    return tmp_path / "outbox.db"
