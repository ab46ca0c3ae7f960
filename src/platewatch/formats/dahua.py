"""Dahua and its OEMs, by four transports: eventManager's stream, RPC2's events, ITSAPI's push, snapManager's stream.

`UTC` is local time, counted as if it were UTC; RealUTC is right, but whole seconds, and UTCMS has its milliseconds. A
GroupID is a pass, within a camera. Confidences are percent; of vehicles they go to 255 and are not looked at. A push is
sent again and again until the answer has `"Result": true`.
"""

from __future__ import annotations

import re
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from platewatch.errors import FormatError
from platewatch.formats import times, xml_tree
from platewatch.formats.confidences import PERCENT
from platewatch.formats.frame import Findings, opaque
from platewatch.formats.key_values import key_values, nested
from platewatch.formats.messages import Message, parse_json
from platewatch.formats.shapes import at, each, first, holders, paths, shape, spelled, spelling

EVENT: Final = shape(
    "TrafficCar.PlateNumber | Object.Text | Plate.Text",
    time="RealUTC | UTC | LocaleTime | TrafficCar.UTC | TrafficCar.CapTime",
    confidence="Object.Confidence | Plate.Confidence",
    scale=PERCENT,
    engine="dahua",
)
PUSHED: Final = shape(
    "Plate.PlateNumber",
    time="SnapInfo.AccurateTime | SnapInfo.SnapTime | /SnapInfo.AccurateTime | /SnapInfo.SnapTime",
    camera="SnapInfo.DeviceID | /SnapInfo.DeviceID | /DeviceID",
    confidence="Plate.Confidence",
    scale=PERCENT,
    engine="dahua",
)
PICTURE: Final = paths("NormalPic.PicName | VehiclePic.PicName | CutoutPic.PicName")
GROUP: Final = paths("GroupID | EventID")
REPLY: Final = b'{"Result": true, "Message": "Success"}'

_NAMES: Final = spelling(
    "Picture Active DeviceID IsExist NormalPic VehiclePic CutoutPic PicName Events EventBaseInfo Code ObjectType"
    " GroupID EventID UTCMS Data params eventList",
    EVENT,
    PUSHED,
)
_LINES: Final = re.compile(r"^\s*Events\[", re.MULTILINE | re.IGNORECASE)
_EVENT: Final = re.compile(r"^\s*Code=", re.MULTILINE | re.IGNORECASE)
_HEAD: Final = re.compile(r"\s*Code=(?P<code>[^;]*);\s*action=(?P<action>[^;\s]*)", re.IGNORECASE)


def parse(message: Message, found: Findings) -> None:
    is_push = "/notificationinfo/" in message.target.lower()
    if is_push:
        found.reply = REPLY
    for text in message.texts():
        start = text.strip("\ufeff\0 \t\r\n")
        if start.startswith(("{", "[")):
            _json(start, message, found, is_push)
        elif start.startswith("<"):
            _xml(start, message, found)
        elif start.lower().startswith("heartbeat"):
            found.ignore("heartbeat")
        elif _EVENT.search(start):
            _events(start, message, found)
        elif _LINES.search(start):
            _key_values(start, message, found)
        elif start:
            found.reject(FormatError("neither an event nor a sign of life"))
        elif is_push:
            found.ignore("heartbeat")


def _events(text: str, message: Message, found: Findings) -> None:
    """Code=...;action=...;index=...;data={...}: several may follow each other, and each may be cut off."""
    starts = [begin.start() for begin in _EVENT.finditer(text)]
    for start, behind in pairwise([*starts, len(text)]):
        head, _, data = text[start:behind].partition("data=")
        code = _HEAD.match(head)
        if not data.strip():
            found.ignore("other_event" if code is None or not _is_traffic(code["code"]) else "no_plate")
            continue
        try:
            value = parse_json(data)
        except FormatError:
            found.reject(FormatError("cut off, or not JSON", field="data"))
            continue
        _event(code["code"] if code else "", value, message, found)


def _json(text: str, message: Message, found: Findings, is_push: bool) -> None:
    try:
        value = parse_json(text)
    except FormatError as error:
        found.reject(error)
        return
    for one in each(value) or [None]:
        if isinstance(one, dict):
            _object(one, message, found, is_push)
        else:
            found.reject(FormatError("not a JSON object"))


def _object(value: dict[str, Any], message: Message, found: Findings, is_push: bool) -> None:
    value = spelled(value, _NAMES)
    if pushes := list(holders(value, "Picture")):
        found.reply = REPLY
        for push in pushes:
            _picture(push, message, found)
    elif "Active" in value:
        found.reply = REPLY
        found.ignore("heartbeat", value.get("DeviceID"))
    elif events := each(at(value, "params.eventList")):
        for event in events:
            if isinstance(event, dict):
                _event(event.get("Code"), event.get("Data"), message, found)
            else:
                found.refuse("not a JSON object", "params.eventList")
    elif "Code" in value and "Data" in value:
        _event(value["Code"], value["Data"], message, found)
    elif is_push or "method" in value or "result" in value:
        found.ignore("heartbeat" if "keepalive" in message.target.lower() else "other_event")
    else:
        found.reject(FormatError("neither an event nor a picture"))


def _xml(text: str, message: Message, found: Findings) -> None:
    """The push as XML."""
    try:
        tree = xml_tree.parse(text)
    except FormatError as error:
        found.reject(error)
        return
    tree = spelled(tree, _NAMES)
    found.reply = REPLY
    pushes = list(holders(tree, "Picture"))
    for push in pushes:
        _picture(push, message, found)
    if not pushes:
        is_beat = "keepalive" in message.target.lower() or any(holders(tree, "Active"))
        found.ignore("heartbeat" if is_beat else "other_event")


def _key_values(text: str, message: Message, found: Findings) -> None:
    """snapManager's lines: Events[0].TrafficCar.PlateNumber=..."""
    events = spelled(nested(key_values(text)), _NAMES).get("Events")
    for event in events.values() if isinstance(events, dict) else ():
        code = at(event, "Code") or at(event, "EventBaseInfo.Code")
        _event(code if code is not None or "TrafficCar" not in event else "Traffic", event, message, found)


def _event(code: object, data: Any, message: Message, found: Findings) -> None:
    if not isinstance(data, dict):
        found.ignore("other_event")
        return
    if isinstance(plate := data.get("Plate"), str):
        data = data | {"Plate": {"Text": plate}}
    if isinstance(objects := data.get("Object"), list):
        plates = [one for one in objects if str(at(one, "ObjectType")).lower() == "plate"]
        data = data | {"Object": next(iter(plates), None)}
    kind = at(data, "Object.ObjectType")
    if "Object" in data and isinstance(kind, str) and kind.lower() != "plate":
        data = {name: value for name, value in data.items() if name != "Object"}
    if not any(name in data for name in ("TrafficCar", "Plate")) and at(data, "Object.Text") is None:
        found.ignore("no_plate" if isinstance(code, str) and _is_traffic(code) else "other_event")
        return
    groups = [value for value in (first(data, (path,))[0] for path in GROUP) if value not in (None, 0, "0")]
    found.read(
        data,
        EVENT,
        time=_time(data, message),
        pass_id=groups[0] if groups else None,
    )


def _is_traffic(code: str) -> bool:
    return code.strip().lower().startswith("traffic")


def _time(data: dict[str, Any], message: Message) -> object:
    millis = data.get("UTCMS")
    local = (_local(value, millis) for value in (data.get("UTC"), at(data, "TrafficCar.UTC")))
    values = [_since_1970(data.get("RealUTC"), millis), *local, data.get("LocaleTime"), at(data, "TrafficCar.CapTime")]
    best = times.best(values, message.zone, message.received_at)
    return first(data, EVENT.time)[0] if best is None else best


def _since_1970(seconds: object, millis: object) -> datetime | None:
    try:
        return times.since_1970(seconds, millis)
    except (ValueError, OverflowError):
        return None


def _local(seconds: object, millis: object) -> datetime | None:
    when = _since_1970(seconds, millis)
    return None if when is None else times.as_local(when)


def _picture(push: dict[str, Any], message: Message, found: Findings) -> None:
    for picture in each(push.get("Picture")):
        if not isinstance(picture, dict):
            found.refuse("not an object", "Picture")
            continue
        if str(at(picture, "Plate.IsExist")).lower() in ("false", "0"):
            found.ignore("no_plate", first(picture, PUSHED.camera, push)[0])
            continue
        name, _ = first(picture, PICTURE)
        when, _ = first(picture, PUSHED.time, push)
        values = [first(picture, (path,), push)[0] for path in PUSHED.time]
        time = times.best(values, message.zone, message.received_at)
        found.read(picture, PUSHED, push, time=time, pass_id=None if name is None else opaque(name, when))
