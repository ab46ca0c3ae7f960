"""A list that changes in small steps and as a whole, while it is matched with."""

from __future__ import annotations

import asyncio
import random

import pytest

import platewatch as pw
from platewatch.matching.hotlist import EntrySet, HotlistDelta
from platewatch.service import live_list
from platewatch.service.live_list import LiveList
from platewatch.service.worker import Steps, Worker


def entry(number: int, plate: int | None = None) -> pw.Entry:
    return pw.Entry(id=f"A{number}", plate=f"{10 + number % 90}가{1000 + (number if plate is None else plate)}")


def of(hotlist: EntrySet) -> dict[str, str]:
    return {listed.id: listed.plate for listed in hotlist}


def assert_together(live: LiveList) -> None:
    """Index and entries say the same."""
    assert len(live.matcher) == len(live.hotlist)
    for listed in random.Random(1).sample(list(live.hotlist), min(20, len(live.hotlist))):
        assert listed.id in [match.entry_id for match in live.matcher.match(listed.plate, max_edits=0)]


@pytest.mark.parametrize("small", [1000, 0])
def test_a_change_and_what_undoes_it(monkeypatch: pytest.MonkeyPatch, small: int) -> None:
    monkeypatch.setattr(live_list, "_SMALL", small)
    hotlist = EntrySet(map(entry, range(50)))
    before = of(hotlist)

    async def run() -> None:
        with Worker() as worker:
            live = LiveList(hotlist, pw.Matcher(hotlist), worker)
            used: list[EntrySet] = []
            live.follow(lambda hotlist, _: used.append(hotlist))
            delta = HotlistDelta(upserts=(entry(3, 99), entry(70)), removals=("A5", "no such"))
            undo = await live.apply(delta)
            assert (len(live.hotlist), "A5" in live.hotlist) == (50, False)
            assert live.hotlist["A3"].plate == entry(3, 99).plate
            assert_together(live)
            await live.apply(undo)
            assert of(live.hotlist) == before
            assert_together(live)
            assert len(used) == (0 if small else 2)

    asyncio.run(run())


@pytest.mark.parametrize("small", [1000, 0])
def test_a_change_that_cannot_be_leaves_all_as_it_was(monkeypatch: pytest.MonkeyPatch, small: int) -> None:
    monkeypatch.setattr(live_list, "_SMALL", small)
    hotlist = EntrySet([entry(1)])
    many = tuple(pw.Entry(id=f"H{n}", plate="".join(chr(0xAC00 + 4 * n + i) for i in range(4))) for n in range(80))

    async def run() -> None:
        with Worker() as worker:
            live = LiveList(hotlist, pw.Matcher(hotlist), worker)
            with pytest.raises(pw.EntryError, match="distinct symbols"):
                await live.apply(HotlistDelta(upserts=many, removals=("A1",)))
            assert of(live.hotlist) == of(EntrySet([entry(1)]))
            await live.apply(HotlistDelta(upserts=(entry(2),)))  # and it can still be changed
            assert_together(live)

    asyncio.run(run())


def test_small_changes_while_another_index_is_built_are_in_both() -> None:
    hotlist = EntrySet(map(entry, range(100)))
    whole = HotlistDelta(
        upserts=tuple(entry(number) for number in range(200, 3000)), removals=tuple(f"A{n}" for n in range(50))
    )

    async def run() -> None:
        with Worker() as worker:
            live = LiveList(hotlist, pw.Matcher(hotlist), worker)
            large = asyncio.create_task(live.apply(whole))
            added = 0
            while not large.done():
                await live.apply(HotlistDelta(upserts=(entry(5000 + added),), removals=(f"A{60 + added % 30}",)))
                assert f"A{5000 + added}" in live.hotlist
                added += 1
            await large
            assert added
            assert all(f"A{5000 + number}" in live.hotlist for number in range(added))
            assert "A60" not in live.hotlist
            assert ("A0" in live.hotlist, "A2999" in live.hotlist) == (False, True)
            assert_together(live)

    asyncio.run(run())


def test_whoever_matches_never_sees_an_entry_that_is_not_there() -> None:
    hotlist = EntrySet(map(entry, range(3000)))

    async def run() -> None:
        with Worker() as worker:
            live = LiveList(hotlist, pw.Matcher(hotlist), worker)
            rounds = 0

            def match() -> Steps:
                nonlocal rounds
                batch = live.matcher.match_batch([entry(number).plate for number in range(0, 3000, 50)])
                for number in batch.entry.tolist():
                    live.hotlist[batch.entry_ids[number]]
                rounds += 1
                yield

            for half in (range(1500), range(1500, 3000)):
                gone = HotlistDelta(removals=tuple(f"A{number}" for number in half))
                change = asyncio.create_task(live.apply(gone))
                while not change.done():
                    await worker.run(match())
                await live.apply(await change)
            assert rounds

    asyncio.run(run())


def test_what_is_learnt_meanwhile_stays() -> None:
    hotlist = EntrySet(map(entry, range(10)))
    learnt = pw.ChannelModel.default().scaled(0.03)

    async def run() -> None:
        with Worker() as worker:
            live = LiveList(hotlist, pw.Matcher(hotlist), worker)
            change = asyncio.create_task(live.apply(HotlistDelta(upserts=tuple(map(entry, range(2000))))))
            live.matcher.use(learnt)
            await change
            assert live.matcher.model is learnt

    asyncio.run(run())
