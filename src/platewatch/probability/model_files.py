"""The JSON files of the models: one object, which names its format."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any, TypeGuard

from platewatch.errors import ModelError


def shipped(name: str, form: str) -> dict[str, Any]:
    """That of the package."""
    return _parse(resources.files("platewatch.probability").joinpath("models", *name.split("/")).read_bytes(), form)


def names(folder: str) -> list[str]:
    """Of the package's in a folder, without `.json`, by the alphabet."""
    files = resources.files("platewatch.probability").joinpath("models", folder).iterdir()
    return sorted(file.name.removesuffix(".json") for file in files if file.name.endswith(".json"))


def load(path: str | Path, form: str) -> dict[str, Any]:
    """Raises ModelError or OSError."""
    return _parse(Path(path).read_bytes(), form)


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether it is one in JSON; in Python, true and false are numbers too."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_unicode(text: str) -> bool:
    """Whether it has no half of a surrogate pair: JSON may, the core's text may not."""
    return not any("\ud800" <= c <= "\udfff" for c in text)


def repeated(items: Iterable[str]) -> str | None:
    """The first that is there more than once."""
    return next((item for item, times in Counter(items).items() if times > 1), None)


def _parse(text: bytes, form: str) -> dict[str, Any]:
    try:
        document = json.loads(text, object_pairs_hook=_object)
    except ValueError as error:  # no JSON, or no UTF-8
        raise ModelError(f"is not a {form}: {error}") from None
    except RecursionError:
        raise ModelError(f"is not a {form}: it is nested too deeply") from None
    if not isinstance(document, dict) or document.get("format") != form:
        raise ModelError(f"is not a {form}", field="format")
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for key, value in pairs:
        if not is_unicode(key):
            raise ModelError(f"the key {key!r} is not valid Unicode")
        if isinstance(value, str) and not is_unicode(value):
            raise ModelError("is not valid Unicode", field=key)
    if (twice := repeated(key for key, _ in pairs)) is not None:
        raise ModelError("is there more than once", field=twice)
    return dict(pairs)
