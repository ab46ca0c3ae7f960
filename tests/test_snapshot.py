"""Matchers as files: what is saved is what is opened, and damage is told."""

from __future__ import annotations

import random
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import platewatch as pw
from tests.test_live import QUERIES, assert_equal, random_entry

START = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.fixture
def hotlist() -> pw.Hotlist:
    rng = random.Random(8)
    hotlist = pw.Hotlist(random_entry(rng, 500) for _ in range(400))
    hotlist.add(pw.Entry(id="🚕", plate="12가1212", valid_from=START, valid_until=START + timedelta(hours=1)))
    hotlist.add(pw.Entry(id="W-P", plate="12[가나]?2*", valid_from=START, priority=-(2**31) + 1, category="수배"))
    hotlist.add(pw.Entry(id="W-L", plate="1234567890123456"))
    return hotlist


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "wanted.platewatch"


def test_round_trip(hotlist: pw.Hotlist, path: Path) -> None:
    matcher = pw.Matcher(hotlist, max_edits=2)
    matcher.save(path)
    pw.Matcher.verify(path)
    opened = pw.Matcher.open(path)
    assert (opened.max_edits, len(opened), opened.nbytes) == (2, len(matcher), matcher.nbytes)
    assert list(opened.entry_ids) == list(matcher.entry_ids)
    assert_equal(opened, matcher, random.Random(9))
    for time in (START - timedelta(microseconds=1), START, START + timedelta(hours=1)):
        for read in ("12가1212", "12나9299", "1234567890123456", "서울12가1212"):
            assert opened.match(read, at=time) == matcher.match(read, at=time)
        for query in QUERIES:
            assert opened.search(query, at=time) == matcher.search(query, at=time)
    assert [(m.category, m.priority) for m in opened.match("12나9299", at=START, max_edits=0)] == [
        ("수배", -(2**31) + 1)
    ]
    assert pw.Matcher.open(path, max_edits=0).max_edits == 0
    with pytest.raises(ValueError, match="max_edits"):
        pw.Matcher.open(path, max_edits=4)


def test_the_same_list_is_the_same_file(hotlist: pw.Hotlist, path: Path) -> None:
    pw.Matcher(hotlist).save(path)
    first = path.read_bytes()
    pw.Matcher.open(path).save(path)
    assert path.read_bytes() == first


def test_an_open_snapshot_changes_in_memory_only(hotlist: pw.Hotlist, path: Path) -> None:
    pw.Matcher(hotlist).save(path)
    before = path.read_bytes()
    path.chmod(0o444)
    opened = pw.Matcher.open(path, mapped=True)
    mapped = [line for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith(str(path))]
    assert mapped
    assert all(" r--" in line for line in mapped)
    opened.add(pw.Entry(id="NEW", plate="99하9999"))
    opened.remove("W-L")
    opened.settle()
    assert path.read_bytes() == before
    assert [m.entry_id for m in opened.match("99하9999")] == ["NEW"]
    # What has been changed is saved whole, and may replace the file that it came from.
    path.chmod(0o644)
    opened.save(path)
    hotlist.add(pw.Entry(id="NEW", plate="99하9999"))
    hotlist.remove("W-L")
    pw.Matcher.verify(path)
    assert_equal(pw.Matcher.open(path), pw.Matcher(hotlist), random.Random(3))
    assert_equal(opened, pw.Matcher(hotlist), random.Random(3))
    opened.update(pw.Hotlist.from_plates(["11가1111"]))
    assert (len(opened), len(opened.match("11가1111"))) == (1, 1)


def test_who_has_an_old_one_open_keeps_it(path: Path) -> None:
    pw.Matcher(pw.Hotlist.from_plates(["11가1111"])).save(path)
    old = pw.Matcher.open(path)
    pw.Matcher(pw.Hotlist.from_plates(["22나2222"])).save(str(path))
    assert [m.plate for m in old.match("11가1111")] == ["11가1111"]
    assert [m.plate for m in pw.Matcher.open(str(path)).match("22나2222")] == ["22나2222"]
    assert [child.name for child in path.parent.iterdir()] == [path.name]


def test_an_empty_list(path: Path) -> None:
    pw.Matcher(pw.Hotlist()).save(path)
    pw.Matcher.verify(path)
    assert (len(pw.Matcher.open(path)), pw.Matcher.open(path).match("12가3456")) == (0, [])


def test_damage_is_told(hotlist: pw.Hotlist, path: Path) -> None:
    pw.Matcher(hotlist).save(path)
    good = path.read_bytes()
    for size in (0, 1, 31, 32, len(good) // 2, len(good) - 1):
        path.write_bytes(good[:size])
        with pytest.raises(pw.SnapshotError):
            pw.Matcher.open(path)
    for text in (good + b"\0", b"id,plate\n" * 100, b"X" + good[1:]):
        path.write_bytes(text)
        with pytest.raises(pw.SnapshotError):
            pw.Matcher.open(path)
    newer = bytearray(good)
    struct.pack_into("<I", newer, 8, 99)
    path.write_bytes(newer)
    with pytest.raises(pw.SnapshotError, match="version"):
        pw.Matcher.open(path)
    rng = random.Random(5)
    for _ in range(200):
        at = rng.randrange(len(good))
        path.write_bytes(good[:at] + bytes([good[at] ^ 1 << rng.randrange(8)]) + good[at + 1 :])
        with pytest.raises(pw.SnapshotError):
            pw.Matcher.verify(path)
        try:
            damaged = pw.Matcher.open(path, mapped=True)
        except pw.SnapshotError:
            continue
        for read in ("12가1212", "서울12가1212", "1234567890123456"):
            damaged.match(read, max_edits=3)  # any answer, and no crash
        damaged.search("1*")


def test_what_the_system_refuses(path: Path, tmp_path: Path) -> None:
    for call in (pw.Matcher.open, pw.Matcher.verify):
        with pytest.raises(FileNotFoundError):
            call(path)
        with pytest.raises((OSError, pw.SnapshotError)):
            call(tmp_path)
    with pytest.raises(OSError, match="nowhere") as caught:
        pw.Matcher(pw.Hotlist()).save(tmp_path / "nowhere" / "file")
    assert caught.value.errno == 2
