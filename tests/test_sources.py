"""Cameras that send to the service in their own formats, by HTTP and by MQTT, to the far end and back."""

from __future__ import annotations

import asyncio
import json
import socket
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from platewatch.notify.simulator import WassSimulator
from tests.feeds.test_service import wait_for
from tests.patience import PATIENCE, until
from tests.service import Service, running

SOURCES = """
[sources.stream]
format = "plate_recognizer"
token = "0123456789abcdef"
[sources.gate]
format = "dahua"
zone = "Asia/Seoul"
camera = "GJ-0001"
[sources.root]
format = "dahua"
path = "/NotificationInfo"
zone = "Asia/Seoul"
[sources.parking]
format = "mapping"
camera = "P1"
mapping = {plate = "carNo", time = "inTime", zone = "Asia/Seoul"}
[sources.elsewhere]
format = "platewatch"
addresses = ["10.0.0.0/8"]
"""
MQTT = 'mqtt = {url = "mqtt://x", topics = ["t"], client_id = "c"}'
NO_TOPICS = MQTT.replace('"t"', "")
STREAM = json.dumps(
    {
        "hook": {},
        "data": {
            "camera_id": "cam-1",
            "timestamp": "2026-11-23T09:00:03.606935Z",
            "results": [{"plate": "12가3456", "score": 0.9}, {"plate": None}, 7],
        },
    }
).encode()


@pytest.fixture
def service(config: Path) -> Any:
    config.write_text(config.read_text("utf-8") + SOURCES, "utf-8")
    with running(config) as service:
        yield service


def send(service: Service, path: str, body: bytes | None, **headers: str) -> tuple[int, bytes]:
    url = service.url + (path if path.startswith("/") else f"/v1/sources/{path}")
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_what_a_vendor_sends_makes_hits_and_is_told_item_by_item(service: Service, wass: WassSimulator) -> None:
    status, body = send(service, "stream", STREAM, Authorization="Bearer 0123456789abcdef")
    answer = json.loads(body)
    assert (status, answer["accepted"], answer["hits"], answer["ignored"], answer["refused"]) == (200, 1, 1, 1, 1)
    assert [(error["item"], error["field"]) for error in answer["errors"]] == [(3, "results")]
    assert b"12" not in json.dumps(answer["errors"]).encode()
    service.wait_until_delivered()
    (event,) = wass.received.values()
    assert (event.data.entry_id, event.data.camera.id, event.data.late) == ("A1", "cam-1", True), "it is days old"
    assert json.loads(send(service, "stream/0123456789abcdef", STREAM)[1])["hits"] == 0, "sent again, told once"
    told = service.get("/v1/status")[1]["sources"]["stream"]
    assert (told["messages"], told["reads"], told["ignored"]) == (2, 2, {"no_plate": 2})
    assert sum(told["refused"].values()) == 2
    assert list(told["cameras"]) == ["cam-1"]


def test_metrics_log_and_aliases_go_by_source(config: Path, wass: WassSimulator, tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    more = f'{SOURCES}[sources.drop]\nformat = "platewatch"\ncamera = "cam-1"\n'
    more += f'folder = {{path = "{drop}", interval = 0.05}}\n'
    config.write_text(config.read_text("utf-8") + more, "utf-8")
    table = "camera_id,aliases,agency,time_zone\nGJ-1,stream=cam-1,police,\nGJ-2,drop=cam-1,city,America/New_York\n"
    (tmp_path / "cameras.csv").write_text(table + "P1,,,\n", "utf-8")
    with running(config) as service:
        assert send(service, "stream/0123456789abcdef", STREAM)[0] == 200
        reads = [{"text": "98하7654"}, {"text": "12가3456", "time": "2026-11-23T09:00:00"}, {"text": 5}]
        (drop / "1.json").write_text("\n".join(map(json.dumps, reads)), "utf-8")
        assert send(service, "parking", json.dumps({"carNo": "97하7654"}).encode())[0] == 200
        assert send(service, "parking", json.dumps({"carNo": ["98하7654"]}).encode())[0] == 422
        wait_for(lambda: service.get("/v1/status")[1]["sources"]["drop"]["reads"] == 2)
        service.wait_until_delivered()
        with urllib.request.urlopen(f"{service.url}/metrics", timeout=PATIENCE) as answer:
            text = answer.read().decode()
        log = service.log()
    reads = sorted(line for line in text.splitlines() if line.startswith("platewatch_reads_total"))
    assert reads == [
        'platewatch_reads_total{group="",source="parking"} 1.0',
        'platewatch_reads_total{group="city",source="drop"} 2.0',
        'platewatch_reads_total{group="police",source="stream"} 1.0',
    ]
    refused = [line for line in text.splitlines() if line.startswith("platewatch_reads_refused_total")]
    assert len(refused) == 3
    for source, field in (("stream", "results"), ("drop", "text"), ("parking", "carNo")):
        assert any(f'source="{source}"' in line and f'field="{field}"' in line for line in refused), (source, refused)
    told = {(line["source"], line["camera_id"]) for line in log if line["event"] == "read refused"}
    assert told == {("stream", None), ("drop", "cam-1"), ("parking", "P1")}
    times = {event.data.camera.id: event.data.time for event in wass.received.values()}
    assert set(times) == {"GJ-1", "GJ-2"}
    assert times["GJ-2"] == datetime(2026, 11, 23, 14, tzinfo=UTC), "the camera's own zone"
    assert "98하7654" not in text + json.dumps(log, ensure_ascii=False)


def test_a_source_s_token_may_be_shown_as_cameras_can(service: Service) -> None:
    basic = "Basic YWRtaW46MDEyMzQ1Njc4OWFiY2RlZg=="  # admin:0123456789abcdef
    assert send(service, "stream", STREAM, Authorization=basic)[0] == 200
    assert send(service, "stream", STREAM)[0] == 401
    for wrong in ("Bearer wrong", "Basic !", "Basic YTpi"):
        assert send(service, "stream", STREAM, Authorization=wrong)[0] == 401
    assert send(service, "stream/wrong", STREAM)[0] == 401
    assert send(service, "stream/0123456789abcdef/more", STREAM)[0] == 200
    assert send(service, "stream0123456789abcdef", STREAM)[0] == 404
    assert send(service, "unknown", STREAM)[0] == 404
    assert send(service, "elsewhere", b"[]")[0] == 403
    assert "0123456789abcdef" not in service.log_path.read_text("utf-8")


def test_cameras_that_can_show_no_token_are_let_in_by_their_addresses(config: Path, wass: WassSimulator) -> None:
    """Dahua's path is fixed, and its Digest is broken."""
    more = (
        '[http]\nport = 0\ntoken = "of the service"\n[sources.root]\nformat = "dahua"\npath = "/NotificationInfo"\n'
        'zone = "Asia/Seoul"\nwithout_token = true\naddresses = ["127.0.0.0/8"]\n'
    )
    text = config.read_text("utf-8").replace("http.port = 0\n", "") + more
    body = json.dumps({"Picture": {"Plate": {"PlateNumber": "12가3456"}, "SnapInfo": {"DeviceID": "D1"}}}).encode()
    digest = {"Authorization": 'Digest username="a", realm="", nonce="", qop="", response="0"'}
    path = "/NotificationInfo/TollgateInfo"
    config.write_text(text, "utf-8")
    with running(config) as service:
        assert send(service, path, body, **digest)[0] == 200
        assert send(service, "/v1/reads", b"[]", **digest)[0] == 401, "nothing else is open"
        until(lambda: len(wass.received) == 1)
    config.write_text(text.replace("without_token = true", "without_token = false"), "utf-8")
    with running(config) as service:
        assert send(service, path, body, **digest)[0] == 401
    config.write_text(text.replace("127.0.0.0/8", "10.0.0.0/8"), "utf-8")
    with running(config) as service:
        assert send(service, path, body)[0] == 403


def test_a_sender_gets_back_what_it_has_to(service: Service, wass: WassSimulator) -> None:
    plate = {"PlateNumber": "12가3456"}
    itsapi = {"Picture": {"Plate": plate, "SnapInfo": {"SnapTime": "2026-11-23 18:00:03", "DeviceID": "D1"}}}
    body = json.dumps(itsapi).encode()
    of_json = {"Content-Type": "application/json"}
    status, reply = send(service, "gate/NotificationInfo/TollgateInfo", body, **of_json)
    assert (status, json.loads(reply)["Result"]) == (200, True)
    assert send(service, "/NotificationInfo/TollgateInfo", body, **of_json) == (status, reply), "of the root"
    service.wait_until_delivered()
    assert {event.data.entry_id for event in wass.received.values()} == {"A1"}


def test_a_sender_of_no_vendor_is_described_in_the_settings(service: Service, wass: WassSimulator) -> None:
    status, body = send(
        service,
        "parking",
        b"carNo=12%EA%B0%803456&inTime=2026-11-23+18%3A00%3A03",
        **{"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert (status, json.loads(body)["hits"]) == (200, 1)
    service.wait_until_delivered()
    (event,) = wass.received.values()
    assert (event.data.camera.id, event.data.time) == ("P1", datetime(2026, 11, 23, 9, 0, 3, tzinfo=UTC))


def test_what_is_of_another_format_is_refused_and_counted_without_a_word_of_it(service: Service) -> None:
    status, body = send(service, "stream/0123456789abcdef", b"<xml>12\xea\xb0\x803456</xml>")
    assert status == 422
    assert "12가3456" not in body.decode()
    told = service.get("/v1/status")[1]["sources"]["stream"]
    assert (told["messages"], told["reads"], sum(told["refused"].values())) == (1, 0, 1)
    assert "3456" not in json.dumps(told)


def test_the_status_says_of_which_cameras_what_was_refused_and_when_each_was_heard_of(service: Service) -> None:
    """Without a plate, too; what says no camera is of the source's, if it has one."""

    def of(path: str, *bodies: dict[str, Any]) -> dict[str, Any]:
        for body in bodies:
            send(service, path, json.dumps(body).encode(), **{"Content-Type": "application/json"})
        found: dict[str, Any] = service.get("/v1/status")[1]["sources"][path.partition("/")[0]]
        return found

    data = {"data": {"camera_id": "cam-2", "results": [{"plate": None}, {"plate": 7}, {"plate": "x" * 30}, 7]}}
    told = of("stream/0123456789abcdef", data, {"data": {"camera_id": "cam-3", "results": []}})
    assert told["ignored"] == {"no_plate": 2}
    assert sum(told["refused"].values()) == 3
    assert list(told["cameras"]) == ["cam-2", "cam-3"]
    ((camera, refused),) = told["refused_by_camera"].items()
    assert (camera, sum(refused.values())) == ("cam-2", 2)
    assert refused.items() <= told["refused"].items()

    told = of("gate/NotificationInfo/KeepAlive", {"Active": "keepAlive", "DeviceID": "D7"}, {"Picture": {}}, {"x": "y"})
    assert list(told["cameras"]) == ["D7", "GJ-0001"], "of the source, where the message names none"
    told = of("parking", {"inTime": "2026-11-23 18:00:03", "carNo": {}})
    assert told["refused_by_camera"] == {"P1": told["refused"]}
    assert list(told["cameras"]) == ["P1"]


@pytest.mark.parametrize(
    ("source", "body", "answers"),
    [
        ("root", b"garbage", [(200, True), (200, True)]),  # known to repeat what has no such answer
        ("axis", b"{}", [(200, None), (200, None)]),
        ("stream/0123456789abcdef", b"garbage", [(422, None), (200, None)]),
        ("parking", b"inTime=1&carNo=" + b"x" * 2000, [(422, None), (200, None)]),
        ("parking", b"x" * 5000, [(413, None), (413, None)]),
        ("axis", b"x" * 5000, [(200, None), (200, None)]),
    ],
)
def test_a_camera_that_repeats_what_was_refused_is_told_to_stop(
    config: Path, source: str, body: bytes, answers: list[tuple[int, bool | None]]
) -> None:
    """Every time, if its kind is known to; else when it does."""
    more = (
        SOURCES.replace('camera = "P1"', "max_body_bytes = 4000")
        + '[sources.axis]\nformat = "axis"\nmax_body_bytes = 99\n'
    )
    config.write_text(config.read_text("utf-8") + more, "utf-8")
    with running(config) as service:
        got = []
        for _ in answers:
            path = "/NotificationInfo/TollgateInfo" if source == "root" else source
            status, answer = send(service, path, body, **{"Content-Type": "application/x-www-form-urlencoded"})
            got.append((status, json.loads(answer).get("Result")))
        assert got == answers
        told = service.get("/v1/status")[1]["sources"][source.partition("/")[0]]
        assert (told["messages"], sum(told["refused"].values())) == (2, 2), "it is counted all the same"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('sources.a = {format = "fax"}', "sources.a.format: no format has this name"),
        ('sources.a = {format = "mapping"}', "sources.a.mapping: is for the format mapping"),
        ('sources.a = {format = "axis", zone = "Mars"}', "sources.a.zone: not a time zone"),
        ('sources.a = {format = "axis", charset = "klingon"}', "sources.a.charset"),
        ('sources.a = {format = "axis", addresses = ["10.0.0.1/8"]}', "sources.a.addresses"),
        ('sources.a = {format = "axis", token = "short"}', "sources.a.token"),
        (
            'sources.a = {format = "axis", without_token = true}',
            "sources.a.without_token: needs addresses",
        ),
        (
            'sources.a = {format = "axis", path = "/x", mqtt = {url = "mqtt://x", topics = ["t"], client_id = "c"}}',
            "a.mqtt",
        ),
        (
            'sources.a = {format = "axis", mqtt = {url = "http://x", topics = ["t"], client_id = "c"}}',
            "sources.a.mqtt.url",
        ),
        (
            'sources.a = {format = "axis", mqtt = {url = "mqtt://x", topics = [], client_id = "c"}}',
            "sources.a.mqtt.topics",
        ),
        ('sources."a/b" = {format = "axis"}', "sources.a/b: has a name"),
    ],
)
def test_a_bad_setting_is_named(config: Path, text: str, said: str) -> None:
    from platewatch.errors import ConfigError
    from platewatch.service.config import load

    config.write_text(text + "\n" + config.read_text("utf-8"), "utf-8")
    with pytest.raises(ConfigError) as caught:
        load(config, {})
    assert said in str(caught.value)


def test_nothing_that_is_acknowledged_is_lost_when_the_service_is_killed(config: Path, wass: WassSimulator) -> None:
    config.write_text(config.read_text("utf-8") + SOURCES, "utf-8")
    acknowledged = set()
    for start in (0, 20):
        with running(config) as service:
            for number in range(start, start + 20):
                camera = f"cam-{number}"
                body = STREAM.replace(b"cam-1", camera.encode())
                if send(service, "stream/0123456789abcdef", body)[0] == 200:
                    acknowledged.add(camera)
            service.kill()
    assert len(acknowledged) == 40
    with running(config) as service:
        deadline = time.monotonic() + PATIENCE
        while len(wass.received) < 40:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert {event.data.camera.id for event in wass.received.values()} == acknowledged
    assert len(wass.received) == 40, "each is told under one id"


def axis(when: datetime, state: str, text: str = "12가3456") -> dict[str, Any]:
    millis = str(int(when.timestamp() * 1000))
    return {"plateUTF8": text, "capture_timestamp": millis, "carState": state, "carID": "5"}


def dahua(when: datetime, index: int) -> dict[str, Any]:
    second = int(when.timestamp()) + index
    data = {"TrafficCar": {"PlateNumber": "12가3456"}, "RealUTC": second, "GroupID": 9, "IndexInGroup": index}
    return {"Code": "TrafficJunction", "Data": data}


def frigate(when: datetime, seconds: int, text: str = "12가3456") -> dict[str, Any]:
    return {
        "type": "lpr",
        "id": "x",
        "plate": text,
        "score": 0.9,
        "camera": "c",
        "timestamp": when.timestamp() + seconds,
    }


NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.mark.parametrize("quiet", [600, 0])
@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("axis", [axis(NOW, "new", "12가3457"), axis(NOW, "update")], [axis(NOW, "lost")]),
        ("dahua", [dahua(NOW, 0), dahua(NOW, 1)], [dahua(NOW, 1), dahua(NOW, 2)]),
        ("frigate", [frigate(NOW, 0), frigate(NOW, 1, "12가3457")], [frigate(NOW, 2)]),
    ],
)
def test_a_pass_whose_middle_the_service_is_killed_in_is_told_once(
    config: Path, wass: WassSimulator, name: str, before: list[dict[str, Any]], after: list[dict[str, Any]], quiet: int
) -> None:
    top = f"policy.quiet = {quiet}\n{config.read_text('utf-8')}"
    config.write_text(f'{top}[sources.s]\nformat = "{name}"\ncamera = "G"\n', "utf-8")
    for messages in (before, after):
        with running(config) as service:
            for message in messages:
                assert (
                    send(service, "s", json.dumps(message).encode(), **{"Content-Type": "application/json"})[0] == 200
                )
            service.wait_until_delivered()
            service.kill()
    assert len({event.id.partition(".")[0] for event in wass.received.values()}) == 1
    with running(config) as service:
        later = json.dumps({"text": "12가3456", "camera_id": "G", "time": (NOW + timedelta(seconds=50)).isoformat()})
        assert service.post("/v1/reads", later.encode())[1]["hits"] == 1, "it has come back"


# --- MQTT


def follow(config: Path, broker: int) -> None:
    mqtt = f'url = "mqtt://127.0.0.1:{broker}", topics = ["cameras/+"], client_id = "tests"'
    source = f'[sources.broker]\nformat = "plate_recognizer"\nmqtt = {{{mqtt}, user = "city", password = "secret"}}\n'
    config.write_text(config.read_text("utf-8") + source, "utf-8")


def publish(broker: int, *cameras: str) -> None:
    async def body() -> None:
        async with aiomqtt.Client("127.0.0.1", broker, username="city", password="secret") as client:
            for camera in cameras:
                await client.publish(f"cameras/{camera}", STREAM.replace(b"cam-1", camera.encode()), qos=1)

    asyncio.run(body())


def test_a_broker_s_messages_make_hits_whether_or_not_the_service_is_there(
    config: Path, wass: WassSimulator, broker: int
) -> None:
    """The broker keeps what comes while the service is away, and what it has not acknowledged when it is killed."""
    follow(config, broker)
    with running(config) as service:
        until(lambda: service.source("broker")["transport"]["connected"])
        publish(broker, "a", "b")
        until(lambda: len(wass.received) == 2)
        assert service.source("broker")["messages"] == 2
        publish(broker, *(f"c{number}" for number in range(30)))
        service.kill()
    publish(broker, "d", "e")
    with running(config) as service:
        until(lambda: len(wass.received) == 34)
        assert service.post("/v1/sources/broker", STREAM)[0] == 404, "it has no path"
        assert service.terminate() == 0
    cameras = {"a", "b", "d", "e", *(f"c{number}" for number in range(30))}
    assert {event.data.camera.id for event in wass.received.values()} == cameras
    assert len(wass.received) == 34, "each is told under one id"


def test_a_broker_that_is_away_is_waited_for(config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = server.getsockname()[1]
    follow(config, nobody)
    with running(config) as service:
        until(lambda: service.source("broker")["transport"]["failure"] is not None)
        assert service.source("broker")["transport"] == {"connected": False, "failure": "MqttError"}
        assert service.send({"text": "12가3456", "camera_id": "GJ-0001"})[1]["hits"] == 1, "others are not held up"


def test_a_message_that_is_of_no_use_is_counted_and_let_go(config: Path, broker: int, wass: WassSimulator) -> None:
    follow(config, broker)
    with running(config) as service:
        until(lambda: service.source("broker")["transport"]["connected"])

        async def garbage() -> None:
            async with aiomqtt.Client("127.0.0.1", broker, username="city", password="secret") as client:
                await client.publish("cameras/x", b"\xff garbage", qos=1)

        asyncio.run(garbage())
        publish(broker, "good")
        until(lambda: len(wass.received) == 1)
        assert sum(service.source("broker")["refused"].values()) == 2, "the garbage, and the item that is no result"


# --- a folder


def test_files_are_taken_and_put_away(config: Path, wass: WassSimulator, tmp_path: Path) -> None:
    """Those that are still being written, and those that nobody meant, are left alone."""
    drop = tmp_path / "drop"
    more = (
        '[sources.files]\nformat = "plate_recognizer"\nfolder = {path = "drop", pattern = "*.json", interval = 0.1}\n'
    )
    config.write_text(config.read_text("utf-8") + more, "utf-8")
    with running(config) as service:
        until(lambda: service.source("files")["transport"]["waiting"] == 0)
        drop.mkdir()
        (drop / "good.json").write_bytes(STREAM)
        (drop / "bad.json").write_bytes(b"{")
        (drop / "other.txt").write_bytes(STREAM)
        (drop / ".hidden.json").write_bytes(STREAM)
        (drop / "failed").mkdir()
        (drop / "failed" / "bad.json").write_bytes(b"an earlier one")
        until(lambda: len(wass.received) == 1 and (drop / "failed" / "bad-1.json").exists())
        until(lambda: service.source("files")["transport"]["waiting"] == 0)
        assert sorted(path.name for path in drop.iterdir()) == [".hidden.json", "failed", "other.txt"]
        (drop / "whole.json.part").write_bytes(STREAM[:50])
        (drop / "next.json").write_bytes(STREAM.replace(b"cam-1", b"cam-2"))
        until(lambda: not (drop / "next.json").exists())
        assert (drop / "whole.json.part").exists(), "it is not whole yet"
        (drop / "whole.json.part").write_bytes(STREAM.replace(b"cam-1", b"cam-3"))
        (drop / "whole.json.part").rename(drop / "whole.json")
        until(lambda: len(wass.received) == 3)


def test_files_wait_while_the_service_is_away(config: Path, wass: WassSimulator, tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    more = '[sources.files]\nformat = "plate_recognizer"\nfolder = {path = "drop", interval = 0.05, keep = true}\n'
    config.write_text(config.read_text("utf-8") + more, "utf-8")
    for number in range(40):
        (drop / f"{number}.json").write_bytes(STREAM.replace(b"cam-1", f"cam-{number}".encode()))
    with running(config) as service:
        until(lambda: len(wass.received) >= 5)
        service.kill()
    with running(config):
        until(lambda: len(list((drop / "done").iterdir())) == 40)
        until(lambda: len(wass.received) == 40)
    assert {event.data.camera.id for event in wass.received.values()} == {f"cam-{number}" for number in range(40)}
