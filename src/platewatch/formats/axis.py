"""Axis License Plate Verifier and FF Group: the push, VAPIX events as XML or by MQTT, the publisher of ACAPs.

new, update and lost of one carID are one pass; lost comes with the old capture time, and is not late for that.
plateASCII is a transliteration and never read. A camera's serial number is its MAC address without colons.
"""

from __future__ import annotations

import re
from typing import Any, Final

from platewatch.errors import FormatError
from platewatch.formats import times, xml_tree
from platewatch.formats.frame import Findings
from platewatch.formats.messages import Message
from platewatch.formats.onvif_events import notifications
from platewatch.formats.shapes import at, first, paths, shape

PUSH: Final = shape(
    "plateUTF8 | plateUnicode | plateText",
    time="capture_timestamp | capture_ts | datetime",
    confidence="plateConfidence",
    pass_id="carID",
    engine="axis",
)
EVENT: Final = shape(
    "text",
    time="capture_timestamp | /timestamp",
    confidence="lpConfidence",
    pass_id="carID",
    engine="axis",
)
PUBLISHED: Final = shape("plate", time="timestamp | localTime", engine="axis")
CAMERA: Final = paths(
    "sensorProviderID | camera_info.SerialNumber | camera_info.MACAddress | MACAddress | serial | camera_info.IPAddress"
)

_PLATES: Final = ("/alpv.allplates", "/alpv.new", "/alpv.update", "/alpv.lost", "/lpr", "/allplates")
_OF_TOPIC: Final = re.compile(r"axis[:/]([^/]+)/event/")
_BEHIND: Final = re.compile(r"/[$&]")  # what MQTT has of the source behind a topic
_ESCAPED: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
_MAC: Final = re.compile(r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}")


def parse(message: Message, found: Findings) -> None:
    if message.is_xml:
        _metadata(message, found)
        return
    for event in found.objects("event"):
        if "ALPV" in event or ("system" in event and "identify" in event):
            found.ignore("heartbeat", _plain(first(event, paths("ALPV.device_ID"))[0]) or _camera(event, message))
        elif isinstance(data := at(event, "message.data"), dict):
            topic = event.get("topic")
            _event(topic if isinstance(topic, str) else message.target, data, event, message, found)
        elif "plate" in event and "plateUTF8" not in event:
            camera = first(event, paths("device | name"))[0]
            found.read(event, PUBLISHED, camera=camera)
        elif any(name in event for name in ("plateUTF8", "plateText", "plateUnicode", "plateASCII", "carID")):
            _push(event, message, found)
        else:
            found.reject(FormatError("neither plateUTF8 nor a topic of plates"))


def _push(event: dict[str, Any], message: Message, found: Findings) -> None:
    if first(event, PUSH.plate)[0] is None and first(event, paths("plateASCII"))[0] is not None:
        found.refuse("missing, and plateASCII is a transliteration", "plateUTF8")
        return
    unescaped = {
        name: _ESCAPED.sub(lambda code: chr(int(code[1], 16)), value)
        for name in ("plateUTF8", "plateText", "plateUnicode")
        if isinstance(value := event.get(name), str)
    }
    when = times.best(
        (event.get("capture_timestamp"), event.get("capture_ts"), event.get("datetime")),
        message.zone,
        message.received_at,
    )
    found.read(event | unescaped, PUSH, time=when, camera=_camera(event, message), late=_is_lost(event))


def _event(topic: str, data: dict[str, Any], event: Any, message: Message, found: Findings) -> None:
    topic = _BEHIND.split(topic, 1)[0]
    if not topic.rstrip("/").replace("CameraApplicationPlatform.", "").lower().endswith(_PLATES):
        found.ignore("other_event")
        return
    camera = _camera(data, message) or _camera(event, message)
    when = times.best((data.get("capture_timestamp"), at(event, "timestamp")), message.zone, message.received_at)
    lost = False if topic.lower().endswith("lost") else _is_lost(data)
    found.read(data, EVENT, event, time=when, camera=camera, late=lost)


def _is_lost(event: dict[str, Any]) -> bool | None:
    """False for what tells that a vehicle has gone: when it was read is long ago, but nobody has sent it again."""
    state = event.get("carState")
    return False if isinstance(state, str) and state.strip().lower() == "lost" else None


def _metadata(message: Message, found: Findings) -> None:
    tree = xml_tree.parse(next(message.texts()))
    for notification in notifications(tree):
        root = {"timestamp": notification.time}
        _event(notification.topic, notification.data, root, message, found)


def _camera(event: Any, message: Message) -> object:
    name, path = first(event, CAMERA)
    if name is None and (topic := _OF_TOPIC.search(message.target)):
        name = topic[1]
    name = _plain(name)
    return name.upper() if path[-1:] == ("MACAddress",) and isinstance(name, str) else name


def _plain(name: object) -> object:
    """A MAC address as the serial number that it is."""
    return re.sub("[:-]", "", name).upper() if isinstance(name, str) and _MAC.fullmatch(name) else name
