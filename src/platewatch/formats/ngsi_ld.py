"""AnprFlowObserved of NGSI-LD and NGSIv2, as Korean city data hubs have it: key-values, normalized, and both as
JSON-LD; alone, in a list, or in the notification of a subscription.

An entity's id may be that of a camera, or of a passage: it is no pass id. No @context is ever fetched.
"""

from __future__ import annotations

import re
from typing import Any, Final

from platewatch.errors import FormatError
from platewatch.formats.frame import Findings
from platewatch.formats.messages import Message
from platewatch.formats.shapes import each, shape

ENTITY: Final = shape(
    "observedVehicle.licensePlate.identifier",
    time="dateObserved | observedAt | dateReceived",
    camera="observedBy",
    confidence="observedVehicle.licensePlate.confidence",
)

_BEFORE: Final = re.compile(r".*[/#:]")
_DEEPEST: Final = 12


def parse(message: Message, found: Findings) -> None:
    for document in found.objects():
        if isinstance(document.get("data"), list) or document.get("type") == "Notification":
            entities = each(document.get("data"))
            if not entities:
                found.ignore("other_event")
            for entity in entities:
                _entity(entity, found)
        else:
            _entity(document, found)


def _entity(entity: Any, found: Findings) -> None:
    if not isinstance(entity, dict):
        found.refuse("not a JSON object", "data")
        return
    entity = _local(entity)
    kinds = [kind for kind in each(entity.get("type") or entity.get("@type")) if isinstance(kind, str)]
    vehicle = entity.get("observedVehicle")
    if kinds and not any(kind.endswith("AnprFlowObserved") for kind in kinds):
        found.ignore("other_event")
        return
    if not kinds and vehicle is None:
        found.reject(FormatError("missing", field="type"))
        return
    if _plain(entity.get("vehiclePlateNotRead")) in (True, "true"):
        found.ignore("no_plate")
        return
    plain = {name: _plain(entity.get(name)) for name in ("observedVehicle", "observedBy", "dateObserved", "observedAt")}
    plain["dateReceived"] = _plain(entity.get("dateReceived"))
    vehicle = plain["observedVehicle"]
    if isinstance(vehicle, dict) and isinstance(vehicle.get("licensePlate"), str):
        plain["observedVehicle"] = vehicle | {"licensePlate": {"identifier": vehicle["licensePlate"]}}
    if isinstance(plain["observedBy"], list):
        plain["observedBy"] = plain["observedBy"][0] if plain["observedBy"] else None
    found.read(plain, ENTITY)


def _plain(value: Any, depth: int = 0) -> Any:
    """What a normalized attribute says."""
    if not isinstance(value, dict) or depth > _DEEPEST:
        return value
    for name in ("@value", "value", "object"):
        if name in value and (name == "@value" or "type" in value or "@type" in value or len(value) == 1):
            return _plain(value[name], depth + 1)
    return {name: _plain(inner, depth + 1) for name, inner in _local(value).items()}


def _local(entity: dict[str, Any]) -> dict[str, Any]:
    """Without what stands before names where a broker has no @context that says them in short."""
    return {name if name.startswith("@") else _BEFORE.sub("", name): inner for name, inner in entity.items()}
