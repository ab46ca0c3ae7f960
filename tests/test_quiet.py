"""Hits that are not told again: a parked car is told once, and one that comes back again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import platewatch as pw
from platewatch.notify import OutboxError
from platewatch.service.passes import LENGTH
from platewatch.service.policy import CategoryPolicy, Policy
from platewatch.service.quiet import GONE, Quiet
from tests.test_pipeline import LONG, Running, run

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
PLATE, MISREAD = "12가3456", "123456"


def seen(text: str, at: float, camera_id: str | None = "G1", pass_id: str | None = None) -> pw.Read:
    return pw.Read(text=text, camera_id=camera_id, time=START + timedelta(seconds=at), pass_id=pass_id)


async def told(it: Running, reads: Sequence[pw.Read]) -> list[int]:
    """At which of the reads, from 0, the first entry's hit was told."""
    numbers = []
    for number, read in enumerate(reads):
        before = len(it.events())
        await it.hits(read)
        numbers += [number] * (len(it.events()) - before)
    return numbers


def test_a_parked_car_is_told_once(tmp_path: Path) -> None:
    async def body(it: Running) -> None:
        assert await told(it, [seen(PLATE, 5 * n) for n in range(60)]) == [0]
        assert it.pipeline.quieted > 0

    run(tmp_path, Policy(), body)


@pytest.mark.parametrize("pass_id", [None, "0", ""])
@pytest.mark.parametrize("later", [70, 23 * 60])
def test_a_car_that_has_gone_and_comes_back_is_told_again(tmp_path: Path, later: int, pass_id: str | None) -> None:
    """Also where the camera's ids are all the same, and other vehicles go by meanwhile."""
    others = [seen(f"{n % 90 + 10}나{n * 97 % 10000:04d}", 20 * n, pass_id=pass_id) for n in range(1, later // 20 + 1)]

    async def body(it: Running) -> None:
        reads = [seen(PLATE, 0, pass_id=pass_id), *others, seen(PLATE, later, pass_id=pass_id)]
        assert await told(it, reads) == [0, len(reads) - 1]

    run(tmp_path, Policy(), body)


def test_a_better_grade_is_told(tmp_path: Path) -> None:
    policy = Policy(notify=0.9, check=0.01)

    async def body(it: Running) -> None:
        reads = [seen(MISREAD, 0), seen(MISREAD, 5), seen(PLATE, 9), seen(MISREAD, 15), seen(PLATE, 20)]
        assert await told(it, reads) == [0, 2]
        assert [event.data.grade for event in it.events()] == ["check", "notify"]

    run(tmp_path, policy, body)


def test_after_the_quiet_time_it_is_told_again_though_it_stays(tmp_path: Path) -> None:
    categories = {"suicide risk": CategoryPolicy(quiet=20)}

    async def body(it: Running) -> None:
        for n in range(13):
            await it.hits(seen(PLATE, 5 * n))
        assert len(it.events("A1")) == 2
        assert len(it.events("A2")) == 4

    run(tmp_path, Policy(quiet=40, categories=categories), body)


def test_no_quiet_time_tells_each_pass(tmp_path: Path) -> None:
    async def body(it: Running) -> None:
        assert await told(it, [seen(PLATE, 5 * n) for n in range(6)]) == [*range(6)]

    run(tmp_path, Policy(quiet=0), body)


def test_other_cameras_and_reads_of_none_are_told(tmp_path: Path) -> None:
    async def body(it: Running) -> None:
        cameras = ["G1", "G2", "G1", "G2", None, None]
        assert await told(it, [seen(PLATE, 3 * n, camera) for n, camera in enumerate(cameras)]) == [0, 1, 4, 5]

    run(tmp_path, Policy(), body)


def test_what_is_not_on_disk_was_not_told(tmp_path: Path) -> None:
    async def body(it: Running) -> None:
        await it.hits(seen("12나3456", -100))  # the file has its first pages
        async with it.disk_full():
            with pytest.raises(OutboxError):
                await it.pipeline.accept([pw.Read(text=PLATE, camera_id="G1", time=START, image_url=LONG)])
        assert await told(it, [seen(PLATE, 5), seen(PLATE, 9)]) != []

    run(tmp_path, Policy(), body)


def test_what_was_told_before_a_start_is_not_told_again_in_its_pass() -> None:
    quiet = Quiet()
    quiet.recall("A1", "G1", "check", START)
    assert quiet.holds("A1", "G1", "check", START + timedelta(seconds=5), 0)
    assert not quiet.holds("A1", "G1", "notify", START + timedelta(seconds=6), 0)
    quiet.forget(START + timedelta(seconds=50), 0)
    assert len(quiet) == 1
    for seconds in range(10, 60, 5):
        assert quiet.holds("A1", "G1", "check", START + timedelta(seconds=seconds), 0)
    assert not quiet.holds("A1", "G1", "check", START + timedelta(seconds=LENGTH), 0)
    quiet.told("A1", "G1", "check", START + timedelta(seconds=LENGTH))
    assert not quiet.holds("A1", "G1", "check", START + timedelta(seconds=LENGTH + 1), 0)


def test_it_is_bounded_and_forgets() -> None:
    quiet = Quiet(most=100)
    for n in range(1000):
        quiet.told(f"A{n}", "G1", "notify", START + timedelta(seconds=n))
    assert len(quiet) == 100
    quiet.forget(START + timedelta(seconds=1000 + GONE), 0)
    assert len(quiet) == 0


def test_a_late_read_of_another_time_is_told() -> None:
    quiet = Quiet()
    quiet.told("A1", "G1", "notify", START)
    hour_ago = START - timedelta(hours=1)
    assert not quiet.holds("A1", "G1", "notify", hour_ago, 600)
    assert quiet.holds("A1", "G1", "notify", START - timedelta(seconds=2), 600)


@pytest.mark.parametrize("quiet", [-1, 1e9, float("nan")])
def test_a_quiet_time_that_cannot_be_names_its_field(quiet: float) -> None:
    with pytest.raises(pw.PlatewatchError, match=r"policy\.quiet"):
        Policy(quiet=quiet)
    with pytest.raises(pw.PlatewatchError, match=r"policy\.categories\.stolen\.quiet"):
        Policy(categories={"stolen": CategoryPolicy(quiet=quiet)})
