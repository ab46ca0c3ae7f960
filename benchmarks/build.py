"""How long a list takes to become a Hotlist, and then a Matcher: the best of several times."""

from __future__ import annotations

import random
import sys
import time

import platewatch as pw

TIMES = 5


def plates(count: int) -> list[str]:
    rng = random.Random(11)
    texts: set[str] = set()
    while len(texts) < count:
        texts.add(f"{rng.randrange(100, 700)}{rng.choice('가나다라마거너더러머버서어저')}{rng.randrange(10_000):04d}")
    return sorted(texts)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    wanted = plates(count)
    hotlists: list[float] = []
    matchers: list[float] = []
    for _ in range(TIMES):
        started = time.perf_counter()
        hotlist = pw.Hotlist.from_plates(wanted)
        loaded = time.perf_counter()
        pw.Matcher(hotlist)
        hotlists.append(loaded - started)
        matchers.append(time.perf_counter() - loaded)
    print(f"{count:,} plates: Hotlist.from_plates {min(hotlists):.2f} s, Matcher {min(matchers):.2f} s")


if __name__ == "__main__":
    main()
