"""Verkada: the webhook `lpr`. `created` is seconds, and `detected`, which newer ones have, milliseconds."""

from __future__ import annotations

from typing import Final

from platewatch.errors import FormatError
from platewatch.formats.frame import Findings
from platewatch.formats.messages import Message
from platewatch.formats.shapes import shape

DETECTED: Final = shape(
    "data.license_plate_number",
    time="data.detected | data.created | created_at",
    camera="data.camera_id",
    confidence="data.confidence",
    image_url="data.image_url",
    engine="verkada",
)


def parse(message: Message, found: Findings) -> None:
    for event in found.objects():
        kind = event.get("webhook_type")
        data = event.get("data")
        if isinstance(kind, str) and kind.lower() != "lpr":
            found.ignore("other_event")
        elif kind is None and not (isinstance(data, dict) and "license_plate_number" in data):
            found.reject(FormatError("missing", field="webhook_type"))
        else:
            found.read(event, DETECTED)
