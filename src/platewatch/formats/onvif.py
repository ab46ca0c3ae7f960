"""ONVIF: the event Recognition/LicensePlate as JSON by MQTT, and as XML; and objects with plates in metadata frames.

By MQTT, only the topic's prefix tells the camera. A Likelihood is a share. A LicensePlateInfo may stand in another.
Times without an offset are UTC.
"""

from __future__ import annotations

from datetime import UTC
from typing import Any, Final

from platewatch.errors import FormatError
from platewatch.formats import times, xml_tree
from platewatch.formats.frame import Findings
from platewatch.formats.messages import Message
from platewatch.formats.onvif_events import named, notifications
from platewatch.formats.shapes import at, each, shape

INFO: Final = shape("PlateNumber", time="/UtcTime", confidence="/Likelihood")

_TOPIC: Final = "recognition/licenseplate"
_BY_MQTT: Final = "/onvif-ej/"


def parse(message: Message, found: Findings) -> None:
    if message.is_xml or message.is_multipart:
        for text in message.texts():
            try:
                tree = xml_tree.parse(text)
            except FormatError as error:
                found.reject(error)
            else:
                _metadata(tree, message, found)
    else:
        prefix, is_mqtt, topic = message.target.partition(_BY_MQTT)
        for event in found.objects():
            _event(event, topic if is_mqtt else "", prefix if is_mqtt else None, message, found)


def _event(event: dict[str, Any], topic: str, camera: str | None, message: Message, found: Findings) -> None:
    data = event.get("Data")
    if not isinstance(data, dict):
        data = at(event, "Message.Data")
    if not isinstance(data, dict):
        if topic:
            found.ignore("other_event")
        else:
            found.reject(FormatError("missing", field="Data"))
        return
    infos = _infos(data)
    if not infos:
        is_ours = _TOPIC in (topic or str(event.get("Topic", ""))).lower()
        found.ignore("no_plate" if is_ours else "other_event")
    when = at(event, "UtcTime") or at(event, "@UtcTime") or at(event, "Message.UtcTime")
    for info in infos:
        _info(info, when, data.get("Likelihood"), camera, None, message, found)


def _metadata(tree: dict[str, Any], message: Message, found: Findings) -> None:
    for notification in notifications(tree):
        infos = _infos(notification.data)
        likelihood = notification.data.get("Likelihood")
        if not infos:
            is_ours = _TOPIC in notification.topic.lower()
            found.ignore("no_plate" if is_ours else "other_event")
        for info in infos:
            _info(info, notification.time, likelihood, None, None, message, found)
    for frame in named(tree, "Frame"):
        for item in each(at(frame, "Object")):
            vehicle = at(item, "@Parent") or at(item, "@ObjectId")
            for info in named(item, "LicensePlateInfo"):
                _info(info, at(frame, "@UtcTime"), None, None, vehicle, message, found)
    if not found.parsed.count:
        found.ignore("other_event")


def _infos(data: dict[str, Any]) -> list[Any]:
    """Some have the number in place of the plate's object, or the object's fields in place of it."""
    infos = [info if isinstance(info, dict) else {"PlateNumber": info} for info in each(data.get("LicensePlateInfo"))]
    return infos or ([data] if "PlateNumber" in data else [])


def _info(
    info: Any, when: object, likelihood: object, camera: object, vehicle: object, message: Message, found: Findings
) -> None:
    inner = at(info, "LicensePlateInfo")
    if isinstance(inner, dict):
        info = inner
    if not isinstance(info, dict):
        found.ignore("no_plate")
        return
    number = info.get("PlateNumber")
    likelihood = at(number, "@Likelihood") or at(number, "Likelihood") or likelihood
    text = _text(number)
    root = {"UtcTime": when, "Likelihood": likelihood}
    info = info | {"PlateNumber": text}
    found.read(info, INFO, root, time=_utc(when, message), camera=camera, pass_id=vehicle)


def _text(number: Any) -> Any:
    """An element's own text: the standard does not say under what name, beside attributes. Numbers may be bare."""
    if isinstance(number, dict):
        own = number.get("#text")
        texts = [value for name, value in number.items() if not name.startswith("@") and name != "Likelihood"]
        number = own if own is not None else texts[0] if len(texts) == 1 else None if not texts else number
    return str(number) if isinstance(number, int) and not isinstance(number, bool) else number


def _utc(when: object, message: Message) -> object:
    try:
        found = times.moment(when, message.zone)
    except (ValueError, OverflowError):
        return when
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
