"""Reads in, events in a real outbox: what becomes a hit, and as what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

import platewatch as pw
from platewatch.notify import HitData, HitEvent, Outbox, OutboxError
from platewatch.notify.event import decode
from platewatch.notify.outbox import WASS, NewEvent
from platewatch.notify.outbox_reader import export_events
from platewatch.service.cameras import Cameras
from platewatch.service.passes import MOST_READS
from platewatch.service.pipeline import Pipeline
from platewatch.service.policy import CategoryPolicy, Policy
from platewatch.service.worker import Worker
from platewatch.sources import Accepted, BusyError

WANTED = [
    {"id": "A1", "plate": "12가3456", "category": "stolen"},
    {"id": "A2", "plate": "12가3456", "category": "suicide risk"},
    {"id": "P1", "plate": "7?다*9", "category": "stolen"},
]
NEIGHBOUR = "12나3456"


def matcher() -> pw.Matcher:
    return pw.Matcher(pw.Hotlist.from_records(WANTED), max_edits=2)


def probability(text: str) -> float:
    return matcher().match(text)[0].probability


def accept(place: Path, policy: Policy, *texts: str) -> tuple[Accepted, list[HitData], int]:
    """(answer, what is in the outbox, how often it was said that there is something to deliver)."""
    wakes = []

    async def body() -> Accepted:
        async with await Outbox.open(place / "outbox.db") as outbox:
            with Worker() as worker:
                pipeline = Pipeline(
                    pw.Hotlist.from_records(WANTED),
                    matcher(),
                    Cameras(),
                    outbox,
                    policy=policy,
                    routes_of=lambda _: (WASS,),
                    source="urn:platewatch:test",
                    on_queued=lambda: wakes.append(1),
                    worker=worker,
                )
                return await pipeline.accept([pw.Read(text=text, camera_id="G1") for text in texts])

    accepted = asyncio.run(body())
    events = [decode(line).data for line in export_events(place / "outbox.db")]
    return accepted, sorted(events, key=lambda data: data.entry_id), len(wakes)


def test_each_entry_is_graded_by_its_category(tmp_path: Path) -> None:
    p = probability(NEIGHBOUR)
    policy = Policy(notify=1, check=p * 1.01, categories={"suicide risk": CategoryPolicy(notify=p, check=p)})
    accepted, hits, wakes = accept(tmp_path, policy, NEIGHBOUR)
    assert (accepted.reads, accepted.hits, wakes) == (1, 1, 1)
    assert [(hit.entry_id, hit.grade, hit.probability, hit.edits) for hit in hits] == [("A2", "notify", round(p, 4), 1)]


def test_chars_that_are_ignored_are_counted_once_a_read(tmp_path: Path) -> None:
    """However often a read is judged again with those of its pass."""

    def with_chars(at: float, text: str) -> pw.Read:
        return msgspec.structs.replace(seen("12가3456", at), chars=tuple(pw.Character(c=c, p=0.9) for c in text))

    async def body(it: Running) -> None:
        counts = [
            (await it.pipeline.accept(reads)).not_lined_up
            for reads in (
                [with_chars(0, "12가3456"), with_chars(1, "12가345"), with_chars(1.5, "2가3456")],
                [with_chars(2, "12가3456")],
                [],
            )
        ]
        assert counts == [2, 0, 0]

    run(tmp_path, Policy(), body)


def test_a_match_below_check_is_no_hit(tmp_path: Path) -> None:
    accepted, hits, wakes = accept(tmp_path, Policy(), NEIGHBOUR, "99허9999")
    assert (accepted.reads, accepted.hits, hits, wakes) == (2, 0, [], 0)


@pytest.mark.parametrize("text", ["12가3456", "서울12가3456"])
def test_an_exact_match_is_a_hit_however_improbable(tmp_path: Path, text: str) -> None:
    _, hits, _ = accept(tmp_path, Policy(notify=1, check=1), text)
    assert [(hit.entry_id, hit.grade, hit.edits) for hit in hits] == [("A1", "check", 0), ("A2", "check", 0)]


def test_a_pattern_is_told_and_never_more_than_looked_at(tmp_path: Path) -> None:
    p = probability("78다5559")
    _, hits, _ = accept(tmp_path, Policy(notify=p / 2, check=p / 2), "78다5559")
    assert [(hit.grade, hit.pattern, hit.wanted_plate, hit.probability) for hit in hits] == [
        ("check", True, "7?다*9", round(p, 4))
    ]
    (tmp_path / "other").mkdir()
    assert accept(tmp_path / "other", Policy(notify=1, check=p * 1.01), "78다5559")[1] == []


def test_what_the_recogniser_says_a_read_may_be_counts(tmp_path: Path) -> None:
    likely = msgspec.structs.replace(seen("99허9999"), candidates=(pw.Candidate(text="12가3456", p=0.9),))

    async def body(it: Running) -> None:
        await it.hits(likely)
        (event,) = it.events()
        assert (event.data.grade, event.data.read_text) == ("notify", "99허9999")
        assert event.data.edits == len(event.data.differences) > 3

    run(tmp_path, Policy(), body)


def test_only_a_read_that_is_the_plate_is_a_hit_however_improbable(tmp_path: Path) -> None:
    """Not one that lists it among what it may be."""
    chars = tuple(pw.Character(c=c, p=0.9, alts=(("가", 0.002),) if c == "나" else ()) for c in NEIGHBOUR)
    doubtful = [msgspec.structs.replace(seen(NEIGHBOUR, at), chars=chars) for at in (0, 1)]
    assert matcher().match(doubtful[0], alternatives=True)[0].edits == 0

    async def body(it: Running) -> None:
        assert [await it.hits(read) for read in (*doubtful, seen("12가3456", 100))] == [0, 0, 2]

    run(tmp_path, Policy(notify=1, check=1), body)


# --------------------------------------------------------------------- passes

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
OTHER = "12가3455"  # like NEIGHBOUR one edit from the plate that is wanted, but another one
ALONE = max(probability(NEIGHBOUR), probability(OTHER))
TOGETHER = matcher().match_pass([NEIGHBOUR, OTHER])[0].probability
BETWEEN = (ALONE + TOGETHER) / 2  # a threshold that neither read reaches alone, and both do together
CHECK = Policy(notify=1, check=BETWEEN)


def seen(text: str, at: float = 0, *, pass_id: str | None = None, image_url: str | None = None) -> pw.Read:
    time = START + timedelta(seconds=at)
    return pw.Read(text=text, camera_id="G1", time=time, pass_id=pass_id, image_url=image_url)


class Running:
    """A pipeline with a real outbox."""

    def __init__(self, outbox: Outbox, path: Path, policy: Policy, worker: Worker) -> None:
        self.outbox = outbox
        self.path = path
        hotlist = pw.Hotlist.from_records(WANTED)
        self.pipeline = Pipeline(
            hotlist,
            matcher(),
            Cameras(),
            outbox,
            policy=policy,
            routes_of=lambda _: (WASS,),
            source="urn:platewatch:test",
            on_queued=lambda: None,
            worker=worker,
        )

    async def hits(self, *reads: pw.Read) -> int:
        return (await self.pipeline.accept(reads)).hits

    def events(self, entry_id: str = "A1") -> list[HitEvent]:
        """What is in the outbox of an entry, oldest first."""
        events = [decode(line) for line in export_events(self.path)]
        return [event for event in events if event.data.entry_id == entry_id]

    @asynccontextmanager
    async def disk_full(self) -> AsyncIterator[None]:
        """No room for what does not fit on a page, such as the event of a read with a LONG image URL."""
        ((pages,),) = await self.outbox._query("PRAGMA page_count")
        await self.outbox._query(f"PRAGMA max_page_count = {pages}")
        yield
        await self.outbox._query("PRAGMA max_page_count = 10000")


LONG = "http://camera/" + "1" * 200_000


def run(place: Path, policy: Policy, body: Callable[[Running], Coroutine[None, None, None]]) -> None:
    async def running() -> None:
        path = place / "outbox.db"
        async with await Outbox.open(path) as outbox:
            with Worker() as worker:
                await body(Running(outbox, path, policy, worker))

    asyncio.run(running())


def test_a_read_that_the_others_of_its_pass_speak_against_is_no_hit(tmp_path: Path) -> None:
    """Two frames that read what is somebody else's plate: alone, each would be worth a look."""
    together = matcher().match_pass([NEIGHBOUR, NEIGHBOUR])[0].probability
    alone = probability(NEIGHBOUR)
    assert together < 0.9 * alone

    async def body(it: Running) -> None:
        assert await it.hits(seen(NEIGHBOUR, pass_id="1"), seen(NEIGHBOUR, 1, pass_id="1")) == 0
        assert await it.hits(seen(NEIGHBOUR, pass_id="2")) == 2

    run(tmp_path, Policy(notify=1, check=(together + alone) / 2), body)


def test_two_weak_reads_of_one_vehicle_make_a_hit(tmp_path: Path) -> None:
    assert TOGETHER > 1.5 * ALONE

    async def body(it: Running) -> None:
        assert await it.hits(seen(NEIGHBOUR)) == 0
        assert await it.hits(seen(OTHER, 10)) == 0, "another vehicle"
        assert await it.hits(seen(OTHER, 1)) == 2
        (hit,) = it.events()
        (other,) = it.events("A2")
        assert (hit.sequence, hit.data.grade, hit.data.reads, hit.data.edits) == ("000001", "check", 2, 1)
        assert hit.data.probability == round(TOGETHER, 4)
        assert (hit.data.read_text, hit.data.time) == (OTHER, START + timedelta(seconds=1)), "the likeliest of both"
        assert [(d.read, d.wanted) for d in hit.data.differences] == [("5", "6")]
        assert (other.data.read_text, other.hitid != hit.hitid) == (OTHER, True)
        assert await it.hits(seen(NEIGHBOUR, 0.5), seen(OTHER, 2)) == 0, "nothing new"
        assert len(it.events()) == 1

    run(tmp_path, CHECK, body)


def test_reads_of_one_call_are_one_pass_too(tmp_path: Path) -> None:
    async def body(it: Running) -> None:
        assert await it.hits(seen(NEIGHBOUR), seen("99허9999", 0.5), seen(OTHER, 1)) == 2
        assert [event.data.reads for event in it.events()] == [2]

    run(tmp_path, CHECK, body)


def test_a_vehicle_behind_another_is_judged_alone(tmp_path: Path) -> None:
    async def body(it: Running) -> None:
        assert await it.hits(seen("98나7654"), seen("12가3456", 0.5), seen("98나7654", 1)) == 2
        (hit,) = it.events()
        assert (hit.data.grade, hit.data.reads, hit.data.probability) == (
            "notify",
            1,
            round(probability("12가3456"), 4),
        )

    run(tmp_path, Policy(), body)


def test_frames_with_one_misread_are_one_misread(tmp_path: Path) -> None:
    policy = Policy(notify=1, check=min(1, 4 * probability(NEIGHBOUR)))

    async def body(it: Running) -> None:
        assert await it.hits(*(seen(NEIGHBOUR, 0.1 * n) for n in range(3))) == 0
        assert await it.hits(*(seen(NEIGHBOUR, 1 + 0.1 * n) for n in range(5))) == 0

    run(tmp_path, policy, body)


def test_a_repeat_is_no_evidence(tmp_path: Path) -> None:
    async def body(it: Running) -> None:
        for _ in range(4):
            assert await it.hits(seen(OTHER), seen(OTHER)) == 0
        assert await it.hits(seen(NEIGHBOUR, 1)) == 2
        before = it.events()
        assert before[0].data.probability == round(TOGETHER, 4)
        for _ in range(4):
            assert await it.hits(seen(NEIGHBOUR, 1)) == 0
        assert it.events() == before

    run(tmp_path, CHECK, body)


def test_a_hit_that_rises_is_told_again(tmp_path: Path) -> None:
    both = matcher().match_pass([OTHER, "12가3456"])[0].probability
    policy = Policy(notify=both / 1.01, check=probability(OTHER) / 1.01)

    async def body(it: Running) -> None:
        assert await it.hits(seen(OTHER)) == 2
        assert await it.hits(seen("12가3456", 1)) == 2
        first, second = it.events()
        assert (first.sequence, first.data.grade, first.data.reads) == ("000001", "check", 1)
        assert (second.sequence, second.data.grade, second.data.reads) == ("000002", "notify", 2)
        assert (second.hitid, second.data.read_text, second.data.edits) == (first.hitid, "12가3456", 0)
        assert first.id != second.id
        assert await it.hits(seen("12가3456", 1.5), seen(OTHER, 2), seen(NEIGHBOUR, 2.5)) == 0

    run(tmp_path, policy, body)


def test_a_hit_that_is_out_stays_though_later_reads_speak_against_it(tmp_path: Path) -> None:
    against = [seen(NEIGHBOUR, 1 + 0.1 * n) for n in range(3)]

    async def early(it: Running) -> None:
        assert await it.hits(seen("12가3456")) == 2
        assert await it.hits(*against) == 0
        assert [event.data.grade for event in it.events()] == ["notify"]

    async def late(it: Running) -> None:
        assert await it.hits(*against, seen("12가3456")) == 2
        (hit,) = it.events()
        assert (hit.data.grade, hit.data.edits, hit.data.reads) == ("check", 0, 4), "exact is never less than check"
        assert hit.data.probability < 0.5 < probability("12가3456")

    for name, body in (("early", early), ("late", late)):
        (tmp_path / name).mkdir()
        run(tmp_path / name, Policy(), body)


def test_an_exact_read_that_its_pass_does_not_keep_is_a_hit_all_the_same(tmp_path: Path) -> None:
    sure = [msgspec.structs.replace(seen("1234거56", 0.1 * n), confidence=0.9) for n in range(MOST_READS)]

    async def body(it: Running) -> None:
        assert await it.hits(*sure, seen("12가3456", 1)) == 2
        (hit,) = it.events()
        assert (hit.data.edits, hit.data.read_text) == (0, "12가3456")

    run(tmp_path, Policy(), body)


def test_a_pattern_takes_each_read_by_itself(tmp_path: Path) -> None:
    p = probability("78다5559")
    policy = Policy(notify=p / 2, check=p / 2)

    async def body(it: Running) -> None:
        assert await it.hits(seen("78다5559")) == 1
        assert await it.hits(seen("78다5569", 1), seen("78다5559", 1)) == 0
        (hit,) = it.events("P1")
        assert (hit.data.pattern, hit.data.grade, hit.data.probability) == (True, "check", round(p, 4))

    run(tmp_path, policy, body)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_hit_comes_when_a_read_is_sent_again_after_the_outbox_failed(
    tmp_path: Path, order: tuple[int, int]
) -> None:
    reads = [seen(NEIGHBOUR, image_url=LONG), seen(OTHER, 1, image_url=LONG)]
    first, second = (reads[place] for place in order)

    async def body(it: Running) -> None:
        assert await it.hits(first) == 0
        async with it.disk_full():
            for _ in range(2):
                with pytest.raises(OutboxError):
                    await it.hits(second)
        assert it.events() == []
        assert await it.hits(second) == 2
        (hit,) = it.events()
        assert (hit.sequence, hit.data.reads, hit.data.probability) == ("000001", 2, round(TOGETHER, 4))
        assert await it.hits(second) == 0
        assert len(it.events()) == 1

    run(tmp_path, CHECK, body)


def test_a_rise_after_the_outbox_failed_brings_both_events(tmp_path: Path) -> None:
    both = matcher().match_pass([OTHER, "12가3456"])[0].probability

    async def body(it: Running) -> None:
        async with it.disk_full():
            with pytest.raises(OutboxError):
                await it.hits(seen(OTHER, image_url=LONG))
        assert await it.hits(seen("12가3456", 1)) == 4
        first, second = it.events()
        assert [(event.sequence, event.data.grade) for event in (first, second)] == [
            ("000001", "check"),
            ("000002", "notify"),
        ]
        assert first.hitid == second.hitid
        assert await it.hits(seen(OTHER, image_url=LONG)) == 0

    run(tmp_path, Policy(notify=both / 1.01, check=probability(OTHER) / 1.01), body)


def test_calls_at_the_same_time_make_one_hit_and_wait_for_it(tmp_path: Path) -> None:
    async def body(it: Running) -> None:
        await it.hits(seen(NEIGHBOUR))
        reads = [seen(OTHER, 0.1 * n, image_url=LONG) for n in range(1, 9)]
        async with it.disk_full():
            failed = await asyncio.gather(*map(it.hits, reads), return_exceptions=True)
            assert all(isinstance(error, OutboxError) for error in failed), "each would have been acknowledged"
        hits = await asyncio.gather(*map(it.hits, reads))
        assert sum(hits) == 2, "one of each entry"
        assert [event.sequence for event in it.events()] == ["000001"]
        assert await it.hits(*reads) == 0

    run(tmp_path, CHECK, body)


def test_a_hit_counts_for_the_call_that_made_it_and_not_for_another_that_commits_it_too(tmp_path: Path) -> None:
    async def body(it: Running) -> None:
        # Each has its own vehicle, and both have a read of the first one's.
        one, other = [seen("12가3456", 0)], [seen("12가3456", 1), seen("78다5559", 20)]
        assert list(await asyncio.gather(it.hits(*one), it.hits(*other))) == [2, 1]
        assert [len(it.events(entry_id)) for entry_id in ("A1", "A2", "P1")] == [1, 1, 1]

    run(tmp_path, Policy(check=probability("78다5559") / 2), body)


@pytest.mark.parametrize("together", [True, False])
def test_a_hit_that_reads_of_no_common_pass_make_counts_once(tmp_path: Path, together: bool) -> None:
    """A read of no camera is a pass of its own, each time that it comes."""
    read = msgspec.structs.replace(seen("12가3456"), camera_id=None)

    async def body(it: Running) -> None:
        if together:
            hits = list(await asyncio.gather(it.hits(read), it.hits(read, read)))
        else:
            hits = [await it.hits(read), await it.hits(read, read)]
        assert hits == [2, 0]
        assert len(it.events()) == 1
        assert await it.hits(read, msgspec.structs.replace(read, time=START + timedelta(seconds=1))) == 2

    run(tmp_path, Policy(), body)


@pytest.mark.parametrize("first_fails", [True, False])
def test_of_two_calls_with_one_hit_the_one_that_gets_it_onto_the_disk_counts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first_fails: bool
) -> None:
    """Though the call that made it fails, and sends its read again."""
    hit = seen("12가3456")
    too_large = seen("12가3456", 20, image_url=LONG)  # another vehicle's
    one, other = [hit], [seen("12가3456", 1)]
    (one if first_fails else other).append(too_large)

    async def body(it: Running) -> None:
        append = it.outbox.append

        async def append_small(events: Iterable[NewEvent]) -> int:
            events = list(events)
            if any(len(event.body) > len(LONG) for event in events):
                raise OutboxError("the disk is full")
            return await append(events)

        with monkeypatch.context() as outbox:
            outbox.setattr(it.outbox, "append", append_small)
            answers = await asyncio.gather(it.hits(*one), it.hits(*other), return_exceptions=True)
        assert [isinstance(answer, OutboxError) for answer in answers] == [first_fails, not first_fails]
        counted = [answer for answer in answers if isinstance(answer, int)]
        assert counted == [2]
        assert await it.hits(*(one if first_fails else other)) == 2, "the large ones"
        assert await it.hits(*one, *other) == 0
        assert sum(counted) + 2 == len(it.events("A1")) + len(it.events("A2")) == 4

    run(tmp_path, Policy(), body)


def test_a_restart_forgets_passes_and_loses_no_stronger_hit(tmp_path: Path) -> None:
    both = matcher().match_pass([OTHER, "12가3456"])[0].probability
    policy = Policy(notify=both / 1.01, check=probability(OTHER) / 1.01)

    async def before(it: Running) -> None:
        assert await it.hits(seen(OTHER)) == 2

    async def after(it: Running) -> None:
        assert await it.hits(seen(OTHER)) == 0, "counted before"
        assert len(it.events()) == 1, "the same read gives the same event"

    async def in_company(it: Running) -> None:
        known = len(it.events())
        assert await it.hits(seen(OTHER), seen("12가3456", 1)) == (2 if known == 1 else 0)
        assert [event.data.grade for event in it.events()] == ["check", "notify"]

    for body in (before, after, in_company, in_company):
        run(tmp_path, policy, body)


def test_when_too_many_reads_wait_the_next_are_refused(tmp_path: Path) -> None:
    """But no small call for a large one, and no large one while only a few reads wait."""

    async def body(it: Running) -> None:
        it.pipeline._most_waiting = 100
        small, large = [seen("77무7777")], [seen("77무7777", n) for n in range(3000)]
        calls = [asyncio.create_task(it.pipeline.accept(reads)) for reads in (small, large, small)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await it.pipeline.accept(large)
        calls += [asyncio.create_task(it.pipeline.accept(small)) for _ in range(98)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await it.pipeline.accept(small)
        assert sum([(await call).reads for call in calls]) == 3100
        assert (await it.pipeline.accept(large)).reads == 3000

    run(tmp_path, Policy(), body)


def test_refused_reads_of_a_large_call_have_their_place_in_it(tmp_path: Path) -> None:
    async def body(it: Running) -> None:
        texts = ["12나7777"] * 300
        for row in (0, 63, 64, 150, 299):
            texts[row] = "7" * 17
        accepted = await it.pipeline.accept([pw.Read(text=text) for text in texts])
        assert [error.row for error in accepted.errors] == [0, 63, 64, 150, 299]
        assert accepted.reads == 295

    run(tmp_path, Policy(), body)
