"""Streams of cameras: how they are cut into parts, and what the service makes of them, faults included."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platewatch.notify.simulator import WassSimulator
from platewatch.sources.stream import Parts
from tests.camera import PASSWORD, USER, Camera, streaming
from tests.patience import until
from tests.service import running

ROOT = Path(__file__).parents[1]
XML = """<EventNotificationAlert version="2.0" xmlns="http://www.isapi.org/ver20/XMLSchema">
<macAddress>44:19:b6:00:11:22</macAddress><channelID>1</channelID><dateTime>2026-11-23T09:00:03.847+09:00</dateTime>
<eventType>ANPR</eventType><ANPR><licensePlate>{plate}</licensePlate></ANPR><UUID>{uuid}</UUID></EventNotificationAlert>"""
HEARTBEAT = b"--boundary\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nHeartbeat\r\n"


def part(plate: str = "12가3456", uuid: str = "1", *, length: int | None = None) -> bytes:
    body = XML.format(plate=plate, uuid=uuid).encode()
    said = len(body) if length is None else length
    return b"--boundary\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n%b\r\n" % (said, body)


# --- cutting


def plates(parts: list[bytes]) -> list[str]:
    found = []
    for one in parts:
        text = one.decode()
        found.append(text.partition("<licensePlate>")[2].partition("<")[0] or text.split("\r\n\r\n", 1)[1][:9])
    return found


@given(st.lists(st.integers(1, 200), max_size=60))
def test_parts_are_the_same_however_the_bytes_come(cuts: list[int]) -> None:
    stream = (
        b"\r\n" + part("A1") + HEARTBEAT + part("B2", length=7000) + part("C3", length=3) + HEARTBEAT + b"--boundary"
    )
    parts, found, place = Parts(b"boundary", 10_000), [], 0
    for size in [*cuts, len(stream)]:
        found += list(parts.feed(stream[place : place + size]))
        place += size
    assert plates(found) == ["A1", "Heartbeat", "B2", "C3", "Heartbeat"]


def test_a_part_that_is_as_long_as_it_says_is_not_waited_for() -> None:
    parts = Parts(b"boundary", 10_000)
    assert plates(list(parts.feed(part("A1")))) == ["A1"]
    assert plates(list(parts.feed(part("B2", length=9000)))) == [], "who knows"
    assert plates(list(parts.feed(HEARTBEAT))) == ["B2"]


def test_another_boundary_than_was_said_counts() -> None:
    stream = (part("A1") + HEARTBEAT).replace(b"--boundary", b"--MIME")
    for said in (b"boundary", b"--boundary", b""):
        assert plates(list(Parts(said, 10_000).feed(stream))) == ["A1"]
    assert plates(list(Parts(b"--boundary", 10_000).feed(part("A1")))) == ["A1"], "dashes that were said, too"


def test_what_is_too_large_is_dropped_up_to_the_next_part() -> None:
    parts = Parts(b"boundary", 2000)
    large = b"--boundary\r\nContent-Type: text/plain\r\n\r\n" + b"x" * 1000
    found = list(parts.feed(large))
    for _ in range(1000):
        found += list(parts.feed(b"x" * 1000))
        assert len(parts._data) <= 3000
    found += list(parts.feed(b"\r\n" + part("A1")))
    assert (plates(found), parts.too_large) == (["A1"], 1)


@given(st.lists(st.integers(1, 200), max_size=60))
def test_pictures_are_dropped_as_they_come(cuts: list[int]) -> None:
    jpeg = b"\xff\xd8\xff" + b"\0--bound\n}>" * 300
    picture = b"--boundary\r\nContent-Type: %b\r\n%b\r\n" + jpeg + b"\r\n"
    typed = picture % (b"image/pjpeg", b"Content-Length: 3\r\n")
    stream = part("A1") + typed + part("B2") + picture % (b"application/octet-stream", b"") + HEARTBEAT + b"--boundary"
    parts, found, place = Parts(b"boundary", 10_000), [], 0
    for size in [*cuts, len(stream)]:
        found += list(parts.feed(stream[place : place + size]))
        place += size
        if size <= 200:
            assert len(parts._data) < 1000
    assert (plates(found), parts.too_large) == (["A1", "B2", "Heartbeat"], 0)


@given(
    st.lists(
        st.one_of(st.binary(max_size=50), st.sampled_from([b"--boundary", b"\r\n\r\n", b"\r\n", b"Content-Length: 5"]))
    )
)
def test_nothing_breaks_it(pieces: list[bytes]) -> None:
    parts = Parts(b"boundary", 100)
    for piece in pieces:
        for one in parts.feed(piece):
            assert isinstance(one, bytes)
        assert len(parts._data) <= 200


# --- through the service


def follow(config: Path, camera: Camera, idle: float = 60.0) -> None:
    stream = f'url = "{camera.url}", user = "{USER}", password = "{PASSWORD}", idle = {idle}'
    source = f'[sources.gate]\nformat = "hikvision"\nstream = {{{stream}}}\n'
    config.write_text(config.read_text("utf-8") + source, "utf-8")


@pytest.mark.parametrize("login", ["digest", "basic"])
def test_a_camera_s_stream_makes_hits_through_cuts_and_silence(config: Path, wass: WassSimulator, login: str) -> None:
    """An event that is cut in the middle comes again, as cameras send it; one that came before is told once."""
    whole, other = part("12가3456", "u1"), part("서울52바3108", "u2")
    scripts: list[list[bytes | float | None]] = [
        [HEARTBEAT, whole, other[:300], None],
        [HEARTBEAT, whole, other, HEARTBEAT, 600.0],
    ]
    with streaming(Camera(scripts, "multipart/x-mixed-replace; boundary=boundary", login)) as camera:
        follow(config, camera)
        with running(config) as service:
            until(lambda: len(wass.received) == 2)
            told = service.source("gate")
            assert (told["messages"] >= 4, told["transport"]["connected"]) == (True, True)
            assert list(told["cameras"]) == ["44:19:b6:00:11:22/1"]
            assert service.terminate() == 0
    assert {event.data.entry_id for event in wass.received.values()} == {"A1", "A2"}
    assert len(wass.received) == 2


def test_a_camera_that_says_nothing_is_asked_again(config: Path, wass: WassSimulator) -> None:
    scripts: list[list[bytes | float | None]] = [[HEARTBEAT, 600.0], [part(), 600.0]]
    with streaming(Camera(scripts, "multipart/x-mixed-replace; boundary=boundary")) as camera:
        follow(config, camera, idle=1.0)
        with running(config) as service:
            until(lambda: len(wass.received) == 1)
            assert "silent for 1 s" in [event.get("error") for event in service.log()]


def test_a_camera_that_refuses_is_told_of_without_its_password(config: Path) -> None:
    camera = Camera([], "multipart/x-mixed-replace; boundary=boundary", "basic")
    with streaming(camera):
        follow(config, camera)
        config.write_text(config.read_text("utf-8").replace(PASSWORD, "wrong word"), "utf-8")
        with running(config) as service:
            until(lambda: service.source("gate")["transport"]["failure"] is not None)
            assert service.source("gate")["transport"] == {"connected": False, "failure": "HTTP 401", "too_large": 0}
            assert "wrong word" not in json.dumps(service.log())


def test_nothing_is_lost_when_the_service_is_killed(config: Path, wass: WassSimulator) -> None:
    """What the camera sends again is the same hit, and what was told stays told."""
    events = [part("12가3456", f"u{number}").replace(b"09:00:03", b"09:%02d:03" % number) for number in range(20)]
    scripts: list[list[bytes | float | None]] = [[*events, 600.0], [*events, 600.0]]
    with streaming(Camera(scripts, "multipart/x-mixed-replace; boundary=boundary")) as camera:
        follow(config, camera)
        with running(config) as service:
            until(lambda: len(wass.received) >= 3)
            service.kill()
        with running(config) as service:
            until(lambda: service.source("gate")["reads"] == 20)
            until(lambda: len(wass.received) == 20)
            service.wait_until_delivered()
    assert len(wass.received) == 20


def test_the_benchmark_of_many_streams_runs() -> None:
    few = ["--cameras", "3", "--seconds", "3", "--beat", "0.2", "--event", "0.5"]
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.streams", *few], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.splitlines()
    assert told[0].split()[:3] == ["cameras", "messages", "reads"]
    cameras, messages, reads = told[2].split()[:3]
    assert cameras == "3"
    assert int(messages.replace(",", "")) > int(reads.replace(",", "")) > 0
