"""OpenALPR and Rekor: `alpr_results` (a frame), `alpr_group` (a vehicle), `alpr_alert` (a group that was listed there).

Confidences are percent. A camera's number is unique within its agent. A group and its alert have one `best_uuid`, which
is the pass; of a frame it is `uuid` and `plate_index`. The old open-source alprd has no data_type, and seconds where
the others have milliseconds.
"""

from __future__ import annotations

from typing import Any, Final

from platewatch.errors import FormatError
from platewatch.formats.confidences import PERCENT
from platewatch.formats.frame import Findings
from platewatch.formats.messages import Message
from platewatch.formats.shapes import each, first, paths, shape

RESULT: Final = shape(
    "plate",
    time="epoch_time | /epoch_time",
    confidence="confidence",
    candidates="candidates",
    candidate_confidence="confidence",
    scale=PERCENT,
    engine="openalpr",
)
GROUP: Final = shape(
    "best_plate_number | best_plate.plate",
    time="epoch_start | epoch_end | /epoch_time",
    confidence="best_confidence | best_plate.confidence",
    candidates="candidates | best_plate.candidates",
    candidate_confidence="confidence",
    pass_id="best_uuid | best_plate.uuid",
    scale=PERCENT,
    engine="openalpr",
)
CAMERA: Final = paths("camera_id | /camera_number | /camera_id | /site_id")
AGENT: Final = paths("agent_uid | /agent_uid")


def parse(message: Message, found: Findings) -> None:
    for event in found.objects():
        kind = event.get("data_type")
        kind = kind.strip().lower() if isinstance(kind, str) else kind
        if kind == "alpr_group":
            found.read(event, GROUP, event, camera=_camera(event, event))
        elif kind == "alpr_alert":
            group = event.get("group")
            if isinstance(group, dict):
                found.read(group, GROUP, event, camera=_camera(group, event))
            else:
                found.refuse("not a JSON object", "group")
        elif kind == "alpr_results" or (kind is None and "results" in event):
            _frame(event, found)
        elif kind == "heartbeat":
            found.ignore("heartbeat", _camera(event, event))
        elif kind == "vehicle":
            found.ignore("no_plate", _camera(event, event))
        elif kind is not None or "error" in event:
            found.ignore("other_event")
        else:
            found.reject(FormatError("missing", field="data_type"))


def _frame(event: dict[str, Any], found: Findings) -> None:
    results = each(event.get("results"))
    if not results:
        found.ignore("no_plate", _camera({}, event))
    for place, result in enumerate(results):
        if not isinstance(result, dict):
            found.refuse("not a JSON object", "results")
            continue
        frame, index = event.get("uuid"), result.get("plate_index", place)
        pass_id = f"{frame}-{index}" if isinstance(frame, str) and frame and isinstance(index, int) else frame
        found.read(result, RESULT, event, camera=_camera({}, event), pass_id=pass_id)


def _camera(event: dict[str, Any], root: dict[str, Any]) -> object:
    camera, _ = first(event, CAMERA, root)
    agent, _ = first(event, AGENT, root)
    if isinstance(agent, str) and isinstance(camera, int | str):
        return f"{agent}/{camera}"
    return camera if camera is not None else agent
