"""Frigate, by MQTT: `tracked_object_update` of type lpr, `events`, and what frigate_plate_recognizer publishes.

An update comes after each attempt to read an object, and its text may change: `id` is the pass. The time is that of
processing. A sub_label and a name are those of a vehicle that the user knows, and never a plate.
"""

from __future__ import annotations

from typing import Any, Final

from platewatch.errors import FormatError
from platewatch.formats.frame import Findings
from platewatch.formats.messages import Message
from platewatch.formats.shapes import shape

UPDATE: Final = shape("plate", time="timestamp", camera="camera", confidence="score", pass_id="id", engine="frigate")
EVENT: Final = shape(
    "recognized_license_plate",
    time="frame_time | start_time",
    camera="camera",
    confidence="recognized_license_plate_score",
    pass_id="id",
    engine="frigate",
)
PUBLISHED: Final = shape(
    "plate_number",
    time="start_time",
    camera="camera_name",
    confidence="score",
    pass_id="frigate_event_id",
)


def parse(message: Message, found: Findings) -> None:
    if message.body.strip().strip(b'"').lower() in (b"online", b"offline"):
        found.ignore("heartbeat")
        return
    for event in found.objects():
        if "after" in event:
            _event(event["after"], found)
        elif str(event.get("type")).lower() == "lpr":
            found.read(event, UPDATE)
        elif "plate_number" in event:
            found.read(event, PUBLISHED)
        elif "type" in event:
            found.ignore("other_event")
        else:
            found.reject(FormatError("neither an update nor an event"))


def _event(after: Any, found: Findings) -> None:
    if not isinstance(after, dict):
        found.refuse("not a JSON object", "after")
        return
    if after.get("false_positive") is True or "severity" in after:  # a review never has a plate
        found.ignore("other_event")
        return
    plate = after.get("recognized_license_plate")
    if isinstance(plate, list):  # with its score
        text, score = [*plate, None, None][:2]
        after = after | {"recognized_license_plate": text, "recognized_license_plate_score": score}
    found.read(after, EVENT)
