"""Uniview LAPI: vehicles of a camera's StructureInfo, and of a recorder's ObjectList. PassTime is local."""

from __future__ import annotations

from typing import Final

from platewatch.errors import FormatError
from platewatch.formats.frame import Findings
from platewatch.formats.messages import Message
from platewatch.formats.shapes import at, each, shape

VEHICLE: Final = shape(
    "PlateAttributeInfo.PlateNo",
    time="PassTime | /PassTime | /Time | /TimeStamp",
    camera="/DeviceID | /DeviceCode | /SrcID | /ChannelID",
    confidence="PlateAttributeInfo.Confidence",
    engine="uniview",
)


def parse(message: Message, found: Findings) -> None:
    for event in found.objects():
        if (of_camera := at(event, "StructureInfo.ObjInfo")) is not None:
            vehicles = each(at(of_camera, "VehicleInfoList"))
        elif "ObjectList" in event:
            vehicles = [at(item, "ObjectInfo.VehicleInfo") for item in each(event["ObjectList"])]
        elif "StructureInfo" in event or any(name in event for name in ("Reference", "AlarmType", "Type", "Seq")):
            found.ignore("other_event")
            continue
        else:
            found.reject(FormatError("missing", field="StructureInfo"))
            continue
        if not vehicles:
            found.ignore("no_plate")
        for vehicle in vehicles:
            if isinstance(vehicle, dict):
                found.read(vehicle, VEHICLE, event)
            else:
                found.ignore("other_event")
