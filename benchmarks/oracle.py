"""What must be found, worked out without platewatch: every read compared with every plate."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from . import workloads

MOST_EDITS = 3
_COMPARISONS = 2e7  # about a second
_REGIONS = frozenset(workloads.REGIONS)


def distances(reads: Sequence[str], plates: Sequence[str]) -> list[dict[str, int]]:
    """For each canonical read the plates within 3 edits, and how many; region marks may be missing on either side."""
    owners = [*plates, *(plate for plate in plates if _has_mark(plate))]
    forms = [*plates, *(plate[2:] for plate in plates if _has_mark(plate))]
    near = [_near(row, owners) for row in _compare(reads, forms)]
    marked = [place for place, read in enumerate(reads) if _has_mark(read)]
    if marked:
        bare = [plate for plate in plates if not _has_mark(plate)]
        for place, row in zip(marked, _compare([reads[i][2:] for i in marked], bare), strict=True):
            for plate, edits in _near(row, bare).items():
                near[place][plate] = min(edits, near[place].get(plate, edits))
    return near


def check(mix: workloads.Mix, entries: int, k: int) -> int:
    """Assert that a matcher of the list finds just what is within k edits of a sample of reads; how many that is."""
    texts, expected = _sample(mix, entries)
    found = workloads.found(workloads.matcher(mix, entries), texts, k)
    right = [{plate for plate, edits in near.items() if edits <= k} for near in expected]
    assert found == right, (
        f"{mix}, {entries} entries, k={k}: other matches than by comparing every read with every plate"
    )
    return sum(map(len, right))


@lru_cache(maxsize=4)
def _sample(mix: workloads.Mix, entries: int) -> tuple[list[str], list[dict[str, int]]]:
    count = int(min(200, max(4, _COMPARISONS / entries)))
    texts = workloads.reads(mix, entries, count, hit_share=0.5, seed=99)
    return texts, distances(texts, workloads.plates_listed(mix, entries).tolist())


def _has_mark(text: str) -> bool:
    return len(text) >= 7 and text[:2] in _REGIONS


def _compare(reads: Sequence[str], plates: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    from rapidfuzz import process
    from rapidfuzz.distance import Levenshtein

    return process.cdist(reads, plates, scorer=Levenshtein.distance, score_cutoff=MOST_EDITS, dtype=np.uint8)


def _near(row: np.ndarray[tuple[int], np.dtype[np.uint8]], owners: Sequence[str]) -> dict[str, int]:
    near: dict[str, int] = {}
    for place in np.flatnonzero(row <= MOST_EDITS).tolist():
        edits = int(row[place])
        near[owners[place]] = min(edits, near.get(owners[place], edits))
    return near
