"""Confidences of any scale to shares from 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from platewatch.matching.reads import Character

Scale: TypeAlias = float | Literal["percent"] | None
"""The greatest confidence; None for 1, or 100 where one is greater than 1."""

PERCENT: Final = "percent"
"""Of vendors that write percent: what is between 0 and 1 is a share, as some of their firmwares write."""

_LONGEST: Final = 32  # characters of a number


def share(value: object, scale: Scale = None) -> float:
    """Of a number or its text (0.93, 0,93, 93 %).

    Raises ValueError for what is none, or is beyond its scale: 160 is not a percentage.
    """
    if isinstance(value, str) and value.strip().endswith("%"):
        value, scale = value.strip()[:-1], 100.0
    number = _number(value)
    if scale is None:
        scale = 100.0 if number > 1 else 1.0
    elif scale == PERCENT:
        scale = 1.0 if 0 < number < 1 else 100.0
    return _share(number, scale)


def chars(text: str, values: Sequence[object], scale: Scale = None) -> tuple[Character, ...]:
    """A confidence for each symbol of the text, blanks apart. Raises ValueError if they do not line up."""
    symbols = "".join(text.split())
    if len(symbols) != len(values):
        raise ValueError("not as many as symbols")
    if scale != PERCENT:
        return tuple(Character(c=c, p=share(value, scale)) for c, value in zip(symbols, values, strict=True))
    numbers = [_number(value) for value in values]
    all_of = 1.0 if max(numbers) <= 1 and any(0 < number < 1 for number in numbers) else 100.0
    return tuple(Character(c=c, p=_share(number, all_of)) for c, number in zip(symbols, numbers, strict=True))


def _number(value: object) -> float:
    if isinstance(value, str):
        if len(text := value.strip()) > _LONGEST:
            raise ValueError("no number")
        return float(text.replace(",", "."))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("no number")
    return value


def _share(number: float, scale: float) -> float:
    if not 0 <= number <= scale or math.isnan(number):
        raise ValueError("beyond its scale")
    return number / scale
