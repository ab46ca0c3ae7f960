"""What nobody should do to the core and its bindings, and what comes of it: an error that says why, nothing worse."""

from __future__ import annotations

import gc
import mmap
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import platewatch as pw
from platewatch import _core

PLATE = "12가3456"
TABLE = pw.ChannelModel.default().tables.core(pw.ChannelModel.default().tables.general)
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def run(script: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, for what may kill it."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=300, check=False
    )


# ---------------------------------------------------------------- objects that were never made


UNMADE: list[Callable[[], object]] = [
    lambda: pw.Matcher.__new__(pw.Matcher).match(PLATE),
    lambda: pw.Matcher.__new__(pw.Matcher).match_batch([PLATE]),
    lambda: pw.Matcher.__new__(pw.Matcher).match_pass([PLATE]),
    lambda: pw.Matcher.__new__(pw.Matcher).search("12*"),
    lambda: pw.Matcher.__new__(pw.Matcher).update(["12가3456"]),
    lambda: pw.Matcher.__new__(pw.Matcher).add(pw.Entry(id="A", plate=PLATE)),
    lambda: pw.Matcher.__new__(pw.Matcher).remove("A"),
    lambda: pw.Matcher.__new__(pw.Matcher).settle(),
    lambda: pw.Matcher.__new__(pw.Matcher).save("nowhere"),
    lambda: pw.Matcher.__new__(pw.Matcher).entry_ids,
    lambda: pw.Matcher.__new__(pw.Matcher).nbytes,
    lambda: len(pw.Matcher.__new__(pw.Matcher)),
    lambda: repr(pw.Matcher.__new__(pw.Matcher)),
    lambda: _core.Matcher.__new__(_core.Matcher).max_edits,
    lambda: _core.Match.__new__(_core.Match).probability,
    lambda: _core.Match.__new__(_core.Match).plate,
    lambda: hash(_core.Match.__new__(_core.Match)),
    lambda: _core.Match.__new__(_core.Match) == _core.Match.__new__(_core.Match),
    lambda: _core.SearchResult.__new__(_core.SearchResult).to_dict(),
    lambda: list(_core.EntryIds.__new__(_core.EntryIds)),
    lambda: len(_core.EntryIds.__new__(_core.EntryIds)),
    lambda: _core.Plate.__new__(_core.Plate).kind,
    lambda: hash(_core.Plate.__new__(_core.Plate)),
    lambda: pw.parse(PLATE) == _core.Plate.__new__(_core.Plate),
    lambda: _core.ChannelTable.__new__(_core.ChannelTable).count(_core.Examples([], [])),
    lambda: TABLE.count(_core.Examples.__new__(_core.Examples)),
    lambda: _core.ScoringModel.__new__(_core.ScoringModel).registered(PLATE),
]


@pytest.mark.parametrize("use", UNMADE)
def test_an_object_that_was_never_made_says_so(use: Callable[[], object]) -> None:
    with pytest.raises(pw.StateError, match="__init__ has failed or not run"):
        use()
    gc.collect()


def test_the_matcher_in_the_traceback_of_a_failed_open_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        pw.Matcher.open(tmp_path / "nothing")
    left = [entry.frame.f_locals["matcher"] for entry in caught.traceback if "matcher" in entry.frame.f_locals]
    assert left
    for matcher in left:
        with pytest.raises(pw.StateError):
            matcher.match(PLATE)
        with pytest.raises(pw.StateError):
            len(matcher)


# ---------------------------------------------------------------- reads that call back


class Meddler:
    """A read whose every attribute matches something else first."""

    def __init__(self, meddle: Callable[[], object], text: str = PLATE) -> None:
        self.values: dict[str, Any] = {
            "text": text,
            "time": NOW,
            "chars": tuple(
                pw.Character(c=c, p=0.9, alts=((other, 0.1),)) for c, other in zip(text, "나" * len(text), strict=True)
            ),
            "candidates": (pw.Candidate(text="12나3456", p=0.3),),
            "engine": "",
            "camera_id": "",
            "confidence": 0.8,
        }
        self.meddle = meddle
        self.depth = 0

    def __getattr__(self, name: str) -> Any:
        if self.__dict__["depth"] == 0:
            self.__dict__["depth"] = 1
            try:
                self.__dict__["meddle"]()
            finally:
                self.__dict__["depth"] = 0
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(name) from None


@pytest.fixture(scope="module")
def matcher() -> pw.Matcher:
    plates = [f"{a}{b}{c}3456" for a, b, c in product("12", "0123456789", "가나다")]
    return pw.Matcher([*plates, "99하9999", "98하9999", "12가????"])


@pytest.mark.parametrize("alternatives", [False, True])
@pytest.mark.parametrize("min_probability", [0.0, 1e-6])
def test_a_read_that_matches_while_it_is_matched_gets_its_own(
    matcher: pw.Matcher, alternatives: bool, min_probability: float
) -> None:
    options: dict[str, Any] = {"alternatives": alternatives, "min_probability": min_probability}
    plain = Meddler(lambda: None)
    expected = matcher.match(plain, **options)  # type: ignore[arg-type]
    one_pass = matcher.match_pass([plain, plain], **options)  # type: ignore[list-item]
    batch = matcher.match_batch([plain, plain, "99하9999"], **options)  # type: ignore[list-item]
    assert expected
    assert one_pass

    def everything() -> None:
        assert [m.probability for m in matcher.match("99하9999", max_edits=3)]
        matcher.match_pass(["99하9999", "98하9999"])
        matcher.match_batch(["99하9999", pw.Read(text="98하9999")])
        matcher.search("9*")

    read = Meddler(everything)
    found = matcher.match(read, **options)  # type: ignore[arg-type]
    assert [m.to_dict() for m in found] == [m.to_dict() for m in expected]
    assert matcher.match_pass([read, read], **options) == one_pass  # type: ignore[list-item]
    again = matcher.match_batch([read, read, "99하9999"], **options)  # type: ignore[list-item]
    assert again.to_dicts() == batch.to_dicts()


# ---------------------------------------------------------------- sizes that wrap


def test_a_text_of_more_than_4_gib_is_not_cut_to_its_rest() -> None:
    """Its first characters would be a plate, were its size counted in 32 bits."""
    plate = PLATE.encode()
    size = 2**32 + len(plate)
    memory = mmap.mmap(-1, size)  # zeros that take no room
    memory[: len(plate) + 1] = plate + b"\xff"  # which ends it
    ends = pa.py_buffer(np.array([0, size], np.int64))
    column = pa.LargeStringArray.from_buffers(1, ends, pa.py_buffer(memory))
    batch = pw.Matcher([PLATE]).match_batch(column, errors="report")
    assert len(batch) == 0
    assert [(error.row, error.field) for error in batch.errors] == [(0, "text")]
    assert "UTF-8" in batch.errors[0].reason


def test_more_reads_than_a_batch_can_number_are_refused() -> None:
    column = np.broadcast_to(np.array([PLATE]), (2**32 + 1,))  # one plate, seen as many
    with pytest.raises(ValueError, match="more than 2\\^32 - 1 reads"):
        pw.Matcher([PLATE]).match_batch(column)


def test_a_number_of_64_bits_is_not_another_entry() -> None:
    ids = pw.Matcher([PLATE]).entry_ids
    for number in (2**64 - 1, 2**63, 2**32):
        with pytest.raises(IndexError):
            ids[np.array([number], np.uint64)]
        with pytest.raises(IndexError):
            ids[number]
    assert ids[np.array([0], np.uint64)].tolist() == [PLATE]


def test_what_nobody_would_write_is_not_copied() -> None:
    long = " " * 2_000_000 + PLATE
    assert pw.normalize(long) == PLATE
    matcher = pw.Matcher([PLATE])
    for read in (long, long.encode(), pw.Read(text=long)):
        (found,) = matcher.match(read)
        (in_batch,) = matcher.match_batch([read])
        assert found.edits == 0
        assert found.probability == in_batch.probability
    with pytest.raises(pw.PlatewatchError, match="longer than"):
        matcher.search(long)


# ---------------------------------------------------------------- values that are not there


def test_a_masked_read_is_not_matched() -> None:
    matcher = pw.Matcher([PLATE, "99하9999"])
    reads = np.ma.MaskedArray(np.array([PLATE, "99하9999", PLATE]), mask=[True, False, False])
    batch = matcher.match_batch(reads, errors="report")
    assert (batch.read.tolist(), [(e.row, e.field, e.reason) for e in batch.errors]) == (
        [1, 2],
        [(0, "text", "is null")],
    )
    with pytest.raises(pw.ReadError, match="row 0, text: is null"):
        matcher.match_batch(reads)
    assert matcher.match_batch(reads[::-1], errors="report").read.tolist() == [0, 1]
    assert matcher.match_batch(np.ma.MaskedArray(np.array([PLATE]))).read.tolist() == [0]
    objects = np.ma.MaskedArray(np.array([PLATE, "99하9999"], object), mask=[True, False])
    batch = matcher.match_batch(objects, errors="report")
    assert (batch.read.tolist(), [(e.row, e.field) for e in batch.errors]) == ([1], [(0, "text")])


def test_a_masked_plate_is_not_listed() -> None:
    plates = np.ma.MaskedArray(np.array([PLATE, "99하9999"]), mask=[True, False])
    for make in (pw.Matcher, pw.Hotlist.from_plates):
        with pytest.raises(pw.EntryError, match=r"row 0, plate: missing|row 0, plate: no letter"):
            make(plates)
    assert list(pw.Hotlist.from_plates(plates, strict=False)) == [pw.Entry(id="99하9999", plate="99하9999")]
    records = [{"plate": np.ma.masked, "id": "A"}, {"plate": PLATE, "note": np.ma.masked}]
    hotlist = pw.Hotlist.from_records(records, strict=False)
    assert [(e.row, e.field, e.reason) for e in hotlist.report.errors] == [(0, "plate", "missing")]
    assert [entry.note for entry in hotlist] == [""]


def test_masked_times_and_entries_are_refused() -> None:
    matcher = pw.Matcher([PLATE])
    times = np.ma.MaskedArray(np.array(["2026-11-23"], "datetime64[s]"), mask=[True])
    with pytest.raises(ValueError, match="masked"):
        matcher.match_batch([PLATE], times=times)
    with pytest.raises(IndexError, match="masked"):
        matcher.entry_ids[np.ma.MaskedArray(np.array([0]), mask=[True])]


# ---------------------------------------------------------------- errors that tell a plate


any_pw: Any = pw
any_core: Any = _core
MISUSED: list[Callable[[Any], object]] = [
    lambda m: m.search(PLATE, 5),
    lambda m: m._search(PLATE, 5, 6),
    lambda m: m.search(PLATE, at=PLATE),
    lambda m: any_pw.normalize(PLATE, True),
    lambda m: any_pw.normalize(PLATE, raed=True),
    lambda m: any_pw.normalize(text=PLATE, read=PLATE),
    lambda m: any_pw.normalize([PLATE]),
    lambda m: any_pw.parse([PLATE]),
    lambda m: any_pw.parse(PLATE, PLATE),
    lambda m: any_core.is_pattern([PLATE]),
    lambda m: any_core.canonical_plates(PLATE),
    lambda m: any_core.region_mark({PLATE: 1}),
    lambda m: any_core.read_texts(PLATE, PLATE),
    lambda m: m.match([PLATE]),
    lambda m: m.match(PLATE, max_edits=PLATE),
    lambda m: m.match(PLATE, min_probability=PLATE),
    lambda m: m.match(PLATE, at=PLATE),
    lambda m: m.match_pass([PLATE], min_probability=PLATE),
    lambda m: m.match_pass([PLATE], max_edits=PLATE),
    lambda m: m.match_batch([PLATE], min_probability=PLATE),
    lambda m: m.match_batch([PLATE], times=[PLATE]),
    lambda m: m.match_batch([PLATE], threads=PLATE),
    lambda m: m.match_batch([PLATE], errors=PLATE),
    lambda m: m._match_batch([PLATE], PLATE),
    lambda m: m._match_pass(PLATE, 1, None, False, 0.0, False),
    lambda m: m.entry_ids[PLATE],
    lambda m: m.entry_ids[[PLATE]],
    lambda m: any_pw.Match(PLATE, PLATE, PLATE, PLATE, PLATE),
    lambda m: any_core.Matcher(PLATE),
    lambda m: m._model.scoring.weigh(PLATE, PLATE, PLATE),
    lambda m: m._model.scoring.registered([PLATE]),
]


@pytest.mark.parametrize("misuse", MISUSED)
def test_no_error_quotes_what_a_call_was_given(matcher: pw.Matcher, misuse: Callable[[Any], object]) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whichever: it must not tell
        misuse(matcher)
    error: BaseException | None = caught.value
    while error is not None:
        assert PLATE not in str(error)
        assert "가" not in repr(error)
        error = error.__cause__ or error.__context__


def test_a_refused_call_says_what_it_takes_and_what_it_got() -> None:
    with pytest.raises(TypeError, match=r"text: str \| bytes(.|\n)*Invoked with: str, bool"):
        any_pw.normalize(PLATE, True)
    with pytest.raises(TypeError, match=r"Invoked with: str, raed: bool"):
        any_pw.normalize(PLATE, raed=True)


# ---------------------------------------------------------------- Ctrl-C


INTERRUPTED = """
    import os, signal, threading, time
    import numpy as np
    import platewatch as pw
    {prepare}
    def press():
        time.sleep({after})
        global pressed
        pressed = time.monotonic()
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=press, daemon=True).start()
    started = time.monotonic()
    try:
        {call}
    except KeyboardInterrupt:
        took = time.monotonic() - pressed
        print("interrupted", took, threading.active_count())
    else:
        print("ended", time.monotonic() - started)
    {then}
"""
MATCHER = """
    matcher = pw.Matcher([f"{n % 100:02}가{n // 100:04}" for n in range(200_000)])
    reads = np.broadcast_to(np.array(["12가1234"]), (50_000_000,))
    objects = [pw.Read(text="12가1234")] * 3_000_000
"""
STILL_WORKS = "assert len(matcher.match('12가1234', max_edits=0)) == 1; print('works')"
LONG_CALLS = {
    "batch": (MATCHER, "matcher.match_batch(reads)", STILL_WORKS),
    "batch on threads": (MATCHER, "matcher.match_batch(reads, threads=3)", STILL_WORKS),
    "batch of reads": (MATCHER, "matcher.match_batch(objects)", STILL_WORKS),
    "update": (
        MATCHER + "    other = pw.Hotlist.from_plates(f'{n:08}' for n in range(3_000_000))\n",
        "matcher.update(other)",
        STILL_WORKS,
    ),
}


@pytest.mark.parametrize("name", LONG_CALLS)
def test_ctrl_c_ends_a_long_call(name: str) -> None:
    """Before it has ended, that is: how soon, a slow machine must not decide (`INTERRUPTED` prints it)."""
    prepare, call, then = LONG_CALLS[name]
    done = run(textwrap.dedent(INTERRUPTED).format(prepare=textwrap.dedent(prepare), call=call, then=then, after=0.3))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("interrupted"), done.stdout
    assert done.stdout.endswith("works\n")


# ---------------------------------------------------------------- lists that somebody else changes


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_batch_is_of_the_list_as_it_was_at_one_moment(threads: int) -> None:
    """Threads begin while its texts are still copied, short ones; long ones are held."""
    matcher = pw.Matcher([PLATE])
    long = f"{PLATE[:2]} - - - - - - - - - - - - - - {PLATE[2:]}"
    hits, misses = [PLATE, long] * 10_000, ["99나9999", "8" * 16 + " " * 30] * 9_000
    reads = list(hits)
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            for texts in (misses, hits):
                reads[:] = texts
                time.sleep(0.001)

    thread = threading.Thread(target=change)
    thread.start()
    found: list[int] = []
    try:
        until = time.monotonic() + 60
        while (len(found) < 30 or len(set(found)) < 2) and time.monotonic() < until:
            found.append(len(matcher.match_batch(reads, max_edits=0, score=False, threads=threads)))
    finally:
        stop.set()
        thread.join()
    assert set(found) == {0, len(hits)}


# ---------------------------------------------------------------- forks


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_forked_while_the_index_changes_can_change_it() -> None:
    rng = random.Random(7)
    matcher = pw.Matcher([f"{n % 100:02}가{n // 100:04}" for n in range(20_000)])
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            matcher.add(pw.Entry(id=f"N{rng.randrange(3000)}", plate=f"99나{rng.randrange(10_000):04}"))

    threads = [threading.Thread(target=change) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(40):
            child = os.fork()
            if child == 0:
                try:
                    signal.alarm(120)
                    for n in range(300):
                        matcher.add(pw.Entry(id=f"C{n}", plate=f"88다{n:04}"))
                    matcher.settle()
                    right = len(matcher.match("88다0007", max_edits=0)) == 1
                    matcher.update(["77라7777"])
                    batch = matcher.match_batch(["77라7777"] * 20_000, threads=2)
                    os._exit(0 if right and len(batch) == 20_000 else 1)
                finally:
                    os._exit(2)
            _, status = os.waitpid(child, 0)
            assert status == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


# ---------------------------------------------------------------- symbols


def test_a_list_of_too_many_symbols_loads_in_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: how often the whole list is gone through."""
    through = 0
    each = pw.Hotlist.__iter__

    def counted(self: pw.Hotlist) -> Iterator[pw.Entry]:
        nonlocal through
        through += 1
        return each(self)

    monkeypatch.setattr("platewatch.matching.hotlist.EntrySet.__iter__", counted)
    symbols = [chr(0xAC00 + n) for n in range(400)]
    records = [{"id": f"{n}", "plate": f"12{symbols[n % 400]}{n % 10_000:04}"} for n in range(4000)]
    records += [{"id": f"{n}", "plate": "12가1234"} for n in range(200)]  # in place of others
    hotlist = pw.Hotlist.from_records(records, strict=False)
    assert through <= 1
    errors = hotlist.report.errors
    assert 1000 < len(errors) < 1600
    assert {error.field for error in errors} == {"plate"}
    (reason,) = {error.reason for error in errors}
    assert "more than 254 distinct symbols" in reason
    assert "encoding" in reason
    assert len(set("".join(entry.plate for entry in each(hotlist)))) <= 254
    pw.Matcher(hotlist)
    with pytest.raises(pw.EntryError, match="more than 254 distinct symbols"):
        pw.Hotlist.from_records(records)


def test_symbols_that_nobody_uses_any_more_make_room() -> None:
    hotlist = pw.Hotlist(pw.Entry(id=f"{n}", plate=f"12{chr(0xAC00 + n)}{3000 + n}") for n in range(244))
    new = [pw.Entry(id=f"N{n}", plate=f"12{chr(0xB000 + n)}3456") for n in range(2)]
    with pytest.raises(pw.EntryError, match="254"):
        hotlist.add(new[0])
    with pytest.raises(pw.EntryError, match="254"):
        hotlist.apply(pw.HotlistDelta(upserts=tuple(new), removals=("7",)))
    assert "7" in hotlist
    hotlist.apply(pw.HotlistDelta(upserts=(new[0],), removals=("7",)))
    hotlist.add(pw.Entry(id="N0", plate=new[1].plate))  # in the place of the other new symbol
    with pytest.raises(pw.EntryError, match="254"):
        hotlist.add(pw.Entry(id="M", plate=new[0].plate))
    hotlist.remove("8")
    hotlist.add(pw.Entry(id="M", plate=new[0].plate))
    assert len(pw.Matcher(hotlist)) == 244


# ---------------------------------------------------------------- snapshots that are written over


COPIED_OVER = """
    import shutil, sys
    import platewatch as pw
    path, other = sys.argv[1:]
    matcher = pw.Matcher.open(path, mapped={mapped})
    shutil.copyfile(other, path)
    for n in range(0, 10_000, 7):
        assert len(matcher.match(f"12가{{n:04}}", max_edits=0)) == 1
    print("lives")
"""


@pytest.mark.parametrize("mapped", [None, False])
def test_a_snapshot_may_be_copied_over(tmp_path: Path, mapped: bool | None) -> None:
    path, other = tmp_path / "wanted", tmp_path / "other"
    pw.Matcher([f"12가{n:04}" for n in range(10_000)]).save(path)
    pw.Matcher(["99하9999"]).save(other)
    script = textwrap.dedent(COPIED_OVER).format(mapped=mapped)
    done = subprocess.run(
        [sys.executable, "-c", script, path, other], capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stdout) == (0, "lives\n"), done.stderr


def test_what_is_read_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "wanted"
    pw.Matcher([f"12가{n:04}" for n in range(1000)]).save(path)
    whole = path.read_bytes()
    for place in (len(whole) // 3, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        for mapped in (None, False):
            with pytest.raises(pw.SnapshotError, match="damaged"):
                pw.Matcher.open(path, mapped=mapped)
    path.write_bytes(whole)
    assert len(pw.Matcher.open(path, mapped=True).match("12가0007", max_edits=0)) == 1
