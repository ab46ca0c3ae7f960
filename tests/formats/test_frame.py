"""What the formats share."""

from __future__ import annotations

import json
import pickle
import tomllib
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import platewatch as pw
from platewatch.formats import SenderMapping, multipart, times, xml_tree
from platewatch.formats.charsets import decode
from platewatch.formats.confidences import PERCENT, Scale, chars, share
from platewatch.formats.frame import NO_PLATE, opaque
from platewatch.formats.key_values import nested

SEOUL = ZoneInfo("Asia/Seoul")
PLATE = '{"text": "12가3456", "time": "2026-11-23T09:00:00+09:00"}'.encode()


WORDS = {
    *NO_PLATE, "UNKNOWN", "NoPlate", " - ", "Not Defined", "NO-PLATE", "no_plate", "--", "---", "미 인식", "", "  ",
    "**", "\u200b",
}  # fmt: skip


@pytest.mark.parametrize("word", sorted(WORDS))
def test_a_word_for_no_plate_is_none(word: str) -> None:
    body = pw.formats.parse(
        "mapping", f"p\n{word},\n".encode(), mapping={"plate": "p", "syntax": "csv", "delimiter": ","}
    )
    assert body.ignored == ["no_plate"]


@pytest.mark.parametrize(
    ("value", "scale", "expected"),
    [
        (0.93, None, 0.93), ("0.93", None, 0.93), ("0,93", None, 0.93), ("93 %", None, 0.93), (93, None, 0.93),
        (1, None, 1.0), (0, None, 0.0), ("093", 100, 0.93), (92.5, 100, 0.925), (1, 100, 0.01), (204, 255, 0.8),
        (160, 100, None), (160, None, None), (-1, None, None), ("high", None, None), (True, None, None),
        (93, PERCENT, 0.93), ("0.93", PERCENT, 0.93), (1, PERCENT, 0.01), (0, PERCENT, 0.0), (930, PERCENT, None),
        ("0.5", 100, 0.005), ("97%", 1000, 0.97), (970, 1000, 0.97),
        (float("nan"), None, None), ("1e999", None, None), ([], None, None), ("9" * 50, None, None),
    ],
)  # fmt: skip
def test_a_confidence_of_any_scale(value: Any, scale: Scale, expected: float | None) -> None:
    if expected is None:
        with pytest.raises(ValueError, match=r"."):
            share(value, scale)
    else:
        assert share(value, scale) == pytest.approx(expected)


def test_confidences_of_characters_leave_blanks_out() -> None:
    assert [(one.c, one.p) for one in chars("1 2 가", ["90", 80, 70], 100)] == [("1", 0.9), ("2", 0.8), ("가", 0.7)]
    with pytest.raises(ValueError, match="not as many as symbols"):
        chars("12가", [1, 1])


def test_confidences_of_characters_are_of_one_scale() -> None:
    assert [one.p for one in chars("12가", ["99", "1", "0"], PERCENT)] == [0.99, 0.01, 0.0]
    assert [one.p for one in chars("12가", ["1.0", "0.98", "0"], PERCENT)] == [1.0, 0.98, 0.0]
    with pytest.raises(ValueError, match="beyond its scale"):
        chars("12가", [99, 101, 98], PERCENT)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T09:00:03+09:00", datetime(2026, 11, 23, 0, 0, 3, tzinfo=UTC)),
        ("2026-11-23T09:00:03 09:00", datetime(2026, 11, 23, 0, 0, 3, tzinfo=UTC)),  # the + of a query
        ("2026-11-23T09:00:03+09:00[Asia/Seoul]", datetime(2026, 11, 23, 0, 0, 3, tzinfo=UTC)),
        ("2026-11-23 09:00:03 KST", datetime(2026, 11, 23, 0, 0, 3, tzinfo=UTC)),
        ("2026/11/23 오후 3:00:03KST", datetime(2026, 11, 23, 6, 0, 3, tzinfo=UTC)),
        ("2026-11-23t9:00:03+09:00", datetime(2026, 11, 23, 0, 0, 3, tzinfo=UTC)),
        ("2026-11-23_00:00:03Z", datetime(2026, 11, 23, 0, 0, 3, tzinfo=UTC)),
        ("2026-11-23T00:00:03z", datetime(2026, 11, 23, 0, 0, 3, tzinfo=UTC)),
        ("2026-11-23T00:00:0300:00", datetime(2026, 11, 23, 0, 0, 3, tzinfo=UTC)),
        ("2026-11-23T00:00:03.50000:00", datetime(2026, 11, 23, 0, 0, 3, 500_000, tzinfo=UTC)),
        ("2026-11-23T09:00:0309:00", datetime(2026, 11, 23, 0, 0, 3, tzinfo=UTC)),
        ("20261123T0000030000", datetime(2026, 11, 23, 0, 0, 3, tzinfo=UTC)),
        ("20261123T090003+0900", datetime(2026, 11, 23, 0, 0, 3, tzinfo=UTC)),
        ("2026/11/23 09:00:03.847", datetime(2026, 11, 23, 9, 0, 3, 847_000)),  # noqa: DTZ001 - as it stands there
        ("2026. 11. 23. 오후 3:00:03.5", datetime(2026, 11, 23, 15, 0, 3, 500_000)),  # noqa: DTZ001 - as it stands there
        ("2026-11-23 9:00:03", datetime(2026, 11, 23, 9, 0, 3)),  # noqa: DTZ001 - as it stands there
        ("20261123090003847", datetime(2026, 11, 23, 9, 0, 3, 847_000)),  # noqa: DTZ001 - as it stands there
        (1795424403847, datetime(2026, 11, 23, 9, 0, 3, 847_000, tzinfo=UTC)),
    ],
)
def test_a_time(text: object, expected: datetime) -> None:
    assert times.moment(text, SEOUL) == expected


def test_an_offset_without_a_sign_needs_a_zone_that_has_it() -> None:
    for zone in (None, ZoneInfo("UTC")):
        with pytest.raises(ValueError, match="without a sign"):
            times.moment("2026-11-23T09:00:0309:00", zone)
    west = times.moment("2026-11-23T09:00:0305:00", timezone(timedelta(hours=-5)))
    assert west.utcoffset() == timedelta(hours=-5)


def test_a_time_that_no_clock_shows_costs_the_time() -> None:
    for year in (1970, 2000, 2099):
        event = {
            "event_type": "lpr_detected",
            "timestamp": f"{year}-01-01T00:00:00Z",
            "data": {"license_plate": "AB12"},
        }
        found = pw.formats.parse("nox_nvr", json.dumps(event).encode())
        assert (found.reads[0].time, found.dropped["time"]) == (None, 1)


def test_late_is_what_is_older_than_the_setting() -> None:
    arrived = datetime(2026, 11, 23, 0, 1, 1, tzinfo=UTC)

    def late(**options: Any) -> bool:
        return pw.formats.parse("platewatch", PLATE, **options).reads[0].late

    assert late(received_at=arrived)
    assert not late()
    assert not late(received_at=arrived - timedelta(seconds=2))
    assert not late(received_at=arrived, late_after=timedelta(minutes=5))
    assert not late(received_at=arrived, late_after=None)


def test_what_the_request_says_counts_where_the_message_is_silent() -> None:
    body = b'{"success": true, "predictions": [{"plate": "AB12"}]}'
    found = pw.formats.parse("codeproject_ai", body, target="/x?camera_id=G1&time=2026-11-23T00:00:03Z")
    assert (found.reads[0].camera_id, found.reads[0].time) == ("G1", datetime(2026, 11, 23, 0, 0, 3, tzinfo=UTC))
    found = pw.formats.parse("platewatch", b'{"text": "AB12", "camera_id": "own"}', target="/x?camera_id=G1")
    assert found.reads[0].camera_id == "own"


def test_arguments_that_are_none_are_refused() -> None:
    with pytest.raises(pw.FormatError, match="name: no format has this name; there are platewatch, "):
        pw.formats.parse("nikvision", b"")
    with pytest.raises(pw.PlatewatchError, match="not a time zone"):
        pw.formats.parse("hikvision", b"", zone="Mars")
    for charset in ("rot13", "idna", "punycode", "nonsense", "hex"):
        with pytest.raises(pw.FormatError, match="charset: no charset of text"):
            pw.formats.parse("hikvision", b"", charset=charset)
    with pytest.raises(pw.FormatError, match="received_at: has no offset"):
        pw.formats.parse("platewatch", PLATE, received_at=datetime(2026, 1, 1))  # noqa: DTZ001 - that is refused


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "missing required field `plate`"),
        ({"plate": 5}, "plate: Expected `str | array`, got `int`"),
        ({"plate": "p", "colour": "c"}, "unknown field `colour`"),
        ({"plate": "p", "zone": "Mars"}, "zone: not a time zone"),
        ({"plate": "p", "charset": "rot13"}, "charset: no charset"),
        ({"plate": "p", "scale": 0}, "scale: Expected a positive number"),
        ({"plate": "p", "delimiter": ";;"}, "delimiter: Expected one character"),
        ({"plate": ["", " "]}, "plate: says nowhere"),
        ({"plate": "p", "time_format": "%Q"}, "time_format: not a format of datetime.strptime"),
        ({"plate": "p", "time_format": "%Y %Y"}, "time_format: not a format of datetime.strptime"),
        ({"plate": "p", "time_format": "%H:%M"}, "time_format: has no year"),
        ({"plate": "p", "syntax": "yaml"}, "syntax: Invalid enum value 'yaml'"),
    ],
)
def test_a_mapping_that_is_none_names_the_setting(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(pw.ConfigError, match=told):
        SenderMapping.of(settings)


def test_the_documentation_has_every_format_and_every_setting_of_a_mapping() -> None:
    page = (Path(__file__).parents[2] / "docs" / "cameras.md").read_text("utf-8")
    assert [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")] == list(pw.formats.FORMATS)
    example = page.partition("## Any other sender")[2].split("```toml")[1].split("```")[0]
    table = tomllib.loads(example)["mapping"]
    made = SenderMapping.of(table)
    assert {name if name != "pass_id" else "pass" for name in made.__struct_fields__} == table.keys()


def test_a_mapping_made_once_is_that_of_its_table() -> None:
    table = {"plate": ["a", "b"], "pass": "n"}
    body = b'{"b": "AB12", "n": 1}'
    assert (
        pw.formats.parse("mapping", body, mapping=SenderMapping.of(table)).reads
        == pw.formats.parse("mapping", body, mapping=table).reads
    )


def test_names_tell_what_a_mapping_could_have_meant() -> None:
    body = b'{"Body": {"Cars": [{"CarNo": "AB12", "At": 5}], "note": {}}}'
    found = pw.formats.parse("mapping", body, mapping={"plate": "carNo", "items": "Body.cars"})
    assert (found.ignored, found.names) == (["no_plate"], ["Body.Cars.0.CarNo", "Body.Cars.0.At"])
    assert not pw.formats.parse("mapping", body, mapping={"plate": "CarNo", "items": "Body.Cars"}).names
    deep = b'{"a": ' * 100 + b"1" + b"}" * 100
    assert pw.formats.parse("mapping", deep, mapping={"plate": "p"}).names == ["a.a.a.a.a.a.a.a"]
    many = json.dumps(dict.fromkeys(map(str, range(1000)), 1)).encode()
    assert len(pw.formats.parse("mapping", many, mapping={"plate": "p"}).names) == 50


def test_a_charset_is_what_the_bytes_are_before_what_is_said_of_them() -> None:
    assert decode("12가".encode(), "text/xml; charset=euc-kr") == "12가"
    assert decode("12가".encode("cp949"), "text/xml; charset=euc-kr") == "12가"
    assert decode("12가".encode("cp949"), "text/xml; charset=utf-8") == "12가"
    assert decode('<?xml version="1.0" encoding="gbk"?>京'.encode("gbk")).endswith("京")
    assert decode("京".encode("gbk"), fallback="gbk") == "京"
    assert decode(b"<n>" + "정문".encode("cp949")[:1] + "</n>서울12가3456".encode()) == "<n>\ufffd</n>서울12가3456"
    assert decode("12가".encode("utf-16")) == "12가"
    assert decode(b"12\xff\xff") == "12\ufffd\ufffd"
    assert decode(b"12\xff\xff", "text/plain; charset=idna") == "12\ufffd\ufffd"


def test_xml_is_what_json_would_be() -> None:
    tree = xml_tree.parse('<?xml version="1.0"?><a:r xmlns:a="x" n="1"><b>t</b><b/><c d="2">u</c><e> </e></a:r>')
    assert tree == {"r": {"@n": "1", "b": ["t", ""], "c": {"@d": "2", "#text": "u"}, "e": ""}}
    for bad in ("", "<a>", "<a></b>", "<!DOCTYPE a []><a/>", "<a>&b;</a>", "<a/><a/>", "\ud800"):
        with pytest.raises(pw.FormatError, match=r"not XML|document type"):
            xml_tree.parse(bad)


def test_the_parts_of_a_multipart() -> None:
    body = b"--b\r\nContent-Type: text/plain\r\n\r\none\r\n--bb\r\n--b\r\n\r\ntwo--b--"
    found = [(part.content_type, part.content) for part in multipart.parts(body, "multipart/mixed; boundary=b")]
    assert found == [("text/plain", b"one\r\n--bb"), ("", b"two")]
    with pytest.raises(pw.FormatError, match="no boundary"):
        list(multipart.parts(b"nothing", "multipart/mixed"))


def test_keys_are_nested() -> None:
    assert nested({"E[0].a.b": "1", "E[1].a": "2", "E[1].a.c": "3", "x": "4"}) == {
        "E": {"0": {"a": {"b": "1"}}, "1": {"a": "2"}},
        "x": "4",
    }


def test_an_opaque_id_shows_no_plate_and_tells_events_apart() -> None:
    assert opaque("12가3456.jpg", "t") == opaque("12가3456.jpg", "t")
    assert len({opaque("a", "b"), opaque("ab", ""), opaque("a", "c")}) == 3
    assert "12가3456" not in opaque("12가3456.jpg", "t")


def test_what_is_parsed_shows_no_read_and_pickles() -> None:
    found = pw.formats.parse("platewatch", PLATE)
    assert "3456" not in repr(found)
    assert pickle.loads(pickle.dumps(found)) == found


def test_a_resent_push_of_dahua_is_the_same_pass() -> None:
    def push(time: str) -> str | None:
        picture = {
            "Plate": {"PlateNumber": "12가3456"},
            "SnapInfo": {"AccurateTime": time},
            "NormalPic": {"PicName": "12가3456.jpg"},
        }
        body = json.dumps({"Picture": picture}).encode()
        return pw.formats.parse("dahua", body, zone="Asia/Seoul").reads[0].pass_id

    first = push("2026-11-23 09:00:03")
    assert first == push("2026-11-23 09:00:03") != push("2026-11-23 09:00:09")
    assert "가" not in (first or "")
