"""JSON as programs write it: also NaN, halves of surrogate pairs, numbers of any size, a comma behind the last item."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import msgspec

_LONGEST_NUMBER: Final = 400  # digits; no floating-point number has more
_LAST_COMMA: Final = re.compile(r",\s*\]\s*\Z")


def parse(data: bytes) -> Any:
    """What stands there. Raises ValueError that says where what is wrong, and RecursionError."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _parse(data.decode())


def items(data: bytes) -> list[bytes]:
    """The JSON of each item of an array. Raises as `parse` does."""
    try:
        return list(map(bytes, msgspec.json.decode(data, type=list[msgspec.Raw])))
    except (msgspec.DecodeError, UnicodeDecodeError):
        array = _parse(_LAST_COMMA.sub("]", data.decode()))
    if not isinstance(array, list):
        raise ValueError("not an array")
    return [json.dumps(item).encode() for item in array]


def _parse(text: str) -> Any:
    return json.loads(text, parse_int=_int)


def _int(digits: str) -> int | float:
    return int(digits) if len(digits) < _LONGEST_NUMBER else float(digits)
