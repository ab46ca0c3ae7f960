"""What an integrator runs first: `platewatch formats try`; and `platewatch match --format`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import platewatch as pw
from tests.test_cli import run

PUSH = """--b\r
Content-Disposition: form-data; name="anpr.xml"\r
Content-Type: text/xml\r
\r
<EventNotificationAlert><macAddress>aa</macAddress><channelID>1</channelID><dateTime>2026-11-23T09:00:03</dateTime>
<eventType>ANPR</eventType><ANPR><licensePlate>12가3456</licensePlate><confidenceLevel>97</confidenceLevel>
<plateCharBelieve>9,9</plateCharBelieve></ANPR><isDataRetransmission>true</isDataRetransmission></EventNotificationAlert>\r
--b\r
\r
<EventNotificationAlert><eventType>videoloss</eventType><eventState>inactive</eventState></EventNotificationAlert>\r
--b\r
Content-Type: image/jpeg\r
\r
\u00ff\u00d8\r
--b--\r
"""


@pytest.fixture
def push(tmp_path: Path) -> str:
    path = tmp_path / "push.bin"
    path.write_bytes(PUSH.encode())
    return str(path)


@pytest.fixture
def wanted(tmp_path: Path) -> str:
    path = tmp_path / "wanted.csv"
    path.write_text("id,plate\nA1,12가3456\n", "utf-8")
    return str(path)


def test_the_list_names_every_format() -> None:
    names = [line.split()[0] for line in run("formats", "list")[0].splitlines()]
    assert names == list(pw.formats.FORMATS)


def test_try_shows_what_was_understood(push: str) -> None:
    out, _ = run("formats", "try", "hikvision", push, "--time-zone", "Asia/Seoul")
    assert [" ".join(line.split()) for line in out.splitlines()] == [
        "item 1: read 12가3456",
        "camera aa/1",
        "time 2026-11-23T09:00:03+09:00",
        "confidence 0.97",
        "late yes",
        "1 read, 1 sign of life, 1 late; fields that were not usable: chars 1",
    ]


def test_try_says_what_is_refused(push: str) -> None:
    out, _ = run("formats", "try", "hikvision", push, status=1)
    assert "item 1: refused  dateTime: has no offset from UTC, and no zone is set" in out
    assert "0 reads, 1 sign of life, 1 refused" in out


def test_try_takes_headers_a_target_and_the_standard_input() -> None:
    body = json.dumps({"Picture": {"Plate": {"PlateNumber": "12가3456"}}}).encode()
    out, _ = run("formats", "try", "dahua", "-", "--target", "/x?camera_id=G7", given=body)
    assert "G7" in out
    assert 'the sender has to be answered {"Result": true, "Message": "Success"}' in out
    body = b'{"anpr": {"decision": {"@plate": "AB12"}}}'
    out, _ = run("formats", "try", "survision", "-", "--header", "Survision-Serial-Number: SV1", given=body)
    assert "SV1" in out


def test_try_with_a_mapping(tmp_path: Path) -> None:
    mapping = tmp_path / "gate.toml"
    mapping.write_text('[mapping]\nplate = "car_no"\ncharset = "cp949"\n', "utf-8")
    out, _ = run("formats", "try", "mapping", "-", "--mapping", str(mapping), given="car_no=12가3456".encode("cp949"))
    assert "12가3456" in out
    mapping.write_text('plate = "car_no"\nscale = "x"\n', "utf-8")
    _, err = run("formats", "try", "mapping", "-", "--mapping", str(mapping), given=b"x", status=2)
    assert f"{mapping}: scale: Expected `float | null`, got `str`" in err
    _, err = run("formats", "try", "mapping", "-", given=b"x", status=2)
    assert "needs --mapping" in err


def test_try_tells_what_a_mapping_could_have_meant(tmp_path: Path) -> None:
    mapping = tmp_path / "gate.toml"
    mapping.write_text('plate = "carNo"\n', "utf-8")
    body = '{"CARNO": "12가3456", "[bold]": 1}'.encode()
    out, _ = run("formats", "try", "mapping", "-", "--mapping", str(mapping), given=body)
    assert "0 reads, 1 without a plate" in out
    assert "nothing stands where the mapping says the plate does; there are CARNO, [bold]" in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nikvision", "-"), "no format is named nikvision; there are platewatch, "),
        (("hikvision", "-"), "-: not of the format hikvision: holds no event"),
        (("hikvision", "nowhere"), "nowhere: No such file or directory"),
        (("hikvision", "-", "--time-zone", "Mars"), "--time-zone: not a time zone"),
        (("hikvision", "-", "--charset", "rot13"), "no charset of text has this name"),
        (("hikvision", "-", "--header", "x"), "--header: not as"),
        (("hikvision", "-", "--mapping", "x.toml"), "--mapping is for the format mapping, and this is hikvision"),
        (("mapping", "-", "--mapping", "nowhere.toml"), "cannot read nowhere.toml: No such file or directory"),
    ],
)
def test_what_is_wrong_is_said(arguments: tuple[str, ...], told: str) -> None:
    assert told in run("formats", "try", *arguments, status=2)[1]


def test_the_format_by_which_there_is_a_read_is_told(wanted: str) -> None:
    push = {"Picture": {"Plate": {"PlateNumber": "12가3456"}, "SnapInfo": {"AccurateTime": "2026-11-23 09:00:03"}}}
    body = json.dumps(push).encode()
    out, err = run("formats", "try", "hikvision", "-", given=body)
    assert (out, err) == ("0 reads, 1 other event\n", "-: no read of the format hikvision; by dahua there is one\n")
    _, err = run("formats", "try", "tattile", "-", given=body, status=2)
    assert err.startswith("-: not of the format tattile: not XML: ")
    assert err.endswith("; by dahua there is one\n")
    assert "by dahua" in run("match", "--hotlist", wanted, "--format", "hikvision", given=body)[1]
    assert run("formats", "try", "hikvision", "-", given=b'{"eventType": "VMD"}')[1] == ""


def test_match_takes_a_message(push: str, wanted: str) -> None:
    options = ("--hotlist", wanted, "--format", "hikvision", "--time-zone", "Asia/Seoul", "--output-format", "jsonl")
    out, err = run("match", *options, push)
    (hit,) = map(json.loads, out.splitlines())
    assert (hit["row"], hit["entry_id"], hit["camera_id"]) == (1, "A1", "aa/1")
    assert hit["time"] == "2026-11-23T09:00:03+09:00"
    assert "of the message: 1 read, 1 sign of life, 1 late" in err


def test_match_tells_what_is_refused_by_item(wanted: str) -> None:
    body = b'{"data": {"results": [{"plate": 5}, {"plate": "12\xea\xb0\x803456"}]}}'
    out, err = run("match", "--hotlist", wanted, "--format", "plate_recognizer", given=body)
    assert out.startswith("row 2: notify")
    assert "row 1, plate: Expected text\n" in err
    assert "1 bad row" in err


def test_match_still_takes_the_form_of_hits_as_format(wanted: str) -> None:
    out, _ = run("match", "--hotlist", wanted, "--format", "csv", given="12가3456\n".encode())
    assert out.splitlines()[0].startswith("row,grade,probability")
    out, _ = run("match", "--hotlist", wanted, "--output-format", "csv", given="12가3456\n".encode())
    assert out.splitlines()[0].startswith("row,grade,probability")
