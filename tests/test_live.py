"""A matcher that changes equals, after each change, one that is made from the list as it is then."""

from __future__ import annotations

import random
import threading
from itertools import count

import pytest

import platewatch as pw
from platewatch.matching import hotlist as hotlist_module
from platewatch.matching.hotlist import MAX_DISTINCT_SYMBOLS

SYLLABLES = "가나다"
QUERIES = ["1?가*", "*3", "[12]*", "서울*"]


def random_plate(rng: random.Random) -> str:
    digits = "".join(rng.choices("0123", k=5))
    plate = f"{digits[:2]}{rng.choice(SYLLABLES)}{digits[2:]}"
    chance = rng.random()
    if chance < 0.1:
        at = rng.randrange(len(plate))
        return plate[:at] + rng.choice(["?", "*", "[01]"]) + plate[at + 1 :]
    return plate + "12345"[: rng.randrange(6)] if chance < 0.2 else rng.choice(["서울", "", ""]) + plate


def random_entry(rng: random.Random, ids: int) -> pw.Entry:
    return pw.Entry(
        id=f"W-{rng.randrange(ids)}",
        plate=random_plate(rng),
        category=rng.choice(["", "stolen", "missing"]),
        priority=rng.choice([None, 1, -2]),
    )


def assert_equal(matcher: pw.Matcher, fresh: pw.Matcher, rng: random.Random) -> None:
    assert len(matcher) == len(fresh)
    reads = [random_plate(rng).translate({ord(c): None for c in "*[]"}) for _ in range(12)]
    for k in (0, 2):
        for read in reads[:4]:
            assert matcher.match(read, max_edits=k) == fresh.match(read, max_edits=k)
        columns = []
        for one in (matcher, fresh):
            batch = one.match_batch(reads, max_edits=k)
            ids = [batch.entry_ids[entry] for entry in batch.entry.tolist()]
            columns.append((batch.read.tolist(), ids, batch.edits.tolist()))
        assert columns[0] == columns[1]
    for query in QUERIES:
        assert matcher.search(query) == fresh.search(query)


@pytest.mark.parametrize("seed", range(6))
def test_random_changes(seed: int) -> None:
    rng = random.Random(seed)
    ids = rng.choice([20, 400])
    hotlist = pw.Hotlist(random_entry(rng, ids) for _ in range(rng.choice([0, 1, 300])))
    matcher = pw.Matcher(hotlist)
    for _ in range(60):
        match rng.randrange(6):
            case 0:
                entry = random_entry(rng, ids)
                matcher.add(entry)  # ahead of the list, which says the same in a moment
                hotlist.add(entry)
            case 1 if len(hotlist):
                gone = rng.choice([entry.id for entry in hotlist])
                matcher.remove(gone)
                hotlist.remove(gone)
            case 2:
                size = rng.choice([1, 5, 200])  # more than 128 become a segment of their own
                upserts = {e.id: e for e in (random_entry(rng, ids) for _ in range(size))}
                removals = tuple({f"W-{rng.randrange(ids)}" for _ in range(size)} - set(upserts))
                hotlist.apply(pw.HotlistDelta(upserts=tuple(upserts.values()), removals=removals))
                matcher.update(hotlist)
            case 3 if rng.random() < 0.2:
                hotlist = pw.Hotlist(random_entry(rng, ids) for _ in range(rng.choice([0, 150])))
                matcher.update(hotlist)
            case 4:
                # Strayed from the list: the next update brings it back.
                matcher.add(random_entry(rng, ids))
                if len(matcher) > 1 and len(hotlist):
                    listed = rng.choice([entry.id for entry in hotlist])
                    matcher.remove(listed)
                matcher.update(hotlist)
            case _:
                matcher.settle()
        assert_equal(matcher, pw.Matcher(hotlist), rng)
    matcher.settle()
    assert_equal(matcher, pw.Matcher(hotlist), rng)


def test_more_changes_than_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hotlist_module, "_REMEMBERED_CHANGES", 5)
    rng = random.Random(1)
    hotlist = pw.Hotlist.from_plates(["11가1111"])
    matcher = pw.Matcher(hotlist)
    for size in (4, 5, 6, 20):
        for _ in range(size):
            hotlist.add(random_entry(rng, 1000))
        matcher.update(hotlist)
        assert_equal(matcher, pw.Matcher(hotlist), rng)


def test_an_unlisted_id_is_no_entry_to_remove() -> None:
    matcher = pw.Matcher(pw.Hotlist.from_plates(["11가1111"]))
    with pytest.raises(KeyError):
        matcher.remove("11가1112")
    matcher.remove("11가1111")
    with pytest.raises(KeyError):
        matcher.remove("11가1111")
    assert (len(matcher), matcher.match("11가1111")) == (0, [])


def test_bad_entries_are_refused_and_change_nothing() -> None:
    full = [chr(0x4E00 + i) for i in range(MAX_DISTINCT_SYMBOLS)]
    matcher = pw.Matcher(pw.Hotlist.from_plates(full))
    before = matcher.match(full[0])
    for plate, reason in [
        ("가", "more than 254 distinct"),
        ("--", "no letter or digit"),
        ("*", "every plate"),
        ("1[", r"\[ without \]"),
    ]:
        with pytest.raises(pw.EntryError, match=reason) as caught:
            matcher.add(pw.Entry(id="X", plate=plate))
        assert (caught.value.field, caught.value.value) == ("plate", plate)
        assert (len(matcher), matcher.match(full[0])) == (len(full), before)
        assert {m.edits for m in matcher.match("가")} == {1}
    # In the place of the last entry with a symbol there is room for another one.
    matcher.add(pw.Entry(id=full[0], plate="가"))
    assert [m.entry_id for m in matcher.match("가", max_edits=0)] == [full[0]]


def test_an_update_may_swap_the_whole_alphabet() -> None:
    first, second = ([chr(start + i) for i in range(MAX_DISTINCT_SYMBOLS)] for start in (0x4E00, 0x5E00))
    hotlist = pw.Hotlist.from_plates(first)
    matcher = pw.Matcher(hotlist)
    upserts = tuple(pw.Entry(id=plate, plate=plate) for plate in second)
    hotlist.apply(pw.HotlistDelta(upserts=upserts, removals=tuple(first)))
    matcher.update(hotlist)
    matcher.settle()
    assert_equal(matcher, pw.Matcher(hotlist), random.Random(0))
    assert [m.plate for m in matcher.match(second[7], max_edits=0)] == [second[7]]


def test_readers_see_versions_whole_while_a_writer_changes() -> None:
    versions = [(f"{10 + i % 90}가{i:04d}", f"{10 + i % 90}나{i:04d}") for i in range(400)]
    others = [f"777다{i:04d}" for i in range(500)]
    hotlist = pw.Hotlist.from_plates(others)
    version_of = {plate: i for i, pair in enumerate(versions) for plate in pair}
    for entry_id, plate in zip("AB", versions[0], strict=True):
        hotlist.add(pw.Entry(id=entry_id, plate=plate))
    matcher = pw.Matcher(hotlist)
    started = finished = 0  # the version that is being made, and the last one made
    done = threading.Event()
    problems: list[str] = []

    def read(batch: bool) -> None:
        seen = 0
        try:
            for _ in count():
                last = done.is_set()
                oldest = finished
                if batch:
                    found = matcher.match_batch(["777다0001", "??가????", "??나????"], max_edits=0, threads=2)
                    del found
                    ids = matcher.search("??[가나]????")
                else:
                    ids = matcher.search("??[가나]????")
                newest = started
                answer = {match.entry_id: version_of[match.plate] for match in ids}
                if set(answer) != {"A", "B"} or len(set(answer.values())) != 1:
                    problems.append(f"{answer} is no version")
                elif not oldest <= answer["A"] <= newest:
                    problems.append(f"version {answer['A']} is not from {oldest} to {newest}")
                seen += 1
                if last or problems:
                    return
        except Exception as error:
            problems.append(repr(error))

    readers = [threading.Thread(target=read, args=(batch,)) for batch in (False, True)]
    for reader in readers:
        reader.start()
    rng = random.Random(2)
    for i, pair in enumerate(versions[1:], 1):
        upserts = [pw.Entry(id=entry_id, plate=plate) for entry_id, plate in zip("AB", pair, strict=True)]
        upserts += [
            pw.Entry(id=f"X{rng.randrange(300)}", plate=rng.choice(others)) for _ in range(rng.choice([0, 3, 150]))
        ]
        unique = tuple({entry.id: entry for entry in upserts}.values())
        hotlist.apply(pw.HotlistDelta(upserts=unique, removals=(f"X{rng.randrange(300, 400)}",)))
        started = i
        matcher.update(hotlist)
        finished = i
    done.set()
    for reader in readers:
        reader.join()
    assert problems == []
    assert [m.plate for m in matcher.search("??[가나]????")] == list(versions[-1])
