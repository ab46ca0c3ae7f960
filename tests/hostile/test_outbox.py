"""An outbox whose file is taken away, and services that share one: nothing is acknowledged that is not safe."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from platewatch.notify.outbox import (
    NewEvent,
    Outbox,
    OutboxError,
    OutboxLockedError,
    OutboxLostError,
)
from platewatch.notify.outbox_reader import list_events
from platewatch.notify.simulator import Faults, WassSimulator
from tests.notify.support import counts, message, messages, until, with_outbox
from tests.patience import PATIENCE
from tests.service import running


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


async def nothing(_: Outbox) -> None:
    """Opened and closed."""


def hit(number: int) -> dict[str, Any]:
    return {"text": "12가3456", "camera_id": "GJ-0001", "time": f"2026-11-23T09:{number:02}:00Z"}


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "platewatch", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


# --- gone while at work


def delete(path: Path) -> None:
    path.unlink()


def delete_all(path: Path) -> None:
    for file in path.parent.glob("outbox.db*"):
        file.unlink()


def move(path: Path) -> None:
    path.rename(path.with_name("elsewhere.db"))


def replace(path: Path) -> None:
    other = path.with_name("other.db")
    with_outbox(nothing, other)
    other.rename(path)


def delete_wal(path: Path) -> None:
    Path(f"{path}-wal").unlink()


def delete_shm(path: Path) -> None:
    Path(f"{path}-shm").unlink()


def move_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))


def truncate(path: Path) -> None:
    os.truncate(path, 0)


def truncate_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def truncate_wal(path: Path) -> None:
    os.truncate(f"{path}-wal", 0)


def copy_over(path: Path) -> None:
    other = path.with_name("other.db")
    with_outbox(nothing, other)
    time.sleep(0.05)  # the clock of file systems is coarse
    shutil.copyfile(other, path)


ORPHANED = [delete, delete_all, move, replace, delete_wal, delete_shm]
DAMAGED = [truncate, truncate_half, truncate_wal, copy_over]


@pytest.mark.parametrize("harm", [*ORPHANED, *DAMAGED, move_folder])
def test_nothing_is_acknowledged_that_would_be_lost(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    path = tmp_path / "folder" / "outbox.db"
    path.parent.mkdir()

    async def test(outbox: Outbox) -> None:
        assert await outbox.append(messages(3)) == 3
        await asyncio.to_thread(harm, path)
        with pytest.raises(OutboxLostError, match="is lost"):
            await outbox.append([message("late")])
        assert outbox.lost is not None
        with pytest.raises(OutboxLostError):
            await outbox.append([message("later")])

    with_outbox(test, path)


@pytest.mark.parametrize("harm", [*ORPHANED, *DAMAGED])
def test_it_is_noticed_though_nothing_comes(path: Path, harm: Callable[[Path], None]) -> None:
    async def test(outbox: Outbox) -> None:
        watching = asyncio.create_task(outbox.watch())
        await outbox.append(messages(3))
        await asyncio.to_thread(harm, path)
        await until(lambda: outbox.lost is not None)
        watching.cancel()

    with_outbox(test, path)


@pytest.mark.parametrize("harm", ORPHANED)
def test_what_waits_is_saved_and_can_still_be_delivered(path: Path, harm: Callable[[Path], None]) -> None:
    async def test(outbox: Outbox) -> None:
        await outbox.append(messages(3))
        await outbox.delivered(1, time.time())
        await asyncio.to_thread(harm, path)
        with pytest.raises(OutboxLostError, match="--from"):
            await outbox.append([message("late")])
        assert [event.seq for event in await outbox.due(time.time() + 1, 9)] == [2, 3]
        await outbox.delivered(2, time.time())
        assert await outbox.counts() == counts(pending=1, delivered=2)
        await outbox.retry()

    keys: list[bytes] = []

    async def look(outbox: Outbox) -> None:
        keys.append(outbox.hit_key)

    with_outbox(look, path)
    with_outbox(test, path)
    (saved,) = path.parent.glob("outbox.db.saved-*")
    assert saved.stat().st_mode & 0o777 == 0o600
    assert {event.event_id: event.state for event in list_events(saved)} == {
        event_id: state for (event_id, *_), state in zip(messages(3), ["delivered", "pending", "pending"], strict=True)
    }
    for left in path.parent.glob("outbox.db*"):
        if not left.name.startswith((saved.name, "outbox.db.lock")):
            left.unlink()
    with_outbox(look, path, anew=True, copy=saved)
    assert keys[0] == keys[1]
    assert not saved.exists()
    assert len(list_events(path)) == 3


@pytest.mark.parametrize("harm", DAMAGED)
def test_what_is_not_ours_any_more_is_left_alone(path: Path, harm: Callable[[Path], None]) -> None:
    async def test(outbox: Outbox) -> None:
        await outbox.append(messages(3))
        await asyncio.to_thread(harm, path)
        with pytest.raises(OutboxLostError):
            await outbox.append([message("late")])
        for call in (outbox.counts(), outbox.due(0, 1), outbox.delivered(1, 0), outbox.retry()):
            with pytest.raises(OutboxLostError):
                await call

    with_outbox(test, path)


def test_readers_and_backups_are_no_harm(path: Path, tmp_path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        for number in range(300):
            await outbox.append([message(f"{number}"), NewEvent(f"large {number}", bytes(20_000))])  # with checkpoints
            if number % 50 == 0:
                assert len(await asyncio.to_thread(list_events, path)) == min(100, 2 * number + 2)
                with closing(sqlite3.connect(path)) as reader, closing(sqlite3.connect(tmp_path / "copy")) as copy:
                    reader.backup(copy)
                await asyncio.to_thread(path.chmod, 0o600)
                await asyncio.to_thread(outbox._look)
        assert outbox.lost is None

    with_outbox(test, path)


# --- gone at the start


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("left", ["", "empty", "no tables"])
def test_an_outbox_that_is_gone_is_not_begun_anew(path: Path, ended: bool, left: str) -> None:
    if ended:
        with_outbox(nothing, path)
    else:
        code = (
            "import asyncio, os, sys; from platewatch.notify.outbox import NewEvent, Outbox\n"
            "async def main():\n"
            "    outbox = await Outbox.open(sys.argv[1]); await outbox.append([NewEvent('1', b'body')]); os._exit(9)\n"
            "asyncio.run(main())"
        )
        assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 9
    path.unlink()
    if left == "empty":
        path.touch()
    elif left == "no tables" and ended:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA user_version = 1")
        assert path.stat().st_size
    wal = Path(f"{path}-wal")
    before = wal.read_bytes() if wal.exists() else None
    for _ in range(2):
        with pytest.raises(OutboxError, match="platewatch outbox new"):
            asyncio.run(Outbox.open(path))
    assert (wal.read_bytes() if wal.exists() else None) == before

    if left == "no tables":
        path.unlink(missing_ok=True)
    with_outbox(nothing, path, anew=True)
    with_outbox(nothing, path)
    if before is not None:
        assert [file.read_bytes() for file in path.parent.glob("outbox.db-wal.left-*")] == [before]


def test_a_wal_alone_tells_of_an_outbox(path: Path) -> None:
    Path(f"{path}-wal").write_bytes(b"x")
    with pytest.raises(OutboxError, match="is missing, but the files beside it tell of one"):
        asyncio.run(Outbox.open(path))


def test_an_outbox_that_is_there_is_not_begun_anew(path: Path, tmp_path: Path) -> None:
    async def test(outbox: Outbox) -> None:
        await outbox.append(messages(3))
        with pytest.raises(OutboxLockedError):
            await Outbox.open(path, anew=True)

    with_outbox(test, path)
    with pytest.raises(OutboxError, match="is there, and not empty"):
        asyncio.run(Outbox.open(path, anew=True))
    (tmp_path / "copy").write_bytes(b"no outbox" * 100)
    with pytest.raises(OutboxError, match="cannot read"):
        asyncio.run(Outbox.open(tmp_path / "new.db", anew=True, copy=tmp_path / "copy"))
    assert len(list_events(path)) == 3


def test_a_wal_that_is_missing_after_a_crash_is_told(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with_outbox(nothing, path)
    with_outbox(nothing, path)
    assert "-wal is missing" not in caplog.text
    Path(f"{path}.lock").write_text(json.dumps({"pid": 1, "queue": True}), "utf-8")
    with_outbox(nothing, path)
    assert "-wal is missing" in caplog.text


# --- two services


@pytest.mark.parametrize("harm", [None, delete, delete_all])
def test_a_second_owner_is_refused_whatever_has_become_of_the_file(
    path: Path, harm: Callable[[Path], None] | None
) -> None:
    async def test(outbox: Outbox) -> None:
        await outbox.append(messages(3))
        if harm is not None:
            await asyncio.to_thread(harm, path)
        for anew in (False, True):
            with pytest.raises(OutboxLockedError):
                await Outbox.open(path, anew=anew)

    with_outbox(test, path)


def test_a_second_owner_is_refused_however_the_path_is_spelt(path: Path, tmp_path: Path) -> None:
    async def test(_: Outbox) -> None:
        await asyncio.to_thread(os.link, path, tmp_path / "hard.db")
        await asyncio.to_thread(os.symlink, path, tmp_path / "soft.db")
        await asyncio.to_thread(os.symlink, tmp_path, tmp_path / "folder")
        for other in ("hard.db", "soft.db", "folder/outbox.db", "folder/hard.db"):
            with pytest.raises(OutboxLockedError):
                await Outbox.open(tmp_path / other)

    with_outbox(test, path)
    with pytest.raises(OutboxError, match="has 2 names"):
        asyncio.run(Outbox.open(path))
    (tmp_path / "hard.db").unlink()
    with_outbox(nothing, path)


def test_others_in_the_same_folder_are_others(path: Path) -> None:
    async def test(_: Outbox) -> None:
        for other in ("outbox2.db", "o" * 60 + "1", "o" * 60 + "2"):
            async with await Outbox.open(path.with_name(other)):
                pass

    with_outbox(test, path)


# --- the service


@pytest.mark.parametrize("harm", [delete, delete_all, replace, truncate])
def test_the_service_refuses_reads_and_says_so(
    tmp_path: Path, config: Path, wass: WassSimulator, path: Path, harm: Callable[[Path], None]
) -> None:
    wass.faults = Faults(error=1.0)
    with running(config) as service:
        assert service.get("/readyz") == (200, {"status": "ready"})
        assert service.send(*(hit(number) for number in range(5)))[1]["hits"] == 5
        harm(path)
        deadline = time.monotonic() + PATIENCE
        while service.get("/readyz")[0] == 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        for read in (hit(6), {"text": "77무7777"}):
            status, told = service.send(read)
            assert (status, "the outbox is lost" in told["reason"]) == (503, True)
        assert service.get("/healthz")[0] == 200
        assert "the outbox is lost" in service.get("/v1/status")[1]["outbox_lost"]
        assert any(event["level"] == "critical" and str(path) in event["event"] for event in service.log())
        assert service.terminate() == 0
    if harm in (replace, truncate):
        return
    done = command("serve", "--config", config)
    assert (done.returncode, "platewatch outbox new" in done.stderr) == (2, True)
    (saved,) = tmp_path.glob("outbox.db.saved-*")
    assert command("outbox", "new", path, "--from", saved).returncode == 0
    wass.faults = Faults()
    with running(config) as service:
        service.wait_until_delivered()
    assert len(wass.received) == 5


def test_begin_anew_from_the_command_line(path: Path) -> None:
    with_outbox(nothing, path)
    assert command("outbox", "new", path).returncode == 2
    path.unlink()
    assert command("outbox", "new", path).returncode == 0
    with_outbox(nothing, path)
