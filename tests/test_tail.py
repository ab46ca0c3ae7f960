"""A file that grows: through rotations, truncation, half-written lines and kills."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from platewatch.errors import ConfigError, PlatewatchError
from platewatch.notify.simulator import WassSimulator
from platewatch.service.config import load
from platewatch.sources.positions import Position
from platewatch.sources.tail import Tail, TailSettings
from platewatch.sources.transport import Reply
from tests.patience import PATIENCE, until
from tests.service import running


class Taker:
    """A source that keeps what it is given, and can do nothing while it is `busy`."""

    name = "gate"

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.busy = False

    async def take(self, body: bytes, _headers: dict[str, str], _target: str) -> Reply:
        if self.busy:
            raise PlatewatchError("busy")
        self.taken.append(body.decode())
        return Reply(200, b"")


class Following:
    """A Tail of `log` that is followed while something else is done."""

    def __init__(self, place: Path, most: int = 1000, **settings: Any) -> None:
        self.path = place / "log"
        self.taker = Taker()
        self.position = Position(place / "positions", "gate")
        self.settings = TailSettings(path=self.path, interval=0.02, **settings)
        self.most = most

    def run(self, *steps: Callable[[], list[str]]) -> Tail:
        """Follows from where it was; each step does something, and says what will then have been taken in all."""

        async def follow() -> Tail:
            tail = Tail(self.settings, self.taker, self.position, self.most)
            task = asyncio.create_task(tail.follow())
            while not tail.status()["failure"] and not self.position.load():
                await asyncio.sleep(0.02)  # it has looked at what is there
            for step in steps:
                expected = step()
                deadline = time.monotonic() + PATIENCE
                while sorted(self.taker.taken) != sorted(expected):
                    assert not task.done()
                    assert time.monotonic() < deadline, self.taker.taken
                    await asyncio.sleep(0.02)
            for _ in range(8):
                await asyncio.sleep(0.02)
            assert sorted(self.taker.taken) == sorted(expected), "and nothing more"
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            return tail

        return asyncio.run(follow())

    def add(self, text: str) -> None:
        with self.path.open("a") as file:
            file.write(text)

    def adding(self, text: str, expected: str) -> Callable[[], list[str]]:
        def step() -> list[str]:
            self.add(text)
            return expected.split()

        return step


@pytest.fixture
def tail(tmp_path: Path) -> Following:
    return Following(tmp_path)


def test_a_half_written_line_waits_over_a_restart(tail: Following) -> None:
    tail.run(tail.adding("a\nb\n\nhal", "a b"))
    tail.run(tail.adding("f\nc", "a b half"))
    tail.run(tail.adding("\n", "a b half c"))


def test_a_file_that_comes_later_is_waited_for_and_read_from_its_start(tmp_path: Path) -> None:
    tail = Following(tmp_path, begin="end")
    tail.run(tail.adding("a\n", "a"))


def test_it_may_begin_at_the_end(tmp_path: Path) -> None:
    tail = Following(tmp_path, begin="end")
    tail.add("old\nolder\nha")
    tail.run(tail.adding("lf\nb\n", "half b"))
    tail.run(tail.adding("c\n", "half b c"))


def test_a_file_that_is_renamed_is_read_to_its_end_first(tail: Following) -> None:
    def rotate() -> list[str]:
        tail.path.rename(tail.path.with_name("log.1"))
        with tail.path.with_name("log.1").open("a") as file:
            file.write("c\nlast")  # its writer has not noticed yet
        tail.add("new\n")
        return ["a", "b", "c", "last", "new"]

    tail.run(tail.adding("a\nb\n", "a b"), rotate, tail.adding("newer\n", "a b c last new newer"))


def test_rotations_while_the_service_is_away_are_followed_one_after_the_other(tail: Following) -> None:
    tail.run(tail.adding("a\n", "a"))
    tail.add("b\n")
    for text in ("c\n", "d\n"):
        time.sleep(0.05)
        for number in (2, 1):
            older = tail.path.with_name(f"log.{number}")
            if older.exists():
                older.rename(tail.path.with_name(f"log.{number + 1}"))
        tail.path.rename(tail.path.with_name("log.1"))
        tail.add(text)
    tail.run(lambda: ["a", "b", "c", "d"], tail.adding("e\n", "a b c d e"))


def test_a_file_that_is_truncated_is_read_from_its_start(tail: Following) -> None:
    def truncate() -> list[str]:
        tail.path.write_text("b\n")
        return ["a" * 10, "b"]

    def truncate_and_write_more() -> list[str]:
        tail.path.write_text("c" * 30 + "\n")
        return ["a" * 10, "b", "c" * 30]

    tail.run(tail.adding("a" * 10 + "\n", "a" * 10), truncate, truncate_and_write_more)


def test_another_file_under_the_same_number_is_read_from_its_start(tail: Following) -> None:
    tail.run(tail.adding("aaaa\n", "aaaa"))
    tail.path.write_text("bbbbbbbbbbbb\n")  # in place, so it has its number
    tail.run(lambda: ["aaaa", "bbbbbbbbbbbb"])


def test_a_line_that_is_too_large_is_dropped_with_its_end(tail: Following) -> None:
    followed = tail.run(tail.adding("a\n" + "x" * 5000, "a"), tail.adding("x" * 3_000_000 + "x\nb\n", "a b"))
    assert followed.status() == {"waiting": 0, "failure": None, "too_large": 1}


def test_what_is_not_accepted_is_not_left_behind(tail: Following) -> None:
    """The position is kept once all lines before it are done with."""
    tail.run(tail.adding("a\n", "a"))
    tail.taker.busy = True
    tail.run(tail.adding("b\n", "a"))
    tail.taker.busy = False
    tail.run(lambda: ["a", "b"])


def test_many_lines_are_all_taken(tail: Following) -> None:
    lines = [f"line-{number}" for number in range(5000)]
    tail.run(tail.adding("\n".join(lines) + "\n", " ".join(lines)))


# --- through the service


def test_lines_make_hits_once_through_a_kill_and_a_rotation(config: Path, wass: WassSimulator) -> None:
    more = '[sources.log]\nformat = "platewatch"\ntail = {path = "reads.ndjson", interval = 0.05}\n'
    config.write_text(config.read_text("utf-8") + more, "utf-8")
    path = config.parent / "reads.ndjson"
    read = {"text": "12가3456", "time": "2026-11-23T09:00:00Z"}
    lines = [json.dumps(read | {"camera_id": f"c{number}"}) + "\n" for number in range(1000)]
    path.write_text("".join(lines), "utf-8")
    with running(config) as service:
        until(lambda: len(wass.received) >= 5)
        service.kill()
    path.rename(config.parent / "reads.ndjson.1")
    path.write_text('{"text": 7}\n' + json.dumps(read | {"camera_id": "new"}) + "\n", "utf-8")
    with running(config) as service:
        until(lambda: len(wass.received) == 1001)
        until(lambda: service.source("log")["transport"] == {"waiting": 0, "failure": None, "too_large": 0})
        assert sum(service.source("log")["refused"].values()) == 1
        service.wait_until_delivered()
    assert len(wass.received) == 1001, "each is told under one id"
    kept = json.loads((config.parent / "positions" / "log.json").read_text("utf-8"))
    assert sorted(kept) == ["file", "offset"]
    assert kept["offset"] == path.stat().st_size


def test_a_file_that_cannot_be_read_is_told_of(config: Path) -> None:
    more = '[sources.log]\nformat = "platewatch"\ntail = {path = "nowhere.ndjson", interval = 0.05}\n'
    config.write_text(config.read_text("utf-8") + more, "utf-8")
    with running(config) as service:
        until(lambda: service.source("log")["transport"]["failure"] == "No such file or directory")
        assert [event["reason"] for event in service.log() if event["event"] == "file not read"] == [
            "No such file or directory"
        ]


def test_a_bad_setting_is_named(config: Path) -> None:
    config.write_text(
        config.read_text("utf-8") + '[sources.log]\nformat = "platewatch"\ntail = {path = "x", begin = "middle"}\n',
        "utf-8",
    )
    with pytest.raises(ConfigError, match="begin"):
        load(config, {})
