"""A fast index finds what a compact one does: of enough plates to be another one."""

from __future__ import annotations

import pickle
import random
from pathlib import Path
from typing import Any

import pytest
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

import platewatch as pw

KEYS = 1 << 17  # from so many on a fast index is another one
TAILS = random.Random(10).sample(range(1_000, 10_000), 250)  # so few that each is that of hundreds of plates


def plate(rng: random.Random) -> str:
    return f"{rng.randrange(1_000)}가{rng.choice(TAILS)}"


def misread(text: str, rng: random.Random) -> str:
    for _ in range(rng.randrange(3)):
        at = rng.randrange(len(text))
        text = text[:at] + rng.choice(["", rng.choice("0123456789가나?"), text[at] * 2]) + text[at + 1 :]
    return text


@pytest.fixture(scope="module")
def plates() -> list[str]:
    rng = random.Random(11)
    made: set[str] = set()  # most of those that there are
    while len(made) < KEYS + 20_000:
        made.add(plate(rng))
    return sorted(made, key=lambda _: rng.random())


@pytest.fixture(scope="module")
def reads(plates: list[str]) -> list[str]:
    rng = random.Random(12)
    return [misread(rng.choice(plates), rng) for _ in range(1_000)]


@pytest.fixture(scope="module")
def fast(plates: list[str]) -> pw.Matcher:
    return pw.Matcher(plates, index="fast")


def rows(matcher: pw.Matcher, reads: list[str], k: int) -> list[tuple[int, str, int]]:
    batch = matcher.match_batch(reads, max_edits=k, score=False)
    return [(row.read, row.entry_id, row.edits) for row in batch]


@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_it_finds_the_same(plates: list[str], reads: list[str], fast: pw.Matcher, k: int) -> None:
    some = reads if k < 3 else reads[:100]
    assert rows(fast, some, k) == rows(pw.Matcher(plates), some, k)


def test_it_finds_all_that_there_are(plates: list[str], reads: list[str], fast: pw.Matcher) -> None:
    some = [read.replace("?", "x") for read in reads[:100]]
    distances = cdist(some, plates, scorer=Levenshtein.distance, score_cutoff=1)
    wanted = {(read, plates[i]) for read, near in enumerate(distances) for i in (near <= 1).nonzero()[0]}
    assert len(wanted) > 100
    assert {(read, entry_id) for read, entry_id, _ in rows(fast, some, 1)} == wanted


def test_entries_with_ids_of_their_own(plates: list[str], reads: list[str]) -> None:
    listed = pw.Hotlist(pw.Entry(id=str(number), plate=text) for number, text in enumerate(plates))
    matcher = pw.Matcher(listed, index="fast")
    assert rows(matcher, reads, 1) == rows(pw.Matcher(listed), reads, 1)


def test_what_it_costs(plates: list[str], fast: pw.Matcher) -> None:
    compact = pw.Matcher(plates)
    assert 17 * len(plates) < compact.nbytes <= 22 * len(plates)
    for size in (10_000, 30_000):
        assert pw.Matcher(plates[:size]).nbytes <= 22 * size
        with_ids = pw.Hotlist(pw.Entry(id=str(number), plate=text) for number, text in enumerate(plates[:size]))
        assert pw.Matcher(with_ids).nbytes <= 26 * size
    assert 12 * len(plates) < fast.nbytes - compact.nbytes <= 13.1 * len(plates)
    few = plates[:1_000]
    assert pw.Matcher(few, index="fast").nbytes == pw.Matcher(few).nbytes


def test_it_stays_one(plates: list[str], reads: list[str], fast: pw.Matcher, tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    fast.save(path)
    assert pw.Matcher.open(path).nbytes < fast.nbytes
    wanted = rows(fast, reads, 1)
    for mapped in (False, True):
        opened = pw.Matcher.open(path, index="fast", mapped=mapped)
        assert opened.nbytes == fast.nbytes
        for kept in (opened, pickle.loads(pickle.dumps(opened))):
            assert (kept.index, kept.nbytes) == ("fast", fast.nbytes)
            assert rows(kept, reads, 1) == wanted


def test_a_change_that_is_folded_in(plates: list[str], reads: list[str]) -> None:
    first, more = plates[: KEYS - 5_000], plates[KEYS - 5_000 :]  # too few, and then enough
    hotlist = pw.Hotlist.from_plates(first)
    matcher = pw.Matcher(hotlist, index="fast")
    for text in more:
        hotlist.add(pw.Entry(id=text, plate=text))
    matcher.update(hotlist)
    matcher.settle()
    assert matcher.nbytes > 30 * len(plates)
    assert rows(matcher, reads, 1) == rows(pw.Matcher(plates), reads, 1)


@pytest.mark.parametrize("kind", ["quick", "", None, 3])
def test_other_kinds_are_refused(kind: Any) -> None:
    with pytest.raises(ValueError, match='index must be "compact" or "fast", not '):
        pw.Matcher(["12가3456"], index=kind)
    assert pw.Matcher(["12가3456"]).index == "compact"
