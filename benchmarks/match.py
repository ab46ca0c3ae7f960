"""Time per read from Python beside its peers, in one run on the same lists and reads.

A peer gets a ratio only where it finds just the same matches; else its recall and its extras are shown.

Run: python -m benchmarks.match [--entries 100000] [--no-peers]
Peers: make peers (one that is not there is left out, and said so).
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import platewatch as pw

from .peers import Peer, PeerMissing, peers

SYLLABLES = "가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주"
READS = {0: 200_000, 1: 200_000, 2: 20_000, 3: 1_000}  # by k


def plate(rng: random.Random) -> str:
    code = f"{rng.randint(100, 699)}" if rng.random() < 0.7 else f"{rng.randint(1, 69):02d}"
    return f"{code}{rng.choice(SYLLABLES)}{rng.randint(0, 9999):04d}"


def misread(text: str, rng: random.Random) -> str:
    place = rng.randrange(len(text))
    return text[:place] + rng.choice("0123456789") + text[place + 1 :]


def seconds(call: Callable[[], object], rounds: int = 5) -> tuple[float, float]:
    """(least, median) of several runs."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return min(times), statistics.median(times)


def ours(matcher: pw.Matcher, reads: Sequence[str], k: int) -> list[set[str]]:
    found: list[set[str]] = [set() for _ in reads]
    batch = matcher.match_batch(list(reads), max_edits=k, score=False)
    for read, entry in zip(batch.read.tolist(), batch.entry.tolist(), strict=True):
        found[read].add(batch.entry_ids[entry])
    return found


def lookups(matcher: pw.Matcher, reads: list[str]) -> dict[int, float]:
    """Seconds a read, by k."""
    per_read = {}
    for k, count in READS.items():
        few = reads[:count]
        least, median = seconds(partial(matcher.match_batch, few, max_edits=k, score=False))
        per_read[k] = least / count
        print(f"k={k}: {least / count * 1e9:10,.0f} ns a read (median {median / count * 1e9:,.0f})")
    few = reads[:5000]
    least, _ = seconds(lambda: [matcher.match(read, max_edits=1) for read in few])
    print(f"single match(), k=1: {least / len(few) * 1e9:,.0f} ns")
    two, _ = seconds(partial(matcher.match_batch, reads, max_edits=1, score=False, threads=2))
    print(f"k=1 on two threads: {two / len(reads) * 1e9:,.0f} ns a read")
    return per_read


def changes(matcher: pw.Matcher, rng: random.Random) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.snapshot"
        saved, _ = seconds(partial(matcher.save, str(path)), rounds=1)
        opened, _ = seconds(partial(pw.Matcher.open, path))
        print(f"snapshot: {path.stat().st_size / 1e6:,.0f} MB, saved in {saved:.2f} s, opened in {opened * 1e3:.2f} ms")
    times = []
    for i in range(1000):
        entry = pw.Entry(id=f"new {i}", plate=plate(rng))
        started = time.perf_counter()
        matcher.add(entry)
        times.append(time.perf_counter() - started)
    times.sort()
    print(f"one entry added: {times[500] * 1e6:.0f} µs (median), {times[990] * 1e6:.0f} µs (99 of 100)")


def compare(peer: Peer, matcher: pw.Matcher, wanted: list[str], reads: list[str], per_read: dict[int, float]) -> None:
    for k in range(peer.least_edits, peer.most_edits + 1):
        index = peer.build(wanted, k)
        time_taken, _ = seconds(partial(index.search, reads, k), rounds=3)
        theirs, mine = index.search(reads, k), ours(matcher, reads, k)
        index.close()
        common = sum(len(a & b) for a, b in zip(theirs, mine, strict=True))
        expected, extras = sum(map(len, mine)), sum(map(len, theirs)) - common
        shown = f"{time_taken / len(reads) * 1e6:10,.1f} µs a read"
        if common == expected and not extras:
            print(
                f"{peer.name}, k={k}: {shown}: platewatch is {time_taken / len(reads) / per_read[k]:,.0f} times as fast"
            )
        else:
            print(f"{peer.name}, k={k}: {shown}, finds {common / expected:.1%} and {extras} others: no ratio")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--no-peers", action="store_true")
    options = parser.parse_args()
    rng = random.Random(7)
    wanted = sorted({plate(rng) for _ in range(options.entries)})
    reads = [
        misread(rng.choice(wanted), rng) if rng.random() < 0.01 else plate(rng) for _ in range(max(READS.values()))
    ]
    started = time.perf_counter()
    hotlist = pw.Hotlist.from_plates(wanted)
    listed = time.perf_counter()
    matcher = pw.Matcher(hotlist)
    built = time.perf_counter()
    print(
        f"{len(wanted):,} entries, kernel {pw.cpu_features()['kernel']}: hotlist {listed - started:.2f} s,"
        f" index {built - listed:.2f} s, {matcher.nbytes / len(wanted):.1f} bytes a key"
    )
    per_read = lookups(matcher, reads)
    if not options.no_peers:
        for peer in peers():
            try:
                compare(peer, matcher, wanted, reads[: max(10, min(2000, int(peer.reads_a_second)))], per_read)
            except PeerMissing as error:
                print(f"{peer.name} is left out: {error}")
    changes(matcher, rng)


if __name__ == "__main__":
    main()
