from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st

from platewatch.notify import Camera
from platewatch.notify.event import CONTENT_TYPE, EventError, decode, encode, hit_id, new_event

from .support import KEY, READ_AT, hit_data, hit_event

KOREA = timezone(timedelta(hours=9))


def test_the_json_is_as_documented() -> None:
    event = hit_event()
    assert json.loads(encode(event)) == {
        "specversion": "1.0",
        "id": f"{event.hitid}.000001",
        "source": "urn:platewatch:gwangju",
        "type": "kr.go.police.wass.hit.v1",
        "time": "2026-11-23T09:30:15.250000Z",
        "datacontenttype": "application/json",
        "hitid": event.hitid,
        "sequence": "000001",
        "data": {
            "entry_id": "W-1",
            "agency": "Gwangju Metropolitan Police",
            "category": "missing person",
            "priority": 1,
            "grade": "check",
            "probability": 0.2513,
            "pattern": False,
            "wanted_plate": "12가3456",
            "read_text": "12거3456",
            "edits": 1,
            "differences": [
                {"op": "substitute", "read_position": 2, "wanted_position": 2, "read": "거", "wanted": "가"}
            ],
            "camera": {
                "id": "GJ-0117",
                "name": "Station square",
                "latitude": 35.1653,
                "longitude": 126.9092,
                "heading": 270.0,
            },
            "time": "2026-11-23T09:30:15.250000Z",
            "late": False,
        },
    }


def test_the_cloudevents_sdk_reads_it() -> None:
    event = hit_event()
    parsed = from_http(HTTPMessage({"content-type": CONTENT_TYPE}, encode(event)), JSONFormat())
    assert parsed.get_specversion() == "1.0"
    assert parsed.get_id() == event.id
    assert parsed.get_source() == event.source
    assert parsed.get_type() == "kr.go.police.wass.hit.v1"
    assert parsed.get_time() == READ_AT
    assert parsed.get_datacontenttype() == "application/json"
    assert parsed.get_extension("hitid") == event.hitid
    assert parsed.get_extension("sequence") == "000001"
    assert parsed.get_subject() is None
    data = parsed.get_data()
    assert isinstance(data, dict)
    assert data["wanted_plate"] == "12가3456"


def test_the_attributes_hold_no_personal_data() -> None:
    attributes = json.loads(encode(hit_event()))
    data = attributes.pop("data")
    assert set(attributes) == {"specversion", "id", "source", "type", "time", "datacontenttype", "hitid", "sequence"}
    for value in attributes.values():
        assert not any(data[field] in value for field in ("wanted_plate", "read_text", "entry_id", "category"))


@given(
    st.builds(
        hit_data,
        entry_id=st.text(),
        priority=st.none() | st.integers(0, 9),
        image_url=st.none() | st.text(),
        late=st.booleans(),
        camera=st.builds(Camera, id=st.text(), heading=st.none() | st.floats(0, 360)),
        time=st.datetimes(datetime(1900, 1, 1), timezones=st.just(KOREA)),  # noqa: DTZ001 - a naive bound is asked for
    )
)
def test_decode_undoes_encode(data: Any) -> None:
    event = new_event(KEY, "urn:platewatch:gwangju", READ_AT, data)
    assert decode(encode(event)) == event


def test_what_is_not_known_is_left_out() -> None:
    data = json.loads(encode(new_event(KEY, "/", READ_AT, hit_data(priority=None, camera=Camera(id="C")))))["data"]
    assert data["camera"] == {"id": "C"}
    assert "priority" not in data
    assert "image_url" not in data


def test_later_events_of_a_hit_sort_after_it() -> None:
    events = [hit_event(sequence=number) for number in (1, 2, 10)]
    assert len({event.hitid for event in events}) == 1
    assert len({event.id for event in events}) == 3
    assert [event.sequence for event in events] == sorted(event.sequence for event in events)


def test_the_hit_id_is_the_keyed_digest_of_its_fields() -> None:
    # Written out by hand: ids of events that are on disk or at the far end must not change with a release.
    fields = '["W-1","GJ-0117","2026-11-23T09:30:15.250000+00:00","12거3456"]'.encode()
    expected = hashlib.blake2b(fields, key=KEY, digest_size=16).hexdigest()
    assert hit_id(KEY, "W-1", "GJ-0117", READ_AT, "12거3456") == expected
    assert len(expected) == 32


def test_an_update_names_its_hit() -> None:
    hitid = hit_id(KEY, "W-1", "GJ-0117", READ_AT, "12거3456", "check")
    event = new_event(KEY, "/", READ_AT, hit_data(read_text="12가3456", reads=2), 2, hitid=hitid)
    assert (event.hitid, event.id, event.data.reads) == (hitid, f"{hitid}.000002", 2)
    assert "reads" not in json.loads(encode(hit_event()))["data"], "of a single read"


def test_the_hit_id_is_of_the_instant_not_of_its_time_zone() -> None:
    assert hit_id(KEY, "W-1", "C", READ_AT.astimezone(KOREA), "12거3456") == hit_id(
        KEY, "W-1", "C", READ_AT, "12거3456"
    )


def test_every_field_and_the_key_change_the_hit_id() -> None:
    variants: list[Any] = [
        (KEY, "ab", "c", READ_AT, "1"),
        (KEY[::-1], "ab", "c", READ_AT, "1"),
        (KEY, "a", "bc", READ_AT, "1"),
        (KEY, 'ab","c', "", READ_AT, "1"),
        (KEY, "ab", "d", READ_AT, "1"),
        (KEY, "ab", "c", READ_AT + timedelta(microseconds=1), "1"),
        (KEY, "ab", "c", READ_AT, "2"),
        (KEY, "ab", "c", READ_AT, "1", "check"),
        (KEY, "ab", "c", READ_AT, "1", "notify"),
    ]
    assert len({hit_id(*variant) for variant in variants}) == len(variants)


def test_a_time_without_offset_is_refused() -> None:
    naive = READ_AT.replace(tzinfo=None)
    with pytest.raises(EventError, match="time: the time has no UTC offset"):
        new_event(KEY, "/", naive, hit_data())
    with pytest.raises(EventError, match="time: the time has no UTC offset"):
        new_event(KEY, "/", READ_AT, hit_data(time=naive))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"specversion": "0.3"}, r"\$\.specversion"),
        ({"type": "other"}, r"\$\.type"),
        ({"time": "2026-11-23T09:30:15"}, r"\$\.time"),
        ({"data": {}}, r"\$\.data"),
        ({"id": 7}, r"\$\.id"),
    ],
)
def test_decode_names_the_field_at_fault(change: dict[str, object], reason: str) -> None:
    body = json.dumps({**json.loads(encode(hit_event())), **change}).encode()
    with pytest.raises(EventError, match=reason):
        decode(body)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"id":"\xff"}'])
def test_decode_refuses_garbage(body: bytes) -> None:
    with pytest.raises(EventError, match="not a hit event"):
        decode(body)


def test_decode_ignores_fields_of_a_later_version() -> None:
    body = json.dumps({**json.loads(encode(hit_event())), "partitionkey": "x"}).encode()
    assert decode(body) == hit_event()
