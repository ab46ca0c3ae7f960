"""Reads in, events in a real outbox: what becomes a hit, and as what."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import platewatch as pw
from platewatch.notify import HitData, Outbox
from platewatch.notify.event import decode
from platewatch.notify.outbox import export_events
from platewatch.pipeline import Accepted, Pipeline
from platewatch.policy import CategoryPolicy, Policy

WANTED = [
    {"id": "A1", "plate": "12가3456", "category": "stolen"},
    {"id": "A2", "plate": "12가3456", "category": "suicide risk"},
    {"id": "P1", "plate": "7?다*9", "category": "stolen"},
]
NEIGHBOUR = "12거3456"


def matcher() -> pw.Matcher:
    return pw.Matcher(pw.Hotlist.from_records(WANTED), max_edits=2)


def probability(text: str) -> float:
    return matcher().match(text)[0].probability


def accept(place: Path, policy: Policy, *texts: str) -> tuple[Accepted, list[HitData], int]:
    """(answer, what is in the outbox, how often it was said that there is something to deliver)."""
    wakes = []

    async def body() -> Accepted:
        async with await Outbox.open(place / "outbox.db") as outbox:
            pipeline = Pipeline(
                pw.Hotlist.from_records(WANTED),
                matcher(),
                {},
                outbox,
                policy=policy,
                source="urn:platewatch:test",
                on_queued=lambda: wakes.append(1),
            )
            return await pipeline.accept([pw.Read(text=text, camera_id="G1") for text in texts])

    accepted = asyncio.run(body())
    events = [decode(line).data for line in export_events(place / "outbox.db")]
    return accepted, sorted(events, key=lambda data: data.entry_id), len(wakes)


def test_each_entry_is_graded_by_its_category(tmp_path: Path) -> None:
    p = probability(NEIGHBOUR)
    policy = Policy(notify=1, check=p * 1.01, categories={"suicide risk": CategoryPolicy(notify=p, check=p)})
    accepted, hits, wakes = accept(tmp_path, policy, NEIGHBOUR)
    assert (accepted.reads, accepted.hits, wakes) == (1, 1, 1)
    assert [(hit.entry_id, hit.grade, hit.probability, hit.edits) for hit in hits] == [("A2", "notify", round(p, 4), 1)]


def test_a_match_below_check_is_no_hit(tmp_path: Path) -> None:
    accepted, hits, wakes = accept(tmp_path, Policy(), NEIGHBOUR, "99허9999")
    assert (accepted.reads, accepted.hits, hits, wakes) == (2, 0, [], 0)


@pytest.mark.parametrize("text", ["12가3456", "서울12가3456"])
def test_an_exact_match_is_a_hit_however_improbable(tmp_path: Path, text: str) -> None:
    _, hits, _ = accept(tmp_path, Policy(notify=1, check=1), text)
    assert [(hit.entry_id, hit.grade, hit.edits) for hit in hits] == [("A1", "check", 0), ("A2", "check", 0)]


def test_a_pattern_is_told_and_never_more_than_looked_at(tmp_path: Path) -> None:
    p = probability("78다5559")
    _, hits, _ = accept(tmp_path, Policy(notify=p / 2, check=p / 2), "78다5559")
    assert [(hit.grade, hit.pattern, hit.wanted_plate, hit.probability) for hit in hits] == [
        ("check", True, "7?다*9", round(p, 4))
    ]
    (tmp_path / "other").mkdir()
    assert accept(tmp_path / "other", Policy(notify=1, check=p * 1.01), "78다5559")[1] == []
