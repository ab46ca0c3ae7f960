"""One matcher used and changed by many threads at once: what an interpreter without a GIL lays bare."""

from __future__ import annotations

import random
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable
from contextlib import suppress

import pytest

import platewatch as pw

STAYING = {f"S-{i}": f"{10 + i % 90}가{1000 + 37 * i % 9000}" for i in range(300)}
COMING_AND_GOING = {f"C-{i}": f"{10 + i % 90}저{1000 + 53 * i % 9000}" for i in range(400)}
PLATES = STAYING | COMING_AND_GOING
READS = [plate[:-1] + "0" for plate in STAYING.values()][::10]  # the last digit misread, in most of them
UPDATES = 60


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="needs a free-threaded interpreter")
def test_importing_does_not_bring_the_gil_back() -> None:
    program = "import sys, platewatch; platewatch.Matcher(['12가3456']).match('12가3456'); print(sys._is_gil_enabled())"
    run = subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "False"


def test_many_threads_use_and_change_one_matcher() -> None:
    hotlist = pw.Hotlist(pw.Entry(id=entry_id, plate=plate) for entry_id, plate in STAYING.items())
    matcher = pw.Matcher(hotlist)
    models = [pw.ChannelModel.default(), pw.ChannelModel.default().scaled(0.05)]
    expected = {read: sorted((m.entry_id, m.edits) for m in matcher.match(read)) for read in READS}
    assert all(expected.values())
    done = threading.Event()
    problems: list[str] = []

    def check(read: str, found: list[tuple[str, str, int]]) -> None:
        problems.extend(f"{i} has the plate {plate}" for i, plate, _ in found if PLATES[i] != plate)
        if sorted((i, edits) for i, _, edits in found if i in STAYING) != expected[read]:
            problems.append(f"{read}: {found}")

    def match(rng: random.Random) -> None:
        read = rng.choice(READS)
        check(read, [(m.entry_id, m.plate, m.edits) for m in matcher.match(read)])

    def match_pass(rng: random.Random) -> None:
        read = rng.choice(READS)
        check(read, [(m.entry_id, m.plate, m.edits) for m in matcher.match_pass([read, read])])

    def match_batch(rng: random.Random) -> None:
        reads = rng.choices(READS, k=50)
        batch = matcher.match_batch(reads, threads=2)
        rows = zip(batch.read.tolist(), batch.entry.tolist(), batch.edits.tolist(), strict=True)
        found: list[list[tuple[str, str, int]]] = [[] for _ in reads]
        for read, entry, edits in rows:
            entry_id = batch.entry_ids[entry]
            found[read].append((entry_id, PLATES[entry_id], edits))
        for read, its in zip(reads, found, strict=True):
            check(read, its)

    def search(rng: random.Random) -> None:
        entry_id, plate = rng.choice(list(STAYING.items()))
        if (entry_id, plate) not in [(m.entry_id, m.plate) for m in matcher.search(f"{plate[:2]}?{plate[3:]}")]:
            problems.append(f"a search has not found {plate}")

    def add_or_remove(rng: random.Random) -> None:
        entry_id = rng.choice(list(COMING_AND_GOING))
        if rng.random() < 0.5:
            matcher.add(pw.Entry(id=entry_id, plate=PLATES[entry_id]))
        else:
            with suppress(KeyError):  # it is not there, or an update has just taken it out
                matcher.remove(entry_id)

    def use(rng: random.Random) -> None:
        matcher.use(rng.choice(models))

    def until_done(work: Callable[[random.Random], None], seed: int) -> None:
        rng = random.Random(seed)
        try:
            while not done.is_set() and not problems:
                work(rng)
        except Exception as error:
            problems.append(repr(error))

    works = [match, match, match_batch, match_batch, match_pass, search, add_or_remove, add_or_remove, use]
    threads = [threading.Thread(target=until_done, args=(work, seed)) for seed, work in enumerate(works)]
    for thread in threads:
        thread.start()
    rng = random.Random(len(works))
    for _ in range(UPDATES):
        changed = {
            entry_id: PLATES[entry_id] for entry_id in rng.choices(list(COMING_AND_GOING), k=rng.choice([2, 150]))
        }
        upserts = tuple(pw.Entry(id=entry_id, plate=plate) for entry_id, plate in changed.items())
        removals = tuple(entry_id for entry_id in COMING_AND_GOING if entry_id not in changed and rng.random() < 0.3)
        hotlist.apply(pw.HotlistDelta(upserts=upserts, removals=removals))
        matcher.update(hotlist)
    done.set()
    for thread in threads:
        thread.join()
    assert problems == []
    matcher.use(models[0])
    matcher.update(hotlist)
    matcher.settle()
    fresh = pw.Matcher(hotlist)
    assert len(matcher) == len(fresh)
    for read in READS:
        assert matcher.match(read) == fresh.match(read)


def test_a_matcher_is_closed_under_its_readers() -> None:
    matcher = pw.Matcher(STAYING.values())
    read = next(iter(STAYING.values()))
    started = threading.Barrier(5)
    ends: list[str] = []

    def match() -> None:
        started.wait()
        try:
            while read in [m.plate for m in matcher.match(read, max_edits=0)]:
                pass
            ends.append("an answer that is none")
        except pw.StateError:
            ends.append("closed")

    threads = [threading.Thread(target=match) for _ in range(4)]
    for thread in threads:
        thread.start()
    started.wait()
    matcher.close()
    for thread in threads:
        thread.join()
    assert ends == ["closed"] * 4
