"""That what the pages on safety name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("page", ["asvs.md", "threats.md"])
def test_every_test_that_is_named_exists(page: str) -> None:
    text = (ROOT / "docs" / page).read_text("utf-8")
    files = set(re.findall(r"`((?:\w+/)*test_\w+\.py)", text))
    assert len(files) >= 5
    for file in files:
        assert (ROOT / "tests" / file).is_file(), file
    named = set(re.findall(r"`((?:\w+/)*test_\w+\.py)::(\w+)`", text))
    assert len(named) == len(set(re.findall(r"::\w+`", text))), "each names its file"
    for file, test in named:
        assert f"def {test}(" in (ROOT / "tests" / file).read_text("utf-8"), f"{file}::{test}"
    for folder in re.findall(r"`tests/(\w+)/`", text):
        assert list((ROOT / "tests" / folder).glob("test_*.py")), folder


def test_the_checklist_has_every_chapter() -> None:
    """V1 to V17 of the standard."""
    text = (ROOT / "docs" / "asvs.md").read_text("utf-8")
    chapters = {int(number) for number in re.findall(r"\bV(\d+)\b", text)}
    assert chapters == set(range(1, 18))
    for line in text.splitlines():
        assert not line.startswith("|") or line.count("|") == 4, line
