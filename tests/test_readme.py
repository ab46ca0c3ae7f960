"""The README in Korean says what that in English says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def table(name: str, first_row: str) -> list[list[str]]:
    """The figures of the table whose first row has this: each row without its name."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if first_row in line)
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")][1:])
    return rows


def test_both_languages_have_the_same_figures() -> None:
    english, korean = table("README.md", "reads, of which misread"), table("README.ko.md", "판독 수, 그중 오독")
    assert len(english) == 11
    assert korean == english
    told = re.search(
        r"against\n?\s*([\d,]+) wanted of\s+([\d,]+)\s+vehicles\. Of\s+([\d,]+)\s+reads a\s+day,\s+([\d,]+)",
        (ROOT / "README.md").read_text("utf-8"),
    )
    assert told is not None
    text = (ROOT / "README.ko.md").read_text("utf-8")
    assert all(number in text for number in told.groups())


@pytest.mark.parametrize(
    "name", ["README.md", "README.ko.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
)
def test_what_a_page_links_to_is_there(name: str) -> None:
    page = ROOT / name
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
