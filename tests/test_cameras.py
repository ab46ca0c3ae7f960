"""The cameras' table, what a hit tells of its camera and of those ahead, and a table that changes."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import platewatch as pw
from platewatch.matching.reads import ReadDecoder
from platewatch.notify import Camera
from platewatch.notify.simulator import WassSimulator
from platewatch.service.ahead import MOST, ahead
from platewatch.service.cameras import Cameras, Row, load
from tests.feeds.test_service import alarms, replace, wait_for
from tests.service import running

TABLE = """camera_id,aliases,name,place,latitude,longitude,heading,agency,stream_url,engine,time_zone
GJ-0001,10.0.0.1;frigate-front,City Hall,Naebang-ro 111,35.16,126.85,90,Gwangju,rtsp://10.0.0.1/s,dahua,Asia/Seoul
GJ-0002,,East,,35.16,126.87,,,rtsp://10.0.0.2/s,,
GJ-0003,,West,,35.16,126.83,,,,,
B,,,,,,,,,,
"""


def table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "cameras.csv"
    path.write_text(text, "utf-8")
    return path


def test_a_table(tmp_path: Path) -> None:
    first, *_, last = load(table(tmp_path, TABLE))
    assert first == Row(
        Camera(
            id="GJ-0001",
            name="City Hall",
            place="Naebang-ro 111",
            latitude=35.16,
            longitude=126.85,
            heading=90.0,
            agency="Gwangju",
            stream_url="rtsp://10.0.0.1/s",
        ),
        ("10.0.0.1", "frigate-front"),
        "dahua",
        ZoneInfo("Asia/Seoul"),
    )
    assert last == Row(Camera(id="B"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name\nx\n", "needs a header with the column camera_id"),
        ("camera_id,latitude\nA,north\n", "row 2, latitude: not a number"),
        ("camera_id,latitude\nA,1\nB,91\n", "row 3, latitude: not in -90 to 90"),
        ("camera_id,heading\n,1\n", "row 2, camera_id: missing"),
        ("camera_id,time_zone\nA,Mars/Olympus\n", "row 2, time_zone: not a time zone"),
        ("camera_id,error_rate\nA,3%\n", "row 2, error_rate: not a number"),
        ("camera_id,error_rate\nA,0.03\nB,3\n", "row 3, error_rate: not above 0 and below 1"),
        ("camera_id,error_rate\nA,nan\n", "row 2, error_rate: not above 0 and below 1"),
        ("camera_id,aliases\nA,x;y\nB,y\n", "aliases: 'y' stands for two cameras: 'A' and 'B'"),
        ("camera_id,aliases\nA,B\nB,\n", "aliases: 'B' stands for two cameras: 'A' and 'B'"),
    ],
)
def test_a_bad_table_is_told_by_row_and_field(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(pw.ConfigError, match=message):
        load(table(tmp_path, text))


def test_reads_get_their_cameras_own_id_and_engine(tmp_path: Path) -> None:
    cameras = Cameras(load(table(tmp_path, TABLE)))
    reads = [
        pw.Read(text="1", camera_id="10.0.0.1"),
        pw.Read(text="2", camera_id="frigate-front", engine="other"),
        pw.Read(text="3", camera_id="GJ-0002"),
        pw.Read(text="4", camera_id="nobody's"),
        pw.Read(text="5"),
    ]
    found = [(read.text, read.camera_id, read.engine) for read in cameras.resolved(reads, "http")]
    assert found == [
        ("1", "GJ-0001", "dahua"),
        ("2", "GJ-0001", "other"),
        ("3", "GJ-0002", None),
        ("4", "nobody's", None),
        ("5", None, None),
    ]
    assert cameras.unknown == 2
    assert (cameras.get("GJ-0002").known, cameras.get("nobody's").known, cameras.get(None).known) == (
        True,
        False,
        False,
    )


def test_a_camera_may_have_an_error_rate(tmp_path: Path) -> None:
    cameras = Cameras(load(table(tmp_path, "카메라번호,별칭,오독률\nA,a,0.03\nB,,\nC,,0.5\n")))
    assert cameras.error_rates() == {"A": 0.03, "C": 0.5}


@pytest.mark.parametrize("learns", ["true", "false"])
def test_a_read_counts_by_the_error_rate_of_its_camera(
    tmp_path: Path, config: Path, wass: WassSimulator, learns: str
) -> None:
    """The same near read is the wanted plate more probably where plates are often misread; and a reload counts."""
    header = "camera_id,error_rate\n"
    table(tmp_path, f"{header}clean,0.06\ndirty,0.9\nunsaid,\n")

    minutes = count()

    def probability(camera_id: str) -> float:
        wass.received.clear()
        time = datetime(2026, 11, 23, tzinfo=UTC) + timedelta(minutes=next(minutes))
        read = {"text": "12가3458", "camera_id": camera_id, "time": time.isoformat()}
        assert service.send(read)[1]["hits"] == 1
        service.wait_until_delivered()
        return next(iter(wass.received.values())).data.probability

    environment = {"PLATEWATCH_LEARNING__ENABLED": learns, "PLATEWATCH_POLICY__QUIET": "0.0"}
    with running(config, environment) as service:
        clean, unsaid, dirty = (probability(camera) for camera in ("clean", "unsaid", "dirty"))
        assert clean < unsaid < dirty
        replace(tmp_path / "cameras.csv", f"{header}clean,0.9\ndirty,0.06\nunsaid,\nnew,\n")
        wait_for(lambda: service.get("/v1/status")[1]["cameras"]["known"] == 4)
        wait_for(lambda: probability("clean") == pytest.approx(dirty, abs=2e-3))
        assert probability("dirty") == pytest.approx(clean, abs=2e-3)
        assert probability("unsaid") == pytest.approx(unsaid, abs=2e-3)


def test_what_one_source_calls_a_camera_is_another_camera_for_others(tmp_path: Path) -> None:
    text = "camera_id,aliases,engine\n1,,\nGJ-0001,gate=1;http=7,dahua\nGJ-0002,toll=1;7,\n"
    cameras = Cameras(load(table(tmp_path, text)))
    found = {
        (source, name): cameras.resolved([pw.Read(text="1", camera_id=name)], source)[0].camera_id
        for source in ("gate", "toll", "http", "other")
        for name in ("1", "7", "GJ-0001")
    }
    assert found == {
        ("gate", "1"): "GJ-0001",
        ("gate", "7"): "GJ-0002",
        ("toll", "1"): "GJ-0002",
        ("toll", "7"): "GJ-0002",
        ("http", "1"): "1",
        ("http", "7"): "GJ-0001",
        ("other", "1"): "1",
        ("other", "7"): "GJ-0002",
        **{(source, "GJ-0001"): "GJ-0001" for source in ("gate", "toll", "http", "other")},
    }
    assert cameras.unknown == 0
    with pytest.raises(pw.ConfigError, match="aliases: 'gate=1' stands for two cameras: 'A' and 'B'"):
        load(table(tmp_path, "camera_id,aliases\nA,gate=1\nB,gate=1\n"))


def test_without_a_table_no_camera_is_unknown() -> None:
    cameras = Cameras()
    reads = [pw.Read(text="1", camera_id="A")]
    assert cameras.resolved(reads, "http") is reads
    assert (cameras.get("A"), cameras.get(None), cameras.unknown) == (Camera(id="A"), Camera(id="unknown"), 0)


def test_a_camera_may_have_a_time_zone_of_its_own() -> None:
    cameras = Cameras([Row(Camera(id="A"), zone=ZoneInfo("Asia/Tokyo")), Row(Camera(id="B"))])
    decoder = ReadDecoder("UTC", zone_of_camera=cameras.zone)
    times = [
        decoder.decode(f'{{"text": "1", "camera_id": "{camera}", "time": "2026-11-23T09:00:00"}}'.encode()).time
        for camera in ("A", "B", "C")
    ]
    nine = datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert times == [datetime(2026, 11, 23, 0, tzinfo=UTC), nine, nine]


# ---------------------------------------------------------------------- ahead


def at(name: str, metres: float, bearing: float, heading: float | None = None) -> Camera:
    """A camera so far from City Hall, on a plane."""
    north, east = metres * math.cos(math.radians(bearing)), metres * math.sin(math.radians(bearing))
    a_degree = 6_371_008.8 * math.pi / 180
    latitude = 35.16 + north / a_degree
    longitude = 126.85 + east / (a_degree * math.cos(math.radians(35.16)))
    return Camera(id=name, latitude=latitude, longitude=longitude, heading=heading, stream_url=f"rtsp://{name}")


def test_the_nearest_cameras_ahead() -> None:
    here = at("here", 0, 0, heading=350.0)
    others = [
        here,
        at("far", 6000, 350),
        at("second", 900, 20),
        at("first", 400, 300),
        at("behind", 100, 170),
        at("beside", 100, 60),
        at("same post", 5, 350),
        at("third", 1500, 350),
        at("fourth", 1600, 350),
        Camera(id="nowhere"),
    ]
    found = ahead(here, others)
    assert [camera.id for camera in found] == ["first", "second", "third"]
    assert [camera.distance for camera in found] == pytest.approx([400, 900, 1500], rel=0.01)
    assert [camera.bearing for camera in found] == pytest.approx([300, 20, 350], abs=1)
    assert found[0].stream_url == "rtsp://first"
    assert len(found) == MOST


def test_without_a_heading_all_ways_are_ahead_and_without_a_place_none() -> None:
    others = [at("north", 300, 0), at("south", 200, 180)]
    assert [camera.id for camera in ahead(at("here", 0, 0), others)] == ["south", "north"]
    assert ahead(Camera(id="nowhere", heading=1.0), others) == ()
    assert ahead(at("here", 0, 0), []) == ()


def test_across_the_date_line() -> None:
    east, west = (
        Camera(id=name, latitude=0.0, longitude=x, heading=90.0) for name, x in [("e", 179.99), ("w", -179.99)]
    )
    assert [(camera.id, camera.bearing) for camera in ahead(east, [west])] == [("w", 90)]
    assert ahead(west, [east]) == ()


def test_another_table_means_other_cameras_ahead() -> None:
    here = at("here", 0, 0)
    cameras = Cameras([Row(here), Row(at("old", 300, 0))])
    assert [camera.id for camera in cameras.ahead(here)] == ["old"]
    cameras.use([Row(here), Row(at("new", 300, 0))])
    assert [camera.id for camera in cameras.ahead(here)] == ["new"]


# ---------------------------------------------------------------------- in the service


def test_a_hit_tells_its_camera_and_those_ahead_and_the_table_is_reloaded(
    tmp_path: Path, config: Path, wass: WassSimulator
) -> None:
    table(tmp_path, TABLE)

    def hit(camera_id: str) -> None:
        read = {"text": "12가3456", "camera_id": camera_id, "time": datetime.now(UTC).isoformat()}
        assert service.send(read)[1]["hits"] == 1
        service.wait_until_delivered()

    with running(config) as service:
        hit("frigate-front")
        (event,) = wass.received.values()
        camera = event.data.camera
        assert (camera.id, camera.known, camera.place) == ("GJ-0001", True, "Naebang-ro 111")
        assert [(other.id, other.stream_url) for other in event.data.ahead] == [("GJ-0002", "rtsp://10.0.0.2/s")]
        wass.received.clear()
        hit("GJ-0009")
        (event,) = wass.received.values()
        assert (event.data.camera, event.data.ahead) == (Camera(id="GJ-0009", known=False), ())
        assert service.get("/v1/status")[1]["cameras"] == {"known": 4, "reads_of_unknown": 1}
        (told,) = [line for line in service.log() if "not in the table" in line["event"]]
        assert told["camera_id"] == "GJ-0009"

        replace(tmp_path / "cameras.csv", "camera_id,latitude\nGJ-0009,north\n")
        wait_for(lambda: alarms(service) == [("cameras_refused", "cameras.csv")])
        assert service.get("/v1/status")[1]["cameras"]["known"] == 4
        time.sleep(0.01)
        replace(tmp_path / "cameras.csv", TABLE + "GJ-0009,,New,,,,,,,,\n")
        wait_for(lambda: not alarms(service))
        wass.received.clear()
        time.sleep(0.01)
        replace(tmp_path / "cameras.csv", TABLE + "GJ-0010,,Newest,,,,,,,,\n")
        wait_for(lambda: [line["cameras"] for line in service.log() if line["event"] == "cameras changed"] == [5, 5])
        hit("GJ-0010")
        (event,) = wass.received.values()
        assert (event.data.camera.name, event.data.camera.known) == ("Newest", True)
