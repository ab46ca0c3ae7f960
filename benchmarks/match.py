"""Time per read beside rapidfuzz in one run, on random Korean plates; both must find the same matches.

Run: python benchmarks/match.py [--entries 100000]
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

import platewatch as pw

SYLLABLES = "가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주"
ROUNDS = 5
CHECKED_READS = 100  # rapidfuzz compares every read with every entry


def plate(rng: random.Random) -> str:
    code = f"{rng.randint(100, 699)}" if rng.random() < 0.7 else f"{rng.randint(1, 69):02d}"
    return f"{code}{rng.choice(SYLLABLES)}{rng.randint(0, 9999):04d}"


def misread(text: str, rng: random.Random) -> str:
    place = rng.randrange(len(text))
    return text[:place] + rng.choice("0123456789") + text[place + 1 :]


def seconds(call: Callable[[], object]) -> float:
    """Median of ROUNDS runs."""
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    options = parser.parse_args()
    rng = random.Random(7)
    wanted = sorted({plate(rng) for _ in range(options.entries)})
    reads = [misread(rng.choice(wanted), rng) if rng.random() < 0.01 else plate(rng) for _ in range(100_000)]
    started = time.perf_counter()
    matcher = pw.Matcher(pw.Hotlist.from_plates(wanted))
    print(
        f"{len(wanted):,} entries, indexed in {time.perf_counter() - started:.2f} s,"
        f" {matcher.nbytes / len(wanted):.1f} bytes each"
    )
    few = reads[:CHECKED_READS]
    for k in (0, 1, 2, 3):
        batch = reads if k < 2 else reads[:2000]
        ours = seconds(partial(matcher.match_batch, batch, max_edits=k)) / len(batch)
        scan = partial(
            process.cdist, few, wanted, scorer=Levenshtein.distance, score_cutoff=k, dtype=np.uint8, workers=1
        )
        theirs = seconds(scan) / len(few)
        found, want = len(matcher.match_batch(few, max_edits=k)), int((scan() <= k).sum())
        if found != want:
            raise SystemExit(f"k={k}: {found} matches, rapidfuzz {want}")
        print(f"k={k}: {ours * 1e9:,.0f} ns a read; rapidfuzz {theirs * 1e6:,.0f} µs: {theirs / ours:,.0f} times")


if __name__ == "__main__":
    main()
