"""Hikvision ISAPI: the push (multipart, bare XML, or all in the query), alertStream, and the poll of plates.

A recorder has one address for many cameras, so a camera is known by it and the channel. Firmwares differ in namespaces,
in the names of parts and tags, and in what they leave out. Confidences are percent. `isDataRetransmission` marks what
is sent again after an outage; a UUID is that of an event. The sign of an offset of zero gets lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Any, Final

from platewatch.errors import FormatError
from platewatch.formats import confidences, xml_tree
from platewatch.formats.confidences import PERCENT
from platewatch.formats.frame import Findings, opaque
from platewatch.formats.messages import Message, parse_json
from platewatch.formats.shapes import at, each, first, paths, shape, spelled, spelling

EVENT: Final = shape(
    "ANPR.licensePlate | ANPR.plate | ANPR.plateNumber | licensePlate | plate | plateNumber"
    " | ANPR.originalLicensePlate | originalLicensePlate",
    time="dateTime | absTime | ANPR.absTime",
    confidence="ANPR.confidenceLevel | confidenceLevel",
    pass_id="UUID | ANPR.UUID",
    late="isDataRetransmission | ANPR.isDataRetransmission",
    scale=PERCENT,
    engine="hikvision",
)
POLLED: Final = shape("plateNumber | licensePlate | Plate", time="captureTime", engine="hikvision")
DEVICE: Final = paths("macAddress | deviceUUID | deviceID | ipAddress | ipv6Address")
CHANNEL: Final = paths("dynChannelID | channelID")

_NAMES: Final = spelling(
    "EventNotificationAlert eventType eventState plateCharBelieve dynChannelID channelID channelName"
    " macAddress deviceUUID deviceID ipAddress ipv6Address",
    EVENT,
)
_NAMES_OF_ANSWER: Final = spelling("Plates Plate picName", POLLED)
_IN_QUERY: Final = frozenset(path[0] for path in EVENT.plate if len(path) == 1)
_TEXT: Final = ("<", "{", "[")
_BEGINS: Final = re.compile(r"<(?:[\w.-]+:)?EventNotificationAlert\b", re.IGNORECASE)
_ENDS: Final = re.compile(r"</(?:[\w.-]+:)?EventNotificationAlert\s*>", re.IGNORECASE)
_BETWEEN_CHARS: Final = re.compile(r"[\s,;]+")
_SHOWS_NO_PLATE: Final = re.compile(r"[\d_.:TZ+-]+")


def parse(message: Message, found: Findings) -> None:
    query = spelled(message.query, _NAMES)
    if not _IN_QUERY.isdisjoint(query):
        _alert({"ANPR": {}} | query, found)
        return
    texts = [text.lstrip("\ufeff\0 \t\r\n") for text in message.texts()]
    if "eventType" in query and not any(text.startswith(_TEXT) for text in texts):
        _alert(query, found)
        return
    for text in texts:
        if text.startswith(("{", "[")):
            _json(text, found)
        elif "<" in text or (text and not message.is_multipart):  # of a form, other fields stand beside the event
            _xml(text, found)


def _xml(text: str, found: Findings) -> None:
    whole = False
    for event in _events(text):
        whole = True
        if event is None:
            found.reject(FormatError("cut off", field="EventNotificationAlert"))
            continue
        try:
            alert = next(iter(xml_tree.parse(event).values()))
        except FormatError as error:
            found.reject(error)
        else:
            _alert(spelled(alert, _NAMES), found)
    if not whole:
        try:
            _answer(xml_tree.parse(text), found)
        except FormatError as error:
            found.reject(error)


def _events(text: str) -> Iterator[str | None]:
    """Each event of a text, which may hold several; None for one that another begins in, or that does not end."""
    starts = [begin.start() for begin in _BEGINS.finditer(text)]
    for start, behind in pairwise([*starts, len(text)]):
        end = _ENDS.search(text, start, behind)
        yield text[start : end.end()] if end else None


def _json(text: str, found: Findings) -> None:
    try:
        events = each(parse_json(text))
    except FormatError as error:
        found.reject(error)
        return
    for one in events:
        event = spelled(one, _NAMES)
        answer = spelled(one, _NAMES_OF_ANSWER)
        if isinstance(event, dict) and "EventNotificationAlert" in event:
            for alert in each(event["EventNotificationAlert"]):
                _alert(alert, found)
        elif isinstance(answer, dict) and "Plates" in answer:
            _answer({"Plates": answer["Plates"]}, found)
        else:
            _alert(event, found)


def _alert(alert: Any, found: Findings) -> None:
    if not isinstance(alert, dict):
        found.ignore("other_event")
        return
    kind = at(alert, "eventType")
    kind = kind.strip().lower() if isinstance(kind, str) else ""
    if "ANPR" not in alert and kind not in ("anpr", "vehicledetection"):
        state = str(at(alert, "eventState")).strip().lower()
        is_beat = kind == "heartbeat" or (kind == "videoloss" and state == "inactive")
        found.ignore("heartbeat" if is_beat else "other_event", _camera(alert))
        return
    for anpr in each(alert.get("ANPR")) or [{}]:
        event = alert | {"ANPR": anpr}
        believe = at(event, "ANPR.plateCharBelieve") or at(event, "plateCharBelieve")
        if isinstance(believe, str):
            believe = [value for value in _BETWEEN_CHARS.split(believe) if value]
        chars = None
        if isinstance(believe, list) and believe:
            chars = partial(confidences.chars, values=believe, scale=PERCENT)
        found.read(event, EVENT, camera=_camera(alert), chars=chars)


def _camera(event: dict[str, Any]) -> object:
    device, _ = first(event, DEVICE)
    channels = [value for value in (first(event, (path,))[0] for path in CHANNEL) if value is not None]
    channel = next((value for value in channels if value not in ("0", 0)), channels[0] if channels else None)
    if device is None:
        return first(event, paths("channelName"))[0] or channel
    return device if channel is None else f"{device}/{channel}"


def _answer(tree: dict[str, Any], found: Findings) -> None:
    """Of the poll: old reads come again, in any order; a picture's name is unique, and the cursor."""
    name, root = next(iter(spelled(tree, _NAMES_OF_ANSWER).items()))
    if name not in ("Plates", "Plate"):
        raise FormatError("neither an event nor plates")
    plates = each(root.get("Plate") if name == "Plates" and isinstance(root, dict) else root)
    if not plates:
        found.ignore("no_plate")
    for plate in plates:
        picture = at(plate, "picName")
        if isinstance(picture, str) and not _SHOWS_NO_PLATE.fullmatch(picture):
            picture = opaque(picture)
        found.read(plate, POLLED, pass_id=picture)
