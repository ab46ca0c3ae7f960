"""NOX NVR, a Korean recorder: the webhook `lpr_detected`."""

from __future__ import annotations

from typing import Final

from platewatch.errors import FormatError
from platewatch.formats.frame import Findings
from platewatch.formats.messages import Message
from platewatch.formats.shapes import shape

DETECTED: Final = shape(
    "data.license_plate",
    time="timestamp",
    camera="camera_id | device_id",
    confidence="data.confidence",
    image_url="data.image_url",
    engine="nox_nvr",
)


def parse(message: Message, found: Findings) -> None:
    for event in found.objects():
        kind = event.get("event_type")
        kind = kind.strip().lower() if isinstance(kind, str) else None
        if kind == "lpr_detected":
            found.read(event, DETECTED)
        elif kind is not None:
            found.ignore("heartbeat" if kind == "heartbeat" else "other_event", event.get("camera_id"))
        else:
            found.reject(FormatError("missing", field="event_type"))
