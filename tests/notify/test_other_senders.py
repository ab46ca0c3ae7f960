"""The senders that are not HTTPS: a file, a command, a broker."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from pathlib import Path

import aiomqtt
import pytest

from platewatch.notify.senders import open_sender
from platewatch.notify.senders.base import DeliveryError
from platewatch.notify.senders.command import CommandSettings
from platewatch.notify.senders.file import FileSettings
from platewatch.notify.senders.mqtt import MqttSettings
from tests.patience import PATIENCE

from .support import message

EVENT = message()


def send(settings: FileSettings | CommandSettings | MqttSettings, times: int = 1) -> None:
    async def body() -> None:
        async with open_sender(settings) as sender:
            await asyncio.gather(*(sender.send(EVENT.event_id, EVENT.body) for _ in range(times)))

    asyncio.run(body())


# --- file


def test_a_file_gets_an_event_a_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    send(FileSettings(path=path), 20)
    assert [json.loads(line)["id"] for line in path.read_bytes().splitlines()] == [EVENT.event_id] * 20
    assert path.stat().st_mode & 0o777 == 0o600, "personal data"
    path.rename(tmp_path / "rotated")
    send(FileSettings(path=path))
    assert path.read_bytes() == EVENT.body + b"\n"


@pytest.mark.parametrize("name", ["missing/events.jsonl", "."])
def test_a_file_that_cannot_be_written_is_tried_again(tmp_path: Path, name: str) -> None:
    with pytest.raises(DeliveryError, match=r"ENOENT|EISDIR") as caught:
        send(FileSettings(path=tmp_path / name))
    assert not caught.value.permanent


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_disk_is_a_failure() -> None:
    with pytest.raises(DeliveryError, match="ENOSPC"):
        send(FileSettings(path=Path("/dev/full")))


# --- command


def python(code: str) -> tuple[str, ...]:
    return sys.executable, "-c", code


def test_a_command_gets_the_event_and_its_id(tmp_path: Path) -> None:
    got = tmp_path / "got"
    code = (
        f"import os, sys; open({str(got)!r}, 'wb').write(os.environb[b'PLATEWATCH_EVENT_ID'] + sys.stdin.buffer.read())"
    )
    send(CommandSettings(command=python(code)))
    assert got.read_bytes() == EVENT.event_id.encode() + EVENT.body


@pytest.mark.parametrize(
    ("command", "reason", "permanent"),
    [
        (python("import sys; print('12가3456'); sys.exit(3)"), "status 3", False),
        (python(f"import sys; sys.exit({os.EX_DATAERR})"), "status 65", True),
        (("/no/such/program",), "cannot run it: No such file or directory", False),
        (python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"), "status -9", False),
    ],
)
def test_a_command_that_fails_says_how(command: tuple[str, ...], reason: str, permanent: bool) -> None:
    with pytest.raises(DeliveryError) as caught:
        send(CommandSettings(command=command))
    assert (caught.value.reason, caught.value.permanent) == (reason, permanent)


def test_a_command_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(600)"

    async def body() -> None:
        async with open_sender(CommandSettings(command=python(code), timeout=2.0)) as sender:
            with pytest.raises(DeliveryError, match="timeout"):
                await sender.send(EVENT.event_id, EVENT.body)

    asyncio.run(body())
    if pid.exists():  # it may have been killed before it began
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid.read_text()), 0)


def test_a_command_need_not_read_its_event() -> None:
    send(CommandSettings(command=("true",)))


# --- MQTT, by a real broker


def mqtt(port: int, password: str = "secret") -> MqttSettings:
    url = f"mqtt://127.0.0.1:{port}"
    return MqttSettings(url=url, topic="hits/gwangju", user="city", password=password, timeout=PATIENCE)


def test_a_broker_gets_the_event_at_qos_1(broker: int) -> None:
    async def body() -> bytes:
        async with aiomqtt.Client("127.0.0.1", broker, username="city", password="secret") as listener:
            await listener.subscribe("hits/#", qos=1)
            async with open_sender(mqtt(broker)) as sender:
                await sender.send(EVENT.event_id, EVENT.body)
            async for got in listener.messages:
                assert (str(got.topic), got.qos) == ("hits/gwangju", 1)
                assert isinstance(got.payload, bytes)
                return got.payload
        raise AssertionError("nothing came")

    assert asyncio.run(asyncio.wait_for(body(), PATIENCE)) == EVENT.body


def test_a_broker_that_refuses_or_is_not_there_is_a_failure(broker: int) -> None:
    with pytest.raises(DeliveryError, match="Mqtt"):
        send(mqtt(broker, password="wrong"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = server.getsockname()[1]
    with pytest.raises(DeliveryError, match="Mqtt"):
        send(mqtt(nobody))
