"""Survision: `anpr` and `triggerResult` events; the camera is in the header `survision-serial-number`."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from platewatch.errors import FormatError
from platewatch.formats import confidences
from platewatch.formats.confidences import PERCENT
from platewatch.formats.frame import Findings
from platewatch.formats.messages import Message
from platewatch.formats.shapes import at, each, shape

DECISION: Final = shape("@plate", time="/@date", confidence="@reliability", scale=PERCENT, engine="survision")


def parse(message: Message, found: Findings) -> None:
    camera = message.headers.get("survision-serial-number")
    for event in found.objects():
        name = next((name for name in ("anpr", "triggerResult") if name in event), None)
        if name is None:
            if len(event) == 1:
                found.ignore("other_event")
            else:
                found.reject(FormatError("missing", field="anpr"))
            continue
        for anpr in each(event[name]) or [{}]:
            _anpr(at(anpr, "anpr") or anpr, camera, found)


def _anpr(anpr: Any, camera: str | None, found: Findings) -> None:
    decision = next(iter(each(at(anpr, "decision"))), None)
    if not isinstance(anpr, dict) or not isinstance(decision, dict):
        found.ignore("no_plate", camera)
        return
    ids = [str(anpr[name]) for name in ("@session", "@id") if isinstance(anpr.get(name), str | int)]
    characters = [one for one in each(at(decision, "reliabilityPerCharacter.char")) if isinstance(one, dict)]
    characters.sort(key=_place)
    values = [one.get("@reliability") for one in characters]
    found.read(
        decision,
        DECISION,
        anpr,
        camera=camera,
        pass_id="-".join(ids) or None,
        chars=partial(confidences.chars, values=values, scale=PERCENT) if values else None,
    )


def _place(character: dict[str, Any]) -> int:
    index = str(character.get("@index"))
    return int(index) if index.isdecimal() and len(index) < 6 else -1
