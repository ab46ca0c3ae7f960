"""Plate Recognizer: Stream's webhook, and the answer of Snapshot, which is often forwarded.

JSON, multipart with it in the part `json`, or a form with the field `json`. There is no pass id. A result of a vehicle
alone has no plate; in the second shape a plate is an object with several values, the best first. Events without results
(heartbeat, dwell, clip) exist, but how they look is not known.
"""

from __future__ import annotations

from typing import Final

from platewatch.errors import FormatError
from platewatch.formats.frame import Findings
from platewatch.formats.messages import Message
from platewatch.formats.shapes import each, first, paths, shape

TIME: Final = "/data.timestamp | /timestamp | /data.timestamp_local | /data.timestamp_camera"
CAMERA: Final = "/data.camera_id | /camera_id"
PLAIN: Final = shape(
    "plate", time=TIME, camera=CAMERA, confidence="score", candidates="candidates", engine="plate_recognizer"
)
NESTED: Final = shape(
    "plate.props.plate.0.value",
    time=TIME,
    camera=CAMERA,
    confidence="plate.props.plate.0.score | plate.score",
    candidates="plate.props.plate",
    candidate_plate="value",
    engine="plate_recognizer",
)
RESULTS: Final = paths("data.results | results")


def parse(message: Message, found: Findings) -> None:
    for event in found.objects("json"):
        results, _ = first(event, RESULTS)
        if results is None and not _has_results(event):
            if "hook" in event or "data" in event:
                found.ignore("other_event")
            else:
                found.reject(FormatError("missing", field="results"))
        elif not results:
            found.ignore("no_plate", first(event, paths("data.camera_id | camera_id"))[0])
        for result in each(results):
            if isinstance(result, dict):
                found.read(result, NESTED if isinstance(result.get("plate"), dict) else PLAIN, event)
            else:
                found.refuse("not a JSON object", "results")


def _has_results(event: dict[str, object]) -> bool:
    data = event.get("data")
    return "results" in event or (isinstance(data, dict) and "results" in data)
