"""Milesight: JSON whose values are all text, and the packets of its TCP interface.

A packet is CC FF, the command, the length (with the end), the data, FF DD, numbers little-endian; recognitions are
command 0x8801: the device, milliseconds since 1970, and the plate in 16 bytes.
"""

from __future__ import annotations

import struct
from typing import Final
from uuid import UUID

from platewatch.errors import FormatError
from platewatch.formats.charsets import decode
from platewatch.formats.frame import Findings
from platewatch.formats.messages import Message
from platewatch.formats.shapes import shape

EVENT: Final = shape("plate", time="time", camera="device", confidence="confidence", engine="milesight")

_BEGIN: Final = b"\xcc\xff"
_HEAD: Final = struct.Struct("<2sHI")
_RECOGNITION: Final = struct.Struct("<16sQ16s")
_POST: Final = 0x8801
_END_SIZE: Final = 2


def parse(message: Message, found: Findings) -> None:
    if message.body.startswith(_BEGIN):
        _packets(message, found)
        return
    for event in found.objects():
        if "plate" in event:
            found.read(event, EVENT)
        elif "device" in event:
            found.ignore("other_event")
        else:
            found.reject(FormatError("missing", field="plate"))


def _packets(message: Message, found: Findings) -> None:
    body = message.body
    at = 0
    while body.startswith(_BEGIN, at):
        if len(body) - at < _HEAD.size:
            found.reject(FormatError("cut off", field="DATA_SIZE"))
            return
        _, command, size = _HEAD.unpack_from(body, at)
        start = at + _HEAD.size
        if size < _END_SIZE or start + size > len(body):
            found.reject(FormatError("cut off", field="DATA"))
            return
        at = start + size
        if command != _POST:
            found.ignore("heartbeat")  # the answer to a login
        elif size - _END_SIZE < _RECOGNITION.size:
            found.refuse("too short", "DATA")
        else:
            device, millis, plate = _RECOGNITION.unpack_from(body, start)
            event = {
                "plate": decode(plate.partition(b"\0")[0], fallback=message.charset),
                "time": millis,
                "device": str(UUID(bytes=device)),
            }
            found.read(event, EVENT)
