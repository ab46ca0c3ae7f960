"""Plain TCP: where messages end, and cameras that connect or are connected to, to the far end and back."""

from __future__ import annotations

import json
import socket
import struct
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platewatch.errors import ConfigError
from platewatch.notify.simulator import WassSimulator
from platewatch.service.config import load
from platewatch.sources.framing import FRAMINGS, Name
from tests.patience import PATIENCE, until
from tests.service import Service, running


def packet(plate: str, device: int = 1, command: int = 0x8801) -> bytes:
    data = struct.pack("<16sQ16s", UUID(int=device).bytes, 1_795_000_000_000, plate.encode()) + b"\0" * 40
    return struct.pack("<2sHI", b"\xcc\xff", command, len(data) + 2) + data + b"\xff\xdd"


def document(plate: str, serial: str = "T-1", root: str = "root") -> bytes:
    text = (
        f"<PLATE_STRING>{plate}</PLATE_STRING><DATE>2026-11-23</DATE><TIME>09-00-03-847</TIME>"
        f"<DEVICE_SN>{serial}</DEVICE_SN><IMAGE_OCR>/9j/4AAQ</IMAGE_OCR>"
    )
    return f'<?xml version="1.0" encoding="utf-8"?>\n<{root}>{text}</{root}>'.encode()


# --- where messages end

OTHER = packet("B", command=0x8001)
STREAMS: dict[Name, tuple[list[bytes], bytes]] = {
    "lines": ([b'{"a": 1}', "가;x".encode(), b"last"], b'{"a": 1}\r\n\r\n\0' + "가;x\n".encode() + b"last\n"),
    "stx": (["1,가".encode("cp949"), b"2,x\ny"], b"noise\3\2\3\2cut\2" + "1,가".encode("cp949") + b"\3\r\n\2 2,x\ny\3"),
    "json": (
        [b'{"a": "}{"}', b'{"b": {"c": [{}, "\\"}"]}}', b"{}"],
        b'\n{"a": "}{"} ,\r\n{"b": {"c": [{}, "\\"}"]}}{}]',
    ),
    "xml": (
        [document("A"), document("B", root="MESSAGE"), document("C", root="Msg")],
        b"\0\0" + document("A") + b"\r\n" + document("B", root="MESSAGE") + document("C", root="Msg") + b"\0",
    ),
    "milesight": ([packet("A"), OTHER], b"\xff\xdd" + packet("A") + b"junk\xcc" + OTHER),
}


@pytest.mark.parametrize("name", STREAMS)
@given(cuts=st.lists(st.integers(1, 120), max_size=60))
def test_messages_are_the_same_however_the_bytes_come(name: Name, cuts: list[int]) -> None:
    expected, stream = STREAMS[name]
    framing, found, place = FRAMINGS[name](10_000), [], 0
    for size in [*cuts, len(stream)]:
        found += list(framing.feed(stream[place : place + size]))
        place += size
    assert [one.strip() for one in found] == expected
    assert (framing.rest(), framing.too_large) == (b"", 0)


def test_a_document_that_is_cut_off_costs_only_itself() -> None:
    framing = FRAMINGS["xml"](10_000)
    found = list(framing.feed(document("A")[:60] + document("B") + document("C")[:70]))
    assert found == [document("A")[:60], document("B")]
    assert framing.rest() == document("C")[:70]


def test_a_record_without_its_end_is_none() -> None:
    framing = FRAMINGS["stx"](10_000)
    assert list(framing.feed(b"\0022026,12AB\2" + b"2026,12AB34\3\0022026,12")) == [b"2026,12AB34"]
    assert framing.rest() == b""


def test_a_packet_that_does_not_end_as_it_says_is_left_out() -> None:
    framing = FRAMINGS["milesight"](10_000)
    wrong = struct.pack("<2sHI", b"\xcc\xff", 0x8801, 10)
    endless = struct.pack("<2sHI", b"\xcc\xff", 0x8801, 2**31)
    assert list(framing.feed(wrong + endless + packet("A"))) == [packet("A")]
    assert framing.too_large == 1


@pytest.mark.parametrize(
    ("name", "large", "next_one"),
    [
        ("lines", b"x" * 5000 + b"\n", b"next"),
        ("stx", b"\2" + b"x" * 5000 + b"\3", b"next"),
        ("json", b'{"a": "' + b"x" * 5000 + b'"}', b'{"next": 1}'),
        ("xml", document("A" * 5000), document("next")),
        ("milesight", struct.pack("<2sHI", b"\xcc\xff", 0x8801, 5000) + b"x" * 5000, packet("next")),
    ],
)
def test_what_is_too_large_is_dropped_up_to_the_next(name: Name, large: bytes, next_one: bytes) -> None:
    framing, found = FRAMINGS[name](1000), []
    for start in range(0, len(large), 100):
        found += list(framing.feed(large[start : start + 100]))
        assert len(framing.rest()) <= 1100
    found += list(framing.feed(b"\2" + next_one + b"\3" if name == "stx" else next_one + b"\n"))
    assert ([one.strip() for one in found], framing.too_large) == ([next_one], 1)


@pytest.mark.parametrize("name", FRAMINGS)
@given(
    pieces=st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from([b"\2", b"\3"]),
            st.sampled_from([b"<root>", b"</root>", b"{", b"}", b'"', b"\n", b"\xcc\xff", b"\xff\xdd", b"\\"]),
        )
    )
)
def test_nothing_breaks_it(name: Name, pieces: list[bytes]) -> None:
    framing = FRAMINGS[name](100)
    for piece in pieces:
        for one in framing.feed(piece):
            assert len(one) <= 100 + 40 + 256
        assert len(framing.rest()) <= 100 + 256


# --- through the service


def follow(config: Path, tcp: str, of_source: str) -> None:
    more = f"[sources.gate]\n{of_source}\ntcp = {{{tcp}}}\n"
    config.write_text(config.read_text("utf-8") + more, "utf-8")


def port_of(service: Service) -> int:
    until(lambda: service.source("gate")["transport"]["port"] is not None)
    return int(service.source("gate")["transport"]["port"])


def call(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), PATIENCE)


def test_documents_come_joined_and_cut_over_connections_that_stay(config: Path, wass: WassSimulator) -> None:
    follow(config, 'listen = "127.0.0.1:0"', 'format = "tattile"\nzone = "Asia/Seoul"')
    with running(config) as service:
        port = port_of(service)
        with call(port) as one, call(port) as other:
            one.sendall(document("12가3456", "T-1") + document("12가3456", "T-2")[:90])
            other.sendall(document("서울52바3108", "T-3"))
            until(lambda: len(wass.received) == 2)
            assert service.source("gate")["transport"]["connections"] == 2
            one.sendall(document("12가3456", "T-2")[90:])
            until(lambda: len(wass.received) == 3)
            one.sendall(document("12가3456", "T-4")[:90])
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        until(lambda: service.source("gate")["transport"]["connections"] == 0)
        told = service.source("gate")
        assert (told["messages"], told["reads"], told["transport"]["cut_off"]) == (3, 3, 1)
        assert sorted(told["cameras"]) == ["T-1", "T-2", "T-3"]
        assert service.terminate() == 0
    assert {event.data.camera.id for event in wass.received.values()} == {"T-1", "T-2", "T-3"}


def test_packets_of_milesight_come_from_a_camera_that_is_connected_to(config: Path, wass: WassSimulator) -> None:
    with socket.create_server(("127.0.0.1", 0)) as camera:
        camera.settimeout(PATIENCE)
        follow(config, f'connect = "127.0.0.1:{camera.getsockname()[1]}"', 'format = "milesight"')
        with running(config) as service:
            connection, _ = camera.accept()
            with connection:
                connection.sendall(packet("12가3456", 1) + packet("12가3456", 2)[:40])
                until(lambda: len(wass.received) == 1)
            connection, _ = camera.accept()  # again, after it broke
            with connection:
                connection.sendall(packet("12가3456", 2))
                until(lambda: len(wass.received) == 2)
                assert service.source("gate")["transport"]["connected"] is True
    assert {event.data.camera.id for event in wass.received.values()} == {str(UUID(int=1)), str(UUID(int=2))}


def test_a_line_is_a_message_and_a_camera_without_a_name_has_its_address(config: Path, wass: WassSimulator) -> None:
    mapping = 'mapping = {plate = "plate", time = "time", columns = ["time", "plate"], syntax = "csv"}'
    follow(config, 'listen = "127.0.0.1:0"', f'format = "mapping"\nzone = "Asia/Seoul"\n{mapping}')
    with running(config) as service:
        with call(port_of(service)) as one:
            one.sendall("2026-11-23 09:00:03,12가3456\r\n2026-11-23 09:00:04,서울52바3108".encode())
        until(lambda: len(wass.received) == 2)
    assert {event.data.camera.id for event in wass.received.values()} == {"127.0.0.1"}


SENT = [
    json.dumps({"text": "12가3456", "time": "2026-11-23T09:00:00Z", "camera_id": f"c{number}"}).encode() + b"\n"
    for number in range(60)
]


def acknowledged_until_killed(service: Service, camera: socket.socket, lines: list[bytes]) -> int:
    """Send the lines, and kill the service when it has acknowledged some; returns how many it had."""
    camera.settimeout(PATIENCE)
    camera.sendall(b"".join(lines))
    count = 0
    while count < min(len(lines), 25) and (answer := camera.recv(30)):
        count += answer.count(b"\n")
    service.kill()
    while answer := _received(camera):
        count += answer.count(b"\n")
    return count


def all_are_told(wass: WassSimulator) -> None:
    until(lambda: len(wass.received) == len(SENT))
    assert {event.data.camera.id for event in wass.received.values()} == {f"c{number}" for number in range(len(SENT))}


def test_nothing_that_is_acknowledged_is_lost_when_the_service_is_killed(config: Path, wass: WassSimulator) -> None:
    follow(config, 'listen = "127.0.0.1:0", acknowledge = "OK\\n"', 'format = "platewatch"')
    done = 0
    while done < len(SENT):
        with running(config) as service, call(port_of(service)) as camera:
            done += acknowledged_until_killed(service, camera, SENT[done:])
    with running(config):
        all_are_told(wass)


def test_nor_where_the_camera_is_connected_to(config: Path, wass: WassSimulator) -> None:
    done = 0
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        where = f"127.0.0.1:{server.getsockname()[1]}"
        follow(config, f'connect = "{where}", acknowledge = "OK\\n"', 'format = "platewatch"')
        while done < len(SENT):
            with running(config) as service, server.accept()[0] as camera:
                done += acknowledged_until_killed(service, camera, SENT[done:])
        with running(config):
            all_are_told(wass)


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(4096)
    except ConnectionResetError:
        return b""


def test_who_is_idle_or_one_too_many_or_from_elsewhere_is_left(config: Path) -> None:
    tcp = 'listen = "0.0.0.0:0", max_connections = 1, idle = 1.0'
    follow(config, tcp, 'format = "tattile"\naddresses = ["127.0.0.1/32"]')
    with running(config) as service:
        port = port_of(service)
        with call(port) as one:
            until(lambda: service.source("gate")["transport"]["connections"] == 1)
            with call(port) as other:
                assert _received(other) == b""
            assert _received(one) == b"", "it is closed, as nothing comes"
        told = service.source("gate")["transport"]
        assert (told["idle"], told["no_room"], told["not_from_here"]) == (1, 1, 0)
    config.write_text(config.read_text("utf-8").replace("127.0.0.1/32", "10.0.0.0/8"), "utf-8")
    with running(config) as service:
        with call(port_of(service)) as one:
            assert _received(one) == b""
        assert service.source("gate")["transport"]["not_from_here"] == 1


def test_a_port_that_is_taken_is_tried_again(config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        follow(config, f'listen = "127.0.0.1:{other.getsockname()[1]}"', 'format = "tattile"')
        with running(config) as service:
            until(lambda: "in use" in str(service.source("gate")["transport"]["failure"]))
            other.close()
            until(lambda: service.source("gate")["transport"]["connected"] is True)


@pytest.mark.parametrize(
    ("of_source", "tcp", "said"),
    [
        ("", "", "sources.gate.tcp.listen: is needed, or connect"),
        ("", 'listen = "127.0.0.1:1", connect = "a:1"', "sources.gate.tcp.listen: is needed, or connect, and not both"),
        ("", 'listen = "127.0.0.1"', "sources.gate.tcp.listen: is not an address and a port"),
        ("", 'connect = ":5000"', "sources.gate.tcp.connect: has no host"),
        ("", 'connect = "::1:99999"', "sources.gate.tcp.connect: is not an address and a port"),
        ("", 'listen = ":5000"', "sources.gate.addresses: is not set, and all machines could send"),
        ("", 'listen = "[::]:5000"', "sources.gate.addresses: is not set"),
        ('addresses = ["10.0.0.0/8"]', 'connect = "a:1"', "sources.gate.tcp: is one way"),
        ('token = "0123456789abcdef"', 'listen = "[::1]:1"', "sources.gate.tcp: is one way"),
        ("", 'listen = "127.0.0.1:1", framing = "smoke"', "sources.gate.tcp.framing"),
    ],
)
def test_a_bad_setting_is_named(config: Path, of_source: str, tcp: str, said: str) -> None:
    follow(config, tcp, f'format = "tattile"\n{of_source}')
    with pytest.raises(ConfigError) as caught:
        load(config, {})
    assert said in str(caught.value)
