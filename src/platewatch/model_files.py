"""The JSON files of the models: one object, which names its format."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

from platewatch.errors import ModelError


def shipped(name: str, form: str) -> dict[str, Any]:
    """That of the package."""
    return _parse(resources.files("platewatch").joinpath("models", name).read_bytes(), form)


def load(path: str | Path, form: str) -> dict[str, Any]:
    """Raises ModelError or OSError."""
    return _parse(Path(path).read_bytes(), form)


def _parse(text: bytes, form: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:  # no JSON, or no UTF-8
        raise ModelError(f"is not a {form}: {error}") from None
    if not isinstance(document, dict) or document.get("format") != form:
        raise ModelError(f"is not a {form}", field="format")
    return document
