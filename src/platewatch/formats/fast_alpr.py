"""fast-alpr: its results as JSON. They say neither when nor where: the request has to."""

from __future__ import annotations

from functools import partial
from statistics import fmean
from typing import Any, Final

from platewatch.errors import FormatError
from platewatch.formats import confidences
from platewatch.formats.frame import Findings
from platewatch.formats.messages import Message
from platewatch.formats.shapes import shape

RESULT: Final = shape("ocr.text", confidence="ocr.confidence", engine="fast_alpr")


def parse(message: Message, found: Findings) -> None:
    for document in found.objects():
        results = document.get("results")
        for result in results if isinstance(results, list) else [document]:
            if not isinstance(result, dict) or not ("ocr" in result or "detection" in result):
                found.reject(FormatError("missing", field="ocr"))
            else:
                _result(result, found)
        if results == []:
            found.ignore("no_plate")


def _result(result: dict[str, Any], found: Findings) -> None:
    """A confidence is one number, or one a character."""
    ocr = result.get("ocr")
    given = ocr.get("confidence") if isinstance(ocr, dict) else None
    if not isinstance(given, list):
        found.read(result, RESULT)
        return
    try:
        mean: object = fmean(confidences.share(value) for value in given) if given else None
    except (ValueError, OverflowError):
        mean = ""
    found.read(result, RESULT, confidence=mean, chars=partial(confidences.chars, values=given) if given else None)
