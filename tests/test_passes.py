"""Which reads belong to one pass, and for how long they are held."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

import platewatch as pw
from platewatch.notify.outbox import NewEvent
from platewatch.service.passes import LENGTH, LIFE, MOST_PASSES, MOST_READS, Event, Pass, Passes

START = datetime(2026, 11, 23, 9, tzinfo=UTC)


def read(
    text: str,
    at: float = 0,
    *,
    camera_id: str | None = "G1",
    pass_id: str | None = None,
    confidence: float | None = None,
) -> pw.Read:
    time = START + timedelta(seconds=at)
    return pw.Read(text=text, time=time, camera_id=camera_id, pass_id=pass_id, confidence=confidence)


def join(passes: Passes, reads: Sequence[pw.Read], arrived: float = 0, *, promising: bool = True) -> list[Pass]:
    """The passes of reads that come `arrived` seconds after the start."""
    rows = set(range(len(reads))) if promising else set()
    now = START + timedelta(seconds=arrived)
    return [passing for passing, _ in passes.join(reads, now, promising=rows, refused=set()).values()]


def are_one(*reads: pw.Read, window: float = 2.0) -> bool:
    return len(set(join(Passes(window), reads))) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("12가3456", "12가3456"),
        ("12가3456", "12-거 3456"),
        ("12가3456", "2가345"),
        ("서울12바3456", "12바3456"),
        ("123가4567", "1237845?7"),
    ],
)
def test_similar_reads_near_in_time_are_of_one_pass(one: str, other: str) -> None:
    assert are_one(read(one), read(other, 2))
    assert are_one(read(other, 2), read(one))
    assert not are_one(read(one), read(other, 2.1))
    assert not are_one(read(one), read(other, 1), window=0)
    assert not are_one(read(one), read(other, 1, camera_id="G2"))


@pytest.mark.parametrize(
    ("one", "other"), [("12가3456", "98나7654"), ("12가3456", "12나7890"), ("12가3456", "45"), ("34", "45")]
)
def test_two_vehicles_are_not_of_one_pass(one: str, other: str) -> None:
    assert not are_one(read(one), read(other, 0.5))


def test_a_pass_id_says_which_reads_belong_together() -> None:
    assert are_one(read("12가3456", pass_id="7"), read("?", 20, pass_id="7"))
    assert are_one(read("12가3456", pass_id="7"), read("12가3456", 20, pass_id="7"), window=0)
    assert not are_one(read("12가3456", pass_id="7"), read("12가3456", 0.5, pass_id="8"))
    assert not are_one(read("12가3456", pass_id="7"), read("12가3456", 0.5))
    assert not are_one(read("12가3456", pass_id="7"), read("12가3456", 0.5, pass_id="7", camera_id="G2"))
    assert not are_one(read("12가3456", pass_id="7"), read("12가3456", LIFE + 1, pass_id="7"))  # it counts anew


def test_a_read_of_no_known_camera_needs_a_pass_id() -> None:
    assert not are_one(read("12가3456", camera_id=None), read("12가3456", 0.5, camera_id=None))
    assert are_one(read("12가3456", camera_id=None, pass_id="7"), read("12거3456", 0.5, camera_id=None, pass_id="7"))


def test_reads_without_a_time_have_that_of_their_arrival() -> None:
    passes = Passes()
    first, second, third = (pw.Read(text=text, camera_id="G1") for text in ("12가3456", "12거3456", "12가345"))
    (one,) = join(passes, [first])
    assert join(passes, [second], 2) == [one]
    assert join(passes, [third], 4.1) != [one]
    assert len(one.frames) == 2


def test_reads_in_any_order_and_in_any_calls_make_the_same_pass() -> None:
    reads = [read("12가3456"), read("12거3456", 1.5), read("12가345", 3), read("12가3455", 4.5)]
    for order in ((0, 1, 2, 3), (3, 2, 1, 0), (1, 2, 0, 3)):
        passes = Passes()
        found = [join(passes, [reads[place]], arrived) for arrived, place in enumerate(order)]
        assert {passing for (passing,) in found} == {found[0][0]}, order
        assert len(found[0][0].frames) == 4
    assert are_one(*reads)


def test_reads_that_make_no_hit_are_noted_until_one_comes_that_may() -> None:
    passes = Passes()
    assert join(passes, [read("12가3456"), read("98나7654", 1), read("12거3456", 1.5)], promising=False) == []
    (one,) = join(passes, [read("12가345", 3)])  # near the last, which is near the first
    assert sorted(frame.text for frame in one.frames) == ["12가345", "12가3456", "12거3456"]
    assert join(passes, [read("12가3455", 4)], promising=False) == [one]
    (other,) = join(passes, [read("98나765", 2)])
    assert [frame.text for frame in other.frames] == ["98나765", "98나7654"]
    assert len(passes) == len(one.frames) + len(other.frames)


def test_a_repeat_is_no_further_read() -> None:
    passes = Passes()
    first, again = read("12가3456", confidence=0.9), read("12 가 3456", confidence=0.8)
    join(passes, [first, again], promising=False)
    (one,) = join(passes, [again], 5)
    assert join(passes, [first], 20) == [one]
    assert (len(one.frames), len(passes)) == (1, 1)
    assert join(passes, [read("12가3456", 0.1)], 20) == [one]
    assert len(one.frames) == 2


def test_of_many_reads_the_most_confident_are_held() -> None:
    passes = Passes()
    confidences = [0.5, 0.9, None, 0.8, 0.7, 0.3, 0.95, 0.6]
    found = join(passes, [read("12가3456", 0.1 * n, confidence=c) for n, c in enumerate(confidences)])
    held = [frame.read.confidence for frame in found[0].frames]
    assert (held, len(passes)) == ([0.9, 0.8, 0.7, 0.95, 0.6], MOST_READS)


def test_of_equally_confident_reads_the_last_are_held() -> None:
    found = join(Passes(), [read("12가3456", 0.1 * n) for n in range(MOST_READS + 2)])
    assert found[0].frames[0].time == START + timedelta(seconds=0.2)


def test_passes_are_forgotten() -> None:
    passes = Passes()
    (one,) = join(passes, [read("12가3456", pass_id="7")])
    join(passes, [read("98나7654")], promising=False)
    assert join(passes, [read("12가3456", 1, pass_id="7")], LIFE) == [one]
    assert len(passes) == 3
    join(passes, [], LIFE + 1)
    assert len(passes) == 2
    join(passes, [], 2 * LIFE + 1)
    assert len(passes) == 0
    assert join(passes, [read("12가3456", 1, pass_id="7")], 2 * LIFE + 2) != [one]


def test_a_busy_camera_forgets_too() -> None:
    passes = Passes()
    for second in range(3 * LIFE):
        join(passes, [read(f"{second:02d}가{second * 97:04d}", second)], second, promising=second % 2 == 0)
    assert len(passes) <= LIFE + 2


def test_a_pass_with_a_hit_that_is_not_on_disk_is_kept_for_its_source_to_send_it_again() -> None:
    passes = Passes(most=3)
    (one,) = join(passes, [read("12가3456")])
    one.unsent["id"] = Event(NewEvent("id", b"event"), "notify", START)
    for number in range(10):
        join(passes, [read("98나7654", camera_id=f"C{number}")], LIFE + number, promising=False)
    assert join(passes, [read("12가3456")], 100) == [one]
    one.unsent.clear()
    join(passes, [], 200)
    assert len(passes) == 0


def test_what_is_held_is_bounded() -> None:
    passes = Passes(most=100)
    for number in range(50):
        reads = [read("12가3456", camera_id=f"C{number}-{i}", pass_id=str(i)) for i in range(20)]
        join(passes, reads, promising=number % 2 == 0)
        assert len(passes) <= 120
    passes = Passes()
    join(passes, [read("12가3456", second) for second in range(2000)], promising=False)
    assert len(passes) < 300, "of one camera"


def test_any_time_can_be_compared() -> None:
    ends = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
    assert not are_one(*(pw.Read(text="12가3456", camera_id="G1", time=end) for end in ends))


def test_texts_of_two_plates_are_two_passes_whatever_the_id_says() -> None:
    assert not are_one(read("12가3456", pass_id="0"), read("98나7654", 1, pass_id="0"))
    for fragment in ("3456", "12가", "?", "12가????"):
        assert are_one(read("12가3456", pass_id="0"), read(fragment, 1, pass_id="0")), fragment


def test_an_id_that_never_changes_makes_no_endless_pass() -> None:
    passes = Passes()
    found = [join(passes, [read("12가3456", second, pass_id="0")], second)[0] for second in range(0, 1400, 20)]
    assert all(passing.last - passing.first <= timedelta(seconds=LENGTH) for passing in found)
    assert found[0] is found[1] is not found[4]


def test_a_vehicle_that_stands_there_makes_no_endless_pass() -> None:
    passes = Passes()
    found = [join(passes, [read("12가3456", second)], second)[0] for second in range(200)]
    assert len(set(found)) == 4


def test_ids_that_make_no_sense_are_counted_and_told_once_a_camera() -> None:
    told: list[str | None] = []
    passes = Passes(on_strange_ids=told.append)
    plates = [f"{n:02d}가{n * 97:04d}" for n in range(10)]
    for n, plate in enumerate(plates):
        join(passes, [read(plate, n, pass_id="0")], n)
    assert (passes.strange_ids, told) == (9, ["G1"])
    sensible: list[str | None] = []
    passes = Passes(on_strange_ids=sensible.append)
    for n, plate in enumerate(plates):
        join(passes, [read(plate, n, pass_id=str(n)), read(plate[:-1], n + 0.1, pass_id=str(n))], n)
    assert (passes.strange_ids, sensible) == (0, [])


@pytest.mark.parametrize("vehicle_stays", [True, False])
def test_ids_of_reads_that_make_no_hit_are_doubted_too(vehicle_stays: bool) -> None:
    passes = Passes()
    for n in range(100):
        plate = "12가3456" if vehicle_stays else f"{n % 90 + 10}가{n * 977 % 10000:04d}"
        join(passes, [read(plate, n, pass_id="0")], n, promising=False)
    assert (passes.strange_ids > 0) is not vehicle_stays


@pytest.mark.parametrize("times", ["equal", "none"])
@pytest.mark.parametrize("promising", [True, False])
def test_what_one_camera_sends_at_once_is_bounded(times: str, promising: bool) -> None:
    """10,000 reads compared each with each are fifty million comparisons."""
    reads = [read(f"{n % 90 + 10}가{n * 7919 % 10000:04d}") for n in range(10_000)]
    if times == "none":
        reads = [pw.Read(text=one.text, camera_id="G1") for one in reads]
    passes = Passes()
    joined = join(passes, reads, promising=promising)
    assert len(joined) == (len(reads) if promising else 0)
    assert len(passes) <= MOST_PASSES * MOST_READS + 128


def test_what_is_held_is_bounded_in_bytes() -> None:
    passes = Passes(most_bytes=1_000_000)
    for n in range(1000):
        one = pw.Read(text="12가3456", camera_id=f"G{n}", time=START, image_url="x" * 100_000)
        join(passes, [one], promising=False)
        assert passes.nbytes <= 1_200_000
    join(passes, [], LIFE + 1)
    assert (len(passes), passes.nbytes) == (0, 0)
