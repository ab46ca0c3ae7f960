"""Lines of key=value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_MOST: Final = 10_000  # lines
_DEEPEST: Final = 16


def key_values(text: str) -> dict[str, str]:
    """The values by key; lines without `=` are left out, of one key the last counts."""
    found = {}
    for line in text.splitlines()[:_MOST]:
        key, is_one, value = line.partition("=")
        if is_one and key.strip():
            found[key.strip()] = value.strip()
    return found


def nested(pairs: Mapping[str, str]) -> dict[str, Any]:
    """`Events[0].Object.Text` as {"Events": {"0": {"Object": {"Text": ...}}}}. What contradicts others is left out."""
    root: dict[str, Any] = {}
    for key, value in pairs.items():
        *names, last = key.replace("[", ".").replace("]", "").split(".", _DEEPEST)
        inner = root
        for name in names:
            below = inner.setdefault(name, {})
            if not isinstance(below, dict):
                break
            inner = below
        else:
            inner.setdefault(last, value)
    return root
