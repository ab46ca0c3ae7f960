"""CodeProject.AI: the answer of its module ALPR. It says neither when nor where: the request has to."""

from __future__ import annotations

from typing import Any, Final

from platewatch.errors import FormatError
from platewatch.formats.frame import Findings
from platewatch.formats.messages import Message
from platewatch.formats.shapes import each, first, shape

PREDICTION: Final = shape("plate | label", confidence="confidence", pass_id="track_id", engine="codeproject_ai")

_BEFORE: Final = "plate:"


def parse(message: Message, found: Findings) -> None:
    for answer in found.objects():
        if answer.get("success") is False:
            found.refuse("the recogniser reports an error", "error")
        elif "predictions" not in answer:
            found.reject(FormatError("missing", field="predictions"))
        elif not (predictions := each(answer["predictions"])):
            found.ignore("no_plate")
        else:
            for prediction in predictions:
                if isinstance(prediction, dict):
                    found.read(_without_word(prediction), PREDICTION)
                else:
                    found.refuse("not a JSON object", "predictions")


def _without_word(prediction: dict[str, Any]) -> dict[str, Any]:
    """A label may be `Plate: ...`."""
    label, _ = first(prediction, PREDICTION.plate)
    if isinstance(label, str) and label.strip().lower().startswith(_BEFORE):
        text = label.strip()[len(_BEFORE) :].strip()
        return prediction | {"plate": text, "label": text}
    return prediction
