"""What tests of the evaluation have in common."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import platewatch as pw
from platewatch.evaluation import Evaluation, LabelledRead, Models, Settings
from platewatch.evaluation.lists import random_plates
from platewatch.probability.population import Population

SMALL = Settings(hotlist_size=300, draws=6, replicates=50, seed=3)
SHIPPED = Models([pw.ChannelModel.default()], None, "the shipped one")


def labelled(text: str, plate: str, passing: str | None = None) -> LabelledRead:
    return LabelledRead(pw.Read(text=text), plate, passing)


def sample_plates(count: int) -> list[str]:
    return random_plates(np.random.default_rng(0), count)


def rule(evaluation: Evaluation, name: str, view: int = 0) -> tuple[float | None, float | None]:
    found = next(r for r in evaluation.views[view].rules if r.name == name)
    return found.recall.value, found.alarmed.value


TOWN = {
    "format": "platewatch population 1",
    "sets": {"digit": "0123456789", "letter": "ABCDEFGHJKLMNPRSTUVWXYZ"},
    "classes": [
        {"vehicles": 200_000, "positions": ["letter", {"letter": 0.5, "Q": 0.5}, *["digit"] * 5]},
        {"vehicles": 100_000, "words": ["TX", "CD"], "positions": [*["digit"] * 5, "letter"]},
    ],
}


def town(tmp_path: Path, **changes: Any) -> Population:
    """Two thirds of its plates are two letters and five digits, one third a word, a digit and a letter."""
    path = tmp_path / "town.json"
    path.write_text(json.dumps(TOWN | changes), "utf-8")
    return Population.load(path)
