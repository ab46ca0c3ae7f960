"""Confidences of any scale to shares from 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from platewatch.matching.reads import Character

PERCENT: Final = 100.0

_LONGEST: Final = 32  # characters of a number


def share(value: object, scale: float | None = None) -> float:
    """Of a number or its text (0.93, 0,93, 93 %). Without a `scale`, more than 1 is percent.

    Raises ValueError for what is none, or is beyond its scale: 160 is not a percentage.
    """
    if isinstance(value, str):
        text = value.strip()
        if text.endswith("%"):
            text, scale = text[:-1], PERCENT
        if len(text) > _LONGEST:
            raise ValueError("no number")
        value = float(text.replace(",", "."))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("no number")
    if scale is None:
        scale = PERCENT if value > 1 else 1.0
    if not 0 <= value <= scale or math.isnan(value):
        raise ValueError("beyond its scale")
    return value / scale


def chars(text: str, values: Sequence[object], scale: float | None = None) -> tuple[Character, ...]:
    """A confidence for each symbol of the text, blanks apart. Raises ValueError if they do not line up."""
    symbols = "".join(text.split())
    if len(symbols) != len(values):
        raise ValueError("not as many as symbols")
    return tuple(Character(c=c, p=share(value, scale)) for c, value in zip(symbols, values, strict=True))
